//! Guarded decoding: `translate --guard`, `--strict`, `--min-confidence`, `check`.
#![cfg(feature = "builtin")]

use std::io::{BufRead, BufReader, Write};
use std::process::{self, Stdio};
use std::sync::mpsc;

use assert_cmd::Command;
use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;

struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str], input: &str) -> Done {
    let output = Command::cargo_bin("dolmetsch")
        .unwrap()
        .args(arguments)
        .env("DOLMETSCH_CONFIG", "")
        .write_stdin(input)
        .output()
        .unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn translate(arguments: &[&str], input: &str) -> Done {
    let common = ["translate", "--model", "builtin", "--to", "en", "--lines"];
    run(&[&common, arguments].concat(), input)
}

fn records(done: &Done) -> Vec<Value> {
    done.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Sentences of every kind that the guard cares for.
const SENTENCES: &str = "\
Die Katze schläft nicht.
DER ZUG NACH HAMBURG FÄHRT HEUTE NICHT.
Im Jahr 2018 kamen 1.234 Gäste 🔥 aus 12 Ländern.

nein nein nein nein nein nein nein nein nein nein nein nein nein nein nein nein
Wer wem wann wo wie viel wofür wodurch womit worüber, weshalb, wozu, worin, woraus, wohin.
Der Bahnhof, der vor drei Jahren gebaut wurde, obwohl niemand ihn wollte, wird geschlossen, weil kein Zug dort hält.
***
";

#[test]
fn the_guard_gives_the_same_bytes_for_any_batch_and_any_number_of_threads() {
    let of = |batch: &str, threads: &str, input: &str| {
        let options = [
            "--format",
            "jsonl",
            "--batch-tokens",
            batch,
            "--threads",
            threads,
        ];
        let done = translate(&options, input);
        assert_eq!(done.code, 0, "{}", done.stderr);
        records(&done)
    };
    let texts = |records: &[Value]| -> Vec<String> {
        let keys = ["target", "flags", "findings", "repair"];
        let text = |record: &Value| keys.map(|key| record[key].to_string()).join(" ");
        records.iter().map(text).collect()
    };
    let reference = of("768", "1", SENTENCES);
    assert!(
        reference
            .iter()
            .any(|record| !record["repair"].is_null() || record["findings"].is_array()),
        "the guard has something to do: {reference:?}"
    );
    for (batch, threads) in [("1", "2"), ("60", "1"), ("4000", "2")] {
        assert_eq!(
            texts(&of(batch, threads, SENTENCES)),
            texts(&reference),
            "{batch} {threads}"
        );
    }
    for (index, line) in SENTENCES.lines().enumerate() {
        let alone = of("768", "1", &format!("{line}\n"));
        assert_eq!(texts(&alone), texts(&reference[index..=index]), "{line}");
    }
}

#[test]
fn with_the_guard_off_nothing_is_inspected_and_nothing_said() {
    let done = translate(&["--guard", "off", "--format", "jsonl"], SENTENCES);
    assert_eq!(done.code, 0);
    assert!(!done.stderr.contains("look"), "{}", done.stderr);
    for record in records(&done) {
        assert!(record.get("confidence").is_none() && record.get("repair").is_none());
    }
    for option in [&["--strict"][..], &["--min-confidence", "0.5"]] {
        let refused = translate(&[&["--guard", "off"], option].concat(), "Ja.\n");
        assert_eq!(refused.code, 2);
        assert!(refused.stderr.contains("--guard"), "{}", refused.stderr);
    }
}

#[test]
fn below_the_least_confidence_the_source_stays_and_is_flagged() {
    let done = translate(
        &["--min-confidence", "1", "--strict", "--format", "jsonl"],
        "Das Haus ist alt.\n***\n",
    );
    assert_eq!(done.code, 5, "{}", done.stderr);
    assert!(
        done.stderr.contains("1 of 2 sentences needs a look: 1"),
        "{}",
        done.stderr
    );
    let records = records(&done);
    assert_eq!(records[0]["target"], "⟦Das Haus ist alt.⟧");
    assert_eq!(records[0]["flags"], serde_json::json!(["confidence"]));
    assert!(records[0]["confidence"].as_f64().unwrap() < 1.0);
    assert_eq!(records[1]["target"], "***", "copied: nothing can be wrong");
    let wrong = translate(&["--min-confidence", "2"], "Ja.\n");
    assert_eq!(wrong.code, 2);
}

#[test]
fn capitals_are_folded_for_the_model_and_restored() {
    let done = translate(&["--format", "jsonl"], "NEUES MUSEUM IN BERLIN ERÖFFNET\n");
    let record = &records(&done)[0];
    let target = record["target"].as_str().unwrap();
    assert_eq!(target, target.to_uppercase());
    assert!(
        target.contains("MUSEUM") && target.contains("BERLIN"),
        "{target}"
    );
    assert_eq!(record["repair"]["by"], "case");
    for link in record["alignment"].as_array().unwrap() {
        let end = link["target"][1].as_u64().unwrap() as usize;
        assert!(target.is_char_boundary(end) && end <= target.len());
    }
}

#[test]
fn check_finds_what_is_wrong_with_translations_of_any_origin() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("a.de"), folder.path().join("a.en"));
    let write = |path: &std::path::Path, lines: &[&str]| {
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    };
    let pairs = [
        (
            "Es kamen 30 Gäste.",
            "There were 80 guests.",
            Some("number"),
        ),
        ("Es kamen 30 Gäste.", "There were 30 guests.", None),
        ("Er kommt nicht.", "He is coming.", Some("negation")),
        (
            "Das Haus ist sehr alt.",
            "Das Haus ist sehr alt.",
            Some("copy"),
        ),
        ("Hallo {name}!", "Hello!", Some("entity")),
        (
            "Die Katze schläft.",
            "The cat sleeps sleeps sleeps sleeps.",
            Some("repetition"),
        ),
        (
            "Der Minister sagte am Montag, dass die Regierung das Gesetz ändern werde, weil viele Bürger dagegen protestiert hätten.",
            "The minister spoke on Monday.",
            Some("coverage"),
        ),
        ("", "", None),
    ];
    write(&source, &pairs.map(|(source, ..)| source));
    write(&target, &pairs.map(|(_, target, _)| target));
    let (source, target) = (source.to_str().unwrap(), target.to_str().unwrap());
    let arguments = [
        "check", "--source", source, "--target", target, "--to", "en",
    ];

    let done = run(&[&arguments[..], &["--format", "jsonl"]].concat(), "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let found = records(&done);
    assert_eq!(found.len(), pairs.len());
    for (record, (_, target, flag)) in found.iter().zip(pairs) {
        let flags: Vec<&str> = record["flags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|flag| flag.as_str().unwrap())
            .collect();
        match flag {
            Some(flag) => assert!(flags.contains(&flag), "{target}: {flags:?}"),
            None => assert!(flags.is_empty(), "{target}: {flags:?}"),
        }
    }
    assert_eq!(
        found[0]["findings"][0]["source"],
        serde_json::json!([[9, 11]])
    );

    let text = run(&arguments, "");
    assert!(
        text.stdout.starts_with("1\tnumber\t30\t80\n"),
        "{}",
        text.stdout
    );
    assert!(
        text.stderr
            .contains("6 of 8 sentences need a look: 1, 3, 4, 5, 6, 7"),
        "{}",
        text.stderr
    );
    assert_eq!(run(&[&arguments[..], &["--strict"]].concat(), "").code, 5);

    std::fs::write(target, "There were 80 guests.\n").unwrap();
    let mismatch = run(&arguments, "");
    assert_eq!(mismatch.code, 6);
    assert!(
        mismatch.stderr.contains("8 lines") && mismatch.stderr.contains("has 1 "),
        "{}",
        mismatch.stderr
    );
    let both = ["check", "--source", "-", "--target", "-", "--to", "en"];
    assert_eq!(run(&both, "Ja.\n").code, 2);
}

#[test]
fn check_reads_the_encodings_that_translate_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("a.de"), folder.path().join("a.en"));
    std::fs::write(&source, b"\xdcber 30 G\xe4ste.\r\nEr h\xf6rt nicht.\r\n").unwrap();
    // A byte order mark says more than --encoding.
    let utf16: Vec<u8> = "\u{feff}Over 30 guests.\nHe is listening."
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(&target, utf16).unwrap();
    let (source, target) = (source.to_str().unwrap(), target.to_str().unwrap());
    let arguments = [
        "check", "--source", source, "--target", target, "--to", "en", "--format", "jsonl",
    ];
    let done = run(
        &[&arguments[..], &["--encoding", "windows-1252"]].concat(),
        "",
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    let found = records(&done);
    assert_eq!(found[0]["source"], "Über 30 Gäste.");
    assert_eq!(found[1]["target"], "He is listening.");
    assert_eq!(
        [&found[0]["flags"], &found[1]["flags"]],
        [&serde_json::json!([]), &serde_json::json!(["negation"])]
    );
    let invalid = run(&arguments, "");
    assert_eq!(invalid.code, 4, "{}", invalid.stderr);
    assert!(invalid.stderr.contains("a.de"), "{}", invalid.stderr);
}

/// What is found is written while the source goes on.
#[test]
fn check_does_not_wait_for_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.en");
    // More than any buffer holds.
    let count = 20_000;
    std::fs::write(&target, "There were 80 guests.\n".repeat(count)).unwrap();
    let mut child = process::Command::cargo_bin("dolmetsch")
        .unwrap()
        .args(["check", "--source", "-", "--to", "en", "--target"])
        .arg(&target)
        .env("DOLMETSCH_CONFIG", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let (seen, wait) = mpsc::channel();
    let writer = std::thread::spawn(move || {
        let lines = "Es kamen 30 Gäste.\n".repeat(count);
        input.write_all(lines.as_bytes()).unwrap();
        wait.recv().unwrap();
    });
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    assert_eq!(first, "1\tnumber\t30\t80\n");
    seen.send(()).unwrap();
    assert_eq!(output.lines().count(), count - 1);
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
}
