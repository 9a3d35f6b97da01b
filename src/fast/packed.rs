//! One block of memory, in RAM or a mapped file, that holds all weights.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::Pod;
use memmap2::Mmap;

use super::simd::Lanes;

/// What sections are aligned to: a cache line, and the largest vector.
pub const ALIGNMENT: usize = 64;

/// Where numbers of type `T` lie in a block.
pub struct Section<T> {
    bytes: Range<usize>,
    numbers: PhantomData<T>,
}

impl<T> Clone for Section<T> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            numbers: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Section<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt(f)
    }
}

/// Hands out sections, one behind the other.
#[derive(Debug, Default)]
pub struct Layout {
    end: usize,
}

impl Layout {
    pub fn reserve<T: Pod>(&mut self, count: usize) -> Section<T> {
        let start = self.end;
        let bytes = count * size_of::<T>();
        self.end = (start + bytes).next_multiple_of(ALIGNMENT);
        Section {
            bytes: start..start + bytes,
            numbers: PhantomData,
        }
    }

    /// Bytes of all sections.
    pub fn bytes(&self) -> usize {
        self.end
    }
}

/// A block that is being filled.
pub struct Block(Vec<Lanes>);

impl Block {
    /// Zeros.
    pub fn new(bytes: usize) -> Self {
        Self(vec![Lanes::ZERO; bytes.div_ceil(ALIGNMENT)])
    }

    pub fn section<T: Pod>(&mut self, section: &Section<T>) -> &mut [T] {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.0);
        bytemuck::cast_slice_mut(&mut bytes[section.bytes.clone()])
    }

    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// A block that is complete.
#[derive(Debug)]
pub struct Weights(Memory);

#[derive(Debug)]
enum Memory {
    Owned(Vec<Lanes>),
    /// A file, and where the block begins: a multiple of [`ALIGNMENT`].
    Mapped(Mmap, usize),
}

impl From<Block> for Weights {
    fn from(block: Block) -> Self {
        Self(Memory::Owned(block.0))
    }
}

impl Weights {
    /// A block in a mapped file, from a byte that is a multiple of [`ALIGNMENT`].
    pub(crate) fn mapped(map: Mmap, start: usize) -> Self {
        Self(Memory::Mapped(map, start))
    }

    pub fn section<T: Pod>(&self, section: &Section<T>) -> &[T] {
        let bytes = match &self.0 {
            Memory::Owned(lanes) => bytemuck::cast_slice(lanes),
            Memory::Mapped(map, start) => &map[*start..],
        };
        bytemuck::cast_slice(&bytes[section.bytes.clone()])
    }
}
