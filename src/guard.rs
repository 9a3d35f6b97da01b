//! Finds translations that cannot be trusted, tries again, keeps the best, and
//! says so.
//!
//! [`Guard::inspect`] runs the detectors on a sentence and any translation of
//! it, also a person's or another system's. Each detector is a file of its own,
//! with its threshold and where that comes from.

pub(crate) mod bilingual;
mod confidence;
mod copy;
mod coverage;
mod ending;
mod entity;
mod length;
mod links;
mod negation;
mod number;
mod punctuation;
pub(crate) mod repetition;
mod retry;
mod script;
mod variant;
pub(crate) mod words;

use crate::alignment::AlignmentPoint;
use crate::language::LanguagePair;
use crate::translation::{Finding, Flag};
use crate::verbatim;

use bilingual::Bilingual;
use words::Side;

/// The detectors for a pair of languages.
///
/// A pair other than German–English, German–Vietnamese and English–Vietnamese
/// has no lexicon: what needs one (coverage) is left out, and lengths are judged
/// coarsely.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    pair: LanguagePair,
    bilingual: Option<&'static Bilingual>,
    retries: bool,
}

impl Guard {
    /// The detectors for `pair`.
    #[must_use]
    pub fn new(pair: LanguagePair) -> Self {
        Self {
            pair,
            bilingual: Bilingual::of(pair),
            retries: true,
        }
    }

    /// Whether [`Guard::translate`] tries again, or only reports.
    #[must_use]
    pub fn with_retries(self, retries: bool) -> Self {
        Self { retries, ..self }
    }

    /// What a reader should know of a translation of `source`, worst first.
    ///
    /// `links` are the word links, if the model's attention is known; spans
    /// count from the start of `source` and `target`.
    #[must_use]
    pub fn inspect(&self, source: &str, target: &str, links: &[AlignmentPoint]) -> Vec<Finding> {
        if source.trim().is_empty() {
            return Vec::new();
        }
        if target.trim().is_empty() {
            return vec![Flag::Empty.into()];
        }
        let source = Side::new(source, self.pair.source);
        let target = Side::new(target, self.pair.target);
        let verbatim = verbatim::find(source.text);
        [
            repetition::detect(&source, &target),
            script::detect(&source, &target),
            copy::detect(&source, &target, &verbatim, self.bilingual),
            length::detect(&source, &target, self.bilingual),
            coverage::detect(&source, &target, links, self.bilingual),
            number::detect(&source, &target),
            negation::detect(&source, &target),
            entity::detect(&source, &target, &verbatim),
            ending::detect(&source, &target, &verbatim, self.bilingual),
            punctuation::detect(&source, &target),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
