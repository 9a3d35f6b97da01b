//! Translates German into English and Vietnamese on the user's own machine, and
//! aligns every word of the translation with its source.
//!
//! ```text
//! Article → Document → sentences → TokenBatch → Hypothesis → AlignmentPoint → Translation → bytes
//! reader    segment     tokenizer   batch        beam_search  alignment        translator    writer
//! ```
//!
//! The modules stand in the order in which data flow through them.
//!
//! ```
//! # #[cfg(feature = "builtin")]
//! # fn main() -> dolmetsch::Result<()> {
//! use dolmetsch::{Device, Language, LanguagePair, Model, Options, Translator};
//!
//! let model = Model::builtin(&Device::Cpu)?;
//! let tag = model.target_tag(LanguagePair::new(Language::DE, Language::EN))?;
//! let translator = Translator::new(model, &Options::default())?;
//! let translations = translator.translate(&["Guten Morgen!"], tag.as_deref(), &|_| ())?;
//! println!("{}", translations[0].target);
//! # assert_eq!(translations[0].source, "Guten Morgen!");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "builtin"))]
//! # fn main() {}
//! ```

pub mod document;
pub mod error;
pub mod language;

pub mod reader;

pub mod segment;

pub mod verbatim;

pub mod source_language;

pub mod catalog;
pub mod hub;

pub mod checkpoint;

pub mod tokenizer;

pub mod batch;

pub mod device;

pub mod marian;

pub mod fast;

pub mod beam_search;

pub mod engine;

pub mod alignment;

pub mod translation;

pub mod model;

pub mod translator;

pub mod aligner;

pub mod guard;

pub mod route;

pub mod writer;

pub mod job;

pub mod metrics;

pub mod comparison;

pub mod benchmark;

pub use candle_core::Device;
pub use document::{Document, Span};
pub use engine::{Compute, EngineChoice};
pub use error::{Error, Result};
pub use language::{Language, LanguagePair};
pub use model::Model;
pub use segment::Segmenter;
pub use tokenizer::{
    Decoded, Encoding, NamedBytes, Normalization, TokenId, Tokenizer, TokenizerFiles,
};
pub use translation::Translation;
pub use translator::{Options, Translator};
