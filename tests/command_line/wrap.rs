//! `--wrap`: paragraphs in lines, and what must not be wrapped.

use super::translate;

const TEXT: &str = "Überschrift\r\n\r\n- Der Rat hat am Dienstag beschlossen, dass die alte Brücke \
                    ersetzt wird, und zwar bald. Quelle: https://www.example.org/eine/sehr/lange/adresse-der-seite\r\n";

#[test]
fn wrapping_changes_spaces_only() {
    let (whole, wrapped) = (translate(&[], TEXT), translate(&["--wrap", "30"], TEXT));
    assert_eq!(wrapped.code, 0, "{}", wrapped.stderr);
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&wrapped.stdout), words(&whole.stdout));
    let lines: Vec<&str> = wrapped.stdout.split("\r\n").collect();
    assert!(
        lines.len() > whole.stdout.split("\r\n").count(),
        "{lines:?}"
    );
    assert!(!wrapped.stdout.replace("\r\n", "").contains('\n'));
    let item = lines
        .iter()
        .position(|line| line.starts_with("- "))
        .unwrap();
    assert!(lines[item + 1].starts_with("  "), "{lines:?}");
    for line in lines {
        let url = "https://www.example.org/eine/sehr/lange/adresse-der-seite";
        assert!(line.chars().count() <= 30 || line.trim() == url, "{line}");
    }
}

#[test]
fn a_line_for_each_line_is_never_wrapped() {
    let done = translate(&["--wrap", "30", "--lines"], TEXT);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("--lines"), "{}", done.stderr);
    let done = translate(&["--wrap", "30", "--split-sentences", "lines"], TEXT);
    assert_eq!(done.stdout.lines().count(), TEXT.lines().count());
    assert_eq!(translate(&["--wrap", "0"], TEXT).code, 2);
    let records = translate(&["--format", "jsonl"], TEXT).stdout;
    let wrapped = translate(&["--format", "jsonl", "--wrap", "30"], TEXT).stdout;
    assert_eq!(wrapped, records, "other formats have no width");
}

#[test]
fn several_languages_do_not_put_headings_between_lines() {
    for (arguments, hint) in [
        (&["--to", "vi", "--lines"][..], "--format tsv"),
        (
            &["--to", "vi", "--split-sentences", "lines"],
            "--output-dir",
        ),
        (
            &["--to", "vi", "--lines", "--n-best", "1", "-o", "/dev/null"],
            "--output-dir",
        ),
        (&["--to", "vi", "--format", "pharaoh"], "--output-dir"),
    ] {
        let done = translate(arguments, "Ja.\n");
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(done.stderr.contains(hint), "{}", done.stderr);
    }
    let tsv = translate(&["--to", "vi", "--lines", "--format", "tsv"], "Ja.\n\n12\n");
    assert_eq!(tsv.stdout.lines().count(), 3, "{}", tsv.stderr);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let done = translate(
        &["--to", "vi", "--lines", "--output-dir", out],
        "Ja.\n\n12\n",
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    for language in ["en", "vi"] {
        let text = std::fs::read_to_string(folder.path().join(format!("stdin.{language}.txt")));
        assert_eq!(text.unwrap().lines().count(), 3);
    }
    // The same language twice is one.
    assert_eq!(translate(&["--to", "en", "--lines"], "12\n").stdout, "12\n");
}
