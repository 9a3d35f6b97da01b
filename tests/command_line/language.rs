//! A text in another language than the one that is translated from.

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
