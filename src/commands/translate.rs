//! `dolmetsch translate`

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dolmetsch::alignment::Links;
use dolmetsch::reader::{Layout, Reader, TextEncoding};
use dolmetsch::writer::{TargetName, Window};
use dolmetsch::{Document, Error, Language, Translation};

use super::language_check::{LanguageCheck, flag_languages};
use super::output::{NewFile, Output, Shape, StandardOutput, path_in, spare_inputs};
use super::progress::Progress;
use super::summary::Summary;
use super::targets::{Request, Target, targets};
use crate::cli::{Format, GuardMode, GuardOptions, SegmentationOptions, SplitSentences, Translate};

/// Sentences that are translated before their translations are written: enough
/// to sort by length, few enough to see progress.
const WINDOW: usize = 1024;

/// Translates the inputs.
pub fn run(options: &Translate) -> anyhow::Result<()> {
    let standard_input = [PathBuf::from("-")];
    let inputs = if options.inputs.is_empty() {
        &standard_input[..]
    } else {
        &options.inputs
    };
    check_inputs(inputs)?;
    spare_inputs(options.output.as_deref(), paths(inputs))?;
    check_format(options)?;
    check_guard(&options.guard, options.strict)?;
    let layout = layout(options.lines, &options.segmentation)?;
    let targets = targets(Request {
        models: &options.models,
        search: &options.search,
        machine: &options.machine,
        guard: options.guard.guard,
        n_best: options.n_best,
        quiet: options.quiet,
    })?;
    super::interrupt::install()?;
    let names: Vec<TargetName> = targets.iter().map(Target::name).collect();
    let shape = Shape {
        format: options.format,
        source: options.models.from,
        targets: &names,
        tokens: options.tokens,
        n_best: options.n_best,
        wrap: options.wrap.filter(|_| !matches!(layout, Layout::Lines)),
    };
    let job = Job {
        inputs,
        layout,
        encoding: options.encoding.encoding,
        source: options.models.from,
        targets: &targets,
        progress: Progress::new(inputs, options.quiet),
        min_confidence: options.guard.min_confidence,
        summaries: RefCell::new(Vec::new()),
    };
    match (&options.output, &options.output_dir) {
        (Some(path), _) => job.write(shape, NewFile::create(path)?)?.commit()?,
        (None, Some(folder)) => job.write_files(shape, folder)?,
        (None, None) => drop(job.write(shape, StandardOutput::new())?),
    }
    job.progress.finish();
    job.report(options)
}

/// What can be said of the guard's options.
pub(crate) fn check_guard(options: &GuardOptions, strict: bool) -> dolmetsch::Result<()> {
    let needs_guard = strict || options.min_confidence.is_some();
    if options.guard == GuardMode::Off && needs_guard {
        return Err(Error::Options(
            "--strict and --min-confidence need --guard on or --guard report".to_owned(),
        ));
    }
    Ok(())
}

/// Leaves the source in the place of translations with less confidence than
/// `--min-confidence`; an empty line stays empty.
pub(crate) fn withhold(translations: &mut [Translation], min_confidence: Option<f32>) {
    let enough = min_confidence.unwrap_or(0.0);
    for translation in translations {
        let is_doubtful = translation.confidence.is_some_and(|x| x < enough);
        if is_doubtful && !translation.source.trim().is_empty() {
            translation.withhold();
        }
    }
}

fn paths(files: &[PathBuf]) -> impl Iterator<Item = &Path> {
    files.iter().map(PathBuf::as_path)
}

/// What can be said of the inputs before a model is loaded.
fn check_inputs(inputs: &[PathBuf]) -> dolmetsch::Result<()> {
    for path in inputs.iter().filter(|path| *path != Path::new("-")) {
        let metadata = std::fs::metadata(path).map_err(Error::io("read", path))?;
        if metadata.is_dir() {
            return Err(Error::io("read", path)(io::ErrorKind::IsADirectory.into()));
        }
    }
    Ok(())
}

