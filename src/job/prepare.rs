//! Before a job begins or goes on: locks, manifest, cache, and a look at what is
//! there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::cache::{Cache, Context};
use super::finish::is_own_rejected;
use super::input::Input;
use super::lock::Lock;
use super::manifest::Manifest;
use super::state::{self, Finished, State};
use super::{Event, Job, REJECTED, Shard, Target};
use crate::error::{Error, Result};
use crate::language::Language;

impl Job<'_> {
    /// A shard shares the folder with other shards, but not with a whole job.
    pub(super) fn lock(&self, folder: &Path) -> Result<Vec<Lock>> {
        let state = self.output.join(state::FOLDER);
        let whole = state.join("lock");
        if self.shard == Shard::default() {
            if folder.join(state::SHARDS).exists() && !self.restart {
                return Err(Error::Mismatch(format!(
                    "{} holds shards of a job (join them with `dolmetsch batch --merge {0}`, or begin anew with --restart)",
                    self.output.display()
                )));
            }
            return Ok(vec![Lock::exclusive(&whole)?]);
        }
        let locked = Lock::shared(&whole)?;
        if state.join(state::MANIFEST).exists() {
            return Err(Error::Mismatch(format!(
                "{} is the job of one machine, or its shards are joined already (choose another --output-dir for shards)",
                self.output.display()
            )));
        }
        state::make_folder(folder)?;
        Ok(vec![locked, Lock::exclusive(&folder.join("lock"))?])
    }

    /// What the job is begun, or goes on, with.
    pub(super) fn manifest(&self, folder: &Path) -> Result<Manifest> {
        let path = folder.join(state::MANIFEST);
        let begun = Manifest::read(&path)?;
        let whole = self.shard == Shard::default();
        let now = Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            targets: self.targets.iter().map(|t| t.identity.clone()).collect(),
            options: self
                .reading_options
                .iter()
                .chain(&self.search)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
            shard: (!whole).then(|| self.shard.to_string()),
            inputs: Manifest::identify(begun.as_ref(), &self.inputs)?,
        };
        match &begun {
            Some(begun) => begun.check(&now)?,
            None if !self.restart => {
                refuse_foreign_state(folder)?;
                let targets: Vec<Language> = self.targets.iter().map(|t| t.language).collect();
                refuse_foreign_outputs(&self.output, &self.inputs, &targets)?;
            }
            None => {}
        }
        if begun.as_ref() != Some(&now) {
            now.write(&path)?;
        }
        Ok(now)
    }

    /// What a translation depends on besides its text.
    pub(super) fn contexts(&self) -> Vec<Context> {
        let context = |target: &Target| {
            let context = serde_json::json!([
                env!("CARGO_PKG_VERSION"),
                target.identity.language,
                target
                    .identity
                    .models
                    .iter()
                    .map(|model| (&model.revision, &model.tag, &model.files))
                    .collect::<Vec<_>>(),
                self.search,
            ]);
            Context::new(&context.to_string())
        };
        self.targets.iter().map(context).collect()
    }

    pub(super) fn open_cache(
        &self,
        folder: &Path,
        observe: &mut dyn FnMut(Event),
    ) -> Option<Cache> {
        if self.cache.bytes == 0 {
            return None;
        }
        let path = match &self.cache.folder {
            Some(folder) => folder.join("dolmetsch-segments"),
            None => folder.join("cache"),
        };
        let parent = path.parent().unwrap_or(folder);
        let opened = fs::create_dir_all(parent).and_then(|()| Cache::open(&path, self.cache.bytes));
        match opened {
            Ok((cache, replaced)) => {
                if replaced {
                    observe(Event::Note(&format!(
                        "the cache {} was damaged or of another size; it starts empty",
                        path.display()
                    )));
                }
                if !cache.is_writable() {
                    observe(Event::Note(&format!(
                        "another process writes the cache {}; here it is only read",
                        path.display()
                    )));
                }
                Some(cache)
            }
            Err(error) => {
                observe(Event::Note(&format!(
                    "going on without the cache {}: {error}",
                    path.display()
                )));
                None
            }
        }
    }
}

/// Without its manifest, nobody knows what the state is that of.
fn refuse_foreign_state(folder: &Path) -> Result<()> {
    let has_entries =
        |name| fs::read_dir(folder.join(name)).is_ok_and(|mut all| all.next().is_some());
    if has_entries("journal") || folder.join(state::FINISHED).exists() {
        return Err(Error::Mismatch(format!(
            "{} has the state of a job, but its {} is gone (put it back, or begin anew with --restart)",
            folder.display(),
            state::MANIFEST
        )));
    }
    Ok(())
}

/// A new job does not write over files that are not its own.
pub(super) fn refuse_foreign_outputs(
    output: &Path,
    inputs: &[Input],
    targets: &[Language],
) -> Result<()> {
    let outputs = inputs
        .iter()
        .flat_map(|input| targets.iter().map(|&target| input.output(target)));
    for name in outputs.chain([REJECTED.into()]) {
        let output = output.join(name);
        if output.symlink_metadata().is_ok() {
            return Err(Error::Mismatch(format!(
                "{} is there already, and not from this job (move it away, choose another --output-dir, or replace it with --restart)",
                output.display()
            )));
        }
    }
    Ok(())
}

/// What the job in `output` has finished, by its path below that folder. The run
/// itself says what is wrong with a state that cannot be read.
pub(super) fn own_outputs(output: &Path) -> HashSet<PathBuf> {
    let folder = output.join(state::FOLDER);
    let mut own = HashSet::new();
    if is_own_rejected(output, &folder).unwrap_or_default() {
        own.insert(REJECTED.into());
    }
    let Ok(Some(manifest)) = Manifest::read(&folder.join(state::MANIFEST)) else {
        return own;
    };
    let (inputs, targets) = (manifest.inputs(), manifest.languages().unwrap_or_default());
    for done in state::finished(&folder, inputs.len()).iter().flatten() {
        let input = &inputs[done.file];
        own.extend(targets.iter().map(|&target| input.output(target)));
    }
    own
}

/// Translations that were finished must be what they were; those that are gone
/// are made again.
pub(super) fn check_outputs(
    job: &Job,
    state: &mut State,
    observe: &mut dyn FnMut(Event),
) -> Result<()> {
    for (file, input) in job.inputs.iter().enumerate() {
        let Some(finished) = state.finished[file].clone() else {
            continue;
        };
        let mut is_gone = false;
        for (target, known) in job.targets.iter().zip(&finished.outputs) {
            let path = job.output.join(input.output(target.language));
            if !path.exists() {
                is_gone = true;
            } else if !known.now(&path)?.has_content_of(known) {
                return Err(Error::Mismatch(format!(
                    "{} was edited after it was finished (keep it under another name and run the same command, which makes it again; or begin anew with --restart)",
                    path.display()
                )));
            }
        }
        if is_gone {
            observe(Event::Note(&format!(
                "a translation of {} is gone and is made again",
                input.path.display()
            )));
            state.note(Finished {
                outputs: Vec::new(),
                ..finished
            })?;
        }
    }
    Ok(())
}
