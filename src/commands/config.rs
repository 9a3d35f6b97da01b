//! `dolmetsch config`: the settings that apply, and where they come from.

use std::io::{self, Write};
use std::path::Path;

use clap::{Arg, ArgAction, Command, ValueEnum};
use serde::Serialize;

use crate::settings::{Settings, Source, for_each_option, unknown_variables};

/// `dolmetsch config`
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// What is written
    #[arg(long, value_enum, default_value_t = ConfigFormat::Text)]
    format: ConfigFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ConfigFormat {
    /// A table
    Text,
    /// A JSON object
    Json,
}

/// An option and its value unless another is typed.
#[derive(Serialize)]
struct Row<'a> {
    /// The subcommand; none for an option of all.
    command: String,
    option: String,
    /// None where the model or the machine decides.
    value: Option<String>,
    #[serde(flatten)]
    from: Origin<'a>,
}

#[derive(Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
enum Origin<'a> {
    Variable { name: &'a str },
    File { path: &'a Path, line: usize },
    BuiltIn,
}

#[derive(Serialize)]
struct Report<'a> {
    file: Option<&'a Path>,
    file_exists: bool,
    settings: Vec<Row<'a>>,
}

/// Prints all options of `root` with their values.
pub(crate) fn run(args: &ConfigArgs, root: &Command, settings: &Settings) -> anyhow::Result<()> {
    for (name, suggestion) in unknown_variables(root) {
        let hint = suggestion.map_or_else(String::new, |name| format!("; did you mean {name}?"));
        tracing::warn!("the variable {name} is not read{hint}");
    }
    let mut rows = Vec::new();
    for_each_option(root, &mut |command, option| {
        rows.push(row(command, option, settings));
    });
    let file = settings.file.as_deref();
    let report = Report {
        file,
        file_exists: file.is_some_and(Path::exists),
        settings: rows,
    };
    let mut output = io::stdout().lock();
    match args.format {
        ConfigFormat::Text => write_table(&mut output, &report)?,
        ConfigFormat::Json => {
            serde_json::to_writer_pretty(&mut output, &report).map_err(io::Error::from)?;
            writeln!(output)?;
        }
    }
    Ok(())
}

fn row<'a>(command: &[String], option: &Arg, settings: &'a Settings) -> Row<'a> {
    let name = option.get_long().unwrap_or_default();
    let setting = settings.get(command, name);
    let built_in = || {
        let values = option.get_default_values().iter();
        let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
        match option.get_action() {
            ArgAction::SetTrue => Some("false".to_owned()),
            _ => (!values.is_empty()).then(|| values.join(",")),
        }
    };
    Row {
        command: command.join(" "),
        option: name.to_owned(),
        value: setting.map_or_else(built_in, |setting| Some(setting.values.join(","))),
        from: match setting.map(|setting| &setting.source) {
            None => Origin::BuiltIn,
            Some(Source::Variable(name)) => Origin::Variable { name },
            Some(Source::File(path, line)) => Origin::File { path, line: *line },
        },
    }
}

fn write_table(output: &mut impl Write, report: &Report) -> io::Result<()> {
    match report.file {
        Some(path) if report.file_exists => writeln!(output, "# {}", path.display())?,
        Some(path) => writeln!(output, "# {} (does not exist)", path.display())?,
        None => writeln!(output, "# no config file")?,
    }
    let header = ["COMMAND", "OPTION", "VALUE", "FROM"].map(str::to_owned);
    let mut rows = vec![header];
    rows.extend(report.settings.iter().map(|row| {
        let from = match row.from {
            Origin::BuiltIn => "built-in".to_owned(),
            Origin::Variable { name } => name.to_owned(),
            Origin::File { path, line } => format!("{}, line {line}", path.display()),
        };
        let command = if row.command.is_empty() {
            "(all)"
        } else {
            &row.command
        };
        let value = row.value.as_deref().unwrap_or("–");
        [command, &row.option, value, &from].map(str::to_owned)
    }));
    super::table::write(output, &rows)
}
