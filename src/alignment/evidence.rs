//! Words as evidence that sentences translate each other.
//!
//! A word of the target stands where it does because a word of the source is
//! translated so, as in model 1 of Brown et al. 1993, "The Mathematics of
//! Statistical Machine Translation", or by chance, as often as in the rest of the
//! text. The logarithm of the ratio of both, summed over the words, says how much
//! more likely two sentences are as each other's translation (Moore 2002, "Fast
//! and Accurate Sentence Alignment of Bilingual Corpora"). The same is asked of
//! each word of the source and of its machine translation.
//!
//! What may translate a word: what the lexicon of the language pair says, the
//! word itself and words that start alike (names, numbers), and what the machine
//! translation has.

use std::collections::VecDeque;
use std::ops::Range;

use super::sentences::MOST_SENTENCES;
use super::vocabulary::{Vocabulary, tokens};
use crate::language::LanguagePair;

/// Probability that a word of the target is one that the machine translation has.
const TRANSLATED: f32 = 0.25;
/// No word is more evidence than that it is so many times as likely.
const MOST_LIKELY: f32 = 5.0;
/// The least probability that a sentence has a word by chance.
const LEAST_CHANCE: f32 = 1e-4;
/// Weight of a text's own words when trust in each kind is estimated, against
/// that of its beads (words).
const PRIOR_WORDS: f32 = 20.0;

/// A sentence of the source.
#[derive(Debug, Clone, Copy)]
pub struct SourceSentence<'a> {
    /// As it was written.
    pub text: &'a str,
    /// A machine translation of it; empty if there is none, because the text is
    /// in the language of the target.
    pub translation: &'a str,
}

/// What a word is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A word of the target.
    Target,
    /// A word of the source.
    Source,
    /// A word of the source's machine translation.
    Translation,
}

/// For each kind the share of the words that have a counterpart where sentences
/// translate each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trust([f32; 3]);

impl Default for Trust {
    fn default() -> Self {
        Self([0.9, 0.65, 0.35])
    }
}

/// Weights of the kinds in the sum of the evidence.
const WEIGHTS: [f32; 3] = [0.386, 0.292, 0.146];

/// A word of the source, or of its machine translation.
#[derive(Debug)]
struct Word {
    kind: Kind,
    /// The words of the target text that may stand for it, and how probably.
    counterparts: Vec<(u32, f32)>,
    /// What a sentence of average length has of them by chance.
    chance: f32,
}

/// The words of two texts.
#[derive(Debug)]
pub(super) struct Evidence {
    source: Vec<Vec<Word>>,
    target: Vec<Vec<u32>>,
    /// Words of each sentence of the source, without its translation's.
    source_words: Vec<f32>,
    /// Of each word in the target text.
    frequencies: Vec<f32>,
    /// Words of a target sentence.
    average: f32,
}

/// What two sentences have in common.
#[derive(Debug, Default)]
struct Overlap {
    /// For each word of the target, the probabilities of the source words that
    /// are translated so, added.
    target: Vec<f32>,
    /// For each word of the source, the probability of its counterparts that are
    /// there.
    source: Vec<f32>,
}

/// The overlaps of a stretch of a row.
#[derive(Debug)]
struct Row {
    source: usize,
    first_target: usize,
    overlaps: Vec<Overlap>,
}

/// The overlaps of the last rows.
#[derive(Debug, Default)]
pub(super) struct Overlaps {
    rows: VecDeque<Row>,
    /// By word of the target text; all 0 between calls.
    masses: Vec<f32>,
}

impl Overlaps {
    fn get(&self, source: usize, target: usize) -> Option<&Overlap> {
        let row = self.rows.iter().find(|row| row.source == source)?;
        row.overlaps.get(target.checked_sub(row.first_target)?)
    }
}

