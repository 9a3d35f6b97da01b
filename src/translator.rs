//! The stages, composed: sentences → plans → parts → batches → hypotheses →
//! translations.

mod assembly;
mod plan;

use rayon::prelude::*;

use crate::alignment::Links;
use crate::batch::SentenceQueue;
use crate::beam_search::{BeamSearch, Hypothesis, MaxLength};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::tokenizer::TokenId;
use crate::translation::{Finding, Flag, Translation};
use crate::verbatim::{Restored, Verbatim, VerbatimKind, restore};
use assembly::{Assembly, assemble};
use plan::{Part, Plan, Splitter};

/// How sentences are translated.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Hypotheses kept for each sentence; the model's own number, else 4, when
    /// `None`. 1 is greedy search.
    pub beam_size: Option<usize>,
    /// Exponent of `score / len ^ length_penalty`; the model's own, else 1.0.
    pub length_penalty: Option<f32>,
    /// Limit in decoder positions, start token included; by default
    /// `3 * source tokens + 8`, at most the model's positions.
    pub max_length: Option<usize>,
    /// No n-gram of this size occurs twice in a translation; 0 = off; the
    /// model's own, else off.
    pub no_repeat_ngram_size: Option<usize>,
    /// Padded source tokens of a batch; when `None`, 1,280 on a processor with a
    /// beam of 4, and on a GPU what its memory has room for.
    pub batch_tokens: Option<usize>,
    /// Worker threads; all cores when `None`.
    pub threads: Option<usize>,
    /// Hypotheses that a translation carries, at most the beam size; 1 = the
    /// best one only.
    pub n_best: usize,
    /// Whether what is not prose (URLs, placeholders, numbers with units, emoji,
    /// segments without a letter) reaches the translation byte for byte.
    pub keep_verbatim: bool,
    /// Which word links a translation carries.
    pub links: Links,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            beam_size: None,
            length_penalty: None,
            max_length: None,
            no_repeat_ngram_size: None,
            batch_tokens: None,
            threads: None,
            n_best: 1,
            keep_verbatim: true,
            links: Links::default(),
        }
    }
}

/// A model and how to use it.
#[derive(Debug)]
pub struct Translator {
    model: Model,
    search: BeamSearch,
    batch_tokens: Option<usize>,
    n_best: usize,
    keep_verbatim: bool,
    links: Links,
    workers: rayon::ThreadPool,
}

