//! Which files are translated, and what their translations are called.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::compression::Compression;
use super::format::Format;
use crate::error::{Error, Result};
use crate::language::Language;

/// A file to translate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// Its place below the folder that was named; of a file that was named
    /// itself, the file name.
    pub relative: PathBuf,
    /// What is in it.
    pub format: Format,
    /// How it is compressed.
    pub compression: Option<Compression>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of their relative paths.
    pub inputs: Vec<Input>,
    /// What a person should know: files of other kinds, links in a circle.
    pub notes: Vec<String>,
}

impl Input {
    /// `relative stem.target.extension[.gz]`, below the output folder.
    #[must_use]
    pub fn output(&self, target: Language) -> PathBuf {
        let name = self.relative.file_name().unwrap_or_default();
        let (stem, extension) = split(name, self.compression);
        let mut output = stem.to_os_string();
        output.push(format!(".{target}"));
        if let Some(extension) = extension.filter(|_| Format::of_name(name).is_some()) {
            output.push(".");
            output.push(extension);
        } else {
            output = name.to_os_string();
            output.push(format!(".{target}.{}", self.format.extension()));
        }
        if let Some(compression) = self.compression {
            output.push(format!(".{}", compression.extension()));
        }
        self.relative.with_file_name(output)
    }

    fn new(path: PathBuf, relative: PathBuf, lines: bool) -> Option<Self> {
        let name = relative.file_name()?;
        let known = Format::of_name(name);
        let format = match known {
            Some((Format::Text, _)) | None if lines => Format::Lines,
            Some((format, _)) => format,
            None => return None,
        };
        let compression = known.and_then(|(_, compression)| compression);
        Some(Self {
            path,
            relative,
            format,
            compression,
        })
    }
}

/// Stem and extension, behind which that of the compression may stand.
fn split(name: &OsStr, compression: Option<Compression>) -> (&OsStr, Option<&OsStr>) {
    let mut name = Path::new(name);
    if compression.is_some() {
        name = Path::new(name.file_stem().unwrap_or_default());
    }
    (name.file_stem().unwrap_or_default(), name.extension())
}

/// Finds the files that `names` mean: files, folders with all that is below
/// them, and patterns such as `news/**/*.jsonl.gz`.
///
/// With `lines`, texts have a segment a line, and files that are named one by
/// one may have any extension. What lies in `output`, the output folder, is not
/// read, nor are hidden files.
///
/// # Errors
///
/// When a name means nothing, a file cannot be translated, or two files would
/// have translations of the same name.
pub fn find(names: &[PathBuf], lines: bool, output: &Path, targets: &[Language]) -> Result<Found> {
    let mut search = Search {
        lines,
        output: fs::canonicalize(output).ok(),
        found: BTreeMap::new(),
        others: 0,
        notes: Vec::new(),
    };
    for name in names {
        let pattern = name.to_string_lossy();
        if name.is_dir() {
            search.folder(name)?;
        } else if name.exists() || !pattern.contains(['*', '?', '[']) {
            search.file(name)?;
        } else {
            search.pattern(&pattern)?;
        }
    }
    if search.others > 0 {
        search.notes.push(format!(
            "{} files of other kinds are left alone (.txt, .lines, .jsonl, .tsv and .parquet are read, text also as .gz and .zst)",
            search.others
        ));
    }
    let inputs = search.found.into_values().collect::<Vec<Input>>();
    if inputs.is_empty() {
        return Err(Error::Options(
            "there is nothing to translate in what was named (.txt, .lines, .jsonl, .tsv and .parquet are read)".to_owned(),
        ));
    }
    check_outputs(&inputs, targets)?;
    Ok(Found {
        inputs,
        notes: search.notes,
    })
}

struct Search {
    lines: bool,
    /// The output folder, if it is there already.
    output: Option<PathBuf>,
    /// By relative path and path.
    found: BTreeMap<(PathBuf, PathBuf), Input>,
    others: usize,
    notes: Vec<String>,
}

