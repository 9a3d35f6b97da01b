//! The cache on disk, laid out as Python's `huggingface_hub` lays it out, so
//! that each reads what the other wrote:
//!
//! ```text
//! models--owner--name/
//!   refs/main                 the commit that `main` was
//!   snapshots/COMMIT/FILE     links to ../../blobs/HASH
//!   blobs/HASH                the bytes, named by their hash
//!   .no_exist/COMMIT/FILE     the commit has no such file
//! .locks/models--owner--name/HASH.lock
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::hash::BlobHash;
use super::{HubError, RepoId, Revision};

/// Where the files already hashed are noted, in a repository's folder.
const VERIFIED: &str = ".dolmetsch-verified";

/// One repository's part of the cache.
pub(super) struct RepoCache {
    folder: PathBuf,
    locks: PathBuf,
    layout: CacheRepo,
}

impl RepoCache {
    pub(super) fn new(cache: &Path, repo: &RepoId) -> Self {
        let repo = Repo::new(repo.to_string(), RepoType::Model);
        let name = repo.folder_name();
        Self {
            folder: cache.join(&name),
            locks: cache.join(".locks").join(name),
            layout: Cache::new(cache.to_path_buf()).repo(repo),
        }
    }

    pub(super) fn blob(&self, hash: &BlobHash) -> PathBuf {
        self.layout.blob_path(hash.as_str())
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.layout.pointer_path(commit)
    }

    pub(super) fn lock_file(&self, hash: &BlobHash) -> PathBuf {
        self.locks.join(format!("{}.lock", hash.as_str()))
    }

    /// The commit that the revision was when it was last fetched.
    pub(super) fn commit(&self, revision: &Revision) -> Option<Revision> {
        if revision.is_commit() {
            return Some(revision.clone());
        }
        let commit = fs::read_to_string(self.reference(revision)).ok()?;
        // Something else than a commit could lead out of the snapshots folder.
        let commit: Revision = commit.trim().parse().ok()?;
        commit.is_commit().then_some(commit)
    }

    /// Notes the commit that the revision is.
    pub(super) fn set_commit(&self, revision: &Revision, commit: &str) -> Result<(), HubError> {
        if revision.is_commit() {
            return Ok(());
        }
        let path = self.reference(revision);
        let write = || -> io::Result<()> {
            let mut file = tempfile_beside(&path)?;
            file.write_all(commit.as_bytes())?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| HubError::disk("write", &path, error))
    }

    fn reference(&self, revision: &Revision) -> PathBuf {
        self.folder.join("refs").join(revision.as_str())
    }

