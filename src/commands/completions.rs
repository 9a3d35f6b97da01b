//! `dolmetsch completions`: what a shell needs to complete command lines.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

/// `dolmetsch completions`
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, mut root: Command) -> anyhow::Result<()> {
    // clap_complete panics when it cannot write: the reader may have gone away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut root, "dolmetsch", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}
