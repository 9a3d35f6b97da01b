//! An input that is translated whole gets its translations in their places.

use std::fs;
use std::path::{Path, PathBuf};

use super::assemble::{self, Blocks, Recount};
use super::format::Reading;
use super::input::Input;
use super::manifest::{FileIdentity, Manifest};
use super::state::{self, Finished, State};
use crate::error::{Error, Result};
use crate::language::Language;

/// What assembling needs to know of a job.
pub(super) struct Parts<'a> {
    pub(super) inputs: &'a [Input],
    pub(super) output: &'a Path,
    pub(super) reading: &'a Reading,
    pub(super) targets: &'a [Language],
    pub(super) manifest: &'a Manifest,
}

impl Parts<'_> {
    /// Puts the translations of an input in their places; `journals` are those of
    /// all shards.
    pub(super) fn finish(
        &self,
        file: usize,
        journals: &[PathBuf],
        state: &mut State,
        counts: (u64, u64),
    ) -> Result<()> {
        let input = &self.inputs[file];
        let recount = Recount::of(input, self.reading)?;
        recount.check(input, &self.manifest.inputs[file].identity)?;
        let new = state.new_file();
        let mut outputs = Vec::new();
        for (stream, &target) in self.targets.iter().enumerate() {
            let mut blocks = Blocks::open(input, file, journals, stream)?;
            let written = assemble::write(&mut blocks, target, self.reading, &recount, &new)?;
            let path = self.output.join(input.output(target));
            state::place(&written, &new, &path)?;
            outputs.push(FileIdentity::of(&path)?);
        }
        let (segments, rejected) = counts;
        if rejected > 0 {
            let mut blocks = Blocks::open(input, file, journals, self.targets.len())?;
            let mut written = fs::File::create(&new).map_err(Error::io("write", &new))?;
            assemble::copy(&mut blocks, &mut written, &new)?;
            state::place(&written, &new, &state.rejected(file))?;
        }
        state.note(Finished {
            file,
            segments,
            rejected,
            outputs,
        })
    }
}

/// Joins the rejected records of all inputs.
pub(super) fn write_rejected(output: &Path, state: &State) -> Result<()> {
    let path = output.join(super::REJECTED);
    let rejected = state
        .finished
        .iter()
        .flatten()
        .filter(|done| done.rejected > 0);
    let files: Vec<_> = rejected.map(|done| state.rejected(done.file)).collect();
    if files.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("write", &path)(error))
            }
            _ => Ok(()),
        };
    }
    let new = state.new_file();
    let mut joined = fs::File::create(&new).map_err(Error::io("write", &new))?;
    for file in files {
        assemble::append(&file, &mut joined)?;
    }
    state::place(&joined, &new, &path)
}
