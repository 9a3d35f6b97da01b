//! Where translations are written: standard output, one file, or a file for
//! each input and target.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, StdoutLock, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dolmetsch::Error;
use dolmetsch::language::Language;
use dolmetsch::writer::{
    BilingualFile, Origin, Page, TargetName, TargetPosition, Tmx, Window, Wrapper, Xliff,
    write_jsonl, write_n_best, write_pharaoh, write_text, write_tsv,
};
use tempfile::NamedTempFile;

use crate::cli::Format;

/// What is written, and how.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) format: Format,
    pub(crate) source: Language,
    pub(crate) targets: &'a [TargetName],
    pub(crate) tokens: bool,
    pub(crate) n_best: usize,
    /// Columns of a line of text, if paragraphs are to be wrapped.
    pub(crate) wrap: Option<usize>,
}

/// One output for all inputs: the targets side by side where the format has
/// room for that, else one after the other.
pub(crate) struct Output<'a, W: Write> {
    shape: Shape<'a>,
    writer: W,
    /// What is written of the targets after the first, until all is read.
    later: Vec<BufWriter<File>>,
    positions: Vec<TargetPosition>,
    /// For each target, if paragraphs are to be wrapped.
    wrappers: Vec<Wrapper>,
    sentences: usize,
    /// What writes a format whose file has a beginning and an end.
    file: Option<Box<dyn BilingualFile>>,
}

impl<'a, W: Write> Output<'a, W> {
    pub(crate) fn new(shape: Shape<'a>, mut writer: W) -> Result<Self> {
        let one_after_the_other = matches!(shape.format, Format::Text | Format::Pharaoh);
        let mut later = Vec::new();
        if one_after_the_other && shape.targets.len() > 1 {
            writeln!(writer, "=== {} ===", shape.targets[0].language)?;
            for _ in &shape.targets[1..] {
                let file = tempfile::tempfile().context("could not make a temporary file")?;
                later.push(BufWriter::new(file));
            }
        }
        let positions = vec![TargetPosition::default(); shape.targets.len()];
        let wrappers = shape.wrap.map_or_else(Vec::new, |width| {
            shape.targets.iter().map(|_| Wrapper::new(width)).collect()
        });
        Ok(Self {
            shape,
            writer,
            later,
            positions,
            wrappers,
            sentences: 0,
            file: bilingual_file(shape),
        })
    }

    /// Writes a window, and makes sure that it has left this program.
    pub(crate) fn write(&mut self, window: &Window) -> Result<()> {
        match self.shape.format {
            Format::Text | Format::Pharaoh => self.write_apart(window)?,
            Format::Jsonl => self.write_records(window)?,
            Format::Tsv => write_tsv(&mut self.writer, window)?,
            Format::Html | Format::Tmx | Format::Xliff => {
                if let Some(file) = &mut self.file {
                    file.write(&mut self.writer, window)?;
                }
            }
        }
        self.sentences += window.translations[0].len();
        self.writer.flush()?;
        Ok(())
    }

    fn write_apart(&mut self, window: &Window) -> io::Result<()> {
        let writers = std::iter::once(&mut self.writer as &mut dyn Write)
            .chain(self.later.iter_mut().map(|later| later as &mut dyn Write));
        let mut wrappers = self.wrappers.iter_mut();
        for (writer, translations) in writers.zip(window.translations) {
            if self.shape.format == Format::Pharaoh {
                for translation in translations {
                    write_pharaoh(writer, translation)?;
                }
            } else if self.shape.n_best > 1 {
                for (index, translation) in translations.iter().enumerate() {
                    write_n_best(writer, self.sentences + index, translation)?;
                }
            } else if let Some(wrapper) = wrappers.next() {
                wrapper.write(writer, window.document, window.first, translations)?;
            } else {
                write_text(writer, window.document, window.first, translations)?;
            }
        }
        Ok(())
    }

    fn write_records(&mut self, window: &Window) -> io::Result<()> {
        if window.document.sentences().is_empty() {
            self.positions
                .iter_mut()
                .for_each(|position| position.skip(window.document));
        }
        for index in 0..window.translations[0].len() {
            let sentence = window.first + index;
            let targets = self.shape.targets.iter().zip(window.translations);
            for ((target, translations), position) in targets.zip(&mut self.positions) {
                let translation = &translations[index];
                let origin = Origin {
                    document: window.input,
                    sentence: window.document.sentences()[sentence],
                    source_span: window.document.source_span(sentence),
                    target_span: position.next(window.document, sentence, translation),
                    target_lang: target.language.code(),
                    via_lang: target.via.as_ref().map(Language::code),
                    model: &target.model,
                    revision: &target.revision,
                    tokens: self.shape.tokens,
                    n_best: self.shape.n_best > 1,
                };
                write_jsonl(&mut self.writer, origin, translation)?;
            }
        }
        Ok(())
    }