fn check_format(options: &Translate) -> dolmetsch::Result<()> {
    if options.n_best > 1 && !matches!(options.format, Format::Text | Format::Jsonl) {
        return Err(Error::Options(
            "--n-best goes with --format text or --format jsonl".to_owned(),
        ));
    }
    if options.search.alignment == Links::Soft && options.format == Format::Pharaoh {
        return Err(Error::Options(
            "--alignment soft goes with --format jsonl: links i-j have no scores".to_owned(),
        ));
    }
    if options.output_dir.is_some() {
        return Ok(());
    }
    let languages = &options.models.to;
    let several = languages.iter().any(|language| *language != languages[0]);
    let lines = options.lines || options.segmentation.split_sentences == SplitSentences::Lines;
    let reason = match options.format {
        Format::Xliff if several => {
            "an XLIFF file holds one target language (give --output-dir FOLDER for a file for each, or one --to)"
        }
        // One line out for each line in: a heading would be one too many.
        Format::Text if several && lines => {
            "--lines writes one line for each line of the input, which is not possible for text in several languages (add --format tsv for columns, or --output-dir for a file each)"
        }
        Format::Pharaoh if several => {
            "--format pharaoh writes one line for each sentence, which is not possible for several languages (add --output-dir for a file each)"
        }
        _ => return Ok(()),
    };
    Err(Error::Options(reason.to_owned()))
}

/// How the input is cut; `lines` is the switch of that name.
pub(crate) fn layout(lines: bool, options: &SegmentationOptions) -> dolmetsch::Result<Layout> {
    if lines || options.split_sentences == SplitSentences::Lines {
        return Ok(Layout::Lines);
    }
    if options.split_sentences == SplitSentences::None {
        return Ok(Layout::Paragraphs);
    }
    Ok(Layout::Prose(super::segmenter(
        options.abbreviations.as_deref(),
    )?))
}

/// Everything that stays the same while the inputs are translated.
struct Job<'a> {
    inputs: &'a [PathBuf],
    layout: Layout,
    encoding: TextEncoding,
    source: Language,
    targets: &'a [Target],
    progress: Progress,
    min_confidence: Option<f32>,
    /// For each input and target that was translated, which sentences need a look.
    summaries: RefCell<Vec<Vec<Summary>>>,
}

