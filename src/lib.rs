//! Translates German into English and Vietnamese on the user's own machine.

pub mod document;
pub mod error;
pub mod tokenizer;

pub use document::Span;
pub use error::{Error, Result};
pub use tokenizer::{
    Decoded, Encoding, NamedBytes, Normalization, TokenId, Tokenizer, TokenizerFiles,
};