    /// Puts a line feed behind an input that ends without one, so that the next
    /// one does not go on in its last line.
    pub(crate) fn end_line(&mut self) -> Result<()> {
        if self.shape.format == Format::Text && self.shape.n_best <= 1 {
            self.writer.write_all(b"\n")?;
            for later in &mut self.later {
                later.write_all(b"\n")?;
            }
        }
        self.positions.iter_mut().for_each(TargetPosition::end_line);
        Ok(())
    }

    /// Writes what has waited, and gives the writer back.
    pub(crate) fn finish(mut self) -> Result<W> {
        for (later, target) in self.later.into_iter().zip(&self.shape.targets[1..]) {
            let mut file = later.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            writeln!(self.writer, "\n=== {} ===", target.language)?;
            io::copy(&mut file, &mut self.writer)?;
        }
        if let Some(mut file) = self.file {
            file.finish(&mut self.writer)?;
        }
        self.writer.flush()?;
        Ok(self.writer)
    }
}

fn bilingual_file(shape: Shape) -> Option<Box<dyn BilingualFile>> {
    let targets = shape.targets.to_vec();
    Some(match shape.format {
        Format::Html => Box::new(Page::new(shape.source, targets)),
        Format::Tmx => Box::new(Tmx::new(shape.source, targets)),
        Format::Xliff => Box::new(Xliff::new(shape.source, targets.into_iter().next()?)),
        Format::Text | Format::Jsonl | Format::Tsv | Format::Pharaoh => return None,
    })
}

/// Refuses outputs that would take the place of an input.
pub(crate) fn spare_inputs<'a>(
    outputs: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> dolmetsch::Result<()> {
    let file = |path: &Path| fs::canonicalize(path).ok().filter(|path| path.is_file());
    let inputs: HashSet<PathBuf> = inputs.into_iter().filter_map(file).collect();
    let is_input = |path: &&Path| file(path).is_some_and(|path| inputs.contains(&path));
    match outputs.into_iter().find(is_input) {
        None => Ok(()),
        Some(path) => Err(Error::Options(format!(
            "{} is an input, and would be written over (name another file or folder for the output)",
            path.display()
        ))),
    }
}

/// An output file. It gets its name when it is complete; until then what had the
/// name stays as it was. A device or a pipe is written to directly.
pub(crate) struct NewFile {
    path: PathBuf,
    file: BufWriter<Destination>,
}

enum Destination {
    Temporary(NamedTempFile),
    Direct(File),
}

impl NewFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        // What a link points to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let cannot_write = |error| Error::io("write", &path)(error);
        let existing = fs::metadata(&path).ok();
        let destination = match &existing {
            Some(metadata) if !metadata.is_file() => {
                let file = fs::OpenOptions::new().write(true).open(&path);
                Destination::Direct(file.map_err(cannot_write)?)
            }
            _ => {
                let file = temporary(&path, existing.as_ref()).map_err(cannot_write)?;
                super::interrupt::remove_on_interrupt(file.path());
                Destination::Temporary(file)
            }
        };
        let file = BufWriter::new(destination);
        Ok(Self { path, file })
    }

    /// Makes sure that the bytes are on the disk, and gives the file its name.
    pub(crate) fn commit(self) -> Result<()> {
        let Self { path, file } = self;
        let finish = || match file.into_inner().map_err(io::IntoInnerError::into_error)? {
            Destination::Direct(_) => Ok(()),
            Destination::Temporary(file) => {
                let temporary = file.path().to_path_buf();
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|error| error.error)?;
                super::interrupt::forget(&temporary);
                Ok(())
            }
        };
        finish()
            .map_err(Error::io("write", &path))
            .map_err(Into::into)
    }
}

/// A file beside `path`, with the permissions that `path` has or would get.
fn temporary(path: &Path, existing: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // A longer name may be more than the file system allows.
    builder.prefix(".dolmetsch-").suffix(".tmp");
    if let Some(metadata) = existing {
        builder.permissions(metadata.permissions());
    } else {
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Temporary(file) => file.write(bytes),
            Self::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Temporary(file) => file.flush(),
            Self::Direct(file) => file.flush(),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { path, file } = self;
        file.write(bytes)
            .map_err(|error| named(path.display(), &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let Self { path, file } = self;
        file.flush().map_err(|error| named(path.display(), &error))
    }
}

/// Standard output, whose errors name it.
pub(crate) struct StandardOutput(BufWriter<StdoutLock<'static>>);

impl StandardOutput {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .write(bytes)
            .map_err(|error| named("standard output", &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0
            .flush()
            .map_err(|error| named("standard output", &error))
    }
}

/// An error of the same kind that says what could not be written.
fn named(output: impl fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("could not write {output}: {error}"))
}

/// `folder/stem.target.ext` for an input and a target, `folder/stem.ext` for
/// all targets.
pub(crate) fn path_in(
    folder: &Path,
    input: &Path,
    target: Option<Language>,
    format: Format,
) -> PathBuf {
    let mut name = if input == Path::new("-") {
        OsString::from("stdin")
    } else {
        input.file_stem().unwrap_or_default().to_owned()
    };
    if let Some(target) = target {
        name.push(format!(".{target}"));
    }
    name.push(format!(".{}", format.extension()));
    folder.join(name)
}
