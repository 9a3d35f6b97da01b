//! What went wrong, segment by segment.

use std::collections::HashMap;

use serde::Serialize;

use super::Corpus;
use crate::alignment::{AlignmentPoint, words};
use crate::document::Span;
use crate::guard::repetition::loops;
use crate::metrics::{Bleu, Chrf, Metric, Statistics};
use crate::verbatim::{self, VerbatimKind};

/// One segment of one system.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentDiagnosis {
    /// The segment, from 1.
    pub segment: usize,
    /// Sentence BLEU, with effective order.
    pub bleu: f64,
    /// chrF of the segment.
    pub chrf: f64,
    /// Words of the translation by words of the first reference.
    pub length_ratio: Option<f64>,
    /// What was found.
    pub problems: Vec<Problem>,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind it is of.
    pub kind: ProblemKind,
    /// The words concerned.
    pub words: Vec<String>,
}

/// Kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// There is no translation.
    Empty,
    /// The translation is the source.
    Untranslated,
    /// Words again and again, as the guard finds them, where no reference has any.
    Repetition,
    /// Numbers of the reference that the translation lacks.
    MissingNumber,
    /// Numbers that neither reference nor source have.
    ExtraNumber,
    /// Web and e-mail addresses, and file names.
    MissingAddress,
    /// Addresses that neither reference nor source have.
    ExtraAddress,
    /// Words with a capital inside a sentence that all references have.
    MissingName,
    /// Such words that neither references nor source have.
    ExtraName,
    /// Words of the source without link, three or more in a row.
    Omission,
    /// Words of the translation without link, three or more in a row.
    Addition,
}

impl ProblemKind {
    /// Its name for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Empty => "no translation",
            Self::Untranslated => "untranslated",
            Self::Repetition => "repeated",
            Self::MissingNumber => "number missing",
            Self::ExtraNumber => "number too many",
            Self::MissingAddress => "address missing",
            Self::ExtraAddress => "address too many",
            Self::MissingName => "name missing",
            Self::ExtraName => "name too many",
            Self::Omission => "omitted",
            Self::Addition => "added",
        }
    }
}

/// Diagnoses all segments of a system, in their order.
#[must_use]
pub fn diagnose(corpus: &Corpus, system: usize) -> Vec<SegmentDiagnosis> {
    let system = &corpus.systems[system];
    let hypotheses = &system.segments.texts[..];
    let alignments = system.segments.alignments.as_ref();
    let references: Vec<&[String]> = corpus.references.iter().map(Vec::as_slice).collect();
    let bleu = Bleu {
        effective_order: true,
        ..Bleu::default()
    };
    let chrf = Chrf::default();
    let scores = |metric: &dyn Metric| -> Vec<f64> {
        let statistics = Statistics::new(metric, &[hypotheses], &references);
        statistics.rows(0).map(|row| metric.score(row)).collect()
    };
    let scores = scores(&bleu).into_iter().zip(scores(&chrf));
    scores
        .enumerate()
        .map(|(segment, (bleu, chrf))| {
            let texts: Vec<&str> = references
                .iter()
                .map(|text| text[segment].as_str())
                .collect();
            let reference_words = words(texts[0]).len();
            let hypothesis_words = words(&hypotheses[segment]).len();
            SegmentDiagnosis {
                segment: segment + 1,
                bleu,
                chrf,
                length_ratio: (reference_words > 0)
                    .then(|| hypothesis_words as f64 / reference_words as f64),
                problems: Compared {
                    hypothesis: &hypotheses[segment],
                    references: &texts,
                    source: corpus.source(segment, system),
                    links: alignments.map_or(&[][..], |all| &all[segment]),
                }
                .problems(),
            }
        })
        .collect()
}

/// The segments in the order in which someone should look at them: the lowest
/// chrF first, then the lowest BLEU.
#[must_use]
pub fn worst_first(segments: &[SegmentDiagnosis]) -> Vec<&SegmentDiagnosis> {
    let mut worst: Vec<&SegmentDiagnosis> = segments.iter().collect();
    worst.sort_by(|a, b| a.chrf.total_cmp(&b.chrf).then(a.bleu.total_cmp(&b.bleu)));
    worst
}

/// A segment of a system, and what it is compared with.
struct Compared<'a> {
    hypothesis: &'a str,
    references: &'a [&'a str],
    source: Option<&'a str>,
    links: &'a [AlignmentPoint],
}

