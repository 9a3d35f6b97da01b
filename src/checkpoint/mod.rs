//! The weights file of a model: `model.safetensors` or `pytorch_model.bin`.
//!
//! ```text
//! bytes ─┬─ safetensors ─────────────────────────────┐
//!        ├─ torch_zip ─── zip_directory ┐            ├─ layouts by name → Tensor
//!        └─ torch_legacy ───────────────┴─ pickle ── state_dict ─┘
//! ```
//!
//! Opening checks the whole structure of the file and copies none of its
//! numbers: every tensor is a layout, a place in the mapped file. A file
//! that does not add up to the last byte is refused, in the one format that
//! has checksums also one whose numbers have changed. A pickle is untrusted
//! input: it only describes tensors, nothing it names is ever run.

mod layout;
mod pickle;
mod safetensors;
mod state_dict;
mod torch_legacy;
mod torch_zip;
mod zip_directory;

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;

use self::layout::Layout;
use crate::error::{Error, Result};

/// The tensors of one weights file.
///
/// Names are the file's own. Numbers are read when a tensor is asked for, so
/// an open checkpoint costs address space and no memory.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    bytes: Bytes,
    layouts: Layouts,
}

/// Where the weights of a model are.
#[derive(Debug, Clone, Copy)]
pub enum WeightsFile<'a> {
    /// In a file.
    Path(&'a Path),
    /// In the program.
    Static {
        /// Stands for the file in messages.
        name: &'static str,
        /// Its content.
        bytes: &'static [u8],
    },
}

/// Where each tensor lies, by name.
type Layouts = BTreeMap<String, Layout>;

/// The content of a weights file.
#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Static(&'static [u8]),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
        }
    }
}

/// What is wrong with a weights file; [`Checkpoint`] adds the file's name.
#[derive(Debug)]
struct Fault {
    tensor: Option<String>,
    reason: String,
}

impl Fault {
    /// A fault of one tensor.
    fn of(tensor: &str, reason: impl Into<String>) -> Self {
        Self {
            tensor: Some(tensor.to_owned()),
            reason: reason.into(),
        }
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self {
            tensor: None,
            reason,
        }
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl Checkpoint {
    /// Opens the weights of a model.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::open`].
    pub fn of(weights: WeightsFile) -> Result<Self> {
        match weights {
            WeightsFile::Path(path) => Self::open(path),
            WeightsFile::Static { name, bytes } => Self::from_static(name, bytes),
        }
    }

    /// Opens a weights file: safetensors, or what `torch.save` wrote of a
    /// state dict, either as a zip archive (torch ≥ 1.6) or as the older
    /// stream. The format is found from the first bytes, not from the name.
    ///
    /// The file is memory-mapped: it must not be changed while it is in use.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the file cannot be opened; [`Error::Checkpoint`]
    /// when it is no weights file, is truncated, oversized or inconsistent,
    /// or is a pickle that wants more than tensors.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let length = file.metadata().map_err(Error::io("open", path))?.len();
        // An empty file cannot be mapped on every system.
        let bytes = if length == 0 {
            Bytes::Static(&[])
        } else {
            // SAFETY: the map is private to this value, read-only and only
            // handed out as `&[u8]`. Nothing here writes to the file. Another
            // process that shortens it while it is mapped would raise SIGBUS;
            // weights files are replaced by renaming, and the docs say so.
            #[allow(unsafe_code)]
            let map = unsafe { Mmap::map(&file) }.map_err(Error::io("map", path))?;
            Bytes::Mapped(map)
        };
        Self::read(path.to_path_buf(), bytes)
    }

    /// Reads weights that are already in memory, such as those built into
    /// the program; `name` stands for the file in messages.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`], as [`Checkpoint::open`].
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Self> {
        Self::read(PathBuf::from(name), Bytes::Static(bytes))
    }

    fn read(path: PathBuf, bytes: Bytes) -> Result<Self> {
        match layouts(&bytes) {
            Ok(layouts) => Ok(Self {
                path,
                bytes,
                layouts,
            }),
            Err(Fault { tensor, reason }) => Err(Error::Checkpoint {
                path,
                tensor: tensor.map(|name| printable(&name)),
                reason: printable(&reason),
            }),
        }
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layouts.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.layouts.contains_key(name)
    }

    /// The shape of a tensor, if there is one of this name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.layouts.get(name).map(Layout::shape)
    }

    /// An error that names one of the tensors.
    pub(crate) fn fault(&self, tensor: &str, reason: impl Into<String>) -> Error {
        Error::Checkpoint {
            path: self.path.clone(),
            tensor: Some(tensor.to_owned()),
            reason: reason.into(),
        }
    }

    /// Reads a tensor, which must have the given shape, as `dtype` on
    /// `device`. The result is contiguous and independent of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] when there is no such tensor or its shape is
    /// another; [`Error::Tensor`] when the device cannot hold or convert it.
    pub fn tensor(
        &self,
        name: &str,
        shape: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        Ok(self
            .layout(name, shape)?
            .read(&self.bytes, device)?
            .to_dtype(dtype)?)
    }

    /// Refuses a checkpoint without a tensor of this name and shape.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`].
    pub(crate) fn expect(&self, name: &str, shape: &[usize]) -> Result<()> {
        self.layout(name, shape).map(|_| ())
    }

    fn layout(&self, name: &str, shape: &[usize]) -> Result<&Layout> {
        let refuse = |reason| self.fault(name, reason);
        let layout = self
            .layouts
            .get(name)
            .ok_or_else(|| refuse(format!("is missing, expected with shape {shape:?}")))?;
        if layout.shape() != shape {
            return Err(refuse(format!(
                "has shape {:?}, expected {shape:?}",
                layout.shape()
            )));
        }
        Ok(layout)
    }
}

/// A message may quote an untrusted file: no terminal sequences, no megabytes.
fn printable(text: &str) -> String {
    let chars = text.chars().take(500);
    chars
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Finds the format from the first bytes, and from there every tensor.
fn layouts(bytes: &[u8]) -> std::result::Result<Layouts, Fault> {
    // A safetensors header is JSON after its length, which the format limits
    // to 100 MB: the upper half of the eight bytes is zero.
    if bytes.get(4..9) == Some(b"\0\0\0\0{") {
        safetensors::layouts(bytes)
    } else if bytes.starts_with(b"PK\x03\x04") {
        torch_zip::layouts(bytes)
    } else if bytes.starts_with(&[pickle::PROTO]) {
        torch_legacy::layouts(bytes)
    } else if bytes.starts_with(b"version https://git-lfs") {
        Err("is a Git LFS pointer, not the weights themselves (run `git lfs pull`)".into())
    } else {
        Err("is neither safetensors nor a PyTorch file (is the download complete?)".into())
    }
}
