//! Bytes to a [`Document`]: one file for each input format.

mod lines;
mod text;

use std::io::Read;
use std::path::Path;

use crate::document::Document;
use crate::error::{Error, Result};
use crate::segment::Segmenter;

/// An input file, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// For messages: the path, or `standard input`.
    pub name: String,
    /// The bytes, which are UTF-8.
    pub text: String,
}

impl Article {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::InvalidUtf8`].
    pub fn read(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            let name = Path::new("standard input");
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(Error::io("read", name))?;
            return Self::from_bytes("standard input", bytes);
        }
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        Self::from_bytes(&path.display().to_string(), bytes)
    }

    /// Checks that `bytes` are UTF-8.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUtf8`], with the offset of the first bad byte.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self> {
        let text = String::from_utf8(bytes).map_err(|error| Error::InvalidUtf8 {
            name: name.to_owned(),
            offset: error.utf8_error().valid_up_to(),
        })?;
        Ok(Self {
            name: name.to_owned(),
            text,
        })
    }

    /// Reads the text as prose: blank lines separate paragraphs, and sentences
    /// are found inside them.
    #[must_use]
    pub fn into_document(self, segmenter: &Segmenter) -> Document {
        text::document(self.text, segmenter)
    }

    /// Takes each line as one sentence, also an empty one.
    #[must_use]
    pub fn into_lines(self) -> Document {
        lines::document(self.text)
    }
}