impl Evidence {
    /// Reads the words of both texts.
    pub(super) fn new(source: &[SourceSentence], target: &[&str], languages: LanguagePair) -> Self {
        let mut vocabulary = Vocabulary::new(languages);
        let target: Vec<Vec<u32>> = target.iter().map(|text| vocabulary.add(text)).collect();
        let all = target.iter().map(Vec::len).sum::<usize>().max(1) as f32;
        let counts = vocabulary.counts().iter();
        let frequencies: Vec<f32> = counts.map(|count| count / all).collect();
        let average = all / target.len().max(1) as f32;
        vocabulary.index();
        let chance = |counterparts: &[(u32, f32)]| {
            let chance = |&(word, probability): &(u32, f32)| {
                probability * (1.0 - (1.0 - frequencies[word as usize]).powf(average))
            };
            counterparts.iter().map(chance).sum()
        };
        let word = |(kind, counterparts): (Kind, Vec<(u32, f32)>)| Word {
            kind,
            chance: chance(&counterparts),
            counterparts,
        };
        let source: Vec<Vec<Word>> = source
            .iter()
            .map(|sentence| {
                let of_text = tokens(sentence.text, languages.source);
                let of_text = of_text
                    .iter()
                    .map(|token| (Kind::Source, vocabulary.translations(token)));
                let translated = tokens(sentence.translation, languages.target);
                let translated = translated
                    .iter()
                    .map(|token| (Kind::Translation, vocabulary.itself(token)));
                of_text.chain(translated).map(word).collect()
            })
            .collect();
        let of_source = |word: &&Word| word.kind == Kind::Source;
        let count = |words: &Vec<Word>| words.iter().filter(of_source).count() as f32;
        Self {
            source_words: source.iter().map(count).collect(),
            source,
            target,
            frequencies,
            average,
        }
    }

    /// Adds the row of a source sentence, which is the next one, for a stretch of
    /// target sentences; rows that no bead reaches any more are dropped.
    pub(super) fn add_row(&self, source: usize, targets: Range<usize>, overlaps: &mut Overlaps) {
        let first_target = targets.start;
        let words = &self.source[source];
        let masses = &mut overlaps.masses;
        masses.resize(self.frequencies.len(), 0.0);
        for word in words {
            let weight = if word.kind == Kind::Translation {
                TRANSLATED
            } else {
                1.0
            };
            for &(number, probability) in &word.counterparts {
                masses[number as usize] += weight * probability;
            }
        }
        let mut row: Vec<Overlap> = targets
            .clone()
            .map(|target| {
                let mass = |&number: &u32| masses[number as usize];
                Overlap {
                    target: self.target[target].iter().map(mass).collect(),
                    source: Vec::new(),
                }
            })
            .collect();
        for word in words {
            for &(number, _) in &word.counterparts {
                masses[number as usize] = 0.0;
            }
        }
        for (overlap, target) in row.iter_mut().zip(targets) {
            for &number in &self.target[target] {
                masses[number as usize] = 1.0;
            }
            let found = |word: &Word| {
                let found =
                    |&(number, probability): &(u32, f32)| probability * masses[number as usize];
                word.counterparts.iter().map(found).sum()
            };
            overlap.source = words.iter().map(found).collect();
            for &number in &self.target[target] {
                masses[number as usize] = 0.0;
            }
        }
        overlaps.rows.push_back(Row {
            source,
            first_target,
            overlaps: row,
        });
        while overlaps.rows.len() > MOST_SENTENCES {
            overlaps.rows.pop_front();
        }
    }

    /// For each word of a bead, how many times as likely it is where the
    /// sentences translate each other.
    fn ratios(
        &self,
        (sources, targets): (Range<usize>, Range<usize>),
        overlaps: &Overlaps,
        mut each: impl FnMut(Kind, f32),
    ) {
        let source_words: f32 = self.source_words[sources.clone()].iter().sum();
        for target in targets.clone() {
            for (at, &number) in self.target[target].iter().enumerate() {
                let mass = sources
                    .clone()
                    .filter_map(|source| overlaps.get(source, target))
                    .map(|overlap| overlap.target[at]);
                let by_chance = source_words.max(1.0) * self.frequencies[number as usize];
                each(Kind::Target, mass.sum::<f32>() / by_chance);
            }
        }
        let target_words: usize = self.target[targets.clone()].iter().map(Vec::len).sum();
        // Chance is that of a sentence of average length.
        let longer = (target_words as f32 / self.average).min(MOST_SENTENCES as f32);
        for source in sources {
            for (at, word) in self.source[source].iter().enumerate() {
                let found = targets
                    .clone()
                    .filter_map(|target| overlaps.get(source, target))
                    .map(|overlap| overlap.source[at]);
                let by_chance = (word.chance * longer).clamp(LEAST_CHANCE, 1.0);
                each(word.kind, found.sum::<f32>().min(1.0) / by_chance);
            }
        }
    }

