//! `dolmetsch align` and `models calibrate`, with the built-in model.
#![cfg(feature = "builtin")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// What a finished program left.
struct Finished {
    stdout: String,
    stderr: String,
    code: i32,
}

fn run(arguments: &[&str], input: &str) -> Finished {
    let output = assert_cmd::Command::cargo_bin("dolmetsch")
        .unwrap()
        .args(arguments)
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

/// `align --model builtin --to en` with what is read from standard input.
fn align(arguments: &[&str], input: &str) -> String {
    let common = ["align", "--model", "builtin", "--to", "en", "--quiet"];
    let done = run(&[&common, arguments].concat(), input);
    assert_eq!(done.code, 0, "{}", done.stderr);
    done.stdout
}

/// The links of a line of Pharaoh's format.
fn links(line: &str) -> BTreeSet<(usize, usize)> {
    line.split(' ')
        .filter(|link| !link.is_empty())
        .map(|link| {
            let (i, j) = link.split_once('-').unwrap();
            (i.parse().unwrap(), j.parse().unwrap())
        })
        .collect()
}

/// Pairs of every kind: plain, empty, blank on one side, equal, odd white space,
/// not the model's language, and too long for the model.
fn pairs() -> Vec<(String, String)> {
    let long = |clause: &str| vec![clause; 120].join(", ");
    [
        ("Das Haus ist alt.", "The house is old."),
        ("", ""),
        ("Nur Deutsch .", "  "),
        ("Ein  Bild , ein\u{a0}Wort !", "A  picture , a\u{a0}word !"),
        (
            "Unverändert kopiert: 42 % — ja!",
            "Unverändert kopiert: 42 % — ja!",
        ),
        ("\u{1f600} 你好 Straße", "\u{1f600} 你好 street"),
        ("a", "b c d e f g h i j k l m n o p q r s t u v w x y z"),
        (&long("der Hund bellt"), &long("the dog barks")),
        (&"x".repeat(3000), "a very long word"),
    ]
    .map(|(source, target)| (source.to_owned(), target.to_owned()))
    .into()
}

fn table(pairs: &[(String, String)]) -> String {
    let line = |(source, target): &(String, String)| format!("{source}\t{target}\n");
    pairs.iter().map(line).collect()
}

#[test]
fn links_are_whole_words_inside_both_lines_and_a_copied_line_is_the_identity() {
    let pairs = pairs();
    for how in ["hard", "soft", "0.2", "0.5"] {
        let output = align(&["--format", "jsonl", "--alignment", how], &table(&pairs));
        assert_eq!(output.lines().count(), pairs.len());
        for (number, (line, (source, target))) in output.lines().zip(&pairs).enumerate() {
            let record: Value = serde_json::from_str(line).unwrap();
            assert_eq!(record["line"], number);
            assert_eq!(
                (&record["source"], &record["target"]),
                (&source[..].into(), &target[..].into())
            );
            let found = record["alignment"].as_array().unwrap();
            let word = |link: &Value, side: &str, text: &str| {
                let bound = |at: usize| usize::try_from(link[side][at].as_u64().unwrap()).unwrap();
                let word = text.get(bound(0)..bound(1)).unwrap().to_owned();
                assert!(
                    !word.is_empty() && !word.contains(char::is_whitespace),
                    "{word:?}"
                );
                let at_edge = |c: Option<char>| c.is_none_or(char::is_whitespace);
                assert!(
                    at_edge(text[..bound(0)].chars().next_back()),
                    "{word:?} is cut"
                );
                assert!(at_edge(text[bound(1)..].chars().next()), "{word:?} is cut");
                word
            };
            for link in found {
                let (from, to) = (word(link, "source", source), word(link, "target", target));
                if source == target {
                    assert_eq!(from, to);
                }
                let score = link["score"].as_f64().unwrap();
                assert!((0.0..=1.0).contains(&score));
            }
            if source == target {
                assert_eq!(found.len(), source.split_whitespace().count());
            }
            let blank = source.trim().is_empty() || target.trim().is_empty();
            assert_eq!(record["score"].is_null(), blank, "{source}");
            let split = record["flags"]
                .as_array()
                .unwrap()
                .contains(&"split".into());
            assert_eq!(split, source.starts_with("der Hund"), "{source}");
        }
    }
}

#[test]
fn a_line_too_long_for_the_model_is_linked_to_its_end() {
    // A whole article as one line, and its translation.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/artikel.de.txt");
    let article = std::fs::read_to_string(&path).unwrap();
    let arguments = [
        "translate",
        "--model",
        "builtin",
        "--to",
        "en",
        "--quiet",
        "--beam",
        "1",
        "--guard",
        "off",
        // So that the text to align does not depend on how int8 rounds.
        "--engine",
        "reference",
    ];
    let translated = run(&arguments, &article).stdout;
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (source, target) = (one_line(&article), one_line(&translated));
    let found = links(align(&[], &format!("{source}\t{target}\n")).trim_end());
    let words = [&source, &target].map(|text| text.split(' ').count());
    assert!(words[0] > 256, "longer than the 256 tokens of a part");
    let sources: BTreeSet<usize> = found.iter().map(|link| link.0).collect();
    let targets: BTreeSet<usize> = found.iter().map(|link| link.1).collect();
    assert!(
        sources.iter().any(|&word| word + 10 > words[0]),
        "{found:?}"
    );
    assert!(
        targets.iter().any(|&word| word + 10 > words[1]),
        "{found:?}"
    );
    // All along the line, and not only where the first parts are.
    for quarter in 0..4 {
        let part = quarter * words[1] / 4..(quarter + 1) * words[1] / 4;
        let linked = targets.range(part.clone()).count();
        assert!(linked > part.len() / 3, "{linked} of {part:?}");
    }
}

#[test]
fn the_formats_say_the_same_whatever_the_threads() {
    let table = table(&pairs());
    let pharaoh = align(&[], &table);
    assert_eq!(pharaoh.lines().count(), pairs().len());
    assert_eq!(
        pharaoh.lines().nth(1),
        Some(""),
        "an empty line gives an empty line"
    );
    assert_eq!(pharaoh, align(&["--threads", "1"], &table));
    let mut of_naacl = vec![BTreeSet::new(); pairs().len()];
    for line in align(&["--format", "naacl"], &table).lines() {
        let columns: Vec<&str> = line.split(' ').collect();
        let [sentence, i, j, "S", score] = columns[..] else {
            panic!("{line}")
        };
        let number = |text: &str| text.parse::<usize>().unwrap() - 1;
        of_naacl[number(sentence)].insert((number(i), number(j)));
        assert!(score.parse::<f64>().unwrap() >= 0.5);
    }
    let of_pharaoh: Vec<_> = pharaoh.lines().map(links).collect();
    assert_eq!(of_pharaoh, of_naacl);
    // The model translates this one well enough to know.
    assert_eq!(
        of_pharaoh[0],
        BTreeSet::from([(0, 0), (1, 1), (2, 2), (3, 3)])
    );
}

#[test]
fn a_translation_forced_again_has_the_score_and_the_links_of_the_search() {
    // Greedy search and forced decoding go through different code.
    let source = "Das Haus ist alt.";
    let arguments = [
        "translate",
        "--model",
        "builtin",
        "--to",
        "en",
        "--quiet",
        "--format",
        "jsonl",
    ];
    let done = run(&arguments, source);
    let searched: Value = serde_json::from_str(&done.stdout).unwrap();
    let target = searched["target"].as_str().unwrap();
    let output = align(&["--format", "jsonl"], &format!("{source}\t{target}\n"));
    let forced: Value = serde_json::from_str(&output).unwrap();
    let spans = |record: &Value| -> Vec<(Value, Value)> {
        let links = record["alignment"].as_array().unwrap();
        links
            .iter()
            .map(|link| (link["source"].clone(), link["target"].clone()))
            .collect()
    };
    assert_eq!(spans(&searched), spans(&forced));
    let score = |record: &Value| record["score"].as_f64().unwrap();
    assert!(
        (score(&searched) - score(&forced)).abs() < 2e-2,
        "{searched} {forced}"
    );
}

#[test]
fn two_files_are_read_line_by_line_and_must_be_equally_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pairs = pairs();
    let side = |pick: fn(&(String, String)) -> &String| {
        pairs
            .iter()
            .map(|pair| pick(pair).clone() + "\r\n")
            .collect::<String>()
    };
    std::fs::write(path("de"), "\u{feff}".to_owned() + &side(|pair| &pair.0)).unwrap();
    std::fs::write(path("en"), side(|pair| &pair.1)).unwrap();
    let from_files = align(&["--source", &path("de"), "--target", &path("en")], "");
    assert_eq!(from_files, align(&[], &table(&pairs)));

    // Both in UTF-16, without a byte order mark.
    let utf16 = |text: String| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    std::fs::write(path("de16"), utf16(side(|pair| &pair.0))).unwrap();
    std::fs::write(path("en16"), utf16(side(|pair| &pair.1))).unwrap();
    let files = ["--source", &path("de16"), "--target", &path("en16")];
    let decoded = align(&[&files[..], &["--encoding", "utf-16le"]].concat(), "");
    assert_eq!(from_files, decoded);

    std::fs::write(path("en"), "one line\n").unwrap();
    let common = ["align", "--model", "builtin", "--to", "en"];
    let files = ["--source", &path("de"), "--target", &path("en")];
    let done = run(&[&common[..], &files].concat(), "");
    assert_eq!(done.code, 6, "{}", done.stderr);
    assert!(
        done.stderr.contains("9 lines") && done.stderr.contains("has 1 "),
        "{}",
        done.stderr
    );
    assert!(done.stdout.is_empty());

    let done = run(&common, "no tab\n");
    assert_eq!(done.code, 4);
    assert!(
        done.stderr.contains("line 1 has 1 columns"),
        "{}",
        done.stderr
    );
    let done = run(&[&common[..], &["--format", "tmx"]].concat(), "");
    assert_eq!(done.code, 2, "{}", done.stderr);
}

