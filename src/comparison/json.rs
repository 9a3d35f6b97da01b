//! Scores with all their digits.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    Comparison, Corpus, LengthBucket, NgramDifference, Scores, SegmentDiagnosis, diagnose,
    length_buckets, ngram_differences,
};

/// What is written besides scores.
#[derive(Clone, Copy, Default)]
pub struct JsonContent<'a> {
    /// The scores of segments, in place of the whole.
    pub sentence_level: bool,
    /// What went wrong.
    pub diagnosis: Option<&'a Corpus>,
    /// What has no counterpart: names of the texts, and their segments.
    pub unaligned: Option<&'a [(String, Vec<usize>)]>,
}

/// n-grams of a system that are compared with the first one's.
const NGRAMS: usize = 50;

/// Writes a list of systems: `[{"system": …, "metrics": [{"name": …, "score": …,
/// "signature": …}, …]}, …]`. Intervals and p-values are there if they were
/// asked for; for single segments, `scores` stands in place of `score`.
///
/// # Errors
///
/// What `output` reports.
pub fn write_json(
    output: &mut dyn Write,
    comparison: &Comparison,
    content: JsonContent,
) -> io::Result<()> {
    let mut systems = Vec::new();
    for (index, name) in comparison.systems.iter().enumerate() {
        systems.push(SystemRecord {
            system: name,
            metrics: comparison
                .metrics
                .iter()
                .map(|scores| MetricRecord::new(scores, index, content.sentence_level))
                .collect(),
            segments: content.diagnosis.map(|corpus| diagnose(corpus, index)),
            ngrams: content.diagnosis.filter(|_| index > 0).map(|corpus| {
                let (better, worse) = ngram_differences(corpus, index, NGRAMS);
                NgramsRecord { better, worse }
            }),
            lengths: content
                .diagnosis
                .zip(comparison.metrics.first())
                .map(|(corpus, scores)| lengths(&length_buckets(corpus, scores), index)),
            unaligned: content.unaligned.map(|unaligned| {
                let of_text = |(file, segments): &'_ (String, Vec<usize>)| UnalignedRecord {
                    file: file.clone(),
                    segments: segments.clone(),
                };
                unaligned.iter().map(of_text).collect()
            }),
        });
    }
    serde_json::to_writer_pretty(&mut *output, &systems)?;
    writeln!(output)
}

fn lengths(buckets: &[LengthBucket], system: usize) -> Vec<LengthRecord> {
    let of_system = |bucket: &LengthBucket| LengthRecord {
        from: bucket.from,
        to: bucket.to,
        segments: bucket.segments,
        score: bucket.scores[system],
    };
    buckets.iter().map(of_system).collect()
}

#[derive(Serialize)]
struct SystemRecord<'a> {
    system: &'a str,
    metrics: Vec<MetricRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<SegmentDiagnosis>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ngrams: Option<NgramsRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lengths: Option<Vec<LengthRecord>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unaligned: Option<Vec<UnalignedRecord>>,
}

/// n-grams that the system gets right more, and less often than the first one.
#[derive(Serialize)]
struct NgramsRecord {
    better: Vec<NgramDifference>,
    worse: Vec<NgramDifference>,
}

#[derive(Serialize)]
struct LengthRecord {
    from: usize,
    to: Option<usize>,
    segments: usize,
    score: f64,
}

#[derive(Serialize)]
struct UnalignedRecord {
    file: String,
    /// From 1.
    segments: Vec<usize>,
}

#[derive(Serialize)]
struct MetricRecord<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbose_score: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence_mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence_var: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Vec<f64>>,
}

impl<'a> MetricRecord<'a> {
    fn new(scores: &'a Scores, system: usize, sentence_level: bool) -> Self {
        let score = &scores.systems[system];
        Self {
            name: scores.name(),
            score: (!sentence_level).then_some(score.value),
            signature: scores.signature.format(false),
            verbose_score: score.details.as_deref().filter(|_| !sentence_level),
            confidence_mean: score.interval.map(|interval| interval.mean),
            confidence_var: score.interval.map(|interval| interval.half_width),
            p_value: score.p_value,
            scores: sentence_level.then(|| scores.of_segments(system)),
        }
    }
}
