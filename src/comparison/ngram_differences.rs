//! n-grams that one system shares with the references more often than another.

use std::collections::HashMap;

use serde::Serialize;

use super::Corpus;
use crate::metrics::BleuTokenizer;

/// The longest n-grams that are compared.
const ORDER: usize = 4;

/// An n-gram that two systems get right unequally often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NgramDifference {
    /// Its words.
    pub ngram: String,
    /// How often the first system and a reference share it.
    pub baseline: usize,
    /// How often this system and a reference share it.
    pub system: usize,
}

/// The n-grams with the largest differences between a system and the first one:
/// those that the system has more often, then those that it has less often, `most`
/// of each. An n-gram inside a longer one with the same counts is left out.
#[must_use]
pub fn ngram_differences(
    corpus: &Corpus,
    system: usize,
    most: usize,
) -> (Vec<NgramDifference>, Vec<NgramDifference>) {
    let mut counts: HashMap<String, [usize; 2]> = HashMap::new();
    for segment in 0..corpus.segments() {
        let mut of_references: HashMap<String, usize> = HashMap::new();
        for reference in &corpus.references {
            for (ngram, count) in ngrams(&reference[segment]) {
                let most = of_references.entry(ngram).or_default();
                *most = count.max(*most);
            }
        }
        for (side, index) in [0, system].into_iter().enumerate() {
            for (ngram, count) in ngrams(&corpus.systems[index].segments.texts[segment]) {
                if let Some(&of_reference) = of_references.get(&ngram) {
                    counts.entry(ngram).or_default()[side] += count.min(of_reference);
                }
            }
        }
    }
    let differences = counts
        .into_iter()
        .map(|(ngram, [baseline, system])| NgramDifference {
            ngram,
            baseline,
            system,
        });
    let (better, worse): (Vec<_>, Vec<_>) = differences
        .filter(|found| found.baseline != found.system)
        .partition(|found| found.system > found.baseline);
    (largest(better, most), largest(worse, most))
}

/// Counts of a text's n-grams of all orders.
fn ngrams(text: &str) -> HashMap<String, usize> {
    let tokenizer = BleuTokenizer::V13a;
    let tokens = tokenizer.tokenize(text);
    let tokens: Vec<&str> = tokenizer.split(&tokens).collect();
    let mut counts = HashMap::new();
    for n in 1..=ORDER {
        for window in tokens.windows(n) {
            *counts.entry(window.join(" ")).or_default() += 1;
        }
    }
    counts
}

fn largest(mut found: Vec<NgramDifference>, most: usize) -> Vec<NgramDifference> {
    let size = |found: &NgramDifference| found.system.abs_diff(found.baseline);
    // Among equal differences the longer n-gram says more.
    found.sort_by(|a, b| {
        let length = |found: &NgramDifference| found.ngram.split(' ').count();
        (size(b), length(b), &a.ngram).cmp(&(size(a), length(a), &b.ngram))
    });
    let mut kept: Vec<NgramDifference> = Vec::new();
    for candidate in found {
        let is_part = kept.iter().any(|longer| {
            size(longer) == size(&candidate)
                && format!(" {} ", longer.ngram).contains(&format!(" {} ", candidate.ngram))
        });
        if !is_part {
            kept.push(candidate);
        }
        if kept.len() == most {
            break;
        }
    }
    kept
}
