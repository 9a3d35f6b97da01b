//! Translates again what the detectors flag, and keeps the best.

use rayon::prelude::*;

use crate::beam_search::BeamSearch;
use crate::error::Result;
use crate::translation::{Attempt, Flag, Retries, Translation};
use crate::translator::{Searched, Translator};

use super::variant::{Variant, is_all_caps};
use super::{Guard, confidence};

/// The attempts, in their order: what helps most for what it costs first.
const ATTEMPTS: [Attempt; 7] = [
    Attempt::Case,
    Attempt::NBest,
    Attempt::Symbols,
    Attempt::Clauses,
    Attempt::NoRepeat,
    Attempt::Greedy,
    Attempt::Punctuation,
];

/// N-grams that an attempt without repetition has once only, and the penalty of
/// Keskar et al. 2019 ("CTRL").
const NGRAM: usize = 4;
const PENALTY: f32 = 1.2;

impl Guard {
    /// Translates sentences, inspects the translations, and tries again where
    /// that may help: one translation each, in their order.
    ///
    /// What a sentence becomes depends on nothing else than the sentence.
    ///
    /// # Errors
    ///
    /// As [`Translator::translate`].
    pub fn translate(
        &self,
        translator: &Translator,
        sentences: &[&str],
        tag: Option<&str>,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Translation>> {
        let (mut translations, first) = translator.translate_and_keep(sentences, tag, finished)?;
        translator.install(|| {
            translations
                .par_iter_mut()
                .for_each(|translation| self.judge(translation));
        });
        if self.retries {
            for attempt in ATTEMPTS {
                if attempt == Attempt::NBest {
                    self.rank_again(translator, &first, &mut translations);
                } else {
                    self.attempt(attempt, translator, tag, &mut translations)?;
                }
            }
        }
        for translation in &mut translations {
            translation.confidence = confidence::confidence(translation, self.pair.target);
        }
        Ok(translations)
    }

    /// Replaces what the detectors find in a translation; what was noted while
    /// it was made stays.
    fn judge(&self, translation: &mut Translation) {
        let flags = translation.flags();
        if flags.contains(&Flag::Copied) {
            return;
        }
        translation
            .findings
            .retain(|finding| matches!(finding.flag, Flag::Split | Flag::Limit));
        translation.findings.extend(self.inspect(
            &translation.source,
            &translation.target,
            &translation.alignment,
        ));
    }

    /// Makes one attempt at all sentences that it may help, in one batch.
    fn attempt(
        &self,
        attempt: Attempt,
        translator: &Translator,
        tag: Option<&str>,
        translations: &mut [Translation],
    ) -> Result<()> {
        let variants: Vec<(usize, Variant)> = translations
            .iter()
            .enumerate()
            .filter(|(_, translation)| may_help(attempt, translation))
            .flat_map(|(index, translation)| {
                let variants = Variant::of(&translation.source, attempt, self.bilingual);
                variants.into_iter().map(move |variant| (index, variant))
            })
            .collect();
        let Some(search) = search(attempt, translator.search()) else {
            return Ok(());
        };
        if variants.is_empty() {
            return Ok(());
        }
        let texts: Vec<&str> = variants
            .iter()
            .map(|(_, variant)| variant.text.as_str())
            .collect();
        let by_clauses = attempt == Attempt::Clauses;
        let found = translator.translate_again(&texts, tag, &search, by_clauses)?;
        for ((index, variant), found) in variants.iter().zip(&found) {
            let translation = &mut translations[*index];
            if translation.retries.tried.last() != Some(&attempt) {
                translation.retries.tried.push(attempt);
            }
            for mut candidate in translator.ranked(found) {
                variant.restore(&translation.source, &mut candidate);
                self.consider(candidate, translation, attempt);
            }
        }
        Ok(())
    }

    /// Looks at what the first search has found beside its best.
    fn rank_again(
        &self,
        translator: &Translator,
        first: &[Searched],
        translations: &mut [Translation],
    ) {
        if translator.search().beam_size == 1 {
            return;
        }
        for (translation, searched) in translations.iter_mut().zip(first) {
            if may_help(Attempt::NBest, translation) {
                translation.retries.tried.push(Attempt::NBest);
                for candidate in translator.ranked(searched) {
                    self.consider(candidate, translation, Attempt::NBest);
                }
            }
        }
    }

    /// Keeps a candidate if it is better.
    fn consider(
        &self,
        mut candidate: Translation,
        translation: &mut Translation,
        attempt: Attempt,
    ) {
        self.judge(&mut candidate);
        if is_better(&candidate, translation) {
            replace(translation, candidate, attempt);
        }
    }
}

/// The search of an attempt; `None` if the first search was the same.
fn search(attempt: Attempt, first: &BeamSearch) -> Option<BeamSearch> {
    let mut search = first.clone();
    match attempt {
        Attempt::Greedy if first.beam_size == 1 => return None,
        Attempt::Greedy => search.beam_size = 1,
        Attempt::NoRepeat => {
            search.no_repeat_ngram_size = match first.no_repeat_ngram_size {
                0 => NGRAM,
                size => size.min(NGRAM),
            };
            search.repetition_penalty = PENALTY;
        }
        _ => {}
    }
    Some(search)
}

/// Whether an attempt can mend what was found.
fn may_help(attempt: Attempt, translation: &Translation) -> bool {
    let flags = translation.flags();
    let has = |wanted: &[Flag]| flags.iter().any(|flag| wanted.contains(flag));
    let shape = [
        Flag::Repetition,
        Flag::Length,
        Flag::Coverage,
        Flag::Limit,
        Flag::Empty,
        Flag::End,
        Flag::Copy,
        Flag::Language,
    ];
    match attempt {
        // Capitals alone are reason enough: models have seen few.
        Attempt::Case => is_all_caps(&translation.source) || has(&shape),
        Attempt::NBest => translation.needs_a_look(),
        Attempt::NoRepeat => has(&[Flag::Repetition, Flag::Length, Flag::Limit]),
        Attempt::Punctuation | Attempt::Symbols => has(&shape),
        Attempt::Clauses | Attempt::Greedy => {
            has(&shape) || has(&[Flag::Number, Flag::Negation, Flag::Entity])
        }
    }
}

/// Whether fewer detectors have found something; the score decides between
/// equals, but the first attempt stays where nothing is wrong with it, except
/// for one in capitals.
fn is_better(candidate: &Translation, translation: &Translation) -> bool {
    let problems = |translation: &Translation| {
        let flags = translation.flags();
        flags.iter().filter(|flag| flag.is_problem()).count()
    };
    let (new, old) = (problems(candidate), problems(translation));
    let is_compared = translation.retries.kept.is_some() || is_all_caps(&translation.source);
    new < old || new == old && is_compared && candidate.score > translation.score
}

/// Puts a candidate in the place of a translation.
fn replace(translation: &mut Translation, mut candidate: Translation, attempt: Attempt) {
    let (before, after) = (translation.flags(), candidate.flags());
    let mut fixed = std::mem::take(&mut translation.retries.fixed);
    fixed.extend(before.iter().copied().filter(|flag| flag.is_problem()));
    fixed.retain(|flag| !after.contains(flag));
    fixed.sort_unstable();
    fixed.dedup();
    // They stay those of the first search, without what is now the translation.
    let mut alternatives = std::mem::take(&mut translation.alternatives);
    alternatives.retain(|other| other.target != candidate.target);
    // The sentence is too long in any case.
    if before.contains(&Flag::Split) && !after.contains(&Flag::Split) {
        candidate.findings.push(Flag::Split.into());
    }
    *translation = Translation {
        retries: Retries {
            tried: std::mem::take(&mut translation.retries.tried),
            kept: Some(attempt),
            fixed,
        },
        alternatives,
        ..candidate
    };
}
