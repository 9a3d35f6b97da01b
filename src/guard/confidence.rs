//! How good a translation is likely to be, from 0 to 1.
//!
//! A logistic function of what the model thinks of its output and of what the
//! detectors found, fitted by `scripts/calibrate_confidence.py` so that it is the
//! chrF (divided by 100) that a human translation of the sentence would give on
//! average. The features are those that a JSONL record has.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::alignment::words;
use crate::language::Language;
use crate::translation::{Flag, Translation};

/// The weights for a target language.
#[derive(Debug, Clone, Deserialize)]
struct Weights {
    /// For the mean log-probability.
    score: f32,
    /// For the log-probability of the least probable word, at least -10.
    least: f32,
    /// For the share of source words that a target word is linked to.
    coverage: f32,
    /// For the number of kinds of problems.
    problems: f32,
    /// For the logarithm of the number of source words.
    words: f32,
    constant: f32,
}

static WEIGHTS: LazyLock<HashMap<String, Weights>> = LazyLock::new(|| {
    // A test reads the file; a language without weights has those of English.
    toml::from_str(include_str!("data/confidence.toml")).unwrap_or_default()
});

/// Words less probable than this say no more (natural logarithm).
const LEAST: f32 = -10.0;

/// The confidence in a translation that was inspected.
pub(super) fn confidence(translation: &Translation, target: Language) -> Option<f32> {
    let flags = translation.flags();
    if flags.contains(&Flag::Copied) {
        return Some(1.0);
    }
    if flags.contains(&Flag::Empty) {
        return Some(0.0);
    }
    let weights = WEIGHTS.get(target.code()).or_else(|| WEIGHTS.get("en"))?;
    let source_words = words(&translation.source);
    let linked = source_words.iter().filter(|word| {
        let mut links = translation.alignment.iter();
        links.any(|link| link.source.overlaps(**word))
    });
    let coverage = linked.count() as f32 / source_words.len().max(1) as f32;
    let least = translation.word_scores.iter().copied().fold(0.0, f32::min);
    let problems = flags.iter().filter(|flag| flag.is_problem()).count();
    let log_odds = weights.constant
        + weights.score * translation.score
        + weights.least * least.max(LEAST)
        + weights.coverage * coverage
        + weights.problems * problems as f32
        + weights.words * (source_words.len().max(1) as f32).ln();
    Some(1.0 / (1.0 + (-log_odds).exp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_can_be_read_and_probable_words_are_better() {
        assert!(WEIGHTS.contains_key("en") && WEIGHTS.contains_key("vi"));
        let with_score = |score: f32| Translation {
            source: "Das Haus ist alt.".to_owned(),
            target: "The house is old.".to_owned(),
            score,
            word_scores: vec![score; 4],
            ..Translation::default()
        };
        let of = |score| confidence(&with_score(score), Language::EN).expect("weights");
        assert!((0.0..=1.0).contains(&of(-0.1)));
        assert!(of(-0.1) > of(-1.0) && of(-1.0) > of(-3.0));
    }
}