impl Search {
    fn file(&mut self, path: &Path) -> Result<()> {
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_file() {
            return Err(Error::Options(format!(
                "{} is no file (a batch job reads files, folders and patterns; `dolmetsch translate` reads standard input and pipes)",
                path.display()
            )));
        }
        let name = PathBuf::from(path.file_name().unwrap_or_default());
        if !self.add(path.to_path_buf(), name) {
            return Err(Error::Options(format!(
                "{} is of no kind that is known here: its name must end in .txt, .lines, .jsonl, .tsv or .parquet (or add --lines, for a segment a line)",
                path.display()
            )));
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path) -> Result<()> {
        let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
        let output = self.output.clone();
        let is_output = |path: &Path| {
            output.is_some() && fs::canonicalize(path).ok().as_ref() == output.as_ref()
        };
        let entries = WalkDir::new(folder)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| {
                entry.depth() == 0
                    || !(is_hidden(entry.file_name())
                        || entry.file_type().is_dir() && is_output(entry.path()))
            });
        for entry in entries {
            let entry = match entry {
                Err(error) if error.loop_ancestor().is_some() => {
                    self.notes.push(format!("not followed: {error}"));
                    continue;
                }
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_path_buf();
                    return Err(Error::io("read", &path)(error.into()));
                }
                Ok(entry) => entry,
            };
            if entry.file_type().is_file() {
                let relative = entry.path().strip_prefix(folder);
                let relative = relative.unwrap_or(entry.path()).to_path_buf();
                let known = Format::of_name(entry.file_name()).is_some();
                if !known || !self.add(entry.path().to_path_buf(), relative) {
                    self.others += 1;
                }
            }
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<()> {
        let paths = glob::glob(pattern)
            .map_err(|error| Error::Options(format!("{pattern} is no valid pattern: {error}")))?;
        let base = fixed_folder(pattern);
        let before = self.found.len() + self.others;
        for path in paths {
            let path = path.map_err(|error| {
                let unreadable = error.path().to_path_buf();
                Error::io("read", &unreadable)(error.into())
            })?;
            let inside = |output: &PathBuf| {
                fs::canonicalize(&path).is_ok_and(|path| path.starts_with(output))
            };
            if !path.is_file() || self.output.as_ref().is_some_and(inside) {
                continue;
            }
            let relative = path.strip_prefix(&base).unwrap_or(&path).to_path_buf();
            if !self.add(path.clone(), relative) {
                self.others += 1;
            }
        }
        if self.found.len() + self.others == before {
            return Err(Error::Options(format!("no file matches {pattern}")));
        }
        Ok(())
    }

    /// Whether the file is of a kind that can be translated.
    fn add(&mut self, path: PathBuf, relative: PathBuf) -> bool {
        let Some(input) = Input::new(path, relative, self.lines) else {
            return false;
        };
        let identity = fs::canonicalize(&input.path).unwrap_or_else(|_| input.path.clone());
        self.found.insert((input.relative.clone(), identity), input);
        true
    }
}

/// The folders of a pattern before its first wildcard.
fn fixed_folder(pattern: &str) -> PathBuf {
    let mut folders: Vec<Component> = Path::new(pattern)
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
        .collect();
    if folders.len() == Path::new(pattern).components().count() {
        folders.pop();
    }
    folders.into_iter().collect()
}

/// Two inputs must not be written to one file, nor an output over an input.
fn check_outputs(inputs: &[Input], targets: &[Language]) -> Result<()> {
    let mut outputs: HashMap<PathBuf, &Input> = HashMap::new();
    for input in inputs {
        for &target in targets {
            let output = input.output(target);
            if let Some(other) = outputs.insert(output.clone(), input) {
                return Err(Error::Options(format!(
                    "{} and {} would both be translated to {} (name the folder above them instead, or rename one)",
                    other.path.display(),
                    input.path.display(),
                    output.display()
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(relative: &str, lines: bool) -> Option<String> {
        let input = Input::new(PathBuf::from(relative), PathBuf::from(relative), lines)?;
        Some(input.output(Language::EN).to_string_lossy().into_owned())
    }

    #[test]
    fn outputs_are_called_like_their_inputs() {
        for (input, lines, expected) in [
            ("a.txt", false, Some("a.en.txt")),
            ("x/y/a.b.jsonl.gz", false, Some("x/y/a.b.en.jsonl.gz")),
            ("a.tsv.zst", false, Some("a.en.tsv.zst")),
            ("a.TXT", false, Some("a.en.TXT")),
            ("corpus.de", true, Some("corpus.de.en.lines")),
            ("corpus.de", false, None),
            ("gz", true, Some("gz.en.lines")),
        ] {
            assert_eq!(output(input, lines).as_deref(), expected, "{input}");
        }
    }

    #[test]
    fn a_pattern_is_relative_to_its_fixed_folders() {
        for (pattern, folder) in [
            ("a/b/**/*.txt", "a/b"),
            ("*.txt", ""),
            ("/x/[ab].txt", "/x"),
            ("a/b?/c.txt", "a"),
        ] {
            assert_eq!(fixed_folder(pattern), Path::new(folder), "{pattern}");
        }
    }

    #[test]
    fn folders_are_read_without_the_output_and_colliding_names_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [
            "in/x.txt",
            "in/x/y.lines",
            "in/out/x.en.txt",
            "in/.h/z.txt",
            "in/p.pdf",
            "in2/x.txt",
        ] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), "a\n").unwrap();
        }
        let targets = [Language::EN];
        let found = find(&[path("in")], false, &path("in/out"), &targets).unwrap();
        let names: Vec<&Path> = found.inputs.iter().map(|input| &*input.relative).collect();
        assert_eq!(names, [Path::new("x/y.lines"), Path::new("x.txt")]);
        assert!(found.notes[0].starts_with("1 files"), "{:?}", found.notes);

        let twice = [path("in/x.txt"), path("in2/x.txt")];
        let error = find(&twice, false, &path("out"), &targets).unwrap_err();
        assert!(error.to_string().contains("x.en.txt"), "{error}");
        let same = [path("in/x.txt"), path("in/x.txt")];
        assert_eq!(
            find(&same, false, &path("out"), &targets)
                .unwrap()
                .inputs
                .len(),
            1
        );
        let pattern = [path("in*/*.txt")];
        let found = find(&pattern, false, &path("in/out"), &targets).unwrap();
        assert_eq!(found.inputs.len(), 2);
        for nothing in ["nothing.txt", "in/*.md", "in/p.pdf"] {
            assert!(
                find(&[path(nothing)], false, &path("out"), &targets).is_err(),
                "{nothing}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "a\n").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let names = [folder.path().to_path_buf()];
        let found = find(&names, false, Path::new("out"), &[Language::EN]).unwrap();
        assert_eq!(found.inputs.len(), 1);
        assert!(found.notes[0].contains("loop"), "{:?}", found.notes);
    }
}
