//! The command line of `dolmetsch`.

mod cli;
mod commands;
mod settings;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use cli::{Cli, Command};
use settings::{Setting, Settings};

fn main() -> ExitCode {
    let root = Cli::command();
    let settings = match Settings::load(&root) {
        Ok(settings) => settings,
        Err(error) => return failure(&error.into()),
    };
    let arguments = commands::compare::with_long_names(std::env::args_os());
    let cli = match settings.parse(&root, &arguments) {
        Ok(matches) => Cli::from_arg_matches(&matches),
        Err((error, setting)) => return refused(&error, setting),
    };
    let cli = match cli {
        Ok(cli) => cli,
        Err(error) => return refused(&error, None),
    };
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
        Command::Bench(options) => commands::bench::run(&options),
        Command::Config(options) => commands::config::run(&options, &root, &settings),
        Command::Completions(options) => commands::completions::run(&options, root),
        Command::Man(options) => commands::man::run(&options, root),
        Command::Check(options) => commands::check::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

/// Prints what clap says (also help, which is no failure), and which setting is
/// to blame.
#[expect(clippy::print_stderr, reason = "this is where errors are shown")]
fn refused(error: &clap::Error, setting: Option<&Setting>) -> ExitCode {
    // A reader that went away is no error.
    let _ = error.print();
    if let Some(setting) = setting {
        eprintln!("note: the value comes from {}", setting.source);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
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
