//! The program's manners: what it reads, how it writes, what it says when
//! something is wrong.
#![cfg(feature = "builtin")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod bad_input;
mod encoding;
mod help;
mod language;
mod layout;
mod settings;
mod wrap;

use serde_json::Value;

/// What a finished program left.
struct Finished {
    stdout: String,
    stderr: String,
    code: i32,
}

/// The program with an empty configuration.
fn program(arguments: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("dolmetsch").unwrap();
    command.args(arguments).env("DOLMETSCH_CONFIG", "");
    command
}

fn run(arguments: &[&str], input: impl AsRef<[u8]>) -> Finished {
    finish(program(arguments).write_stdin(input.as_ref()))
}

fn finish(command: &mut assert_cmd::Command) -> Finished {
    let output = command.output().unwrap();
    Finished {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

/// Translates into English with the built-in model and greedy search.
fn translate(arguments: &[&str], input: impl AsRef<[u8]>) -> Finished {
    let mut all = vec![
        "translate",
        "--model",
        "builtin",
        "--beam",
        "1",
        "--to",
        "en",
    ];
    all.extend(arguments);
    run(&all, input)
}

fn records(jsonl: &str) -> Vec<Value> {
    jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn has_flag(record: &Value, flag: &str) -> bool {
    record["flags"].as_array().unwrap().contains(&flag.into())
}
