//! `dolmetsch translate`

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use candle_core::Device;
use dolmetsch::catalog::{Catalog, ModelSource};
use dolmetsch::hub::{Hub, HubOptions, Progress};
use dolmetsch::language::{Language, LanguagePair};
use dolmetsch::reader::Article;
use dolmetsch::route::{Leg, Route};
use dolmetsch::tokenizer::Normalization;
use dolmetsch::writer::{Origin, TargetPosition, write_jsonl, write_text};
use dolmetsch::{Document, Model, Options, Segmenter, Translation, Translator};
use indicatif::{ProgressBar, ProgressStyle};

use super::download_bars::DownloadBars;
use crate::cli::{Format, Normalize, Translate};

/// Sentences that are translated before their translations are written: enough
/// to sort by length, few enough to see progress.
const WINDOW: usize = 256;

/// Translates the inputs to stdout.
pub fn run(options: &Translate) -> anyhow::Result<()> {
    let standard_input = [PathBuf::from("-")];
    let inputs = if options.inputs.is_empty() {
        &standard_input[..]
    } else {
        &options.inputs
    };
    let documents: Vec<Document> = inputs
        .iter()
        .map(|path| read(path, options))
        .collect::<Result<_, _>>()?;
    let targets = targets(options)?;
    let sentences: usize = documents
        .iter()
        .map(|document| document.sentences().len())
        .sum();
    let job = Job {
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

/// A language to translate into, with what does it.
struct Target {
    language: Language,
    via: Option<Language>,
    route: Route,
}

/// The targets in the order in which they were asked for.
fn targets(options: &Translate) -> anyhow::Result<Vec<Target>> {
    let mut models = Models::new(options)?;
    let mut targets: Vec<Target> = Vec::new();
    for &language in &options.to {
        if targets.iter().any(|target| target.language == language) {
            continue;
        }
        let via = options.via.filter(|&via| via != language);
        let route = match via {
            None => Route::Direct(models.leg(&options.model, options.from, language)?),
            Some(via) => {
                // Two models are one for each leg; folders do not say what they translate.
                let (there, onward) = match &options.model[..] {
                    [there, onward] => (from_ref(there), from_ref(onward)),
                    names => (names, names),
                };
                Route::Pivot {
                    first: models.leg(there, options.from, via)?,
                    second: models.leg(onward, via, language)?,
                }
            }
        };
        targets.push(Target {
            language,
            via,
            route,
        });
    }
    Ok(targets)
}

/// The models that are in use; each is loaded once.
struct Models<'a> {
    options: &'a Translate,
    catalog: Catalog,
    hub: Hub,
    loaded: Vec<(ModelSource, Arc<Translator>)>,
}

impl<'a> Models<'a> {
    fn new(options: &'a Translate) -> dolmetsch::Result<Self> {
        let mut hub_options = HubOptions::from_env()?;
        hub_options.offline |= options.offline;
        let (catalog, hub) = (Catalog::load()?, Hub::new(hub_options)?);
        Ok(Self {
            options,
            catalog,
            hub,
            loaded: Vec::new(),
        })
    }

    /// The first of the named models that translates a pair; without names, the
    /// pair's default.
    fn leg(&mut self, names: &[String], source: Language, target: Language) -> anyhow::Result<Leg> {
        let pair = LanguagePair::new(source, target);
        if names.is_empty() {
            let spec = self.catalog.default_for(pair)?.clone();
            return self.leg_of(&ModelSource::Catalog(Box::new(spec)), pair);
        }
        let mut first_error = None;
        for name in names {
            let source = ModelSource::parse(name, &self.catalog)?;
            match self.leg_of(&source, pair) {
                Err(error) if names.len() > 1 => first_error = first_error.or(Some(error)),
                leg => return leg,
            }
        }
        Err(first_error.expect("at least one model was tried"))
    }

    fn leg_of(&mut self, source: &ModelSource, pair: LanguagePair) -> anyhow::Result<Leg> {
        let known = self.loaded.iter().find(|(other, _)| other == source);
        let translator = if let Some((_, translator)) = known {
            Arc::clone(translator)
        } else {
            let translator = Arc::new(load(source, &self.hub, self.options)?);
            self.loaded.push((source.clone(), Arc::clone(&translator)));
            translator
        };
        let tag = translator.model().target_tag(pair)?;
        Ok(Leg { translator, tag })
    }
}

#[expect(clippy::print_stderr, reason = "users must know what translates")]
fn load(source: &ModelSource, hub: &Hub, options: &Translate) -> anyhow::Result<Translator> {
    let mut bars = DownloadBars::new();
    let mut on_progress = |progress: Progress<'_>| bars.show(progress);
    let mut model = Model::load(source, hub, &mut on_progress, &Device::Cpu)?;
    if matches!(source, ModelSource::Catalog(spec) if spec.remote().is_none()) {
        eprintln!(
            "note: this is the small built-in model; without --model builtin a full-quality one is fetched and used"
        );
    }
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
    Ok(Translator::new(model, &options)?)
}

/// Everything that stays the same while the documents are translated.
struct Job {
    progress: ProgressBar,
    tokens: bool,
}

impl Job {
    /// One target after the other, each in the layout of the source.
    fn write_text(
        &self,
        output: &mut dyn Write,
        documents: &[Document],
        targets: &[Target],
    ) -> anyhow::Result<()> {
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
    fn write_jsonl(
        &self,
        output: &mut dyn Write,
        documents: &[Document],
        targets: &[Target],
    ) -> anyhow::Result<()> {
        for (number, document) in documents.iter().enumerate() {
            let mut positions: Vec<TargetPosition> =
                targets.iter().map(|_| TargetPosition::default()).collect();
            for first in windows(document) {
                let by_target: Vec<Vec<Translation>> = targets
                    .iter()
                    .map(|target| self.translate(document, first, target))
                    .collect::<Result<_, _>>()?;
                for index in 0..by_target.first().map_or(0, Vec::len) {
                    for ((target, translations), position) in
                        targets.iter().zip(&by_target).zip(&mut positions)
                    {
                        let translation = &translations[index];
                        let origin = Origin {
                            document: number,
                            sentence: document.sentences()[first + index],
                            target_span: position.next(document, first + index, translation),
                            target_lang: target.language.code(),
                            via_lang: target.via.as_ref().map(Language::code),
                            model: &target.route.model(),
                            revision: &target.route.revision(),
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
    fn translate(
        &self,
        document: &Document,
        first: usize,
        target: &Target,
    ) -> dolmetsch::Result<Vec<Translation>> {
        let window = document.sentences()[first..].iter().take(WINDOW);
        let sentences: Vec<&str> = window
            .map(|sentence| sentence.span.of(document.text()))
            .collect();
        let finished = |count: usize| self.progress.inc(count as u64);
        target.route.translate(&sentences, &finished)
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
