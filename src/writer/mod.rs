//! Translations to bytes: one file for each output format.

mod jsonl;
mod text;

pub use jsonl::{Origin, write_jsonl};
pub use text::write_text;

use crate::document::{Document, Span};
use crate::translation::Translation;

/// Where each sentence's translation stands in the text output of its target.
#[derive(Debug, Default)]
pub struct TargetPosition {
    end: usize,
}

impl TargetPosition {
    /// The span of the translation of sentence `index`; to be asked for each
    /// sentence once, in order.
    pub fn next(&mut self, document: &Document, index: usize, translation: &Translation) -> Span {
        let start = self.end + document.gap_before(index).len();
        self.end = start + translation.target.len();
        Span::new(start, self.end)
    }
}
