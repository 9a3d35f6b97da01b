//! What is translated of an input but not yet in its final place: the output's
//! bytes themselves, appended block by block.
//!
//! A frame is a line of JSON behind its CRC-32, then the bytes of each stream: a
//! stream for each target, and one for `rejected.jsonl`. The line has the
//! streams' lengths and CRC-32s. Whatever stops a process, the journal is a
//! sequence of whole frames and at most a torn one, which is cut off when the job
//! goes on.
//!
//! Not `SQLite` or redb: the job appends in the order in which it will read, reads
//! once, and never looks anything up. A database would write each byte twice
//! (its log, its pages), need a key for each record, and could not be read with
//! `head`; what it gives, that a write is there as a whole or not at all, the
//! checksums give as well.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::block::Position;
use super::state::sync_parent;
use crate::error::{Error, Result};

/// The line of a frame is never longer (bytes): a few hundred targets.
const MAX_HEADER: u64 = 64 * 1024;

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Frame {
    /// The block's place in the input.
    pub(super) block: u64,
    /// Where the input goes on behind it.
    pub(super) end: Position,
    /// Segments in it, rejected ones too.
    pub(super) segments: u64,
    pub(super) rejected: u64,
    /// Whether the input ends here; such a frame has no bytes.
    pub(super) last: bool,
    pub(super) streams: Vec<Stream>,
}

/// A stream's share of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stream {
    pub(super) bytes: u64,
    crc32: u32,
}

/// How far the journal of an input is.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    /// Bytes of the journal that are whole frames.
    pub(super) length: u64,
    /// Bytes behind them.
    pub(super) torn: u64,
    pub(super) segments: u64,
    pub(super) rejected: u64,
    /// The last frame.
    pub(super) last: Option<Frame>,
}

impl Frame {
    /// The end of an input, behind so many blocks.
    pub(super) fn end(blocks: u64, end: Position) -> Self {
        Self {
            block: blocks,
            end,
            segments: 0,
            rejected: 0,
            last: true,
            streams: Vec::new(),
        }
    }
}

impl Written {
    /// Whether all of the input is translated.
    pub(super) fn is_complete(&self) -> bool {
        self.last.as_ref().is_some_and(|frame| frame.last)
    }
}

/// The journal of an input, in the folder of a job's state.
pub(super) fn path(folder: &Path, file: usize) -> PathBuf {
    folder.join("journal").join(file.to_string())
}

/// Appends to a journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Goes on behind the first `length` bytes.
    pub(super) fn open(path: &Path, length: u64) -> Result<Self> {
        let open = || {
            let mut file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)?;
            file.set_len(length)?;
            if length == 0 {
                sync_parent(path)?;
            }
            file.seek(SeekFrom::Start(length))?;
            Ok(file)
        };
        Ok(Self {
            path: path.to_path_buf(),
            file: open().map_err(Error::io("write", path))?,
        })
    }

    /// Appends a frame, whose `streams` are set here.
    pub(super) fn append(&mut self, mut frame: Frame, streams: &[Vec<u8>]) -> Result<()> {
        frame.streams = streams.iter().map(|bytes| Stream::of(bytes)).collect();
        let header = serde_json::to_string(&frame).expect("numbers are JSON");
        let mut bytes = sealed(&header).into_bytes();
        bytes.extend(streams.concat());
        self.file
            .write_all(&bytes)
            .map_err(Error::io("write", &self.path))
    }

    /// Makes sure that all frames are on the disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(Error::io("write", &self.path))
    }
}

impl Stream {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            crc32: crc32fast::hash(bytes),
        }
    }
}

/// A line behind its checksum.
pub(super) fn sealed(line: &str) -> String {
    format!("{:08x} {line}\n", crc32fast::hash(line.as_bytes()))
}

/// What [`sealed`] made a line of; `None` if it is damaged.
pub(super) fn unsealed(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, line) = line.split_at_checked(8)?;
    let line = line.strip_prefix(' ')?;
    (sum == format!("{:08x}", crc32fast::hash(line.as_bytes()))).then_some(line)
}

/// Reads a journal frame by frame.
pub(super) struct Frames {
    file: BufReader<File>,
    /// Bytes of whole frames so far.
    length: u64,
}

impl Frames {
    /// `None` when there is no journal.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self {
                file: BufReader::with_capacity(1 << 16, file),
                length: 0,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// The next whole frame and its streams.
    pub(super) fn next(&mut self) -> io::Result<Option<(Frame, Vec<Vec<u8>>)>> {
        let mut line = Vec::new();
        let read = (&mut self.file)
            .take(MAX_HEADER)
            .read_until(b'\n', &mut line)?;
        let frame = unsealed(&line).and_then(|line| serde_json::from_str::<Frame>(line).ok());
        let Some(frame) = frame else { return Ok(None) };
        let mut length = read as u64;
        let mut streams = Vec::with_capacity(frame.streams.len());
        for expected in &frame.streams {
            let mut bytes = Vec::new();
            (&mut self.file)
                .take(expected.bytes)
                .read_to_end(&mut bytes)?;
            if Stream::of(&bytes) != *expected {
                return Ok(None);
            }
            length += expected.bytes;
            streams.push(bytes);
        }
        self.length += length;
        Ok(Some((frame, streams)))
    }
}

/// Reads all of a journal, to know what of it is whole.
pub(super) fn written(path: &Path) -> Result<Written> {
    let mut written = Written::default();
    let Some(mut frames) = Frames::open(path)? else {
        return Ok(written);
    };
    let mut read = || {
        while let Some((frame, _)) = frames.next()? {
            written.segments += frame.segments;
            written.rejected += frame.rejected;
            written.last = Some(frame);
        }
        written.length = frames.length;
        written.torn = frames.file.get_ref().metadata()?.len() - frames.length;
        Ok(())
    };
    read().map_err(Error::io("read", path))?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(block: u64) -> Frame {
        Frame {
            block,
            end: Position::default(),
            segments: 3,
            rejected: 1,
            last: false,
            streams: Vec::new(),
        }
    }

    /// A journal cut or damaged at any byte is read up to the last whole frame,
    /// and goes on there.
    #[test]
    fn a_torn_journal_is_read_up_to_its_last_whole_frame() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, 0).unwrap();
        let mut ends = vec![0];
        for (block, streams) in [["eins\n", ""], ["", "{}\n"], ["zwei\ndrei\n", "x"]]
            .iter()
            .enumerate()
        {
            let streams = streams.map(|stream| stream.as_bytes().to_vec());
            journal.append(frame(block as u64), &streams).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len());
        }
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            let frames = ends.iter().filter(|&&end| end <= cut as u64).count() - 1;
            std::fs::write(&path, &whole[..cut]).unwrap();
            let torn = written(&path).unwrap();
            assert_eq!(
                (torn.length, torn.segments),
                (ends[frames], 3 * frames as u64)
            );
            assert_eq!(torn.length + torn.torn, cut as u64);

            let mut damaged = whole.clone();
            damaged[cut] ^= 0x20;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(written(&path).unwrap().length, ends[frames], "byte {cut}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let torn = written(&path).unwrap();
        let mut journal = Journal::open(&path, torn.length).unwrap();
        let streams = [b"zwei\ndrei\n".to_vec(), b"x".to_vec()];
        journal.append(frame(2), &streams).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}
