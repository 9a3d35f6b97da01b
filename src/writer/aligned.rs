//! The word links of given translations, line by line.

use std::io::{self, Write};

use serde::Serialize;

use super::jsonl::{Link, Score, links};
use super::{pharaoh, word_links};
use crate::aligner::AlignedPair;
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
    let links = pharaoh(line.source, line.target, &line.aligned.alignment);
    writeln!(output, "{links}")
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
    let points = &line.aligned.alignment;
    let links = word_links(line.source, line.target, points);
    for ((i, j), point) in links.into_iter().zip(points) {
        writeln!(
            output,
            "{} {} {} S {:.4}",
            line.number + 1,
            i + 1,
            j + 1,
            point.score
        )?;
    }
    Ok(())
}
