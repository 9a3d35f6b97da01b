//! Blocks: what is read, given to one shard, and written to the journal as a
//! whole. Where a block ends depends on nothing but the input's bytes.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::content::Content;
use super::format::{Format, Reading, Record, read_block};
use super::input::Input;
use super::line::LineReader;
use super::rejected::Rejection;
use crate::error::{Error, Result};

/// Records of a block …
pub(super) const BLOCK_RECORDS: usize = 128;
/// … or fewer, when they have this many bytes: some 150 sentences, as a kill
/// costs a block at least.
pub(super) const BLOCK_BYTES: u64 = 16 * 1024;

/// Some records of one input.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Its place in the input, from 0.
    pub(super) index: u64,
    pub(super) records: Vec<Record>,
    /// Records that could not be read.
    pub(super) rejections: Vec<Rejection>,
    pub(super) end: Position,
}

/// A place in an input.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Position {
    /// Bytes before it, after decompression; of Parquet, rows.
    pub(super) offset: u64,
    /// Lines or rows before it.
    pub(super) lines: u64,
}

/// Reads an input block by block.
pub(super) struct BlockReader<'a> {
    input: &'a Input,
    reading: &'a Reading,
    source: Source,
    /// The next block's.
    index: u64,
    end: Position,
    /// Bytes of the file that are read.
    consumed: Arc<AtomicU64>,
}

enum Source {
    Lines(LineReader<Box<dyn BufRead>>),
    #[cfg(feature = "parquet")]
    Rows(Box<super::format::parquet::Rows>),
}

impl<'a> BlockReader<'a> {
    /// Reads on from `start`, behind which block `index` stands.
    pub(super) fn open(
        input: &'a Input,
        reading: &'a Reading,
        start: Position,
        index: u64,
    ) -> Result<Self> {
        let (source, consumed) = if input.format == Format::Parquet {
            rows(input, reading, start)?
        } else {
            let content = Content::open(input, reading.encoding, start.offset);
            let content = content.map_err(Error::io("read", &input.path))?;
            let consumed = Arc::clone(&content.consumed);
            (lines(content, reading, start), consumed)
        };
        Ok(Self {
            input,
            reading,
            source,
            index,
            end: start,
            consumed,
        })
    }

    /// The next block; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Block>> {
        let block = match &mut self.source {
            Source::Lines(lines) => read_block(lines, self.input.format, self.reading)
                .map_err(Error::io("read", &self.input.path))?,
            #[cfg(feature = "parquet")]
            Source::Rows(rows) => rows.read_block()?,
        };
        Ok(block.map(|mut block| {
            block.index = self.index;
            self.index += 1;
            self.end = block.end;
            block
        }))
    }

    /// Where the reader is.
    pub(super) const fn position(&self) -> Position {
        self.end
    }

    /// Bytes of the file that are read.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }
}

fn lines(content: Content, reading: &Reading, start: Position) -> Source {
    let lines = LineReader::new(content.bytes, reading.max_record)
        .starting_at(start.offset, start.lines)
        .of_encoding(content.encoding);
    Source::Lines(lines)
}

#[cfg(feature = "parquet")]
fn rows(input: &Input, reading: &Reading, start: Position) -> Result<(Source, Arc<AtomicU64>)> {
    let rows = super::format::parquet::Rows::open(input, reading, start)?;
    let consumed = rows.consumed();
    Ok((Source::Rows(Box::new(rows)), consumed))
}

#[cfg(not(feature = "parquet"))]
fn rows(input: &Input, _reading: &Reading, _start: Position) -> Result<(Source, Arc<AtomicU64>)> {
    Err(Error::Options(format!(
        "{} cannot be read: this program was built without Parquet (build it with `cargo build --release --features parquet`)",
        input.path.display()
    )))
}
