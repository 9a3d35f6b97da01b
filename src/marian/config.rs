//! `config.json` and `generation_config.json` of a MarianMT folder.
//!
//! Names and defaults are those of transformers'
//! `models/marian/configuration_marian.py`; a key that is missing or null has
//! its default there.

use std::path::Path;

use candle_nn::Activation;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::beam_search::Boundaries;
use crate::error::{Error, Result};
use crate::tokenizer::TokenId;

/// The longest table of positions that is computed: far beyond what any Marian
/// model was trained on, and small enough to be harmless (tokens).
const MAX_POSITIONS: usize = 16_384;

/// The shape of a Marian model, read from its `config.json`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Width of the model.
    pub d_model: usize,
    /// Rows of the source embedding.
    pub vocab_size: usize,
    /// Rows of the target embedding; as `vocab_size` unless the vocabularies
    /// are separate.
    pub decoder_vocab_size: usize,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// Heads of each attention in the encoder.
    pub encoder_attention_heads: usize,
    /// Heads of each attention in the decoder.
    pub decoder_attention_heads: usize,
    /// Inner width of the encoder's feed-forward blocks.
    pub encoder_ffn_dim: usize,
    /// Inner width of the decoder's feed-forward blocks.
    pub decoder_ffn_dim: usize,
    /// Activation of the feed-forward blocks.
    pub activation: Activation,
    /// Whether embeddings are multiplied by `sqrt(d_model)`.
    pub scale_embedding: bool,
    /// Whether source and target share one embedding.
    pub share_encoder_decoder_embeddings: bool,
    /// Whether the output projection is the target embedding.
    pub tie_word_embeddings: bool,
    /// Positions the model knows, in tokens.
    pub max_position_embeddings: usize,
    /// Padding, never generated.
    pub pad_token_id: TokenId,
    /// End of sentence.
    pub eos_token_id: TokenId,
    /// What the decoder starts with.
    pub decoder_start_token_id: TokenId,
}

