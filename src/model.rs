//! A model that is ready: tokenizer, engine, and what is known about it.

use std::fs::File;
use std::path::Path;

use crate::catalog::{Catalog, ModelSource, ModelSpec, Pair};
use crate::checkpoint::WeightsFile;
use crate::engine::{Engine, EngineChoice};
use crate::error::{Error, Result};
use crate::hub::{Hub, ModelFiles, OnProgress, sha256};
use crate::language::LanguagePair;
use crate::marian::{AttentionHead, Config, GenerationConfig};
use crate::tokenizer::{Normalization, Tokenizer};

#[cfg(feature = "builtin")]
const BUILTIN_WEIGHTS: &[u8] = include_bytes!("../models/builtin/model.safetensors");

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    /// `builtin`, the repository on the Hub, or the folder.
    pub name: String,
    /// Commit of the repository; the program's version for the built-in model,
    /// `local` for a folder.
    pub revision: String,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// The network.
    pub engine: Engine,
    /// The attention head that aligns words.
    pub alignment_head: AttentionHead,
    /// How its makers want it to be searched.
    pub generation: GenerationConfig,
    /// What it translates, if a manifest says so.
    pairs: Vec<Pair>,
    /// Where it comes from; `None` for the built-in model.
    files: Option<ModelFiles>,
}

impl Model {
    /// Loads a model of the catalogue, of the Hub or of a folder; what is not on
    /// this disk is fetched. For a [`Device`](crate::Device) the best engine is
    /// chosen.
    ///
    /// # Errors
    ///
    /// When the files cannot be had or used.
    pub fn load(
        source: &ModelSource,
        hub: &Hub,
        on_progress: &mut OnProgress<'_>,
        engine: impl Into<EngineChoice>,
    ) -> Result<Self> {
        let engine = &engine.into();
        match source {
            ModelSource::Folder(folder) => {
                Self::from_files(&ModelFiles::from_folder(folder)?, None, engine)
            }
            ModelSource::Repo(repo) => Self::from_files(&hub.get(repo, on_progress)?, None, engine),
            ModelSource::Catalog(spec) => match spec.remote() {
                Some(repo) => Self::from_files(&hub.get(&repo, on_progress)?, Some(spec), engine),
                None => Self::from_binary(spec, engine),
            },
        }
    }

    /// The model that is part of this library.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`] without the feature `builtin`.
    pub fn builtin(engine: impl Into<EngineChoice>) -> Result<Self> {
        Self::from_binary(Catalog::embedded()?.find("builtin")?, &engine.into())
    }

    /// Loads a folder in the layout of the Hub: `config.json`, `source.spm`,
    /// `target.spm`, `vocab.json`, and `model.safetensors` or
    /// `pytorch_model.bin`.
    ///
    /// # Errors
    ///
    /// When a file is missing or damaged, with the file named.
    pub fn from_folder(folder: &Path, engine: impl Into<EngineChoice>) -> Result<Self> {
        Self::from_files(&ModelFiles::from_folder(folder)?, None, &engine.into())
    }

    /// Loads the files of a model, with what its manifest knows about it.
    fn from_files(
        files: &ModelFiles,
        spec: Option<&ModelSpec>,
        engine: &EngineChoice,
    ) -> Result<Self> {
        let read = |path: &Path| std::fs::read(path).map_err(Error::io("read", path));
        let config_json = read(&files.config)?;
        let config = Config::from_json(&files.config, &config_json)?;
        let generation = match &files.generation_config {
            Some(path) => GenerationConfig::from_json(path, &read(path)?)?,
            None => GenerationConfig::from_json(&files.config, &config_json)?,
        };
        let weights = WeightsFile::Path(&files.weights);
        let (tokenizer, engine) = both(
            || Tokenizer::from_folder(files.folder()),
            || Engine::load(engine, weights, config, &generation, guided(spec)),
        )?;
        let model = Self {
            name: files.name.clone(),
            revision: files.revision.clone().unwrap_or_else(|| "local".to_owned()),
            engine,
            alignment_head: guided(spec),
            tokenizer: tokenizer
                .with_normalization(spec.map_or(Normalization::None, |spec| spec.normalization)),
            generation,
            pairs: spec.map_or_else(Vec::new, |spec| spec.pairs.clone()),
            files: Some(files.clone()),
        };
        model.check_vocabulary(&files.vocab)?;
        Ok(model)
    }