    /// Makes the blob appear under its name in the commit's snapshot.
    pub(super) fn link(&self, commit: &str, file: &str, hash: &BlobHash) -> Result<(), HubError> {
        let pointer = self.snapshot(commit).join(file);
        let link = || -> io::Result<()> {
            create_parent(&pointer)?;
            if blob_of(&pointer).as_ref() == Some(hash) && pointer.exists() {
                return Ok(());
            }
            // Another process may come first at any of these steps; what it
            // links has the same hash.
            match fs::remove_file(&pointer) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            match link_blob(&self.blob(hash), &pointer) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                result => result,
            }
        };
        link().map_err(|error| HubError::disk("write", &pointer, error))
    }

    /// Notes that the commit has no such file, as Python does.
    pub(super) fn set_missing(&self, commit: &str, file: &str) -> Result<(), HubError> {
        let path = self.folder.join(".no_exist").join(commit).join(file);
        create_parent(&path)
            .and_then(|()| fs::write(&path, b""))
            .map_err(|error| HubError::disk("write", &path, error))
    }

    /// Whether a cached file's bytes have the hash of its blob's name. `None`
    /// when no hash is known, because it is not a link into the blobs (Python
    /// copies where links are not allowed).
    ///
    /// A file once hashed is not read again while its size and time stay.
    pub(super) fn is_intact(&self, file: &Path, again: bool) -> Result<Option<bool>, HubError> {
        let Some(hash) = blob_of(file) else {
            return Ok(None);
        };
        let stamp = stamp(file, &hash).map_err(|error| HubError::disk("read", file, error))?;
        let notes = self.folder.join(VERIFIED);
        let known = fs::read_to_string(&notes).unwrap_or_default();
        if !again && known.lines().any(|line| line == stamp) {
            return Ok(Some(true));
        }
        let intact = hash
            .matches(file)
            .map_err(|error| HubError::disk("read", file, error))?;
        if intact {
            self.note_verified(&known, &stamp, &hash);
        }
        Ok(Some(intact))
    }

    /// Best effort: in a cache that cannot be written, files are hashed again.
    fn note_verified(&self, known: &str, stamp: &str, hash: &BlobHash) {
        let notes = self.folder.join(VERIFIED);
        let others = known
            .lines()
            .filter(|line| !line.starts_with(hash.as_str()));
        let mut lines: Vec<&str> = others.collect();
        lines.push(stamp);
        let _ = tempfile_beside(&notes).and_then(|mut file| {
            file.write_all((lines.join("\n") + "\n").as_bytes())?;
            file.persist(&notes)?;
            Ok(())
        });
    }

    /// Bytes on disk, without counting what links lead to.
    pub(super) fn size(&self) -> u64 {
        size_of(&self.folder)
    }

    /// Deletes the repository's folder and locks. Returns the bytes freed.
    pub(super) fn remove(&self) -> Result<u64, HubError> {
        let size = self.size();
        for folder in [&self.folder, &self.locks] {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(HubError::disk("delete", folder, error));
                }
                _ => {}
            }
        }
        Ok(size)
    }
}

/// Deletes a file whose bytes are wrong, and the link to it.
pub(super) fn discard(file: &Path) -> Result<(), HubError> {
    let blob = fs::canonicalize(file).ok();
    for path in blob.iter().map(PathBuf::as_path).chain([file]) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(HubError::disk("delete", path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The hash that a snapshot's link names.
pub(super) fn blob_of(pointer: &Path) -> Option<BlobHash> {
    let target = fs::read_link(pointer).ok()?;
    BlobHash::parse(target.file_name()?.to_str()?)
}

pub(super) fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(unix)]
fn link_blob(blob: &Path, pointer: &Path) -> io::Result<()> {
    let name = blob.file_name().unwrap_or_default();
    std::os::unix::fs::symlink(Path::new("../../blobs").join(name), pointer)
}

/// Windows allows symbolic links to few users; a hard link takes no room
/// either, and a copy always works.
#[cfg(not(unix))]
fn link_blob(blob: &Path, pointer: &Path) -> io::Result<()> {
    #[cfg(windows)]
    {
        let name = blob.file_name().unwrap_or_default();
        let target = Path::new(r"..\..\blobs").join(name);
        if std::os::windows::fs::symlink_file(target, pointer).is_ok() {
            return Ok(());
        }
    }
    fs::hard_link(blob, pointer).or_else(|_| fs::copy(blob, pointer).map(|_| ()))
}

/// A file that becomes `path` in one step, or vanishes.
struct Beside {
    file: File,
    path: PathBuf,
}

/// Tells the threads of a process apart.
static COUNT: AtomicU32 = AtomicU32::new(0);

fn tempfile_beside(path: &Path) -> io::Result<Beside> {
    create_parent(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = path.with_file_name(format!("{name}.{}.{count}.tmp", std::process::id()));
    Ok(Beside {
        file: File::create(&path)?,
        path,
    })
}

impl Beside {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).inspect_err(|_| {
            // The error that matters is the first.
            let _ = fs::remove_file(&self.path);
        })
    }

    fn persist(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

/// `HASH SIZE MODIFIED`.
fn stamp(file: &Path, hash: &BlobHash) -> io::Result<String> {
    let metadata = fs::metadata(file)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    let modified = modified.map_or(0, |time| time.as_nanos());
    Ok(format!("{} {} {modified}", hash.as_str(), metadata.len()))
}

fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => 0,
        })
        .sum()
}
