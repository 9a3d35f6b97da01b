//! Blocks: what is read, given to one shard, and written to the journal as a
//! whole. Where a block ends depends on nothing but the input's bytes.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compression::decompress;
use super::format::{Format, Reading, Record, read_block};
use super::input::Input;
use super::line::LineReader;
use super::rejected::Rejection;
use crate::error::{Error, Result};

/// Records of a block …
pub(super) const BLOCK_RECORDS: usize = 128;
/// … or fewer, when they have this many bytes.
pub(super) const BLOCK_BYTES: u64 = 256 * 1024;

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
    Rows(super::format::parquet::Rows),
}

impl<'a> BlockReader<'a> {
    /// Reads on from `start`, behind which block `index` stands.
    pub(super) fn open(
        input: &'a Input,
        reading: &'a Reading,
        start: Position,
        index: u64,
    ) -> Result<Self> {
        let consumed = Arc::new(AtomicU64::new(0));
        let source = if input.format == Format::Parquet {
            rows(input, reading, start)?
        } else {
            lines(input, reading, start, &consumed).map_err(Error::io("read", &input.path))?
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

fn lines(
    input: &Input,
    reading: &Reading,
    start: Position,
    consumed: &Arc<AtomicU64>,
) -> io::Result<Source> {
    let mut file = File::open(&input.path)?;
    if input.compression.is_none() {
        file.seek(SeekFrom::Start(start.offset))?;
        consumed.store(start.offset, Ordering::Relaxed);
    }
    let counted = Counted {
        file,
        bytes: Arc::clone(consumed),
    };
    let mut content = decompress(input.compression, counted)?;
    if input.compression.is_some() {
        io::copy(&mut content.by_ref().take(start.offset), &mut io::sink())?;
    }
    let lines = LineReader::new(content, reading.max_record).starting_at(start.offset, start.lines);
    Ok(Source::Lines(lines))
}

#[cfg(feature = "parquet")]
fn rows(input: &Input, reading: &Reading, start: Position) -> Result<Source> {
    super::format::parquet::Rows::open(input, reading, start).map(Source::Rows)
}

#[cfg(not(feature = "parquet"))]
fn rows(input: &Input, _reading: &Reading, _start: Position) -> Result<Source> {
    Err(Error::Options(format!(
        "{} cannot be read: this program was built without Parquet (build it with `cargo build --release --features parquet`)",
        input.path.display()
    )))
}

/// Counts what is read of a file.
struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
