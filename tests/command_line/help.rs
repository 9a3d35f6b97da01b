//! Help, suggestions, completions and manual pages.

use std::path::Path;
use std::process::Command;

use super::run;

#[test]
fn short_help_is_short_and_grouped_and_long_help_has_examples() {
    let short = run(&["translate", "-h"], "").stdout;
    let long = run(&["translate", "--help"], "").stdout;
    assert!(
        short.lines().all(|line| line.chars().count() <= 100),
        "{short}"
    );
    assert!(short.lines().count() * 2 < long.lines().count(), "{short}");
    for heading in [
        "Languages and models:",
        "Input:",
        "Segmentation:",
        "Output:",
        "Search:",
        "Machine:",
    ] {
        assert!(short.contains(&format!("\n{heading}\n")), "{heading}");
        assert!(long.contains(&format!("\n{heading}\n")), "{heading}");
    }
    for command in [
        "translate",
        "segment",
        "tokenize",
        "models",
        "completions",
        "man",
    ] {
        let long = run(&[command, "--help"], "");
        assert_eq!(long.code, 0);
        assert!(long.stdout.contains("\nExamples:\n"), "{command}");
        let short = run(&[command, "-h"], "").stdout;
        assert!(!short.contains("Examples:"), "{command}");
    }
}

/// Each example that is shown is a command line that is understood.
#[test]
fn the_examples_of_the_help_are_true() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.txt");
    std::fs::write(&empty, "").unwrap();
    let mut count = 0;
    for command in ["translate", "segment", "tokenize"] {
        let help = run(&[command, "--help"], "").stdout;
        let examples = help
            .lines()
            .filter_map(|line| line.trim().split_once("dolmetsch "));
        for (before, example) in examples.filter(|(before, _)| before.is_empty()) {
            assert_eq!(before, "");
            let out = folder.path().join("out").to_str().unwrap().to_owned();
            let mut arguments: Vec<&str> = example
                .split_whitespace()
                .map(|word| match word {
                    word if word.contains("artikel") || word.contains('*') => {
                        empty.to_str().unwrap()
                    }
                    "korpus.de" | "alt.txt" | "mine.txt" => empty.to_str().unwrap(),
                    "translated" | "korpus.en" => &out,
                    word => word,
                })
                .collect();
            if command == "translate" && !arguments.contains(&"builtin") {
                arguments.extend(["--model", "builtin"]);
            }
            let done = run(&arguments, "");
            assert_eq!(done.code, 0, "{example}: {}", done.stderr);
            let _ = std::fs::remove_file(&out);
            let _ = std::fs::remove_dir_all(&out);
            count += 1;
        }
    }
    assert!(count >= 7, "{count}");
}

#[test]
fn slips_of_the_hand_are_corrected() {
    for (arguments, suggestion) in [
        (&["trnaslate"][..], "'translate'"),
        (&["translate", "--ouput-dir", "x"], "'--output-dir'"),
        (&["translate", "--to", "en", "--format", "jsnol"], "'jsonl'"),
        (&["translate", "--to", "englsh"], "`en`"),
        (&["translate", "--to", "vn"], "`vi`"),
        (
            &["translate", "--to", "en", "--model", "opus-mt-de-ne"],
            "`opus-mt-de-en`",
        ),
        (
            &["translate", "--to", "en", "--encoding", "window-1252"],
            "`windows-1252`",
        ),
        (&["models", "lsit"], "'list'"),
        (&["completions", "bsh"], "'bash'"),
    ] {
        let done = run(arguments, "");
        assert!(
            [2, 3].contains(&done.code),
            "{arguments:?}: {}",
            done.stderr
        );
        assert!(
            done.stderr.contains(suggestion),
            "{arguments:?}: {}",
            done.stderr
        );
    }
}

#[test]
fn shells_accept_their_completions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = run(&["completions", shell], "");
        assert_eq!(done.code, 0, "{}", done.stderr);
        for word in ["translate", "output-dir", "completions"] {
            assert!(done.stdout.contains(word), "{shell}: {word}");
        }
        let path = folder.path().join(shell);
        std::fs::write(&path, &done.stdout).unwrap();
        if ["powershell", "elvish"].contains(&shell) {
            continue;
        }
        match Command::new(shell).arg("-n").arg(&path).output() {
            Ok(checked) => {
                let message = String::from_utf8_lossy(&checked.stderr);
                assert!(checked.status.success(), "{shell}: {message}");
            }
            Err(_) => eprintln!("skipped: {shell} is not installed"),
        }
    }
}

/// What bash offers for a word, asked as its completion does.
#[cfg(unix)]
#[test]
fn bash_completes_subcommands_options_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("dolmetsch.bash");
    std::fs::write(&script, run(&["completions", "bash"], "").stdout).unwrap();
    for (words, offered) in [
        ("dolmetsch tr", "translate"),
        ("dolmetsch translate --output-d", "--output-dir"),
        ("dolmetsch translate --format js", "jsonl"),
    ] {
        let program = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); \
             _dolmetsch dolmetsch \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let Ok(output) = Command::new("bash").args(["-c", &program]).output() else {
            eprintln!("skipped: bash is not installed");
            return;
        };
        let replies = String::from_utf8(output.stdout).unwrap();
        assert!(
            replies.lines().any(|reply| reply == offered),
            "{words}: {replies}"
        );
    }
}

#[test]
fn there_is_a_manual_page_for_each_subcommand() {
    let main = run(&["man"], "").stdout;
    assert!(main.contains(".TH dolmetsch 1"), "{main}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    let done = run(&["man", "--output-dir", path.to_str().unwrap()], "");
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, ""),
        "{}",
        done.stderr
    );
    let page = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(page("dolmetsch.1"), main);
    for name in [
        "translate",
        "segment",
        "tokenize",
        "models",
        "models-fetch",
        "config",
        "man",
    ] {
        assert!(
            page(&format!("dolmetsch-{name}.1")).contains(".SH SYNOPSIS"),
            "{name}"
        );
    }
    let translate = page("dolmetsch-translate.1");
    for word in [r"\-\-output\-dir", "Examples:"] {
        assert!(translate.contains(word), "{word}");
    }
    check_with_groff(&path.join("dolmetsch-translate.1"));
}

/// groff reads the page without a word.
fn check_with_groff(page: &Path) {
    let groff = Command::new("groff")
        .args(["-man", "-ww", "-z", "-Tutf8", "-Kutf8"])
        .arg(page)
        .output();
    match groff {
        Ok(checked) => {
            let message = String::from_utf8_lossy(&checked.stderr);
            assert!(
                checked.status.success() && !message.contains("error"),
                "{message}"
            );
        }
        Err(_) => eprintln!("skipped: groff is not installed"),
    }
}
