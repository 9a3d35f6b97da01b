//! What can go wrong, said so that a user can act on it: file, action, next step.

use std::io;
use std::path::{Path, PathBuf};

use crate::device;
use crate::hub::{HubError, HubErrorKind};
use crate::reader::Malformed;

/// The result of every fallible operation of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this library.
///
/// Messages name the file, what was wrong where, and what to do next. The
/// underlying cause is kept as [`std::error::Error::source`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("could not {action} {}", path.display())]
    Io {
        /// `read`, `write`, `open`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Input text that is not UTF-8.
    #[error(
        "could not read {name}: invalid UTF-8 at byte {offset} (convert it to UTF-8, or name its encoding where a command has that option: --encoding windows-1252)"
    )]
    InvalidUtf8 {
        /// The file's name, or `standard input`.
        name: String,
        /// Offset of the first byte that is not UTF-8.
        offset: usize,
    },
    /// Input that is not in the encoding that was named or marked.
    #[error("could not read {name}: {malformed} (name the text's encoding with --encoding)")]
    Undecodable {
        /// The file's name, or `standard input`.
        name: String,
        /// The encoding, and where.
        #[source]
        malformed: Malformed,
    },
    /// Input that is not what the command reads.
    #[error("could not read {name}: line {line} {reason}")]
    InvalidInput {
        /// The file's name, or `standard input`.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What it is not.
        reason: String,
    },
    /// A model's weights could not be used.
    #[error("could not load weights from {}{}: {reason}", path.display(), tensor.as_ref().map(|t| format!(", tensor {t}")).unwrap_or_default())]
    Checkpoint {
        /// The weights file.
        path: PathBuf,
        /// The tensor that was being read, when it is one tensor's fault.
        tensor: Option<String>,
        /// What was wrong.
        reason: String,
    },
    /// A model's `config.json`, `generation_config.json`, `*.spm` or
    /// `vocab.json` could not be used.
    #[error("could not use {}: {reason}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What was wrong, and where.
        reason: String,
    },
    /// A model that cannot be found.
    #[error("{0}")]
    UnknownModel(String),
    /// A model that the Hub, the network or the cache does not give.
    #[error(transparent)]
    Hub(Box<HubError>),
    /// Options that contradict each other or the model.
    #[error("{0}")]
    Options(String),
    /// What is there does not belong together: counts that differ, or the state
    /// of a job that was begun with something else.
    #[error("{0}")]
    Mismatch(String),
    /// Another process has what is needed.
    #[error("{0}")]
    Busy(String),
    /// All is done, but with `--strict` what remains is a failure.
    #[error("{0}")]
    Strict(String),
    /// The user stopped a job that can go on later.
    #[error("{0}")]
    Interrupted(String),
    /// The model's scores are NaN or minus infinity for every token.
    #[error(
        "the model gave no finite score to any token: its weights are damaged, fetch or copy them again"
    )]
    NotFinite,
    /// A device that is not there or cannot be used.
    #[error("{0}")]
    Device(String),
    /// The device's memory ran out. A search tries again with half of the
    /// sentences; this is what a single one is left with.
    #[error("the device's memory ran out (close what else uses it, or use --device cpu)")]
    OutOfMemory(#[source] candle_core::Error),
    /// A tensor operation failed: an internal error.
    #[error("tensor operation failed")]
    Tensor(#[source] candle_core::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        if device::is_out_of_memory(&error) {
            Self::OutOfMemory(error)
        } else {
            Self::Tensor(error)
        }
    }
}

impl From<HubError> for Error {
    fn from(error: HubError) -> Self {
        Self::Hub(Box::new(error))
    }
}

impl Error {
    /// What the binary exits with: 2 usage, 3 model or network unavailable,
    /// 4 input unreadable, 5 flagged by `--strict`, 6 mismatch, 130 interrupted, 1
    /// anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Options(_) => 2,
            Self::Hub(error) if error.kind() == HubErrorKind::InvalidName => 2,
            Self::Checkpoint { .. }
            | Self::ModelFile { .. }
            | Self::UnknownModel(_)
            | Self::Hub(_) => 3,
            Self::Io {
                action: "open" | "read",
                ..
            }
            | Self::InvalidInput { .. }
            | Self::InvalidUtf8 { .. }
            | Self::Undecodable { .. } => 4,
            Self::Strict(_) => 5,
            Self::Mismatch(_) => 6,
            Self::Interrupted(_) => 130,
            Self::Io { .. }
            | Self::Busy(_)
            | Self::NotFinite
            | Self::Device(_)
            | Self::OutOfMemory(_)
            | Self::Tensor(_) => 1,
        }
    }

    /// An [`Error::Io`] for `path`; use as `.map_err(Error::io("read", path))`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }

    /// What went wrong while the input `name` was read.
    pub fn reading(name: &str) -> impl FnOnce(io::Error) -> Self {
        move |error| match error.downcast::<Malformed>() {
            Ok(malformed) => Self::Undecodable {
                name: name.to_owned(),
                malformed,
            },
            Err(error) => Self::io("read", Path::new(name))(error),
        }
    }

    /// An [`Error::ModelFile`].
    pub fn model_file(path: &Path, reason: impl Into<String>) -> Self {
        Self::ModelFile {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }
}
