//! A model that is ready: tokenizer, engine, and what is known about it.

use std::path::Path;

use candle_core::Device;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::marian::{AttentionHead, Config, GenerationConfig, Marian};
use crate::tokenizer::Tokenizer;

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    /// As the user named it.
    pub name: String,
    /// Commit or content of the weights, for records.
    pub revision: String,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// The network.
    pub engine: Marian,
    /// How its makers want it to be searched.
    pub generation: GenerationConfig,
}

impl Model {
    /// Loads a folder in the layout of the Hub: `config.json`, `source.spm`,
    /// `target.spm`, `vocab.json`, and `model.safetensors` or
    /// `pytorch_model.bin`.
    ///
    /// # Errors
    ///
    /// When a file is missing or damaged, with the file named.
    pub fn from_folder(folder: &Path, guided: AttentionHead, device: &Device) -> Result<Self> {
        let weights = weights_file(folder)?;
        let tokenizer = Tokenizer::from_folder(folder)?;
        let config_path = folder.join("config.json");
        let config_json = std::fs::read(&config_path).map_err(Error::io("read", &config_path))?;
        let config = Config::from_json(&config_path, &config_json)?;
        let generation_path = folder.join("generation_config.json");
        let generation = match std::fs::read(&generation_path) {
            Ok(json) => GenerationConfig::from_json(&generation_path, &json)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                GenerationConfig::from_json(&config_path, &config_json)?
            }
            Err(error) => return Err(Error::io("read", &generation_path)(error)),
        };
        let checkpoint = Checkpoint::open(&weights)?;
        let engine = Marian::load(&checkpoint, config, &generation, guided, device)?;
        let name = folder.display().to_string();
        let model = Self { name, revision: "local".to_owned(), tokenizer, engine, generation };
        model.check_vocabulary(folder)?;
        Ok(model)
    }

    /// The model that is part of the binary.
    ///
    /// # Errors
    ///
    /// Only if the binary was built from damaged files.
    #[cfg(feature = "builtin")]
    pub fn builtin(device: &Device) -> Result<Self> {
        use crate::tokenizer::{NamedBytes, TokenizerFiles};
        macro_rules! file {
            ($name:literal) => {
                include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/builtin/", $name))
            };
        }
        let named = |name, bytes| NamedBytes::new(Path::new(name), bytes);
        let tokenizer = Tokenizer::from_files(TokenizerFiles {
            source_spm: named("builtin/source.spm", file!("source.spm")),
            target_spm: named("builtin/target.spm", file!("target.spm")),
            vocab: named("builtin/vocab.json", file!("vocab.json")),
            target_vocab: None,
        })?;
        let config = Config::from_json(Path::new("builtin/config.json"), file!("config.json"))?;
        let generation = GenerationConfig::from_json(
            Path::new("builtin/generation_config.json"),
            file!("generation_config.json"),
        )?;
        let checkpoint =
            Checkpoint::from_static("builtin/model.safetensors", file!("model.safetensors"))?;
        let guided = AttentionHead::default();
        let engine = Marian::load(&checkpoint, config, &generation, guided, device)?;
        let revision = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { name: "builtin".to_owned(), revision, tokenizer, engine, generation })
    }

    /// The tag that tells the model to translate into `language`; `None` when
    /// the model knows no tags, and so has one target only.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when the model has tags, but none for this language.
    pub fn target_tag(&self, language: &str) -> Result<Option<String>> {
        let tags: Vec<&str> = self.tokenizer.tags().collect();
        if tags.is_empty() {
            return Ok(None);
        }
        let codes: &[&str] = match language {
            "en" => &["eng", "en"],
            "vi" => &["vie", "vi"],
            "de" => &["deu", "de"],
            other => &[other],
        };
        let wanted = codes.iter().map(|code| format!(">>{code}<<"));
        let tag = wanted.into_iter().find(|tag| tags.contains(&tag.as_str()));
        tag.map(Some).ok_or_else(|| {
            Error::Options(format!("the model {} has no target language {language} (it has {})", self.name, tags.join(" ")))
        })
    }

    /// Every id that the tokenizer can give or be asked for must have an
    /// embedding.
    fn check_vocabulary(&self, folder: &Path) -> Result<()> {
        let config = self.engine.config();
        let source = self.tokenizer.source_vocab_size();
        if source > config.vocab_size {
            return Err(Error::model_file(
                &folder.join("vocab.json"),
                format!(
                    "it has ids up to {}, but config.json says \"vocab_size\" {}",
                    source - 1,
                    config.vocab_size
                ),
            ));
        }
        Ok(())
    }
}

fn weights_file(folder: &Path) -> Result<std::path::PathBuf> {
    if !folder.is_dir() {
        return Err(Error::UnknownModel(format!(
            "there is no model folder {} (a folder holds config.json, source.spm, target.spm, vocab.json, and model.safetensors or pytorch_model.bin)",
            folder.display()
        )));
    }
    ["model.safetensors", "pytorch_model.bin"]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| {
            Error::UnknownModel(format!(
                "the model folder {} has neither model.safetensors nor pytorch_model.bin",
                folder.display()
            ))
        })
}
