//! What a sentence became, complete in itself.

use crate::alignment::{AlignmentPoint, words};
use serde::Serialize;

use crate::document::Span;
use crate::tokenizer::TokenId;

/// The translation of one sentence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Translation {
    /// The sentence as it stands in the input.
    pub source: String,
    /// Its translation.
    pub target: String,
    /// Word links; spans count from the start of `source` and `target`.
    pub alignment: Vec<AlignmentPoint>,
    /// Length-normalised log-probability (natural logarithm).
    pub score: f32,
    /// Log-probability of each word of `target`: the sum over its pieces.
    pub word_scores: Vec<f32>,
    /// How likely it is that the translation can be used as it is, from 0 to 1;
    /// `None` where nothing was inspected.
    pub confidence: Option<f32>,
    /// What a reader should know.
    pub findings: Vec<Finding>,
    /// What was done about findings of the first attempt.
    pub retries: Retries,
    /// Source tokens, `</s>` included.
    pub source_ids: Vec<TokenId>,
    /// Target tokens, `</s>` included.
    pub target_ids: Vec<TokenId>,
    /// The next best hypotheses of the first search, if they were asked for,
    /// whatever attempt became the translation.
    pub alternatives: Vec<Alternative>,
    /// What lies between, when two models translated.
    pub via: Option<Via>,
}

/// Another hypothesis of the same sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Its text.
    pub target: String,
    /// Length-normalised log-probability (natural logarithm).
    pub score: f32,
}

/// The sentence in the language between source and target.
#[derive(Debug, Clone, PartialEq)]
pub struct Via {
    /// The sentence.
    pub text: String,
    /// Word links from the source to it.
    pub source_alignment: Vec<AlignmentPoint>,
    /// Word links from it to the target.
    pub target_alignment: Vec<AlignmentPoint>,
    /// Length-normalised log-probabilities of the two translations.
    pub scores: [f32; 2],
}

/// Something a reader should know of a translation, and the words concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub flag: Flag,
    /// Words of the source (bytes); none where the whole sentence is meant.
    pub source: Vec<Span>,
    /// Words of the target (bytes); none where the whole sentence is meant, or
    /// what the target lacks.
    pub target: Vec<Span>,
}

/// The kind of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Flag {
    /// Nothing to translate (no letters): copied.
    Copied,
    /// Too long for the model: translated in parts.
    Split,
    /// The length limit ended the translation.
    Limit,
    /// The model gave no text for a source that has some.
    Empty,
    /// Words are said again and again.
    Repetition,
    /// Much shorter or longer than translations of such sentences are.
    Length,
    /// Words of the source that nothing in the target stands for.
    Coverage,
    /// Words of the source that were not translated.
    Copy,
    /// A number, a date or a unit differs.
    Number,
    /// A negation is lost.
    Negation,
    /// A URL, a placeholder or the like is missing.
    Entity,
    /// Another language or script than asked for, on either side.
    Language,
    /// Quotation marks or brackets that do not match.
    Punctuation,
    /// The target ends in the middle of a sentence.
    End,
    /// Less confidence than was asked for.
    Confidence,
}

impl Flag {
    /// Whether someone should look at the sentence; the others only tell how it
    /// was translated.
    #[must_use]
    pub const fn is_problem(self) -> bool {
        !matches!(self, Self::Copied | Self::Split)
    }
}

impl std::fmt::Display for Flag {
    /// As in the records.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl From<Flag> for Finding {
    /// A finding that concerns the whole sentence.
    fn from(flag: Flag) -> Self {
        Self {
            flag,
            source: Vec::new(),
            target: Vec::new(),
        }
    }
}

/// What was done about findings of the first attempt at a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retries {
    /// The attempts, in their order.
    pub tried: Vec<Attempt>,
    /// The attempt that became the translation; `None`: the first one stayed.
    pub kept: Option<Attempt>,
    /// What the first attempt had and the translation has not.
    pub fixed: Vec<Flag>,
}

/// A way to translate a sentence again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Attempt {
    /// The other hypotheses of the same search.
    NBest,
    /// No n-gram twice, and a repetition penalty.
    NoRepeat,
    /// ALL CAPS or Title Case folded before, restored after.
    Case,
    /// Final punctuation added or taken away.
    Punctuation,
    /// Emoji and symbols taken out before, put back after.
    Symbols,
    /// Clause by clause.
    Clauses,
    /// Greedy search.
    Greedy,
}

impl Translation {
    /// The kinds of the findings, in their order, each once.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        let mut flags: Vec<Flag> = Vec::new();
        for finding in &self.findings {
            if !flags.contains(&finding.flag) {
                flags.push(finding.flag);
            }
        }
        flags
    }

    /// Leaves the source in the place of a translation, in the brackets `⟦` and
    /// `⟧`, and says so.
    pub fn withhold(&mut self) {
        self.target = format!("⟦{}⟧", self.source);
        self.alignment.clear();
        self.word_scores = vec![0.0; words(&self.target).len()];
        self.findings.push(Flag::Confidence.into());
    }

    /// Whether someone should look at it.
    #[must_use]
    pub fn needs_a_look(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.flag.is_problem())
    }
}
