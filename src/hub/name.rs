//! Names that come from users and manifests and end in paths and URLs.

use std::fmt;
use std::str::FromStr;

use super::{HubError, HubErrorKind};

/// The Hub's own limit.
const LONGEST_PART: usize = 96;

/// A repository: `owner/name`. Holds no character that could lead a path or a
/// URL elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoId(String);

/// A branch, a tag or a commit. As safe as [`RepoId`]; may hold slashes
/// (`refs/pr/4`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision(String);

impl RepoId {
    /// As `owner/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Revision {
    /// As the Hub spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a full commit hash, and so never moves.
    #[must_use]
    pub fn is_commit(&self) -> bool {
        self.0.len() == 40 && self.0.bytes().all(|b| b.is_ascii_hexdigit())
    }
}

impl Default for Revision {
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepoId {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let valid = text.split('/').count() == 2
            && text.split('/').all(is_safe_part)
            // The cache folder joins owner and name with it.
            && !text.contains("--");
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid("repository", text, "owner/name"))
        }
    }
}

impl FromStr for Revision {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        if text.split('/').all(is_safe_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid("revision", text, "main, refs/pr/4 or a commit"))
        }
    }
}

/// Checks the name of a file at the top of a repository.
pub(crate) fn check_file_name(text: &str) -> Result<(), HubError> {
    if is_safe_part(text) {
        Ok(())
    } else {
        Err(invalid("file name", text, "model.safetensors"))
    }
}

fn is_safe_part(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LONGEST_PART).contains(&part.len())
        && part.bytes().all(plain)
        && !part.starts_with(['.', '-'])
        && !part.ends_with(['.', '-'])
        && !part.contains("..")
}

fn invalid(what: &str, text: &str, example: &str) -> HubError {
    HubError::new(
        HubErrorKind::InvalidName,
        format!("`{}` cannot be a {what}", text.escape_debug()),
    )
    .next(format!("it looks like {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_cache_are_refused() {
        for text in [
            "",
            "opus-mt-de-en",
            "a/b/c",
            "../etc",
            "a/..",
            "a/.hidden",
            "a/b--c",
            "a/b c",
            "a/b?x=1",
            "a/b#c",
            "a/b%2e",
            "a\\b/c",
            "C:/x",
            "a/ü",
            "a/b\n",
        ] {
            assert!(text.parse::<RepoId>().is_err(), "{text:?}");
        }
        for text in [
            "", "/", "/main", "a//b", "../..", "a/../b", "x y", "-x", "main\0",
        ] {
            assert!(text.parse::<Revision>().is_err(), "{text:?}");
        }
        for text in ["", "..", "a/b", "a\\b", ".git", "x:y"] {
            assert!(check_file_name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_of_the_hub_are_accepted() {
        for text in [
            "Helsinki-NLP/opus-mt-de-en",
            "Helsinki-NLP/opus-mt-tc-bible-big-deu_eng_fra_por_spa-aav",
            "a/b.c_d",
        ] {
            assert_eq!(text.parse::<RepoId>().expect(text).as_str(), text);
        }
        for text in ["main", "refs/pr/4", "v1.0", &"0123456789".repeat(4)] {
            assert_eq!(text.parse::<Revision>().expect(text).as_str(), text);
        }
        assert!(
            "0123456789"
                .repeat(4)
                .parse::<Revision>()
                .expect("commit")
                .is_commit()
        );
        assert!(!Revision::default().is_commit());
    }
}
