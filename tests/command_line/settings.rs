//! Defaults from variables and the config file, and `dolmetsch config`.

use std::path::PathBuf;

use serde_json::Value;

use super::{Finished, finish, program};

/// A folder with a config file.
struct Config {
    folder: tempfile::TempDir,
}

impl Config {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Finished {
        let mut command = program(arguments);
        command
            .env("DOLMETSCH_CONFIG", self.path())
            .envs(variables.iter().copied());
        finish(command.write_stdin(input))
    }

    /// The value and origin of a setting, as `dolmetsch config` tells them.
    fn shown(&self, command: &str, option: &str, variables: &[(&str, &str)]) -> Value {
        let done = self.run(&["config", "--format", "json"], variables, "");
        assert_eq!(done.code, 0, "{}", done.stderr);
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        let settings = report["settings"].as_array().unwrap();
        let row = |row: &&Value| row["command"] == command && row["option"] == option;
        settings.iter().find(row).unwrap().clone()
    }
}

#[test]
fn what_is_typed_comes_before_variables_before_the_file() {
    let config = Config::new(
        "format = \"jsonl\"\n\n[translate]\nmodel = \"builtin\"\nto = [\"en\", \"vi\"]\nbeam = 1\n",
    );
    let lines = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments = [&["translate"], arguments].concat();
        let done = config.run(&arguments, variables, "12,5\n");
        assert_eq!(done.code, 0, "{}", done.stderr);
        let cells = |line: &str| line.split('\t').filter(|cell| *cell == "12,5").count();
        done.stdout.lines().map(cells).collect::<Vec<_>>()
    };
    assert_eq!(lines(&[], &[]).len(), 2, "records of two languages");
    assert_eq!(lines(&[], &[("DOLMETSCH_TO", "vi")]).len(), 1);
    let tsv = ("DOLMETSCH_FORMAT", "tsv");
    assert_eq!(lines(&[], &[tsv]), [3]);
    assert_eq!(lines(&["--to", "en"], &[tsv]), [2]);
    assert_eq!(lines(&["--to", "en", "--format", "text"], &[tsv]), [1]);
    let own = ("DOLMETSCH_TRANSLATE_FORMAT", "text");
    assert_eq!(lines(&["--to", "en"], &[tsv, own]), [1]);
    assert_eq!(lines(&["--to", "en"], &[("DOLMETSCH_FORMAT", "")]).len(), 1);
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn config_shows_each_value_and_where_it_comes_from() {
    let config =
        Config::new("# mine\nbeam-size = 2\n[translate]\nquiet = true\nlength-penalty = 0.6\n");
    let variables = [("DOLMETSCH_TO", "en,vi"), ("DOLMETSCH_LOG_LEVEL", "info")];
    for (command, option, expected) in [
        ("translate", "beam", ["2", "file"]),
        ("translate", "quiet", ["true", "file"]),
        ("translate", "length-penalty", ["0.6", "file"]),
        ("translate", "to", ["en,vi", "variable"]),
        ("", "log-level", ["info", "variable"]),
        ("translate", "from", ["de", "built-in"]),
        ("translate", "lines", ["false", "built-in"]),
        ("segment", "format", ["text", "built-in"]),
        ("models remove", "yes", ["false", "built-in"]),
    ] {
        let row = config.shown(command, option, &variables);
        assert_eq!([&row["value"], &row["from"]], expected, "{option}");
    }
    let row = config.shown("translate", "quiet", &variables);
    assert_eq!(row["line"], 4);
    assert_eq!(row["path"], config.path().to_str().unwrap());
    assert_eq!(
        config.shown("translate", "to", &variables)["name"],
        "DOLMETSCH_TO"
    );
    assert!(config.shown("translate", "max-length", &[])["value"].is_null());

    let done = config.run(&["config"], &variables, "");
    let quiet = done
        .stdout
        .lines()
        .find(|line| line.contains(" quiet "))
        .unwrap();
    let place = format!("  true  {}, line 4", config.path().display());
    assert_eq!(words(quiet), words(&format!("translate quiet {place}")));
}

#[test]
fn every_long_option_of_the_help_has_a_setting() {
    let config = Config::new("");
    let done = config.run(&["config", "--format", "json"], &[], "");
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let settings = report["settings"].as_array().unwrap();
    for command in ["translate", "segment", "tokenize"] {
        let help = config.run(&[command, "--help"], &[], "").stdout;
        let shown = help.lines().filter_map(|line| {
            let (before, option) = line.split_once("--")?;
            let is_entry = matches!(before.trim().as_bytes(), [] | [b'-', _, b',']);
            let option = is_entry.then_some(option)?;
            option.split([' ', '[', '<']).next()
        });
        let mut count = 0;
        for option in shown.filter(|option| !["help", "version"].contains(option)) {
            let is_shown = |row: &Value| {
                row["option"] == option && (row["command"] == command || row["command"] == "")
            };
            assert!(settings.iter().any(is_shown), "{command} --{option}");
            count += 1;
        }
        assert!(count > 3, "{help}");
    }
}

