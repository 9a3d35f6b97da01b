//! An input that is translated whole gets its translations in their places.

use std::fs;
use std::path::{Path, PathBuf};

use super::Event;
use super::assemble::{self, Blocks, Recount};
use super::format::Reading;
use super::input::Input;
use super::manifest::{FileIdentity, Manifest};
use super::rejected::first_reason;
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

/// Joins the rejected records of all inputs. If there are none, what an earlier
/// run has joined is removed, but no file that is not this job's. Warns of inputs
/// of which all records were rejected.
pub(super) fn write_rejected(
    output: &Path,
    inputs: &[Input],
    state: &State,
    observe: &mut dyn FnMut(Event),
) -> Result<()> {
    let path = output.join(super::REJECTED);
    let finished = state.finished.iter().flatten();
    let rejected: Vec<_> = finished.filter(|done| done.rejected > 0).collect();
    if rejected.is_empty() {
        return remove_rejected(output, state.folder());
    }
    let new = state.new_file();
    let mut joined = fs::File::create(&new).map_err(Error::io("write", &new))?;
    for done in &rejected {
        assemble::append(&state.rejected(done.file), &mut joined)?;
    }
    state::place(&joined, &new, &path)?;
    state::note_rejected(state.folder(), &FileIdentity::of(&path)?)?;
    for done in rejected.iter().filter(|done| done.segments == 0) {
        let list = state.rejected(done.file);
        let reason = first_reason(&list).map_err(Error::io("read", &list))?;
        observe(Event::Warning(&format!(
            "nothing in {} could be translated: {} records were rejected, the first because: {reason} (see {})",
            inputs[done.file].relative.display(),
            done.rejected,
            path.display()
        )));
    }
    Ok(())
}

/// Removes what [`write_rejected`] has joined for the job with its state in
/// `folder`.
pub(super) fn remove_rejected(output: &Path, folder: &Path) -> Result<()> {
    if !is_own_rejected(output, folder)? {
        return Ok(());
    }
    let path = output.join(super::REJECTED);
    fs::remove_file(&path).map_err(Error::io("write", &path))
}

/// Whether the rejected records in `output` are those that the job with its state
/// in `folder` has joined.
pub(super) fn is_own_rejected(output: &Path, folder: &Path) -> Result<bool> {
    let path = output.join(super::REJECTED);
    match state::noted_rejected(folder) {
        Some(known) if path.is_file() => Ok(known.now(&path)?.has_content_of(&known)),
        _ => Ok(false),
    }
}
