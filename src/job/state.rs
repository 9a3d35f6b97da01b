//! The folder with the state of a job, or of a shard: manifest, journals, and a
//! log of the inputs that are finished.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use super::journal::{sealed, unsealed};
use super::manifest::FileIdentity;
use super::shard::Shard;
use crate::error::{Error, Result};

/// The folder in the output folder.
pub(super) const FOLDER: &str = ".dolmetsch";
/// What the job was begun with, in the same folder.
pub(super) const MANIFEST: &str = "manifest.json";
/// The log of the inputs that are finished, in the same folder.
pub(super) const FINISHED: &str = "finished";
/// The folder in that with a folder for each shard.
pub(super) const SHARDS: &str = "shards";

/// An input whose translations are in their places.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Finished {
    /// The input's place in the manifest.
    pub(super) file: usize,
    pub(super) segments: u64,
    pub(super) rejected: u64,
    /// The translations, in the order of the targets; none any more when they
    /// are gone and must be made again.
    pub(super) outputs: Vec<FileIdentity>,
}

/// The state of a job.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    log: File,
    /// By the input's place in the manifest.
    pub(super) finished: Vec<Option<Finished>>,
}

/// Where the state of a job, or of its shard, is.
pub(super) fn folder(output: &Path, shard: Shard) -> PathBuf {
    let folder = output.join(FOLDER);
    match shard.count() {
        1 => folder,
        _ => folder.join(SHARDS).join(shard.folder()),
    }
}

/// Removes all state but the lock; the manifest last, so that what a killed
/// removal leaves is never taken for the state of a job with other options.
pub(super) fn remove(folder: &Path) -> Result<()> {
    let remove = || {
        let manifest = folder.join(MANIFEST);
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != "lock" && entry.path() != manifest {
                fs::remove_file(entry.path())?;
            }
        }
        if manifest.exists() {
            sync_folder(folder)?;
            fs::remove_file(&manifest)?;
        }
        Ok(())
    };
    remove().map_err(Error::io("write", folder))
}

impl State {
    /// Reads the state of a job of so many inputs.
    pub(super) fn open(folder: &Path, inputs: usize) -> Result<Self> {
        for name in ["journal", "rejected", "new"] {
            make_folder(&folder.join(name))?;
        }
        let path = folder.join(FINISHED);
        let open = || {
            let mut log = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&path)?;
            let (finished, length) = read_log(&log, inputs)?;
            log.set_len(length)?;
            sync_parent(&path)?;
            log.seek(io::SeekFrom::End(0))?;
            Ok((log, finished))
        };
        let (log, finished) = open().map_err(Error::io("write", &path))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            log,
            finished,
        })
    }

    /// Notes, for good, that an input is finished, or no more.
    pub(super) fn note(&mut self, finished: Finished) -> Result<()> {
        let line = serde_json::to_string(&finished).expect("numbers and strings are JSON");
        self.log
            .write_all(sealed(&line).as_bytes())
            .and_then(|()| self.log.sync_data())
            .map_err(Error::io("write", &self.folder.join(FINISHED)))?;
        let file = finished.file;
        self.finished[file] = (!finished.outputs.is_empty()).then_some(finished);
        Ok(())
    }

    pub(super) fn journal(&self, file: usize) -> PathBuf {
        super::journal::path(&self.folder, file)
    }

    /// Rejected records of an input.
    pub(super) fn rejected(&self, file: usize) -> PathBuf {
        self.folder.join("rejected").join(file.to_string())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file is written before it gets its name.
    pub(super) fn new_file(&self) -> PathBuf {
        self.folder.join("new").join("file")
    }
}

/// Where it is noted what the rejected records of all inputs were joined to.
fn rejected_note(folder: &Path) -> PathBuf {
    folder.join("rejected").join("joined")
}

/// Notes what the rejected records of all inputs were joined to.
pub(super) fn note_rejected(folder: &Path, joined: &FileIdentity) -> Result<()> {
    let path = rejected_note(folder);
    let json = serde_json::to_vec(joined).expect("numbers and strings are JSON");
    fs::write(&path, json).map_err(Error::io("write", &path))
}

