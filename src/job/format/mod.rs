//! The formats of a batch job: one file for each, from the input's bytes to
//! records and back.

mod jsonl;
mod lines;
#[cfg(feature = "parquet")]
pub(super) mod parquet;
mod text;
mod tsv;

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::block::{BLOCK_BYTES, BLOCK_RECORDS, Block, Position};
use super::compression::Compression;
use super::line::{Line, LineReader};
use super::rejected::Rejection;
use crate::document::{Document, Span};
use crate::language::Language;
use crate::reader::{Layout, TextEncoding};

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A document, whose layout is kept.
    Text,
    /// A segment a line.
    Lines,
    /// A JSON object a line.
    Jsonl,
    /// Columns with tabs between.
    Tsv,
    /// A table with columns of its own.
    Parquet,
}

impl Format {
    /// The format and compression that a file name ends with.
    pub(super) fn of_name(name: &OsStr) -> Option<(Self, Option<Compression>)> {
        let extension = |name: &OsStr| {
            let extension = Path::new(name).extension();
            extension.map(|extension| extension.to_string_lossy().to_ascii_lowercase())
        };
        let compression = match extension(name)?.as_str() {
            "gz" => Some(Compression::Gzip),
            "zst" => Some(Compression::Zstd),
            _ => None,
        };
        let inner = match compression {
            Some(_) => Path::new(name).file_stem()?,
            None => name,
        };
        let format = match extension(inner)?.as_str() {
            "txt" => Self::Text,
            "lines" => Self::Lines,
            "jsonl" => Self::Jsonl,
            "tsv" => Self::Tsv,
            "parquet" if compression.is_none() => Self::Parquet,
            _ => return None,
        };
        Some((format, compression))
    }

    /// What names of such files end with.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Lines => "lines",
            Self::Jsonl => "jsonl",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }
}

/// How records are found in the inputs.
#[derive(Debug, Clone)]
pub struct Reading {
    /// How the inputs are encoded, unless a byte order mark says otherwise.
    /// Outputs are UTF-8.
    pub encoding: TextEncoding,
    /// How the text of a record is cut into segments; [`Layout::Lines`] is not at
    /// all. Lines are never cut.
    pub layout: Layout,
    /// The field of JSON records, and the column of Parquet files, with the text.
    pub field: String,
    /// The column of TSV records with the text, from 1.
    pub column: usize,
    /// The source stays, and the translation is added as field or column
    /// `FIELD_LANG`, or as the last column of TSV.
    pub keep_source: bool,
    /// The languages of the translations.
    pub targets: Vec<Language>,
    /// Bytes that a record may have.
    pub max_record: usize,
}

impl Reading {
    /// What is written between the record and a translation that is added to it.
    pub(super) fn glue(&self, format: Format, target: Language) -> String {
        match format {
            Format::Jsonl if self.keep_source => {
                format!(",{}:", serde_json::Value::from(self.added_name(target)))
            }
            Format::Tsv if self.keep_source => "\t".to_owned(),
            _ => String::new(),
        }
    }

    /// The field or column of a translation that is added.
    pub(super) fn added_name(&self, target: Language) -> String {
        format!("{}_{target}", self.field)
    }
}

/// How a text is written into its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// As it is.
    Raw,
    /// Without tabs and line breaks.
    OneLine,
    /// As a JSON string.
    Json,
}

/// A piece of an input with one text to translate; what is around the text is
/// copied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The line it starts in, from 1.
    pub(super) line: u64,
    pub(super) before: Vec<u8>,
    pub(super) text: String,
    pub(super) after: Vec<u8>,
    /// `None` when there is nothing to translate.
    pub(super) slot: Option<Slot>,
}

impl Record {
    /// A record that stays as it is.
    fn copied(line: u64, content: Vec<u8>, ending: &[u8]) -> Self {
        Self {
            line,
            before: content,
            text: String::new(),
            after: ending.to_vec(),
            slot: None,
        }
    }

    /// The text and its segments.
    pub(super) fn document(&self, format: Format, layout: &Layout) -> Document {
        let text = self.text.clone();
        if text.is_empty() {
            return Document::part(text, 0, 0, &[]);
        }
        match (format, layout) {
            (Format::Lines, _) | (_, Layout::Lines) => {
                let whole = vec![Span::new(0, text.len())];
                Document::part(text, 0, 0, &[whole])
            }
            (_, layout) => layout.cut(text),
        }
    }

    /// Writes the record with `text` in the place of its own; `glue` is
    /// [`Reading::glue`].
    pub(super) fn write(&self, output: &mut Vec<u8>, glue: &str, text: &str) {
        let start = output.len();
        output.extend(&self.before);
        let one_line = || text.replace(['\t', '\n', '\r'], " ");
        match self.slot {
            None => {}
            Some(Slot::Raw) => output.extend(text.as_bytes()),
            Some(Slot::OneLine) => {
                output.extend(glue.as_bytes());
                output.extend(one_line().as_bytes());
            }
            Some(Slot::Json) => {
                output.extend(glue.as_bytes());
                output.extend(serde_json::Value::from(text).to_string().as_bytes());
            }
        }
        output.extend(&self.after);
        if output.len() == start && self.slot == Some(Slot::OneLine) {
            output.push(b'\n');
        }
    }
}