#[test]
fn symmetrised_links_lie_between_intersection_and_union() {
    // Of a folder only its tags are known: here it is asked for English from
    // Vietnamese, which it never learnt, so the directions differ.
    let reverse = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/builtin");
    let table = "The house is old .\tNgôi nhà đã cũ .\n\nGood morning , my friends !\tChào buổi sáng , các bạn !\n";
    let english = |more: &[&str]| {
        let common = [
            "align", "--model", "builtin", "--from", "en", "--to", "vi", "--quiet",
        ];
        let done = run(
            &[&common[..], &["--alignment", "0.2"], more].concat(),
            table,
        );
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout
    };
    let with = |how: &str| -> Vec<BTreeSet<(usize, usize)>> {
        let reverse = ["--reverse-model", reverse.to_str().unwrap()];
        let output = english(&[&["--symmetrize", how], &reverse[..]].concat());
        output.lines().map(links).collect()
    };
    let forward = english(&[]);
    let (intersection, union) = (with("intersection"), with("union"));
    let grown = with("grow-diag-final-and");
    for (at, line) in forward.lines().enumerate() {
        assert!(intersection[at].is_subset(&links(line)) && union[at].is_superset(&links(line)));
        assert!(intersection[at].is_subset(&grown[at]) && grown[at].is_subset(&union[at]));
    }
    assert!(intersection.iter().flatten().count() < union.iter().flatten().count());
}