impl Compared<'_> {
    fn problems(&self) -> Vec<Problem> {
        let blank = |text: &str| text.trim().is_empty();
        if blank(self.hypothesis) {
            let is_lost = !self.references.iter().all(|text| blank(text));
            let empty = Problem {
                kind: ProblemKind::Empty,
                words: Vec::new(),
            };
            return is_lost.then_some(empty).into_iter().collect();
        }
        let mut found = Vec::new();
        let mut add = |kind, words: Vec<String>| {
            if !words.is_empty() {
                found.push(Problem { kind, words });
            }
        };
        if self.is_untranslated() {
            add(ProblemKind::Untranslated, vec![self.hypothesis.to_owned()]);
        }
        if self.references.iter().all(|text| loops(text).is_empty()) {
            let repeated = loops(self.hypothesis).into_iter();
            let repeated = repeated.map(|span| span.of(self.hypothesis).to_owned());
            add(ProblemKind::Repetition, repeated.collect());
        }
        let (missing, extra) = self.differences(numbers);
        add(ProblemKind::MissingNumber, missing);
        add(ProblemKind::ExtraNumber, extra);
        let (missing, extra) = self.differences(addresses);
        add(ProblemKind::MissingAddress, missing);
        add(ProblemKind::ExtraAddress, extra);
        let (missing, extra) = self.differences(names);
        add(ProblemKind::MissingName, missing);
        add(ProblemKind::ExtraName, extra);
        let (omitted, added) = self.unlinked();
        add(ProblemKind::Omission, omitted);
        add(ProblemKind::Addition, added);
        found
    }

    fn is_untranslated(&self) -> bool {
        self.source.is_some_and(|source| {
            let same = |text: &str| text.trim() == source.trim();
            same(self.hypothesis) && !self.references.iter().any(|text| same(text))
        })
    }

    /// What all references have and the hypothesis lacks, and what the
    /// hypothesis has and neither a reference nor the source has.
    fn differences(&self, extract: fn(&str) -> Vec<Item>) -> (Vec<String>, Vec<String>) {
        let of_hypothesis = extract(self.hypothesis);
        let of_references: Vec<Vec<Item>> =
            self.references.iter().map(|text| extract(text)).collect();
        let is_in = |items: &[Item], item: &Item| items.iter().any(|other| other.key == item.key);
        let missing = of_references[0].iter().filter(|item| {
            of_references.iter().all(|items| is_in(items, item))
                && !is_in(&of_hypothesis, item)
                && !contains_word(self.hypothesis, &item.key)
        });
        let has =
            |text: &str, item: &Item| is_in(&extract(text), item) || contains_word(text, &item.key);
        let extra = of_hypothesis.iter().filter(|item| {
            let mut known = self.references.iter().copied().chain(self.source);
            !known.any(|text| has(text, item))
        });
        (texts(missing), texts(extra))
    }

    /// Stretches of the source, and of the translation, without links.
    fn unlinked(&self) -> (Vec<String>, Vec<String>) {
        let Some(source) = self.source.filter(|_| !self.links.is_empty()) else {
            return (Vec::new(), Vec::new());
        };
        let of_source: Vec<Span> = self.links.iter().map(|link| link.source).collect();
        let of_target: Vec<Span> = self.links.iter().map(|link| link.target).collect();
        (
            stretches_outside(source, &of_source),
            stretches_outside(self.hypothesis, &of_target),
        )
    }
}

/// Something that should be the same in all translations.
struct Item {
    text: String,
    /// What is compared.
    key: String,
}

fn texts<'i>(items: impl Iterator<Item = &'i Item>) -> Vec<String> {
    let mut texts: Vec<String> = items.map(|item| item.text.clone()).collect();
    texts.dedup();
    texts
}

/// Words without the punctuation around them.
fn bare_words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
}

fn contains_word(text: &str, key: &str) -> bool {
    bare_words(text).any(|word| word.to_lowercase() == key)
}

/// Numbers and dates in digits; how groups are separated does not matter.
fn numbers(text: &str) -> Vec<Item> {
    let is_number = |word: &&str| word.contains(|c: char| c.is_numeric());
    bare_words(text)
        .filter(is_number)
        .map(|word| Item {
            text: word.to_owned(),
            key: word.chars().filter(|c| c.is_numeric()).collect(),
        })
        .collect()
}

/// Web and e-mail addresses, and file names.
fn addresses(text: &str) -> Vec<Item> {
    let found = verbatim::find(text);
    let is_address = |kind| {
        matches!(
            kind,
            VerbatimKind::Url | VerbatimKind::Email | VerbatimKind::FileName
        )
    };
    let addresses = found.iter().filter(|found| is_address(found.kind));
    addresses
        .map(|found| Item {
            text: found.span.of(text).to_owned(),
            key: found.span.of(text).to_lowercase(),
        })
        .collect()
}

/// Words with a capital that do not start a sentence.
fn names(text: &str) -> Vec<Item> {
    let mut names = Vec::new();
    let mut starts_sentence = true;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let bare = bare.trim_end_matches("'s").trim_end_matches("’s");
        let is_name = bare.chars().count() > 1
            && bare.starts_with(char::is_uppercase)
            && !bare.contains(|c: char| c.is_numeric());
        if is_name && !starts_sentence {
            names.push(Item {
                text: bare.to_owned(),
                key: bare.to_lowercase(),
            });
        }
        starts_sentence = word.ends_with(['.', '!', '?', ':', '…', '"', '“', '”', '»'])
            || word.starts_with(['"', '“', '„', '«']) && bare.is_empty();
    }
    names
}

/// Words in a row that are worth telling.
const UNLINKED: usize = 3;

/// Words in a row that no span touches.
fn stretches_outside(text: &str, spans: &[Span]) -> Vec<String> {
    let mut stretches: Vec<Vec<&str>> = vec![Vec::new()];
    for word in words(text) {
        if spans
            .iter()
            .any(|span| span.start < word.end && word.start < span.end)
        {
            stretches.push(Vec::new());
        } else if let Some(stretch) = stretches.last_mut() {
            stretch.push(word.of(text));
        }
    }
    stretches.retain(|stretch| stretch.len() >= UNLINKED);
    stretches.iter().map(|stretch| stretch.join(" ")).collect()
}

/// How many segments have problems of each kind.
#[must_use]
pub fn problem_counts(segments: &[SegmentDiagnosis]) -> Vec<(ProblemKind, usize)> {
    let mut counts: HashMap<ProblemKind, usize> = HashMap::new();
    for problem in segments.iter().flat_map(|segment| &segment.problems) {
        *counts.entry(problem.kind).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    counts
}