#[test]
fn switches_can_be_turned_off_again() {
    let config = Config::new("[translate]\nlines = true\nmodel = \"builtin\"\nto = \"en\"\n");
    let text = "Das ist wahr. Das ist gut.\n";
    let count = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments = [
            &["translate", "--format", "jsonl", "--beam", "1"],
            arguments,
        ]
        .concat();
        let done = config.run(&arguments, variables, text);
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout.lines().count()
    };
    assert_eq!(count(&[], &[]), 1);
    assert_eq!(count(&["--lines"], &[]), 1);
    assert_eq!(count(&["--lines=false"], &[]), 2);
    assert_eq!(count(&[], &[("DOLMETSCH_LINES", "off")]), 2);
    assert_eq!(count(&[], &[("DOLMETSCH_LINES", "1")]), 1);
}

#[test]
fn what_is_typed_overrules_a_setting_that_it_conflicts_with() {
    let config = Config::new("[translate]\noutput = \"/nowhere/x.txt\"\nwrap = 20\n");
    let out = config.folder.path().join("out");
    let arguments = [
        "translate",
        "--model",
        "builtin",
        "--to",
        "en",
        "--output-dir",
        out.to_str().unwrap(),
    ];
    let done = config.run(&arguments, &[], "12,5");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(out.join("stdin.en.txt").exists());
    let arguments = [
        "translate",
        "--model",
        "builtin",
        "--to",
        "en",
        "--lines",
        "-o",
        "/dev/stdout",
    ];
    let done = config.run(&arguments, &[], "12,5");
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, "12,5"),
        "{}",
        done.stderr
    );
}

#[test]
fn mistakes_in_the_file_are_named_with_their_line() {
    for (text, messages) in [
        (
            "\nbaem = 2\n",
            &["line 2", "`baem`", "did you mean `beam`?"][..],
        ),
        (
            "[translate]\n\nto_ = 'en'",
            &["line 3", "`to_`", "did you mean `to`?"],
        ),
        ("[segment]\nbeam = 1", &["line 2", "`beam`"]),
        (
            "[tranlsate]\nto = 'en'",
            &["line 1", "subcommand", "did you mean `translate`?"],
        ),
        ("[models.fecth]\n", &["line 1", "did you mean `fetch`?"]),
        ("to = 2024-01-01", &["line 1", "`to` needs a text"]),
        ("to = [[1]]", &["line 1", "`to` needs a text"]),
        ("a = 1\nto = \n", &["line 2"]),
        ("help = true", &["line 1", "`help`"]),
        ("\u{0}", &["line 1"]),
    ] {
        let config = Config::new(text);
        let done = config.run(&["segment"], &[], "Ja.");
        assert_eq!(done.code, 2, "{text:?}: {}", done.stderr);
        assert!(done.stderr.contains("config.toml"), "{}", done.stderr);
        for message in messages {
            assert!(done.stderr.contains(message), "{text:?}: {}", done.stderr);
        }
        assert_eq!(done.stdout, "");
    }
}

#[test]
fn values_that_an_option_refuses_are_traced_to_their_setting() {
    let config = Config::new("log-level = \"warn\"\n[translate]\nto = \"en\"\nformat = \"jsnl\"\n");
    let done = config.run(&["translate"], &[], "");
    assert_eq!(done.code, 2);
    for message in ["'jsnl'", "'jsonl'", "config.toml, line 4"] {
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
    let done = config.run(&["translate", "--format", "txet"], &[], "");
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("'text'"), "{}", done.stderr);
    assert!(!done.stderr.contains("config.toml"), "{}", done.stderr);
    let variable = [
        ("DOLMETSCH_TO", "vietnameese"),
        ("DOLMETSCH_FORMAT", "text"),
    ];
    let config = Config::new("");
    let done = config.run(&["translate"], &variable, "");
    assert_eq!(done.code, 2);
    for message in ["did you mean `vi`?", "comes from DOLMETSCH_TO"] {
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
}

#[test]
fn a_file_that_a_variable_names_must_exist_and_others_need_not() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothing.toml");
    let mut command = program(&["segment"]);
    let done = finish(command.env("DOLMETSCH_CONFIG", &missing).write_stdin("Ja."));
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("nothing.toml"), "{}", done.stderr);
    // The platform's folder, which `dirs` finds, or the one that replaces it.
    let mut command = program(&["config", "--format", "json"]);
    command
        .env_remove("DOLMETSCH_CONFIG")
        .env("DOLMETSCH_CONFIG_DIR", folder.path());
    let done = finish(&mut command);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        report["file"],
        folder.path().join("config.toml").to_str().unwrap()
    );
    assert_eq!(report["file_exists"], false);
}

#[test]
fn a_variable_that_nothing_reads_is_told_of() {
    let config = Config::new("");
    let done = config.run(&["config"], &[("DOLMETSCH_MODLE", "builtin")], "");
    assert_eq!(done.code, 0);
    for message in ["DOLMETSCH_MODLE", "did you mean DOLMETSCH_MODEL?"] {
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
}
