//! Models from the Hugging Face Hub: fetched once, verified, shared with
//! Python through its cache.
//!
//! A model that is complete in the cache is used as it is, without a request;
//! [`Hub::fetch`] asks whether there is a newer one. Only the files that are
//! needed are fetched, and none is used before its bytes have the hash that
//! the Hub announced.

mod answer;
mod cache;
mod client;
mod download;
mod error;
mod files;
mod hash;
mod name;
mod options;

use std::path::{Path, PathBuf};
use std::result::Result as StdResult;
use std::time::Duration;

pub use error::{HubError, HubErrorKind};
pub use files::{ModelFiles, RemoteModel};
pub(crate) use hash::sha256;
pub(crate) use name::check_file_name;
pub use name::{RepoId, Revision};
pub use options::{HubOptions, Token};

use cache::RepoCache;
use client::Client;
use download::Downloader;
use hash::BlobHash;

use crate::Result;

/// What a download is doing, told to whoever draws it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Bytes of a file begin to come; again after an interruption.
    Started {
        /// The file's name in the repository.
        file: &'a str,
        /// In bytes, when known.
        size: Option<u64>,
        /// Bytes that are there already.
        resumed: u64,
    },
    /// More bytes of the file came.
    Received {
        /// How many.
        bytes: u64,
    },
    /// The file is complete and verified.
    Finished {
        /// The file's name in the repository.
        file: &'a str,
    },
    /// Another process is fetching this file.
    WaitingForProcess {
        /// The file's name in the repository.
        file: &'a str,
    },
    /// An error that may pass.
    Retrying {
        /// The error.
        cause: &'a HubError,
        /// Time until the next attempt.
        wait: Duration,
    },
}

/// Told of every step of a download.
pub type OnProgress<'a> = dyn FnMut(Progress<'_>) + 'a;

/// A cached file, and whether its bytes are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCheck {
    /// The file.
    pub path: PathBuf,
    /// Whether the bytes have the hash of the blob's name; `None` when the
    /// file is a copy whose hash is not known.
    pub intact: Option<bool>,
}

/// The Hub and the cache on this computer.
pub struct Hub {
    client: Client,
    options: HubOptions,
}

impl Hub {
    /// A Hub with these options. Sends no request yet.
    ///
    /// # Errors
    ///
    /// When the endpoint is not a URL.
    pub fn new(options: HubOptions) -> Result<Self> {
        let client = Client::new(&options)?;
        Ok(Self { client, options })
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &HubOptions {
        &self.options
    }

    /// The model's files: from the cache if it is complete there (no request
    /// is sent), else from the Hub.
    ///
    /// # Errors
    ///
    /// [`Error::Hub`](crate::Error::Hub) when something is missing and cannot
    /// be fetched, or is damaged and must not be fetched again.
    pub fn get(&self, model: &RemoteModel, on_progress: &mut OnProgress<'_>) -> Result<ModelFiles> {
        if let Some(files) = self.cached(model) {
            let damaged = self.damaged(model, &files)?;
            if damaged.is_empty() {
                return Ok(files);
            }
            if self.options.offline {
                return Err(damaged_offline(model, &damaged[0]).into());
            }
            for file in &damaged {
                cache::discard(file)?;
            }
        }
        self.fetch(model, on_progress)
    }

    /// Asks the Hub for the revision's present commit, and fetches what the
    /// cache lacks of it.
    ///
    /// # Errors
    ///
    /// As [`Hub::get`].
    pub fn fetch(
        &self,
        model: &RemoteModel,
        on_progress: &mut OnProgress<'_>,
    ) -> Result<ModelFiles> {
        let with_ways_out = |error: HubError| error.with_ways_out(model.name());
        if self.options.offline {
            return Err(with_ways_out(offline(model, &self.options)).into());
        }
        self.fetch_all(model, on_progress)
            .map_err(|error| with_ways_out(error).into())
    }

    /// The model's files, if all that are needed are in the cache.
    #[must_use]
    pub fn cached(&self, model: &RemoteModel) -> Option<ModelFiles> {
        let cache = self.cache(model);
        let commit = cache.commit(&model.revision)?;
        let snapshot = cache.snapshot(commit.as_str());
        let mut files = ModelFiles::find(&snapshot, &model.weights).ok()?;
        files.name = model.repo.to_string();
        files.revision = Some(commit.to_string());
        Some(files)
    }

    /// Hashes the model's cached files; `None` when it is not in the cache.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn verify(&self, model: &RemoteModel) -> Result<Option<Vec<FileCheck>>> {
        let Some(files) = self.cached(model) else {
            return Ok(None);
        };
        let cache = self.cache(model);
        let check = |path: &PathBuf| {
            Ok(FileCheck {
                intact: cache.is_intact(path, true)?,
                path: path.clone(),
            })
        };
        files
            .all()
            .into_iter()
            .map(check)
            .collect::<Result<_>>()
            .map(Some)
    }

