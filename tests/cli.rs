//! The program as users run it, with the built-in model.
#![cfg(feature = "builtin")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;

/// What a finished program left.
struct Finished {
    stdout: String,
    stderr: String,
    code: i32,
}

fn dolmetsch(arguments: &[&str], input: impl AsRef<[u8]>) -> Finished {
    let output = assert_cmd::Command::cargo_bin("dolmetsch")
        .unwrap()
        .args(arguments)
        .env("DOLMETSCH_CONFIG", "")
        .write_stdin(input.as_ref())
        .output()
        .unwrap();
    Finished {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

fn translate(arguments: &[&str], input: impl AsRef<[u8]>) -> Finished {
    let mut all = vec!["translate", "--model", "builtin", "--beam", "1"];
    all.extend(arguments);
    dolmetsch(&all, input)
}

fn article() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/artikel.de.txt")
}

fn records(jsonl: &str) -> Vec<Value> {
    jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn span(value: &Value) -> std::ops::Range<usize> {
    let bound = |index: usize| usize::try_from(value[index].as_u64().unwrap()).unwrap();
    bound(0)..bound(1)
}

/// Lines with the lengths, scripts and oddities of real input.
const RAGGED: &str = "Guten Morgen!\n\nAm 25. und 26. Oktober tagt der Rat in Hanoi, und danach fahren alle nach Hause.\nJa.\n12.345,6\nDas Haus, das mein Großvater vor vielen Jahren am Ufer des Sees gebaut hat, steht noch heute.\n\u{1f600}\nWo bist du?";

#[test]
fn the_article_keeps_its_paragraphs_in_both_languages() {
    let path = article();
    let source = std::fs::read_to_string(&path).unwrap();
    let done = translate(&["--to", "en", "--to", "vi", path.to_str().unwrap()], "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("built-in model"), "{}", done.stderr);
    let parts: Vec<&str> = done.stdout.split("=== ").collect();
    assert!(parts[1].starts_with("en ===\n") && parts[2].starts_with("vi ===\n"));
    for translation in &parts[1..] {
        let body = translation.split_once('\n').unwrap().1;
        assert_eq!(
            body.trim_end().split("\n\n").count(),
            source.trim_end().split("\n\n").count()
        );
        assert_eq!(body.matches("\n- ").count(), 4, "the list has its marks");
    }
}

#[test]
fn records_stand_on_their_own() {
    let path = article();
    let path = path.to_str().unwrap();
    let source = std::fs::read(path).unwrap();
    let text = translate(&["--to", "en", path], "").stdout;
    let done = translate(&["--to", "en", "--to", "vi", "--format", "jsonl", path], "");
    let records = records(&done.stdout);
    let (mut paragraph, mut english) = (0, 0);
    for record in &records {
        let (from, to) = (
            record["source"].as_str().unwrap(),
            record["target"].as_str().unwrap(),
        );
        assert_eq!(&source[span(&record["source_span"])], from.as_bytes());
        if record["target_lang"] == "en" {
            english += 1;
            assert_eq!(
                &text.as_bytes()[span(&record["target_span"])],
                to.as_bytes()
            );
        }
        assert_eq!(
            record["word_scores"].as_array().unwrap().len(),
            to.split_whitespace().count()
        );
        for link in record["alignment"].as_array().unwrap() {
            for (side, text) in [("source", from), ("target", to)] {
                let word = &text[span(&link[side])];
                assert!(
                    text.split_whitespace().any(|other| other == word),
                    "{word:?} is a whole word"
                );
            }
        }
        assert!(record["score"].as_f64().unwrap() <= 0.0);
        let number = record["para"].as_u64().unwrap();
        assert!(number == paragraph || number == paragraph + 1);
        paragraph = number;
    }
    assert_eq!(
        english * 2,
        records.len(),
        "a record for each sentence and target"
    );
    let whole = |words: &str| {
        records
            .iter()
            .any(|record| record["source"].as_str().unwrap().contains(words))
    };
    for uncut in [
        "am 25. und 26. Oktober reist, zahlt",
        "Prof. Karl-Heinz Brandt, bezweifelt",
        "§ 12 Abs. 3 vorsieht",
        "ca. 12 % mehr",
    ] {
        assert!(whole(uncut), "{uncut}");
    }
}

#[test]
fn there_are_as_many_lines_out_as_in() {
    for input in [
        RAGGED.to_owned(),
        format!("{RAGGED}\n"),
        RAGGED.replace('\n', "\r\n"),
        String::new(),
        "\n\n".to_owned(),
    ] {
        let done = translate(&["--to", "en", "--lines"], &input);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let pairs: Vec<(&str, &str)> = input.split('\n').zip(done.stdout.split('\n')).collect();
        assert_eq!(
            input.matches('\n').count(),
            done.stdout.matches('\n').count()
        );
        assert!(
            pairs
                .iter()
                .all(|(from, to)| from.trim().is_empty() == to.trim().is_empty())
        );
        let jsonl = translate(&["--to", "en", "--lines", "--format", "jsonl"], &input).stdout;
        assert!(!jsonl.contains("-0.0000"), "{jsonl}");
        assert_eq!(jsonl.lines().count(), input.lines().count());
    }
}

#[test]
fn batches_and_threads_do_not_change_a_token() {
    let run = |extra: &[&str]| {
        let mut arguments = vec![
            "--to", "vi", "--lines", "--format", "jsonl", "--tokens", "--beam", "4",
        ];
        arguments.extend(extra);
        let mut all = vec!["translate", "--model", "builtin"];
        all.extend(arguments);
        let ids = |record: &Value| record["target_ids"].clone();
        records(&dolmetsch(&all, RAGGED).stdout)
            .iter()
            .map(ids)
            .collect::<Vec<_>>()
    };
    let expected = run(&[]);
    assert_eq!(expected.len(), RAGGED.lines().count());
    for options in [
        ["--batch-tokens", "1"],
        ["--batch-tokens", "10000"],
        ["--threads", "1"],
        ["--threads", "3"],
    ] {
        assert_eq!(run(&options), expected, "{options:?}");
    }
}

#[test]
fn a_sentence_far_beyond_the_models_positions_is_translated_whole() {
    let long = "Das ist ein Satz, der sehr lange dauert, ".repeat(60) + "und dann endet er.";
    let endless = "Donau".repeat(700);
    let arguments = ["--to", "en", "--lines", "--format", "jsonl", "--tokens"];
    for (line, more) in [(&long, None), (&endless, Some("--no-verbatim"))] {
        let arguments: Vec<&str> = arguments.into_iter().chain(more).collect();
        let done = translate(&arguments, line);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let record = &records(&done.stdout)[0];
        assert_eq!(record["source"].as_str().unwrap(), line);
        assert!(
            record["flags"]
                .as_array()
                .unwrap()
                .contains(&Value::from("split"))
        );
        let tokens = record["source_ids"].as_array().unwrap().len();
        assert!(tokens > 600, "{tokens} source tokens: nothing is cut");
    }
}

#[test]
fn what_is_longer_than_words_is_copied() {
    let endless = "Donau".repeat(700);
    let image = "iVBORw0KGgo+5m+/QAA".repeat(800);
    let lines = format!("{endless}\nDas Bild {image} ist alt.\n");
    let done = translate(&["--to", "en", "--lines"], &lines);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let (first, second) = done.stdout.split_once('\n').unwrap();
    assert_eq!(first, endless);
    let (before, after) = second.split_once(&image).unwrap();
    assert!(
        before.contains("image") || before.contains("picture"),
        "{before}"
    );
    assert!(after.contains("old"), "{after}");
}

#[test]
fn a_pivot_has_both_alignments_and_their_product() {
    // The built-in model knows de→en and en→vi.
    let arguments = ["--to", "vi", "--via", "en", "--format", "jsonl"];
    let done = translate(&arguments, "Der Hund schläft im Garten.");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let record = &records(&done.stdout)[0];
    assert_eq!(record["via"]["lang"], "en");
    let middle = record["via"]["text"].as_str().unwrap();
    let english = translate(&["--to", "en"], "Der Hund schläft im Garten.");
    assert_eq!(english.stdout, middle);
    let links = |value: &Value| value.as_array().unwrap().clone();
    let (first, second) = (
        links(&record["via"]["source_alignment"]),
        links(&record["via"]["target_alignment"]),
    );
    for link in links(&record["alignment"]) {
        assert!(
            first.iter().any(|back| back["source"] == link["source"]
                && second
                    .iter()
                    .any(|onward| back["target"] == onward["source"]
                        && onward["target"] == link["target"])),
            "{link}"
        );
    }
    let none = translate(&["--to", "en", "--via", "fr"], "Hallo.");
    assert_eq!(none.code, 2, "{}", none.stderr);
    assert!(none.stderr.contains("fr"), "{}", none.stderr);
}

#[test]
fn formats_that_have_a_line_for_each_segment() {
    let input = "Das Haus ist alt.\nWo bist du?\n";
    let lines = |format: &str, extra: &[&str]| {
        let mut arguments = vec!["--lines", "--format", format, "--to", "en"];
        arguments.extend(extra);
        let done = translate(&arguments, input);
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let text = lines("text", &[]);
    let tsv = lines("tsv", &["--to", "vi"]);
    assert_eq!(tsv.len(), 2);
    let columns: Vec<&str> = tsv[0].split('\t').collect();
    assert_eq!(columns[..2], ["Das Haus ist alt.", text[0].as_str()]);
    assert_eq!(columns.len(), 5, "three texts, the links of two");
    assert_eq!(columns[3], lines("pharaoh", &[])[0]);

    for (line, (source, target)) in lines("pharaoh", &[]).iter().zip(input.lines().zip(&text)) {
        for link in line.split(' ').filter(|link| !link.is_empty()) {
            let (i, j) = link.split_once('-').unwrap();
            assert!(i.parse::<usize>().unwrap() < source.split_whitespace().count());
            assert!(j.parse::<usize>().unwrap() < target.split_whitespace().count());
        }
    }
    assert_eq!(lines("pharaoh", &[]).len(), 2);
}

#[test]
fn n_best_lists_are_written_as_marian_writes_them() {
    let arguments = [
        "translate",
        "--model",
        "builtin",
        "--to",
        "en",
        "--lines",
        "--beam",
        "4",
        "--n-best",
        "3",
    ];
    let done = dolmetsch(&arguments, "Das Haus ist alt.\nWo bist du?\n");
    let best = dolmetsch(&arguments[..8], "Das Haus ist alt.\nWo bist du?\n").stdout;
    let fields: Vec<Vec<&str>> = done
        .stdout
        .lines()
        .map(|line| line.split(" ||| ").collect())
        .collect();
    assert_eq!(
        fields.iter().map(|line| line[0]).collect::<Vec<_>>(),
        ["0", "0", "0", "1", "1", "1"]
    );
    assert_eq!(
        [fields[0][1], fields[3][1]],
        best.lines().collect::<Vec<_>>()[..]
    );
    for list in fields.chunks(3) {
        let scores: Vec<f64> = list.iter().map(|line| line[2].parse().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
}

#[test]
fn files_get_their_names_when_they_are_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("eins.txt"), "Guten Morgen.\n").unwrap();
    std::fs::write(path("zwei.txt"), "Gute Nacht.").unwrap();
    let (one, two, out) = (path("eins.txt"), path("zwei.txt"), path("out"));
    let done = translate(&["--to", "en,vi", "--output-dir", &out, &one, &two], "");
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, ""),
        "{}",
        done.stderr
    );
    let mut names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["eins.en.txt", "eins.vi.txt", "zwei.en.txt", "zwei.vi.txt"]
    );
    let expected = translate(&["--to", "en", &one], "").stdout;
    assert_eq!(
        std::fs::read_to_string(format!("{out}/eins.en.txt")).unwrap(),
        expected
    );

    // What had the name stays as it was when something fails.
    let (result, bad) = (path("result.txt"), path("bad.txt"));
    std::fs::write(&result, "old").unwrap();
    std::fs::write(&bad, b"Gut.\n\n\xff").unwrap();
    let done = translate(&["--to", "en", "-o", &result, &bad], "");
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(&result).unwrap(), "old");
    assert_eq!(translate(&["--to", "en", "-o", &result, &one], "").code, 0);
    assert_eq!(std::fs::read_to_string(&result).unwrap(), expected);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn inputs_do_not_run_into_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("andere")).unwrap();
    std::fs::write(path("eins.txt"), "\u{feff}Guten Morgen.").unwrap();
    std::fs::write(path("andere/eins.txt"), "Gute Nacht.").unwrap();
    let (one, two, out) = (path("eins.txt"), path("andere/eins.txt"), path("out"));
    let text = translate(&["--to", "en", "--lines", &one, &two], "").stdout;
    assert_eq!(text.lines().count(), 2, "{text:?}");
    assert!(text.starts_with('\u{feff}'), "a byte order mark is kept");
    let jsonl = translate(
        &["--to", "en", "--lines", "--format", "jsonl", &one, &two],
        "",
    )
    .stdout;
    for (record, doc) in records(&jsonl).iter().zip(0..) {
        assert_eq!(record["doc"], doc);
        assert_eq!(
            &text[span(&record["target_span"])],
            record["target"].as_str().unwrap()
        );
    }
    // Both would be called eins.en.txt.
    let done = translate(&["--to", "en", "--output-dir", &out, &one, &two], "");
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("eins.txt"), "{}", done.stderr);
    assert!(!Path::new(&out).exists());
}

