//! The segmenter on strings of our own, on random text, and on the gold sets.

// The tests on gold sets say what they measured, or why they were skipped.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dolmetsch::Span;
use dolmetsch::segment::Segmenter;
use proptest::prelude::*;
use serde_json::Value;

fn cut(text: &str) -> Vec<&str> {
    let spans = Segmenter::german().sentences(text);
    spans.into_iter().map(|span| span.of(text)).collect()
}

#[test]
fn strings_of_each_class_are_cut_where_they_should_be() {
    let table = include_str!("data/segmentation/strings.txt");
    let mut failures = Vec::new();
    for line in table.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (class, marked) = line.split_once(": ").expect("a class, a colon, a string");
        let text = marked
            .replace('¦', "")
            .replace(" | ", " ")
            .replace("⏎ ", "\n");
        let expected: Vec<&str> = marked
            .split('¦')
            .flat_map(|part| part.split(" | "))
            .map(|sentence| sentence.trim_end_matches('⏎').trim())
            .collect();
        if cut(&text) != expected {
            failures.push(format!("{class}: {:?}", cut(&text)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_wrapped_paragraph_is_read_across_its_line_breaks() {
    let text = "Der Zug fährt um\n8. Er hält nicht am\r\n3. Gleis.\n\nDas ist\nneu.";
    let sentences: Vec<_> = Segmenter::german()
        .sentences_of_paragraph(text)
        .into_iter()
        .map(|span| span.of(text))
        .collect();
    assert_eq!(
        sentences,
        [
            "Der Zug fährt um\n8.",
            "Er hält nicht am\r\n3. Gleis.",
            "Das ist\nneu."
        ]
    );
}

#[test]
fn every_kind_of_line_break_ends_a_segment() {
    for line_break in [
        "\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}",
    ] {
        assert_eq!(cut(&format!("am 3.{line_break}Mai")), ["am 3.", "Mai"]);
    }
}

#[test]
fn ones_own_abbreviations_may_have_several_parts() {
    let text = "Der a. o. B. Meier kam. Die Frau blieb.";
    let segmenter = Segmenter::german().with_abbreviations(["a. o. B.", "  ", "."]);
    assert_eq!(segmenter.sentences(text).len(), 2);
}

#[test]
fn a_megabyte_of_hostile_text_is_cut_without_loss() {
    for unit in [
        ".", "!", "…", "1.", "z. B. ", "Die.", "1Die.", ").", ". )", "\"", "^", "😀", ":)", "[1]",
        ".[1]", "!- ", "“ ", "<-", "x", "*a", "a a. ", "\n", "( ", "I. ", "’.", " .",
    ] {
        let text = unit.repeat(1_000_000 / unit.len());
        // A rule that looks too far makes this take minutes.
        check_spans(&text, &Segmenter::german().sentences(&text));
    }
}

/// Spans lie in order, on character boundaries, and have nothing but white space between them.
fn check_spans(text: &str, spans: &[Span]) {
    let mut end = 0;
    for span in spans {
        assert!(span.start < span.end && end <= span.start);
        assert!(text[end..span.start].chars().all(char::is_whitespace));
        let sentence = span.of(text);
        assert_eq!(sentence, sentence.trim());
        end = span.end;
    }
    assert!(text[end..].chars().all(char::is_whitespace));
}

/// Text of the pieces that the rules look at, in any order.
fn german_like() -> impl Strategy<Value = String> {
    let pieces = [
        ".", "!", "?", "…", "...", ":)", ";-)", "😀", "xD", "^^", "<-", "./.", "[3]", "¹", "“",
        "„", "»", "«", "\"", "'", "’", "(", ")", "*", "-", "–", ",", ":", " ", " ", " ", "\u{a0}",
        "\n", "\r\n", "\u{2028}", "am", "25", "3.10", "1990", "1.000", "II", "A", "z", "B", "Dr",
        "usw", "Die", "Mai", "ärztl", "Straße", "Yahoo", "www.a.de", "@x", "#y", "dpa", "ß", "漢",
        "\u{301}", "\u{200d}", "\0",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn gaps_and_sentences_are_the_input(text in any::<String>()) {
        check_spans(&text, &Segmenter::german().sentences(&text));
        check_spans(&text, &Segmenter::german().sentences_of_paragraph(&text));
    }

    #[test]
    fn gaps_and_sentences_are_the_input_near_the_rules(text in german_like()) {
        check_spans(&text, &Segmenter::german().sentences(&text));
        check_spans(&text, &Segmenter::german().sentences_of_paragraph(&text));
    }

    #[test]
    fn lines_are_cut_independently(first in german_like(), second in german_like()) {
        let segmenter = Segmenter::german();
        let both = format!("{first}\n{second}");
        let mut expected = segmenter.sentences(&first);
        let offset = first.len() + 1;
        expected.extend(segmenter.sentences(&second).iter().map(|span| span.shift(offset)));
        prop_assert_eq!(segmenter.sentences(&both), expected);
    }
}

/// The folder of gold sets beside the checkout, which is not part of the project.
fn gold_sets() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/segmentation");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no gold sets in {}", folder.display());
    None
}

fn rows(path: &Path) -> Vec<Value> {
    let file = std::fs::read_to_string(path).expect("a gold set is readable");
    file.lines()
        .map(|line| serde_json::from_str(line).expect("a gold set holds JSON lines"))
        .collect()
}

/// Byte offsets of the ends of sentences, without the last one and those at a line break.
fn inner_ends(text: &str, ends: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let last = text.trim_end().len();
    ends.filter(|&end| {
        let rest = &text[end..];
        let gap = &rest[..rest.len() - rest.trim_start().len()];
        end < last
            && !gap.contains([
                '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
            ])
    })
    .collect()
}

/// Whether a sentence ends in punctuation, as `score_segmentation.py` sees it.
fn has_final_punctuation(sentence: &str) -> bool {
    let quote_or_bracket = ['"', '“', '”', '„', '»', '«', '›', '‹', '’', '‘', ')'];
    let mut rest = sentence;
    loop {
        if rest.ends_with(['.', '!', '?', '…', ':', ';']) {
            return true;
        }
        let shorter = rest.trim_end_matches([
            '"', '\'', '“', '”', '„', '»', '«', '›', '‹', '’', '‘', ')', ']', '}', '*', '¹', '²',
            '³',
        ]);
        let shorter = shorter.trim_end_matches(|c: char| c.is_ascii_digit() && rest.ends_with(']'));
        if shorter.len() == rest.len() {
            return sentence.ends_with(quote_or_bracket);
        }
        rest = shorter.trim_end_matches('[');
    }
}

/// F1 in per cent over the boundaries inside lines, unpunctuated ends left out.
fn f1(path: &Path) -> f64 {
    let (mut hits, mut false_alarms, mut missed) = (0, 0, 0);
    for row in rows(path) {
        let text = row["text"].as_str().expect("text");
        let offsets: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect();
        let gold: Vec<usize> = row["ends"]
            .as_array()
            .expect("ends")
            .iter()
            .map(|end| {
                text[..offsets[end.as_u64().expect("a number") as usize]]
                    .trim_end()
                    .len()
            })
            .collect();
        let starts = std::iter::once(0).chain(gold.iter().copied());
        let soft: BTreeSet<usize> = starts
            .zip(&gold)
            .filter(|&(start, &end)| !has_final_punctuation(&text[start..end]))
            .map(|(_, &end)| end)
            .collect();
        let gold = inner_ends(text, gold.into_iter());
        let ours = inner_ends(
            text,
            Segmenter::german()
                .sentences(text)
                .iter()
                .map(|span| span.end),
        );
        hits += (&ours & &gold).difference(&soft).count();
        false_alarms += ours.difference(&gold).count();
        missed += (&gold - &ours).difference(&soft).count();
    }
    200.0 * f64::from(hits as u32) / f64::from((2 * hits + false_alarms + missed) as u32)
}

#[test]
fn running_text_reaches_the_marks_set_for_it() {
    let Some(folder) = gold_sets() else { return };
    for (set, mark) in [
        ("ud-dev-gsd-dev", 98.9),
        ("ud-dev-lit", 99.2),
        ("ud-dev-ntrex", 99.8),
        ("ud-dev-empirist-train", 94.5),
        ("ud-dev-legal", 99.6),
    ] {
        let f1 = f1(&folder.join(set).with_extension("jsonl"));
        println!("{set:24} {f1:.2}");
        assert!(f1 >= mark, "{set}: {f1:.2}, below {mark}");
    }
}

#[test]
fn strings_of_others_reach_the_marks_set_for_them() {
    let Some(folder) = gold_sets() else { return };
    for (set, mark) in [
        ("dev_de", 60),
        ("golden-pysbd_de", 30),
        ("golden-pragmatic_de", 32),
        ("golden-somajo_de", 24),
        ("golden-languagetool_de", 50),
    ] {
        let rows = rows(&folder.join(set).with_extension("jsonl"));
        let passed = rows
            .iter()
            .filter(|row| {
                let sentences = row["sentences"].as_array().expect("sentences");
                let expected = sentences.iter().filter_map(Value::as_str).map(str::trim);
                cut(row["text"].as_str().expect("text"))
                    .into_iter()
                    .eq(expected.filter(|sentence| !sentence.is_empty()))
            })
            .count();
        println!("{set:24} {passed} of {}", rows.len());
        assert!(passed >= mark, "{set}: {passed}, below {mark}");
    }
}

#[test]
fn the_seed_article_stays_whole() {
    let Some(folder) = gold_sets() else { return };
    let article = folder.join("../articles/hanoi-uebereinkommen.de.txt");
    let text = std::fs::read_to_string(article).expect("the article is readable");
    let sentences = cut(&text);
    assert!(
        sentences[0].contains("am 25. und 26. Oktober in Hanoi") && sentences[0].ends_with('.')
    );
    assert!(
        sentences
            .iter()
            .any(|sentence| sentence.ends_with("müsse./."))
    );
    assert!(
        sentences
            .iter()
            .all(|sentence| sentence.ends_with(['.', 'p', ')']))
    );
}
