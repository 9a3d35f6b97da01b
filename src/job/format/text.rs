//! A document: its blocks are whole paragraphs.

use std::io;

use super::{Record, Slot, checked};
use crate::job::block::{BLOCK_BYTES, Block};
use crate::job::line::LineReader;
use crate::job::rejected::Rejection;

/// A block ends at the first blank line after this many bytes, or …
const ENOUGH: usize = BLOCK_BYTES as usize;
/// … at the end of a line after this many.
const TOO_MUCH: usize = 1024 * 1024;

/// Reads lines into one record. A line that cannot be read becomes an empty one.
pub(super) fn read<R: io::BufRead>(lines: &mut LineReader<R>, block: &mut Block) -> io::Result<()> {
    let mut record = Record {
        line: lines.lines + 1,
        before: Vec::new(),
        text: String::new(),
        after: Vec::new(),
        slot: Some(Slot::Raw),
    };
    while let Some(line) = lines.next()? {
        let (number, ending) = (line.number, line.ending);
        let content = checked(line, lines.encoding).unwrap_or_else(|reason| {
            block.rejections.push(Rejection::new(number, None, reason));
            String::new()
        });
        record.text += &content;
        record.text.extend(ending.iter().copied().map(char::from));
        let blank = content.trim().is_empty();
        if blank && record.text.len() >= ENOUGH || record.text.len() >= TOO_MUCH {
            break;
        }
    }
    block.records.push(record);
    Ok(())
}
