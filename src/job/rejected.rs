//! Records that could not be translated.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::language::Language;

/// A record, or a segment of one, whose place stays empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejection {
    /// The line, or row, from 1.
    pub(super) line: u64,
    /// The language that the translation is missing in; all when `None`.
    pub(super) target: Option<Language>,
    pub(super) reason: String,
}

#[derive(serde::Serialize)]
struct Entry<'a> {
    file: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    reason: &'a str,
}

impl Rejection {
    pub(super) fn new(line: u64, target: Option<Language>, reason: String) -> Self {
        Self {
            line,
            target,
            reason,
        }
    }

    /// Writes the line for `rejected.jsonl`; `file` is the input's relative path.
    pub(super) fn write(&self, file: &Path, output: &mut Vec<u8>) {
        let entry = Entry {
            file: &file.to_string_lossy(),
            line: self.line,
            target: self.target.as_ref().map(Language::code),
            reason: &self.reason,
        };
        let line = serde_json::to_string(&entry).expect("strings and numbers are JSON");
        output.extend(line.as_bytes());
        output.push(b'\n');
    }
}

/// Why the first record of a list was rejected.
pub(super) fn first_reason(list: &Path) -> io::Result<String> {
    #[derive(serde::Deserialize)]
    struct Reason {
        reason: String,
    }
    let mut line = String::new();
    BufReader::new(File::open(list)?).read_line(&mut line)?;
    let Reason { reason } = serde_json::from_str(&line)?;
    Ok(reason)
}
