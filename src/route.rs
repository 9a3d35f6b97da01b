//! How a text gets from one language to another: with one model, or with two
//! through a language between them.

use std::sync::Arc;

use crate::alignment::compose;
use crate::error::Result;
use crate::guard::Guard;
use crate::translation::{Retries, Translation, Via};
use crate::translator::Translator;

/// One model on the way, and the language it is asked for.
#[derive(Debug, Clone)]
pub struct Leg {
    /// What translates.
    pub translator: Arc<Translator>,
    /// The target tag of a multilingual model, such as `>>vie<<`.
    pub tag: Option<String>,
    /// What inspects the translations, and tries again.
    pub guard: Option<Guard>,
}

/// The models that lead from the source to the target language.
#[derive(Debug, Clone)]
pub enum Route {
    /// One model.
    Direct(Leg),
    /// Two models; the first one's translations are the second one's sentences.
    Pivot {
        /// From the source to the language between.
        first: Leg,
        /// From there to the target.
        second: Leg,
    },
}

impl Leg {
    fn translate(
        &self,
        sentences: &[&str],
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Translation>> {
        let tag = self.tag.as_deref();
        match &self.guard {
            Some(guard) => guard.translate(&self.translator, sentences, tag, finished),
            None => self.translator.translate(sentences, tag, finished),
        }
    }
}

impl Route {
    /// Translates sentences: one translation each, in their order.
    ///
    /// `finished` is told, from any thread, how many more sentences are done.
    ///
    /// # Errors
    ///
    /// As [`Translator::translate`].
    pub fn translate(
        &self,
        sentences: &[&str],
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Translation>> {
        match self {
            Self::Direct(leg) => leg.translate(sentences, finished),
            Self::Pivot { first, second } => {
                let between = first.translate(sentences, &|_| ())?;
                let texts: Vec<&str> = between.iter().map(|half| half.target.as_str()).collect();
                let last = second.translate(&texts, finished)?;
                Ok(between
                    .into_iter()
                    .zip(last)
                    .map(|(first, second)| joined(first, second))
                    .collect())
            }
        }
    }

    /// Name of the model, or of both with a `+` between.
    #[must_use]
    pub fn model(&self) -> String {
        self.describe(|leg| &leg.translator.model().name)
    }

    /// Revision of the model, or of both with a `+` between.
    #[must_use]
    pub fn revision(&self) -> String {
        self.describe(|leg| &leg.translator.model().revision)
    }

    fn describe(&self, part: impl Fn(&Leg) -> &String) -> String {
        match self {
            Self::Direct(leg) => part(leg).clone(),
            Self::Pivot { first, second } => format!("{}+{}", part(first), part(second)),
        }
    }
}

/// Both halves as one translation, whose alignment is their composition and
/// whose score is the sum: the log-probability of both steps. Findings keep the
/// words that stand in the source or in the target.
fn joined(first: Translation, second: Translation) -> Translation {
    let mut findings = first.findings;
    for finding in &mut findings {
        finding.target.clear();
    }
    for mut finding in second.findings {
        if !findings.iter().any(|other| other.flag == finding.flag) {
            finding.source.clear();
            findings.push(finding);
        }
    }
    let confidence = first.confidence.zip(second.confidence);
    Translation {
        source: first.source,
        alignment: compose(&first.alignment, &second.alignment),
        score: first.score + second.score,
        confidence: confidence.map(|(first, second)| first * second),
        findings,
        retries: both(first.retries, second.retries),
        source_ids: first.source_ids,
        via: Some(Via {
            text: first.target,
            source_alignment: first.alignment,
            target_alignment: second.alignment,
            scores: [first.score, second.score],
        }),
        target: second.target,
        word_scores: second.word_scores,
        target_ids: second.target_ids,
        alternatives: second.alternatives,
    }
}

/// What was tried in either step; what is kept of the second step, if anything.
fn both(first: Retries, second: Retries) -> Retries {
    let mut both = first;
    for attempt in second.tried {
        if !both.tried.contains(&attempt) {
            both.tried.push(attempt);
        }
    }
    both.kept = second.kept.or(both.kept);
    both.fixed.extend(second.fixed);
    both.fixed.sort_unstable();
    both.fixed.dedup();
    both
}
