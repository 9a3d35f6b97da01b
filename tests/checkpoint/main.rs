//! Weights files: what is read from good ones, and that bad ones are refused
//! with an error, no panic, and little memory.
//!
//! `tests/fixtures/checkpoints` is written by `scripts/fixtures/checkpoints.py`
//! with torch, and says which version.

mod allocator;
mod crafted;
mod damaged;
mod values;

use std::path::{Path, PathBuf};

/// The same tensors in every format and variety.
const FORMATS: [&str; 7] = [
    "tensors.safetensors",
    "tensors.zip.bin",
    "tensors.legacy.bin",
    "protocol4.zip.bin",
    "protocol4.legacy.bin",
    "unchecked.zip.bin",
    "repacked.zip.bin",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/checkpoints")
        .join(name)
}
