//! Lines of two files, or the columns of a table.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
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
        let lines = PairLines::open(source, target, encoding)?.collect::<Result<_>>()?;
        Ok(Self { lines })
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

/// Source and target of each line of two files of equal length, one pair in memory
/// at a time. What differs in length gives all pairs that there are, then an error.
pub(crate) struct PairLines {
    sources: Lines,
    targets: Lines,
}

impl PairLines {
    pub(crate) fn open(source: &Path, target: &Path, encoding: TextEncoding) -> Result<Self> {
        let standard_input = Path::new("-");
        if source == standard_input && target == standard_input {
            return Err(Error::Options(
                "standard input is either --source or --target".to_owned(),
            ));
        }
        Ok(Self {
            sources: Lines::open(source, encoding)?,
            targets: Lines::open(target, encoding)?,
        })
    }

    /// Reads on to say how many lines there are.
    fn mismatch(&mut self) -> Error {
        for lines in [&mut self.sources, &mut self.targets] {
            for line in lines.by_ref() {
                if let Err(error) = line {
                    return error;
                }
            }
        }
        let Self { sources, targets } = self;
        Error::Mismatch(format!(
            "{} has {} lines, but {} has {} (line N of one must be the translation of line N of the other; `align --documents` pairs texts that are cut differently)",
            sources.name, sources.count, targets.name, targets.count
        ))
    }
}

impl Iterator for PairLines {
    type Item = Result<(String, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.sources.next(), self.targets.next()) {
            (None, None) => None,
            (Some(Err(error)), _) | (_, Some(Err(error))) => Some(Err(error)),
            (Some(Ok(source)), Some(Ok(target))) => Some(Ok((source, target))),
            (Some(Ok(_)), None) | (None, Some(Ok(_))) => Some(Err(self.mismatch())),
        }
    }
}

/// A longer line is no line of text.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// The lines of a text, read one by one.
struct Lines {
    name: String,
    input: BufReader<Decoded<Box<dyn Read>>>,
    /// Lines that were read, and …
    count: usize,
    /// … their bytes.
    offset: usize,
}

impl Lines {
    fn open(path: &Path, encoding: TextEncoding) -> Result<Self> {
        let (name, input) = open(Some(path))?;
        Ok(Self {
            name,
            input: BufReader::new(Decoded::new(input, encoding)),
            count: 0,
            offset: 0,
        })
    }
}

impl Iterator for Lines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        let mut bytes = Vec::new();
        let mut input = self.input.by_ref().take(MAX_LINE);
        match input.read_until(b'\n', &mut bytes) {
            Ok(0) => return None,
            Ok(read) if read as u64 == MAX_LINE && !bytes.ends_with(b"\n") => {
                return Some(Err(Error::InvalidInput {
                    name: self.name.clone(),
                    line: self.count + 1,
                    reason: format!("is longer than {} MB", MAX_LINE / (1024 * 1024)),
                }));
            }
            Ok(_) => {}
            Err(error) => return Some(Err(Error::io("read", Path::new(&self.name))(error))),
        }
        let is_first = self.count == 0;
        self.count += 1;
        self.offset += bytes.len();
        let offset = self.offset - bytes.len();
        let line = String::from_utf8(bytes).map_err(|error| Error::InvalidUtf8 {
            name: self.name.clone(),
            offset: offset + error.utf8_error().valid_up_to(),
        });
        Some(line.map(|line| {
            let line = line
                .strip_prefix('\u{feff}')
                .filter(|_| is_first)
                .unwrap_or(&line);
            let line = line
                .strip_suffix('\n')
                .map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
            line.to_owned()
        }))
    }
}

/// The lines of a file.
pub(crate) fn read_lines(path: &Path, encoding: TextEncoding) -> Result<Vec<String>> {
    Lines::open(path, encoding)?.collect()
}

/// Opens an input, and says its name for messages.
fn open(path: Option<&Path>) -> Result<(String, Box<dyn Read>)> {
    match path {
        Some(path) if path != Path::new("-") => {
            let file = File::open(path).map_err(Error::io("open", path))?;
            Ok((path.display().to_string(), Box::new(file)))
        }
        _ => Ok(("standard input".to_owned(), Box::new(io::stdin()))),
    }
}

/// A whole input, and its name for messages.
fn read_text(path: Option<&Path>, encoding: TextEncoding) -> Result<(String, String)> {
    let (name, input) = open(path)?;
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