impl Job<'_> {
    /// Says which sentences need a look.
    #[expect(clippy::print_stderr, reason = "users must know what to check")]
    fn report(&self, options: &Translate) -> anyhow::Result<()> {
        if options.guard.guard == GuardMode::Off {
            return Ok(());
        }
        let summaries = self.summaries.borrow();
        let mut lines = Vec::new();
        for (input, of_input) in self.inputs.iter().zip(&*summaries) {
            for (target, summary) in self.targets.iter().zip(of_input) {
                let Some(text) = summary.text() else { continue };
                let mut of_what = Vec::new();
                if self.inputs.len() > 1 {
                    of_what.push(input.display().to_string());
                }
                if self.targets.len() > 1 {
                    of_what.push(target.language.to_string());
                }
                of_what.push(text);
                lines.push(of_what.join(": "));
            }
        }
        if options.strict && !lines.is_empty() {
            return Err(Error::Strict(lines.join("\n")).into());
        }
        if !options.quiet {
            for line in lines {
                eprintln!("{line}");
            }
        }
        Ok(())
    }

    /// All inputs into one output.
    fn write<W: Write>(&self, shape: Shape, writer: W) -> anyhow::Result<W> {
        let mut output = Output::new(shape, writer)?;
        for (number, input) in self.inputs.iter().enumerate() {
            let whole_lines =
                self.for_each_window(number, input, |window| output.write(&window))?;
            if !whole_lines && number + 1 < self.inputs.len() {
                output.end_line()?;
            }
        }
        output.finish()
    }

    /// A file for each input and target, or for each input if it holds all
    /// targets.
    fn write_files(&self, shape: Shape, folder: &Path) -> anyhow::Result<()> {
        self.check_names(shape, folder)?;
        std::fs::create_dir_all(folder).map_err(Error::io("write", folder))?;
        let targets_of_file = if shape.format.holds_all_targets() {
            shape.targets.len()
        } else {
            1
        };
        for (number, input) in self.inputs.iter().enumerate() {
            let mut outputs = Vec::new();
            for targets in shape.targets.chunks(targets_of_file) {
                let path = file_in(folder, input, shape.format, &targets[0]);
                outputs.push(Output::new(
                    Shape { targets, ..shape },
                    NewFile::create(&path)?,
                )?);
            }
            self.for_each_window(number, input, |window| {
                let translations = window.translations.chunks(targets_of_file);
                outputs
                    .iter_mut()
                    .zip(translations)
                    .try_for_each(|(output, translations)| {
                        output.write(&Window {
                            translations,
                            ..window
                        })
                    })
            })?;
            for output in outputs {
                output.finish()?.commit()?;
            }
        }
        Ok(())
    }

    /// Two inputs must not be written to one file, nor a translation to an input.
    fn check_names(&self, shape: Shape, folder: &Path) -> dolmetsch::Result<()> {
        let mut names: HashMap<PathBuf, &Path> = HashMap::new();
        for input in self.inputs {
            let name = file_in(folder, input, shape.format, &shape.targets[0]);
            if let Some(other) = names.insert(name, input) {
                return Err(Error::Options(format!(
                    "{} and {} would be written to the same file (rename one, or translate them into different folders)",
                    other.display(),
                    input.display()
                )));
            }
        }
        let of_targets = |target| self.inputs.iter().map(move |input| (input, target));
        let outputs: Vec<PathBuf> = shape
            .targets
            .iter()
            .flat_map(of_targets)
            .map(|(input, target)| file_in(folder, input, shape.format, target))
            .collect();
        spare_inputs(paths(&outputs), paths(self.inputs))
    }

    /// Translates an input window by window into all targets; says whether it is
    /// made of whole lines.
    fn for_each_window(
        &self,
        number: usize,
        path: &Path,
        mut write: impl FnMut(Window) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        let mut whole_lines = true;
        let mut check = LanguageCheck::new(self.source);
        let (name, input) = super::open(Some(path), self.encoding)?;
        let of_targets = self.targets.iter().map(|_| Summary::default()).collect();
        self.summaries.borrow_mut().push(of_targets);
        let short_name = path.file_name().unwrap_or_default().to_string_lossy();
        let short_name = if path == Path::new("-") {
            name.as_str()
        } else {
            &short_name
        };
        for part in Reader::new(&name, input, self.layout.clone()) {
            let document = part?;
            let other_languages = check.part(&name, &document);
            // A part without sentences has one window, so that its text is written.
            for first in (0..document.sentences().len().max(1)).step_by(WINDOW) {
                let mut translations = self.translate(&document, first)?;
                flag_languages(&mut translations, &other_languages[first..]);
                if let Some(summaries) = self.summaries.borrow_mut().last_mut() {
                    for (summary, translations) in summaries.iter_mut().zip(&translations) {
                        for translation in translations {
                            summary.add(&translation.findings);
                        }
                    }
                }
                write(Window {
                    input: number,
                    name: short_name,
                    document: &document,
                    first,
                    translations: &translations,
                })?;
            }
            self.progress.part_done(document.text().len());
            whole_lines = document.text().ends_with('\n');
        }
        Ok(whole_lines)
    }

    /// For each target the translations of the window that starts at `first`.
    fn translate(
        &self,
        document: &Document,
        first: usize,
    ) -> dolmetsch::Result<Vec<Vec<Translation>>> {
        let window = document.sentences()[first..].iter().take(WINDOW);
        let sentences: Vec<&str> = window
            .map(|sentence| sentence.span.of(document.text()))
            .collect();
        let bytes: usize = sentences.iter().map(|sentence| sentence.len()).sum();
        let share = bytes as f64 / (sentences.len() * self.targets.len()).max(1) as f64;
        let progress = &self.progress;
        let finished = |count: usize| progress.sentences_done(count, share);
        self.targets
            .iter()
            .map(|target| {
                let mut translations = target.route.translate(&sentences, &finished)?;
                withhold(&mut translations, self.min_confidence);
                self.progress
                    .tokens_made(translations.iter().map(|done| done.target_ids.len()).sum());
                Ok(translations)
            })
            .collect()
    }
}

/// Where an input's translation into `target` goes, or that into all targets.
fn file_in(folder: &Path, input: &Path, format: Format, target: &TargetName) -> PathBuf {
    let target = (!format.holds_all_targets()).then_some(target.language);
    path_in(folder, input, target, format)
}