    /// How much more likely the sentences are as translations of each other than
    /// by chance: a weighted sum of logarithms.
    pub(super) fn of_bead(
        &self,
        bead: (Range<usize>, Range<usize>),
        overlaps: &Overlaps,
        Trust(trust): Trust,
    ) -> f32 {
        let mut sums = [LogProduct::default(); 3];
        self.ratios(bead, overlaps, |kind, ratio| {
            let trust = trust[kind as usize];
            sums[kind as usize].multiply((1.0 - trust + trust * ratio).min(MOST_LIKELY));
        });
        sums.iter()
            .zip(WEIGHTS)
            .map(|(sum, weight)| weight * sum.ln())
            .sum()
    }

    /// For each kind, the sum of the probabilities that a word of the beads has a
    /// counterpart there, and the number of words.
    fn counterparts(
        &self,
        beads: &[(Range<usize>, Range<usize>)],
        Trust(trust): Trust,
    ) -> [(f32, f32); 3] {
        let mut sums = [(0.0, 0.0); 3];
        let mut overlaps = Overlaps::default();
        for bead in beads {
            for source in bead.0.clone() {
                self.add_row(source, bead.1.clone(), &mut overlaps);
            }
            self.ratios(bead.clone(), &overlaps, |kind, ratio| {
                let trust = trust[kind as usize];
                let (sum, words) = &mut sums[kind as usize];
                *sum += trust * ratio / (1.0 - trust + trust * ratio);
                *words += 1.0;
            });
        }
        sums
    }

    /// The trust that these beads deserve, by expectation and maximisation: how
    /// freely a text is translated, and how well the machine translates it.
    pub(super) fn trust(&self, beads: &[(Range<usize>, Range<usize>)]) -> Trust {
        let prior = Trust::default();
        let mut trust = prior;
        for _ in 0..ROUNDS {
            let sums = self.counterparts(beads, trust);
            trust = Trust(std::array::from_fn(|kind| {
                let (sum, words) = sums[kind];
                (sum + PRIOR_WORDS * prior.0[kind]) / (words + PRIOR_WORDS)
            }));
        }
        trust
    }

    /// The share of a bead's words that have no counterpart on the other side.
    pub(super) fn unmatched(&self, bead: (Range<usize>, Range<usize>), trust: Trust) -> f32 {
        let sums = self.counterparts(&[bead], trust);
        let (sum, words) = sums
            .iter()
            .fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
        1.0 - sum / f32::max(words, 1.0)
    }
}

/// Rounds in which trust is estimated.
const ROUNDS: usize = 3;

/// The logarithm of a product, with few logarithms taken.
#[derive(Debug, Clone, Copy)]
struct LogProduct {
    product: f32,
    factors: u32,
    sum: f32,
}

impl Default for LogProduct {
    fn default() -> Self {
        Self {
            product: 1.0,
            factors: 0,
            sum: 0.0,
        }
    }
}

impl LogProduct {
    /// Factors are at most [`MOST_LIKELY`], and at least what trust leaves to
    /// chance: a dozen of them do not leave the range of `f32`.
    fn multiply(&mut self, factor: f32) {
        self.product *= factor;
        self.factors += 1;
        if self.factors == 12 {
            *self = Self {
                sum: self.ln(),
                ..Self::default()
            };
        }
    }

    fn ln(self) -> f32 {
        self.sum + self.product.ln()
    }
}
