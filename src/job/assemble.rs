//! From journals to the final files: what the shards have written is put in
//! order, compressed and counted, and only then gets its name.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::compression::Compressor;
use super::content::Content;
use super::format::{Format, Reading};
use super::input::Input;
use super::journal::{Frame, Frames};
use super::line::LineReader;
use super::manifest::FileIdentity;
use crate::error::{Error, Result};
use crate::hub::sha256;

/// One stream of an input, block by block, from the journals of all shards.
pub(super) struct Blocks<'a> {
    input: &'a Input,
    /// The input's place in the manifest: it says whose turn it is.
    file: usize,
    sources: Vec<(PathBuf, Frames)>,
    stream: usize,
    next: u64,
    /// Lines or rows of the input, once its end is reached.
    lines: u64,
}

impl<'a> Blocks<'a> {
    /// Reads stream `stream` of `journals`, which are in the order of the shards.
    pub(super) fn open(
        input: &'a Input,
        file: usize,
        journals: &[PathBuf],
        stream: usize,
    ) -> Result<Self> {
        let open = |path: &PathBuf| match Frames::open(path)? {
            Some(frames) => Ok((path.clone(), frames)),
            None => Err(damaged(input, path)),
        };
        Ok(Self {
            input,
            file,
            sources: journals.iter().map(open).collect::<Result<_>>()?,
            stream,
            next: 0,
            lines: 0,
        })
    }

    /// What is assembled.
    #[cfg(feature = "parquet")]
    pub(super) fn input(&self) -> &'a Input {
        self.input
    }

    /// The next block's bytes, which are what was written.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let source = (self.file as u64 + self.next) % self.sources.len() as u64;
        let (frame, mut streams) = self.frame(source as usize)?;
        if frame.block != self.next || !frame.last && streams.len() <= self.stream {
            return Err(damaged(self.input, &self.sources[source as usize].0));
        }
        if frame.last {
            self.lines = frame.end.lines;
            return Ok(None);
        }
        self.next += 1;
        Ok(Some(streams.swap_remove(self.stream)))
    }

    fn frame(&mut self, source: usize) -> Result<(Frame, Vec<Vec<u8>>)> {
        let (path, frames) = &mut self.sources[source];
        let frame = frames.next().map_err(Error::io("read", path))?;
        frame.ok_or_else(|| damaged(self.input, path))
    }
}

fn damaged(input: &Input, journal: &Path) -> Error {
    Error::Mismatch(format!(
        "the state of {} in {} was changed (run the same command again: what is damaged is translated again)",
        input.relative.display(),
        journal.display()
    ))
}

/// What an input is, by a second look at it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recount {
    /// Lines; rows of Parquet.
    lines: u64,
    sha256: String,
}

impl Recount {
    pub(super) fn of(input: &Input, reading: &Reading) -> Result<Self> {
        let cannot_read = || Error::io("read", &input.path);
        let mut file = File::open(&input.path).map_err(cannot_read())?;
        let sha256 = sha256(&mut file).map_err(cannot_read())?;
        let lines = match input.format {
            #[cfg(feature = "parquet")]
            Format::Parquet => super::format::parquet::count_rows(input)?,
            _ => Content::open(input, reading.encoding, 0)
                .and_then(|content| count_lines(content.bytes))
                .map_err(cannot_read())?,
        };
        Ok(Self { lines, sha256 })
    }

    /// Refuses an input that is no more what it was.
    pub(super) fn check(&self, input: &Input, identity: &FileIdentity) -> Result<()> {
        if self.sha256 == identity.sha256 {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "{} was changed while it was translated (put it back and run the same command, or begin anew with --restart)",
            input.path.display()
        )))
    }
}

fn miscounted(input: &Input, expected: u64, found: u64) -> Error {
    Error::Mismatch(format!(
        "{} has {expected} records, but {found} were translated: this is a bug, please report it (no file was written)",
        input.path.display()
    ))
}

fn count_lines(input: impl io::BufRead) -> io::Result<u64> {
    // Nothing of the lines is needed.
    let mut lines = LineReader::new(input, 0);
    while lines.next()?.is_some() {}
    Ok(lines.lines)
}

/// Writes a translated input to `path`; `recount` says how many records it must
/// have.
#[cfg_attr(
    not(feature = "parquet"),
    expect(unused_variables, reason = "only Parquet has columns to name")
)]
pub(super) fn write(
    blocks: &mut Blocks,
    target: crate::Language,
    reading: &Reading,
    recount: &Recount,
    path: &Path,
) -> Result<File> {
    let input = blocks.input;
    let file = File::create(path).map_err(Error::io("write", path))?;
    let (file, records) = match input.format {
        #[cfg(feature = "parquet")]
        Format::Parquet => super::format::parquet::write(blocks, target, reading, file, path)?,
        _ => write_lines(blocks, file, path)?,
    };
    // The lines of a document's translation are their own affair.
    let expected = recount.lines;
    for found in [
        Some(blocks.lines),
        (input.format != Format::Text).then_some(records),
    ] {
        if found.is_some_and(|found| found != expected) {
            return Err(miscounted(input, expected, found.unwrap_or_default()));
        }
    }
    Ok(file)
}

fn write_lines(blocks: &mut Blocks, file: File, path: &Path) -> Result<(File, u64)> {
    let cannot_write = |error| Error::io("write", path)(error);
    let mut output = Compressor::new(blocks.input.compression, file).map_err(cannot_write)?;
    let (mut lines, mut last) = (0, b'\n');
    while let Some(block) = blocks.next()? {
        output.write_all(&block).map_err(cannot_write)?;
        lines += block.split(|&byte| byte == b'\n').count() as u64 - 1;
        last = block.last().copied().unwrap_or(last);
    }
    lines += u64::from(last != b'\n');
    Ok((output.finish().map_err(cannot_write)?, lines))
}

/// Copies a stream as it is.
pub(super) fn copy(blocks: &mut Blocks, output: &mut impl Write, path: &Path) -> Result<()> {
    while let Some(block) = blocks.next()? {
        output.write_all(&block).map_err(Error::io("write", path))?;
    }
    Ok(())
}

/// Copies a whole file behind what is written.
pub(super) fn append(from: &Path, output: &mut impl Write) -> Result<()> {
    let mut file = File::open(from).map_err(Error::io("read", from))?;
    let copy = io::copy(&mut file, output);
    copy.map(drop).map_err(Error::io("write", from))
}