    /// Deletes the whole repository from the cache. Returns the bytes freed.
    ///
    /// # Errors
    ///
    /// When a file cannot be deleted.
    pub fn remove(&self, model: &RemoteModel) -> Result<u64> {
        Ok(self.cache(model).remove()?)
    }

    /// The bytes that the repository takes on this disk.
    #[must_use]
    pub fn size_on_disk(&self, model: &RemoteModel) -> u64 {
        self.cache(model).size()
    }

    fn cache(&self, model: &RemoteModel) -> RepoCache {
        RepoCache::new(&self.options.cache, &model.repo)
    }

    fn damaged(
        &self,
        model: &RemoteModel,
        files: &ModelFiles,
    ) -> StdResult<Vec<PathBuf>, HubError> {
        let cache = self.cache(model);
        let mut damaged = Vec::new();
        for file in files.all() {
            if cache.is_intact(file, false)? == Some(false) {
                damaged.push(file.clone());
            }
        }
        Ok(damaged)
    }

    fn fetch_all(
        &self,
        model: &RemoteModel,
        on_progress: &mut OnProgress<'_>,
    ) -> StdResult<ModelFiles, HubError> {
        let cache = self.cache(model);
        let downloader = Downloader {
            client: &self.client,
            options: &self.options,
            repo: &model.repo,
            cache: &cache,
        };
        // The first file tells the commit; the rest are asked for by it, so
        // that a push in the meantime does not mix two versions.
        let config = downloader.fetch(model.revision.as_str(), files::CONFIG, on_progress)?;
        let commit = config.commit;
        let mut fetch = |file: &str| match downloader.fetch(&commit, file, on_progress) {
            Ok(fetched) => Ok(Some(fetched.path)),
            Err(error) if error.kind() == HubErrorKind::NotFound => {
                cache.set_missing(&commit, file)?;
                Ok(None)
            }
            Err(error) => Err(error),
        };
        for file in files::TOKENIZER.iter().chain(files::OPTIONAL) {
            fetch(file)?;
        }
        let snapshot = cache.snapshot(&commit);
        if files::has_target_vocabulary(&snapshot) {
            fetch(files::TARGET_VOCAB)?;
        }
        for weights in &model.weights {
            if let Some(path) = fetch(weights)? {
                check_pin(model, weights, &path)?;
                break;
            }
        }
        let mut files = ModelFiles::find(&snapshot, &model.weights)
            .map_err(|missing| incomplete(model, &missing))?;
        // Last, so that `main` stays what it was until all is there.
        cache.set_commit(&model.revision, &commit)?;
        files.name = model.repo.to_string();
        files.revision = Some(commit);
        Ok(files)
    }
}

/// Whether the weights are those that the manifest means.
fn check_pin(model: &RemoteModel, file: &str, path: &Path) -> StdResult<(), HubError> {
    let Some(pin) = model.pinned(file) else {
        return Ok(());
    };
    let is_it = match cache::blob_of(path) {
        Some(hash) => hash.as_str().eq_ignore_ascii_case(pin),
        None => BlobHash::parse(pin).is_some_and(|hash| hash.matches(path).unwrap_or_default()),
    };
    if is_it {
        return Ok(());
    }
    Err(HubError::new(
        HubErrorKind::Corrupt,
        format!(
            "{file} of {} is not the file that the manifest's sha256 means",
            model.repo
        ),
    )
    .next("correct the manifest, or name the revision that has that file"))
}

fn incomplete(model: &RemoteModel, missing: &str) -> HubError {
    HubError::new(
        HubErrorKind::NotFound,
        format!("{} has no {missing}", model.repo),
    )
    .next("it must hold a MarianMT model in the layout of opus-mt: see `dolmetsch models list`")
}

fn offline(model: &RemoteModel, options: &HubOptions) -> HubError {
    HubError::new(
        HubErrorKind::Offline,
        format!(
            "{} is not in the cache {}, and being off line was asked for",
            model.repo,
            options.cache.display()
        ),
    )
    .next("leave out --offline and HF_HUB_OFFLINE")
}

fn damaged_offline(model: &RemoteModel, file: &Path) -> HubError {
    HubError::new(
        HubErrorKind::Corrupt,
        format!("{} does not have the hash of its name", file.display()),
    )
    .next(format!(
        "run `dolmetsch models fetch {}` on line to replace it",
        model.name()
    ))
}
