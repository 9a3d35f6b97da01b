//! What a job was begun with, so that it goes on with nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::format::{Format, Reading};
use super::input::Input;
use super::state::sync_parent;
use crate::error::{Error, Result};
use crate::hub::sha256;
use crate::language::Language;
use crate::reader::Layout;

/// Differences, or shards, that a message names; the rest is counted.
const NAMED: usize = 5;

/// Everything that the output depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this program.
    pub version: String,
    /// For each target its language and models.
    pub targets: Vec<TargetIdentity>,
    /// Options by name, with the values that make a difference.
    pub options: BTreeMap<String, Value>,
    /// `K/N`; none for the whole job.
    pub shard: Option<String>,
    /// The inputs in the order in which they are translated.
    pub(super) inputs: Vec<InputIdentity>,
}

/// What translates into a language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetIdentity {
    /// Code of the language.
    pub language: String,
    /// The model, or both.
    pub models: Vec<ModelIdentity>,
}

/// A model, beyond doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Its name.
    pub name: String,
    /// Its commit.
    pub revision: String,
    /// Its target tag.
    pub tag: Option<String>,
    /// Name and SHA-256 of each of its files.
    pub files: BTreeMap<String, String>,
}

/// An input as it was when it was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputIdentity {
    /// [`Input::relative`].
    pub(super) name: String,
    /// Where it was seen last.
    path: String,
    format: Format,
    pub(super) identity: FileIdentity,
}

/// A file's content. A file of the same size and time is believed to be the
/// same; if the time differs, it is read. Times are compared for equality only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileIdentity {
    pub(super) bytes: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    pub(super) sha256: String,
}

impl FileIdentity {
    /// Reads a file.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let read = || {
            let mut file = File::open(path)?;
            let (bytes, modified) = stat(&file.metadata()?);
            let sha256 = sha256(&mut file)?;
            Ok(Self {
                bytes,
                modified,
                sha256,
            })
        };
        read().map_err(Error::io("read", path))
    }

    /// The file as it is now; read only if it may have changed.
    pub(super) fn now(&self, path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if stat(&metadata) == (self.bytes, self.modified) {
            return Ok(self.clone());
        }
        Self::of(path)
    }

    /// Whether the content is the same.
    pub(super) fn has_content_of(&self, other: &Self) -> bool {
        (self.bytes, &self.sha256) == (other.bytes, &other.sha256)
    }
}

/// Size and time of a file.
fn stat(metadata: &fs::Metadata) -> (u64, i128) {
    let modified = metadata
        .modified()
        .map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        });
    (metadata.len(), modified)
}

impl Manifest {
    /// Reads the manifest of a job; `None` when there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let json = match fs::read(path) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let manifest = serde_json::from_slice(&json).map_err(|error| {
            Error::Mismatch(format!(
                "{} is damaged or of another version of this program: {error} (--restart begins the job anew)",
                path.display()
            ))
        })?;
        Ok(Some(manifest))
    }

    /// Writes the manifest, all of it or nothing.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let new = path.with_extension("new");
        let json = serde_json::to_vec_pretty(self).expect("names and numbers are JSON");
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&json)?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            sync_parent(path)
        };
        write().map_err(Error::io("write", path))
    }

    /// The identities of the inputs: what this manifest knows of them is not
    /// read again unless it may have changed.
    pub(super) fn identify(known: Option<&Self>, inputs: &[Input]) -> Result<Vec<InputIdentity>> {
        let known: BTreeMap<&str, &FileIdentity> = known
            .iter()
            .flat_map(|manifest| &manifest.inputs)
            .map(|input| (input.name.as_str(), &input.identity))
            .collect();
        let identify = |input: &Input| {
            let name = input.relative.to_string_lossy().into_owned();
            // Shards may be joined from another folder.
            let absolute = std::path::absolute(&input.path);
            let absolute = absolute.map_err(Error::io("read", &input.path))?;
            let identity = match known.get(name.as_str()) {
                Some(identity) => identity.now(&input.path)?,
                None => FileIdentity::of(&input.path)?,
            };
            Ok(InputIdentity {
                name,
                path: absolute.to_string_lossy().into_owned(),
                format: input.format,
                identity,
            })
        };
        inputs.iter().map(identify).collect()
    }

    /// The inputs.
    pub(super) fn inputs(&self) -> Vec<Input> {
        let input = |input: &InputIdentity| Input {
            path: PathBuf::from(&input.path),
            relative: PathBuf::from(&input.name),
            format: input.format,
            compression: Format::of_name(input.name.as_ref())
                .and_then(|(_, compression)| compression),
        };
        self.inputs.iter().map(input).collect()
    }

    /// The languages of the targets.
    pub(super) fn languages(&self) -> Result<Vec<Language>> {
        let language = |target: &TargetIdentity| {
            let code = target.language.parse::<Language>();
            code.map_err(|error| damaged(&error))
        };
        self.targets.iter().map(language).collect()
    }

    /// What writing needs to know of the reading.
    pub(super) fn reading(&self) -> Result<Reading> {
        let option = |name: &str| self.options.get(name).cloned().unwrap_or_default();
        let encoding = option("--encoding");
        let encoding = encoding.as_str().unwrap_or("auto").parse();
        Ok(Reading {
            encoding: encoding.map_err(|error| damaged(&error))?,
            layout: Layout::Lines,
            field: option("--field").as_str().unwrap_or_default().to_owned(),
            column: 1,
            keep_source: option("--keep-source").as_bool().unwrap_or_default(),
            targets: self.languages()?,
            max_record: 0,
        })
    }

    /// Refuses to join a shard that was begun with something else.
    pub(super) fn check_shard(&self, shard: &Self, folder: &Path) -> Result<()> {
        let differences = self.differences(shard);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "{} was begun with something else than the first shard: {} (run it again with --restart and the options of the others)",
            folder.display(),
            named(&differences)
        )))
    }

    /// Refuses to go on with a job that was begun with something else.
    pub(super) fn check(&self, now: &Self) -> Result<()> {
        let differences = self.differences(now);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "this job was begun with something else: {} (put that back and run the same command, choose another --output-dir, or begin anew with --restart)",
            named(&differences)
        )))
    }

    /// The targets, whose models are called as they are now if they have the same
    /// files: a folder may lie elsewhere.
    fn named_as(&self, now: &Self) -> Vec<TargetIdentity> {
        let mut targets = self.targets.clone();
        for (target, now) in targets.iter_mut().zip(&now.targets) {
            for (model, now) in target.models.iter_mut().zip(&now.models) {
                if model.files == now.files {
                    model.name.clone_from(&now.name);
                }
            }
        }
        targets
    }

    fn differences(&self, now: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, before: &Value, now: &Value| {
            compare_values(what, before, now, &mut differences);
        };
        compare("version", &json(&self.version), &json(&now.version));
        compare("targets", &json(&self.named_as(now)), &json(&now.targets));
        compare("", &json(&self.options), &json(&now.options));
        compare("shard", &json(&self.shard), &json(&now.shard));
        let by_name = |manifest: &Self| -> BTreeMap<String, FileIdentity> {
            let inputs = manifest.inputs.iter().cloned();
            inputs.map(|input| (input.name, input.identity)).collect()
        };
        let (before, after) = (by_name(self), by_name(now));
        for (name, input) in &before {
            match after.get(name) {
                None => differences.push(format!("input {name} is gone")),
                Some(other) if other.bytes != input.bytes => differences.push(format!(
                    "input {name} had {} bytes and has {}",
                    input.bytes, other.bytes
                )),
                Some(other) if other.sha256 != input.sha256 => {
                    differences.push(format!("input {name} was edited"));
                }
                Some(_) => {}
            }
        }
        let new = after.keys().filter(|name| !before.contains_key(*name));
        differences.extend(new.map(|name| format!("input {name} is new")));
        differences
    }
}

