//! Where the numbers of one tensor lie in the file, and how to read them.

use std::ops::Range;

use candle_core::{Device, Tensor, WithDType};
use half::{bf16, f16};

/// More dimensions than any tensor of a translation model has; a limit keeps
/// the work per element small whatever a file claims.
pub(super) const MAX_RANK: usize = 8;

/// How one number is stored, always little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Element {
    /// Bytes per number.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

/// A strided view into a range of the file, as torch has them.
#[derive(Debug)]
pub(super) struct Layout {
    element: Element,
    shape: Vec<usize>,
    /// Distance between neighbours along each dimension, in elements.
    strides: Vec<usize>,
    /// The storage's bytes in the file; several tensors may share them.
    storage: Range<usize>,
    /// The first element, counted in elements from the storage's start.
    offset: usize,
}

impl Layout {
    /// A view of `storage`, which lies in a file of `file_len` bytes.
    ///
    /// Refuses one that reaches outside its storage, and one that holds more
    /// bytes than the file: only an expanded tensor (stride 0) can, and a few
    /// bytes must not stand for gigabytes.
    pub(super) fn new(
        element: Element,
        shape: Vec<usize>,
        strides: Vec<usize>,
        storage: Range<usize>,
        offset: usize,
        file_len: usize,
    ) -> Result<Self, String> {
        let bytes = byte_count(element, &shape)?;
        if strides.len() != shape.len() {
            return Err(format!("has {} strides for shape {shape:?}", strides.len()));
        }
        if bytes > file_len {
            return Err(format!(
                "has shape {shape:?}, which is more than the whole file"
            ));
        }
        let available = storage.len() / element.size();
        let end = if bytes == 0 {
            Some(offset)
        } else {
            end_of_view(&shape, &strides, offset)
        };
        if end.is_none_or(|end| end > available) {
            return Err(format!(
                "with shape {shape:?}, strides {strides:?} and offset {offset} reaches outside its storage of {available} elements"
            ));
        }
        Ok(Self {
            element,
            shape,
            strides,
            storage,
            offset,
        })
    }

    /// A tensor that fills `storage` exactly, row by row.
    pub(super) fn contiguous(
        element: Element,
        shape: Vec<usize>,
        storage: Range<usize>,
        file_len: usize,
    ) -> Result<Self, String> {
        let bytes = byte_count(element, &shape)?;
        if bytes != storage.len() {
            return Err(format!(
                "has shape {shape:?}, {bytes} bytes, but {} bytes in the file",
                storage.len()
            ));
        }
        let strides = row_major(&shape);
        Self::new(element, shape, strides, storage, 0, file_len)
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The tensor in the file's own precision; candle has no `i8`, which
    /// becomes `i16`. `file` must be the bytes that this layout was made for.
    pub(super) fn read(&self, file: &[u8], device: &Device) -> candle_core::Result<Tensor> {
        let storage = &file[self.storage.clone()];
        match self.element {
            Element::F64 => self.collect(storage, f64::from_le_bytes, device),
            Element::F32 => self.collect(storage, f32::from_le_bytes, device),
            Element::F16 => self.collect(storage, f16::from_le_bytes, device),
            Element::BF16 => self.collect(storage, bf16::from_le_bytes, device),
            Element::I64 => self.collect(storage, i64::from_le_bytes, device),
            Element::I32 => self.collect(storage, i32::from_le_bytes, device),
            Element::I16 => self.collect(storage, i16::from_le_bytes, device),
            Element::I8 => self.collect(storage, |b| i16::from(i8::from_le_bytes(b)), device),
            Element::U8 => self.collect(storage, u8::from_le_bytes, device),
            Element::Bool => self.collect(storage, |[b]| u8::from(b != 0), device),
        }
    }

    /// Decodes from unaligned bytes, as the older torch format has them: one
    /// copy on every machine, and no reinterpreted memory.
    fn collect<T: WithDType, const SIZE: usize>(
        &self,
        storage: &[u8],
        decode: impl Fn([u8; SIZE]) -> T,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let (elements, _) = storage.as_chunks::<SIZE>();
        let count: usize = self.shape.iter().product();
        let numbers: Vec<T> = if count == 0 || self.is_contiguous() {
            let view = &elements[self.offset..][..count];
            view.iter().copied().map(decode).collect()
        } else {
            let position = |index| self.position(index);
            (0..count).map(|i| decode(elements[position(i)])).collect()
        };
        Tensor::from_vec(numbers, self.shape.as_slice(), device)
    }

    /// Where in the storage the element with this row-major index lies.
    fn position(&self, mut index: usize) -> usize {
        let mut position = self.offset;
        for (&dim, &stride) in self.shape.iter().zip(&self.strides).rev() {
            position += index % dim * stride;
            index /= dim;
        }
        position
    }

    fn is_contiguous(&self) -> bool {
        let expected = row_major(&self.shape);
        let mut dims = self.shape.iter().zip(self.strides.iter().zip(&expected));
        // The stride of a dimension of size one is never used; torch leaves
        // anything there.
        dims.all(|(&dim, (stride, expected))| dim == 1 || stride == expected)
    }
}

/// Strides of a tensor stored row by row. The caller has checked the shape
/// with [`byte_count`].
fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i].max(1);
    }
    strides
}

/// Bytes of a tensor. A shape whose nonzero dimensions alone overflow is
/// refused even when the tensor is empty: strides are products of them.
fn byte_count(element: Element, shape: &[usize]) -> Result<usize, String> {
    if shape.len() > MAX_RANK {
        return Err(format!(
            "has {} dimensions, more than {MAX_RANK} are not supported",
            shape.len()
        ));
    }
    let nonzero = shape.iter().try_fold(element.size(), |product, &dim| {
        product.checked_mul(dim.max(1))
    });
    match nonzero {
        None => Err(format!("has an impossible shape {shape:?}")),
        Some(_) if shape.contains(&0) => Ok(0),
        Some(bytes) => Ok(bytes),
    }
}

/// One past the last element that a view without empty dimensions reaches,
/// or nothing when that overflows.
fn end_of_view(shape: &[usize], strides: &[usize], offset: usize) -> Option<usize> {
    let mut end = offset.checked_add(1)?;
    for (&dim, &stride) in shape.iter().zip(strides) {
        end = end.checked_add((dim - 1).checked_mul(stride)?)?;
    }
    Some(end)
}
