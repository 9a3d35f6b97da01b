//! Scores for people: one system as sacreBLEU prints it, several as a table.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{
    Certainty, Comparison, Corpus, NgramDifference, Score, Scores, SegmentDiagnosis, Style, System,
    diagnose, length_buckets, ngram_differences, problem_counts, worst_first,
};

/// Writes the scores of one system a line each, those of several as a table.
///
/// # Errors
///
/// What `output` reports.
pub fn write_text(output: &mut dyn Write, comparison: &Comparison, style: Style) -> io::Result<()> {
    match comparison.systems.len() {
        1 => write_lines(output, comparison, style),
        _ => write_table(output, comparison, style),
    }
}

fn write_lines(output: &mut dyn Write, comparison: &Comparison, style: Style) -> io::Result<()> {
    let lines: Vec<(String, String)> = comparison
        .metrics
        .iter()
        .map(|scores| parts(scores, &scores.systems[0], style))
        .collect();
    if style.score_only {
        return lines
            .iter()
            .try_for_each(|(_, score)| writeln!(output, "{score}"));
    }
    // The equals signs stand below each other.
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines
        .iter()
        .try_for_each(|(name, score)| writeln!(output, "{name:>width$} = {score}"))
}

/// What stands before and behind the equals sign.
fn parts(scores: &Scores, score: &Score, style: Style) -> (String, String) {
    let name = format!("{}|{}", scores.name(), scores.signature.format(style.short));
    let mut text = score_and_interval(score, style.width, "μ = ");
    if let (Some(details), false) = (&score.details, style.score_only) {
        text += " ";
        text += details;
    }
    (name, text)
}

/// `35.1`, or `35.1 (μ = 35.1 ± 0.9)`
fn score_and_interval(score: &Score, width: usize, mean: &str) -> String {
    let value = format!("{:.width$}", score.value);
    match score.interval.filter(|interval| interval.mean > 0.0) {
        Some(interval) => format!(
            "{value} ({mean}{:.width$} ± {:.width$})",
            interval.mean, interval.half_width
        ),
        None => value,
    }
}

/// Writes a line for each segment and metric.
///
/// # Errors
///
/// What `output` reports.
pub fn write_segments(
    output: &mut dyn Write,
    comparison: &Comparison,
    style: Style,
) -> io::Result<()> {
    let segments = comparison.metrics.first().map_or(0, Scores::segments);
    for segment in 0..segments {
        for scores in &comparison.metrics {
            let score = Score {
                value: scores.segment(0, segment),
                details: scores.segment_details(0, segment),
                interval: None,
                p_value: None,
            };
            let (name, score) = parts(scores, &score, style);
            if style.score_only {
                writeln!(output, "{score}")?;
            } else {
                writeln!(output, "{name} = {score}")?;
            }
        }
    }
    Ok(())
}

/// The cells of the table of systems (rows) and metrics, with its headings.
pub(super) fn cells(comparison: &Comparison, width: usize) -> Vec<Vec<String>> {
    let has_intervals = comparison
        .metrics
        .iter()
        .flat_map(|scores| &scores.systems)
        .any(|score| score.interval.is_some());
    let heading = |scores: &Scores| {
        let interval = if has_intervals { " (μ ± 95% CI)" } else { "" };
        let variant = scores
            .variant
            .map(|variant| format!(" {variant}"))
            .unwrap_or_default();
        format!("{}{variant}{interval}", scores.name())
    };
    let headings = std::iter::once("System".to_owned());
    let headings = headings
        .chain(comparison.metrics.iter().map(heading))
        .collect();
    let mut rows = vec![headings];
    for (index, system) in comparison.systems.iter().enumerate() {
        let baseline = index == 0 && comparison.certainty.is_paired();
        let name = if baseline { "Baseline: " } else { "" };
        let mut row = vec![format!("{name}{system}")];
        row.extend(comparison.metrics.iter().map(|scores| {
            let score = &scores.systems[index];
            let mut cell = score_and_interval(score, width, "");
            if let Some(p_value) = score.p_value {
                // Of equal scores none is better, however rare a difference is.
                let differs = (score.value - scores.systems[0].value).abs() > 0.0;
                let star = if differs && p_value <= 0.05 { "*" } else { "" };
                let _ = write!(cell, " (p = {p_value:.4}){star}");
            }
            cell
        }));
        rows.push(row);
    }
    rows
}

