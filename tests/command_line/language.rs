//! A text in another language than the one that is translated from.

use std::path::Path;

use dolmetsch::Language;
use dolmetsch::reader::{Layout, Reader};
use dolmetsch::source_language::SourceLanguage;

use super::{has_flag, records, translate};

const ENGLISH: &str = "The council met on Tuesday and decided that the old bridge will be \
                       replaced. Nobody knows yet who is going to pay for it.";
const GERMAN: &str = "Der Rat hat am Dienstag beschlossen, dass die alte Brücke ersetzt wird.";

#[test]
fn another_language_is_warned_of_once_and_flagged() {
    let text = format!("{GERMAN}\n\n{ENGLISH}\n\n{GERMAN}\n\n{ENGLISH}\n");
    let done = translate(&["--format", "jsonl"], &text);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.stderr.matches("looks like English").count(), 1);
    let place = format!("standard input: what starts at byte {}", GERMAN.len() + 2);
    assert!(done.stderr.contains(&place), "{}", done.stderr);
    for record in records(&done.stdout) {
        let is_english = !GERMAN.contains(record["source"].as_str().unwrap());
        assert_eq!(has_flag(&record, "language"), is_english, "{record}");
    }
}

#[test]
fn the_language_that_is_translated_from_is_not_warned_of() {
    let arguments = [
        "translate",
        "--model",
        "builtin",
        "--beam",
        "1",
        "--from",
        "en",
        "--to",
        "vi",
    ];
    let done = super::run(&arguments, ENGLISH);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!done.stderr.contains("looks like"), "{}", done.stderr);
    let done = super::run(&arguments, GERMAN);
    assert!(done.stderr.contains("looks like German"), "{}", done.stderr);
}

#[test]
fn german_and_what_has_no_language_are_not_warned_of() {
    let article = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/artikel.de.txt");
    for input in [
        &std::fs::read_to_string(article).unwrap(),
        "Ja.\n\nNovak Đoković – Jannik Sinner 6:4, 7:6\n\nThe New York Times\n",
        "https://example.org/this-is-the-name-of-an-english-page\n",
        "\u{1f600}\u{1f600}\n",
    ] {
        let done = translate(&["--format", "jsonl"], input);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(!done.stderr.contains("looks like"), "{}", done.stderr);
        assert!(
            records(&done.stdout)
                .iter()
                .all(|record| !has_flag(record, "language"))
        );
    }
}

/// Lines of other people's German: how many are taken for another language.
#[test]
fn false_alarms_are_rare_and_other_languages_are_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/tests");
    let share = |file: &str, letters: usize| {
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        let (mut told, mut lines) = (0_usize, 0_usize);
        for line in text.lines().filter(|line| line.chars().count() >= letters) {
            let part = Reader::new(file, line.as_bytes(), Layout::Lines)
                .next()?
                .ok()?;
            let others = SourceLanguage::new(Language::DE).others(&part);
            told += usize::from(others[0].is_some());
            lines += 1;
        }
        eprintln!("{file}: {told} of {lines} lines seem to be in another language than German");
        Some(told as f64 / lines as f64)
    };
    for german in [
        "ntrex/ntrex-dev.de",
        "newstest2019/newstest2019.deu",
        "flores200/dev.de",
        "wmt21-de-en/newstest2021.de-en.src.de",
        "tatoeba-deu-vie/tatoeba-test-v2021-08-07.deu",
    ] {
        let Some(share) = share(german, 0) else {
            eprintln!("skipped: {german} is not there");
            continue;
        };
        assert!(share < 0.001, "{german}");
    }
    for other in [
        "ntrex/ntrex-dev.en",
        "ntrex/ntrex-dev.vi",
        "flores200/dev.en",
    ] {
        let Some(share) = share(other, 100) else {
            continue;
        };
        assert!(share > 0.95, "{other}");
    }
}
