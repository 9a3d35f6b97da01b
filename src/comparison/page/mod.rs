//! A page to look at a comparison: one HTML file that loads nothing.
//!
//! Table and charts are made here; the scatter plot and the segments are made by
//! `page.js` from the data in the page. Everything that comes from a text is
//! escaped, or put in place as text; the policy in the head lets nothing run but
//! the page's own script, by its hash.

mod chart;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{
    Comparison, Corpus, LengthBucket, NgramDifference, Scores, SegmentDiagnosis, diagnose,
    length_buckets, ngram_differences,
};
use crate::writer::{html_text as text, integrity};
use chart::{distribution, intervals, lengths};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const CONTROLS: &str = include_str!("controls.html");

/// n-grams of a system that are shown.
const NGRAMS: usize = 15;

/// Writes the page.
///
/// # Errors
///
/// What `output` reports.
pub fn write_page(
    output: &mut dyn Write,
    corpus: &Corpus,
    comparison: &Comparison,
    notes: &[String],
) -> io::Result<()> {
    let names = short_names(&comparison.systems);
    let diagnoses: Vec<Vec<SegmentDiagnosis>> = (0..corpus.systems.len())
        .map(|system| diagnose(corpus, system))
        .collect();
    write_head(output, corpus, &names)?;
    write_scores(output, comparison, &names, notes)?;
    write_charts(output, corpus, comparison, &names, &diagnoses)?;
    write_ngrams(output, corpus, &names)?;
    write!(output, "{CONTROLS}")?;
    write_data(output, corpus, &names, &diagnoses)?;
    writeln!(output, "<script>{SCRIPT}</script>")
}

/// File names without their folders, where these are not needed to tell them
/// apart.
fn short_names(systems: &[String]) -> Vec<String> {
    let file_name = |name: &String| {
        let file = Path::new(name).file_name();
        file.map_or_else(|| name.clone(), |file| file.to_string_lossy().into_owned())
    };
    let names: Vec<String> = systems.iter().map(file_name).collect();
    let distinct: HashSet<&String> = names.iter().collect();
    if distinct.len() == names.len() {
        names
    } else {
        systems.to_vec()
    }
}

fn write_head(output: &mut dyn Write, corpus: &Corpus, names: &[String]) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        integrity(STYLE),
        integrity(SCRIPT)
    );
    let title = text(&names.join(", "));
    write!(
        output,
        "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta http-equiv=Content-Security-Policy content=\"{policy}\">\n\
         <meta name=viewport content=\"width=device-width\">\n\
         <meta name=color-scheme content=\"light dark\">\n\
         <meta name=generator content=\"{} {}\">\n\
         <title>Comparison: {title}</title>\n<style>{STYLE}</style>\n\
         <header><h1>Translations against references</h1>\n\
         <p>Segments: {}, references: {}, systems: {}</header>\n<main>\n",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        corpus.segments(),
        corpus.references.len(),
        corpus.systems.len(),
    )
}

fn write_scores(
    output: &mut dyn Write,
    comparison: &Comparison,
    names: &[String],
    notes: &[String],
) -> io::Result<()> {
    writeln!(
        output,
        "<section aria-labelledby=scores><h2 id=scores>Scores</h2>"
    )?;
    write!(
        output,
        "<div class=wide><table><thead><tr><th scope=col>System"
    )?;
    for scores in &comparison.metrics {
        write!(
            output,
            "<th scope=col class=number>{}",
            text(&heading(scores))
        )?;
    }
    write!(output, "</thead><tbody>")?;
    for (index, system) in names.iter().enumerate() {
        write!(output, "\n<tr><th scope=row>{}", text(system))?;
        if index == 0 && comparison.certainty.is_paired() {
            write!(output, " <small>baseline</small>")?;
        }
        for scores in &comparison.metrics {
            let score = &scores.systems[index];
            write!(output, "<td class=number>{:.1}", score.value)?;
            if let Some(interval) = score.interval {
                write!(output, " <small>± {:.1}</small>", interval.half_width)?;
            }
            if let Some(p_value) = score.p_value {
                write!(output, "<br><small>p = {p_value:.4}</small>")?;
            }
        }
    }
    write!(output, "\n</tbody></table></div>\n")?;
    for scores in &comparison.metrics {
        let signature = scores.signature.format(false);
        writeln!(
            output,
            "<p><code>{}|{}</code>",
            text(&scores.name()),
            text(&signature)
        )?;
    }
    for note in notes {
        writeln!(output, "<p class=note>{}", text(note))?;
    }
    write!(output, "<div class=charts>")?;
    for scores in &comparison.metrics {
        if let Some(chart) = intervals(&heading(scores), names, scores) {
            write!(output, "{chart}")?;
        }
    }
    writeln!(output, "</div></section>")
}

