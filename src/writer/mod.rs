//! Translations to bytes: one file for each output format.

mod aligned;
mod jsonl;
mod note;
mod page;
mod pharaoh;
#[cfg(test)]
mod tests;
mod text;
mod tmx;
mod tsv;
mod wrap;
mod xliff;
mod xml;

use std::io::{self, Write};

pub use aligned::{AlignedLine, write_aligned_jsonl, write_aligned_pharaoh, write_naacl};
pub use jsonl::{Origin, write_inspection, write_jsonl};
pub use page::Page;
pub(crate) use page::{integrity, text as html_text};
pub use pharaoh::write_pharaoh;
pub use text::{write_n_best, write_text};
pub use tmx::Tmx;
pub use tsv::write_tsv;
pub use wrap::Wrapper;
pub use xliff::Xliff;

use crate::alignment::{AlignmentPoint, words};
use crate::document::{Document, Span};
use crate::language::Language;
use crate::translation::Translation;

/// A target as its records name it.
#[derive(Debug, Clone)]
pub struct TargetName {
    /// The language.
    pub language: Language,
    /// The language between, when two models translate.
    pub via: Option<Language>,
    /// Name of the model.
    pub model: String,
    /// Its commit.
    pub revision: String,
}

/// The translations of one window: sentences from `first` on of a part.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The input, from 0.
    pub input: usize,
    /// What the input is called.
    pub name: &'a str,
    /// The part.
    pub document: &'a Document,
    /// The first sentence of the window.
    pub first: usize,
    /// For each target the translations.
    pub translations: &'a [Vec<Translation>],
}

impl Window<'_> {
    /// For each sentence its number in the part and its translations.
    fn sentences(&self) -> impl Iterator<Item = (usize, Vec<&Translation>)> {
        let count = self.translations.first().map_or(0, Vec::len);
        (0..count).map(|index| {
            let of_targets = self.translations.iter();
            (
                self.first + index,
                of_targets.map(|of_target| &of_target[index]).collect(),
            )
        })
    }

    /// What stands behind the last sentence of the part; empty when another
    /// window of the part comes.
    fn rest(&self) -> &str {
        let sentences = self.document.sentences().len();
        let end = self.first + self.translations.first().map_or(0, Vec::len);
        if end == sentences {
            self.document.gap_before(sentences)
        } else {
            ""
        }
    }
}

/// A format whose file has a beginning and an end, and holds all inputs.
///
/// Windows come in the order of the text; no more than a paragraph is kept in
/// memory.
pub trait BilingualFile {
    /// Writes a window.
    ///
    /// # Errors
    ///
    /// What `output` reports.
    fn write(&mut self, output: &mut dyn Write, window: &Window) -> io::Result<()>;

    /// Writes what is left, and the end.
    ///
    /// # Errors
    ///
    /// What `output` reports.
    fn finish(&mut self, output: &mut dyn Write) -> io::Result<()>;
}

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
#[must_use]
pub fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ")
}

/// Links as numbers of words, source and target, in the order of `points`.
fn word_links(source: &str, target: &str, points: &[AlignmentPoint]) -> Vec<(usize, usize)> {
    let (source, target) = (words(source), words(target));
    let number =
        |words: &[Span], linked: Span| words.partition_point(|word| word.start < linked.start);
    points
        .iter()
        .map(|point| (number(&source, point.source), number(&target, point.target)))
        .collect()
}

/// The links as Pharaoh, Moses and `fast_align` write them: `0-0 1-2`.
fn pharaoh(source: &str, target: &str, points: &[AlignmentPoint]) -> String {
    let links: Vec<String> = word_links(source, target, points)
        .iter()
        .map(|(source, target)| format!("{source}-{target}"))
        .collect();
    links.join(" ")
}

/// The links of a translation in that format.
fn links_of(translation: &Translation) -> String {
    pharaoh(
        &translation.source,
        &translation.target,
        &translation.alignment,
    )
}

/// A score with four decimals.
fn decimals(score: f32) -> String {
    // Adding 0 makes -0 a 0.
    format!("{:.4}", score + 0.0)
}
