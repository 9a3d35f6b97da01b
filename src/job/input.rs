//! Which files are translated, and what their translations are called.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;
use walkdir::WalkDir;

use super::REJECTED;
use super::compression::Compression;
use super::format::Format;
use super::prepare;
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
/// When a name means nothing, a file cannot be translated, two files would have
/// translations of the same name, or a translation would be an input.
pub fn find(names: &[PathBuf], lines: bool, output: &Path, targets: &[Language]) -> Result<Found> {
    let mut search = Search {
        lines,
        output: fs::canonicalize(output).ok(),
        found: BTreeMap::new(),
        roots: Vec::new(),
        others: BTreeSet::new(),
        notes: Vec::new(),
    };
    for name in names {
        let pattern = name.to_string_lossy();
        if name.is_dir() {
            search.root(name);
            search.folder(name, name)?;
        } else if name.exists() || !pattern.contains(['*', '?', '[']) {
            search.file(name)?;
        } else {
            search.pattern(&pattern)?;
        }
    }
    if !search.others.is_empty() {
        search.notes.push(format!(
            "{} files of other kinds are left alone (.txt, .lines, .jsonl, .tsv and .parquet are read, text also as .gz and .zst)",
            search.others.len()
        ));
    }
    search.drop_own(output, targets);
    search.spare_inputs(output, targets)?;
    let inputs = search.found.into_values().collect::<Vec<Input>>();
    if inputs.is_empty() {
        return Err(Error::Options(
            "there is nothing to translate in what was named (.txt, .lines, .jsonl, .tsv and .parquet are read)".to_owned(),
        ));
    }
    refuse_collisions(&inputs, targets)?;
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
    /// Folders that are read, as canonical paths.
    roots: Vec<PathBuf>,
    /// Files of other kinds.
    others: BTreeSet<PathBuf>,
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
        if !self.add(path.to_path_buf(), name)? {
            return Err(Error::Options(format!(
                "{} is of no kind that is known here: its name must end in .txt, .lines, .jsonl, .tsv or .parquet (or add --lines, for a segment a line)",
                path.display()
            )));
        }
        Ok(())
    }

    /// Notes that a folder is read; its canonical path.
    fn root(&mut self, folder: &Path) -> PathBuf {
        let is_here = folder.as_os_str().is_empty();
        let folder = if is_here { Path::new(".") } else { folder };
        let root = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        self.roots.push(root.clone());
        root
    }

    /// Takes out what an earlier run of the job has written to `output`: where the
    /// inputs are in the same folder, a shell's `*` names that too.
    fn drop_own(&mut self, output: &Path, targets: &[Language]) {
        let own = prepare::own_outputs(output);
        let outputs = self.outputs(targets).filter(|name| own.contains(name));
        let paths: HashSet<PathBuf> = outputs
            .filter_map(|name| fs::canonicalize(output.join(name)).ok())
            .collect();
        let before = self.found.len();
        self.found.retain(|(_, path), _| !paths.contains(path));
        match before - self.found.len() {
            0 => {}
            dropped => self.notes.push(format!(
                "{dropped} files are what this job has written, and not read"
            )),
        }
    }

    /// What the job writes, by its path below the output folder.
    fn outputs(&self, targets: &[Language]) -> impl Iterator<Item = PathBuf> {
        self.found
            .values()
            .flat_map(|input| targets.iter().map(|&target| input.output(target)))
            .chain([REJECTED.into()])
    }

    /// Nothing that the job writes may be one of its inputs, now or in its next
    /// run.
    fn spare_inputs(&self, output: &Path, targets: &[Language]) -> Result<()> {
        let paths: HashSet<&PathBuf> = self.found.keys().map(|(_, path)| path).collect();
        let own = self.output.iter();
        let own: Vec<&PathBuf> = own
            .flat_map(|output| {
                self.roots
                    .iter()
                    .filter(move |root| root.starts_with(output))
            })
            .collect();
        for name in self.outputs(targets) {
            let path = output.join(&name);
            if fs::canonicalize(&path).is_ok_and(|path| paths.contains(&path)) {
                return Err(Error::Options(format!(
                    "{} is an input, and would be written over (choose another --output-dir)",
                    path.display()
                )));
            }
            let path = self.output.as_ref().unwrap_or(&path).join(&name);
            if let Some(root) = own.iter().find(|root| path.starts_with(root)) {
                return Err(Error::Options(format!(
                    "translations would be written to {}, among the inputs (choose another --output-dir, or name the files one by one)",
                    root.display()
                )));
            }
        }
        Ok(())
    }

    /// Reads a folder, whose files are called by their paths below `base`.
    fn folder(&mut self, folder: &Path, base: &Path) -> Result<()> {
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
                    let error = error.into_io_error();
                    return Err(Error::io("read", &path)(error.unwrap_or_else(|| {
                        // Only circles have none.
                        std::io::Error::other("it lies in itself")
                    })));
                }
                Ok(entry) => entry,
            };
            if entry.file_type().is_file() {
                if Format::of_name(entry.file_name()).is_some() {
                    self.add_below(base, entry.into_path())?;
                } else {
                    self.others.insert(entry.into_path());
                }
            }
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<()> {
        let as_shells_do = MatchOptions {
            require_literal_leading_dot: true,
            ..MatchOptions::new()
        };
        // Alone it means folders, and those below the first only.
        let files = if pattern.ends_with("**") { "/*" } else { "" };
        let paths = glob::glob_with(&format!("{pattern}{files}"), as_shells_do)
            .map_err(|error| Error::Options(format!("{pattern} is no valid pattern: {error}")))?;
        let base = fixed_folder(pattern);
        let root = self.root(&base);
        let is_outside = |output: &&PathBuf| !root.starts_with(output);
        let output = self.output.clone().as_ref().filter(is_outside).cloned();
        let before = self.found.len() + self.others.len();
        for path in paths {
            let path = path.map_err(|error| {
                let unreadable = error.path().to_path_buf();
                Error::io("read", &unreadable)(error.into())
            })?;
            let inside = |output: &PathBuf| {
                fs::canonicalize(&path).is_ok_and(|path| path.starts_with(output))
            };
            if output.as_ref().is_some_and(inside) {
                continue;
            }
            if path.is_dir() {
                self.folder(&path, &base)?;
            } else if path.is_file() {
                self.add_below(&base, path)?;
            }
        }
        if self.found.len() + self.others.len() == before {
            return Err(Error::Options(format!("no file matches {pattern}")));
        }
        Ok(())
    }

    /// [`Search::add`] for a file below a folder.
    fn add_below(&mut self, base: &Path, path: PathBuf) -> Result<()> {
        let relative = path.strip_prefix(base).unwrap_or(&path).to_path_buf();
        if !self.add(path.clone(), relative)? {
            self.others.insert(path);
        }
        Ok(())
    }

    /// Whether the file is of a kind that can be translated.
    fn add(&mut self, path: PathBuf, relative: PathBuf) -> Result<bool> {
        if path.to_str().is_none() {
            return Err(Error::Options(format!(
                "{} has a name that is no UTF-8, which the job's state cannot hold (rename it)",
                path.display()
            )));
        }
        let Some(input) = Input::new(path, relative, self.lines) else {
            return Ok(false);
        };
        let identity = fs::canonicalize(&input.path).unwrap_or_else(|_| input.path.clone());
        self.found.insert((input.relative.clone(), identity), input);
        Ok(true)
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

/// Two inputs must not be written to one file.
fn refuse_collisions(inputs: &[Input], targets: &[Language]) -> Result<()> {
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
        let names = |pattern: &str| -> Vec<PathBuf> {
            let found = find(&[path(pattern)], false, &path("in/out"), &targets).unwrap();
            found
                .inputs
                .into_iter()
                .map(|input| input.relative)
                .collect()
        };
        assert_eq!(
            names("in*/*.txt"),
            [Path::new("in/x.txt"), Path::new("in2/x.txt")]
        );
        // Not what is hidden, and folders with all that is in them.
        let all = [Path::new("x/y.lines"), Path::new("x.txt")];
        for pattern in ["in/*", "in/**", "in/**/*"] {
            assert_eq!(names(pattern), all, "{pattern}");
        }
        for nothing in ["nothing.txt", "in/*.md", "in/p.pdf"] {
            assert!(
                find(&[path(nothing)], false, &path("out"), &targets).is_err(),
                "{nothing}"
            );
        }
    }

    /// Neither now nor in the next run, when the translations are there.
    #[test]
    fn a_translation_is_never_an_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [
            "x.txt",
            "x.en.txt",
            "rejected.jsonl",
            "in/y.txt",
            "in/z/in/z/y.txt",
        ] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), "a\n").unwrap();
        }
        for (names, output, allowed) in [
            (&["x.txt"][..], "", true),
            (&["x.txt", "x.en.txt"], "", false),
            (&["x.txt", "x.en.txt"], "in", true),
            (&["rejected.jsonl"], "", false),
            (&["in"], "in", false),
            (&["in/*.txt"], "in", false),
            (&["in"], "", true),
            (&["in/*.txt"], "", true),
            // Its relative path leads back into the folder.
            (&["in/z"], "", false),
        ] {
            let names: Vec<PathBuf> = names.iter().map(|name| path(name)).collect();
            let found = find(&names, false, &path(output), &[Language::EN]);
            assert_eq!(found.is_ok(), allowed, "{names:?} {output} {found:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_utf_8_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(OsStr::from_bytes(b"gr\xfcn.txt")), "a\n").unwrap();
        let names = [folder.path().to_path_buf()];
        let error = find(&names, false, Path::new("out"), &[Language::EN]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
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