/// How a model's makers want it to be searched: `generation_config.json`, or
/// the same keys in older `config.json` files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GenerationConfig {
    /// Beam size.
    pub num_beams: Option<usize>,
    /// Exponent of the length normalisation.
    pub length_penalty: Option<f32>,
    /// No n-gram of this size occurs twice; 0 = off.
    pub no_repeat_ngram_size: Option<usize>,
    /// Limit in decoder positions, start token included.
    pub max_length: Option<usize>,
    /// What the decoder starts with, where it differs from `config.json`.
    pub decoder_start_token_id: Option<TokenId>,
    /// End of sentence, where it differs from `config.json`.
    pub eos_token_id: Option<TokenId>,
    /// Tokens that must never be generated.
    pub suppressed: Vec<TokenId>,
}

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`] when it is not JSON, a value has the wrong type or
    /// is impossible, or the model needs what transformers' Marian lacks.
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self> {
        let fields = Fields::parse(path, json)?;
        for unsupported in [
            "normalize_before",
            "normalize_embedding",
            "add_final_layer_norm",
        ] {
            if fields.get(unsupported, false)? {
                return Err(fields.error(format!(
                    "\"{unsupported}\" is true, which transformers' Marian ignores and this engine does not support"
                )));
            }
        }
        let vocab_size = fields.get("vocab_size", 58_101)?;
        let decoder_vocab_size = match fields.get("decoder_vocab_size", 0)? {
            0 => vocab_size,
            size => size,
        };
        let config = Self {
            d_model: fields.first(["hidden_size", "d_model"], 1024)?,
            vocab_size,
            decoder_vocab_size,
            encoder_layers: fields.first(["num_hidden_layers", "encoder_layers"], 12)?,
            decoder_layers: fields.get("decoder_layers", 12)?,
            encoder_attention_heads: fields
                .first(["num_attention_heads", "encoder_attention_heads"], 16)?,
            decoder_attention_heads: fields.get("decoder_attention_heads", 16)?,
            encoder_ffn_dim: fields.get("encoder_ffn_dim", 4096)?,
            decoder_ffn_dim: fields.get("decoder_ffn_dim", 4096)?,
            activation: fields.activation()?,
            scale_embedding: fields.get("scale_embedding", false)?,
            share_encoder_decoder_embeddings: fields
                .get("share_encoder_decoder_embeddings", true)?,
            tie_word_embeddings: fields.get("tie_word_embeddings", true)?,
            max_position_embeddings: fields.get("max_position_embeddings", 1024)?,
            pad_token_id: fields.get("pad_token_id", 58_100)?,
            eos_token_id: fields.token_id("eos_token_id")?.unwrap_or(0),
            decoder_start_token_id: fields.get("decoder_start_token_id", 58_100)?,
        };
        config.check(&fields)?;
        Ok(config)
    }

    /// Rows of the output projection: tokens that can be generated.
    #[must_use]
    pub fn target_vocab_size(&self) -> usize {
        if self.share_encoder_decoder_embeddings {
            self.vocab_size
        } else {
            self.decoder_vocab_size
        }
    }

    /// Refuses sentences that the encoder cannot take.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when a token is not in the vocabulary or a sentence is
    /// longer than the model's positions.
    pub(crate) fn check_sources(&self, sources: &[Vec<TokenId>]) -> Result<()> {
        for source in sources {
            if source.len() > self.max_position_embeddings {
                return Err(Error::Options(format!(
                    "a sentence of {} tokens is longer than the model's {} positions",
                    source.len(),
                    self.max_position_embeddings
                )));
            }
            if let Some(id) = source.iter().find(|&&id| id as usize >= self.vocab_size) {
                return Err(Error::Options(format!(
                    "token {id} is outside the model's vocabulary of {}: vocab.json and config.json do not belong together",
                    self.vocab_size
                )));
            }
        }
        Ok(())
    }

    fn check(&self, fields: &Fields) -> Result<()> {
        let positive = [
            ("d_model", self.d_model),
            ("vocab_size", self.vocab_size),
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
            ("decoder_layers", self.decoder_layers),
            ("encoder_ffn_dim", self.encoder_ffn_dim),
            ("decoder_ffn_dim", self.decoder_ffn_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(fields.error(format!("\"{name}\" is 0")));
        }
        for heads in [self.encoder_attention_heads, self.decoder_attention_heads] {
            if !self.d_model.is_multiple_of(heads) {
                return Err(fields.error(format!(
                    "{heads} attention heads do not divide \"d_model\" {}",
                    self.d_model
                )));
            }
        }
        if self.max_position_embeddings > MAX_POSITIONS {
            return Err(fields.error(format!(
                "\"max_position_embeddings\" is {}, more than {MAX_POSITIONS}",
                self.max_position_embeddings
            )));
        }
        let target_ids = [
            ("eos_token_id", self.eos_token_id),
            ("decoder_start_token_id", self.decoder_start_token_id),
        ];
        for (name, id) in target_ids {
            if id as usize >= self.decoder_vocab_size.min(self.target_vocab_size()) {
                return Err(fields.error(format!("\"{name}\" {id} is outside the vocabulary")));
            }
        }
        Ok(())
    }
}

impl GenerationConfig {
    /// Reads `generation_config.json` when there is one, else the same keys of
    /// `config.json`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`] when it is not JSON or a value has the wrong type.
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self> {
        let fields = Fields::parse(path, json)?;
        let bad_words: Vec<Vec<TokenId>> = fields.get("bad_words_ids", Vec::new())?;
        let mut suppressed: Vec<TokenId> = fields.get("suppress_tokens", Vec::new())?;
        for word in bad_words {
            match word[..] {
                [token] => suppressed.push(token),
                _ => {
                    return Err(fields.error(
                        "\"bad_words_ids\" holds a sequence of several tokens, which is not supported"
                            .to_owned(),
                    ));
                }
            }
        }
        fields.warn_of_ignored();
        Ok(Self {
            num_beams: fields.optional("num_beams")?,
            length_penalty: fields.optional("length_penalty")?,
            no_repeat_ngram_size: fields.optional("no_repeat_ngram_size")?,
            max_length: fields.optional("max_length")?,
            decoder_start_token_id: fields.optional("decoder_start_token_id")?,
            eos_token_id: fields.token_id("eos_token_id")?,
            suppressed,
        })
    }
}

impl GenerationConfig {
    /// What hypotheses start and end with.
    pub(crate) fn boundaries(&self, config: &Config) -> Boundaries {
        Boundaries {
            start: self
                .decoder_start_token_id
                .unwrap_or(config.decoder_start_token_id),
            end: self.eos_token_id.unwrap_or(config.eos_token_id),
        }
    }

    /// Tokens that are never generated: `<pad>`, and what the makers suppress.
    pub(crate) fn suppressed(&self, config: &Config) -> Vec<TokenId> {
        let mut suppressed = self.suppressed.clone();
        suppressed.push(config.pad_token_id);
        suppressed
    }
}

