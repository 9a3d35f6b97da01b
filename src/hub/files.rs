//! Which files make a model.

use std::path::{Path, PathBuf};

use super::{RepoId, Revision};
use crate::Error;
use crate::tokenizer::has_separate_vocabularies;

pub(super) const CONFIG: &str = "config.json";
const SOURCE_SPM: &str = "source.spm";
const TARGET_SPM: &str = "target.spm";
const VOCAB: &str = "vocab.json";
const GENERATION_CONFIG: &str = "generation_config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(super) const TARGET_VOCAB: &str = "target_vocab.json";

/// Needed besides `config.json` and the weights.
pub(super) const TOKENIZER: &[&str] = &[SOURCE_SPM, TARGET_SPM, VOCAB];
/// Used if the repository has them.
pub(super) const OPTIONAL: &[&str] = &[TOKENIZER_CONFIG, GENERATION_CONFIG];
/// What `transformers` looks for, in its order.
const WEIGHTS: &[&str] = &["model.safetensors", "pytorch_model.bin"];

/// A model on the Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteModel {
    /// The catalogue's name, for messages; `owner/name` without one.
    name: String,
    /// The repository.
    pub repo: RepoId,
    /// Which version of it.
    pub revision: Revision,
    /// Weights files, the preferred one first.
    pub weights: Vec<String>,
    /// What the first of them must be, when the manifest pins it.
    sha256: Option<String>,
}

impl RemoteModel {
    /// The model at `main` of a repository.
    #[must_use]
    pub fn new(repo: RepoId) -> Self {
        Self {
            name: repo.to_string(),
            repo,
            revision: Revision::default(),
            weights: WEIGHTS.iter().map(|&file| file.to_owned()).collect(),
            sha256: None,
        }
    }

    /// The same under a name of the catalogue, whose manifest names the
    /// weights. Should they be gone, the usual names are tried.
    #[must_use]
    pub(crate) fn named(
        mut self,
        name: &str,
        revision: Revision,
        weights: &str,
        sha256: Option<String>,
    ) -> Self {
        name.clone_into(&mut self.name);
        self.revision = revision;
        self.weights.retain(|file| file != weights);
        self.weights.insert(0, weights.to_owned());
        self.sha256 = sha256;
        self
    }

    /// The hash that the manifest pins a file to.
    pub(super) fn pinned(&self, file: &str) -> Option<&str> {
        let sha256 = self.sha256.as_deref()?;
        (self.weights.first()? == file).then_some(sha256)
    }

    /// What the user calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The files of a model on this disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// `owner/name`, or the folder.
    pub name: String,
    /// The commit that the files are from; `None` for a folder.
    pub revision: Option<String>,
    /// `config.json`.
    pub config: PathBuf,
    /// `source.spm`.
    pub source_spm: PathBuf,
    /// `target.spm`.
    pub target_spm: PathBuf,
    /// `vocab.json`.
    pub vocab: PathBuf,
    /// `target_vocab.json`, where the two languages have their own.
    pub target_vocab: Option<PathBuf>,
    /// `tokenizer_config.json`.
    pub tokenizer_config: Option<PathBuf>,
    /// `generation_config.json`.
    pub generation_config: Option<PathBuf>,
    /// `model.safetensors` or `pytorch_model.bin`.
    pub weights: PathBuf,
}

impl ModelFiles {
    /// The files of a model in a folder of the user's.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`] naming the first file that is missing.
    pub fn from_folder(folder: &Path) -> crate::Result<Self> {
        let weights: Vec<String> = WEIGHTS.iter().map(|&file| file.to_owned()).collect();
        Self::find(folder, &weights).map_err(|missing| {
            Error::UnknownModel(format!(
                "no model in {}: {missing} is missing (the folder must hold {CONFIG}, {SOURCE_SPM}, {TARGET_SPM}, {VOCAB} and {})",
                folder.display(),
                WEIGHTS.join(" or "),
            ))
        })
    }

    /// All of them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let needed = [
            &self.config,
            &self.source_spm,
            &self.target_spm,
            &self.vocab,
            &self.weights,
        ];
        let optional = [
            &self.target_vocab,
            &self.tokenizer_config,
            &self.generation_config,
        ];
        let optional = optional.into_iter().filter_map(Option::as_ref);
        needed.into_iter().chain(optional).map(PathBuf::as_path)
    }

    /// The files in `folder`, or the name of the one that is missing.
    pub(super) fn find(folder: &Path, weights: &[String]) -> Result<Self, String> {
        let optional = |file: &str| Some(folder.join(file)).filter(|path| path.is_file());
        let needed = |file: &str| optional(file).ok_or_else(|| file.to_owned());
        Ok(Self {
            name: folder.display().to_string(),
            revision: None,
            config: needed(CONFIG)?,
            source_spm: needed(SOURCE_SPM)?,
            target_spm: needed(TARGET_SPM)?,
            vocab: needed(VOCAB)?,
            target_vocab: if has_target_vocabulary(folder) {
                Some(needed(TARGET_VOCAB)?)
            } else {
                None
            },
            tokenizer_config: optional(TOKENIZER_CONFIG),
            generation_config: optional(GENERATION_CONFIG),
            weights: weights
                .iter()
                .find_map(|file| optional(file))
                .ok_or_else(|| weights.join(" or "))?,
        })
    }

    /// The folder that holds them.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new("."))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<&PathBuf> {
        let needed = [
            &self.config,
            &self.source_spm,
            &self.target_spm,
            &self.vocab,
            &self.weights,
        ];
        let optional = [
            &self.target_vocab,
            &self.tokenizer_config,
            &self.generation_config,
        ];
        needed
            .into_iter()
            .chain(optional.into_iter().flatten())
            .collect()
    }
}

/// Whether `tokenizer_config.json` says that the target language has a
/// vocabulary of its own.
pub(super) fn has_target_vocabulary(folder: &Path) -> bool {
    has_separate_vocabularies(folder).unwrap_or(false)
}
