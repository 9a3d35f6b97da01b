//! Text to token ids and back, straight from `source.spm`, `target.spm` and
//! `vocab.json`.
//!
//! The ids are SentencePiece's pieces looked up in `vocab.json`. Normaliser
//! and model are our own inside `tokenizers`' [`TokenizerImpl`]: those of the
//! crate differ from SentencePiece on decomposed Vietnamese and on ties.
//!
//! Unlike in Python, text that looks like a control token (`</s>`, `<pad>`,
//! `<unk>`, `>>vie<<`) stays text.

mod charsmap;
mod decoder;
mod normalizer;
mod punctuation;
mod sentencepiece;
mod trie;
mod unigram;
mod vocabulary;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use tokenizers::{DecoderWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl};

pub use self::punctuation::Normalization;

use self::decoder::DecodingRules;
use self::normalizer::SentencePieceNormalizer;
use self::sentencepiece::SentencePieceModel;
use self::unigram::Unigram;
use self::vocabulary::{EOS, Vocabulary};
use crate::document::Span;
use crate::{Error, error};

/// The number of a token in the network's vocabulary.
pub type TokenId = u32;

/// The largest configuration worth reading (bytes).
const LARGEST_CONFIG: u64 = 1 << 20;

/// What a model folder needs for its tokenizer.
const NEEDED: &str = "a model folder needs source.spm, target.spm and vocab.json (and target_vocab.json where tokenizer_config.json says separate_vocabs)";

/// A tokenised sentence; the last token is `</s>`.
///
/// As JSON: `{"ids": […], "pieces": […], "spans": [[start, end], …]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Encoding {
    /// What the network reads.
    pub ids: Vec<TokenId>,
    /// The text of each token in SentencePiece's notation, `▁` for a space.
    pub pieces: Vec<String>,
    /// Bytes of the untouched input that each token stands for, without the
    /// spaces around them. Starts and ends never decrease; tokens that share a
    /// character share its span. A tag has an empty span at 0, `</s>` one at
    /// the end of the text.
    #[serde(serialize_with = "as_pairs")]
    pub spans: Vec<Span>,
}

/// The text of a sequence of ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The text.
    pub text: String,
    /// Bytes of `text` that each id wrote, spaces included; they follow each
    /// other without gaps. Empty for `</s>`, `<pad>` and tags.
    pub spans: Vec<Span>,
}

/// A file that is already in memory.
#[derive(Debug, Clone, Copy)]
pub struct NamedBytes<'a> {
    /// For messages.
    pub name: &'a Path,
    /// The content.
    pub bytes: &'a [u8],
}

/// The files that a tokenizer is made of.
#[derive(Debug, Clone, Copy)]
pub struct TokenizerFiles<'a> {
    /// `source.spm`.
    pub source_spm: NamedBytes<'a>,
    /// `target.spm`.
    pub target_spm: NamedBytes<'a>,
    /// `vocab.json`.
    pub vocab: NamedBytes<'a>,
    /// `target_vocab.json`, for a model with a vocabulary for each side.
    pub target_vocab: Option<NamedBytes<'a>>,
}

/// Turns text of either language into token ids and back.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    source: Side,
    target: Side,
}

/// Everything about one language.
#[derive(Debug, Clone)]
struct Side {
    pipeline: TokenizerImpl<
        Unigram,
        SentencePieceNormalizer,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >,
    rules: DecodingRules,
    vocabulary: Arc<Vocabulary>,
}

impl Tokenizer {
    /// Reads the tokenizer of a model folder.
    ///
    /// `target_vocab.json` is read only where `tokenizer_config.json` or
    /// `config.json` says `"separate_vocabs": true`, as transformers does.
    ///
    /// # Errors
    ///
    /// When a file is missing or cannot be used; the message names it.
    pub fn from_folder(folder: &Path) -> error::Result<Self> {
        let file = |name: &str| read_needed(folder, name);
        let (source_path, source_spm) = file("source.spm")?;
        let (target_path, target_spm) = file("target.spm")?;
        let (vocab_path, vocab) = file("vocab.json")?;
        let target_vocab = if has_separate_vocabularies(folder)? {
            Some(file("target_vocab.json")?)
        } else {
            None
        };
        Self::from_files(TokenizerFiles {
            source_spm: NamedBytes::new(&source_path, &source_spm),
            target_spm: NamedBytes::new(&target_path, &target_spm),
            vocab: NamedBytes::new(&vocab_path, &vocab),
            target_vocab: target_vocab
                .as_ref()
                .map(|(path, bytes)| NamedBytes::new(path, bytes)),
        })
    }