fn write_table(output: &mut dyn Write, comparison: &Comparison, style: Style) -> io::Result<()> {
    let rows = cells(comparison, style.width);
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(output, "{}", cells.join("  ").trim_end())?;
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
            writeln!(output, "{}", rules.join("  "))?;
        }
    }
    if style.score_only {
        return Ok(());
    }
    writeln!(output)?;
    write_test(output, comparison)?;
    for scores in &comparison.metrics {
        writeln!(
            output,
            "{}|{}",
            scores.name(),
            scores.signature.format(style.short)
        )?;
    }
    Ok(())
}

/// Says what the p-values mean.
fn write_test(output: &mut dyn Write, comparison: &Comparison) -> io::Result<()> {
    let test = match comparison.certainty {
        Certainty::PairedBootstrap(resampling) => {
            format!(
                "paired bootstrap resampling, {} resamples",
                resampling.trials
            )
        }
        Certainty::ApproximateRandomization(resampling) => {
            format!(
                "paired approximate randomisation, {} trials",
                resampling.trials
            )
        }
        Certainty::None | Certainty::Confidence(_) => return Ok(()),
    };
    writeln!(
        output,
        "p: how probable a larger difference from the baseline than this one would be if both\n\
         systems were equally good ({test}); * at most 0.05\n"
    )
}

/// Writes what went wrong: the `worst` segments of each system, what was found
/// how often, n-grams that differ from the first system's, and scores by length.
///
/// # Errors
///
/// What `output` reports.
pub fn write_diagnosis(
    output: &mut dyn Write,
    corpus: &Corpus,
    comparison: &Comparison,
    worst: usize,
) -> io::Result<()> {
    for (index, system) in corpus.systems.iter().enumerate() {
        let segments = diagnose(corpus, index);
        writeln!(output, "\n=== {} ===", system.name)?;
        for (kind, count) in problem_counts(&segments) {
            writeln!(output, "{}: {count}", kind.label())?;
        }
        writeln!(output, "\nsegment  BLEU   chrF  length  worst first")?;
        for found in worst_first(&segments).into_iter().take(worst) {
            write_segment(output, corpus, system, found)?;
        }
        if index > 0 {
            let (better, worse) = ngram_differences(corpus, index, worst);
            let baseline = &corpus.systems[0].name;
            write_ngrams(
                output,
                &format!("right more often than in {baseline}"),
                &better,
            )?;
            write_ngrams(
                output,
                &format!("right less often than in {baseline}"),
                &worse,
            )?;
        }
    }
    let Some(scores) = comparison.metrics.first() else {
        return Ok(());
    };
    writeln!(output, "\n{} by words of the reference", scores.name())?;
    for bucket in length_buckets(corpus, scores) {
        let of_systems: Vec<String> = bucket
            .scores
            .iter()
            .map(|score| format!("{score:>6.1}"))
            .collect();
        let (label, segments) = (bucket.label(), bucket.segments);
        writeln!(
            output,
            "{label:>6} {segments:>6} segments {}",
            of_systems.join(" ")
        )?;
    }
    Ok(())
}

fn write_segment(
    output: &mut dyn Write,
    corpus: &Corpus,
    system: &System,
    found: &SegmentDiagnosis,
) -> io::Result<()> {
    let ratio = found
        .length_ratio
        .map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    writeln!(
        output,
        "{:>7} {:>5.1} {:>6.1} {ratio:>7}",
        found.segment, found.bleu, found.chrf
    )?;
    let index = found.segment - 1;
    if let Some(source) = corpus.source(index, system) {
        writeln!(output, "        source: {source}")?;
    }
    writeln!(output, "        output: {}", system.segments.texts[index])?;
    for reference in &corpus.references {
        writeln!(output, "        reference: {}", reference[index])?;
    }
    for problem in &found.problems {
        writeln!(
            output,
            "        {}: {}",
            problem.kind.label(),
            problem.words.join(", ")
        )?;
    }
    Ok(())
}

fn write_ngrams(output: &mut dyn Write, title: &str, found: &[NgramDifference]) -> io::Result<()> {
    writeln!(output, "\n{title}")?;
    found.iter().try_for_each(|found| {
        writeln!(
            output,
            "{:>5} {:>5}  {}",
            found.system, found.baseline, found.ngram
        )
    })
}
