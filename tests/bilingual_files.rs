//! HTML, TMX and XLIFF as the program writes them, and the word links of all
//! formats against the records.
#![allow(clippy::print_stderr, reason = "a test that cannot run here says so")]
#![cfg(feature = "builtin")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Markup, controls, a wrapped paragraph, a list, Windows line ends, a line
/// without letters.
const ODD: &str = "Titel & <b>\n\nEin Satz mit \u{1} Steuerzeichen\u{1b}[0m. Und  noch einer, der lang genug ist,\r\num auf die \
    nächste Zeile zu reichen, wo er auch endet. Dann kommt \"noch\" einer.\r\n\r\n- Punkt eins.\n- ]]> Punkt 'zwei'.\n\n12.345\n\n\n";

fn dolmetsch(arguments: &[&str]) -> (String, String, i32) {
    let output = assert_cmd::Command::cargo_bin("dolmetsch")
        .unwrap()
        .args(["translate", "--model", "builtin", "--beam", "1", "--quiet"])
        .args(arguments)
        .env("DOLMETSCH_CONFIG", "")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code().unwrap(),
    )
}

fn written(arguments: &[&str]) -> String {
    let (stdout, stderr, code) = dolmetsch(arguments);
    assert_eq!(code, 0, "{stderr}");
    stdout
}

fn article() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/artikel.de.txt")
}

/// The records of one target.
fn records(input: &Path, target: &str) -> Vec<Value> {
    let jsonl = written(&["--to", target, "--format", "jsonl", input.to_str().unwrap()]);
    jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The links of a record by the numbers of words, from its bytes.
fn links(record: &Value) -> BTreeSet<String> {
    let number = |link: &Value, side: &str| {
        let start = usize::try_from(link[side][0].as_u64().unwrap()).unwrap();
        let text = record[side].as_str().unwrap();
        text[..start].split_whitespace().count()
    };
    let links = record["alignment"].as_array().unwrap();
    links
        .iter()
        .map(|link| format!("{}-{}", number(link, "source"), number(link, "target")))
        .collect()
}

fn split(column: &str) -> BTreeSet<String> {
    column.split_whitespace().map(str::to_owned).collect()
}

/// What translate-toolkit finds in a file; `None` where it is not installed.
#[expect(clippy::print_stderr, reason = "what is skipped must be seen")]
fn read_back(path: &Path) -> Option<Value> {
    let python = std::env::var_os("DOLMETSCH_PYTHON").unwrap_or_else(|| "python3".into());
    let import = Command::new(&python)
        .args(["-c", "import translate.storage.xliff2"])
        .output();
    if !import.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no Python with translate-toolkit (name one with DOLMETSCH_PYTHON)");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check_exchange_formats.py");
    let mut command = Command::new(python);
    command.arg(script);
    match std::env::var_os("DOLMETSCH_XLIFF_SCHEMAS") {
        Some(schemas) if path.extension().is_some_and(|extension| extension == "xlf") => {
            command.arg("--schemas").arg(schemas);
        }
        _ => eprintln!("skipped: the schema of XLIFF (DOLMETSCH_XLIFF_SCHEMAS names its folder)"),
    }
    let output = command.arg(path).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The text as translate-toolkit shows it: runs of white space are one space, and
/// what XML forbids is a picture, or is gone (it knows no `cp`).
fn as_shown(text: &Value, picture: bool) -> String {
    let visible = |c: char| match c {
        '\u{1}' | '\u{1b}' => picture.then(|| char::from_u32(0x2400 + u32::from(c)).unwrap()),
        _ => Some(c),
    };
    let shown: String = text.as_str().unwrap().chars().filter_map(visible).collect();
    one_spaced(&shown)
}

fn one_spaced(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn another_reader_finds_the_segments_in_a_translation_memory() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("odd & \"so\".txt");
    fs::write(&odd, ODD).unwrap();
    for input in [article(), odd] {
        let path = folder.path().join("out.tmx");
        let out = path.to_str().unwrap();
        written(&[
            "--to",
            "en,vi",
            "--format",
            "tmx",
            input.to_str().unwrap(),
            "-o",
            out,
        ]);
        let Some(read) = read_back(&path) else { return };
        assert_eq!(
            (&read["source_lang"], &read["target_langs"]),
            (&"de".into(), &serde_json::json!(["en", "vi"]))
        );
        let units = read["units"].as_array().unwrap();
        for (number, target) in ["en", "vi"].into_iter().enumerate() {
            let records = records(&input, target);
            assert_eq!(units.len(), records.len());
            for (unit, record) in units.iter().zip(&records) {
                assert_eq!(
                    one_spaced(unit["source"].as_str().unwrap()),
                    as_shown(&record["source"], true)
                );
                assert_eq!(
                    one_spaced(unit["targets"][number].as_str().unwrap()),
                    as_shown(&record["target"], true)
                );
                assert_eq!(
                    split(unit["alignments"][number].as_str().unwrap()),
                    links(record)
                );
            }
        }
    }
}

#[test]
fn another_reader_finds_the_segments_in_xliff_and_all_of_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("odd & \"so\".txt");
    fs::write(&odd, ODD).unwrap();
    let out = folder.path().join("out");
    for input in [article(), odd] {
        let (name, place) = (input.to_str().unwrap(), out.to_str().unwrap());
        written(&[
            "--to",
            "en,vi",
            "--format",
            "xliff",
            name,
            "--output-dir",
            place,
        ]);
        for target in ["en", "vi"] {
            let path = out.join(format!(
                "{}.{target}.xlf",
                input.file_stem().unwrap().to_str().unwrap()
            ));
            let Some(read) = read_back(&path) else { return };
            assert_eq!(read["text"]["source"], fs::read_to_string(&input).unwrap());
            assert_eq!(read["text"]["target"], written(&["--to", target, name]));
            let records = records(&input, target);
            let units = read["units"].as_array().unwrap();
            assert_eq!(units.len(), records.len());
            for (unit, record) in units.iter().zip(&records) {
                assert_eq!(
                    one_spaced(unit["source"].as_str().unwrap()),
                    as_shown(&record["source"], false)
                );
                assert_eq!(
                    one_spaced(unit["targets"][0].as_str().unwrap()),
                    as_shown(&record["target"], false)
                );
                assert_eq!(
                    split(unit["alignments"][0].as_str().unwrap()),
                    links(record)
                );
                let problem = |flag: &Value| !matches!(flag.as_str().unwrap(), "copied" | "split");
                let problems = record["flags"].as_array().unwrap().iter().any(problem);
                assert_eq!(unit["finished"], !problems, "{record}");
            }
        }
    }
}

