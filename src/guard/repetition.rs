//! Words that are said again and again.
//!
//! The best-known failure of these models. A loop is the same n words three
//! times in a row ([`TIMES`]), from [`LONG`] words on twice; texts do that
//! rarely, and then on purpose, so a loop that the source has as well is none.
//! Among 8,000 human translations of newstest, WMT 21 and FLORES no more than
//! two or three have one (`scripts/check_guard.py` counts them).

use crate::alignment::words;
use crate::document::Span;
use crate::translation::{Finding, Flag};

use super::words::Side;

/// This often in a row.
const TIMES: usize = 3;
/// A phrase of so many words only twice.
const LONG: usize = 3;
/// No longer phrase is looked for.
const LONGEST: usize = 24;
/// A single word is a loop from this many bytes on, if it is one group of
/// letters again and again.
const LONG_WORD: usize = 24;

/// Loops of the target that the source does not have.
pub(super) fn detect(source: &Side, target: &Side) -> Option<Finding> {
    let of_target = loops(target.text);
    if of_target.is_empty() {
        return None;
    }
    let length = |spans: &[Span]| spans.iter().map(|span| span.len()).sum::<usize>();
    // The source may say it three times, but not the target thirty times.
    let of_source = loops(source.text);
    (length(&of_target) > 2 * length(&of_source)).then(|| Finding {
        target: of_target,
        ..Flag::Repetition.into()
    })
}

/// Bytes that are the same words again and again.
pub(crate) fn loops(text: &str) -> Vec<Span> {
    let spans = words(text);
    let tokens: Vec<String> = spans.iter().map(|span| bare(span.of(text))).collect();
    let mut found: Vec<Span> = Vec::new();
    for n in 1..=LONGEST.min(tokens.len() / 2) {
        let times = if n < LONG { TIMES } else { 2 };
        let mut equal = 0;
        for end in n..=tokens.len() {
            let goes_on = end < tokens.len() && tokens[end] == tokens[end - n];
            if goes_on {
                equal += 1;
                continue;
            }
            let first = end - equal - n.min(end - equal);
            if equal >= n * (times - 1) && says_something(&tokens[first..end]) {
                found.push(Span::new(spans[first].start, spans[end - 1].end));
            }
            equal = 0;
        }
    }
    let stretched = spans.iter().filter(|span| is_stretched(span.of(text)));
    found.extend(stretched);
    merged(found)
}

/// A word without punctuation around it, in lower case; a word that is only
/// punctuation stays.
fn bare(word: &str) -> String {
    let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
    if letters.is_empty() { word } else { letters }.to_lowercase()
}

/// Digits and marks repeat in tables (`0 0 0`, `- - -`) and mean no loop.
fn says_something(tokens: &[String]) -> bool {
    tokens
        .iter()
        .any(|token| token.contains(char::is_alphabetic))
}

/// `hahahahahahahahahahahaha`, `Donaudonaudonaudonau`: the same letters four
/// times or more.
fn is_stretched(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= LONG_WORD
        && word.contains(char::is_alphabetic)
        && (1..=bytes.len() / 4).any(|n| {
            let equal = bytes
                .iter()
                .zip(&bytes[n..])
                .filter(|(a, b)| a == b)
                .count();
            equal >= 3 * n && equal + n + 2 >= bytes.len()
        })
}

/// Overlapping spans as one.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn flagged(source: &str, target: &str) -> bool {
        let (source, target) = (
            Side::new(source, Language::DE),
            Side::new(target, Language::EN),
        );
        detect(&source, &target).is_some()
    }

    #[test]
    fn loops_are_found_whatever_their_length() {
        for target in [
            "The cat cat cat.",
            "The cat of the of the of the house.",
            "It was, it was, it was, and it was.",
            "He saw the old house, he saw the old house.",
            "Ngôi nhà này này này cũ.",
            "The end. The end. The end.",
            "a hahahahahahahahahahahahahahaha b",
        ] {
            assert!(flagged("Die Katze saß da.", target), "{target}");
        }
    }

    #[test]
    fn what_is_said_on_purpose_is_no_loop() {
        for (source, target) in [
            ("Es wurde immer mehr.", "It became more and more and more."),
            ("Er hatte es gehabt.", "He had had it."),
            ("Ha ha ha!", "Ha ha ha!"),
            ("Nein, nein, nein!", "No, no, no!"),
            ("Tabelle 0 0 0 0", "Table 0 0 0 0"),
            ("Zeile - - - -", "Line - - - -"),
            ("Von Tag zu Tag", "Day by day"),
            ("Anh ấy đi từ từ", "slowly slowly"),
        ] {
            assert!(!flagged(source, target), "{target}");
        }
    }

    #[test]
    fn the_loop_is_named() {
        let source = Side::new("Eins.", Language::DE);
        let target = Side::new("One two two two.", Language::EN);
        let finding = detect(&source, &target).expect("a loop");
        assert_eq!(finding.target, [Span::new(4, 16)]);
    }
}
