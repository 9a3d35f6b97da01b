//! The text of an input: decompressed, and as UTF-8.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compression::decompress;
use super::input::Input;
use crate::reader::{Decoded, TextEncoding};

const BUFFER: usize = 1 << 16;

/// The text of an input, from some place on.
pub(super) struct Content {
    /// UTF-8; malformed text has bytes that are invalid.
    pub(super) bytes: Box<dyn BufRead>,
    /// What the file is encoded in.
    pub(super) encoding: TextEncoding,
    /// Bytes of the file that are read.
    pub(super) consumed: Arc<AtomicU64>,
}

impl Content {
    /// Opens an input in this encoding, unless a byte order mark says another,
    /// behind the first `offset` bytes of its text.
    pub(super) fn open(input: &Input, encoding: TextEncoding, offset: u64) -> io::Result<Self> {
        let mut file = Counted {
            file: File::open(&input.path)?,
            bytes: Arc::default(),
        };
        let consumed = Arc::clone(&file.bytes);
        if input.compression.is_none() {
            let encoding = Decoded::new(&mut file.file, encoding).encoding()?;
            if encoding.is_utf8() {
                file.file.seek(SeekFrom::Start(offset))?;
                consumed.store(offset, Ordering::Relaxed);
                return Ok(Self {
                    bytes: Box::new(BufReader::with_capacity(BUFFER, file)),
                    encoding,
                    consumed,
                });
            }
            file.file.rewind()?;
        }
        let mut text = Decoded::new(decompress(input.compression, file)?, encoding).marking();
        let encoding = text.encoding()?;
        let mut bytes = BufReader::with_capacity(BUFFER, text);
        io::copy(&mut bytes.by_ref().take(offset), &mut io::sink())?;
        Ok(Self {
            bytes: Box::new(bytes),
            encoding,
            consumed,
        })
    }
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