impl Translator {
    /// A translator that uses `model` as `options` say.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when an option is impossible for this model.
    pub fn new(model: Model, options: &Options) -> Result<Self> {
        let positions = model.engine.config().max_position_embeddings;
        let vocabulary = model.engine.config().target_vocab_size();
        let generation = &model.generation;
        let search = BeamSearch {
            beam_size: options.beam_size.or(generation.num_beams).unwrap_or(4),
            length_penalty: options
                .length_penalty
                .or(generation.length_penalty)
                .unwrap_or(1.0),
            max_length: match options.max_length {
                Some(limit) if limit > positions => {
                    return Err(Error::Options(format!(
                        "the maximum length {limit} is more than the model's {positions} positions"
                    )));
                }
                Some(limit) => MaxLength::Positions(limit),
                None => MaxLength::Proportional {
                    factor: 3,
                    extra: 8,
                    cap: generation.max_length.unwrap_or(positions).min(positions),
                },
            },
            no_repeat_ngram_size: options
                .no_repeat_ngram_size
                .or(generation.no_repeat_ngram_size)
                .unwrap_or(0),
            repetition_penalty: 1.0,
        };
        if !search.length_penalty.is_finite() || search.length_penalty.abs() > 10.0 {
            return Err(Error::Options(
                "the length penalty must be a number between -10 and 10".to_owned(),
            ));
        }
        if search.beam_size == 0 || 2 * search.beam_size > vocabulary {
            return Err(Error::Options(format!(
                "the beam size must be between 1 and {}, half of the model's vocabulary",
                vocabulary / 2
            )));
        }
        if !(1..=search.beam_size).contains(&options.n_best) {
            return Err(Error::Options(format!(
                "{} best hypotheses cannot be had with a beam size of {}",
                options.n_best, search.beam_size
            )));
        }
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads.unwrap_or(0))
            .build()
            .map_err(|error| Error::Options(format!("could not start worker threads: {error}")))?;
        Ok(Self {
            model,
            search,
            batch_tokens: options.batch_tokens,
            n_best: options.n_best,
            keep_verbatim: options.keep_verbatim,
            links: options.links,
            workers,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Translates sentences: one translation each, in their order.
    ///
    /// `tag` is the target tag of a multilingual model, such as `>>vie<<`.
    /// `finished` is told, from any thread, how many more sentences are done.
    ///
    /// # Errors
    ///
    /// When the model does not know the tag, or memory runs out.
    pub fn translate(
        &self,
        sentences: &[&str],
        tag: Option<&str>,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Translation>> {
        Ok(self.translate_and_keep(sentences, tag, finished)?.0)
    }

    /// As [`Translator::translate`]; with what the searches have found beside.
    pub(crate) fn translate_and_keep<'a>(
        &self,
        sentences: &[&'a str],
        tag: Option<&str>,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<(Vec<Translation>, Vec<Searched<'a>>)> {
        let plan = |sentence: &&'a str| Plan::new(sentence, self.keep_verbatim);
        let plans = self.install(|| sentences.par_iter().map(plan).collect());
        let searched = self.search_plans(plans, tag, &self.search, finished)?;
        let mut translations = self.best_of(&searched);

        // Where something verbatim is lost, the text around it is translated, but
        // not for a number with its unit: that is not worth the pieces.
        let (mut broken, mut again) = (Vec::new(), Vec::new());
        for (index, (searched, translation)) in searched.iter().zip(&mut translations).enumerate() {
            let plan = &searched.plan;
            let mut lost = restore_verbatim(plan, translation);
            if !lost.is_empty() {
                translation.findings.push(missing_entities(&lost));
            }
            lost.retain(|found| found.kind != VerbatimKind::Quantity);
            if !lost.is_empty() {
                broken.push(index);
                again.push(plan.around(&lost));
            }
        }
        let around = self.search_plans(again, tag, &self.search, &|_| ())?;
        let again = self.best_of(&around);
        for ((index, searched), mut translation) in broken.into_iter().zip(&around).zip(again) {
            let lost = restore_verbatim(&searched.plan, &mut translation);
            if !lost.is_empty() {
                translation.findings.push(missing_entities(&lost));
            }
            translations[index] = translation;
        }
        Ok((translations, searched))
    }

    /// Translates sentences again, by another search or clause by clause.
    ///
    /// # Errors
    ///
    /// As [`Translator::translate`].
    pub(crate) fn translate_again<'a>(
        &self,
        sentences: &[&'a str],
        tag: Option<&str>,
        search: &BeamSearch,
        by_clauses: bool,
    ) -> Result<Vec<Searched<'a>>> {
        let plan = |sentence: &&'a str| {
            let plan = Plan::new(sentence, self.keep_verbatim);
            if by_clauses { plan.by_clauses() } else { plan }
        };
        let plans = sentences.iter().map(plan).collect();
        self.search_plans(plans, tag, search, &|_| ())
    }

    /// The hypotheses of a sentence as translations, best first.
    pub(crate) fn ranked(&self, searched: &Searched) -> Vec<Translation> {
        let assembly = self.assembly(1);
        let ranks = searched.hypotheses.iter().map(Vec::len).max().unwrap_or(0);
        (0..ranks)
            .map(|rank| {
                let of_rank = searched.of_rank(rank);
                let plan = &searched.plan;
                let mut translation = assemble(plan, &searched.parts, &of_rank, &assembly);
                restore_verbatim(plan, &mut translation);
                translation
            })
            .collect()
    }

    /// Runs `work` on this translator's threads.
    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.workers.install(work)
    }

    /// How this translator searches.
    pub(crate) fn search(&self) -> &BeamSearch {
        &self.search
    }

    /// The translation of each sentence that was searched.
    fn best_of(&self, searched: &[Searched]) -> Vec<Translation> {
        let assembly = self.assembly(self.n_best);
        let best = |of: &Searched| assemble(&of.plan, &of.parts, &of.hypotheses, &assembly);
        self.install(|| searched.par_iter().map(best).collect())
    }

    /// How translations with `n_best` hypotheses are put together.
    fn assembly(&self, n_best: usize) -> Assembly<'_> {
        Assembly {
            tokenizer: &self.model.tokenizer,
            shift: self.model.alignment_head.shift,
            links: self.links,
            n_best,
        }
    }

