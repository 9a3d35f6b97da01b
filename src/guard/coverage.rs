//! Source words that nothing in the target stands for.
//!
//! Each source word is evidence for or against a gap: the logarithm of how much
//! more often a word of its constancy is matched so badly by a text that does not
//! translate it. The stretch with the largest sum (Kadane's scan), the same for
//! whole clauses and for the target, whose words a free translation leaves
//! unmatched too, and the length of the target tell, by a logistic regression,
//! whether a clause is missing. `scripts/guard/coverage.py` computes the same.
//!
//! Where the model's attention is known, a stretch that no target word is linked
//! to needs less evidence.

use crate::alignment::AlignmentPoint;
use crate::document::Span;
use crate::language::Language;
use crate::translation::{Finding, Flag};

use super::bilingual::Bilingual;
use super::length::Length;
use super::links::Links;
use super::words::{Side, Word};

/// Evidence, in nats, that a stretch without links is missing.
const UNLINKED: f32 = 4.0;
/// Words of such a stretch.
const UNLINKED_WORDS: usize = 4;
/// So many target words on one source word are too many, if they are
const SINK_WORDS: usize = 8;
/// this share of the target.
const SINK_SHARE: f32 = 0.5;

/// Words that start a clause.
const CONJUNCTIONS: [(Language, &[&str]); 2] = [
    (
        Language::DE,
        &[
            "und", "oder", "aber", "dass", "weil", "wenn", "als", "um", "sowie", "sondern", "denn",
            "während", "obwohl", "damit", "nachdem", "bevor",
        ],
    ),
    (
        Language::EN,
        &[
            "and", "or", "but", "that", "because", "when", "if", "while", "although", "though",
            "which", "who", "where", "after", "before", "since", "unless",
        ],
    ),
];
/// Characters between words that end a clause.
const BOUNDARIES: [char; 13] = [
    ',', ';', ':', '–', '—', '(', ')', '„', '“', '”', '"', '!', '?',
];
/// Marks of which a translation has as many.
const MARKS: [char; 6] = [';', ':', '–', '—', '(', ')'];

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
    if source.words.is_empty() || target.words.is_empty() {
        return None;
    }
    let evidence = Evidence::new(source, target, bilingual);
    let stretch = Stretch::strongest(&evidence.source)?;
    let length = Length::new(source, target, bilingual);
    let log_odds: f32 = features(source, target, &evidence, stretch, length)
        .iter()
        .zip(&bilingual.parameters.weights)
        .map(|(feature, weight)| feature * weight)
        .sum();
    if log_odds > bilingual.parameters.threshold {
        return Some(stretch.span(&source.words));
    }
    if links.is_empty() {
        return None;
    }
    let mut is_linked = vec![false; source.words.len()];
    for link in links {
        let first = source
            .words
            .partition_point(|word| word.span.end <= link.source.start);
        for (word, is_linked) in source.words.iter().zip(&mut is_linked).skip(first) {
            if word.span.start >= link.source.end {
                break;
            }
            *is_linked = true;
        }
    }
    let unlinked: Vec<f32> = evidence
        .source
        .iter()
        .zip(&is_linked)
        .map(|(&evidence, is_linked)| {
            if *is_linked {
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

/// For each word the log-likelihood ratio that it is missing on the other side.
#[derive(Debug)]
struct Evidence {
    source: Vec<f32>,
    target: Vec<f32>,
}

impl Evidence {
    fn new(source: &Side, target: &Side, bilingual: &Bilingual) -> Self {
        let links = Links::new(source, target, bilingual);
        let parameters = &bilingual.parameters;
        Self {
            source: links
                .source
                .iter()
                .map(|found| parameters.source_evidence[found.constancy][found.strength])
                .collect(),
            target: links
                .target
                .iter()
                .map(|found| parameters.target_evidence[found.constancy][found.strength])
                .collect(),
        }
    }
}

/// Words that stand together, and the sum of their evidence.
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

/// What the regression that a clause was dropped is a function of, and 1 for its
/// constant.
fn features(
    source: &Side,
    target: &Side,
    evidence: &Evidence,
    stretch: Stretch,
    length: Length,
) -> [f32; 23] {
    let sum = |evidence: &[f32]| Stretch::strongest(evidence).map_or(0.0, |stretch| stretch.sum);
    let clause = sum(&by_clause(source, &evidence.source));
    let (words, target_words) = (evidence.source.len() as f32, evidence.target.len() as f32);
    let unmatched: f32 = evidence.target.iter().filter(|value| **value > 0.0).sum();
    let chars = |side: &Side, marks: &[char]| side.text.matches(marks).count() as f32;
    let commas = chars(source, &[',']) - chars(target, &[',']);
    let (expected, root) = (length.expected, length.expected.sqrt());
    let deficit = expected - length.actual;
    let end = stretch.first + stretch.len;
    let hole_words = source.words[stretch.first..end].iter();
    let hole_chars: usize = hole_words.map(|word| word.lower.chars().count() + 1).sum();
    let hole = hole_chars as f32 / source.text.chars().count() as f32 * expected;
    let ratio = length.log_ratio();
    let flag = |is: bool| f32::from(u8::from(is));
    [
        stretch.sum.sqrt(),
        stretch.sum / words.sqrt(),
        clause.sqrt(),
        clause / words.sqrt(),
        sum(&evidence.target) / target_words.sqrt(),
        unmatched / target_words.sqrt(),
        evidence.source.iter().sum::<f32>() / words,
        evidence.target.iter().sum::<f32>() / target_words,
        ratio,
        ratio * expected.ln(),
        expected.ln(),
        deficit / root,
        hole.min(deficit.max(0.0)) / root,
        (hole - deficit) / root,
        hole / root,
        stretch.len as f32 / words,
        flag(end == source.words.len()),
        flag(stretch.first == 0),
        commas,
        commas / words.sqrt(),
        chars(source, &MARKS) - chars(target, &MARKS),
        flag(starts_inside(source, target)),
        1.0,
    ]
}

/// Whether the target starts in a small letter and the source does not.
fn starts_inside(source: &Side, target: &Side) -> bool {
    let first = |side: &Side| side.text.chars().find(|c| c.is_alphabetic());
    first(source).is_some_and(char::is_uppercase) && first(target).is_some_and(char::is_lowercase)
}

/// The sum of the evidence of each clause.
fn by_clause(source: &Side, evidence: &[f32]) -> Vec<f32> {
    let conjunctions = CONJUNCTIONS
        .iter()
        .find(|(language, _)| *language == source.language)
        .map_or(&[][..], |(_, words)| words);
    let mut sums: Vec<f32> = Vec::new();
    let mut end = 0;
    for (word, value) in source.words.iter().zip(evidence) {
        let gap = &source.text[end..word.span.start];
        end = word.span.end;
        let is_new = gap.contains(BOUNDARIES)
            || gap.contains(" - ")
            || gap.contains(". ")
            || conjunctions.contains(&word.lower.as_str());
        match sums.last_mut() {
            Some(sum) if !is_new => *sum += value,
            _ => sums.push(*value),
        }
    }
    sums
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
    let mut sources: Vec<Span> = strongest.iter().map(|link| link.source).collect();
    sources.sort_unstable_by_key(|span| (span.start, span.end));
    let (count, span) = sources
        .chunk_by(|a, b| a == b)
        .map(|same| (same.len(), same[0]))
        .max()?;
    (count >= SINK_WORDS && count as f32 >= SINK_SHARE * target.words.len() as f32).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::LanguagePair;

    #[derive(serde::Deserialize)]
    struct Case {
        pair: String,
        source: String,
        target: String,
        features: Vec<f32>,
    }

    /// `scripts/fixtures/coverage.py` made the fixture.
    #[test]
    fn the_features_are_those_that_the_weights_were_fitted_with() {
        let fixture = include_str!("../../tests/fixtures/guard/coverage.jsonl");
        assert!(fixture.lines().count() >= 10);
        for line in fixture.lines() {
            let case: Case = serde_json::from_str(line).expect("a case");
            let (from, to) = case.pair.split_once('-').expect("a pair");
            let pair = LanguagePair::new(from.parse().unwrap(), to.parse().unwrap());
            let bilingual = Bilingual::of(pair).expect("a lexicon");
            let source = Side::new(&case.source, pair.source);
            let target = Side::new(&case.target, pair.target);
            let evidence = Evidence::new(&source, &target, bilingual);
            let nothing = Stretch {
                first: 0,
                len: 0,
                sum: 0.0,
            };
            let stretch = Stretch::strongest(&evidence.source).unwrap_or(nothing);
            let length = Length::new(&source, &target, bilingual);
            let features = features(&source, &target, &evidence, stretch, length);
            for (index, (value, expected)) in features.iter().zip(&case.features).enumerate() {
                let difference = (value - expected).abs();
                assert!(
                    difference <= 1e-3 * expected.abs().max(1.0),
                    "feature {index} of {}: {value} is not {expected}",
                    case.source
                );
            }
        }
    }
}
