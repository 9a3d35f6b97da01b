//! Systems' translations against references: scores, and what went wrong.

mod diagnosis;
mod json;
mod latex;
mod length_buckets;
mod ngram_differences;
mod page;
mod reference_alignment;
mod segments;
mod text;
mod vietnamese;

pub use diagnosis::{
    Problem, ProblemKind, SegmentDiagnosis, diagnose, problem_counts, worst_first,
};
pub use json::{JsonContent, write_json};
pub use latex::write_latex;
pub use length_buckets::{LengthBucket, length_buckets};
pub use ngram_differences::{NgramDifference, ngram_differences};
pub use page::write_page;
pub use reference_alignment::{Resegmented, Unaligned, alignment_signature, resegment};
pub use segments::{InputFormat, Segments, TextColumn};
pub use text::{write_diagnosis, write_segments, write_text};
pub use vietnamese::{normalize_vietnamese, vietnamese_signature};

use crate::metrics::{
    Interval, Metric, Resampling, Signature, Statistics, approximate_randomization, confidence,
    paired_bootstrap,
};

/// A system, and its translation of each segment.
#[derive(Debug, Clone)]
pub struct System {
    /// How it is called in results.
    pub name: String,
    /// What it wrote.
    pub segments: Segments,
}

/// What is compared, segment by segment.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    /// The texts that were translated, if they are known.
    pub sources: Option<Vec<String>>,
    /// One or more references; all texts have the same number of segments.
    pub references: Vec<Vec<String>>,
    /// The systems; the first one is the baseline.
    pub systems: Vec<System>,
}

impl Corpus {
    /// The number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.references.first().map_or(0, Vec::len)
    }

    /// What a system translated, from its own file or the corpus.
    #[must_use]
    pub fn source<'a>(&'a self, segment: usize, system: &'a System) -> Option<&'a str> {
        let sources = system.segments.sources.as_ref().or(self.sources.as_ref());
        sources.map(|sources| sources[segment].as_str())
    }

    /// The same texts in one spelling of Vietnamese ([`normalize_vietnamese`]).
    #[must_use]
    pub fn with_normalized_vietnamese(&self) -> Self {
        let normalize = |texts: &Vec<String>| -> Vec<String> {
            texts
                .iter()
                .map(|text| normalize_vietnamese(text))
                .collect()
        };
        let mut corpus = self.clone();
        corpus.references = self.references.iter().map(normalize).collect();
        for system in &mut corpus.systems {
            system.segments.texts = normalize(&system.segments.texts);
            // Its spans count bytes of the text as it was.
            system.segments.alignments = None;
        }
        corpus
    }
}

/// All scores.
pub struct Comparison<'m> {
    /// The systems' names; where systems are tested against the first one, that
    /// is the baseline.
    pub systems: Vec<String>,
    /// Each metric's scores.
    pub metrics: Vec<Scores<'m>>,
    /// How sure they are.
    pub certainty: Certainty,
}

/// How scores are printed.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Decimals.
    pub width: usize,
    /// Whether signatures have short keys.
    pub short: bool,
    /// Whether there is nothing but scores.
    pub score_only: bool,
}

/// How sure scores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Nothing is said of it.
    None,
    /// A confidence interval for each system, by bootstrap resampling.
    Confidence(Resampling),
    /// Each system against the first one, by paired bootstrap resampling.
    PairedBootstrap(Resampling),
    /// Each system against the first one, by approximate randomisation.
    ApproximateRandomization(Resampling),
}

impl Certainty {
    /// Whether systems are tested against the first one.
    #[must_use]
    pub fn is_paired(self) -> bool {
        matches!(
            self,
            Self::PairedBootstrap(_) | Self::ApproximateRandomization(_)
        )
    }

    /// What it adds to signatures.
    fn signature(self) -> Signature {
        let signature = Signature::default();
        match self {
            Self::None => signature,
            Self::Confidence(resampling) | Self::PairedBootstrap(resampling) => signature
                .with("bs", "bs", resampling.trials)
                .with("seed", "rs", resampling.seed),
            Self::ApproximateRandomization(resampling) => signature
                .with("ar", "ar", resampling.trials)
                .with("seed", "rs", resampling.seed),
        }
    }
}

