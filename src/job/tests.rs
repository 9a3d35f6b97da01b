//! Whole jobs with an engine that is a table: capitals, and failures where they
//! are asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::reader::{Layout, TextEncoding};
use crate::segment::Segmenter;

/// Capitals; `BUM` panics, `AUS` is an error.
fn capitals(segments: &[&str]) -> Result<Vec<Translation>> {
    let translate = |segment: &&str| {
        assert!(!segment.contains("BUM"), "no room for {segment}");
        if segment.contains("AUS") {
            return Err(Error::NotFinite);
        }
        Ok(Translation {
            target: segment.to_uppercase(),
            ..Translation::default()
        })
    };
    segments.iter().map(translate).collect()
}

fn target(language: Language) -> Target<'static> {
    Target {
        language,
        identity: TargetIdentity {
            language: language.to_string(),
            models: Vec::new(),
        },
        translate: Box::new(capitals),
    }
}

static NEVER: AtomicBool = AtomicBool::new(false);

fn job<'a>(folder: &Path, output: &str, stop: &'a AtomicBool) -> Job<'a> {
    let output = folder.join(output);
    let targets = vec![Language::EN, Language::VI];
    Job {
        inputs: find(&[folder.join("in")], false, &output, &targets)
            .unwrap()
            .inputs,
        output,
        reading: Reading {
            encoding: TextEncoding::default(),
            layout: Layout::Prose(Segmenter::german()),
            field: "text".to_owned(),
            column: 1,
            keep_source: false,
            targets: targets.clone(),
            max_record: 1000,
        },
        targets: targets.into_iter().map(target).collect(),
        search: BTreeMap::new(),
        reading_options: [
            ("--field".to_owned(), "text".into()),
            ("--keep-source".to_owned(), false.into()),
        ]
        .into(),
        window: 100,
        smallest_window: 100,
        checkpoint: Duration::ZERO,
        shard: Shard::default(),
        restart: false,
        cache: CacheOptions {
            folder: None,
            bytes: 1 << 20,
        },
        stop,
    }
}

/// A folder of inputs of all kinds.
fn inputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("in").join(name);
    fs::create_dir_all(path("unter")).unwrap();
    let line = |number: usize| match number % 97 {
        13 => String::new(),
        14 => format!("Das ist BUM Nummer {number}."),
        15 => format!("Licht AUS, Nummer {number}."),
        other => format!("Satz {other} von {number}."),
    };
    let numbers = 0..1500;
    let lines: Vec<String> = numbers.clone().map(line).collect();
    fs::write(path("a.lines"), lines.join("\n")).unwrap();
    let json = |number: usize| format!("{{\"id\":{number},\"text\":\"{}\"}}\n", line(number));
    let json: String = numbers.clone().map(json).collect();
    write_gz(&path("unter/b.jsonl.gz"), json.as_bytes());
    let document: Vec<String> = numbers
        .map(|number| line(number) + if number % 5 == 0 { "\n\n" } else { "\n" })
        .collect();
    fs::write(path("unter/c.txt"), document.concat()).unwrap();
    for number in 0..40 {
        fs::write(path(&format!("klein-{number:02}.txt")), line(number)).unwrap();
    }
    fs::write(path("leer.txt"), "").unwrap();
    folder
}

/// A folder with these files in `in`.
fn folder_of(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    for (name, content) in files {
        fs::write(folder.path().join("in").join(name), content).unwrap();
    }
    folder
}

fn write_gz(path: &Path, content: &[u8]) {
    use std::io::Write;
    let file = fs::File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap();
}

fn read_gz(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
    text
}

