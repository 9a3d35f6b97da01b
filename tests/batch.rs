//! `dolmetsch batch` as users run it, with a model that takes no time.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;

/// What a finished program left.
struct Finished {
    code: Option<i32>,
    stderr: String,
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stand-in");
    let mut command = Command::cargo_bin("dolmetsch").unwrap();
    command
        .current_dir(folder)
        .env("DOLMETSCH_CONFIG", "")
        .args(arguments)
        .args(["--threads", "1", "--model"])
        .arg(model);
    command
}

fn batch(folder: &Path, arguments: &[&str]) -> Finished {
    let mut all = vec!["batch", "--to", "en"];
    all.extend(arguments);
    finished(program(folder, &all))
}

fn finished(mut command: Command) -> Finished {
    let output = command.output().unwrap();
    Finished {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A job that shows its progress in JSON.
fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut all = vec!["batch", "--to", "en", "--progress", "json"];
    all.extend(arguments);
    let mut command = program(folder, &all);
    command.stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until so many windows are done, or the job is; the last line of progress.
fn windows(child: &mut Child, count: usize) -> Option<Value> {
    let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    events
        .filter(|event| event["event"] == "progress")
        .take(count)
        .last()
}

fn lines(count: usize) -> String {
    let words = [
        "Haus",
        "Garten",
        "Fluss",
        "Straße",
        "Übung",
        "",
        "12 km",
        "www.example.de",
    ];
    let line = |number: usize| match (number % 50, words[number % words.len()]) {
        (7, _) => "\n".to_owned(),
        (_, word) => format!(
            "Der Satz {number} spricht von {word} und {}.\n",
            number * 7919
        ),
    };
    (0..count).map(line).collect()
}

fn folder_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn compressed(name: &str, content: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match name {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::encode_all(content, 0).unwrap(),
    }
}

fn decompressed(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let mut text = String::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .map(drop)
            .unwrap(),
        Some("zst") => text = String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap(),
        _ => text = String::from_utf8(bytes).unwrap(),
    }
    text
}

/// What `dolmetsch translate` makes of a file.
fn translated(folder: &Path, arguments: &[&str]) -> String {
    let mut all = vec!["translate", "--to", "en"];
    all.extend(arguments);
    let output = program(folder, &all).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_folder_is_translated_into_one_that_looks_like_it() {
    let text = lines(300);
    let document = format!(
        "  Titel\n\n- {}\n\n\nEnde. Aus.",
        text.replace('\n', "\n\n")
    );
    let json = text
        .lines()
        .enumerate()
        .fold(String::new(), |json, (id, line)| {
            json + &format!("{{\"id\":{id},\"text\":{}}}\n", Value::from(line))
        });
    let table = text.lines().fold(String::new(), |table, line| {
        table + &format!("links\t{line}\trechts\n")
    });
    let folder = folder_with(&[
        ("in/a.lines", text.as_bytes()),
        ("in/b/c.txt", document.as_bytes()),
        ("in/b/d.jsonl.gz", &compressed("gz", json.as_bytes())),
        ("in/b/e.tsv.zst", &compressed("zst", table.as_bytes())),
        ("in/b/bild.png", b"\x89PNG"),
    ]);
    let arguments = ["in", "--output-dir", "out", "--lines", "--column", "2"];
    let done = batch(folder.path(), &arguments);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("0 skipped"), "{}", done.stderr);

    let out = |name: &str| decompressed(&folder.path().join("out").join(name));
    let expected = translated(folder.path(), &["--lines", "in/a.lines"]);
    assert_eq!(out("a.en.lines"), expected);
    assert_eq!(expected.lines().count(), 300);
    let lines_of_document = translated(folder.path(), &["--lines", "in/b/c.txt"]);
    assert_eq!(out("b/c.en.txt"), lines_of_document);
    let records = out("b/d.en.jsonl.gz");
    assert_eq!(records.lines().count(), 300);
    for (id, (record, expected)) in records.lines().zip(expected.lines()).enumerate() {
        let record: Value = serde_json::from_str(record).unwrap();
        assert_eq!(record["id"], id);
        assert_eq!(record["text"], expected);
    }
    let table = out("b/e.en.tsv.zst");
    for (row, expected) in table.lines().zip(expected.lines()) {
        assert_eq!(row, format!("links\t{expected}\trechts"));
    }
    assert_eq!(table.lines().count(), 300);

    // Documents keep their layout.
    let done = batch(folder.path(), &["in/b/c.txt", "--output-dir", "text"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let expected = translated(folder.path(), &["in/b/c.txt"]);
    assert_eq!(decompressed(&folder.path().join("text/c.en.txt")), expected);
}

/// A killed job goes on: same bytes, and no window is done twice.
#[test]
fn a_job_that_is_killed_goes_on_where_it_was() {
    let folder = folder_with(&[("in/a.lines", lines(4000).as_bytes())]);
    let whole = batch(folder.path(), &["in", "--output-dir", "whole"]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);

    let arguments = ["in", "--output-dir", "out", "--cache-size", "0"];
    let mut skipped = 0;
    for count in [1, 2, 1, 3, 2] {
        let mut child = start(folder.path(), &arguments);
        let progress = windows(&mut child, count).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // All that the killed run had before is still there in this one.
        let now = progress["skipped"].as_u64().unwrap();
        assert!(now >= skipped, "{now} of {skipped} segments are left");
        skipped = now + progress["translated"].as_u64().unwrap();
    }
    let done = batch(folder.path(), &arguments);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let bytes = |name: &str| fs::read(folder.path().join(name).join("a.en.lines")).unwrap();
    assert_eq!(bytes("out"), bytes("whole"));
    let again = batch(folder.path(), &arguments);
    assert!(again.stderr.contains(" 0 translated"), "{}", again.stderr);
}

#[test]
fn ctrl_c_ends_a_job_that_can_go_on() {
    let folder = folder_with(&[("in/a.lines", lines(4000).as_bytes())]);
    let arguments = ["in", "--output-dir", "out"];
    let mut child = start(folder.path(), &arguments);
    let progress = windows(&mut child, 2).unwrap();
    let signal = Command::new("kill")
        .arg("-INT")
        .arg(child.id().to_string())
        .status();
    assert!(signal.unwrap().success());
    let mut rest = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("the same command goes on"), "{rest}");
    let mut child = start(folder.path(), &arguments);
    let resumed = windows(&mut child, 1).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(resumed["skipped"].as_u64() >= progress["translated"].as_u64());
}

/// Inputs and outputs in one folder: the shell's `*` names the outputs of the
/// earlier run as well, but not what else is there.
#[test]
fn the_same_pattern_goes_on_in_the_folder_of_the_inputs() {
    let text = lines(4000);
    let folder = folder_with(&[
        ("a.jsonl", b"{\"text\":\"Ja.\"}\n{\n"),
        ("b.jsonl", b"{\"text\":\"Nein.\"}\n"),
        ("c.lines", text.as_bytes()),
    ]);
    let inputs = ["a.jsonl", "b.jsonl", "c.lines"];
    let run = |more: &[&str]| {
        let all = [&inputs[..], more, &["--output-dir", "."]].concat();
        batch(folder.path(), &all)
    };
    let arguments = [&inputs[..], &["--output-dir", "."]].concat();
    let mut child = start(folder.path(), &arguments);
    windows(&mut child, 2).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let done = ["a.en.jsonl", "b.en.jsonl"];
    let made = || done.map(|name| fs::read(folder.path().join(name)).unwrap());
    let before = made();
    let again = run(&done);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(
        again.stderr.contains("2 files are what"),
        "{}",
        again.stderr
    );
    let all = run(&["a.en.jsonl", "b.en.jsonl", "c.en.lines", "rejected.jsonl"]);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    assert!(all.stderr.contains(" 0 translated"), "{}", all.stderr);
    assert_eq!(made(), before);
    // Not the job's own.
    fs::write(folder.path().join("rejected.jsonl"), "mine\n").unwrap();
    let foreign = run(&["rejected.jsonl"]);
    assert_eq!(foreign.code, Some(2), "{}", foreign.stderr);
}

#[test]
fn a_job_does_not_go_on_with_something_else() {
    let folder = folder_with(&[("in/a.lines", lines(20).as_bytes()), ("b.lines", b"Ja.\n")]);
    let path = |name: &str| folder.path().join(name);
    let refused = |arguments: &[&str], what: &str| {
        let mut all = vec!["in", "--output-dir", "out"];
        all.extend(arguments);
        let done = batch(folder.path(), &all);
        assert_eq!(done.code, Some(6), "{what}: {}", done.stderr);
        assert!(done.stderr.contains(what), "{what}: {}", done.stderr);
    };
    assert_eq!(
        batch(folder.path(), &["in", "--output-dir", "out"]).code,
        Some(0)
    );
    refused(&["--beam", "2"], "--beam was null and is 2");
    refused(&["--from", "vi"], "--from was \"de\" and is \"vi\"");
    refused(&["--lines"], "--lines was false and is true");
    refused(&["--guard", "off"], "--guard was \"on\" and is \"off\"");
    refused(
        &["--min-confidence", "0.5"],
        "--min-confidence was null and is 0.5",
    );
    refused(&["b.lines"], "input b.lines is new");

    let output = fs::read(path("out/a.en.lines")).unwrap();
    fs::write(path("out/a.en.lines"), "von Hand verbessert\n").unwrap();
    refused(&[], "a.en.lines was edited");
    assert_eq!(
        fs::read(path("out/a.en.lines")).unwrap(),
        b"von Hand verbessert\n"
    );
    fs::remove_file(path("out/a.en.lines")).unwrap();
    let again = batch(folder.path(), &["in", "--output-dir", "out"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(fs::read(path("out/a.en.lines")).unwrap(), output);

    fs::write(path("in/a.lines"), lines(10)).unwrap();
    refused(&[], "input a.lines had");
    let restarted = batch(folder.path(), &["in", "--output-dir", "out", "--restart"]);
    assert_eq!(restarted.code, Some(0), "{}", restarted.stderr);
    let output = fs::read_to_string(path("out/a.en.lines")).unwrap();
    assert_eq!(output.lines().count(), 10);

    fs::create_dir(path("other")).unwrap();
    fs::write(path("other/a.en.lines"), "wichtig\n").unwrap();
    let foreign = batch(folder.path(), &["in", "--output-dir", "other"]);
    assert_eq!(foreign.code, Some(6), "{}", foreign.stderr);
    assert_eq!(fs::read(path("other/a.en.lines")).unwrap(), b"wichtig\n");
}

#[test]
fn one_process_works_on_a_folder() {
    let folder = folder_with(&[("in/a.lines", lines(20).as_bytes())]);
    let state = folder.path().join("out/.dolmetsch");
    fs::create_dir_all(&state).unwrap();
    let lock = fs::File::create(state.join("lock")).unwrap();
    lock.lock().unwrap();
    fs::write(state.join("lock"), "4711").unwrap();
    let done = batch(folder.path(), &["in", "--output-dir", "out"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.stderr.contains("process 4711 is working on out"),
        "{}",
        done.stderr
    );
    drop(lock);
    assert_eq!(
        batch(folder.path(), &["in", "--output-dir", "out"]).code,
        Some(0)
    );
}

#[test]
fn poisonous_records_leave_their_places_empty() {
    let long = "Wort ".repeat(300_000);
    let lines = [
        &b"Eins."[..],
        b"zw\xff\xfei",
        b"Drei.",
        long.as_bytes(),
        b"",
        b"Sechs.\n",
    ];
    let records = b"{\"text\":\"Eins.\",\"n\":1}\n{\"text\":\n{\"n\":3}\n";
    let folder = folder_with(&[("in/a.lines", &lines.join(&b'\n')), ("in/b.jsonl", records)]);
    let done = batch(folder.path(), &["in", "--output-dir", "out"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("4 rejected"), "{}", done.stderr);
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let output = read("a.en.lines");
    let empty: Vec<bool> = output.lines().map(str::is_empty).collect();
    assert_eq!(empty, [false, true, false, true, true, false]);
    assert!(
        read("b.en.jsonl").ends_with(",\"n\":1}\n\n\n"),
        "{}",
        read("b.en.jsonl")
    );
    let rejected: Vec<Value> = read("rejected.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let places: Vec<(&str, u64)> = rejected
        .iter()
        .map(|record| {
            (
                record["file"].as_str().unwrap(),
                record["line"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            ("a.lines", 2),
            ("a.lines", 4),
            ("b.jsonl", 2),
            ("b.jsonl", 3)
        ]
    );
    let strict = batch(folder.path(), &["in", "--output-dir", "out", "--strict"]);
    assert_eq!(strict.code, Some(5), "{}", strict.stderr);
}

/// Even with --quiet, by shards too.
#[test]
fn a_field_that_no_record_has_is_warned_of() {
    let records = b"{\"text\":\"Ja.\"}\n{\"text\":\"Nein.\"}\n";
    let folder = folder_with(&[("in/a.jsonl", records), ("in/b.lines", b"Ja.\n")]);
    let run = |more: &[&str]| {
        let done = batch(
            folder.path(),
            &[&["in", "--field", "txet", "-q"], more].concat(),
        );
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stderr
    };
    let is_warning = |text: &str| {
        let parts = [
            "nothing in a.jsonl",
            "2 records were rejected",
            "txet",
            "rejected.jsonl",
        ];
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert!(!text.contains("b.lines"), "{text}");
    };
    is_warning(&run(&["--output-dir", "out"]));
    let json = run(&["--output-dir", "json", "--progress", "json"]);
    let events = json
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let warnings: Vec<Value> = events.filter(|event| event["event"] == "warning").collect();
    is_warning(warnings[0]["text"].as_str().unwrap());
    assert_eq!(warnings.len(), 1);
    for shard in ["1/2", "2/2"] {
        run(&["--output-dir", "two", "--shard", shard]);
    }
    let mut merge = Command::cargo_bin("dolmetsch").unwrap();
    merge.current_dir(folder.path()).env("DOLMETSCH_CONFIG", "");
    merge.args(["batch", "--merge", "two"]);
    is_warning(&finished(merge).stderr);
}

/// A job's own list of rejected records is removed when it is out of date, but no
/// other file of that name.
#[test]
fn a_list_of_rejected_records_that_is_not_the_jobs_stays() {
    let folder = folder_with(&[("in/a.jsonl", b"{\"text\":\"Ja.\"}\n")]);
    let path = |name: &str| folder.path().join(name);
    let list = path("out/rejected.jsonl");
    let run = |arguments: &[&str]| {
        let mut all = vec!["in", "--output-dir", "out"];
        all.extend(arguments);
        let done = batch(folder.path(), &all);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    };
    run(&[]);
    fs::write(&list, "mine\n").unwrap();
    for arguments in [&[][..], &["--restart"]] {
        run(arguments);
        assert_eq!(fs::read(&list).unwrap(), b"mine\n", "{arguments:?}");
    }
    fs::write(path("in/a.jsonl"), "{\n").unwrap();
    run(&["--restart"]);
    let rejected = fs::read(&list).unwrap();
    run(&[]);
    assert_eq!(fs::read(&list).unwrap(), rejected);
    fs::write(path("in/a.jsonl"), "{\"text\":\"Nein.\"}\n").unwrap();
    run(&["--restart"]);
    assert!(!list.exists());
}

#[test]
fn a_damaged_file_does_not_keep_others_from_being_translated() {
    let whole = compressed("gz", lines(2000).as_bytes());
    let folder = folder_with(&[
        ("in/a.lines.gz", &whole[..whole.len() / 2]),
        ("in/b.lines", b"Ja.\n"),
    ]);
    let done = batch(folder.path(), &["in", "--output-dir", "out"]);
    assert_eq!(done.code, Some(4), "{}", done.stderr);
    assert!(done.stderr.contains("a.lines.gz"), "{}", done.stderr);
    let out = |name: &str| folder.path().join("out").join(name);
    assert!(out("b.en.lines").exists() && !out("a.en.lines.gz").exists());
}

/// Members and frames of a compressed file are one text; a cut one is an error.
#[test]
fn compressed_files_may_have_several_parts() {
    let parts = |name: &str| [compressed(name, b"Ja.\nNe"), compressed(name, b"in.\n")].concat();
    let cut = |name: &str| {
        let whole = compressed(name, lines(500).as_bytes());
        whole[..whole.len() - 9].to_vec()
    };
    let folder = folder_with(&[
        ("in/a.lines.gz", &parts("gz")),
        ("in/b.lines.zst", &parts("zst")),
        ("in/cut.lines.gz", &cut("gz")),
        ("in/cut.lines.zst", &cut("zst")),
        ("a.txt", b"Ja.\nNein.\n"),
    ]);
    let done = batch(folder.path(), &["in", "--output-dir", "out"]);
    assert_eq!(done.code, Some(4), "{}", done.stderr);
    assert!(done.stderr.contains("2 inputs"), "{}", done.stderr);
    let out = |name: &str| folder.path().join("out").join(name);
    let expected = translated(folder.path(), &["--lines", "a.txt"]);
    assert_eq!(decompressed(&out("a.en.lines.gz")), expected);
    assert_eq!(decompressed(&out("b.en.lines.zst")), expected);
    assert!(!out("cut.en.lines.gz").exists() && !out("cut.en.lines.zst").exists());
}

#[test]
fn an_encoding_is_part_of_what_the_job_was_begun_with() {
    let folder = folder_with(&[("in/a.lines", b"Die Stra\xdfe.\nJa.\n")]);
    let rejected = batch(folder.path(), &["in", "--output-dir", "utf-8"]);
    assert_eq!(rejected.code, Some(0), "{}", rejected.stderr);
    assert!(
        rejected.stderr.contains("1 rejected"),
        "{}",
        rejected.stderr
    );
    let latin = ["in", "--output-dir", "latin", "--encoding", "windows-1252"];
    let done = batch(folder.path(), &latin);
    assert!(done.stderr.contains("0 rejected"), "{}", done.stderr);
    let text = ["--lines", "--encoding", "windows-1252", "in/a.lines"];
    assert_eq!(
        decompressed(&folder.path().join("latin/a.en.lines")),
        translated(folder.path(), &text)
    );
    let other = batch(folder.path(), &["in", "--output-dir", "latin"]);
    assert_eq!(other.code, Some(6), "{}", other.stderr);
    assert!(other.stderr.contains("--encoding"), "{}", other.stderr);
}

/// The stand-in loops and copies, so that the guard has much to say; what it says
/// and does is what it does in `translate`.
#[test]
fn the_guard_does_what_it_does_in_translate() {
    let text = lines(40);
    let folder = folder_with(&[("in/a.lines", text.as_bytes())]);
    let mut outputs = Vec::new();
    for (name, options) in [
        ("on", &[][..]),
        ("report", &["--guard", "report"]),
        ("off", &["--guard", "off"]),
        ("withheld", &["--min-confidence", "1"]),
    ] {
        let job = ["in", "--output-dir", name, "--progress", "json"];
        let done = batch(folder.path(), &[&job[..], options].concat());
        assert_eq!(done.code, Some(0), "{name}: {}", done.stderr);
        let end: Value = serde_json::from_str(done.stderr.lines().last().unwrap()).unwrap();
        let output = decompressed(&folder.path().join(name).join("a.en.lines"));
        let alone = [&["--lines", "--quiet", "in/a.lines"][..], options].concat();
        assert_eq!(output, translated(folder.path(), &alone), "{name}");
        let records = translated(
            folder.path(),
            &[&alone[..], &["--format", "jsonl"]].concat(),
        );
        let flagged = records.lines().filter(|record| {
            let record: Value = serde_json::from_str(record).unwrap();
            let flags = record["flags"].as_array().unwrap();
            flags.iter().any(|flag| flag != "copied" && flag != "split")
        });
        assert_eq!(end["flagged"], flagged.count(), "{name}");
        outputs.push(output);
    }
    assert_eq!(outputs[1], outputs[2], "without retries");
    assert!(outputs[3].contains("⟦Der Satz 1 "), "{}", outputs[3]);
    let contradiction = ["in", "--output-dir", "no", "--guard", "off"];
    let done = batch(
        folder.path(),
        &[&contradiction[..], &["--min-confidence", "0.5"]].concat(),
    );
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(!folder.path().join("no").exists());
}

/// Every line is JSON with the fields that the README lists.
#[test]
fn progress_for_machines_adds_up() {
    let text = lines(700);
    let folder = folder_with(&[("in/a.lines", text.as_bytes()), ("in/b.lines", b"Ja.\n")]);
    let arguments = ["in", "--output-dir", "out", "--progress", "json"];
    let done = batch(folder.path(), &arguments);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let events: Vec<Value> = done
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (end, windows) = events.split_last().unwrap();
    let number = |event: &Value, key: &str| event[key].as_f64().unwrap();
    let mut before = 0.0;
    for event in windows {
        assert_eq!(event["event"], "progress");
        for key in ["seconds", "tokens_per_second", "skipped", "repeated"] {
            assert!(number(event, key) >= 0.0);
        }
        assert!(event["file"].as_str().unwrap().starts_with("in"));
        assert!(event["seconds_left"].is_null() || number(event, "seconds_left") >= 0.0);
        assert!(number(event, "file_bytes_done") <= number(event, "file_bytes"));
        assert!((before..=number(event, "bytes")).contains(&number(event, "bytes_done")));
        before = number(event, "bytes_done");
    }
    let last = windows.last().unwrap();
    assert_eq!(last["bytes_done"], text.len() + 4);
    assert_eq!(
        (&last["files_done"], &last["files"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        (&end["event"], &end["interrupted"]),
        (&"end".into(), &false.into())
    );
    let counts = ["skipped", "translated", "repeated"].map(|key| end[key].as_u64().unwrap());
    let empty = text.lines().filter(|line| line.is_empty()).count();
    assert_eq!(counts.iter().sum::<u64>(), 701 - empty as u64);
}

/// Also with the built-in model, which is noted elsewhere, and with --quiet.
#[test]
fn progress_for_machines_is_all_json_and_has_an_end() {
    let folder = folder_with(&[("in/a.lines", b"Ja.\n"), ("in/b.pdf", b"")]);
    for (output, quiet) in [("one", &[][..]), ("two", &["--quiet"])] {
        let mut command = Command::cargo_bin("dolmetsch").unwrap();
        command
            .current_dir(folder.path())
            .env("DOLMETSCH_CONFIG", "")
            .args(["batch", "in", "--to", "en", "--model", "builtin"])
            .args(["--progress", "json", "--output-dir", output])
            .args(quiet);
        let done = finished(command);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let event = |line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["event"].as_str().unwrap().to_owned()
        };
        let events: Vec<String> = done.stderr.lines().map(event).collect();
        assert_eq!(events.last().unwrap(), "end");
        let notes = events.iter().filter(|event| *event == "note").count();
        assert_eq!(notes, usize::from(quiet.is_empty()), "{}", done.stderr);
    }
}

/// The second only reads it; neither takes harm from the other.
#[test]
fn two_jobs_may_use_a_cache_at_once() {
    let folder = folder_with(&[("in/a.lines", lines(1000).as_bytes())]);
    let cached = |output| {
        [
            "in",
            "--output-dir",
            output,
            "--cache",
            "cache",
            "--cache-size",
            "1",
        ]
    };
    let mut first = start(folder.path(), &cached("one"));
    windows(&mut first, 1).unwrap();
    let second = batch(folder.path(), &cached("two"));
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let rest = first.wait_with_output().unwrap();
    assert!(rest.status.success(), "{rest:?}");
    let output = |name: &str| fs::read(folder.path().join(name).join("a.en.lines")).unwrap();
    assert_eq!(output("one"), output("two"));

    let path = folder.path().join("cache/dolmetsch-segments");
    assert_eq!(fs::metadata(&path).unwrap().len() / 1_000_000, 0);
    let third = batch(folder.path(), &cached("three"));
    assert!(third.stderr.contains(" 0 translated"), "{}", third.stderr);
    let mut damaged = fs::read(&path).unwrap();
    let used = damaged.iter().rposition(|&byte| byte != 0).unwrap();
    damaged[used - 4000] ^= 1;
    damaged[used] ^= 1;
    fs::write(&path, damaged).unwrap();
    let fourth = batch(folder.path(), &cached("four"));
    assert_eq!(fourth.code, Some(0), "{}", fourth.stderr);
    assert!(fourth.stderr.contains("damaged"), "{}", fourth.stderr);
    assert_eq!(output("three"), output("one"));
    assert_eq!(output("four"), output("one"));
}

#[test]
fn merged_shards_are_the_same_bytes_as_one_run() {
    let text = lines(1500);
    let json = text.lines().fold(String::new(), |json, line| {
        json + &format!("{{\"text\":{}}}\n", Value::from(line))
    });
    let folder = folder_with(&[
        ("in/a.lines", text.as_bytes()),
        ("in/b.txt", text.replace("7.\n", "7.\n\n").as_bytes()),
        ("in/c.jsonl", json.as_bytes()),
        ("in/d.lines.gz", &compressed("gz", text.as_bytes())),
        ("in/e.txt", b"Ja.\n"),
    ]);
    let names = [
        "a.en.lines",
        "b.en.txt",
        "c.en.jsonl",
        "d.en.lines.gz",
        "e.en.txt",
    ];
    assert_eq!(
        batch(folder.path(), &["in", "--output-dir", "one"]).code,
        Some(0)
    );
    for shard in ["4/4", "2/4", "1/4"] {
        let done = batch(
            folder.path(),
            &["in", "--output-dir", "four", "--shard", shard],
        );
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    let merge = || {
        let mut command = Command::cargo_bin("dolmetsch").unwrap();
        command
            // The inputs were named from another folder.
            .current_dir(folder.path().join("four"))
            .env("DOLMETSCH_CONFIG", "")
            .args(["batch", "--merge", "."]);
        finished(command)
    };
    let early = merge();
    assert_eq!(early.code, Some(6), "{}", early.stderr);
    assert!(early.stderr.contains("3/4"), "{}", early.stderr);
    let other = [
        "in",
        "--output-dir",
        "four",
        "--shard",
        "3/4",
        "--beam",
        "2",
    ];
    assert_eq!(batch(folder.path(), &other).code, Some(0));
    let different = merge();
    assert_eq!(different.code, Some(6), "{}", different.stderr);
    assert!(different.stderr.contains("--beam"), "{}", different.stderr);
    let right = ["in", "--output-dir", "four", "--shard", "3/4", "--restart"];
    assert_eq!(batch(folder.path(), &right).code, Some(0));
    let done = merge();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let bytes = |folder: PathBuf| names.map(|name| fs::read(folder.join(name)).unwrap());
    assert_eq!(
        bytes(folder.path().join("four")),
        bytes(folder.path().join("one"))
    );
    let late = batch(
        folder.path(),
        &["in", "--output-dir", "four", "--shard", "1/4"],
    );
    assert_eq!(late.code, Some(6), "{}", late.stderr);
    assert!(late.stderr.contains("joined already"), "{}", late.stderr);
    // It has left nothing behind that the joined job takes for shards.
    let again = batch(folder.path(), &["in", "--output-dir", "four"]);
    assert!(again.stderr.contains(" 0 translated"), "{}", again.stderr);
}

#[test]
fn missing_shards_are_counted_and_too_many_refused() {
    let folder = folder_with(&[("in/a.lines", b"Ja.\n")]);
    let shard = |shard| {
        batch(
            folder.path(),
            &["in", "--output-dir", "out", "--shard", shard],
        )
    };
    let refused = shard("1/3000000000");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("65536"), "{}", refused.stderr);
    assert_eq!(shard("2/65536").code, Some(0));
    let mut merge = Command::cargo_bin("dolmetsch").unwrap();
    merge.current_dir(folder.path()).env("DOLMETSCH_CONFIG", "");
    merge.args(["batch", "--merge", "out"]);
    let done = finished(merge);
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    let missing = ": 1/65536; 3/65536; 4/65536; 5/65536; 6/65536; and 65530 more (";
    assert!(done.stderr.contains(missing), "{}", done.stderr);
}

/// `translate --lines` answers each line as soon as it has it, and after a line
/// that it cannot read ends with 4, the lines before being answered.
#[test]
fn a_line_is_answered_before_the_next_is_written() {
    let folder = folder_with(&[]);
    let mut command = program(folder.path(), &["translate", "--to", "en", "--lines"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in ["Das Haus ist alt.", "", "Wo bist du?"] {
        writeln!(input, "{line}").unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert_eq!(answer.is_empty(), line.is_empty());
    }
    input
        .write_all(b"Eins.\nZwei.\nDr\xffei.\nVier.\n")
        .unwrap();
    drop(input);
    assert_eq!(answers.map(Result::unwrap).count(), 2);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("standard input"), "{message}");
}

/// Tables as the arrow crate reads and writes them; `scripts/check_parquet.py`
/// compares with `PyArrow`.
#[cfg(feature = "parquet")]
mod tables {
    use std::fs::File;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::properties::WriterProperties;

    use super::*;

    fn write(path: &Path, texts: &[Option<&str>]) {
        let ids = Int32Array::from_iter_values(0..texts.len() as i32);
        let columns = [
            ("id", Arc::new(ids) as ArrayRef),
            ("text", Arc::new(StringArray::from(texts.to_vec()))),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.map(|(name, column)| (name, column, true)),
        )
        .unwrap();
        let rows = WriterProperties::builder().set_max_row_group_row_count(Some(300));
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(rows.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    /// The values of a column of texts, behind the ids that must stand in order.
    fn read(path: &Path, column: &str) -> Vec<Option<String>> {
        let rows = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap());
        let mut texts = Vec::new();
        for batch in rows.unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let ids = batch
                .column(0)
                .as_primitive::<arrow::datatypes::Int32Type>();
            for (id, text) in ids
                .iter()
                .zip(batch.column_by_name(column).unwrap().as_string::<i32>())
            {
                assert_eq!(id, Some(texts.len() as i32));
                texts.push(text.map(str::to_owned));
            }
        }
        texts
    }

    #[test]
    fn a_column_is_translated_and_four_shards_are_one_run() {
        let text = lines(700);
        let mut texts: Vec<Option<&str>> = text.lines().map(Some).collect();
        texts[3] = None;
        // More than a block has room for.
        let long = "Ja, ja. ".repeat(3000);
        texts[5] = Some(&long);
        let folder = folder_with(&[("in/x.txt", b"")]);
        write(&folder.path().join("in/a.parquet"), &texts);
        let source: Vec<&str> = texts.iter().map(|text| text.unwrap_or_default()).collect();
        fs::write(folder.path().join("source"), source.join("\n") + "\n").unwrap();
        let lines = translated(folder.path(), &["--lines", "source"]);
        let mut expected: Vec<Option<&str>> = lines.split_terminator('\n').map(Some).collect();
        expected[3] = None;

        let done = batch(folder.path(), &["in", "--lines", "--output-dir", "one"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let one = folder.path().join("one/a.en.parquet");
        let found = read(&one, "text");
        assert_eq!(
            found.iter().map(Option::as_deref).collect::<Vec<_>>(),
            expected
        );

        let added = ["in", "--lines", "--output-dir", "added", "--keep-source"];
        assert_eq!(batch(folder.path(), &added).code, Some(0));
        let added = folder.path().join("added/a.en.parquet");
        assert_eq!(read(&added, "text_en"), found);
        let kept = read(&added, "text");
        assert_eq!(kept.iter().map(Option::as_deref).collect::<Vec<_>>(), texts);

        for shard in ["3/4", "1/4", "2/4", "4/4"] {
            let part = ["in", "--lines", "--output-dir", "four", "--shard", shard];
            assert_eq!(batch(folder.path(), &part).code, Some(0));
        }
        let mut merge = Command::cargo_bin("dolmetsch").unwrap();
        merge.current_dir(folder.path()).env("DOLMETSCH_CONFIG", "");
        merge.args(["batch", "--merge", "four"]);
        assert_eq!(finished(merge).code, Some(0));
        let four = folder.path().join("four/a.en.parquet");
        assert_eq!(fs::read(four).unwrap(), fs::read(one).unwrap());
    }

    #[test]
    fn a_column_that_is_not_there_is_named() {
        let folder = folder_with(&[("in/x.txt", b"Ja.")]);
        write(&folder.path().join("in/a.parquet"), &[Some("Ja.")]);
        let done = batch(
            folder.path(),
            &["in", "--output-dir", "out", "--field", "body"],
        );
        assert_eq!(done.code, Some(4), "{}", done.stderr);
        assert!(done.stderr.contains("it has id, text"), "{}", done.stderr);
    }
}
