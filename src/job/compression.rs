//! gzip and Zstandard, in and out.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression as Level, GzBuilder};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip, also of several members.
    Gzip,
    /// Zstandard, also of several frames.
    Zstd,
}

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

impl Compression {
    /// What names of such files end with, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }
}

/// What `compressed` holds.
pub(super) fn decompress<'a>(
    compression: Option<Compression>,
    compressed: impl Read + 'a,
) -> io::Result<Box<dyn BufRead + 'a>> {
    let compressed = BufReader::with_capacity(1 << 16, compressed);
    Ok(match compression {
        None => Box::new(compressed),
        Some(Compression::Gzip) => Box::new(BufReader::new(MultiGzDecoder::new(compressed))),
        Some(Compression::Zstd) => {
            Box::new(BufReader::new(zstd::Decoder::with_buffer(compressed)?))
        }
    })
}

/// Writes a file, compressed or not. Equal content makes equal bytes: the gzip
/// header has no time and no name, and zstd uses one thread.
pub(super) enum Compressor {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Compressor {
    pub(super) fn new(compression: Option<Compression>, file: File) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(match compression {
            None => Self::Plain(file),
            Some(Compression::Gzip) => {
                Self::Gzip(GzBuilder::new().mtime(0).write(file, Level::default()))
            }
            Some(Compression::Zstd) => Self::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL)?),
        })
    }

    /// Writes what is left, and gives the file back.
    pub(super) fn finish(self) -> io::Result<File> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for Compressor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
