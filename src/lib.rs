//! Translates German into English and Vietnamese on the user's own machine.

pub mod checkpoint;
pub mod document;
pub mod error;
pub mod segment;

pub use document::Span;
pub use error::{Error, Result};
