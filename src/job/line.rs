//! Lines of bytes, none of which takes more memory than it may.

use std::io::{self, BufRead};

use crate::reader::TextEncoding;

/// A line as it stands in the input.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// Without the line ending; of a line that is too long, the beginning.
    pub(super) content: Vec<u8>,
    /// `\n`, `\r\n`, or nothing at the end of the input.
    pub(super) ending: &'static [u8],
    /// It is longer than the limit.
    pub(super) too_long: bool,
}

/// Reads lines, and counts them and their bytes.
pub(super) struct LineReader<R> {
    input: R,
    /// Lines read so far.
    pub(super) lines: u64,
    /// Bytes read so far.
    pub(super) offset: u64,
    /// What the file is encoded in; the input is UTF-8.
    pub(super) encoding: TextEncoding,
    /// Bytes that a line may have.
    limit: usize,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            lines: 0,
            offset: 0,
            encoding: TextEncoding::default(),
            limit,
        }
    }

    /// Says that `lines` lines of `offset` bytes lie before the input.
    pub(super) fn starting_at(mut self, offset: u64, lines: u64) -> Self {
        (self.offset, self.lines) = (offset, lines);
        self
    }

    /// Says what the file was encoded in.
    pub(super) fn of_encoding(mut self, encoding: TextEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line::default();
        let mut is_empty = true;
        let mut whole = false;
        while !whole {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(chunk.len(), |end| end + 1);
            // Two more for the ending; what is beyond is dropped as it comes.
            let room = (self.limit + 2).saturating_sub(line.content.len());
            line.content.extend_from_slice(&chunk[..used.min(room)]);
            line.too_long |= used > room;
            self.input.consume(used);
            self.offset += used as u64;
            whole = end.is_some();
            is_empty = false;
        }
        if is_empty {
            return Ok(None);
        }
        self.lines += 1;
        line.number = self.lines;
        if whole {
            line.cut_ending();
        }
        line.too_long |= line.content.len() > self.limit;
        Ok(Some(line))
    }
}

impl Line {
    fn cut_ending(&mut self) {
        self.ending = b"\n";
        if self.content.last() == Some(&b'\n') {
            self.content.pop();
            if self.content.last() == Some(&b'\r') {
                self.content.pop();
                self.ending = b"\r\n";
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_endings_and_long_ones_their_place() {
        // Small chunks, so that lines lie across them.
        let input =
            std::io::BufReader::with_capacity(3, &b"a\r\n\nabcdefghijkl\r\nb\rc\nabcde"[..]);
        let mut reader = LineReader::new(input, 5);
        let mut lines = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            lines.push((line.number, line.content, line.ending, line.too_long));
        }
        let expected: [(u64, &[u8], &[u8], bool); 5] = [
            (1, b"a", b"\r\n", false),
            (2, b"", b"\n", false),
            (3, b"abcdefg", b"\n", true),
            (4, b"b\rc", b"\n", false),
            (5, b"abcde", b"", false),
        ];
        let expected =
            expected.map(|(n, content, ending, long)| (n, content.to_vec(), ending, long));
        assert_eq!(lines, expected);
        assert_eq!((reader.lines, reader.offset), (5, 27));
    }
}
