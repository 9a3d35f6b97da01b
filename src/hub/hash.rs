//! The hash that names a blob in the cache, and that its bytes must have.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

const CHUNK: usize = 1 << 20;

/// The name of a blob: 64 hex digits are the SHA-256 of a large file's bytes,
/// 40 are the SHA-1 that git gives a small one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BlobHash(String);

impl BlobHash {
    /// Reads an `ETag` header (quotes and the weak mark are dropped) or the
    /// name of a blob. `None` for anything else: such bytes cannot be verified.
    pub(crate) fn parse(etag: &str) -> Option<Self> {
        let etag = etag.trim();
        let hex = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
        let valid = matches!(hex.len(), 40 | 64) && hex.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| Self(hex.to_ascii_lowercase()))
    }

    /// In lower case.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the bytes of the file have this hash.
    pub(crate) fn matches(&self, path: &Path) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let digest = if self.0.len() == 64 {
            digest(Sha256::new(), &mut file)?
        } else {
            let size = file.metadata()?.len();
            let mut sha1 = Sha1::new();
            sha1.update(format!("blob {size}\0"));
            digest(sha1, &mut file)?
        };
        Ok(digest == self.0)
    }
}

/// SHA-256 of all that is read, in hex.
pub(crate) fn sha256(input: &mut impl Read) -> io::Result<String> {
    digest(Sha256::new(), input)
}

fn digest<D: Digest>(mut hasher: D, file: &mut impl Read) -> io::Result<String> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => hasher.update(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut hex = String::new();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `git hash-object` and `sha256sum` of `hello\n`.
    const GIT: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    #[test]
    fn blobs_are_hashed_as_git_and_sha256sum_do() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("blob");
        for (content, expected) in [("hello\n", true), ("hello", false), ("", false)] {
            std::fs::write(&path, content)?;
            for hash in [GIT, SHA256] {
                let hash = BlobHash::parse(hash).expect("a hash");
                assert_eq!(hash.matches(&path)?, expected, "{hash:?} of {content:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn etags_are_read_with_quotes_and_weak_marks_and_others_refused() {
        for etag in [GIT.to_owned(), format!("\"{GIT}\""), format!("W/\"{GIT}\"")] {
            assert_eq!(BlobHash::parse(&etag).expect("a hash").as_str(), GIT);
        }
        for etag in ["", "\"abc\"", "../../x", &"g".repeat(40), &"a".repeat(41)] {
            assert_eq!(BlobHash::parse(etag), None, "{etag}");
        }
    }
}
