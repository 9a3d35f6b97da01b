//! `dolmetsch compare` as users run it. Scores are those of the fixture that
//! sacreBLEU made (`scripts/fixtures/metrics.py`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What a finished program left.
struct Finished {
    stdout: String,
    stderr: String,
    code: i32,
}

fn compare(folder: &TempDir, arguments: &[&str]) -> Finished {
    compare_input(folder, arguments, "")
}

fn compare_input(folder: &TempDir, arguments: &[&str], input: &str) -> Finished {
    let output = assert_cmd::Command::cargo_bin("dolmetsch")
        .unwrap()
        .arg("compare")
        .args(arguments)
        .current_dir(folder)
        .env_remove("SACREBLEU_SEED")
        .write_stdin(input)
        .output()
        .unwrap();
    Finished {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A folder with the texts of the fixture that have no line break inside, and
/// their number: `sys0.txt` to `sys2.txt`, `ref0.txt` and `ref1.txt`.
fn texts() -> (TempDir, usize) {
    let folder = TempDir::new().unwrap();
    let texts: Value = serde_json::from_str(&fixture("texts.json")).unwrap();
    let columns: Vec<Vec<&str>> = ["systems", "references"]
        .iter()
        .flat_map(|key| texts[*key].as_array().unwrap())
        .map(|text| {
            text.as_array()
                .unwrap()
                .iter()
                .map(|line| line.as_str().unwrap())
                .collect()
        })
        .collect();
    let rows: Vec<usize> = (0..columns[0].len())
        .filter(|&row| columns.iter().all(|column| !column[row].contains('\n')))
        .collect();
    let names = ["sys0.txt", "sys1.txt", "sys2.txt", "ref0.txt", "ref1.txt"];
    for (name, column) in names.iter().zip(&columns) {
        let lines: Vec<&str> = rows.iter().map(|&row| column[row]).collect();
        let text = lines.join("\n") + "\n";
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    (folder, rows.len())
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn one_system_is_printed_as_sacrebleu_does() {
    let folder = TempDir::new().unwrap();
    write(
        &folder,
        "hyp.en",
        "the the the the the the the\nThe ferry left at noon.\n",
    );
    write(
        &folder,
        "ref.en",
        "the cat is on the mat\nThe ferry leaves at noon.\n",
    );
    let run = compare(
        &folder,
        &[
            "hyp.en",
            "--reference",
            "ref.en",
            "-m",
            "bleu",
            "chrf",
            "ter",
            "-w",
            "2",
            "-cw",
            "2",
        ],
    );
    // sacrebleu ref.en -i hyp.en -m bleu chrf ter -w 2 -cw 2 --format text (2.6.0)
    assert_eq!(
        run.stdout,
        include_str!("fixtures/metrics/two_lines.txt"),
        "{}",
        run.stderr
    );
    assert_eq!(run.code, 0);
}

#[test]
fn json_has_all_digits_signatures_and_tests() {
    let (folder, segments) = texts();
    let run = compare(
        &folder,
        &[
            "--reference",
            "ref0.txt",
            "--reference",
            "ref1.txt",
            "-m",
            "bleu,ter",
            "--paired-bs",
            "--paired-bs-n",
            "100",
            "--format",
            "json",
            "-i",
            "sys0.txt",
            "sys1.txt",
            "sys2.txt",
        ],
    );
    let systems: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(systems.len(), 3);
    assert_eq!(systems[1]["system"], "sys1.txt");
    let bleu = &systems[1]["metrics"][0];
    assert_eq!(bleu["name"], "BLEU");
    assert_eq!(
        bleu["signature"],
        "nrefs:2|bs:100|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"
    );
    assert!(bleu["p_value"].as_f64().unwrap() <= 1.0);
    assert!(systems[0]["metrics"][0].get("p_value").is_none());
    assert_eq!(systems[2]["metrics"][1]["name"], "TER");
    let run = compare(
        &folder,
        &[
            "sys0.txt",
            "--reference",
            "ref0.txt",
            "-sl",
            "--format",
            "json",
        ],
    );
    let systems: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
    let scores = systems[0]["metrics"][0]["scores"].as_array().unwrap();
    assert_eq!(scores.len(), segments);
    assert!(
        systems[0]["metrics"][0]["signature"]
            .as_str()
            .unwrap()
            .contains("|eff:yes|")
    );
}

#[test]
fn records_and_tables_give_the_scores_of_their_text() {
    let folder = TempDir::new().unwrap();
    let texts = ["Guten Tag, Welt!", "", "Es kostet 5 Euro."];
    let targets = ["Good day, world!", "", "It costs 6 euros."];
    let mut records = Vec::new();
    let mut table = Vec::new();
    for (source, target) in texts.iter().zip(targets) {
        for (lang, text) in [("en", target), ("vi", "Chào")] {
            let record = json!({"target_lang": lang, "source": source, "target": text});
            records.push(record.to_string());
        }
        table.push(format!("{source}\t{target}"));
    }
    write(&folder, "hyp.txt", &(targets.join("\n") + "\n"));
    write(&folder, "hyp.jsonl", &records.join("\n"));
    write(&folder, "hyp.tsv", &table.join("\n"));
    write(&folder, "ref.txt", "Good day, world!\n\nIt costs 5 euros.");
    let scored = |arguments: &[&str]| {
        let mut all = vec!["--reference", "ref.txt"];
        all.extend(arguments);
        let run = compare(&folder, &all);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let expected = scored(&["hyp.txt"]);
    assert!(expected.starts_with("BLEU|nrefs:1|"), "{expected}");
    assert_eq!(scored(&["hyp.jsonl", "--target-lang", "en"]), expected);
    assert_eq!(scored(&["hyp.tsv"]), expected);
    assert_eq!(scored(&["hyp.tsv", "--column", "2"]), expected);
    assert_ne!(scored(&["hyp.tsv", "--column", "1"]), expected);
    let run = compare(&folder, &["hyp.jsonl", "--reference", "ref.txt"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("--target-lang en or --target-lang vi"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_hypothesis_can_come_from_standard_input() {
    let (folder, _) = texts();
    let input = std::fs::read_to_string(folder.path().join("sys0.txt")).unwrap();
    let piped = compare_input(&folder, &["--reference", "ref0.txt"], &input);
    let named = compare(&folder, &["sys0.txt", "--reference", "ref0.txt"]);
    assert_eq!(piped.stdout, named.stdout);
}

#[test]
fn latex_escapes_names_and_has_a_row_for_each_system() {
    let (folder, _) = texts();
    std::fs::copy(
        folder.path().join("sys1.txt"),
        folder.path().join("my_sys&2%.txt"),
    )
    .unwrap();
    let run = compare(
        &folder,
        &[
            "sys0.txt",
            "my_sys&2%.txt",
            "--reference",
            "ref0.txt",
            "--format",
            "latex",
        ],
    );
    assert!(
        run.stdout.contains("my\\_sys\\&2\\%.txt & "),
        "{}",
        run.stdout
    );
    assert_eq!(run.stdout.matches(" \\\\\n").count(), 3);
}

#[test]
fn unequal_counts_are_an_error_with_both_counts() {
    let (folder, segments) = texts();
    write(&folder, "short.txt", "one\ntwo\n");
    let run = compare(
        &folder,
        &["sys0.txt", "short.txt", "--reference", "ref0.txt"],
    );
    assert_eq!((run.code, run.stdout.as_str()), (6, ""));
    assert!(
        run.stderr.contains("short.txt has 2 segments"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains(&format!("ref0.txt has {segments}")),
        "{}",
        run.stderr
    );
}

#[test]
fn errors_name_the_file_and_the_line() {
    let (folder, _) = texts();
    write(
        &folder,
        "bad.jsonl",
        "{\"target\": \"a\"}\n{\"tgt\": \"b\"}\n",
    );
    write(&folder, "bad.tsv", "a\tb\na\tb\tc\n");
    std::fs::write(folder.path().join("latin1.txt"), b"gut\nsch\xf6n\n").unwrap();
    for (arguments, code, message) in [
        (&["bad.jsonl"][..], 4, "bad.jsonl: line 2"),
        (&["bad.tsv"], 4, "bad.tsv: line 2 has 3 columns"),
        (&["latin1.txt"], 4, "latin1.txt: invalid UTF-8 at byte 7"),
        (&["missing.txt"], 4, "missing.txt"),
        (&["sys0.txt", "sys0.txt"], 2, "sys0.txt is given twice"),
        (&["sys0.txt", "--paired-bs"], 2, "needs several systems"),
        (&["sys0.txt", "--smooth-value", "1"], 2, "--smooth-method"),
        (&["sys0.txt", "-cc", "0"], 2, "--chrf-char-order"),
        (&["sys0.txt", "-sl", "--confidence"], 2, "--sentence-level"),
    ] {
        let mut all = vec!["--reference", "ref0.txt"];
        all.extend(arguments);
        let run = compare(&folder, &all);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(
            run.stderr.contains(message),
            "{arguments:?}: {}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
    }
}
