//! The languages that are asked for, and the models that lead there.

use std::slice::from_ref;
use std::sync::Arc;

use candle_core::Device;
use dolmetsch::catalog::{Catalog, ModelSource};
use dolmetsch::hub::{Hub, HubOptions, Progress};
use dolmetsch::language::{Language, LanguagePair};
use dolmetsch::route::{Leg, Route};
use dolmetsch::tokenizer::Normalization;
use dolmetsch::{Model, Options, Translator};

use super::download_bars::DownloadBars;
use crate::cli::{Normalize, Translate};

/// A language to translate into, with what does it.
pub(crate) struct Target {
    pub(crate) language: Language,
    pub(crate) via: Option<Language>,
    pub(crate) route: Route,
}

/// The targets in the order in which they were asked for.
pub(crate) fn targets(options: &Translate) -> anyhow::Result<Vec<Target>> {
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
    let built_in = matches!(source, ModelSource::Catalog(spec) if spec.remote().is_none());
    if built_in && !options.quiet {
        eprintln!(
            "note: this is the small built-in model; leave out --model for a full-quality one"
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
        keep_verbatim: !options.no_verbatim,
        n_best: options.n_best,
    };
    Ok(Translator::new(model, &options)?)
}
