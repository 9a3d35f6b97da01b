//! Batch jobs: many files, nothing lost, nothing done twice.
//!
//! ```text
//! Input → Block → segments → Outcome → Frame → final file
//! input   format   window    window    journal  assemble
//! ```
//!
//! A [`Job`] reads its inputs block by block, translates some blocks at a time (a
//! window), and appends the bytes of the output to a journal for each input. An
//! input that is translated whole is assembled: counted, compressed, moved to its
//! place. Memory holds one window. What a run finds in the journals is not done
//! again, and as blocks depend on the input only, the output does not depend on
//! where a run was interrupted.
//!
//! All state is in `OUT/.dolmetsch/`: `lock`, `manifest.json` (what the job was
//! begun with), `journal/N` (input N), `finished` (inputs in their places),
//! `rejected/N` and `rejected/joined` (what they were joined to), `new/` (files
//! that have no name yet), `cache`, and `shards/K-of-N/` with the same for each
//! shard.

mod assemble;
mod block;
mod cache;
mod compression;
mod content;
mod finish;
mod format;
mod gathered;
mod input;
mod journal;
mod line;
mod lock;
mod manifest;
mod merge;
mod prepare;
mod rejected;
mod run;
mod shard;
mod state;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;

pub use compression::Compression;
pub use format::{Format, Reading};
pub use input::{Found, Input, find};
pub use manifest::{ModelIdentity, TargetIdentity};
pub use merge::merge;
pub use shard::Shard;

use crate::error::{Error, Result};
use crate::language::Language;
use crate::translation::Translation;

/// One translation for each segment, in their order.
pub type Translate<'a> = dyn Fn(&[&str]) -> Result<Vec<Translation>> + 'a;

/// A language to translate into.
pub struct Target<'a> {
    /// The language.
    pub language: Language,
    /// What translates, beyond doubt.
    pub identity: TargetIdentity,
    /// What translates.
    pub translate: Box<Translate<'a>>,
}

/// Where segments that come again are looked up.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// A folder that several jobs share; by default the job has a cache of its
    /// own, which is removed with its last file.
    pub folder: Option<PathBuf>,
    /// Its size in bytes; 0 = no cache.
    pub bytes: u64,
}

/// Files to translate, and how.
pub struct Job<'a> {
    /// What [`find`] has found.
    pub inputs: Vec<Input>,
    /// The output folder.
    pub output: PathBuf,
    /// How the inputs are read.
    pub reading: Reading,
    /// What the inputs are translated into.
    pub targets: Vec<Target<'a>>,
    /// Options by name that make a difference to the translation of a segment; a
    /// job does not go on with others.
    pub search: BTreeMap<String, Value>,
    /// Those of `reading`.
    pub reading_options: BTreeMap<String, Value>,
    /// Segments that are translated together, …
    pub window: usize,
    /// … or fewer, but not than these, where that takes longer than a checkpoint.
    /// As many where a translation depends on what it is computed with.
    pub smallest_window: usize,
    /// The time between two moments at which all is on the disk.
    pub checkpoint: Duration,
    /// The part of the job that is done here.
    pub shard: Shard,
    /// Forgets what an earlier run has done.
    pub restart: bool,
    /// Where segments that come again are looked up.
    pub cache: CacheOptions,
    /// Set from outside, ends the run after the window in work.
    pub stop: &'a AtomicBool,
}

/// Segments, counted once for each target.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Found in the journal of an earlier run.
    pub skipped: u64,
    /// Given to the engine.
    pub translated: u64,
    /// Found in the cache, or more than once in a window.
    pub repeated: u64,
    /// Records and segments without a translation, in all runs.
    pub rejected: u64,
    /// Of those given to the engine, the ones whose translations need a look.
    pub flagged: u64,
    /// Tokens of the translations of this run.
    pub tokens: u64,
}

/// How far a job is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What was done.
    pub counts: Counts,
    /// The input that is being translated.
    pub file: &'a Path,
    /// Bytes of it that are read, of …
    pub file_bytes: u64,
    /// … its size.
    pub file_size: u64,
    /// Bytes of all inputs that are read.
    pub bytes: u64,
    /// Of those, bytes that an earlier run has read.
    pub skipped_bytes: u64,
    /// Bytes of all inputs.
    pub size: u64,
    /// Inputs that are finished, of …
    pub files_done: usize,
    /// … so many.
    pub files: usize,
}

/// What happens while a job runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// A window is done.
    Progress(Progress<'a>),
    /// Something that a person should know.
    Note(&'a str),
    /// Something that even those should know who want no notes.
    Warning(&'a str),
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Summary {
    /// What was done.
    pub counts: Counts,
    /// Inputs that are finished.
    pub files: usize,
    /// Inputs that could not be read to their end, and why.
    pub failed: Vec<Error>,
    /// Whether it was stopped.
    pub interrupted: bool,
}

/// The file in the output folder with the records that have no translation.
pub const REJECTED: &str = "rejected.jsonl";