fn damaged(reason: &impl std::fmt::Display) -> Error {
    Error::Mismatch(format!("the manifest is damaged: {reason}"))
}

/// The first differences, and how many more there are.
/// The first few, separated by `; `, and how many more there are.
pub(super) fn named(all: &[String]) -> String {
    let named = all[..all.len().min(NAMED)].join("; ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Names the leaves in which two values differ.
fn compare_values(what: &str, before: &Value, now: &Value, differences: &mut Vec<String>) {
    let join = |key: &str| match what {
        "" => key.to_owned(),
        _ => format!("{what}.{key}"),
    };
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            let keys: std::collections::BTreeSet<&String> =
                before.keys().chain(now.keys()).collect();
            for key in keys {
                let (before, now) = (before.get(key), now.get(key));
                let (before, now) = (before.unwrap_or(&Value::Null), now.unwrap_or(&Value::Null));
                compare_values(&join(key), before, now, differences);
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (index, (before, now)) in before.iter().zip(now).enumerate() {
                compare_values(&join(&index.to_string()), before, now, differences);
            }
        }
        _ if before == now => {}
        _ => differences.push(format!("{what} was {before} and is {now}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(beam: u64, inputs: &[(&str, u64, &str)]) -> Manifest {
        let input = |&(name, bytes, sha256): &(&str, u64, &str)| InputIdentity {
            name: name.to_owned(),
            path: name.to_owned(),
            format: Format::Text,
            identity: FileIdentity {
                bytes,
                modified: i128::from(beam),
                sha256: sha256.to_owned(),
            },
        };
        Manifest {
            version: "1".to_owned(),
            targets: vec![TargetIdentity {
                language: "en".to_owned(),
                models: Vec::new(),
            }],
            options: [("--beam".to_owned(), beam.into())].into(),
            shard: None,
            inputs: inputs.iter().map(input).collect(),
        }
    }

    #[test]
    fn what_changed_is_said() {
        let begun = manifest(4, &[("a", 10, "x"), ("b", 10, "x"), ("c", 10, "x")]);
        assert!(begun.check(&begun).is_ok());
        let now = manifest(1, &[("a", 7, "x"), ("b", 10, "y"), ("d", 1, "z")]);
        let error = begun.check(&now).unwrap_err();
        assert_eq!(error.exit_code(), 6);
        let message = error.to_string();
        for part in [
            "--beam was 4 and is 1",
            "input a had 10 bytes and has 7",
            "input b was edited",
            "input c is gone",
            "input d is new",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_model_is_its_files_and_not_its_name() {
        let with = |name: &str, hash: &str| {
            let mut manifest = manifest(4, &[]);
            manifest.targets[0].models.push(ModelIdentity {
                name: name.to_owned(),
                revision: "local".to_owned(),
                tag: None,
                files: [("weights".to_owned(), hash.to_owned())].into(),
            });
            manifest
        };
        assert!(with("./m", "x").check(&with("/m", "x")).is_ok());
        let error = with("./m", "x").check(&with("./m", "y")).unwrap_err();
        assert!(error.to_string().contains("files.weights was"), "{error}");
    }

    #[test]
    fn a_file_that_was_only_touched_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "eins\n").unwrap();
        let before = FileIdentity::of(&path).unwrap();
        let long_ago = UNIX_EPOCH - std::time::Duration::from_secs(5);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        let touched = before.now(&path).unwrap();
        assert!(touched.has_content_of(&before) && touched != before);
        std::fs::write(&path, "zwei\n").unwrap();
        assert!(!before.now(&path).unwrap().has_content_of(&before));
    }
}
