//! `dolmetsch models`: what there is, what is here, and room on the disk.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use dolmetsch::Error;
use dolmetsch::catalog::{Catalog, ModelSource, ModelSpec};
use dolmetsch::hub::{Hub, HubOptions, ModelFiles, RemoteModel};
use indicatif::DecimalBytes;

use crate::commands::calibrate::{CalibrateArgs, calibrate};
use crate::commands::download_bars::DownloadBars;

/// Lists, downloads, checks and removes models.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ModelsCommand {
    /// Shows the known models: languages, whether they are on this disk, size,
    /// licence and a published score
    List,
    /// Downloads models, or brings them up to date
    Fetch {
        /// Names of the list, or `owner/name` on the Hugging Face Hub
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Compares the bytes of downloaded models with their hashes
    Verify {
        /// A name of the list, or `owner/name`; default: all of the list that
        /// are on this disk
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Finds the attention head of a model that aligns words best, by gold links
    Calibrate(CalibrateArgs),
    /// Prints the folder of a downloaded model
    Path {
        /// A name of the list, or `owner/name`
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Deletes a downloaded model from this disk
    Remove {
        /// A name of the list, or `owner/name`
        #[arg(value_name = "NAME")]
        name: String,
        /// Does not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Runs the command with the user's environment, standard input and output.
pub(crate) fn run(args: &ModelsArgs) -> Result<()> {
    let models = Models {
        catalog: Catalog::load()?,
        hub: Hub::new(HubOptions::from_env()?)?,
    };
    models.run(args, &mut io::stdout().lock(), ask)
}

/// What the command works on.
pub(crate) struct Models {
    pub(crate) catalog: Catalog,
    pub(crate) hub: Hub,
}

impl Models {
    /// Runs the command; `confirm` puts a question to the user.
    pub(crate) fn run(
        &self,
        args: &ModelsArgs,
        out: &mut impl Write,
        confirm: impl FnOnce(&str) -> Result<bool>,
    ) -> Result<()> {
        match &args.command {
            ModelsCommand::List => self.list(out),
            ModelsCommand::Fetch { names } => self.fetch(names, out),
            ModelsCommand::Verify { name } => self.verify(name.as_deref(), out),
            ModelsCommand::Calibrate(args) => {
                calibrate(args, &self.source(args.name())?, &self.hub, out)
            }
            ModelsCommand::Path { name } => self.path(name, out),
            ModelsCommand::Remove { name, yes } => self.remove(name, *yes, out, confirm),
        }
    }

    fn list(&self, out: &mut impl Write) -> Result<()> {
        let header = ["NAME", "PAIRS", "ON DISK", "SIZE", "LICENCE", "SCORE"];
        let mut rows = vec![header.map(str::to_owned)];
        rows.extend(self.catalog.models().iter().map(|spec| self.row(spec)));
        super::table::write(out, &rows)?;
        Ok(())
    }

    fn row(&self, spec: &ModelSpec) -> [String; 6] {
        let pairs: Vec<String> = spec
            .pairs
            .iter()
            .map(|pair| pair.languages().to_string())
            .collect();
        let remote = spec.remote();
        let on_disk = match &remote {
            None => "built in".to_owned(),
            Some(remote) if self.hub.cached(remote).is_some() => {
                DecimalBytes(self.hub.size_on_disk(remote)).to_string()
            }
            Some(_) => "no".to_owned(),
        };
        let size = match spec.size {
            Some(size) => format!("{} MB", size / 1_000_000),
            None => "–".to_owned(),
        };
        // The last is of the newest test set that the manifest has.
        let score = match spec.scores.last() {
            Some(score) => format!("{:.1} BLEU {}, {}", score.bleu, score.test_set, score.pair),
            None => "–".to_owned(),
        };
        let licence = spec.licence.clone();
        [
            spec.name.clone(),
            pairs.join(" "),
            on_disk,
            size,
            licence,
            score,
        ]
    }

    fn fetch(&self, names: &[String], out: &mut impl Write) -> Result<()> {
        // All names first: a slip in the last must not show after an hour.
        let remotes: Vec<RemoteModel> = names
            .iter()
            .map(|name| self.remote(name))
            .collect::<Result<_>>()?;
        for remote in remotes {
            let mut bars = DownloadBars::new();
            let files = self
                .hub
                .fetch(&remote, &mut |progress| bars.show(progress))?;
            drop(bars);
            let revision = files.revision.as_deref().unwrap_or_default();
            writeln!(
                out,
                "{} {revision} {}",
                remote.name(),
                files.folder().display()
            )?;
        }
        Ok(())
    }

    fn verify(&self, name: Option<&str>, out: &mut impl Write) -> Result<()> {
        let remotes: Vec<RemoteModel> = match name {
            Some(name) => vec![self.remote(name)?],
            None => self
                .catalog
                .models()
                .iter()
                .filter_map(ModelSpec::remote)
                .filter(|remote| self.hub.cached(remote).is_some())
                .collect(),
        };
        let mut damaged = Vec::new();
        for remote in &remotes {
            let checks = self.hub.verify(remote)?.ok_or_else(|| not_cached(remote))?;
            for check in &checks {
                let verdict = match check.intact {
                    Some(true) => "intact",
                    Some(false) => "DAMAGED",
                    None => "no hash known",
                };
                writeln!(out, "{verdict}\t{}", check.path.display())?;
            }
            if checks.iter().any(|check| check.intact == Some(false)) {
                damaged.push(remote.name());
            }
        }
        if damaged.is_empty() {
            return Ok(());
        }
        bail!(
            "damaged: {0} (run `dolmetsch models fetch {0}` to replace what is wrong)",
            damaged.join(" ")
        );
    }

    fn path(&self, name: &str, out: &mut impl Write) -> Result<()> {
        let files = if let ModelSource::Folder(folder) = self.source(name)? {
            ModelFiles::from_folder(&folder)?
        } else {
            let remote = self.remote(name)?;
            let files = self.hub.cached(&remote);
            files.ok_or_else(|| not_cached(&remote))?
        };
        writeln!(out, "{}", files.folder().display())?;
        Ok(())
    }

    fn remove(
        &self,
        name: &str,
        yes: bool,
        out: &mut impl Write,
        confirm: impl FnOnce(&str) -> Result<bool>,
    ) -> Result<()> {
        let remote = self.remote(name)?;
        let size = self.hub.size_on_disk(&remote);
        if size == 0 {
            writeln!(out, "{name} is not on this disk")?;
            return Ok(());
        }
        let question = format!(
            "Delete {} ({}) from {}?",
            remote.repo,
            DecimalBytes(size),
            self.hub.options().cache.display()
        );
        if yes || confirm(&question)? {
            let freed = self.hub.remove(&remote)?;
            writeln!(out, "{name} removed, {} freed", DecimalBytes(freed))?;
        }
        Ok(())
    }

    fn source(&self, name: &str) -> Result<ModelSource> {
        Ok(ModelSource::parse(name, &self.catalog)?)
    }

    /// A model that can be downloaded.
    fn remote(&self, name: &str) -> Result<RemoteModel> {
        let what = match self.source(name)? {
            ModelSource::Repo(remote) => return Ok(remote),
            ModelSource::Catalog(spec) => match spec.remote() {
                Some(remote) => return Ok(remote),
                None => "inside the program: there is nothing to download or delete",
            },
            ModelSource::Folder(_) => "a folder: only models of the Hub are managed here",
        };
        Err(Error::Options(format!("{name} is {what}")).into())
    }
}

fn not_cached(remote: &RemoteModel) -> Error {
    Error::UnknownModel(format!(
        "{} is not on this disk (run `dolmetsch models fetch {}`)",
        remote.repo,
        remote.name()
    ))
}

/// Asks on the terminal.
fn ask(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        let message = "models remove asks first, but standard input is no terminal (add --yes)";
        return Err(Error::Options(message.to_owned()).into());
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("could not read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
