//! Ctrl-C and a polite kill: no half-written file stays behind.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The exit code of a program that was interrupted (128 + SIGINT).
const INTERRUPTED: i32 = 130;

/// Files that are being written.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// From now on an interrupt removes unfinished files and ends the program.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        for path in unfinished().drain(..) {
            // Nothing is left to do if that fails.
            let _ = std::fs::remove_file(path);
        }
        std::process::exit(INTERRUPTED);
    })?;
    Ok(())
}

/// From now on an interrupt sets the flag, for a job that ends by itself then; a
/// second one ends the program at once.
pub(crate) fn flag() -> anyhow::Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        tracing::warn!("ending after the sentences in work (once more: at once)");
    })?;
    Ok(&STOP)
}

/// An interrupt removes this file.
pub(crate) fn remove_on_interrupt(path: &Path) {
    unfinished().push(path.to_path_buf());
}

/// The file is finished or gone.
pub(crate) fn forget(path: &Path) {
    unfinished().retain(|other| other != path);
}

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
