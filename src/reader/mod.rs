//! Bytes to [`Document`]s: one file for each way to cut a text.

mod encoding;
mod lines;
mod text;

pub use encoding::{Decoded, Malformed, ParseEncodingError, TextEncoding};

use std::io::{BufRead, BufReader, Read};

use crate::document::{Document, Span};
use crate::error::{Error, Result};
use crate::segment::Segmenter;

/// A part ends at the first blank line after this many bytes: some 250
/// sentences, enough to sort them by length.
const PART_SIZE: usize = 128 * 1024;

/// A part of prose is no longer than this, even without a blank line (bytes).
const MAX_PART_SIZE: usize = 1024 * 1024;

/// A longer line is no line of text, where lines must stay whole.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// How a text is cut into paragraphs and sentences.
#[derive(Debug, Clone)]
pub enum Layout {
    /// Blank lines separate paragraphs, in which sentences are found.
    Prose(Segmenter),
    /// Blank lines separate paragraphs, each of which is one sentence.
    Paragraphs,
    /// Each line is one sentence, also an empty one.
    Lines,
}

impl Layout {
    /// A text that is in memory as a whole, as one part.
    #[must_use]
    pub fn cut(&self, text: String) -> Document {
        let paragraphs = self.paragraphs(&text, true);
        Document::part(text, 0, 0, &paragraphs)
    }

    /// The sentences of each paragraph.
    fn paragraphs(&self, text: &str, is_start: bool) -> Vec<Vec<Span>> {
        match self {
            Self::Prose(segmenter) => text::sentences(text, segmenter),
            Self::Paragraphs => text::paragraphs(text)
                .into_iter()
                .map(|span| vec![span])
                .collect(),
            Self::Lines => lines::sentences(text, is_start),
        }
    }
}

/// Reads a UTF-8 text part by part, so that memory does not grow with it.
///
/// The parts are whole paragraphs, unless one is longer than a megabyte. As
/// long as nothing more has come in, a part ends as early as it can, so that
/// who writes line by line is answered line by line.
#[derive(Debug)]
pub struct Reader<R> {
    name: String,
    input: BufReader<R>,
    layout: Layout,
    /// Read, but not yet part of a document.
    pending: Vec<u8>,
    /// Bytes and paragraphs of the parts so far.
    offset: usize,
    paragraphs: usize,
    /// What went wrong behind the lines that were given last.
    failure: Option<Error>,
}

impl<R: Read> Reader<R> {
    /// A reader of `input`; `name` is for messages.
    pub fn new(name: &str, input: R, layout: Layout) -> Self {
        Self {
            name: name.to_owned(),
            input: BufReader::with_capacity(64 * 1024, input),
            layout,
            pending: Vec::new(),
            offset: 0,
            paragraphs: 0,
            failure: None,
        }
    }

    /// The next part's bytes; empty at the end of the input.
    fn next_part(&mut self) -> Result<Vec<u8>> {
        loop {
            let line_start = self.pending.len();
            let limit = match self.layout {
                Layout::Prose(_) | Layout::Paragraphs => {
                    MAX_PART_SIZE.saturating_sub(line_start).max(1) as u64
                }
                Layout::Lines => MAX_LINE as u64,
            };
            let read = self
                .input
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut self.pending)
                .map_err(Error::reading(&self.name))?;
            let line = &self.pending[line_start..];
            let whole_line = line.ends_with(b"\n");
            let may_end = match self.layout {
                Layout::Prose(_) | Layout::Paragraphs => whole_line && line.trim_ascii().is_empty(),
                Layout::Lines => whole_line,
            };
            if line.len() >= MAX_LINE && !whole_line {
                let before = &self.pending[..line_start];
                return Err(Error::InvalidInput {
                    name: self.name.clone(),
                    line: self.paragraphs + before.split(|&byte| byte == b'\n').count(),
                    reason: format!(
                        "is longer than {} MB (break it, or let sentences be found, without --lines)",
                        MAX_LINE / (1024 * 1024)
                    ),
                });
            }
            let enough = self.pending.len() >= PART_SIZE || self.input.buffer().is_empty();
            if read == 0 || may_end && enough {
                return Ok(std::mem::take(&mut self.pending));
            }
            if !matches!(self.layout, Layout::Lines) && self.pending.len() >= MAX_PART_SIZE {
                let rest = self.pending.split_off(if whole_line {
                    self.pending.len()
                } else {
                    last_break(&self.pending)
                });
                return Ok(std::mem::replace(&mut self.pending, rest));
            }
        }
    }

    fn document(&mut self, bytes: Vec<u8>) -> Result<Document> {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let failure = Error::InvalidUtf8 {
                    name: self.name.clone(),
                    offset: self.offset + valid,
                };
                let mut bytes = error.into_bytes();
                bytes.truncate(valid);
                return self.lines_before(bytes, failure);
            }
        };
        let paragraphs = self.layout.paragraphs(&text, self.offset == 0);
        let document = Document::part(text, self.offset, self.paragraphs, &paragraphs);
        self.offset += document.text().len();
        self.paragraphs += paragraphs.len();
        Ok(document)
    }
}

