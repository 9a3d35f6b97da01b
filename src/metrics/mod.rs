//! Scores against reference translations: BLEU, chrF and TER, with the scores
//! and signatures of sacreBLEU 2.6.0, and tests of significance.
//!
//! A metric turns each segment into a row of statistics; their sum over the
//! corpus gives the score. So corpus scores, sentence scores and resampling all
//! use the same rows ([`Statistics`]).

mod bleu;
mod bleu_tokenizer;
mod chrf;
mod generator;
mod ngrams;
mod real;
mod resampling;
mod signature;
mod significance;
mod ter;
mod ter_shift;
mod ter_tokenizer;
mod white_space;

pub use bleu::{Bleu, Smoothing};
pub use bleu_tokenizer::BleuTokenizer;
pub use chrf::Chrf;
pub use resampling::{Resampling, Sample, Samples};
pub use signature::{SACREBLEU_VERSION, Signature};
pub use significance::{Interval, Tested, approximate_randomization, confidence, paired_bootstrap};
pub use ter::Ter;
pub use white_space::{split as split_white_space, trim_end as trim_white_space_end};

use rayon::prelude::*;

/// A measure of how close a translation is to its references.
pub trait Metric: Sync {
    /// The name as sacreBLEU prints it, such as `BLEU` or `chrF2++`.
    fn name(&self) -> String;

    /// What makes the score reproducible.
    fn signature(&self) -> Signature;

    /// How many numbers a segment's row of statistics has.
    fn width(&self) -> usize;

    /// Writes the statistics of one segment in several translations:
    /// `rows` is `[hypotheses.len(), self.width()]`, row by row.
    ///
    /// `references` has at least one text.
    fn statistics(&self, hypotheses: &[&str], references: &[&str], rows: &mut [f64]);

    /// The score of a segment or a corpus, from the sum of its rows.
    fn score(&self, sums: &[f64]) -> f64;

    /// The score of a bootstrap resample. sacreBLEU sums those in single
    /// precision.
    fn resampled_score(&self, sums: &[f32]) -> Sample;

    /// The score of a shuffled system in approximate randomisation.
    fn shuffled_score(&self, sums: &[f64]) -> f64 {
        self.score(sums)
    }

    /// What sacreBLEU prints behind the score.
    fn details(&self, _sums: &[f64]) -> Option<String> {
        None
    }
}

/// The rows of a metric for all systems and segments.
#[derive(Debug, Clone)]
pub struct Statistics {
    width: usize,
    systems: usize,
    /// `[segments, systems, width]`
    values: Vec<f64>,
}

impl Statistics {
    /// Computes the rows, on all threads.
    ///
    /// `systems` and `references` are lists of texts, each with the same number
    /// of segments.
    ///
    /// # Panics
    ///
    /// If a text has fewer segments than the first system.
    pub fn new<S: AsRef<str> + Sync>(
        metric: &dyn Metric,
        systems: &[&[S]],
        references: &[&[S]],
    ) -> Self {
        let width = metric.width();
        let segments = systems.first().map_or(0, |system| system.len());
        let row = width * systems.len();
        let mut values = vec![0.0; segments * row];
        values
            .par_chunks_mut(row.max(1))
            .with_min_len(8)
            .enumerate()
            .for_each(|(segment, rows)| {
                let hypotheses: Vec<&str> = systems.iter().map(|s| s[segment].as_ref()).collect();
                let references: Vec<&str> =
                    references.iter().map(|r| r[segment].as_ref()).collect();
                metric.statistics(&hypotheses, &references, rows);
            });
        Self {
            width,
            systems: systems.len(),
            values,
        }
    }

    /// The number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.values.len() / (self.width * self.systems).max(1)
    }

    /// The row of a segment.
    #[must_use]
    pub fn row(&self, system: usize, segment: usize) -> &[f64] {
        let start = (segment * self.systems + system) * self.width;
        &self.values[start..start + self.width]
    }

    /// The rows of a system, in the order of the segments.
    pub fn rows(&self, system: usize) -> impl Iterator<Item = &[f64]> {
        (0..self.segments()).map(move |segment| self.row(system, segment))
    }

    /// The sum of a system's rows over the corpus.
    #[must_use]
    pub fn sums(&self, system: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for row in self.rows(system) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
        sums
    }
}
