//! `dolmetsch man`: manual pages.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use dolmetsch::Error;

/// `dolmetsch man`
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write the main page and one for each subcommand to this folder, instead
    /// of the main page to standard output
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
}

/// Writes the pages.
pub(crate) fn run(args: &ManArgs, root: Command) -> anyhow::Result<()> {
    let mut root = root.disable_help_subcommand(true);
    root.build();
    if let Some(folder) = &args.output_dir {
        std::fs::create_dir_all(folder).map_err(Error::io("write", folder))?;
        write_pages(&root, folder)?;
    } else {
        io::stdout().write_all(page(&root)?.as_bytes())?;
    }
    Ok(())
}

fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command)?).map_err(Error::io("write", &path))?;
    command
        .get_subcommands()
        .try_for_each(|subcommand| write_pages(subcommand, folder))
}

/// The page in roff. `clap_mangen` would fill the lines of the examples.
fn page(command: &Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    let page = String::from_utf8(page)?;
    Ok(page
        .replace(".SH EXTRA\n", ".SH EXAMPLES\n.nf\n")
        .replace(".SH VERSION\n", ".fi\n.SH VERSION\n"))
}
