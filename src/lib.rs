//! Translates German into English and Vietnamese on the user's own machine, and
//! aligns every word of the translation with its source.
//!
//! ```text
//! Article → Document → sentences → TokenBatch → Hypothesis → AlignmentPoint → Translation → bytes
//! reader    segment     tokenizer   batch        beam_search  alignment        translator    writer
//! ```
//!
//! The modules stand in the order in which data flow through them.

pub mod alignment;
pub mod batch;
pub mod beam_search;
pub mod catalog;
pub mod checkpoint;
pub mod document;
pub mod error;
pub mod hub;
pub mod language;
pub mod marian;
pub mod model;
pub mod reader;
pub mod route;
pub mod segment;
pub mod tokenizer;
pub mod translation;
pub mod translator;
pub mod verbatim;
pub mod writer;

pub use document::{Document, Span};
pub use error::{Error, Result};
pub use model::Model;
pub use segment::Segmenter;
pub use tokenizer::{
    Decoded, Encoding, NamedBytes, Normalization, TokenId, Tokenizer, TokenizerFiles,
};
pub use translation::Translation;
pub use translator::{Options, Translator};
