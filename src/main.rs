//! The command line of `dolmetsch`.

mod cli;
mod commands;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse_from(commands::compare::with_long_names(std::env::args_os()));
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(cli.log_level)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .without_time()
        .with_target(false)
        .init();
    let done = match cli.command {
        Command::Translate(options) => commands::translate::run(&options),
        Command::Batch(options) => commands::batch::run(&options),
        Command::Compare(options) => commands::compare::run(&options),
        Command::Align(options) => commands::align::run(&options),
        Command::Segment(options) => commands::segment::run(&options),
        Command::Models(options) => commands::models::run(&options),
        Command::Tokenize(options) => commands::tokenize::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

/// Prints the error and its causes; a reader that went away is no error.
#[expect(clippy::print_stderr, reason = "this is where errors are shown")]
fn failure(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {error:#}");
    let code = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<dolmetsch::Error>())
        .map_or(1, dolmetsch::Error::exit_code);
    ExitCode::from(code)
}
