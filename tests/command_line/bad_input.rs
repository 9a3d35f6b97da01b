//! Bad input and bad circumstances: a clear message, the right exit code, and
//! nothing lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{has_flag, program, records, run, translate};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// What must be said, and with which exit code.
fn assert_failure(arguments: &[&str], input: &[u8], code: i32, messages: &[&str]) {
    let done = run(arguments, input);
    assert_eq!(done.code, code, "{arguments:?}: {}", done.stderr);
    assert_eq!(done.stdout, "", "{arguments:?}");
    assert!(
        done.stderr.starts_with("error: ") || done.stderr.contains("\nerror: "),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    for message in messages {
        assert!(
            done.stderr.contains(message),
            "{arguments:?}: {}",
            done.stderr
        );
    }
}

const TRANSLATE: [&str; 5] = ["translate", "--to", "en", "--model", "builtin"];

#[test]
fn inputs_that_cannot_be_read() {
    let folder = Folder::new();
    let missing = folder.path("missing.txt");
    let latin1 = folder.file("latin1.txt", b"Gr\xfc\xdfe");
    for (input, messages) in [
        (
            missing.as_str(),
            ["could not read", "missing.txt", "No such file"],
        ),
        (
            folder.0.path().to_str().unwrap(),
            ["could not read", "directory", ""],
        ),
        (
            &latin1,
            [
                "latin1.txt",
                "invalid UTF-8 at byte 2",
                "--encoding windows-1252",
            ],
        ),
    ] {
        assert_failure(&[&TRANSLATE[..], &[input]].concat(), b"", 4, &messages);
    }
    for command in [&["segment"][..], &["tokenize", "--model", "builtin"]] {
        assert_failure(
            &[command, &[&missing]].concat(),
            b"",
            4,
            &["missing.txt", "No such file"],
        );
    }
}

/// Permissions do not hold for root, but this file's pages cannot be read by
/// anyone.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_opens_but_cannot_be_read() {
    let input = "/proc/self/mem";
    assert_failure(
        &[&TRANSLATE[..], &[input]].concat(),
        b"",
        4,
        &["could not read /proc/self/mem"],
    );
    assert_failure(
        &["segment", input],
        b"",
        4,
        &["could not read /proc/self/mem"],
    );
}

#[test]
fn nothing_in_is_nothing_out() {
    for input in ["", "\n", "\r\n \t\r\n", "\u{feff}"] {
        let done = translate(&[], input);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (0, input),
            "{}",
            done.stderr
        );
        assert_eq!(translate(&["--format", "jsonl"], input).stdout, "");
    }
    assert_eq!(run(&["segment"], "").code, 0);
}

#[test]
fn what_is_hardly_text_is_kept() {
    for input in [
        "\u{1f600}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f}\n\n\u{1f1e9}\u{1f1ea}\n",
        "\0\0\0\n\0\n",
        "\u{1}\u{2}\u{7f}\u{80}\u{fffd}\u{fffe}\n",
        "\u{200f}\u{200e}\n--- *** ===\n",
    ] {
        let done = translate(&[], input);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (0, input),
            "{}",
            done.stderr
        );
    }
    // With words around it, each byte of the source is still in a record.
    let text = "Das\0 Haus\0 ist\u{7} alt.\n\0\nUnd \u{202e}neu\u{202c}!\n";
    let done = translate(&["--format", "jsonl", "--lines"], text);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let sources: Vec<String> = records(&done.stdout)
        .iter()
        .map(|record| record["source"].as_str().unwrap().to_owned() + "\n")
        .collect();
    assert_eq!(sources.concat(), text);
}