#[test]
fn documents_are_aligned_sentence_by_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(
        path("de"),
        "Der Rat tagt am Montag in Hanoi.\nDas Wetter ist heute gut.\n\nIch habe zwei Kinder und einen Hund.\nSie wohnt in Berlin.\n",
    )
    .unwrap();
    std::fs::write(
        path("en"),
        "The council meets in Hanoi on Monday. The weather is good today.\nI have two children\nand a dog.\nShe lives in Berlin.\nAll rights reserved by the publisher.\n",
    )
    .unwrap();
    let files = [
        "--documents",
        "--source",
        &path("de"),
        "--target",
        &path("en"),
    ];
    let beads = |output: &str| -> Vec<String> {
        let bead = |line: &str| line.rsplit_once(':').unwrap().0.to_owned();
        output.lines().map(bead).collect()
    };
    let vecalign = align(&files, "");
    assert_eq!(
        beads(&vecalign),
        ["[0, 1]:[0]", "[3]:[1, 2]", "[4]:[3]", "[]:[4]"]
    );
    let table = align(&[&files[..], &["--format", "tsv"]].concat(), "");
    let first = table.lines().next().unwrap();
    assert!(
        first
            .starts_with("Der Rat tagt am Montag in Hanoi. Das Wetter ist heute gut.\tThe council")
    );
    assert!(
        table
            .lines()
            .last()
            .unwrap()
            .starts_with("\tAll rights reserved by the publisher.\t")
    );
    let memory = align(&[&files[..], &["--format", "tmx"]].concat(), "");
    assert_eq!(memory.matches("<tu ").count(), 3);
    assert!(memory.contains("<seg>I have two children and a dog.</seg>"));
    assert!(!memory.contains("x-score"), "no model scored these");
    let common = ["align", "--model", "builtin", "--to", "en", "--via", "vi"];
    assert_eq!(run(&common, "").code, 2, "words are linked by one model");
}

