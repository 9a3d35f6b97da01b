//! The shards of a job, joined: the same files as from one machine.

use std::fs;
use std::path::{Path, PathBuf};

use super::finish::{Parts, write_rejected};
use super::input::Input;
use super::journal::{self, Written};
use super::lock::Lock;
use super::manifest::{Manifest, named};
use super::state::{self, State};
use super::{Event, Shard, Summary};
use crate::error::{Error, Result};

/// Joins the shards of the job in `output`.
///
/// # Errors
///
/// [`Error::Mismatch`] when a shard is missing, has not finished, or was begun
/// with something else; [`Error::Busy`] when one is still at work.
pub fn merge(output: &Path, observe: &mut dyn FnMut(Event)) -> Result<Summary> {
    let folder = output.join(state::FOLDER);
    if !folder.is_dir() {
        return Err(Error::Mismatch(format!(
            "{} holds no job (name the --output-dir of the shards)",
            output.display()
        )));
    }
    let _lock = Lock::exclusive(&folder.join("lock"))?;
    let shards = shards(output, &folder)?;
    let manifest = manifest(&folder, &shards)?;
    let inputs = manifest.inputs();
    let counts = counts(&shards, &inputs)?;
    begin(output, &folder, &manifest, &inputs)?;
    let mut state = State::open(&folder, inputs.len())?;
    let targets = manifest.languages()?;
    let reading = manifest.reading()?;
    let parts = Parts {
        inputs: &inputs,
        output,
        reading: &reading,
        targets: &targets,
        manifest: &manifest,
    };
    let mut summary = Summary::default();
    for (file, &(segments, rejected)) in counts.iter().enumerate() {
        if state.finished[file].is_none() {
            let journals: Vec<PathBuf> = shards
                .iter()
                .map(|shard| journal::path(shard, file))
                .collect();
            parts.finish(file, &journals, &mut state, (segments, rejected))?;
        }
        summary.files += 1;
        summary.counts.skipped += segments * targets.len() as u64;
        summary.counts.rejected += rejected;
        observe(Event::Note(&format!(
            "joined {}",
            inputs[file].relative.display()
        )));
    }
    write_rejected(output, &inputs, &state, observe)?;
    // A removal that is killed half-way must not look like missing shards.
    let (shards, joined) = (
        folder.join(state::SHARDS),
        folder.join("new").join(state::SHARDS),
    );
    fs::rename(&shards, &joined)
        .and_then(|()| fs::remove_dir_all(&joined))
        .map_err(Error::io("remove", &shards))?;
    Ok(summary)
}

/// The folders of all shards, in their order.
fn shards(output: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let shards = folder.join(state::SHARDS);
    let found: Vec<Shard> = match fs::read_dir(&shards) {
        Err(_) if folder.join(state::MANIFEST).exists() => {
            return Err(Error::Mismatch(format!(
                "{} has no shards: it is the job of one machine, or joined already",
                output.display()
            )));
        }
        Err(error) => return Err(Error::io("read", &shards)(error)),
        Ok(entries) => entries
            .filter_map(|entry| Shard::from_folder(entry.ok()?.file_name().to_str()?))
            .collect(),
    };
    let Some(count) = found.first().map(|shard| shard.count()) else {
        return Err(Error::Mismatch(format!(
            "{} has no shards (run them with --shard and the same --output-dir, or copy their folders here)",
            shards.display()
        )));
    };
    if let Some(other) = found.iter().find(|shard| shard.count() != count) {
        return Err(Error::Mismatch(format!(
            "{} has shards of {count} and of {} (remove those that do not belong to the job)",
            shards.display(),
            other.count()
        )));
    }
    let missing: Vec<String> = Shard::all(count)
        .filter(|shard| !found.contains(shard))
        .map(|shard| shard.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(Error::Mismatch(format!(
            "shards are missing in {}: {} (run them with --shard and the same --output-dir, or copy their folders here)",
            shards.display(),
            named(&missing)
        )));
    }
    Ok(Shard::all(count)
        .map(|shard| shards.join(shard.folder()))
        .collect())
}

/// What all shards were begun with.
fn manifest(folder: &Path, shards: &[PathBuf]) -> Result<Manifest> {
    let mut common: Option<Manifest> = None;
    for shard in shards {
        let path = shard.join(state::MANIFEST);
        let found = Manifest::read(&path)?;
        let mut found = found.ok_or_else(|| {
            Error::Mismatch(format!(
                "{} is missing: this shard has not begun",
                path.display()
            ))
        })?;
        found.shard = None;
        match &common {
            None => common = Some(found),
            Some(common) => common.check_shard(&found, shard)?,
        }
    }
    common.ok_or_else(|| Error::Mismatch(format!("{} has no shards", folder.display())))
}

/// For each input its segments and rejected records; all shards must have all of
/// theirs.
fn counts(shards: &[PathBuf], inputs: &[Input]) -> Result<Vec<(u64, u64)>> {
    let mut counts = vec![(0, 0); inputs.len()];
    let mut unfinished = Vec::new();
    for shard in shards {
        let mut missing = 0;
        for (file, counts) in counts.iter_mut().enumerate() {
            let Written {
                segments, rejected, ..
            } = match journal::written(&journal::path(shard, file))? {
                written if written.is_complete() => written,
                _ => {
                    missing += 1;
                    continue;
                }
            };
            counts.0 += segments;
            counts.1 += rejected;
        }
        if missing > 0 {
            let name = shard.file_name().unwrap_or_default().to_string_lossy();
            let name = name.replace("-of-", "/");
            unfinished.push(format!("{name} ({missing} of {} files)", inputs.len()));
        }
    }
    if unfinished.is_empty() {
        return Ok(counts);
    }
    Err(Error::Mismatch(format!(
        "shards are not finished: {} (run the same commands for them again)",
        named(&unfinished)
    )))
}

/// Makes the folder that of a whole job, unless an earlier merge has.
fn begin(output: &Path, folder: &Path, manifest: &Manifest, inputs: &[Input]) -> Result<()> {
    let path = folder.join(state::MANIFEST);
    if let Some(begun) = Manifest::read(&path)? {
        return begun.check(manifest);
    }
    super::prepare::refuse_foreign_outputs(output, inputs, &manifest.languages()?)?;
    manifest.write(&path)
}