    /// The model that is part of the binary.
    #[cfg(feature = "builtin")]
    fn from_binary(spec: &ModelSpec, engine: &EngineChoice) -> Result<Self> {
        use crate::tokenizer::{NamedBytes, TokenizerFiles};
        macro_rules! file {
            ($name:literal) => {
                NamedBytes::new(
                    Path::new(concat!("builtin/", $name)),
                    include_bytes!(concat!(
                        env!("CARGO_MANIFEST_DIR"),
                        "/models/builtin/",
                        $name
                    )),
                )
            };
        }
        let tokenizer_files = TokenizerFiles {
            source_spm: file!("source.spm"),
            target_spm: file!("target.spm"),
            vocab: file!("vocab.json"),
            target_vocab: None,
        };
        let config = file!("config.json");
        let config = Config::from_json(config.name, config.bytes)?;
        let generation = file!("generation_config.json");
        let generation = GenerationConfig::from_json(generation.name, generation.bytes)?;
        let weights = WeightsFile::Static {
            name: "builtin/model.safetensors",
            bytes: BUILTIN_WEIGHTS,
        };
        let (tokenizer, engine) = both(
            || Tokenizer::from_files(tokenizer_files),
            || Engine::load(engine, weights, config, &generation, guided(Some(spec))),
        )?;
        Ok(Self {
            name: spec.name.clone(),
            revision: env!("CARGO_PKG_VERSION").to_owned(),
            engine,
            alignment_head: guided(Some(spec)),
            tokenizer: tokenizer.with_normalization(spec.normalization),
            generation,
            pairs: spec.pairs.clone(),
            files: None,
        })
    }

    /// Without the feature `builtin` there is none.
    #[cfg(not(feature = "builtin"))]
    fn from_binary(spec: &ModelSpec, _engine: &EngineChoice) -> Result<Self> {
        Err(Error::UnknownModel(format!(
            "this program was built without the model {} (build it with the feature `builtin`, or name another model)",
            spec.name
        )))
    }

    /// Name and SHA-256 of each file of the model as it is now: which model this
    /// is, also where no commit says so. Of the built-in one, the weights.
    ///
    /// # Errors
    ///
    /// When a file cannot be read any more.
    pub fn hashes(&self) -> Result<Vec<(String, String)>> {
        let Some(files) = &self.files else {
            return Ok(builtin_hashes());
        };
        let hash = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            File::open(path)
                .and_then(|mut file| sha256(&mut file))
                .map(|hash| (name.into_owned(), hash))
                .map_err(Error::io("read", path))
        };
        files.paths().map(hash).collect()
    }

    /// The tag that tells the model which language to translate into; `None`
    /// when it needs none, having one target only.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when the model does not translate this pair.
    pub fn target_tag(&self, languages: LanguagePair) -> Result<Option<String>> {
        if !self.pairs.is_empty() {
            return match self.pairs.iter().find(|pair| pair.languages() == languages) {
                Some(pair) => Ok(pair.tag.clone()),
                None => Err(Error::Options(format!(
                    "the model {} does not translate {languages} (it does {})",
                    self.name,
                    joined(self.pairs.iter().map(|pair| pair.languages().to_string()))
                ))),
            };
        }
        // Nothing is known of a folder but the tags in its vocabulary.
        let tags: Vec<&str> = self.tokenizer.tags().collect();
        if tags.is_empty() {
            return Ok(None);
        }
        let target = languages.target;
        let codes = [target.iso639_3(), Some(target.code())];
        let tag = codes
            .into_iter()
            .flatten()
            .map(|code| format!(">>{code}<<"))
            .find(|tag| tags.contains(&tag.as_str()));
        tag.map(Some).ok_or_else(|| {
            Error::Options(format!(
                "the model {} has no target language {target} (it has {})",
                self.name,
                joined(tags.iter().map(ToString::to_string))
            ))
        })
    }

    /// Every id that the tokenizer can give must have an embedding.
    fn check_vocabulary(&self, vocab: &Path) -> Result<()> {
        let (ids, embeddings) = (
            self.tokenizer.source_vocab_size(),
            self.engine.config().vocab_size,
        );
        if ids > embeddings {
            return Err(Error::model_file(
                vocab,
                format!(
                    "it has ids up to {}, but \"vocab_size\" in config.json is {embeddings}: the files do not belong together",
                    ids - 1
                ),
            ));
        }
        Ok(())
    }
}

#[cfg(feature = "builtin")]
fn builtin_hashes() -> Vec<(String, String)> {
    let hash = sha256(&mut &*BUILTIN_WEIGHTS).expect("memory can be read");
    vec![("model.safetensors".to_owned(), hash)]
}

#[cfg(not(feature = "builtin"))]
fn builtin_hashes() -> Vec<(String, String)> {
    Vec::new()
}

/// Two results that are computed at the same time; of two errors the first.
fn both<A: Send, B: Send>(
    first: impl FnOnce() -> Result<A> + Send,
    second: impl FnOnce() -> Result<B>,
) -> Result<(A, B)> {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        let first = first
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((first?, second?))
    })
}

fn guided(spec: Option<&ModelSpec>) -> AttentionHead {
    spec.and_then(|spec| spec.guided_alignment)
        .unwrap_or_default()
}

fn joined(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
