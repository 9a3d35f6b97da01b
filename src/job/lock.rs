//! One process at a time works on a folder.
//!
//! The lock is the operating system's (`flock`): whatever ends a process frees
//! it, so that a crash leaves none behind. The process id in the file is for the
//! message only.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// A lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Locks a folder that nobody else may work on.
    pub(super) fn exclusive(path: &Path) -> Result<Self> {
        let mut file = open(path)?;
        check(file.try_lock(), &mut file, path)?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(Error::io("write", path))?;
        Ok(Self { file })
    }

    /// Locks a folder that others, who do the same, may work on as well.
    pub(super) fn shared(path: &Path) -> Result<Self> {
        let mut file = open(path)?;
        check(file.try_lock_shared(), &mut file, path)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Closing the file would not do while a child process that was just started
    /// has it open as well.
    fn drop(&mut self) {
        // Closing it is the next best.
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(Error::io("write", path))
}

fn check(taken: Result<(), TryLockError>, file: &mut File, path: &Path) -> Result<()> {
    match taken {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message.
            let _ = file.take(20).read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                id => format!("process {id}"),
            };
            let folder = path.parent().and_then(Path::parent).unwrap_or(path);
            Err(Error::Busy(format!(
                "{holder} is working on {} (wait until it has ended, or choose another --output-dir)",
                folder.display()
            )))
        }
    }
}