const TOO_LONG: &str = "too long (raise --max-record to have it translated)";

/// What a line holds: a record, or why it is none.
type Parsed = Result<Record, String>;

/// Cuts lines into blocks of records.
pub(super) fn read_block<R: io::BufRead>(
    lines: &mut LineReader<R>,
    format: Format,
    reading: &Reading,
) -> io::Result<Option<Block>> {
    let start = lines.offset;
    let mut block = Block::default();
    if format == Format::Text {
        text::read(lines, &mut block)?;
    } else {
        while block.records.len() < BLOCK_RECORDS && lines.offset - start < BLOCK_BYTES {
            let Some(line) = lines.next()? else { break };
            read_record(line, lines.encoding, format, reading, &mut block);
        }
    }
    block.end = Position {
        offset: lines.offset,
        lines: lines.lines,
    };
    Ok((lines.offset > start).then_some(block))
}

/// Adds the record of a line to the block; of a line that has none, an empty one.
fn read_record(
    mut line: Line,
    encoding: TextEncoding,
    format: Format,
    reading: &Reading,
    block: &mut Block,
) {
    let (number, ending) = (line.number, line.ending);
    let mark = byte_order_mark(&mut line);
    let parsed = checked(line, encoding).and_then(|content| match format {
        _ if content.is_empty() => Ok(Record::copied(number, Vec::new(), ending)),
        Format::Jsonl if content.trim().is_empty() => {
            Ok(Record::copied(number, content.into_bytes(), ending))
        }
        Format::Jsonl => jsonl::record(content, ending, reading),
        Format::Tsv => tsv::record(content, ending, reading),
        _ => Ok(lines::record(content, ending)),
    });
    let mut record = parsed.unwrap_or_else(|reason| {
        block.rejections.push(Rejection::new(number, None, reason));
        // A last line without an ending needs one to be seen as an empty line.
        let ending = if ending.is_empty() { b"\n" } else { ending };
        Record::copied(number, Vec::new(), ending)
    });
    record.line = number;
    record.before.splice(0..0, mark.iter().copied());
    block.records.push(record);
}

/// The content of a line, if it can be text.
fn checked(line: Line, encoding: TextEncoding) -> Result<String, String> {
    if line.too_long {
        return Err(TOO_LONG.to_owned());
    }
    String::from_utf8(line.content).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let valid = String::from_utf8_lossy(&error.as_bytes()[..offset]);
        if encoding.is_utf8() {
            format!("invalid UTF-8 at byte {offset} of the line (--encoding reads other texts)")
        } else {
            let characters = valid.chars().count();
            format!("invalid {encoding} behind character {characters} of the line")
        }
    })
}

/// Takes the byte order mark off the first line.
fn byte_order_mark(line: &mut Line) -> &'static [u8] {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if line.number == 1 && line.content.starts_with(MARK) {
        line.content.drain(..MARK.len());
        return MARK;
    }
    b""
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn reading(keep_source: bool) -> Reading {
        Reading {
            encoding: TextEncoding::default(),
            layout: Layout::Lines,
            field: "text".to_owned(),
            column: 2,
            keep_source,
            targets: vec![Language::EN],
            max_record: 60,
        }
    }

    /// The input with each text in capitals, and the lines that are rejected.
    pub(super) fn capitals(
        input: &[u8],
        format: Format,
        keep_source: bool,
    ) -> (String, Vec<(u64, String)>) {
        let reading = reading(keep_source);
        let mut lines = LineReader::new(input, reading.max_record);
        let (mut output, mut rejected) = (Vec::new(), Vec::new());
        while let Some(block) = read_block(&mut lines, format, &reading).unwrap() {
            for record in block.records {
                let glue = reading.glue(format, Language::EN);
                record.write(&mut output, &glue, &record.text.to_uppercase());
            }
            let reasons = block.rejections.into_iter();
            rejected.extend(reasons.map(|rejection| (rejection.line, rejection.reason)));
        }
        (String::from_utf8(output).unwrap(), rejected)
    }

    #[test]
    fn lines_stay_in_their_place() {
        let input = b"\xef\xbb\xbfeins\r\n\n \nzw\xffei\ndrei vier f\xc3\xbcnf sechs sieben acht neun zehn elf zw\xc3\xb6lf dreizehn\nvier";
        let (output, rejected) = capitals(input, Format::Lines, false);
        assert_eq!(output, "\u{feff}EINS\r\n\n \n\n\nVIER");
        let lines: Vec<u64> = rejected.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [4, 5]);
        assert!(rejected[0].1.contains("byte 2"), "{rejected:?}");
    }
}
