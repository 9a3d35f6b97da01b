//! The README's transcripts are true: each command that is shown with output is
//! run, and must print exactly that.
#![cfg(all(feature = "builtin", unix))]

use std::path::Path;
use std::process::Command;

/// The commands of the README that are shown with output, and that output.
fn transcripts(readme: &str) -> Vec<(String, String)> {
    let mut transcripts: Vec<(String, String)> = Vec::new();
    let mut in_block = false;
    for line in readme.lines() {
        match line.strip_prefix("    ") {
            Some(line) if line.starts_with("$ ") => {
                transcripts.push((line[2..].to_owned(), String::new()));
                in_block = true;
            }
            Some(line) if in_block => {
                let (_, output) = transcripts
                    .last_mut()
                    .expect("a block starts with a command");
                *output += line;
                output.push('\n');
            }
            _ => in_block = false,
        }
    }
    transcripts.retain(|(_, output)| !output.is_empty());
    transcripts
}

/// The text with its scores taken out, and the scores: their last decimal may
/// differ between processors.
fn without_scores(text: &str) -> (String, Vec<f64>) {
    let is_score = |piece: &&str| piece.contains('.') && piece.parse::<f64>().is_ok();
    let pieces: Vec<&str> = text.split([',', ':', '[', ']', '}']).collect();
    let scores = pieces
        .iter()
        .filter(|piece| is_score(piece))
        .map(|piece| piece.parse().unwrap());
    let rest: Vec<&str> = pieces
        .iter()
        .copied()
        .filter(|piece| !is_score(piece))
        .collect();
    (rest.join(" "), scores.collect())
}

#[test]
fn the_transcripts_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_dolmetsch"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let transcripts = transcripts(&readme);
    assert!(transcripts.len() >= 2, "{transcripts:?}");
    for (command, expected) in transcripts {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(root)
            .env("PATH", &path)
            .env("DOLMETSCH_CONFIG", "")
            .output()
            .unwrap();
        let actual = String::from_utf8(output.stdout).unwrap();
        let (text, scores) = without_scores(&actual);
        let (expected_text, expected_scores) = without_scores(&expected);
        assert_eq!(text, expected_text, "{command}");
        for (score, expected) in scores.iter().zip(expected_scores) {
            assert!(
                (score - expected).abs() < 2e-4,
                "{command}: {score} is not {expected}"
            );
        }
    }
}
