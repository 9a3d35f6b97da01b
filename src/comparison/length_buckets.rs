//! Quality by the length of sentences.

use serde::Serialize;

use super::{Corpus, Scores};
use crate::alignment::words;

/// Words of the first reference from which on each bucket begins.
const STARTS: [usize; 6] = [0, 10, 20, 30, 40, 50];

/// Sentences of similar length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LengthBucket {
    /// The fewest words of the first reference.
    pub from: usize,
    /// The most words, if there is a limit.
    pub to: Option<usize>,
    /// The number of segments.
    pub segments: usize,
    /// Each system's score on them.
    pub scores: Vec<f64>,
}

/// The scores of all systems by length; buckets without segments are left out.
#[must_use]
pub fn length_buckets(corpus: &Corpus, scores: &Scores) -> Vec<LengthBucket> {
    let mut buckets = Vec::new();
    for (index, &from) in STARTS.iter().enumerate() {
        let to = STARTS.get(index + 1).map(|next| next - 1);
        let is_inside = |segment: &usize| {
            let len = words(&corpus.references[0][*segment]).len();
            len >= from && to.is_none_or(|to| len <= to)
        };
        let segments: Vec<usize> = (0..corpus.segments()).filter(is_inside).collect();
        if segments.is_empty() {
            continue;
        }
        let systems = 0..corpus.systems.len();
        buckets.push(LengthBucket {
            from,
            to,
            segments: segments.len(),
            scores: systems
                .map(|system| scores.of_part(system, &segments))
                .collect(),
        });
    }
    buckets
}

impl LengthBucket {
    /// `10–19`, `50+`
    #[must_use]
    pub fn label(&self) -> String {
        match self.to {
            Some(to) => format!("{}–{to}", self.from),
            None => format!("{}+", self.from),
        }
    }
}