#[test]
fn what_should_be_looked_at_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.txt");
    fs::write(&input, "Das Haus steht am Ufer des Sees. 12.345\n").unwrap();
    let common = ["--to", "en", "--max-length", "4", input.to_str().unwrap()];
    let with = |format| written(&[&common[..], &["--format", format]].concat());
    let jsonl = with("jsonl");
    let flags: Vec<Value> = jsonl
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["flags"].take())
        .collect();
    assert!(flags[0].as_array().unwrap().contains(&"limit".into()));
    assert_eq!(flags[1], serde_json::json!(["copied"]));

    let xliff = with("xliff");
    let states: Vec<&str> = xliff
        .split(" state=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(states, ["initial", "translated"]);
    for (number, reason) in [
        (1, "cut off by the length limit"),
        (2, "nothing to translate"),
    ] {
        let note = format!("<note id=\"n{number}\" appliesTo=\"target\">");
        let text = xliff.split(&note).nth(1).unwrap();
        assert!(text.split('<').next().unwrap().contains(reason), "{text}");
        assert!(xliff.contains(&format!("type=\"comment\" ref=\"#n=n{number}\"")));
    }
    assert!(with("tmx").contains("cut off by the length limit"));
    let page = with("html");
    assert!(page.contains("<small lang=en class=check><b>Check:</b> "));
    assert_eq!(page.matches("<span class=check data-w=").count(), 1);
}

