//! Why a model could not be had from the Hub.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Kinds of failure, for programs that react to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubErrorKind {
    /// No connection: no network, no such host, refused, or TLS failed.
    Unreachable,
    /// Connected, but no bytes came for the time-out's length.
    TimedOut,
    /// The connection ended before the file did.
    Interrupted,
    /// 401: the repository is private, gated or does not exist.
    Unauthorized,
    /// 403: the token does not open this repository, or its conditions have
    /// not been accepted.
    Forbidden,
    /// 404: no such repository, revision or file.
    NotFound,
    /// 429: too many requests.
    RateLimited {
        /// How long the Hub asks to wait.
        retry_after: Option<Duration>,
    },
    /// 408 or 5xx: the Hub or its storage failed.
    Server,
    /// The bytes received do not have the hash that the Hub announced.
    Corrupt,
    /// An answer that is not the Hub's: a login page of the network, a proxy.
    NotTheHub,
    /// The disk is full.
    DiskFull,
    /// The cache folder cannot be read or written.
    Cache,
    /// Off line by choice, and not everything needed is in the cache.
    Offline,
    /// A repository, revision or file name that cannot be one.
    InvalidName,
}

impl HubErrorKind {
    /// Whether trying again soon may help.
    pub(super) fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::TimedOut
                | Self::Interrupted
                | Self::RateLimited { .. }
                | Self::Server
        )
    }

    /// Whether the network, rather than the repository or this computer, is in
    /// the way: then another model, or another day, is the way out.
    fn is_network(self) -> bool {
        self.is_transient() || matches!(self, Self::NotTheHub | Self::Offline)
    }
}

/// A failure of the Hub, the network or the cache: what was wanted, what went
/// wrong, what to do next.
#[derive(Debug)]
pub struct HubError {
    kind: HubErrorKind,
    /// `config.json of owner/name`, once that is known.
    wanted: Option<String>,
    cause: String,
    next: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl HubError {
    pub(super) fn new(kind: HubErrorKind, cause: impl Into<String>) -> Self {
        Self {
            kind,
            wanted: None,
            cause: cause.into(),
            next: None,
            source: None,
        }
    }

    /// A failure of the disk at `path`.
    pub(super) fn disk(action: &str, path: &Path, source: io::Error) -> Self {
        let full = matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        let (kind, cause, next) = if full {
            (
                HubErrorKind::DiskFull,
                format!("the disk that holds {} is full", path.display()),
                "free some space, or set HF_HUB_CACHE to a folder on another disk",
            )
        } else {
            (
                HubErrorKind::Cache,
                format!("could not {action} {}", path.display()),
                "check the folder's owner and permissions, or set HF_HUB_CACHE to another folder",
            )
        };
        Self::new(kind, cause).next(next).caused_by(source)
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    pub(super) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn wanting(mut self, wanted: impl FnOnce() -> String) -> Self {
        if self.wanted.is_none() {
            self.wanted = Some(wanted());
        }
        self
    }

    /// Names the ways out of a network failure to the user of `repo`.
    pub(super) fn with_ways_out(self, repo: &str) -> Self {
        if !self.kind.is_network() {
            return self;
        }
        let first = match &self.next {
            Some(next) => format!("{next}; or "),
            None => String::new(),
        };
        self.next(format!(
            "{first}run `dolmetsch models fetch {repo}` once there is a connection; `--model builtin` needs none"
        ))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> HubErrorKind {
        self.kind
    }
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(wanted) = &self.wanted {
            write!(f, "could not get {wanted}: ")?;
        }
        f.write_str(&self.cause)?;
        if let Some(next) = &self.next {
            write!(f, " ({next})")?;
        }
        Ok(())
    }
}

impl StdError for HubError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = self.source.as_deref()?;
        Some(source)
    }
}