/// What [`note_rejected`] has noted; a note that cannot be read is none.
pub(super) fn noted_rejected(folder: &Path) -> Option<FileIdentity> {
    serde_json::from_slice(&fs::read(rejected_note(folder)).ok()?).ok()
}

/// The inputs, of so many, that are in their places by the log in `folder`; none
/// if there is no log.
pub(super) fn finished(folder: &Path, inputs: usize) -> Vec<Option<Finished>> {
    let log = File::open(folder.join(FINISHED));
    let read = log.and_then(|log| read_log(&log, inputs));
    read.map_or_else(|_| Vec::new(), |(finished, _)| finished)
}

/// What the log says, and how many of its bytes are whole lines.
fn read_log(log: &File, inputs: usize) -> io::Result<(Vec<Option<Finished>>, u64)> {
    let mut finished = vec![None; inputs];
    let mut length = 0;
    let mut lines = BufReader::new(log);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let entry = unsealed(&line).and_then(|line| serde_json::from_str::<Finished>(line).ok());
        let Some(entry) = entry.filter(|entry| entry.file < inputs) else {
            break;
        };
        length += line.len() as u64;
        line.clear();
        let file = entry.file;
        finished[file] = (!entry.outputs.is_empty()).then_some(entry);
    }
    Ok((finished, length))
}

/// Makes a folder and those above it, all of them on the disk.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    let make = || {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let new: Vec<&Path> = folder.ancestors().take_while(missing).collect();
        fs::create_dir_all(folder)?;
        new.into_iter().try_for_each(sync_parent)
    };
    make().map_err(Error::io("write", folder))
}

/// Makes sure that the name of a file or folder is on the disk.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new(""));
    // A name without folders is in the working directory.
    let is_here = parent.as_os_str().is_empty();
    sync_folder(if is_here { Path::new(".") } else { parent })
}

/// Gives a file its name, once its bytes are on the disk.
pub(super) fn place(file: &File, from: &Path, to: &Path) -> Result<()> {
    make_folder(to.parent().unwrap_or(Path::new(".")))?;
    file.sync_all()
        .and_then(|()| match fs::rename(from, to) {
            // A folder in the output folder may be a link to another disk.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => move_across(from, to),
            renamed => renamed,
        })
        .and_then(|()| sync_parent(to))
        .map_err(Error::io("write", to))
}

/// Moves a file to another file system, all of it or nothing.
fn move_across(from: &Path, to: &Path) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(to.parent().unwrap_or(Path::new(".")))?;
    io::copy(&mut File::open(from)?, &mut new)?;
    // Such files are readable by their owner only.
    new.as_file()
        .set_permissions(fs::metadata(from)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(to).map_err(|error| error.error)?;
    fs::remove_file(from)
}

/// Makes sure that the names in a folder are on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Other systems have no such call.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_read_up_to_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "a").unwrap();
        let output = FileIdentity::of(&folder.path().join("a")).unwrap();
        let finished = |file, outputs| Finished {
            file,
            segments: 2,
            rejected: 0,
            outputs,
        };
        let mut state = State::open(folder.path(), 3).unwrap();
        for file in [0, 1] {
            state.note(finished(file, vec![output.clone()])).unwrap();
        }
        state.note(finished(0, Vec::new())).unwrap();
        let log = folder.path().join(FINISHED);
        let whole = std::fs::read(&log).unwrap();
        std::fs::write(&log, &whole[..whole.len() - 1]).unwrap();
        let state = State::open(folder.path(), 3).unwrap();
        assert!(state.finished[0].is_some() && state.finished[1].is_some());
        std::fs::write(&log, &whole).unwrap();
        let state = State::open(folder.path(), 3).unwrap();
        assert_eq!(
            state.finished,
            [None, Some(finished(1, vec![output])), None]
        );
    }
}