#[cfg(unix)]
#[test]
fn links_and_devices_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (
        folder.path().join("file.txt"),
        folder.path().join("link.txt"),
    );
    std::fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let done = translate(&["--to", "en", "-o", link.to_str().unwrap()], "***");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "***");
    let done = translate(&["--to", "en", "-o", "/dev/stderr"], "***");
    assert!(
        done.code == 0 && done.stderr.contains("***"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_is_not_prose_reaches_the_translation_byte_for_byte() {
    for (input, kept) in [
        (
            "Quelle: https://www.beispiel.de/a_(b)?c=%20d#e",
            "https://www.beispiel.de/a_(b)?c=%20d#e",
        ),
        (
            "Mehr dazu (siehe https://beispiel.de/x). Danke!",
            "https://beispiel.de/x",
        ),
        (
            "Auf https://beispiel.de/x steht, wann der Zug fährt.",
            "https://beispiel.de/x",
        ),
        (
            "Schreiben Sie an info@beispiel.de, wenn Sie Fragen haben.",
            "info@beispiel.de",
        ),
        (
            "Die Datei bericht_2023.pdf ist sehr groß.",
            "bericht_2023.pdf",
        ),
        ("Hallo {name}, Sie haben %d neue Nachrichten.", "{name}"),
        ("Hallo {name}, Sie haben %d neue Nachrichten.", "%d"),
        ("\u{1f600} Das freut mich sehr!", "\u{1f600}"),
        (
            "Das freut mich \u{1f469}\u{200d}\u{1f4bb} sehr!",
            "\u{1f469}\u{200d}\u{1f4bb}",
        ),
    ] {
        let done = translate(&["--to", "en", "--to", "vi", "--format", "jsonl"], input);
        assert_eq!(done.code, 0, "{}", done.stderr);
        for language in ["en", "vi"] {
            let found = records(&done.stdout).into_iter().any(|record| {
                record["target_lang"] == language
                    && record["target"].as_str().unwrap().contains(kept)
            });
            assert!(found, "{kept} in {}", done.stdout);
        }
    }
}

#[test]
fn what_has_no_letters_is_copied() {
    let done = translate(&["--to", "en"], "***\n\n12.345,6\n");
    assert_eq!(done.stdout, "***\n\n12.345,6\n");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn bad_input_has_a_clear_message_and_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let latin1 = file("latin1.txt", b"Gr\xfc\xdfe aus K\xf6ln");
    let missing = folder
        .path()
        .join("nowhere.txt")
        .to_str()
        .unwrap()
        .to_owned();
    let folder = folder.path().to_str().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["translate", "--to", "en", "--model", "builtin", &latin1],
            4,
            "invalid UTF-8 at byte 2",
        ),
        (
            &["translate", "--to", "en", "--model", "builtin", &missing],
            4,
            "nowhere.txt",
        ),
        (
            &["translate", "--to", "en", "--model", "builtin", folder],
            4,
            folder,
        ),
        (
            &["translate", "--to", "en", "--model", folder],
            3,
            "config.json",
        ),
        (
            &["translate", "--to", "en", "--model", "./no/such/folder"],
            3,
            "./no/such/folder",
        ),
        (
            &["translate", "--to", "en", "--model", "bultin"],
            3,
            "builtin",
        ),
        (
            &[
                "translate",
                "--to",
                "en",
                "--model",
                "builtin",
                "--from",
                "vi",
            ],
            2,
            "vi",
        ),
        (&["translate", "--to", "xx", "--model", "builtin"], 2, "xx"),
        (
            &[
                "translate",
                "--to",
                "en",
                "--model",
                "builtin",
                "--beam",
                "0",
            ],
            2,
            "beam",
        ),
        (
            &[
                "translate",
                "--to",
                "en",
                "--model",
                "builtin",
                "--length-penalty",
                "nan",
            ],
            2,
            "length penalty",
        ),
        (
            &[
                "translate",
                "--to",
                "en",
                "--model",
                "builtin",
                "--max-length",
                "1",
            ],
            2,
            "length",
        ),
        (
            &[
                "translate",
                "--to",
                "en",
                "--model",
                "builtin",
                "--max-length",
                "100000",
            ],
            2,
            "length",
        ),
        (&["translate", "--model", "builtin"], 2, "--to"),
        (&["tokenize", "--model", folder], 3, "source.spm"),
    ];
    for (arguments, code, message) in cases {
        let done = dolmetsch(arguments, "Hallo Welt.");
        assert_eq!(done.code, *code, "{arguments:?}: {}", done.stderr);
        assert!(
            done.stderr.contains(message),
            "{arguments:?}: {}",
            done.stderr
        );
        assert_eq!(done.stdout, "", "{arguments:?}");
        assert!(
            !done.stderr.contains("panicked"),
            "{arguments:?}: {}",
            done.stderr
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut program = Command::cargo_bin("dolmetsch").unwrap();
    let text = "Das ist ein Satz. ".repeat(2000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.txt");
    std::fs::write(&path, text).unwrap();
    let mut child = program
        .args(["segment", path.to_str().unwrap()])
        .env("DOLMETSCH_CONFIG", "")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut message)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{message}");
    assert_eq!(message, "");
}