/// The fields of a JSON object, with the file's name for messages.
struct Fields<'a> {
    path: &'a Path,
    object: serde_json::Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn parse(path: &'a Path, json: &[u8]) -> Result<Self> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(object)) => Ok(Self { path, object }),
            Ok(_) => Err(Error::model_file(path, "it is not a JSON object")),
            Err(error) => Err(Error::model_file(
                path,
                format!("it is not valid JSON: {error}"),
            )),
        }
    }

    /// Logs the settings of a search that this program does not have.
    fn warn_of_ignored(&self) {
        let neutral = [
            ("begin_suppress_tokens", Value::Null),
            ("do_sample", false.into()),
            ("early_stopping", false.into()),
            ("encoder_no_repeat_ngram_size", 0.into()),
            ("forced_bos_token_id", Value::Null),
            ("min_length", 0.into()),
            ("num_beam_groups", 1.into()),
            ("repetition_penalty", 1.0.into()),
        ];
        for (key, neutral) in neutral {
            let value = self.object.get(key).filter(|value| !value.is_null());
            let same = |value: &Value| {
                *value == neutral
                    || value
                        .as_f64()
                        .is_some_and(|number| neutral.as_f64() == Some(number))
            };
            if let Some(value) = value.filter(|value| !same(value)) {
                tracing::warn!(
                    "{} asks for \"{key}\": {value}, which is ignored",
                    self.path.display()
                );
            }
        }
    }

    /// The value of `key`; `None` when it is missing or null.
    fn optional<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|error| self.error(format!("\"{key}\" is {value}: {error}"))),
        }
    }

    fn get<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// The value of the first key that is present: transformers' aliases
    /// (`attribute_map`) win over the names they stand for.
    fn first<T: DeserializeOwned>(&self, keys: [&str; 2], default: T) -> Result<T> {
        let [alias, name] = keys;
        Ok(self
            .optional(alias)?
            .or(self.optional(name)?)
            .unwrap_or(default))
    }

    /// A token id, or a list that holds one.
    fn token_id(&self, key: &str) -> Result<Option<TokenId>> {
        match self.object.get(key) {
            Some(Value::Array(_)) => match self.get::<Vec<TokenId>>(key, Vec::new())?[..] {
                [id] => Ok(Some(id)),
                _ => Err(self.error(format!(
                    "\"{key}\" is a list of several tokens, which is not supported"
                ))),
            },
            _ => self.optional(key),
        }
    }

    /// Activations are named as in transformers' `ACT2FN`.
    fn activation(&self) -> Result<Activation> {
        let name: String = self.get("activation_function", "gelu".to_owned())?;
        match name.as_str() {
            "gelu" => Ok(Activation::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::NewGelu),
            "relu" => Ok(Activation::Relu),
            "silu" | "swish" => Ok(Activation::Silu),
            _ => Err(self.error(format!(
                "\"activation_function\" {name:?} is not supported (gelu, gelu_new, relu, swish are)"
            ))),
        }
    }

    fn error(&self, reason: String) -> Error {
        Error::model_file(self.path, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Result<Config> {
        Config::from_json(Path::new("config.json"), json.as_bytes())
    }

    #[test]
    fn missing_and_null_keys_have_the_defaults_of_transformers() {
        // Defaults of MarianConfig() in transformers 5.23.
        let config =
            config(r#"{"decoder_vocab_size": null, "activation_function": null}"#).unwrap();
        assert_eq!(
            (config.vocab_size, config.decoder_vocab_size),
            (58_101, 58_101)
        );
        assert_eq!((config.encoder_layers, config.decoder_layers), (12, 12));
        assert_eq!((config.d_model, config.encoder_ffn_dim), (1024, 4096));
        assert_eq!(config.activation, Activation::Gelu);
        assert!(!config.scale_embedding);
        assert!(config.share_encoder_decoder_embeddings && config.tie_word_embeddings);
        assert_eq!((config.eos_token_id, config.pad_token_id), (0, 58_100));
    }

    #[test]
    fn impossible_configurations_are_refused_with_the_key_named() {
        for (json, named) in [
            ("{", "JSON"),
            ("[]", "object"),
            (r#"{"d_model": 0}"#, "d_model"),
            (r#"{"d_model": -1}"#, "d_model"),
            (r#"{"d_model": "512"}"#, "d_model"),
            (r#"{"d_model": 100}"#, "attention heads"),
            (
                r#"{"max_position_embeddings": 1000000000000}"#,
                "max_position_embeddings",
            ),
            (r#"{"vocab_size": 10}"#, "decoder_start_token_id"),
            (r#"{"activation_function": "snake"}"#, "snake"),
            (r#"{"normalize_before": true}"#, "normalize_before"),
            (r#"{"normalize_embedding": true}"#, "normalize_embedding"),
            (r#"{"add_final_layer_norm": true}"#, "add_final_layer_norm"),
        ] {
            let message = config(json).unwrap_err().to_string();
            assert!(
                message.contains(named) && message.contains("config.json"),
                "{json}: {message}"
            );
        }
    }

    #[test]
    fn bad_words_become_suppressed_tokens() {
        let json = br#"{"bad_words_ids": [[7]], "num_beams": 6, "length_penalty": null}"#;
        let generation = GenerationConfig::from_json(Path::new("g.json"), json).unwrap();
        assert_eq!(generation.suppressed, [7]);
        assert_eq!(generation.num_beams, Some(6));
        assert_eq!(generation.length_penalty, None);
    }
}