#[test]
fn binary_junk_is_refused_with_the_place_of_the_first_bad_byte() {
    // A PNG's first bytes, and noise (a linear congruential generator).
    let mut junk = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    let mut state = 1_u32;
    junk.extend((0..100_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    assert_failure(
        &TRANSLATE,
        &junk,
        4,
        &["standard input", "invalid UTF-8 at byte 0 "],
    );
    assert_failure(&["segment"], &junk, 4, &["invalid UTF-8 at byte 0 "]);
    // As a text of one byte a letter it is read, and none is lost.
    let encoded = run(
        &["segment", "--encoding", "windows-1252", "--format", "jsonl"],
        &junk,
    );
    assert_eq!(encoded.code, 0, "{}", encoded.stderr);
}

#[test]
fn languages_and_models_that_do_not_exist() {
    for (arguments, code, messages) in [
        (
            &["--to", "vietnameese", "--model", "builtin"][..],
            2,
            &["did you mean `vi`?"][..],
        ),
        (&["--to", "xx", "--model", "builtin"], 2, &["xx"]),
        (
            &["--to", "en", "--model", "opus-mt-de-ne"],
            3,
            &["did you mean `opus-mt-de-en`?"],
        ),
        (&["--to", "en", "--model", "./nowhere"], 3, &["./nowhere"]),
    ] {
        assert_failure(
            &[&["translate"], arguments].concat(),
            b"Ja.",
            code,
            messages,
        );
    }
}

fn copy_of_builtin(folder: &Folder) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/builtin");
    let copy = folder.0.path().join("model");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn a_model_folder_with_a_file_missing_or_damaged() {
    let folder = Folder::new();
    let model = copy_of_builtin(&folder);
    let arguments = [
        "translate",
        "--to",
        "en",
        "--model",
        model.to_str().unwrap(),
    ];
    for name in [
        "config.json",
        "source.spm",
        "target.spm",
        "vocab.json",
        "model.safetensors",
    ] {
        let path = model.join(name);
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_failure(&arguments, b"Ja.", 3, &[name]);
        for damaged in [&content[..content.len() / 2], b"", b"{\"a\": [1, 2"] {
            fs::write(&path, damaged).unwrap();
            assert_failure(&arguments, b"Ja.", 3, &[name]);
        }
        fs::write(&path, &content).unwrap();
    }
    assert_eq!(run(&arguments, "12").stdout, "12", "all is there again");
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = Folder::new();
    let input = folder.file("in.txt", "12,5\n");
    let into_file = format!("{input}/out.txt");
    for output in [
        &["-o", "/nowhere/out.txt"][..],
        &["-o", &into_file],
        &["-o", folder.0.path().to_str().unwrap()],
        &["--output-dir", &into_file],
        &["--output-dir", &input],
    ] {
        let arguments = [&TRANSLATE[..], output, &[&input]].concat();
        assert_failure(&arguments, b"", 1, &["could not write", output[1]]);
    }
    assert_eq!(folder.names(), ["in.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_may_have_the_longest_name_that_there_is() {
    let folder = Folder::new();
    let output = folder.path(&format!("{}.txt", "n".repeat(251)));
    let arguments = [&TRANSLATE[..], &["-o", &output]].concat();
    assert_eq!(run(&arguments, b"12,5\n").code, 0);
    assert_eq!(fs::read(output).unwrap(), b"12,5\n");
}

#[test]
fn a_pair_without_end_is_refused() {
    let folder = Folder::new();
    let text = folder.file("a.txt", "Guten Morgen!\nUnd gute Nacht.\n");
    let endless = folder.file("b.txt", format!("Good morning!\n{}", "a".repeat(17 << 20)));
    let done = run(
        &[
            "check", "--source", &text, "--target", &endless, "--to", "en",
        ],
        b"",
    );
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(
        done.stderr.contains("b.txt: line 2 is longer than 16 MB"),
        "{}",
        done.stderr
    );
}

#[test]
fn no_input_is_written_over() {
    let folder = Folder::new();
    let text = folder.file("a.txt", "Guten Morgen!\n");
    let other = folder.file("a.en.txt", "Guten Abend!\n");
    let pairs = folder.file("p.tsv", "Guten Morgen!\tGood morning!\n");
    let (here, linked) = (folder.path(""), folder.path("link.txt"));
    std::os::unix::fs::symlink(&text, &linked).unwrap();
    let align = ["align", "--to", "en", "--model", "builtin"];
    for arguments in [
        [&TRANSLATE[..], &[&text, "-o", &text]].concat(),
        [&TRANSLATE[..], &[&text, "-o", &linked]].concat(),
        [&TRANSLATE[..], &[&text, &other, "--output-dir", &here]].concat(),
        [&align[..], &[&pairs, "-o", &pairs]].concat(),
        vec!["compare", &text, "--reference", &other, "-o", &other],
        vec!["compare", &text, "--reference", &other, "-o", &text],
    ] {
        let before = folder.names();
        assert_failure(
            &arguments,
            b"",
            2,
            &["is an input", "another file or folder"],
        );
        assert_eq!(folder.names(), before);
        assert_eq!(fs::read(&text).unwrap(), b"Guten Morgen!\n");
        assert_eq!(fs::read(&other).unwrap(), b"Guten Abend!\n");
    }
    let arguments = [&TRANSLATE[..], &[&text, "--output-dir", &here]].concat();
    assert_eq!(
        run(&arguments, b"").code,
        0,
        "an older translation is replaced"
    );
}

#[test]
fn a_full_disk_is_told_and_leaves_no_half_written_file() {
    let folder = Folder::new();
    let text = folder.file("in.txt", "12,5\n".repeat(60_000));
    let arguments = [&TRANSLATE[..], &["-o", "/dev/full", &text]].concat();
    assert_failure(&arguments, b"", 1, &["could not write", "No space left"]);
    let output = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_dolmetsch"));
    let done = program
        .args(["segment", &text])
        .env("DOLMETSCH_CONFIG", "")
        .stdout(output)
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{message}");
    assert!(message.contains("No space left"), "{message}");

    // A file system of 64 kB, where this user may mount one.
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", &disk];
    if !Command::new("mount")
        .args(mount)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let old = format!("{disk}/out.txt");
    let attempt = fs::write(&old, "old").map(|()| {
        let file = run(&[&TRANSLATE[..], &["-o", &old, &text]].concat(), "");
        let folder = run(
            &[&TRANSLATE[..], &["--output-dir", &disk, &text]].concat(),
            "",
        );
        let names: Vec<_> = fs::read_dir(&disk)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        (file, folder, names, fs::read_to_string(&old).unwrap())
    });
    assert!(
        Command::new("umount")
            .arg(&disk)
            .status()
            .unwrap()
            .success()
    );
    let (file, folder, names, content) = attempt.unwrap();
    for done in [file, folder] {
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert!(done.stderr.contains("No space left"), "{}", done.stderr);
    }
    assert_eq!((names, content.as_str()), (vec!["out.txt".into()], "old"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    let text = folder.file("in.txt", "12,5\n\n".repeat(20_000));
    for arguments in [
        &TRANSLATE[..],
        &["segment"],
        &["completions", "bash"],
        &["man"],
        &["config"],
        &["--help"],
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dolmetsch"));
        command.args(arguments).env("DOLMETSCH_CONFIG", "");
        if ["translate", "segment"].contains(&arguments[0]) {
            command.arg(&text);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {message}");
        assert!(
            !message.contains("rror") && !message.contains("panicked"),
            "{message}"
        );
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_no_half_written_file() {
    use std::io::Write;

    let folder = Folder::new();
    let output = folder.file("out.txt", "old");
    let mut child = Command::new(env!("CARGO_BIN_EXE_dolmetsch"))
        .args(TRANSLATE)
        .args(["-o", &output])
        .env("DOLMETSCH_CONFIG", "")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"12,5\n\n").unwrap();
    // The input stays open, so the program is in the middle of its work when
    // the temporary file is there.
    while folder.names().len() < 2 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it waits for more input"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("sh")
            .args(["-c", "kill -INT $0", &pid])
            .status()
            .unwrap()
            .success()
    );
    let done = child.wait_with_output().unwrap();
    assert_eq!(
        done.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(folder.names(), ["out.txt"]);
    assert_eq!(fs::read_to_string(&output).unwrap(), "old");
    drop(input);
}

/// Scaled down; `scripts/bench_memory.py` does it with 50 MB.
#[test]
fn a_long_text_and_a_long_line_come_out_whole() {
    let blocks = "12,5\n\n- 17 %\r\n\r\n".repeat(10_000);
    let done = translate(&[], &blocks);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout == blocks, "160 kB of lines without words");
    let line = "Donau".repeat(3_000);
    let arguments = ["--no-verbatim", "--max-length", "4", "--format", "jsonl"];
    let done = translate(&arguments, &line);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let records = records(&done.stdout);
    assert_eq!(records.len(), 1);
    assert!(records[0]["source"] == line.as_str() && has_flag(&records[0], "split"));
}

#[test]
fn options_that_make_no_sense() {
    for arguments in [
        &["--beam", "0"][..],
        &["--beam", "-1"],
        &["--threads", "0"],
        &["--n-best", "5", "--beam", "2"],
        &["--n-best", "2", "--format", "tsv"],
        &["--length-penalty", "nan"],
        &["--max-length", "99999"],
        &["--wrap", "-5"],
        &["--encoding", ""],
        &["-o", "a", "--output-dir", "b"],
    ] {
        let done = run(&[&TRANSLATE[..], arguments].concat(), "Ja.");
        let all = format!("{arguments:?}: {}", done.stderr);
        assert_eq!(done.code, 2, "{all}");
        assert!(done.stderr.contains("error: "), "{all}");
    }
    assert_eq!(program(&[]).output().unwrap().status.code(), Some(2));
}