    /// The parts of each plan, and what the search finds for them.
    fn search_plans<'a>(
        &self,
        plans: Vec<Plan<'a>>,
        tag: Option<&str>,
        search: &BeamSearch,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Searched<'a>>> {
        let splitter = Splitter::new(&self.model, tag);
        let parts = |plan: &Plan| splitter.parts(plan);
        let parts: Vec<Vec<Part>> =
            self.install(|| plans.par_iter().map(parts).collect::<Result<_>>())?;
        let tokens = parts
            .iter()
            .flatten()
            .map(|part| part.encoding.ids.clone())
            .collect();
        let mut hypotheses = self.hypotheses(tokens, search, finished)?.into_iter();
        let of_plan = |(plan, parts): (Plan<'a>, Vec<Part>)| Searched {
            plan,
            hypotheses: hypotheses.by_ref().take(parts.len()).collect(),
            parts,
        };
        Ok(plans.into_iter().zip(parts).map(of_plan).collect())
    }

    /// The best hypotheses of each sentence, best first. The workers share a
    /// queue; what a sentence becomes does not depend on who takes it when.
    fn hypotheses(
        &self,
        sentences: Vec<Vec<TokenId>>,
        search: &BeamSearch,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Vec<Hypothesis>>> {
        let mut in_order = vec![Vec::new(); sentences.len()];
        let limits = self
            .model
            .engine
            .limits(search.beam_size, self.batch_tokens);
        let engine = &self.model.engine;
        let workers = engine.workers(self.workers.current_num_threads());
        let queue = SentenceQueue::new(sentences, limits, workers);
        let found = self.workers.broadcast(|worker| {
            if worker.index() >= workers {
                return Ok(Vec::new());
            }
            let found = engine.search(search, &queue, finished);
            if found.is_err() {
                queue.abandon();
            }
            found
        });
        for found in found {
            for found in found? {
                in_order[found.origin] = found.hypotheses;
            }
        }
        Ok(in_order)
    }
}

/// The parts of a plan, and for each its hypotheses, best first.
pub(crate) struct Searched<'a> {
    plan: Plan<'a>,
    parts: Vec<Part>,
    hypotheses: Vec<Vec<Hypothesis>>,
}

impl Searched<'_> {
    /// Of each part the hypothesis of a rank, or the last if it has fewer.
    fn of_rank(&self, rank: usize) -> Vec<Vec<Hypothesis>> {
        self.hypotheses
            .iter()
            .map(|n_best| vec![n_best[rank.min(n_best.len() - 1)].clone()])
            .collect()
    }
}

/// What a translation lacks of the verbatim strings of its source.
fn missing_entities(lost: &[Verbatim]) -> Finding {
    Finding {
        source: lost.iter().map(|found| found.span).collect(),
        ..Flag::Entity.into()
    }
}

/// Puts back what the model mangled of the verbatim strings; returns those that
/// are lost.
fn restore_verbatim(plan: &Plan, translation: &mut Translation) -> Vec<Verbatim> {
    let restored = restore(
        &plan.text,
        &plan.verbatim,
        &translation.target,
        &translation.alignment,
        &translation.word_scores,
    );
    match restored {
        Restored::Intact => Vec::new(),
        Restored::Repaired(repaired) => {
            translation.target = repaired.target;
            translation.alignment = repaired.alignment;
            translation.word_scores = repaired.word_scores;
            Vec::new()
        }
        Restored::Lost(lost) => lost,
    }
}
