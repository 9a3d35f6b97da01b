//! Other Rust segmenters behind the protocol of `score_segmentation.py`, for
//! `scripts/bench_segmenters.py`.
//!
//! ```text
//! segment_peer icu
//! segment_peer srx SEGMENT.srx
//! ```

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use icu_segmenter::SentenceSegmenter;
use icu_segmenter::options::SentenceBreakInvariantOptions;
use serde_json::{Value, json};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["icu"] => {
            let segmenter = SentenceSegmenter::new(SentenceBreakInvariantOptions::default());
            serve(|line| segmenter.segment_str(line).skip(1).collect())
        }
        ["srx", file] => {
            let file =
                std::fs::read_to_string(file).with_context(|| format!("could not read {file}"))?;
            let srx: srx::SRX = file.parse()?;
            let rules = srx.language_rules("de");
            serve(|line| {
                rules
                    .split_ranges(line)
                    .into_iter()
                    .map(|range| range.end)
                    .collect()
            })
        }
        _ => bail!("usage: segment_peer icu | srx SEGMENT.srx"),
    }
}

/// Answers `{"text": …}` lines with `{"ends": […]}` lines; `line_ends` cuts one line of a text
/// and gives byte offsets.
fn serve(line_ends: impl Fn(&str) -> Vec<usize>) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for request in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&request?)?;
        let text = request["text"].as_str().context("a request has a text")?;
        let mut ends = Vec::new();
        let mut offset = 0;
        for line in text.split('\n') {
            for end in line_ends(line) {
                ends.push(offset + line[..end].chars().count());
            }
            offset += line.chars().count() + 1;
        }
        writeln!(output, "{}", json!({ "ends": ends }))?;
    }
    Ok(())
}
