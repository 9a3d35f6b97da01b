//! The languages that are asked for, and the models that lead there.

use std::slice::from_ref;
use std::sync::Arc;

use dolmetsch::catalog::{Catalog, ModelSource};
use dolmetsch::guard::Guard;
use dolmetsch::hub::{Hub, HubOptions, Progress};
use dolmetsch::language::{Language, LanguagePair};
use dolmetsch::route::{Leg, Route};
use dolmetsch::tokenizer::Normalization;
use dolmetsch::writer::TargetName;
use dolmetsch::{EngineChoice, Model, Options, Translator};

use super::download_bars::DownloadBars;
use super::machine;
use crate::cli::{GuardMode, MachineOptions, ModelOptions, Normalize, SearchOptions};

/// What was asked for on the command line.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) models: &'a ModelOptions,
    pub(crate) search: &'a SearchOptions,
    pub(crate) machine: &'a MachineOptions,
    pub(crate) guard: GuardMode,
    /// Hypotheses that a translation carries.
    pub(crate) n_best: usize,
    /// No notes.
    pub(crate) quiet: bool,
}

/// A language to translate into, with what does it.
pub(crate) struct Target {
    pub(crate) language: Language,
    pub(crate) via: Option<Language>,
    pub(crate) route: Route,
}

impl Target {
    /// How its records name it.
    pub(crate) fn name(&self) -> TargetName {
        TargetName {
            language: self.language,
            via: self.via,
            model: self.route.model(),
            revision: self.route.revision(),
        }
    }
}

/// The targets in the order in which they were asked for.
pub(crate) fn targets(request: Request) -> anyhow::Result<Vec<Target>> {
    let engine = machine::engine(&request.machine.engine, request.quiet)?;
    let mut models = Models::new(request, engine)?;
    let options = request.models;
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
    request: Request<'a>,
    engine: EngineChoice,
    catalog: Catalog,
    hub: Hub,
    loaded: Vec<(ModelSource, Arc<Translator>)>,
}

impl<'a> Models<'a> {
    fn new(request: Request<'a>, engine: EngineChoice) -> dolmetsch::Result<Self> {
        let mut hub_options = HubOptions::from_env()?;
        hub_options.offline |= request.models.offline;
        let (catalog, hub) = (Catalog::load()?, Hub::new(hub_options)?);
        Ok(Self {
            request,
            engine,
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
            let translator = Arc::new(self.load(source)?);
            self.loaded.push((source.clone(), Arc::clone(&translator)));
            translator
        };
        let tag = translator.model().target_tag(pair)?;
        let guard = match self.request.guard {
            GuardMode::Off => None,
            mode => Some(Guard::new(pair).with_retries(mode == GuardMode::On)),
        };
        Ok(Leg {
            translator,
            tag,
            guard,
        })
    }

    fn load(&self, source: &ModelSource) -> dolmetsch::Result<Translator> {
        let model = self.load_model(source)?;
        let (search, machine) = (self.request.search, self.request.machine);
        let options = Options {
            beam_size: search.beam,
            length_penalty: search.length_penalty,
            max_length: search.max_length,
            no_repeat_ngram_size: search.no_repeat_ngram_size,
            batch_tokens: machine.batch_tokens,
            threads: machine.threads.map(usize::from),
            keep_verbatim: !search.no_verbatim,
            links: search.alignment,
            n_best: self.request.n_best,
        };
        Translator::new(model, &options)
    }

    #[expect(clippy::print_stderr, reason = "users must know what translates")]
    fn load_model(&self, source: &ModelSource) -> dolmetsch::Result<Model> {
        let mut bars = DownloadBars::new();
        let mut on_progress = |progress: Progress<'_>| bars.show(progress);
        let mut model = Model::load(source, &self.hub, &mut on_progress, self.engine.clone())?;
        let built_in = matches!(source, ModelSource::Catalog(spec) if spec.remote().is_none());
        if built_in && !self.request.quiet {
            eprintln!(
                "note: this is the small built-in model; leave out --model for a full-quality one"
            );
        }
        if self.request.search.normalize == Normalize::None {
            model.tokenizer = model.tokenizer.with_normalization(Normalization::None);
        }
        Ok(model)
    }
}

/// The first of the named models that translates a pair, with its tag; without
/// names, the pair's default.
pub(crate) fn single_model(
    request: Request,
    names: &[String],
    pair: LanguagePair,
) -> anyhow::Result<(Model, Option<String>)> {
    // Given translations are forced on the reference engine.
    let engine = machine::reference_engine(&request.machine.engine, request.quiet)?;
    let models = Models::new(request, engine)?;
    let sources = if names.is_empty() {
        let spec = models.catalog.default_for(pair)?.clone();
        vec![ModelSource::Catalog(Box::new(spec))]
    } else {
        let parse = |name: &String| ModelSource::parse(name, &models.catalog);
        names.iter().map(parse).collect::<dolmetsch::Result<_>>()?
    };
    let mut first_error = None;
    for source in &sources {
        let model = models.load_model(source)?;
        match model.target_tag(pair) {
            Ok(tag) => return Ok((model, tag)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.expect("at least one model was tried").into())
}
