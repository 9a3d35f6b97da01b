//! `dolmetsch translate`

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use candle_core::Device;
use dolmetsch::marian::AttentionHead;
use dolmetsch::reader::Article;
use dolmetsch::tokenizer::Normalization;
use dolmetsch::writer::{Origin, TargetPosition, write_jsonl, write_text};
use dolmetsch::{Document, Error, Model, Options, Segmenter, Translation, Translator};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Format, Normalize, Translate};

/// Sentences that are translated before their translations are written: enough
/// to sort by length, few enough to see progress.
const WINDOW: usize = 256;

/// Translates the inputs to stdout.
pub fn run(options: &Translate) -> anyhow::Result<()> {
    let standard_input = [PathBuf::from("-")];
    let inputs = if options.inputs.is_empty() { &standard_input[..] } else { &options.inputs };
    let documents: Vec<Document> =
        inputs.iter().map(|path| read(path, options)).collect::<Result<_, _>>()?;
    let translator = translator(options)?;
    let targets: Vec<Target> =
        options.to.iter().map(|language| Target::new(language, &translator)).collect::<Result<_, _>>()?;
    let sentences: usize = documents.iter().map(|document| document.sentences().len()).sum();
    let job = Job {
        translator: &translator,
        progress: progress_bar(sentences * targets.len()),
        tokens: options.tokens,
    };
    let mut output = BufWriter::new(io::stdout().lock());
    match options.format {
        Format::Text => job.write_text(&mut output, &documents, &targets)?,
        Format::Jsonl => job.write_jsonl(&mut output, &documents, &targets)?,
    }
    output.flush()?;
    job.progress.finish_and_clear();
    Ok(())
}

fn read(path: &Path, options: &Translate) -> dolmetsch::Result<Document> {
    let article = Article::read(path)?;
    Ok(if options.lines {
        article.into_lines()
    } else {
        article.into_document(&Segmenter::german())
    })
}

fn translator(options: &Translate) -> dolmetsch::Result<Translator> {
    let mut model = load(&options.model)?;
    if options.normalize == Normalize::None {
        model.tokenizer = model.tokenizer.with_normalization(Normalization::None);
    }
    let options = Options {
        beam_size: options.beam,
        length_penalty: options.length_penalty,
        max_length: options.max_length,
        no_repeat_ngram_size: options.no_repeat_ngram_size,
        batch_tokens: options.batch_tokens,
        threads: options.threads.map(usize::from),
        copy_non_prose: !options.lines,
    };
    Translator::new(model, &options)
}

#[expect(clippy::print_stderr, reason = "users must know what translates")]
fn load(name: &str) -> dolmetsch::Result<Model> {
    let device = Device::Cpu;
    if name != "builtin" {
        return Model::from_folder(Path::new(name), AttentionHead::default(), &device);
    }
    #[cfg(feature = "builtin")]
    {
        eprintln!(
            "note: translating with the small built-in model; a full-quality one is used with --model FOLDER (see the README)"
        );
        Model::builtin(&device)
    }
    #[cfg(not(feature = "builtin"))]
    Err(Error::UnknownModel(
        "this program was built without the built-in model; give a model folder with --model".to_owned(),
    ))
}

/// A target language and how the model is told of it.
struct Target<'a> {
    language: &'a str,
    tag: Option<String>,
}

impl<'a> Target<'a> {
    fn new(language: &'a str, translator: &Translator) -> dolmetsch::Result<Self> {
        Ok(Self { language, tag: translator.model().target_tag(language)? })
    }
}

/// Everything that stays the same while the documents are translated.
struct Job<'a> {
    translator: &'a Translator,
    progress: ProgressBar,
    tokens: bool,
}

impl Job<'_> {
    /// One target after the other, each in the layout of the source.
    fn write_text(&self, output: &mut dyn Write, documents: &[Document], targets: &[Target]) -> anyhow::Result<()> {
        for (index, target) in targets.iter().enumerate() {
            if targets.len() > 1 {
                let space = if index > 0 { "\n" } else { "" };
                writeln!(output, "{space}=== {} ===", target.language)?;
            }
            for document in documents {
                for first in windows(document) {
                    let translations = self.translate(document, first, target)?;
                    write_text(output, document, first, &translations)?;
                    output.flush()?;
                }
            }
        }
        Ok(())
    }

    /// Sentence after sentence, for each target a record.
    fn write_jsonl(&self, output: &mut dyn Write, documents: &[Document], targets: &[Target]) -> anyhow::Result<()> {
        for (number, document) in documents.iter().enumerate() {
            let mut positions: Vec<TargetPosition> = targets.iter().map(|_| TargetPosition::default()).collect();
            for first in windows(document) {
                let by_target: Vec<Vec<Translation>> = targets
                    .iter()
                    .map(|target| self.translate(document, first, target))
                    .collect::<Result<_, _>>()?;
                for index in 0..by_target.first().map_or(0, Vec::len) {
                    for ((target, translations), position) in targets.iter().zip(&by_target).zip(&mut positions) {
                        let translation = &translations[index];
                        let origin = Origin {
                            document: number,
                            sentence: document.sentences()[first + index],
                            target_span: position.next(document, first + index, translation),
                            target_lang: target.language,
                            model: &self.translator.model().name,
                            revision: &self.translator.model().revision,
                            tokens: self.tokens,
                        };
                        write_jsonl(output, origin, translation)?;
                    }
                }
                output.flush()?;
            }
        }
        Ok(())
    }

    /// Translates the window that starts at sentence `first`.
    fn translate(&self, document: &Document, first: usize, target: &Target) -> dolmetsch::Result<Vec<Translation>> {
        let window = document.sentences()[first..].iter().take(WINDOW);
        let sentences: Vec<&str> = window.map(|sentence| sentence.span.of(document.text())).collect();
        let finished = |count: usize| self.progress.inc(count as u64);
        self.translator.translate(&sentences, target.tag.as_deref(), &finished)
    }
}

/// The first sentence of each window; a document without sentences has one, so
/// that its text is written.
fn windows(document: &Document) -> impl Iterator<Item = usize> {
    (0..document.sentences().len().max(1)).step_by(WINDOW)
}

/// A bar on stderr, if that is a terminal.
fn progress_bar(sentences: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} sentences, {eta} left")
        .expect("the template is valid");
    let bar = ProgressBar::new(sentences as u64).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
