//! Translations to bytes: one file for each output format.

mod jsonl;
mod pharaoh;
mod text;
mod tsv;

pub use jsonl::{Origin, write_jsonl};
pub use pharaoh::write_pharaoh;
pub use text::{write_n_best, write_text};
pub use tsv::write_tsv;

use crate::document::{Document, Span};
use crate::translation::Translation;

/// Where the translations stand in the text output of their target.
#[derive(Debug, Default, Clone)]
pub struct TargetPosition {
    end: usize,
}

impl TargetPosition {
    /// The span of the translation of sentence `index`; to be asked for each
    /// sentence of each part once, in order.
    pub fn next(&mut self, document: &Document, index: usize, translation: &Translation) -> Span {
        let start = self.end + document.gap_before(index).len();
        self.end = start + translation.target.len();
        let span = Span::new(start, self.end);
        if index + 1 == document.sentences().len() {
            self.end += document.gap_before(index + 1).len();
        }
        span
    }

    /// Passes over a line feed between two inputs.
    pub fn end_line(&mut self) {
        self.end += 1;
    }

    /// Passes over a part that has no sentence.
    pub fn skip(&mut self, document: &Document) {
        self.end += document.text().len();
    }
}

/// The text on one line: white space that a line-based format cannot hold
/// becomes a space.
fn one_line(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}