/// A metric's scores.
pub struct Scores<'m> {
    /// What tells it from another score of the same metric.
    pub variant: Option<&'static str>,
    metric: &'m dyn Metric,
    statistics: Statistics,
    /// What makes them reproducible.
    pub signature: Signature,
    /// A score for each system.
    pub systems: Vec<Score>,
}

impl Scores<'_> {
    /// The same scores under a name of their own.
    #[must_use]
    pub fn with_variant(self, variant: &'static str) -> Self {
        Self {
            variant: Some(variant),
            ..self
        }
    }

    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.metric.name()
    }

    /// The number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.statistics.segments()
    }

    /// The score of a segment by itself.
    #[must_use]
    pub fn segment(&self, system: usize, segment: usize) -> f64 {
        self.metric.score(self.statistics.row(system, segment))
    }

    /// The scores of all segments by themselves.
    #[must_use]
    pub fn of_segments(&self, system: usize) -> Vec<f64> {
        let rows = self.statistics.rows(system);
        rows.map(|row| self.metric.score(row)).collect()
    }

    /// The score of some of the segments together.
    #[must_use]
    pub fn of_part(&self, system: usize, segments: &[usize]) -> f64 {
        let mut sums = vec![0.0; self.metric.width()];
        for &segment in segments {
            for (sum, value) in sums.iter_mut().zip(self.statistics.row(system, segment)) {
                *sum += value;
            }
        }
        self.metric.score(&sums)
    }

    /// What sacreBLEU prints behind a segment's score.
    #[must_use]
    pub fn segment_details(&self, system: usize, segment: usize) -> Option<String> {
        self.metric.details(self.statistics.row(system, segment))
    }
}

/// A system's score.
#[derive(Debug, Clone)]
pub struct Score {
    /// From 0 to 100; TER may be higher.
    pub value: f64,
    /// What sacreBLEU prints behind it.
    pub details: Option<String>,
    /// Where resampled scores lie.
    pub interval: Option<Interval>,
    /// Of the difference from the first system.
    pub p_value: Option<f64>,
}

/// Scores systems on the same segments.
///
/// `marks` are fields that go to the end of signatures: what was done to the
/// texts before.
///
/// # Panics
///
/// If a text has fewer segments than the first system.
#[must_use]
pub fn score<'m>(
    metric: &'m dyn Metric,
    corpus: &Corpus,
    certainty: Certainty,
    marks: &Signature,
) -> Scores<'m> {
    let systems: Vec<&[String]> = corpus
        .systems
        .iter()
        .map(|system| &system.segments.texts[..])
        .collect();
    let references: Vec<&[String]> = corpus.references.iter().map(Vec::as_slice).collect();
    let statistics = Statistics::new(metric, &systems, &references);
    let mut scores: Vec<Score> = (0..systems.len())
        .map(|system| {
            let sums = statistics.sums(system);
            Score {
                value: metric.score(&sums),
                details: metric.details(&sums),
                interval: None,
                p_value: None,
            }
        })
        .collect();
    match certainty {
        Certainty::None => {}
        Certainty::Confidence(resampling) => {
            let intervals = confidence(metric, &statistics, resampling);
            for (score, interval) in scores.iter_mut().zip(intervals) {
                score.interval = Some(interval);
            }
        }
        Certainty::PairedBootstrap(resampling) => {
            let tested = paired_bootstrap(metric, &statistics, resampling);
            for (score, tested) in scores.iter_mut().zip(tested) {
                score.interval = Some(tested.interval);
                score.p_value = tested.p_value;
            }
        }
        Certainty::ApproximateRandomization(resampling) => {
            let p_values = approximate_randomization(metric, &statistics, resampling);
            for (score, p_value) in scores.iter_mut().zip(p_values) {
                score.p_value = p_value;
            }
        }
    }
    Scores {
        variant: None,
        metric,
        signature: Signature::default()
            .with("nrefs", "#", references.len())
            .and(certainty.signature())
            .and(metric.signature())
            .and(marks.clone()),
        systems: scores,
        statistics,
    }
}
