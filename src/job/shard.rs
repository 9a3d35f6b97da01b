//! The part of a job that one of several machines does.

use std::fmt;
use std::str::FromStr;

/// The most shards of a job; a merge looks for the folder of each.
const MOST: u64 = 65_536;

/// Shard `K` of `N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: u64,
    count: u64,
}

impl Default for Shard {
    /// The whole job.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl Shard {
    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }

    /// All shards of a job that is cut in `count`.
    pub(super) fn all(count: u64) -> impl Iterator<Item = Self> {
        (0..count).map(move |index| Self { index, count })
    }

    /// Whether a block of a file is this shard's. The blocks of a file go round,
    /// and so do small files, which are one block each.
    pub(super) const fn has(self, file: usize, block: u64) -> bool {
        (file as u64 + block) % self.count == self.index
    }

    /// The name of its folder.
    pub(super) fn folder(self) -> String {
        format!("{}-of-{}", self.index + 1, self.count)
    }

    /// What [`Shard::folder`] has made.
    pub(super) fn from_folder(name: &str) -> Option<Self> {
        let (index, count) = name.split_once("-of-")?;
        format!("{index}/{count}").parse().ok()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// `K/N`, K from 1 to N, N up to 65,536.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((_, n)) if n > MOST => Err(format!(
                "{n} shards are too many (a job has {MOST} at most)"
            )),
            Some((k, n)) if (1..=n).contains(&k) => Ok(Self {
                index: k - 1,
                count: n,
            }),
            _ => Err(format!(
                "{text} is no shard (give K/N, such as 1/4, with K from 1 to N)"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_in_one_shard() {
        for (file, block) in (0..7).flat_map(|file| (0..9).map(move |block| (file, block))) {
            let owners = Shard::all(4).filter(|shard| shard.has(file, block));
            assert_eq!(owners.count(), 1);
        }
    }

    #[test]
    fn shards_are_read_as_typed() {
        for (text, valid) in [
            ("1/4", true),
            ("4/4", true),
            ("1/65536", true),
            ("1/65537", false),
            ("0/4", false),
            ("5/4", false),
            ("1", false),
            ("1/0", false),
            ("-1/4", false),
        ] {
            assert_eq!(text.parse::<Shard>().is_ok(), valid, "{text}");
        }
        let shard: Shard = "2/8".parse().unwrap();
        assert_eq!(Shard::from_folder(&shard.folder()), Some(shard));
    }
}