    /// Makes a tokenizer of files in memory.
    ///
    /// # Errors
    ///
    /// When a file cannot be used; the message names it.
    pub fn from_files(files: TokenizerFiles<'_>) -> error::Result<Self> {
        let vocabulary = |file: NamedBytes<'_>| Vocabulary::parse(file.name, file.bytes);
        let source_vocabulary = Arc::new(vocabulary(files.vocab)?);
        let target_vocabulary = match files.target_vocab {
            Some(file) => Arc::new(vocabulary(file)?),
            None => Arc::clone(&source_vocabulary),
        };
        Ok(Self {
            source: Side::new(files.source_spm, |_| Ok(source_vocabulary))?,
            target: Side::new(files.target_spm, |_| Ok(target_vocabulary))?,
        })
    }

    /// Reads a folder that has `source.spm` and `target.spm` but no
    /// `vocab.json`: ids are SentencePiece's own, on each side.
    ///
    /// # Errors
    ///
    /// When a file is missing or cannot be used; the message names it.
    pub fn from_spm_only(folder: &Path) -> error::Result<Self> {
        let side = |name: &str| {
            let (path, bytes) = read_needed(folder, name)?;
            Side::new(NamedBytes::new(&path, &bytes), |model| {
                Vocabulary::of_model(&path, model).map(Arc::new)
            })
        };
        Ok(Self {
            source: side("source.spm")?,
            target: side("target.spm")?,
        })
    }

    /// The same tokenizer with another preparation of the text.
    #[must_use]
    pub fn with_normalization(mut self, normalization: Normalization) -> Self {
        for side in [&mut self.source, &mut self.target] {
            let normalizer = side.normalizer().clone();
            side.set_normalizer(normalizer.with_training(normalization));
        }
        self
    }

    /// Tokenises a sentence to translate; a `tag` such as `>>vie<<`, for
    /// models with several target languages, becomes the first token.
    ///
    /// # Errors
    ///
    /// When the model has no such tag; the message lists those it has.
    pub fn encode_source(&self, text: &str, tag: Option<&str>) -> error::Result<Encoding> {
        let mut encoding = Encoding::default();
        if let Some(tag) = tag {
            let id = self
                .source
                .vocabulary
                .tag(tag)
                .ok_or_else(|| self.unknown_tag(tag))?;
            encoding.push(id, tag.to_owned(), Span::default());
        }
        self.source.encode(text, &mut encoding);
        Ok(encoding)
    }

    /// Tokenises a sentence of the target language.
    #[must_use]
    pub fn encode_target(&self, text: &str) -> Encoding {
        let mut encoding = Encoding::default();
        self.target.encode(text, &mut encoding);
        encoding
    }

    /// The text of ids of the source language. An id that the model does not
    /// have is unknown: it decodes like `<unk>`.
    #[must_use]
    pub fn decode_source(&self, ids: &[TokenId]) -> Decoded {
        self.source.decode(ids)
    }

    /// The text of ids of the target language; see [`Self::decode_source`].
    #[must_use]
    pub fn decode_target(&self, ids: &[TokenId]) -> Decoded {
        self.target.decode(ids)
    }

    /// The id of `</s>`, which ends a sentence, in the source vocabulary.
    #[must_use]
    pub fn eos(&self) -> TokenId {
        self.source.vocabulary.eos
    }

    /// The id of `<pad>`, which fills a batch, in the source vocabulary.
    #[must_use]
    pub fn pad(&self) -> TokenId {
        self.source.vocabulary.pad
    }

    /// The id of `<unk>`, for pieces that the network does not know, in the
    /// source vocabulary.
    #[must_use]
    pub fn unk(&self) -> TokenId {
        self.source.vocabulary.unk
    }

    /// One more than the largest id of the source language.
    #[must_use]
    pub fn source_vocab_size(&self) -> usize {
        self.source.vocabulary.size()
    }

    /// One more than the largest id of the target language.
    #[must_use]
    pub fn target_vocab_size(&self) -> usize {
        self.target.vocabulary.size()
    }

