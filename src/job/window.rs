//! The segments of a window: each text once, from the cache if it is there, else
//! from the engine, whose failures concern one segment and not the job.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::Counts;
use super::Target;
use super::cache::{Cache, Context};
use crate::error::{Error, Result};

/// If so many segments are given to the engine and none succeeds, and neither
/// does this, it is not their fault.
const SUSPICIOUS: usize = 8;
const HARMLESS: &str = "Guten Tag.";

/// A translation, or why there is none.
pub(super) type Outcome = Result<Rc<str>, Rc<str>>;

/// Translates windows into all targets.
pub(super) struct Windows<'a> {
    targets: &'a [Target<'a>],
    contexts: Vec<Context>,
    cache: Option<Cache>,
    /// Of this run.
    pub(super) counts: Counts,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

impl<'a> Windows<'a> {
    /// `contexts` says for each target what its translations depend on besides
    /// the text.
    pub(super) fn new(
        targets: &'a [Target<'a>],
        contexts: Vec<Context>,
        cache: Option<Cache>,
    ) -> Self {
        Self {
            targets,
            contexts,
            cache,
            counts: Counts::default(),
            notes: Vec::new(),
        }
    }

    /// For each target the outcome of each segment.
    pub(super) fn translate(&mut self, segments: &[&str]) -> Result<Vec<Vec<Outcome>>> {
        let mut unique: Vec<&str> = Vec::new();
        let mut place: HashMap<&str, usize> = HashMap::new();
        let places: Vec<usize> = segments
            .iter()
            .map(|&segment| {
                *place.entry(segment).or_insert_with(|| {
                    unique.push(segment);
                    unique.len() - 1
                })
            })
            .collect();
        (0..self.targets.len())
            .map(|target| {
                let outcomes = self.translate_unique(target, &unique)?;
                self.counts.repeated += (segments.len() - unique.len()) as u64;
                Ok(places.iter().map(|&at| outcomes[at].clone()).collect())
            })
            .collect()
    }

    fn translate_unique(&mut self, target: usize, segments: &[&str]) -> Result<Vec<Outcome>> {
        let mut outcomes: Vec<Option<Outcome>> = segments
            .iter()
            .map(|segment| self.cached(target, segment).map(|text| Ok(text.into())))
            .collect();
        let missing: Vec<usize> = (0..segments.len())
            .filter(|&index| outcomes[index].is_none())
            .collect();
        self.counts.repeated += (segments.len() - missing.len()) as u64;
        let texts: Vec<&str> = missing.iter().map(|&index| segments[index]).collect();
        let translations = self.translate_missing(target, &texts)?;
        for ((index, text), translation) in missing.into_iter().zip(texts).zip(translations) {
            let outcome = match translation {
                Ok(translation) => {
                    self.keep(target, text, &translation);
                    Ok(translation.into())
                }
                Err(reason) => Err(reason.into()),
            };
            outcomes[index] = Some(outcome);
        }
        let all = outcomes.into_iter().collect::<Option<_>>();
        Ok(all.expect("each segment was in the cache or is translated"))
    }

    fn translate_missing(
        &mut self,
        target: usize,
        texts: &[&str],
    ) -> Result<Vec<Result<String, String>>> {
        let target = &self.targets[target];
        let mut first_error = None;
        let translations = guarded(target, texts, &mut self.counts, &mut first_error);
        self.counts.translated += texts.len() as u64;
        if let Some(error) = first_error
            && texts.len() >= SUSPICIOUS
            && translations.iter().all(Result::is_err)
            && guarded(target, &[HARMLESS], &mut Counts::default(), &mut None)[0].is_err()
        {
            return Err(error);
        }
        Ok(translations)
    }

    fn cached(&mut self, target: usize, segment: &str) -> Option<String> {
        let cache = self.cache.as_mut()?;
        let found = cache.get(self.contexts[target].key(segment));
        found.unwrap_or_else(|error| self.without_cache(&error))
    }

    fn keep(&mut self, target: usize, segment: &str, translation: &str) {
        if let Some(cache) = &mut self.cache {
            let kept = cache.put(self.contexts[target].key(segment), translation);
            kept.unwrap_or_else(|error| {
                self.without_cache(&error);
            });
        }
    }

    /// The job goes on without its cache.
    fn without_cache(&mut self, error: &std::io::Error) -> Option<String> {
        self.cache = None;
        self.notes.push(format!(
            "the cache of segments is not used any more: {error}"
        ));
        None
    }

    /// Says what was wrong with the cache.
    pub(super) fn finish(mut self) -> (Counts, Vec<String>) {
        if let Some(damaged) = self
            .cache
            .map(|cache| cache.damaged)
            .filter(|&pages| pages > 0)
        {
            self.notes.push(format!(
                "{damaged} pages of the cache of segments were damaged; their segments were translated again"
            ));
        }
        (self.counts, self.notes)
    }
}

/// Translates the texts; those that make the engine fail or panic are found by
/// halving, so that the others are translated all the same.
fn guarded(
    target: &Target,
    texts: &[&str],
    counts: &mut Counts,
    first_error: &mut Option<Error>,
) -> Vec<Result<String, String>> {
    if texts.is_empty() {
        return Vec::new();
    }
    let error = match catch_unwind(AssertUnwindSafe(|| (target.translate)(texts))) {
        Ok(Ok(translations)) if translations.len() == texts.len() => {
            for translation in &translations {
                counts.tokens += translation.target_ids.len() as u64;
                counts.flagged += u64::from(translation.needs_a_look());
            }
            return translations
                .into_iter()
                .map(|translation| Ok(translation.target))
                .collect();
        }
        Ok(Ok(translations)) => Error::Mismatch(format!(
            "the engine gave {} translations for {} segments",
            translations.len(),
            texts.len()
        )),
        Ok(Err(error)) => error,
        Err(panic) => Error::Mismatch(format!("the engine panicked: {}", message(&*panic))),
    };
    let reason = error.to_string();
    first_error.get_or_insert(error);
    if texts.len() == 1 {
        return vec![Err(reason)];
    }
    let (left, right) = texts.split_at(texts.len() / 2);
    let mut translations = guarded(target, left, counts, first_error);
    translations.extend(guarded(target, right, counts, first_error));
    translations
}

/// What a panic says.
fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}
