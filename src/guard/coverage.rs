//! Source words that nothing in the target stands for.
//!
//! Each source word is evidence for or against a gap: the logarithm of how much
//! more often a word of its rarity is matched so badly by a text that does not
//! translate it. The stretch with the largest sum (Kadane's scan) and the length
//! of the target tell, by a logistic regression, whether a clause is missing.
//! Where the model's attention is known, a stretch that no target word is linked
//! to needs less evidence.

use crate::alignment::AlignmentPoint;
use crate::document::Span;
use crate::translation::{Finding, Flag};

use super::bilingual::Bilingual;
use super::length::Length;
use super::words::{Side, Word};

/// Evidence, in nats, that a stretch without links is missing.
const UNLINKED: f32 = 4.0;
/// Words of such a stretch.
const UNLINKED_WORDS: usize = 4;
/// So many target words on one source word are too many, if they are
const SINK_WORDS: usize = 8;
/// this share of the target.
const SINK_SHARE: f32 = 0.5;

/// Words of the source that are missing.
pub(super) fn detect(
    source: &Side,
    target: &Side,
    links: &[AlignmentPoint],
    bilingual: Option<&Bilingual>,
) -> Option<Finding> {
    let missing = bilingual
        .and_then(|bilingual| dropped(source, target, links, bilingual))
        .or_else(|| sink(target, links));
    missing.map(|span| Finding {
        source: vec![span],
        ..Flag::Coverage.into()
    })
}

/// A stretch of the source that the target lacks.
fn dropped(
    source: &Side,
    target: &Side,
    links: &[AlignmentPoint],
    bilingual: &Bilingual,
) -> Option<Span> {
    if source.words.is_empty() {
        return None;
    }
    let evidence = evidence(source, target, bilingual);
    let stretch = Stretch::strongest(&evidence)?;
    let length = Length::new(source, target, bilingual);
    if log_odds(source, stretch, length, bilingual) > bilingual.parameters.threshold {
        return Some(stretch.span(&source.words));
    }
    if links.is_empty() {
        return None;
    }
    let is_linked = |word: &Word| links.iter().any(|link| link.source.overlaps(word.span));
    let unlinked: Vec<f32> = source
        .words
        .iter()
        .zip(&evidence)
        .map(|(word, &evidence)| {
            if is_linked(word) {
                f32::NEG_INFINITY
            } else {
                evidence
            }
        })
        .collect();
    Stretch::strongest(&unlinked)
        .filter(|stretch| stretch.sum >= UNLINKED && stretch.len >= UNLINKED_WORDS)
        .map(|stretch| stretch.span(&source.words))
}

/// For each source word the log-likelihood ratio that it is missing.
fn evidence(source: &Side, target: &Side, bilingual: &Bilingual) -> Vec<f32> {
    let target_stems = bilingual.target_stems(target.words.iter().map(|word| word.stem.as_str()));
    source
        .words
        .iter()
        .map(|word| {
            let matched = bilingual.matched(&word.stem, &target_stems);
            bilingual.parameters.evidence[matched.rarity][matched.strength]
        })
        .collect()
}

/// Words of the source, and their evidence.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: usize,
    len: usize,
    sum: f32,
}

impl Stretch {
    /// The stretch with the largest sum; `None` if every word is matched.
    fn strongest(evidence: &[f32]) -> Option<Self> {
        let mut best: Option<Self> = None;
        let mut current = Self {
            first: 0,
            len: 0,
            sum: 0.0,
        };
        for (index, value) in evidence.iter().enumerate() {
            if current.sum + value <= 0.0 {
                current = Self {
                    first: index + 1,
                    len: 0,
                    sum: 0.0,
                };
                continue;
            }
            current.len += 1;
            current.sum += value;
            if best.is_none_or(|best| current.sum > best.sum) {
                best = Some(current);
            }
        }
        best
    }

    fn span(self, words: &[Word]) -> Span {
        Span::new(
            words[self.first].span.start,
            words[self.first + self.len - 1].span.end,
        )
    }
}

/// Log-odds that a clause was dropped.
fn log_odds(source: &Side, stretch: Stretch, length: Length, bilingual: &Bilingual) -> f32 {
    let ratio = length.log_ratio();
    let log_length = length.expected.ln();
    let chars = source.text.chars().count() as f32;
    let features = [
        stretch.sum,
        stretch.sum.sqrt(),
        stretch.sum / chars.sqrt(),
        ratio,
        ratio * log_length,
        log_length,
        (length.actual - length.expected) / length.expected.sqrt(),
        1.0,
    ];
    let weights = &bilingual.parameters.weights;
    features
        .iter()
        .zip(weights)
        .map(|(feature, weight)| feature * weight)
        .sum()
}

/// The source word that half of the target is linked to.
fn sink(target: &Side, links: &[AlignmentPoint]) -> Option<Span> {
    let mut strongest: Vec<AlignmentPoint> = Vec::new();
    for link in links {
        match strongest.last_mut() {
            Some(last) if last.target == link.target => {
                if last.score < link.score {
                    *last = *link;
                }
            }
            _ => strongest.push(*link),
        }
    }
    let on = |span: Span| strongest.iter().filter(|link| link.source == span).count();
    let (count, span) = strongest
        .iter()
        .map(|link| (on(link.source), link.source))
        .max()?;
    (count >= SINK_WORDS && count as f32 >= SINK_SHARE * target.words.len() as f32).then_some(span)
}
