//! One file into the cache: waits its turn, resumes, retries, and verifies
//! before the file gets its name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::cache::{RepoCache, create_parent, discard};
use super::client::{Client, Content, FileInfo, Found, body_error};
use super::{HubError, HubErrorKind, HubOptions, OnProgress, Progress, RepoId};

const CHUNK: usize = 256 << 10;

/// Fetches files of one repository.
pub(super) struct Downloader<'a> {
    pub(super) client: &'a Client,
    pub(super) options: &'a HubOptions,
    pub(super) repo: &'a RepoId,
    pub(super) cache: &'a RepoCache,
}

/// A file in the cache.
pub(super) struct Fetched {
    pub(super) commit: String,
    pub(super) path: PathBuf,
}

impl Downloader<'_> {
    /// Fetches `file`, unless the cache has these bytes already.
    ///
    /// # Errors
    ///
    /// [`HubErrorKind::NotFound`] when the repository lacks it, and all else
    /// that can go wrong. Nothing unverified stays under a blob's name.
    pub(super) fn fetch(
        &self,
        revision: &str,
        file: &str,
        progress: &mut OnProgress<'_>,
    ) -> Result<Fetched, HubError> {
        self.fetch_file(revision, file, progress)
            .map_err(|error| error.wanting(|| format!("{file} of {}", self.repo)))
    }

    fn fetch_file(
        &self,
        revision: &str,
        file: &str,
        progress: &mut OnProgress<'_>,
    ) -> Result<Fetched, HubError> {
        let mut patience = Patience::new(self.options);
        let found = loop {
            match self.client.find(self.repo, revision, file, 0) {
                Ok(found) => break found,
                Err(error) => patience.wait(error, progress)?,
            }
        };
        let info = found.info.clone();
        let fetched = Fetched {
            path: self.cache.snapshot(&info.commit).join(file),
            commit: info.commit.clone(),
        };
        if !self.has_blob(&info)? {
            self.fetch_blob(file, found, progress)?;
        }
        self.cache.link(&info.commit, file, &info.hash)?;
        // Notes that these bytes are good, so that they are not read again.
        self.cache.is_intact(&fetched.path, false)?;
        Ok(fetched)
    }

    /// Whether the bytes are in the cache; deletes them when they are not what
    /// their name says.
    fn has_blob(&self, info: &FileInfo) -> Result<bool, HubError> {
        let blob = self.cache.blob(&info.hash);
        if !blob.exists() {
            return Ok(false);
        }
        let intact = info.hash.matches(&blob);
        if intact.map_err(|error| HubError::disk("read", &blob, error))? {
            return Ok(true);
        }
        discard(&blob)?;
        Ok(false)
    }

    fn fetch_blob(
        &self,
        file: &str,
        found: Found,
        progress: &mut OnProgress<'_>,
    ) -> Result<(), HubError> {
        let info = found.info.clone();
        let lock = self.lock(&info, file, progress)?;
        let mut found = Some(found);
        if lock.waited {
            if self.has_blob(&info)? {
                return Ok(());
            }
            // This answer has grown old.
            found = None;
        }
        let partial = Partial::open(self.partial_path(&info, &lock))?;
        let result = self.fill(&partial, file, found, &info, progress);
        if let Err(error) = result {
            // What is left of it resumes the next attempt; on a full disk the
            // room is worth more.
            if matches!(error.kind(), HubErrorKind::DiskFull | HubErrorKind::Corrupt) {
                partial.delete();
            }
            return Err(error);
        }
        partial.become_blob(&self.cache.blob(&info.hash))?;
        progress(Progress::Finished { file });
        Ok(())
    }

    fn partial_path(&self, info: &FileInfo, lock: &Lock) -> PathBuf {
        let hash = info.hash.as_str();
        let name = if lock.file.is_some() {
            format!("{hash}.incomplete")
        } else {
            // Nobody to share with: processes must not write to one file.
            format!("{hash}.{}.incomplete", std::process::id())
        };
        self.cache.blob(&info.hash).with_file_name(name)
    }

    /// Waits until no other process fetches the same bytes: ours and Python's
    /// lock the same file. The lock goes with the process that holds it.
    fn lock(
        &self,
        info: &FileInfo,
        file: &str,
        progress: &mut OnProgress<'_>,
    ) -> Result<Lock, HubError> {
        let path = self.cache.lock_file(&info.hash);
        let disk = |error| HubError::disk("write", &path, error);
        create_parent(&path).map_err(disk)?;
        let handle = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(disk)?;
        let waited = match handle.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => {
                progress(Progress::WaitingForProcess { file });
                handle.lock().map_err(disk)?;
                true
            }
            // A file system without locks: two processes then do the same work.
            Err(TryLockError::Error(_)) => {
                return Ok(Lock {
                    file: None,
                    waited: false,
                });
            }
        };
        Ok(Lock {
            file: Some(handle),
            waited,
        })
    }

    /// Reads until all bytes are there and have the right hash.
    fn fill(
        &self,
        partial: &Partial,
        file: &str,
        mut found: Option<Found>,
        info: &FileInfo,
        progress: &mut OnProgress<'_>,
    ) -> Result<(), HubError> {
        let mut patience = Patience::new(self.options);
        let mut mismatches = 0;
        loop {
            let before = partial.size()?;
            if before == 0 || Some(before) != info.size {
                let from_start = found.take().filter(|_| before == 0);
                if let Err(error) = self.receive(partial, file, from_start, info, progress) {
                    if partial.size()? > before {
                        patience = Patience::new(self.options);
                    }
                    patience.wait(error, progress)?;
                    continue;
                }
            }
            if partial.has(info)? {
                return Ok(());
            }
            partial.truncate(0)?;
            mismatches += 1;
            if mismatches > 1 {
                return Err(HubError::new(
                    HubErrorKind::Corrupt,
                    "the bytes received do not have the hash that the Hub announced, twice",
                )
                .next(
                    "a proxy or mirror may alter them: try another network, or unset HF_ENDPOINT",
                ));
            }
        }
    }

    /// One attempt to read the rest of the file.
    fn receive(
        &self,
        partial: &Partial,
        file: &str,
        found: Option<Found>,
        info: &FileInfo,
        progress: &mut OnProgress<'_>,
    ) -> Result<(), HubError> {
        let mut offset = partial.size()?;
        if info.size.is_some_and(|size| offset > size) {
            partial.truncate(0)?;
            offset = 0;
        }
        let found = match found {
            Some(found) => found,
            None => self.client.find(self.repo, &info.commit, file, offset)?,
        };
        if found.info.hash != info.hash {
            return Err(HubError::new(
                HubErrorKind::Server,
                "the file changed during the download",
            )
            .next("try again"));
        }
        let content = self.client.open(found, offset)?;
        partial.truncate(content.start)?;
        progress(Progress::Started {
            file,
            size: info.size,
            resumed: content.start,
        });
        self.copy(partial, content, info, progress)
    }

    fn copy(
        &self,
        partial: &Partial,
        mut content: Content,
        info: &FileInfo,
        progress: &mut OnProgress<'_>,
    ) -> Result<(), HubError> {
        let mut position = content.start;
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = match content.body.read(&mut chunk) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(body_error(error, &self.client.host(), self.options.timeout));
                }
            };
            if length == 0 {
                break;
            }
            partial.write(&chunk[..length])?;
            position += length as u64;
            progress(Progress::Received {
                bytes: length as u64,
            });
            if info.size.is_some_and(|size| position > size) {
                // Too much, hence wrong: the hash will say so.
                return Ok(());
            }
        }
        match info.size {
            Some(size) if position < size => Err(body_error(
                io::ErrorKind::UnexpectedEof.into(),
                &self.client.host(),
                self.options.timeout,
            )),
            _ => Ok(()),
        }
    }
}