fn heading(scores: &Scores) -> String {
    let variant = scores.variant.map(|variant| format!(" {variant}"));
    scores.name() + &variant.unwrap_or_default()
}

fn write_charts(
    output: &mut dyn Write,
    corpus: &Corpus,
    comparison: &Comparison,
    names: &[String],
    diagnoses: &[Vec<SegmentDiagnosis>],
) -> io::Result<()> {
    let scores: Vec<Vec<f64>> = diagnoses
        .iter()
        .map(|segments| segments.iter().map(|segment| segment.chrf).collect())
        .collect();
    writeln!(
        output,
        "<section aria-labelledby=charts><h2 id=charts>Segments at a glance</h2>"
    )?;
    write!(output, "<div class=charts>{}", distribution(names, &scores))?;
    if let Some(first) = comparison.metrics.first() {
        let buckets: Vec<LengthBucket> = length_buckets(corpus, first);
        write!(output, "{}", lengths(&first.name(), names, &buckets))?;
    }
    writeln!(
        output,
        "<figure id=scatter hidden><figcaption>chrF of each segment in two systems</figcaption></figure></div></section>"
    )
}

fn write_ngrams(output: &mut dyn Write, corpus: &Corpus, names: &[String]) -> io::Result<()> {
    if names.len() < 2 {
        return Ok(());
    }
    writeln!(
        output,
        "<section aria-labelledby=ngrams><h2 id=ngrams>Words and phrases compared with {}</h2>",
        text(&names[0])
    )?;
    for (index, name) in names.iter().enumerate().skip(1) {
        let (better, worse) = ngram_differences(corpus, index, NGRAMS);
        let name = text(name);
        write!(
            output,
            "<details><summary>{name}</summary><div class=columns>"
        )?;
        write_differences(output, "Right more often", &better)?;
        write_differences(output, "Right less often", &worse)?;
        writeln!(output, "</div></details>")?;
    }
    writeln!(output, "</section>")
}

fn write_differences(
    output: &mut dyn Write,
    title: &str,
    found: &[NgramDifference],
) -> io::Result<()> {
    write!(
        output,
        "<table><caption>{title}</caption><thead><tr><th scope=col>n-gram\
         <th scope=col class=number>here<th scope=col class=number>baseline</thead><tbody>"
    )?;
    for difference in found {
        write!(
            output,
            "<tr><td>{}<td class=number>{}<td class=number>{}",
            text(&difference.ngram),
            difference.system,
            difference.baseline
        )?;
    }
    write!(output, "</tbody></table>")
}

#[derive(Serialize)]
struct Data<'a> {
    systems: &'a [String],
    segments: Vec<Segment<'a>>,
}

#[derive(Serialize)]
struct Segment<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    references: Vec<&'a str>,
    outputs: Vec<Output<'a>>,
}

#[derive(Serialize)]
struct Output<'a> {
    text: &'a str,
    bleu: f64,
    chrf: f64,
    ratio: Option<f64>,
    problems: Vec<(&'static str, String)>,
}

fn write_data(
    output: &mut dyn Write,
    corpus: &Corpus,
    names: &[String],
    diagnoses: &[Vec<SegmentDiagnosis>],
) -> io::Result<()> {
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    let of_system = |segment: usize, system: usize| {
        let found: &SegmentDiagnosis = &diagnoses[system][segment];
        let problems = found.problems.iter();
        Output {
            text: &corpus.systems[system].segments.texts[segment],
            bleu: rounded(found.bleu),
            chrf: rounded(found.chrf),
            ratio: found.length_ratio.map(rounded),
            problems: problems
                .map(|problem| (problem.kind.label(), problem.words.join(", ")))
                .collect(),
        }
    };
    let segments = (0..corpus.segments()).map(|segment| Segment {
        source: corpus.source(segment, &corpus.systems[0]),
        references: corpus
            .references
            .iter()
            .map(|text| &text[segment][..])
            .collect(),
        outputs: (0..corpus.systems.len())
            .map(|system| of_system(segment, system))
            .collect(),
    });
    let data = Data {
        systems: names,
        segments: segments.collect(),
    };
    // No text can end the element.
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    writeln!(
        output,
        "<script type=application/json id=data>{json}</script>"
    )
}