#[test]
fn word_links_are_the_same_in_every_format() {
    let input = article();
    let name = input.to_str().unwrap();
    let (english, vietnamese) = (records(&input, "en"), records(&input, "vi"));
    let tsv = written(&["--to", "en,vi", "--format", "tsv", name]);
    let pharaoh = written(&["--to", "en", "--format", "pharaoh", name]);
    assert_eq!(tsv.lines().count(), english.len());
    assert_eq!(pharaoh.lines().count(), english.len());
    for (index, (line, links_line)) in tsv.lines().zip(pharaoh.lines()).enumerate() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [source, first, second, first_links, second_links] = columns[..] else {
            panic!("{line}");
        };
        assert_eq!(english[index]["source"], source);
        assert_eq!(
            (&english[index]["target"], &vietnamese[index]["target"]),
            (&first.into(), &second.into())
        );
        assert_eq!(split(first_links), links(&english[index]));
        assert_eq!(split(second_links), links(&vietnamese[index]));
        assert_eq!(split(links_line), links(&english[index]));
    }
}

#[test]
fn files_hold_what_their_format_has_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("out");
    let (first, second) = (folder.path().join("a.txt"), folder.path().join("b.txt"));
    fs::write(&first, "Guten Tag.\n").unwrap();
    fs::write(&second, "Guten Abend.\n").unwrap();
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());

    let (stdout, stderr, code) = dolmetsch(&["--to", "en,vi", "--format", "xliff", first]);
    assert_eq!((stdout.as_str(), code), ("", 2));
    assert!(
        stderr.contains("one target language") && stderr.contains("--output-dir"),
        "{stderr}"
    );

    for format in ["html", "tmx", "xliff"] {
        written(&[
            "--to",
            "en,vi",
            "--format",
            format,
            first,
            second,
            "--output-dir",
            place.to_str().unwrap(),
        ]);
        let both = written(&["--to", "en", "--format", format, first, second]);
        assert!(both.contains("Guten Tag.") && both.contains("Guten Abend."));
        assert_eq!(
            both.matches("original=").count(),
            if format == "xliff" { 2 } else { 0 }
        );
        let (_, stderr, code) =
            dolmetsch(&["--to", "en", "--format", format, "--n-best", "2", first]);
        assert_eq!(code, 2);
        assert!(stderr.contains("--n-best"), "{stderr}");
    }
    let mut names: Vec<String> = fs::read_dir(&place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "a.en.xlf", "a.html", "a.tmx", "a.vi.xlf", "b.en.xlf", "b.html", "b.tmx", "b.vi.xlf",
    ];
    assert_eq!(names, expected);

    // A file gets its name when it is complete.
    let old = folder.path().join("old.html");
    fs::write(&old, "old").unwrap();
    let broken = folder.path().join("broken.txt");
    fs::write(&broken, [b"12.345\n".repeat(6000), vec![0xff]].concat()).unwrap();
    let (_, stderr, code) = dolmetsch(&[
        "--to",
        "en",
        "--format",
        "html",
        "--lines",
        broken.to_str().unwrap(),
        "-o",
        old.to_str().unwrap(),
    ]);
    assert_eq!(code, 4, "{stderr}");
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
}

#[test]
fn a_page_has_its_layout_and_nothing_of_the_text_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("odd & <so>.txt");
    fs::write(&input, ODD).unwrap();
    let page = written(&["--to", "en,vi", "--format", "html", input.to_str().unwrap()]);
    let (head, body) = page.split_once("<main>").unwrap();
    assert!(
        head.contains("<title>Titel &amp; &lt;b&gt;</title>"),
        "{head}"
    );
    let rows: Vec<&str> = body.split("<div>").skip(1).collect();
    assert!(
        rows[0].starts_with("<h2 lang=de><span>Titel &amp; &lt;b&gt;</span></h2><h2 lang=en>"),
        "{}",
        rows[0]
    );
    assert!(rows[0].contains("<h2 lang=vi>"));
    assert!(rows[1].contains("mit ␁ Steuerzeichen␛[0m."), "{}", rows[1]);
    let items: Vec<&&str> = rows
        .iter()
        .filter(|row| row.starts_with("<p lang=de class=item1><b>-</b> "))
        .collect();
    assert_eq!(items.len(), 2);
    assert!(
        items[1].contains("<span>]]&gt; Punkt 'zwei'.</span>"),
        "{}",
        items[1]
    );
    assert!(
        rows.last()
            .unwrap()
            .contains("<small lang=en>nothing to translate</small>")
    );
    assert!(body.contains("builtin, revision <code>0.1.0</code>"));
    assert_eq!(page.matches("<script").count(), 1);
}
