//! Scores with all their digits.

use std::io::{self, Write};

use serde::Serialize;

use super::{Comparison, Scores};

/// Writes a list of systems: `[{"system": …, "metrics": [{"name": …, "score": …,
/// "signature": …}, …]}, …]`. Intervals and p-values are there if they were
/// asked for; with `sentence_level`, `scores` has those of the segments, in
/// place of `score`.
///
/// # Errors
///
/// What `output` reports.
pub fn write_json<'c>(
    output: &mut dyn Write,
    comparison: &'c Comparison,
    sentence_level: bool,
) -> io::Result<()> {
    let of_system = |(index, name): (usize, &'c String)| SystemRecord {
        system: name,
        metrics: comparison
            .metrics
            .iter()
            .map(|scores| MetricRecord::new(scores, index, sentence_level))
            .collect(),
    };
    let systems: Vec<SystemRecord> = comparison
        .systems
        .iter()
        .enumerate()
        .map(of_system)
        .collect();
    serde_json::to_writer_pretty(&mut *output, &systems)?;
    writeln!(output)
}

#[derive(Serialize)]
struct SystemRecord<'a> {
    system: &'a str,
    metrics: Vec<MetricRecord<'a>>,
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
