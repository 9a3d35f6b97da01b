//! Speed of the segmenter, beside ICU4X and srx, on a megabyte of text of our own wording.
//!
//! `srx` needs the rules of `LanguageTool`, which are not part of this project: it runs when
//! `SEGMENT_SRX` names the file.

use std::fmt::Write;

use divan::Bencher;
use divan::counter::BytesCount;
use dolmetsch::segment::Segmenter;
use icu_segmenter::SentenceSegmenter;
use icu_segmenter::options::SentenceBreakInvariantOptions;

fn main() {
    divan::main();
}

/// The strings of the tests, shuffled into paragraphs with plain sentences between them.
fn text() -> String {
    const PLAIN: [&str; 3] = [
        "Der Stadtrat hat am Abend über den neuen Haushalt beraten und ihn nach langer Aussprache mit knapper Mehrheit angenommen.",
        "Für Schulen und Straßen steht künftig mehr Geld bereit, während die Zuschüsse an die Vereine um ein Drittel gekürzt werden.",
        "„Wir mussten uns entscheiden“, sagte die Bürgermeisterin, „und das haben wir getan.“",
    ];
    let strings = include_str!("../tests/data/segmentation/strings.txt");
    let strings: Vec<String> = strings
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(_, marked)| marked.replace(['|', '¦', '⏎'], ""))
        .collect();
    let mut text = String::new();
    for (count, string) in strings.iter().cycle().enumerate() {
        let line_break = if count % 3 == 0 { "\n" } else { " " };
        write!(text, "{} {string}{line_break}", PLAIN[count % 3]).expect("a string takes all");
        if text.len() > 1 << 20 {
            break;
        }
    }
    text
}

#[divan::bench]
fn dolmetsch(bencher: Bencher<'_, '_>) {
    let segmenter = Segmenter::german();
    let text = text();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| segmenter.sentences(&text).len());
}

#[divan::bench]
fn icu4x(bencher: Bencher<'_, '_>) {
    let segmenter = SentenceSegmenter::new(SentenceBreakInvariantOptions::default());
    let text = text();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| segmenter.segment_str(&text).count());
}

#[divan::bench(sample_count = 10)]
fn srx(bencher: Bencher<'_, '_>) {
    let Ok(file) = std::env::var("SEGMENT_SRX") else {
        return;
    };
    let file = std::fs::read_to_string(file).expect("SEGMENT_SRX names a readable file");
    let srx: srx::SRX = file.parse().expect("SEGMENT_SRX names a file of SRX rules");
    let rules = srx.language_rules("de");
    let text = text();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| rules.split_ranges(&text).len());
}
