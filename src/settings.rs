//! Defaults of options, from `DOLMETSCH_*` variables and the config file.
//!
//! Both become clap's default values before the command line is parsed, for
//! every long option that there is: no list of options is kept here, and what
//! is typed overrules a setting, even one of another option that it conflicts
//! with.

use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use dolmetsch::fast::{ISA_VARIABLE, PACKED_VARIABLE};
use dolmetsch::{Error, Result};
use toml::de::{DeTable, DeValue};

/// Subcommands whose options have no settings: they explain settings, or print
/// for other programs.
const WITHOUT_SETTINGS: [&str; 4] = ["config", "completions", "man", "help"];

/// Variables that are no option's, but read elsewhere.
const RESERVED: [&str; 5] = [
    "DOLMETSCH_CONFIG",
    "DOLMETSCH_CONFIG_DIR",
    "DOLMETSCH_HTTP_TIMEOUT",
    ISA_VARIABLE,
    PACKED_VARIABLE,
];

/// A name is offered as a correction from this Jaro-Winkler similarity on.
const SIMILAR: f64 = 0.75;

/// The largest config file worth reading (bytes).
const LARGEST_FILE: u64 = 1 << 20;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An environment variable.
    Variable(String),
    /// A line of the config file, from 1.
    File(PathBuf, usize),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
        }
    }
}

/// A value that an option has unless another is typed.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The subcommands: `["models", "fetch"]`; none for an option of all.
    pub command: Vec<String>,
    /// The option's long name.
    pub option: String,
    /// Its values.
    pub values: Vec<String>,
    /// Where they come from.
    pub source: Source,
}

/// All settings.
#[derive(Debug)]
pub struct Settings {
    /// The config file, whether it exists or not.
    pub file: Option<PathBuf>,
    settings: Vec<Setting>,
}

impl Settings {
    /// Reads the variables and the config file for the options of `root`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is no TOML, or has a key that is no option.
    pub fn load(root: &Command) -> Result<Self> {
        let path = config_file();
        let file = match &path {
            Some(path) => ConfigFile::read(path, root)?,
            None => ConfigFile::default(),
        };
        let mut settings = Vec::new();
        for_each_option(root, &mut |command, option| {
            let setting = variable(command, option)
                .or_else(|| file.value(command, option))
                .map(|(values, source)| Setting {
                    command: command.to_vec(),
                    option: long(option).to_owned(),
                    values: words_of_switch(option, values),
                    source,
                });
            settings.extend(setting);
        });
        Ok(Self {
            file: path,
            settings,
        })
    }

    /// The setting of an option, if it has one.
    pub fn get(&self, command: &[String], option: &str) -> Option<&Setting> {
        self.settings
            .iter()
            .find(|setting| setting.command == command && setting.option == option)
    }

    /// Parses a command line with these settings as defaults.
    ///
    /// # Errors
    ///
    /// As clap's parser; with the setting that is to blame, if it is one.
    pub fn parse(
        &self,
        root: &Command,
        arguments: &[OsString],
    ) -> std::result::Result<ArgMatches, (clap::Error, Option<&Setting>)> {
        let mut command = self.with_defaults(root.clone(), &mut Vec::new(), &[]);
        let matches = match command.try_get_matches_from_mut(arguments) {
            Ok(matches) => matches,
            Err(error) => {
                let setting = self.to_blame(root, arguments, &error);
                return Err((error, setting));
            }
        };
        let overruled = self.overruled(&command, &matches);
        if overruled.is_empty() {
            return Ok(matches);
        }
        self.with_defaults(root.clone(), &mut Vec::new(), &overruled)
            .try_get_matches_from(arguments)
            .map_err(|error| (error, None))
    }

    /// The command with the settings as its options' default values, but not
    /// those of the subcommand that are `overruled`.
    fn with_defaults(
        &self,
        command: Command,
        path: &mut Vec<String>,
        overruled: &[String],
    ) -> Command {
        let here = path.clone();
        command
            .mut_args(|option| match self.get(&here, long(&option)) {
                Some(setting) if !overruled.contains(&setting.option) => {
                    with_default(option, &setting.values)
                }
                _ => option,
            })
            .mut_subcommands(|subcommand| {
                path.push(subcommand.get_name().to_owned());
                let changed = self.with_defaults(subcommand, path, overruled);
                path.pop();
                changed
            })
    }

