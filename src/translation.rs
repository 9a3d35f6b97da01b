//! What a sentence became, complete in itself.

use crate::alignment::AlignmentPoint;
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
    /// What a reader should know.
    pub flags: Vec<Flag>,
    /// Source tokens, `</s>` included.
    pub source_ids: Vec<TokenId>,
    /// Target tokens, `</s>` included.
    pub target_ids: Vec<TokenId>,
    /// The next best hypotheses, if they were asked for.
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

/// Something a reader should know of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Flag {
    /// Nothing to translate (no letters): copied.
    Copied,
    /// Too long for the model: translated in parts.
    Split,
    /// The length limit ended the translation.
    Limit,
    /// A URL, a number with its unit or the like is missing.
    Verbatim,
    /// The model gave no text for a source that has some.
    Empty,
}
