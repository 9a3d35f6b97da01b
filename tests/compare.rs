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
        .env("DOLMETSCH_CONFIG", "")
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
fn a_table_of_translate_is_scored_without_its_word_links() {
    let folder = TempDir::new().unwrap();
    let sources = ["*", "Guten Tag, Welt!", "Es kostet 5 Euro."];
    let targets = ["*", "Good day, world!", "It costs 6 euros."];
    let links = ["", "0-0 1-1 2-2", "0-0 1-1 2-2 3-3"];
    let rows = |columns: &[[&str; 3]]| {
        let row = |row: usize| columns.iter().map(|column| column[row]).collect();
        let rows: Vec<Vec<&str>> = (0..3).map(row).collect();
        rows.iter().map(|row| row.join("\t") + "\n").collect()
    };
    let one: String = rows(&[sources, targets, links]);
    write(&folder, "one.tsv", &one);
    write(&folder, "crlf.tsv", &one.replace('\n', "\r\n"));
    let two: String = rows(&[sources, sources, targets, links, links]);
    write(&folder, "two.tsv", &two);
    let scores: String = rows(&[sources, ["3-1", "0-0", "1-0"]]);
    write(&folder, "scores.tsv", &scores);
    write(&folder, "scores.txt", "3-1\n0-0\n1-0\n");
    write(&folder, "hyp.txt", &(targets.join("\n") + "\n"));
    write(
        &folder,
        "ref.txt",
        "*\nGood day, world!\nIt costs 5 euros.\n",
    );
    let scored = |arguments: &[&str]| {
        let run = compare(&folder, &[arguments, &["--reference", "ref.txt"]].concat());
        (run.code, run.stdout, run.stderr)
    };
    let expected = scored(&["hyp.txt"]);
    assert_eq!(scored(&["one.tsv"]), expected);
    assert_eq!(scored(&["crlf.tsv"]), expected);
    assert_eq!(scored(&["one.tsv", "--column", "2"]), expected);
    assert_ne!(scored(&["one.tsv", "--column", "3"]), expected);
    assert_eq!(scored(&["two.tsv", "--column", "3"]), expected);
    assert_eq!(scored(&["scores.tsv"]), scored(&["scores.txt"]));
    let (code, _, stderr) = scored(&["two.tsv"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--column 2 or --column 3"), "{stderr}");
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
    // `\\` takes what stands in brackets behind it, a line further too.
    std::fs::copy(folder.path().join("sys1.txt"), folder.path().join("[1pt]")).unwrap();
    let arguments = [
        "sys0.txt",
        "[1pt]",
        "--reference",
        "ref0.txt",
        "--format",
        "latex",
    ];
    let run = compare(&folder, &arguments);
    assert!(run.stdout.contains("\n{[}1pt] & "), "{}", run.stdout);
}

#[test]
fn equal_scores_have_no_star() {
    let (folder, _) = texts();
    let copy = folder.path().join("copy.txt");
    std::fs::copy(folder.path().join("sys0.txt"), copy).unwrap();
    // sacreBLEU 2.6.0 gives the least p-values for a system and its copy.
    for (test, least) in [("--paired-bs", "0.0010"), ("--paired-ar", "0.0001")] {
        for format in ["text", "latex"] {
            let run = compare(
                &folder,
                &[
                    "sys0.txt",
                    "copy.txt",
                    "sys2.txt",
                    "--reference",
                    "ref0.txt",
                ]
                .into_iter()
                .chain(["--metrics", "bleu", test, "--format", format])
                .collect::<Vec<_>>(),
            );
            let row = |name: &str| {
                let row = run.stdout.lines().find(|line| line.starts_with(name));
                row.unwrap_or_else(|| panic!("{name}: {}", run.stderr))
                    .to_owned()
            };
            let copy = row("copy.txt");
            assert!(copy.contains(&format!("(p = {least})")), "{copy}");
            assert!(!copy.contains('*'), "{copy}");
            assert!(row("sys2.txt").contains(")*"), "{}", run.stdout);
        }
    }
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

/// Sentences of our own, each with a name and a number.
fn sentences() -> Vec<String> {
    let places = ["Hamburg", "Hanoi", "Leipzig", "Cork", "Graz", "Turin"];
    let verbs = ["opened", "closed", "repaired", "painted", "sold"];
    let things = [
        "library",
        "harbour",
        "tram line",
        "bakery",
        "museum",
        "school",
        "bridge",
    ];
    (0..60)
        .map(|index| {
            format!(
                "In {}, the city council {} the {} number {} after a long debate about its costs, and most people were happy with it.",
                places[index % 6],
                verbs[index % 5],
                things[index % 7],
                100 + 7 * index
            )
        })
        .collect()
}

#[test]
fn references_in_another_segmentation_are_aligned() {
    let folder = TempDir::new().unwrap();
    let reference = sentences();
    let hypothesis: Vec<String> = reference
        .iter()
        .map(|text| {
            text.replace("most people were happy", "many people liked")
                .replace("long ", "")
        })
        .collect();
    write(&folder, "hyp.en", &(hypothesis.join("\n") + "\n"));
    write(&folder, "true.en", &(reference.join("\n") + "\n"));
    // Two sentences on a line, one on two lines, two dropped, one inserted.
    let mut changed = reference.clone();
    let cut = changed[40].find(", and").unwrap() + 1;
    changed[40].replace_range(cut..=cut, "\n");
    changed.insert(
        30,
        "Nothing of all this has anything to do with whales.".to_owned(),
    );
    changed.drain(20..22);
    changed[9] = format!("{} {}", reference[9], changed.remove(10));
    write(&folder, "changed.en", &(changed.join("\n") + "\n"));
    let scored = |reference: &str| -> Value {
        let run = compare(
            &folder,
            &[
                "hyp.en",
                "--reference",
                reference,
                "--reference-align",
                "auto",
                "--format",
                "json",
            ],
        );
        assert_eq!(run.code, 0, "{}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    };
    let (expected, aligned) = (scored("true.en"), scored("changed.en"));
    let score = |systems: &Value| systems[0]["metrics"][0]["score"].as_f64().unwrap();
    assert!(
        (score(&expected) - score(&aligned)).abs() < 0.5,
        "{expected} {aligned}"
    );
    let signature = |systems: &Value| systems[0]["metrics"][0]["signature"].to_string();
    assert!(signature(&aligned).contains("|refalign:sentences|version:2.6.0"));
    assert!(!signature(&expected).contains("refalign"));
    assert_eq!(
        aligned[0]["unaligned"],
        json!([{"file": "changed.en", "segments": [28]}, {"file": "hyp.en", "segments": [21, 22]}])
    );
    // Without being asked to, nothing is aligned.
    let run = compare(&folder, &["hyp.en", "--reference", "changed.en"]);
    assert_eq!(run.code, 6);
    assert!(
        run.stderr.contains("--reference-align auto"),
        "{}",
        run.stderr
    );
}

#[test]
fn vietnamese_spellings_can_be_made_one() {
    let folder = TempDir::new().unwrap();
    write(&folder, "hyp.vi", "Hòa bình và thủy thủ ở Hà Nội.\n");
    write(
        &folder,
        "ref.vi",
        "Hoà bình và thuỷ thủ ở Ha\u{300} No\u{323}\u{302}i.\n",
    );
    let run = compare(
        &folder,
        &[
            "hyp.vi",
            "--reference",
            "ref.vi",
            "--normalize-vietnamese",
            "--format",
            "json",
        ],
    );
    let systems: Value = serde_json::from_str(&run.stdout).unwrap();
    let [standard, normalized] = [0, 1].map(|index| systems[0]["metrics"][index].clone());
    assert!(standard["score"].as_f64().unwrap() < 50.0);
    assert!((normalized["score"].as_f64().unwrap() - 100.0).abs() < 1e-9);
    assert!(!standard["signature"].as_str().unwrap().contains("vi:"));
    assert!(
        normalized["signature"]
            .as_str()
            .unwrap()
            .ends_with("|vi:nfc+tone|version:2.6.0")
    );
}

#[test]
fn what_went_wrong_is_told() {
    let folder = TempDir::new().unwrap();
    let rows = [
        (
            "Der Zug kommt um 14.30 Uhr.",
            "The train arrives at 14.30.",
            "The train arrives at 2:30 pm.",
        ),
        (
            "Wir sahen Anna Schmidt.",
            "Yesterday we saw a woman.",
            "Yesterday we saw Anna Schmidt.",
        ),
        (
            "Siehe www.example.org heute.",
            "See www.example.com today.",
            "See www.example.org today.",
        ),
        ("Alles ist gut.", "Alles ist gut.", "Everything is fine."),
        (
            "Er lief und lief.",
            "He ran and ran and ran and ran.",
            "He ran and ran.",
        ),
        ("Nichts.", "", "Nothing."),
        ("Ja.", "Yes.", "Yes."),
    ];
    let column = |pick: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        rows.iter().map(pick).collect::<Vec<_>>().join("\n") + "\n"
    };
    write(&folder, "src.de", &column(|row| row.0));
    write(&folder, "hyp.en", &column(|row| row.1));
    write(&folder, "ref.en", &column(|row| row.2));
    let arguments = [
        "hyp.en",
        "--reference",
        "ref.en",
        "--source",
        "src.de",
        "--diagnose",
    ];
    let mut json_arguments = arguments.to_vec();
    json_arguments.extend(["--format", "json"]);
    let run = compare(&folder, &json_arguments);
    let systems: Value = serde_json::from_str(&run.stdout).unwrap();
    let kinds = |segment: usize| -> Vec<String> {
        let found = systems[0]["segments"][segment - 1]["problems"]
            .as_array()
            .unwrap();
        found
            .iter()
            .map(|problem| problem["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds(1), ["missing-number"]);
    assert_eq!(kinds(2), ["missing-name"]);
    assert_eq!(
        systems[0]["segments"][1]["problems"][0]["words"],
        json!(["Anna", "Schmidt"])
    );
    assert_eq!(kinds(3), ["missing-address", "extra-address"]);
    assert!(kinds(4).contains(&"untranslated".to_owned()));
    assert_eq!(kinds(5), ["repetition"]);
    assert_eq!(kinds(6), ["empty"]);
    assert_eq!(kinds(7), [] as [String; 0]);
    let text = compare(&folder, &arguments).stdout;
    let worst = text.find("output: Alles ist gut.").unwrap();
    assert!(
        worst < text.find("output: Yes.").unwrap(),
        "worst first: {text}"
    );
    assert!(text.contains("number missing: 1"), "{text}");
}

#[test]
fn word_links_show_what_was_omitted() {
    let folder = TempDir::new().unwrap();
    let record = json!({
        "source": "Er ging, weil es regnete, nach Hause.",
        "target": "He went home.",
        "alignment": [
            {"source": [0, 2], "target": [0, 2], "score": 0.9},
            {"source": [3, 8], "target": [3, 7], "score": 0.9},
            {"source": [26, 30], "target": [8, 13], "score": 0.9},
            {"source": [31, 37], "target": [8, 13], "score": 0.9}
        ]
    });
    write(&folder, "hyp.jsonl", &format!("{record}\n"));
    write(&folder, "ref.en", "He went home because it rained.\n");
    let run = compare(
        &folder,
        &[
            "hyp.jsonl",
            "--reference",
            "ref.en",
            "--diagnose",
            "--format",
            "json",
        ],
    );
    let systems: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        systems[0]["segments"][0]["problems"],
        json!([{"kind": "omission", "words": ["weil es regnete,"]}])
    );
}

#[test]
fn two_systems_differ_in_phrases() {
    let folder = TempDir::new().unwrap();
    write(
        &folder,
        "ref.en",
        "the mayor of the town\nthe mayor of the town speaks\n",
    );
    write(
        &folder,
        "a.en",
        "the chief of the town\nthe chief of the town speaks\n",
    );
    write(
        &folder,
        "b.en",
        "the mayor of the city\nthe mayor of the city speaks\n",
    );
    let run = compare(
        &folder,
        &[
            "a.en",
            "b.en",
            "--reference",
            "ref.en",
            "--diagnose",
            "--format",
            "json",
        ],
    );
    let systems: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        systems[1]["ngrams"]["better"][0],
        json!({"ngram": "the mayor of the", "baseline": 0, "system": 2})
    );
    assert_eq!(systems[1]["ngrams"]["worse"][0]["system"], 0);
    assert_eq!(systems[0]["lengths"][0]["segments"], 2);
}

#[cfg(feature = "builtin")]
#[test]
fn a_source_is_translated_and_compared_in_one_go() {
    let folder = TempDir::new().unwrap();
    write(&folder, "src.de", "Das Haus ist alt.\n\nWo ist das Buch?\n");
    write(
        &folder,
        "ref.en",
        "The house is old.\n\nWhere is the book?\n",
    );
    let run = compare(
        &folder,
        &[
            "--source",
            "src.de",
            "--model",
            "builtin",
            "--reference",
            "ref.en",
            "--format",
            "json",
        ],
    );
    let systems: Value = serde_json::from_str(&run.stdout).expect(&run.stderr);
    assert_eq!(systems[0]["system"], "builtin");
    assert!(
        systems[0]["metrics"][0]["score"].as_f64().unwrap() > 50.0,
        "{systems}"
    );
}

#[test]
fn the_page_escapes_what_it_shows() {
    let folder = TempDir::new().unwrap();
    let evil = "</script><script>alert(1)</script> <b onclick=x>";
    write(&folder, "<img src=x>.en", &format!("{evil}\n"));
    write(&folder, "ref.en", &format!("{evil} ]]> <!--\n"));
    let run = compare(
        &folder,
        &[
            "<img src=x>.en",
            "--reference",
            "ref.en",
            "--format",
            "html",
            "-o",
            "page.html",
        ],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("<b onclick") && !page.contains("<img"));
    assert_eq!(page.matches("<script").count(), 2);
}