struct Lock {
    /// Locked as long as it is open; `None` where files cannot be locked.
    file: Option<File>,
    waited: bool,
}

/// Bytes that have no name yet.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn open(path: PathBuf) -> Result<Self, HubError> {
        let open = || {
            create_parent(&path)?;
            OpenOptions::new()
                .create(true)
                .read(true)
                .write(true)
                .truncate(false)
                .open(&path)
        };
        let file = open().map_err(|error| HubError::disk("write", &path, error))?;
        Ok(Self { path, file })
    }

    fn size(&self) -> Result<u64, HubError> {
        let metadata = self.file.metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|error| HubError::disk("read", &self.path, error))
    }

    /// Keeps the first `size` bytes, and writes on from there.
    fn truncate(&self, size: u64) -> Result<(), HubError> {
        self.file
            .set_len(size)
            .and_then(|()| (&self.file).seek(SeekFrom::Start(size)))
            .map(|_| ())
            .map_err(|error| HubError::disk("write", &self.path, error))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), HubError> {
        (&self.file)
            .write_all(bytes)
            .map_err(|error| HubError::disk("write", &self.path, error))
    }

    fn has(&self, info: &FileInfo) -> Result<bool, HubError> {
        info.hash
            .matches(&self.path)
            .map_err(|error| HubError::disk("read", &self.path, error))
    }

    fn become_blob(self, blob: &Path) -> Result<(), HubError> {
        // The bytes first, then the name: a power cut must not leave a blob of
        // zeros behind.
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, blob))
            .map_err(|error| HubError::disk("write", blob, error))
    }

    fn delete(self) {
        // Best effort: the error on its way to the user matters more.
        let _ = fs::remove_file(&self.path);
    }
}

/// How often to try again, and after what wait.
struct Patience<'a> {
    options: &'a HubOptions,
    attempts: u32,
}

impl<'a> Patience<'a> {
    fn new(options: &'a HubOptions) -> Self {
        Self {
            options,
            attempts: 0,
        }
    }

    /// Waits before the next attempt, or gives the error back when there
    /// should be none.
    fn wait(&mut self, error: HubError, progress: &mut OnProgress<'_>) -> Result<(), HubError> {
        if !error.kind().is_transient() || self.attempts >= self.options.retries {
            return Err(error);
        }
        let backoff = self.options.backoff * 2_u32.saturating_pow(self.attempts);
        let wait = match error.kind() {
            HubErrorKind::RateLimited {
                retry_after: Some(wait),
            } => wait,
            _ => backoff,
        };
        if wait > self.options.longest_wait {
            return Err(error);
        }
        self.attempts += 1;
        if wait > Duration::ZERO {
            progress(Progress::Retrying {
                cause: &error,
                wait,
            });
            thread::sleep(wait);
        }
        Ok(())
    }
}