    /// The options whose settings conflict with what was typed.
    fn overruled(&self, root: &Command, matches: &ArgMatches) -> Vec<String> {
        let (mut command, mut matches) = (root, matches);
        let mut path = Vec::new();
        while let Some((name, of_subcommand)) = matches.subcommand() {
            let Some(subcommand) = command.find_subcommand(name) else {
                break;
            };
            path.push(name.to_owned());
            (command, matches) = (subcommand, of_subcommand);
        }
        let typed = |option: &&Arg| {
            matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let mut overruled = Vec::new();
        for option in command.get_arguments().filter(typed) {
            for other in command.get_arg_conflicts_with(option) {
                if self.get(&path, long(other)).is_some() && !typed(&other) {
                    overruled.push(long(other).to_owned());
                }
            }
        }
        overruled
    }

    /// The setting whose value clap refuses, if the value was not typed.
    fn to_blame(
        &self,
        root: &Command,
        arguments: &[OsString],
        error: &clap::Error,
    ) -> Option<&Setting> {
        let refused = |error: &clap::Error| {
            use clap::error::{ContextKind, ContextValue};
            let text = |kind| match error.get(kind) {
                Some(ContextValue::String(text)) => Some(text.clone()),
                _ => None,
            };
            Some((
                text(ContextKind::InvalidArg)?,
                text(ContextKind::InvalidValue)?,
            ))
        };
        let (option, value) = refused(error)?;
        let typed = root.clone().try_get_matches_from(arguments).err();
        if typed.as_ref().and_then(refused) == Some((option.clone(), value.clone())) {
            return None;
        }
        // clap shows an option as `--beam <N>`.
        let name = option.split([' ', '=', '[']).next()?.strip_prefix("--")?;
        self.settings.iter().find(|setting| {
            let is_value = |other: &String| other.split(',').any(|part| part == value);
            setting.option == name && (setting.values.iter().any(is_value) || value.is_empty())
        })
    }
}

/// Calls `visit` with each option that can have a setting, and its subcommands.
pub fn for_each_option(root: &Command, visit: &mut dyn FnMut(&[String], &Arg)) {
    fn walk(command: &Command, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], &Arg)) {
        for option in command.get_arguments().filter(|option| has_setting(option)) {
            visit(path, option);
        }
        for subcommand in command.get_subcommands() {
            if !WITHOUT_SETTINGS.contains(&subcommand.get_name()) {
                path.push(subcommand.get_name().to_owned());
                walk(subcommand, path, visit);
                path.pop();
            }
        }
    }
    walk(root, &mut Vec::new(), visit);
}

/// `DOLMETSCH_*` variables that no option and nothing else reads.
pub fn unknown_variables(root: &Command) -> Vec<(String, Option<String>)> {
    let mut known: Vec<String> = RESERVED.map(str::to_owned).into();
    for_each_option(root, &mut |command, option| {
        known.extend(variable_names(command, option));
    });
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.starts_with("DOLMETSCH_") && !known.contains(name))
        .map(|name| {
            let suggestion = most_similar(&name, known.iter().map(String::as_str));
            let suggestion = suggestion.map(str::to_owned);
            (name, suggestion)
        })
        .collect()
}

fn has_setting(option: &Arg) -> bool {
    let explains = matches!(
        option.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    option.get_long().is_some() && !explains
}

fn long(option: &Arg) -> &str {
    option.get_long().unwrap_or_default()
}

/// Whether the option is a switch, which has no value on the command line.
fn is_switch(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::SetTrue)
}

/// `path` overrules the platform's config folder; an empty one means no file.
fn config_file() -> Option<PathBuf> {
    match std::env::var_os("DOLMETSCH_CONFIG") {
        Some(path) if path.is_empty() => None,
        Some(path) => Some(PathBuf::from(path)),
        None => Some(dolmetsch::catalog::config_folder()?.join("config.toml")),
    }
}

/// The variables of an option: first that of its subcommand only.
fn variable_names(command: &[String], option: &Arg) -> Vec<String> {
    let name = |words: &[&str]| {
        let words = words.join("_").replace('-', "_").to_uppercase();
        format!("DOLMETSCH_{words}")
    };
    let mut path: Vec<&str> = command.iter().map(String::as_str).collect();
    path.push(long(option));
    let mut names = vec![name(&path)];
    if !command.is_empty() {
        names.push(name(&[long(option)]));
    }
    names
}

fn variable(command: &[String], option: &Arg) -> Option<(Vec<String>, Source)> {
    variable_names(command, option)
        .into_iter()
        .find_map(|name| {
            let value = std::env::var(&name)
                .ok()
                .filter(|value| !value.is_empty())?;
            Some((vec![value], Source::Variable(name)))
        })
}

/// A switch's value as `true` or `false`, if it is one of the usual words.
fn words_of_switch(option: &Arg, values: Vec<String>) -> Vec<String> {
    if !is_switch(option) {
        return values;
    }
    let word = |value: String| match value.to_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => "true".to_owned(),
        "0" | "off" | "no" | "false" => "false".to_owned(),
        _ => value,
    };
    values.into_iter().map(word).collect()
}

