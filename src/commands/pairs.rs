//! Lines of two files, or the columns of a table.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dolmetsch::reader::{Decoded, TextEncoding};
use dolmetsch::{Error, Result};

/// Source and target of each line.
pub(crate) struct Pairs {
    lines: Vec<(String, String)>,
}

impl Pairs {
    /// Line by line from two files of equal length.
    pub(crate) fn of_files(source: &Path, target: &Path, encoding: TextEncoding) -> Result<Self> {
        let (sources, targets) = (read_lines(source, encoding)?, read_lines(target, encoding)?);
        if sources.len() != targets.len() {
            return Err(Error::Mismatch(format!(
                "{} has {} lines, but {} has {} (line N of one must be the translation of line N of the other; `align --documents` pairs texts that are cut differently)",
                source.display(),
                sources.len(),
                target.display(),
                targets.len()
            )));
        }
        Ok(Self {
            lines: sources.into_iter().zip(targets).collect(),
        })
    }

    /// The two columns of a table; an empty line is an empty pair.
    pub(crate) fn of_table(path: Option<&Path>, encoding: TextEncoding) -> Result<Self> {
        let (name, text) = read_text(path, encoding)?;
        Self::parse(&name, &text)
    }

    /// As [`Self::of_table`], from a text; `name` is for messages.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        let pair = |(number, line): (usize, &str)| {
            let columns: Vec<&str> = line.split('\t').collect();
            match columns[..] {
                [source, target] => Ok((source.to_owned(), target.to_owned())),
                [""] => Ok((String::new(), String::new())),
                _ => Err(Error::InvalidInput {
                    name: name.to_owned(),
                    line: number + 1,
                    reason: format!(
                        "has {} columns; source, tab, target are wanted",
                        columns.len()
                    ),
                }),
            }
        };
        let lines = text.lines().enumerate().map(pair).collect::<Result<_>>()?;
        Ok(Self { lines })
    }

    /// Number of pairs.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn as_pairs(&self) -> Vec<(&str, &str)> {
        self.lines
            .iter()
            .map(|(source, target)| (source.as_str(), target.as_str()))
            .collect()
    }
}

/// The lines of a file.
pub(crate) fn read_lines(path: &Path, encoding: TextEncoding) -> Result<Vec<String>> {
    let (_, text) = read_text(Some(path), encoding)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// A whole input, and its name for messages.
fn read_text(path: Option<&Path>, encoding: TextEncoding) -> Result<(String, String)> {
    let (name, input): (String, Box<dyn Read>) = match path {
        Some(path) if path != Path::new("-") => {
            let file = File::open(path).map_err(Error::io("open", path))?;
            (path.display().to_string(), Box::new(file))
        }
        _ => ("standard input".to_owned(), Box::new(io::stdin().lock())),
    };
    let mut bytes = Vec::new();
    Decoded::new(input, encoding)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", Path::new(&name)))?;
    let text = String::from_utf8(bytes).map_err(|error| Error::InvalidUtf8 {
        name: name.clone(),
        offset: error.utf8_error().valid_up_to(),
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok((name, rest.to_owned())),
        None => Ok((name, text)),
    }
}
