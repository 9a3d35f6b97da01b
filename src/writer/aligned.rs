//! The word links of given translations, line by line.

use std::io::{self, Write};

use serde::Serialize;

use super::jsonl::{Link, Score, links};
use crate::aligner::AlignedPair;
use crate::alignment::{AlignmentPoint, words};
use crate::document::Span;
use crate::translation::Flag;

/// A pair of lines and its links.
#[derive(Debug, Clone, Copy)]
pub struct AlignedLine<'a> {
    /// The line, from 0.
    pub number: usize,
    /// The source.
    pub source: &'a str,
    /// Its translation.
    pub target: &'a str,
    /// The links between them.
    pub aligned: &'a AlignedPair,
}

#[derive(Serialize)]
struct Record<'a> {
    line: usize,
    source: &'a str,
    target: &'a str,
    alignment: Vec<Link>,
    score: Option<Score>,
    flags: &'a [Flag],
}

/// Writes a record with byte spans; `score` is null where nothing was scored.
///
/// # Errors
///
/// What `output` reports.
pub fn write_aligned_jsonl(output: &mut dyn Write, line: AlignedLine) -> io::Result<()> {
    let record = Record {
        line: line.number,
        source: line.source,
        target: line.target,
        alignment: links(&line.aligned.alignment),
        score: line.aligned.score.map(Score),
        flags: if line.aligned.split {
            &[Flag::Split]
        } else {
            &[]
        },
    };
    let mut bytes = serde_json::to_vec(&record)?;
    bytes.push(b'\n');
    output.write_all(&bytes)
}

/// Writes the links as `i-j`, words from 0.
///
/// # Errors
///
/// What `output` reports.
pub fn write_aligned_pharaoh(output: &mut dyn Write, line: AlignedLine) -> io::Result<()> {
    let links: Vec<String> = numbers(line).map(|(i, j, _)| format!("{i}-{j}")).collect();
    writeln!(output, "{}", links.join(" "))
}

/// Writes a line for each link as the shared tasks of NAACL 2003 and ACL 2005
/// have it (Mihalcea and Pedersen 2003, "An Evaluation Exercise for Word
/// Alignment"): sentence, source word, target word, all from 1, `S` for sure,
/// and the score.
///
/// # Errors
///
/// What `output` reports.
pub fn write_naacl(output: &mut dyn Write, line: AlignedLine) -> io::Result<()> {
    for (i, j, score) in numbers(line) {
        writeln!(
            output,
            "{} {} {} S {score:.4}",
            line.number + 1,
            i + 1,
            j + 1
        )?;
    }
    Ok(())
}

/// The links by the numbers of their words, from 0, and their scores.
fn numbers(line: AlignedLine<'_>) -> impl Iterator<Item = (usize, usize, f32)> {
    let (source, target) = (words(line.source), words(line.target));
    let number = |words: &[Span], span: Span| words.partition_point(|word| word.start < span.start);
    let points: &[AlignmentPoint] = &line.aligned.alignment;
    points.iter().map(move |point| {
        (
            number(&source, point.source),
            number(&target, point.target),
            point.score,
        )
    })
}