    /// The target tags that [`Self::encode_source`] accepts, sorted.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.source.vocabulary.tags()
    }

    fn unknown_tag(&self, tag: &str) -> Error {
        let tags: Vec<&str> = self.tags().collect();
        Error::Options(if tags.is_empty() {
            format!("the model has no target tags, so not {tag}; leave it out")
        } else {
            format!("the model has no tag {tag}; it has {}", tags.join(", "))
        })
    }
}

impl Side {
    fn new(
        spm: NamedBytes<'_>,
        vocabulary: impl FnOnce(&SentencePieceModel) -> error::Result<Arc<Vocabulary>>,
    ) -> error::Result<Self> {
        let model = SentencePieceModel::parse(spm.name, spm.bytes)?;
        let normalizer = SentencePieceNormalizer::new(&model)
            .map_err(|reason| Error::model_file(spm.name, reason))?;
        let whitespace = model.whitespace;
        let mut side = Self {
            pipeline: TokenizerImpl::new(Unigram::new(&model)),
            vocabulary: vocabulary(&model)?,
            rules: DecodingRules {
                drop_first_space: whitespace.add_dummy_prefix || whitespace.remove_extra,
                drop_all_first_spaces: whitespace.remove_extra,
                unk_surface: model.unk_surface,
            },
        };
        side.set_normalizer(normalizer);
        Ok(side)
    }

    fn normalizer(&self) -> &SentencePieceNormalizer {
        self.pipeline
            .get_normalizer()
            .expect("`new` sets a normaliser")
    }

    fn set_normalizer(&mut self, normalizer: SentencePieceNormalizer) {
        self.pipeline
            .with_normalizer(Some(normalizer))
            .expect("no added tokens, so there is nothing to normalise again");
    }

    /// Appends the tokens of `text` and `</s>`.
    fn encode(&self, text: &str, encoding: &mut Encoding) {
        let tokens = self
            .pipeline
            .encode(text, false)
            .expect("neither the normaliser nor the model ever fails");
        let model = self.pipeline.get_model();
        // Tokens cover the normalised text from end to end. Their spans come
        // from its units rather than from the offsets in `tokens`, for the
        // reason given at `Normalized::changes`.
        let ends = tokens
            .get_ids()
            .iter()
            .zip(tokens.get_tokens())
            .scan(0, |end, (&id, piece)| {
                *end += if model.is_byte(id) { 1 } else { piece.len() };
                Some(*end)
            });
        let spans = self.normalizer().apply(text).spans(ends);
        for (piece, span) in tokens.get_tokens().iter().zip(spans) {
            let id = self.vocabulary.id_of_text(piece);
            encoding.push(id, piece.clone(), span);
        }
        encoding.push(
            self.vocabulary.eos,
            EOS.to_owned(),
            Span::new(text.len(), text.len()),
        );
    }

    fn decode(&self, ids: &[TokenId]) -> Decoded {
        decoder::decode(
            ids,
            &self.vocabulary,
            self.pipeline.get_model(),
            &self.rules,
        )
    }
}

impl Encoding {
    fn push(&mut self, id: TokenId, piece: String, span: Span) {
        self.ids.push(id);
        self.pieces.push(piece);
        self.spans.push(span);
    }
}

impl<'a> NamedBytes<'a> {
    /// A file's name and content.
    #[must_use]
    pub const fn new(name: &'a Path, bytes: &'a [u8]) -> Self {
        Self { name, bytes }
    }
}

fn as_pairs<S: Serializer>(spans: &[Span], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(spans.iter().map(|span| [span.start, span.end]))
}

fn read_needed(folder: &Path, name: &str) -> error::Result<(PathBuf, Vec<u8>)> {
    let path = folder.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::model_file(
            &path,
            format!("there is no such file; {NEEDED}"),
        )),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

pub(crate) fn has_separate_vocabularies(folder: &Path) -> error::Result<bool> {
    #[derive(Deserialize)]
    struct Config {
        separate_vocabs: Option<bool>,
    }
    for name in ["tokenizer_config.json", "config.json"] {
        let path = folder.join(name);
        let bytes = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(file) if file.len() > LARGEST_CONFIG => {
                return Err(Error::model_file(
                    &path,
                    "it is too large for a configuration",
                ));
            }
            _ => fs::read(&path).map_err(Error::io("read", &path))?,
        };
        let config: Config = serde_json::from_slice(&bytes)
            .map_err(|error| Error::model_file(&path, error.to_string()))?;
        if config.separate_vocabs == Some(true) {
            return Ok(true);
        }
    }
    Ok(false)
}
