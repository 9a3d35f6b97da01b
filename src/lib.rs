//! Translates German into English and Vietnamese on the user's own machine.

pub mod catalog;
pub mod document;
pub mod error;
pub mod hub;
pub mod language;

pub use document::Span;
pub use error::{Error, Result};