impl<R: Read> Reader<R> {
    /// Who gives lines gets those that are good before he is told what failed.
    fn lines_before(&mut self, mut bytes: Vec<u8>, failure: Error) -> Result<Document> {
        let whole = bytes.iter().rposition(|&byte| byte == b'\n');
        match (&self.layout, whole) {
            (Layout::Lines, Some(end)) => {
                bytes.truncate(end + 1);
                self.failure = Some(failure);
                self.document(bytes)
            }
            _ => Err(failure),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(failure) = self.failure.take() {
            return Some(Err(failure));
        }
        match self.next_part() {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => Some(self.document(bytes)),
            Err(failure) => {
                let bytes = std::mem::take(&mut self.pending);
                Some(self.lines_before(bytes, failure))
            }
        }
    }
}

/// Where to cut a text that has no end in sight: behind the last white space,
/// else between two characters.
fn last_break(bytes: &[u8]) -> usize {
    let half = bytes.len() / 2;
    let space = bytes[half..].iter().rposition(u8::is_ascii_whitespace);
    space.map_or_else(
        || {
            let starts = |byte: &u8| !(0x80..0xC0).contains(byte);
            bytes
                .iter()
                .rposition(starts)
                .filter(|&at| at > 0)
                .unwrap_or(bytes.len())
        },
        |space| half + space + 1,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str, layout: &Layout) -> Vec<Document> {
        Reader::new("test", text.as_bytes(), layout.clone())
            .collect::<Result<_>>()
            .unwrap()
    }

    #[test]
    fn a_line_without_end_is_refused_with_its_number_behind_those_before() {
        let text = format!("Eins.\n\nZwei.\n{}", "a".repeat(MAX_LINE + 1));
        let mut parts = Reader::new("test", text.as_bytes(), Layout::Lines);
        assert_eq!(parts.next().unwrap().unwrap().sentences().len(), 3);
        let error = parts.next().unwrap().unwrap_err();
        assert!(
            error.to_string().contains("test: line 4 is longer"),
            "{error}"
        );
        let fits = format!("{}\nZwei.", "a".repeat(MAX_LINE - 1));
        let parts = Reader::new("test", fits.as_bytes(), Layout::Lines);
        assert!(parts.into_iter().all(|part| part.is_ok()));
    }

    /// The whole input, put together of gaps and sentences as they stand in it.
    fn rebuilt(parts: &[Document]) -> String {
        let mut whole = String::new();
        for part in parts {
            let mut end = 0;
            for sentence in part.sentences() {
                whole += &part.text()[end..sentence.span.start];
                whole += sentence.span.of(part.text());
                end = sentence.span.end;
            }
            whole += &part.text()[end..];
        }
        whole
    }

    #[test]
    fn parts_go_on_counting_bytes_and_paragraphs() {
        let line = "Erster Satz. Zweiter Satz.\n\n";
        let paragraphs = 3 * PART_SIZE / line.len();
        let text = line.repeat(paragraphs);
        let parts = parts(&text, &Layout::Prose(Segmenter::german()));
        assert!(parts.len() > 1);
        assert_eq!(rebuilt(&parts), text);
        let mut paragraph = 0;
        for part in &parts {
            for (index, sentence) in part.sentences().iter().enumerate() {
                let span = part.source_span(index);
                assert_eq!(span.of(&text), sentence.span.of(part.text()));
                assert!(sentence.paragraph == paragraph || sentence.paragraph == paragraph + 1);
                paragraph = sentence.paragraph;
            }
        }
        assert_eq!(paragraph + 1, paragraphs);
    }

    #[test]
    fn a_line_without_end_is_cut_at_spaces_and_nothing_is_lost() {
        let broken = [b"a".to_vec(), vec![0x80; 2_000_000]].concat();
        let mut reader = Reader::new("x", &broken[..], Layout::Prose(Segmenter::german()));
        assert!(
            reader.next().is_some_and(|part| part.is_err()),
            "bytes that are no text"
        );
        for text in ["ein Wort und ", "äöü", "😀"].map(|piece| piece.repeat(500_000)) {
            let parts = parts(&text, &Layout::Prose(Segmenter::german()));
            assert!(parts.iter().all(|part| part.text().len() <= MAX_PART_SIZE));
            assert_eq!(rebuilt(&parts), text);
        }
    }

    #[test]
    fn bad_bytes_are_named_by_their_place_in_the_whole_input() {
        let mut bytes = "Ein Satz.\n\n".repeat(6000).into_bytes();
        let offset = bytes.len() + 4;
        bytes.extend(b"Gr\xc3\xbc\xff\n");
        let last = Reader::new("a.txt", &bytes[..], Layout::Lines)
            .last()
            .unwrap();
        let message = last.unwrap_err().to_string();
        assert!(
            message.contains(&format!("a.txt: invalid UTF-8 at byte {offset} ")),
            "{message}"
        );
    }

    proptest! {
        #[test]
        fn gaps_and_sentences_are_the_input(text in "([a-zäß.!?„“0-9 \t\u{a0}\u{feff}\u{2028}*•-]|\n|\r\n|\r|\\PC){0,300}") {
            for layout in [Layout::Lines, Layout::Prose(Segmenter::german())] {
                prop_assert_eq!(rebuilt(&parts(&text, &layout)), text.as_str());
            }
        }
    }
}