#[test]
#[expect(clippy::print_stderr, reason = "says that the data are absent")]
fn calibration_finds_the_head_that_the_manifest_names() {
    let gold = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/alignment");
    if !gold.exists() {
        eprintln!("skipped: no {}", gold.display());
        return;
    }
    let file = |name: &str| gold.join(name).to_str().unwrap().to_owned();
    let (links, source, target) = (file("dev.gold.pharaoh"), file("dev.de"), file("dev.en"));
    let arguments = [
        "models",
        "calibrate",
        "builtin",
        "--gold",
        &links,
        "--source",
        &source,
        "--target",
        &target,
    ];
    let done = run(&arguments, "");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let rows: Vec<Vec<&str>> = done
        .stdout
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(
        rows[0],
        ["LAYER", "HEAD", "SHIFT", "AER", "PRECISION", "RECALL"]
    );
    assert_eq!(rows[1].last(), Some(&"(in use)"), "{:?}", rows[1]);
    // The aim of the project; see scripts/check_word_alignment.py for peers.
    assert!(rows[1][3].parse::<f64>().unwrap() <= 0.30, "{:?}", rows[1]);

    // The same from the links that align writes, counted here.
    let output = align(&["--source", &source, "--target", &target], "");
    let (mut common, mut all) = (0, 0);
    let lines = |path: &str| std::fs::read_to_string(path).unwrap();
    let (sources, targets) = (lines(&source), lines(&target));
    let sentences = sources.lines().zip(targets.lines());
    for ((found, gold), (source, target)) in
        output.lines().zip(lines(&links).lines()).zip(sentences)
    {
        let (words, target_words) = (source.split(' ').count(), target.split(' ').count());
        let mut gold = self::links(gold.trim_end());
        gold.retain(|link| link.0 < words && link.1 < target_words);
        let found = self::links(found);
        common += found.intersection(&gold).count();
        all += found.len() + gold.len();
    }
    let aer = 1.0 - 2.0 * common as f64 / all as f64;
    assert_eq!(rows[1][3], format!("{aer:.4}"));
}