/// The option with these default values; it need not be typed any more. A
/// switch that is on can be turned off with `=false`.
fn with_default(option: Arg, values: &[String]) -> Arg {
    // clap keeps static text only; the few settings live as long as the program.
    let values = values
        .iter()
        .map(|value| -> &'static str { Box::leak(value.clone().into_boxed_str()) });
    let option = if is_switch(&option) {
        option
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(clap::value_parser!(bool))
    } else {
        option
    };
    option.default_values(values).required(false)
}

/// What the config file says.
#[derive(Debug, Default)]
struct ConfigFile {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The tables that the key is in.
    command: Vec<String>,
    key: String,
    values: Vec<String>,
    line: usize,
}

impl ConfigFile {
    /// The file need not exist, unless a variable names it.
    fn read(path: &Path, root: &Command) -> Result<Self> {
        let is_named = std::env::var_os("DOLMETSCH_CONFIG").is_some();
        if !is_named && !path.exists() {
            return Ok(Self::default());
        }
        let refuse =
            |reason: String| Error::Options(format!("could not use {}: {reason}", path.display()));
        let size = std::fs::metadata(path)
            .map_err(Error::io("read", path))?
            .len();
        if size > LARGEST_FILE {
            return Err(refuse("too large for a config file".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let line = |span: Range<usize>| text[..span.start].matches('\n').count() + 1;
        let table = DeTable::parse(&text).map_err(|error| {
            let line = error.span().map_or(1, line);
            refuse(format!("line {line}: {}", error.message()))
        })?;
        let mut file = Self {
            path: path.to_path_buf(),
            entries: Vec::new(),
        };
        file.add(table.get_ref(), root, &[], &line)
            .map_err(|(line, reason)| refuse(format!("line {line}: {reason}")))?;
        Ok(file)
    }

    /// Adds a table's entries; the error is a line, and what is wrong there.
    fn add(
        &mut self,
        table: &DeTable,
        command: &Command,
        path: &[String],
        line: &dyn Fn(Range<usize>) -> usize,
    ) -> std::result::Result<(), (usize, String)> {
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), line(key.span()));
            if let DeValue::Table(table) = value.get_ref() {
                let subcommands: Vec<&Command> = command
                    .get_subcommands()
                    .filter(|other| !WITHOUT_SETTINGS.contains(&other.get_name()))
                    .collect();
                let Some(subcommand) = subcommands.iter().find(|other| other.get_name() == name)
                else {
                    let names = subcommands.iter().map(|other| other.get_name());
                    return Err((at, unknown("subcommand", name, names)));
                };
                let path = [path, &[name.to_owned()]].concat();
                self.add(table, subcommand, &path, line)?;
                continue;
            }
            let options = options_of(command, path.is_empty());
            let is_called = |option: &&Arg| {
                let aliases = option.get_all_aliases().unwrap_or_default();
                long(option) == name || aliases.contains(&name)
            };
            let Some(option) = options.iter().find(is_called) else {
                return Err((at, unknown("option", name, options.iter().map(long))));
            };
            let values = values(value.get_ref()).ok_or_else(|| {
                let reason = format!("`{name}` needs a text, a number, true or false, or a list");
                (at, reason)
            })?;
            self.entries.push(Entry {
                command: path.to_vec(),
                key: long(option).to_owned(),
                values,
                line: at,
            });
        }
        Ok(())
    }

    /// What the file says of an option: in its subcommand's table, else at the
    /// top, where it is for all that have such an option.
    fn value(&self, command: &[String], option: &Arg) -> Option<(Vec<String>, Source)> {
        let entry = |path: &[String]| {
            self.entries
                .iter()
                .find(|entry| entry.command == path && entry.key == long(option))
        };
        let entry = entry(command).or_else(|| entry(&[]))?;
        let source = Source::File(self.path.clone(), entry.line);
        Some((entry.values.clone(), source))
    }
}

/// The options of a command, if `deep` also those of its subcommands.
fn options_of(command: &Command, deep: bool) -> Vec<Arg> {
    let mut options = Vec::new();
    for_each_option(command, &mut |path, option| {
        if deep || path.is_empty() {
            options.push(option.clone());
        }
    });
    options
}

/// A value as it would be typed; `None` for what no option has.
fn values(value: &DeValue) -> Option<Vec<String>> {
    Some(match value {
        DeValue::String(text) => vec![text.to_string()],
        DeValue::Integer(number) => vec![number.to_string()],
        DeValue::Float(number) => vec![number.to_string()],
        DeValue::Boolean(switch) => vec![switch.to_string()],
        DeValue::Array(items) => {
            let items = items.iter().map(|item| match item.get_ref() {
                DeValue::Array(_) => None,
                item => values(item),
            });
            items.collect::<Option<Vec<_>>>()?.concat()
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}

fn unknown<'n>(kind: &str, name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let hint = most_similar(name, known).map_or_else(
        || "`dolmetsch config` shows the known ones".to_owned(),
        |similar| format!("did you mean `{similar}`?"),
    );
    format!("no {kind} is called `{name}` ({hint})")
}

fn most_similar<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_option_reads_a_variable_that_means_something_else() {
        let mut names = Vec::new();
        for_each_option(&crate::cli::Cli::command(), &mut |command, option| {
            names.extend(variable_names(command, option));
        });
        assert!(names.contains(&"DOLMETSCH_CACHE".to_owned()));
        for name in RESERVED {
            assert!(!names.contains(&name.to_owned()), "{name}");
        }
    }
}