/// All files but the state.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != ".dolmetsch")
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| {
            (
                path.strip_prefix(folder).unwrap().to_path_buf(),
                fs::read(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn every_record_has_its_place_and_failures_leave_theirs_empty() {
    let folder = inputs();
    let summary = job(folder.path(), "out", &NEVER).run(&mut |_| ()).unwrap();
    let out = |name: &str| folder.path().join("out").join(name);
    let source = fs::read_to_string(folder.path().join("in/a.lines")).unwrap();
    let expected: Vec<String> = source
        .lines()
        .map(|line| match line {
            line if line.contains("BUM") || line.contains("AUS") => String::new(),
            line => line.to_uppercase(),
        })
        .collect();
    assert_eq!(
        fs::read_to_string(out("a.en.lines")).unwrap(),
        expected.join("\n")
    );
    let records = read_gz(&out("unter/b.vi.jsonl.gz"));
    for (number, (record, expected)) in records.lines().zip(&expected).enumerate() {
        assert_eq!(
            record,
            format!("{{\"id\":{number},\"text\":\"{expected}\"}}")
        );
    }
    let document = fs::read_to_string(out("unter/c.en.txt")).unwrap();
    assert_eq!(document.matches('\n').count(), 1800);
    assert!(
        document.starts_with("SATZ 0 VON 0.\n\nSATZ 1 VON 1.\n"),
        "{document:.60}"
    );
    assert_eq!(fs::read(out("leer.en.txt")).unwrap(), b"");

    let rejected = fs::read_to_string(out(REJECTED)).unwrap();
    assert_eq!(rejected.lines().count() as u64, summary.counts.rejected);
    // Of 1500 lines, 16 have BUM and 16 AUS; of the small files, one each.
    assert_eq!(summary.counts.rejected, 2 * (3 * 32 + 2));
    let first = r#"{"file":"a.lines","line":15,"target":"en","reason":"the engine panicked: no room for Das ist BUM Nummer 14."}"#;
    assert_eq!(rejected.lines().next(), Some(first));
    // In the document, a blank line follows every fifth.
    assert!(
        rejected.contains(r#""file":"unter/c.txt","line":18,"target":"en""#),
        "{rejected}"
    );
}

#[test]
fn output_does_not_depend_on_windows_interruptions_or_shards() {
    let folder = inputs();
    let whole = job(folder.path(), "whole", &NEVER)
        .run(&mut |_| ())
        .unwrap();
    let expected = files(&folder.path().join("whole"));
    assert_eq!(expected.len(), 2 * 44 + 1);

    let mut other = job(folder.path(), "window", &NEVER);
    (other.window, other.cache.bytes) = (7, 0);
    other.run(&mut |_| ()).unwrap();
    assert_eq!(files(&folder.path().join("window")), expected);

    // Each run ends after its second window.
    let stop = AtomicBool::new(false);
    let (mut runs, mut done) = (0, 0);
    let summary = loop {
        let mut windows = 0;
        let summary = job(folder.path(), "stopped", &stop).run(&mut |event| {
            windows += usize::from(matches!(event, Event::Progress(_)));
            stop.store(windows == 2, Ordering::Relaxed);
        });
        let summary = summary.unwrap();
        assert!(summary.counts.skipped >= done, "nothing is lost");
        let counts = summary.counts;
        done = counts.skipped + counts.translated + counts.repeated;
        runs += 1;
        if !summary.interrupted {
            break summary;
        }
        stop.store(false, Ordering::Relaxed);
    };
    assert!(runs > 10, "{runs}");
    assert_eq!(files(&folder.path().join("stopped")), expected);
    assert_eq!(summary.counts.rejected, whole.counts.rejected);

    for shard in ["2/3", "1/3", "3/3"] {
        let mut part = job(folder.path(), "shards", &NEVER);
        part.shard = shard.parse().unwrap();
        let output = folder.path().join("shards");
        assert!(merge(&output, &mut |_| ()).is_err(), "{shard} is missing");
        assert_ne!(part.run(&mut |_| ()).unwrap().counts.translated, 0);
        assert!(files(&output).is_empty());
    }
    let merged = merge(&folder.path().join("shards"), &mut |_| ()).unwrap();
    assert_eq!(merged.counts.rejected, whole.counts.rejected);
    assert_eq!(files(&folder.path().join("shards")), expected);
    let again = job(folder.path(), "shards", &NEVER)
        .run(&mut |_| ())
        .unwrap();
    assert_eq!((again.counts.translated, again.counts.repeated), (0, 0));
}

/// Whatever byte of a journal a crash ends at, the job goes on and gives the same.
#[test]
fn a_journal_may_end_anywhere() {
    let folder = inputs();
    job(folder.path(), "whole", &NEVER)
        .run(&mut |_| ())
        .unwrap();
    let expected = files(&folder.path().join("whole"));
    let stop = AtomicBool::new(false);
    let mut windows = 0;
    let stopped = job(folder.path(), "stopped", &stop).run(&mut |_| {
        windows += 1;
        stop.store(windows == 5, Ordering::Relaxed);
    });
    assert!(stopped.unwrap().interrupted);
    let journal = folder.path().join("stopped/.dolmetsch/journal/0");
    let whole = fs::read(&journal).unwrap();
    for cut in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let name = format!("cut-{cut}");
        let copy = std::process::Command::new("cp")
            .arg("-r")
            .arg(folder.path().join("stopped"))
            .arg(folder.path().join(&name))
            .status();
        assert!(copy.unwrap().success());
        let journal = folder.path().join(&name).join(".dolmetsch/journal/0");
        fs::write(&journal, &whole[..cut]).unwrap();
        job(folder.path(), &name, &NEVER).run(&mut |_| ()).unwrap();
        assert_eq!(files(&folder.path().join(&name)), expected, "{cut}");
    }
}

/// The same at many more bytes, of a journal that is small.
#[test]
fn a_journal_may_end_at_any_byte() {
    let folder = folder_of(&[("a.lines", "ja\n".repeat(300).as_bytes())]);
    let whole = job(folder.path(), "whole", &NEVER);
    whole.run(&mut |_| ()).unwrap();
    let expected = files(&folder.path().join("whole"));
    let stop = AtomicBool::new(true);
    let stopped = job(folder.path(), "out", &stop).run(&mut |_| ()).unwrap();
    assert!(stopped.interrupted);
    let out = folder.path().join("out");
    let journal = out.join(".dolmetsch/journal/0");
    let written = fs::read(&journal).unwrap();
    for cut in (0..=written.len()).step_by(29) {
        fs::write(&journal, &written[..cut]).unwrap();
        let summary = job(folder.path(), "out", &NEVER).run(&mut |_| ()).unwrap();
        assert!(!summary.interrupted);
        assert_eq!(files(&out), expected, "{cut}");
        fs::remove_file(out.join("a.en.lines")).unwrap();
        fs::remove_file(out.join("a.vi.lines")).unwrap();
    }
}

#[test]
fn state_without_its_manifest_is_not_taken_for_that_of_another_job() {
    let folder = folder_of(&[("a.lines", "ja\n".repeat(300).as_bytes())]);
    let stop = AtomicBool::new(true);
    job(folder.path(), "out", &stop).run(&mut |_| ()).unwrap();
    let out = folder.path().join("out");
    fs::remove_file(out.join(".dolmetsch/manifest.json")).unwrap();
    let other = |restart| {
        let mut other = job(folder.path(), "out", &NEVER);
        other.search = [("--beam".to_owned(), 1.into())].into();
        for target in &mut other.targets {
            target.translate = Box::new(|segments| capitals(&vec!["nein"; segments.len()]));
        }
        other.restart = restart;
        other.run(&mut |_| ())
    };
    let error = other(false).unwrap_err();
    assert_eq!(error.exit_code(), 6, "{error}");
    assert!(other(true).is_ok());
    let expected = "NEIN\n".repeat(300).into_bytes();
    assert_eq!(fs::read(out.join("a.en.lines")).unwrap(), expected);
}

/// What has nothing to translate fills no window, but takes memory and open files.
#[test]
fn windows_have_limits_besides_their_segments() {
    let empty: Vec<(String, &[u8])> = (0..300).map(|n| (format!("{n}.txt"), &b""[..])).collect();
    let empty: Vec<(&str, &[u8])> = empty.iter().map(|(name, text)| (&**name, *text)).collect();
    let blank = "\n".repeat(200_000);
    let large = format!("{{\"html\":\"{}\",\"text\":null}}\n", "x".repeat(900)).repeat(20_000);
    for (files, at_least) in [
        (&empty[..], 4),
        (&[("a.lines", blank.as_bytes())], 5),
        (&[("a.jsonl", large.as_bytes())], 5),
    ] {
        let folder = folder_of(files);
        let mut job = job(folder.path(), "out", &NEVER);
        job.window = 1_000_000;
        let mut windows = 0;
        job.run(&mut |_| windows += 1).unwrap();
        assert!(windows >= at_least, "{windows} for {}", files[0].0);
    }
}

/// Each takes longer than a checkpoint of no time may.
#[test]
fn windows_become_smaller_where_they_take_too_long() {
    let folder = folder_of(&[("a.lines", "ja\n".repeat(8 * 1024).as_bytes())]);
    for (checkpoint, smallest, expected) in [
        (Duration::ZERO, 128, 16..40),
        (Duration::MAX, 128, 5..6),
        (Duration::ZERO, 2048, 5..6),
    ] {
        let mut job = job(folder.path(), &format!("{checkpoint:?}-{smallest}"), &NEVER);
        (job.window, job.smallest_window, job.checkpoint) = (2048, smallest, checkpoint);
        let mut windows = 0;
        job.run(&mut |_| windows += 1).unwrap();
        assert!(expected.contains(&windows), "{windows} for {checkpoint:?}");
    }
}

/// UTF-16 by its mark, other encodings by name; also when a run goes on in the
/// middle. Records are lines of the text, not of the bytes.
#[test]
fn texts_in_other_encodings_become_utf_8() {
    let lines: Vec<String> = (0..400).map(|n| format!("Süd Ċ {n}")).collect();
    let utf16 = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect()
    };
    let mut poisoned = utf16(&lines.join("\n"));
    // A surrogate without its other half, in the place of the S.
    poisoned[2..4].copy_from_slice(&[0x00, 0xD8]);
    let folder = folder_of(&[
        ("a.lines", &utf16(&lines.join("\n"))),
        ("b.lines", &poisoned),
    ]);
    write_gz(
        &folder.path().join("in/c.lines.gz"),
        &utf16(&lines.join("\r\n")),
    );
    let stop = AtomicBool::new(true);
    let summary = loop {
        let summary = job(folder.path(), "out", &stop).run(&mut |_| ()).unwrap();
        if !summary.interrupted {
            break summary;
        }
    };
    let out = |name: &str| fs::read(folder.path().join("out").join(name)).unwrap();
    let expected = lines.join("\n").to_uppercase();
    assert_eq!(String::from_utf8(out("a.en.lines")).unwrap(), expected);
    let (_, rest) = expected.split_once('\n').unwrap();
    assert_eq!(
        String::from_utf8(out("b.en.lines")).unwrap(),
        format!("\n{rest}")
    );
    let gz = read_gz(&folder.path().join("out/c.vi.lines.gz"));
    assert_eq!(gz, expected.replace('\n', "\r\n"));
    assert_eq!(summary.counts.rejected, 1);
    let rejected = String::from_utf8(out(REJECTED)).unwrap();
    assert!(
        rejected.contains("UTF-16LE behind character 0"),
        "{rejected}"
    );

    let folder = folder_of(&[("a.txt", b"Stra\xdfe \x96 \x84Gr\xfc\xdfe\x93.\r\n")]);
    let mut latin = job(folder.path(), "out", &NEVER);
    latin.reading.encoding = "windows-1252".parse().unwrap();
    latin.run(&mut |_| ()).unwrap();
    let output = fs::read_to_string(folder.path().join("out/a.en.txt")).unwrap();
    assert_eq!(output, "STRASSE – „GRÜSSE“.\r\n");
}

/// What is rejected is said even if the job does not come to its end.
#[test]
fn rejected_records_are_listed_beside_a_file_that_cannot_be_read() {
    let folder = folder_of(&[("a.lines", b"eins\nzw\xffei\n"), ("b.lines.gz", b"no gzip")]);
    let summary = job(folder.path(), "out", &NEVER).run(&mut |_| ()).unwrap();
    assert_eq!(summary.failed.len(), 1);
    let rejected = fs::read_to_string(folder.path().join("out").join(REJECTED)).unwrap();
    assert!(rejected.contains("a.lines"), "{rejected}");
}

/// An input that is gone when it is to be counted does not take others along.
#[test]
fn an_input_that_vanishes_fails_alone() {
    let folder = folder_of(&[("a.lines", b"eins\n"), ("b.lines", b"zwei\n")]);
    let gone = folder.path().join("in/a.lines");
    let mut job = job(folder.path(), "out", &NEVER);
    for target in &mut job.targets {
        target.translate = Box::new(|segments| {
            let _ = fs::remove_file(&gone);
            capitals(segments)
        });
    }
    let summary = job.run(&mut |_| ()).unwrap();
    assert_eq!((summary.failed.len(), summary.files), (1, 1));
    let output = fs::read(folder.path().join("out/b.en.lines")).unwrap();
    assert_eq!(output, b"ZWEI\n");
}

#[test]
fn an_engine_that_only_fails_ends_the_job() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let lines: Vec<String> = (0..20).map(|number| format!("Satz {number}")).collect();
    fs::write(folder.path().join("in/a.lines"), lines.join("\n")).unwrap();
    let mut broken = job(folder.path(), "out", &NEVER);
    broken.targets[0].translate = Box::new(|_| panic!("no weights"));
    let error = broken.run(&mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("no weights"), "{error}");
    assert!(files(&folder.path().join("out")).is_empty());
}

#[test]
fn what_is_repeated_is_translated_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let lines: Vec<String> = (0..1000)
        .map(|number| format!("Satz {}", number % 150))
        .collect();
    fs::write(folder.path().join("in/a.lines"), lines.join("\n")).unwrap();
    let shared = |output| {
        let mut job = job(folder.path(), output, &NEVER);
        job.cache.folder = Some(folder.path().join("cache"));
        job.run(&mut |_| ()).unwrap().counts
    };
    let counts = shared("one");
    assert_eq!((counts.translated, counts.repeated), (300, 1700));
    let counts = shared("two");
    assert_eq!((counts.translated, counts.repeated), (0, 2000));
    assert_eq!(
        files(&folder.path().join("one")),
        files(&folder.path().join("two"))
    );
}
