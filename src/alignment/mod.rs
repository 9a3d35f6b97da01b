//! Attention to word alignment, and sentence alignment of whole texts.
//!
//! transformer-align models were trained with one cross-attention head tied to
//! word links (Garg et al. 2019, "Jointly Learning to Align and Translate with
//! Transformer Models"); the row of the step that outputs a piece is that
//! piece's alignment. In other models, heads of lower layers align the piece
//! that a step has as its input (Chen et al. 2020, "Accurate Word Alignment
//! Induction from Neural Machine Translation"). Which head it is, a model's
//! manifest says, and `dolmetsch models calibrate` finds out.

mod band;
mod error_rate;
mod evidence;
mod sentences;
mod symmetrize;
mod text_vectors;
mod vocabulary;

pub use error_rate::{ErrorRate, GoldLinks};
pub use evidence::SourceSentence;
pub use sentences::{Bead, align_sentences};
pub use symmetrize::{Symmetrization, symmetrize};

use std::str::FromStr;

use crate::document::Span;

/// What `--alignment soft` keeps: scores that are not 0.0000 when printed.
const SOFT_THRESHOLD: f32 = 0.00005;

/// Signs that are linked to each other only, never to a word: words that have
/// no counterpart attend to them.
const PUNCTUATION: &str = ".,;:!?…–—-()[]\"'„“”‚‘’«»";

/// Which links between words are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Links {
    /// For each target word the one with the highest score.
    Hard,
    /// All, for the sake of their scores.
    Soft,
    /// Those with a score of at least this, from 0 to 1.
    Threshold(f32),
}

impl FromStr for Links {
    type Err = String;

    /// Reads what marian-decoder's `--alignment` reads: `hard`, `soft`, or a
    /// threshold from 0 to 1.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hard" => Ok(Self::Hard),
            "soft" => Ok(Self::Soft),
            number => match number.parse() {
                Ok(threshold) if (0.0..=1.0).contains(&threshold) => Ok(Self::Threshold(threshold)),
                _ => Err("it must be hard, soft, or a number from 0 to 1".to_owned()),
            },
        }
    }
}

impl Default for Links {
    /// Links that are at least half certain.
    fn default() -> Self {
        Self::Threshold(0.5)
    }
}

/// A link between a source word and a target word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignmentPoint {
    /// The word in the source sentence (bytes).
    pub source: Span,
    /// The word in the target sentence (bytes).
    pub target: Span,
    /// How much the two words are each other's, from 0 to 1; see [`align_words`].
    pub score: f32,
}

/// The words of `text`: what white space separates.
#[must_use]
pub fn words(text: &str) -> Vec<Span> {
    let mut words = Vec::new();
    let mut start = None;
    for (offset, c) in text.char_indices() {
        match (c.is_whitespace(), start) {
            (true, Some(begin)) => {
                words.push(Span::new(begin, offset));
                start = None;
            }
            (false, None) => start = Some(offset),
            _ => {}
        }
    }
    if let Some(begin) = start {
        words.push(Span::new(begin, text.len()));
    }
    words
}

/// One side of a sentence pair: its words, and where its tokens lie.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The sentence.
    pub text: &'a str,
    /// The words, in order.
    pub words: &'a [Span],
    /// The bytes of each token; an empty span for those without text.
    pub tokens: &'a [Span],
}

impl Side<'_> {
    /// For each token, the range of words that it touches.
    #[must_use]
    pub fn words_of_tokens(&self) -> Vec<std::ops::Range<usize>> {
        self.tokens
            .iter()
            .map(|token| {
                let first = self.words.partition_point(|word| word.end <= token.start);
                let last = self.words.partition_point(|word| word.start < token.end);
                if token.is_empty() {
                    0..0
                } else {
                    first..last.max(first)
                }
            })
            .collect()
    }
}

/// Links the words of two sentences by the attention between their tokens.
///
/// The attention between two words is the sum over their pieces. A link's score
/// is the mean of two shares: of the target word's attention, what the source
/// word gets, and of the attention that the source word gets, what comes from
/// the target word. So the one direction that a model has is read in both, as
/// symmetrisation reads two. Where a target has fewer tokens than the source has
/// words (it was cut, perhaps), what is missing counts as the attention of others.
/// Attention to tokens without text (`</s>`, a target
/// tag) counts in the first share, and is no link.
///
/// `attention` is `[target tokens][source tokens]`; a row may be missing or
/// empty (a forced end token has none). Points are in the order of the target.
#[must_use]
pub fn align_words(
    source: Side,
    target: Side,
    attention: &[Vec<f32>],
    links: Links,
) -> Vec<AlignmentPoint> {
    let weights = WordAttention::new(source, target, attention);
    let mut points = Vec::new();
    for (word, row) in weights.rows.iter().enumerate() {
        let scores = (0..row.len()).map(|column| weights.score(word, column));
        let mut linked: Vec<(usize, f32)> = scores
            .enumerate()
            .filter(|&(column, score)| score > 0.0 && weights.may_link(word, column))
            .collect();
        match links {
            Links::Threshold(threshold) => linked.retain(|&(_, score)| score >= threshold),
            Links::Soft => linked.retain(|&(_, score)| score >= SOFT_THRESHOLD),
            Links::Hard => {
                // Of equal ones the first.
                let best = linked
                    .iter()
                    .copied()
                    .rev()
                    .max_by(|a, b| a.1.total_cmp(&b.1));
                linked.clear();
                linked.extend(best.filter(|&(column, _)| row[column] > weights.without_text[word]));
            }
        }
        points.extend(linked.into_iter().map(|(column, score)| AlignmentPoint {
            source: source.words[column],
            target: target.words[word],
            score,
        }));
    }
    points
}

/// Attention between words.
struct WordAttention {
    /// `[target words][source words]`.
    rows: Vec<Vec<f32>>,
    /// Of each target word, to tokens without text.
    without_text: Vec<f32>,
    /// All that a target word pays, and that a source word gets.
    row_sums: Vec<f32>,
    column_sums: Vec<f32>,
    /// What the words that a cut target lacks would have paid each source word:
    /// of 20 words that share a single row, none is that row's word.
    missing: f32,
    /// Whether a word is nothing but punctuation.
    is_sign: [Vec<bool>; 2],
}

impl WordAttention {
    fn new(source: Side, target: Side, attention: &[Vec<f32>]) -> Self {
        let source_words = source.words_of_tokens();
        let mut rows = vec![vec![0.0_f32; source.words.len()]; target.words.len()];
        let mut without_text = vec![0.0_f32; target.words.len()];
        for (row, target_words) in attention.iter().zip(target.words_of_tokens()) {
            for word in target_words {
                for (weight, source_words) in row.iter().zip(&source_words) {
                    if source_words.is_empty() {
                        without_text[word] += weight;
                    }
                    for column in source_words.clone() {
                        rows[word][column] += weight;
                    }
                }
            }
        }
        let row_sums: Vec<f32> = rows
            .iter()
            .zip(&without_text)
            .map(|(row, rest)| row.iter().sum::<f32>() + rest)
            .collect();
        let paid = row_sums.iter().sum::<f32>() / source.words.len().max(1) as f32;
        let column_sums = (0..source.words.len())
            .map(|column| rows.iter().map(|row| row[column]).sum())
            .collect();
        Self {
            rows,
            without_text,
            row_sums,
            column_sums,
            missing: (1.0 - paid).max(0.0),
            is_sign: [source, target].map(|side| {
                let is_sign =
                    |word: &Span| word.of(side.text).chars().all(|c| PUNCTUATION.contains(c));
                side.words.iter().map(is_sign).collect()
            }),
        }
    }

    /// The mean of both shares.
    fn score(&self, word: usize, column: usize) -> f32 {
        let weight = self.rows[word][column];
        let share = |sum: f32| if sum > 0.0 { weight / sum } else { 0.0 };
        let attention = self.column_sums[column].max(self.missing);
        f32::midpoint(share(self.row_sums[word]), share(attention))
    }

    fn may_link(&self, word: usize, column: usize) -> bool {
        self.is_sign[0][column] == self.is_sign[1][word]
    }
}

/// Links each word of a text to itself.
#[must_use]
pub fn identity(words: &[Span]) -> Vec<AlignmentPoint> {
    let point = |&word: &Span| AlignmentPoint {
        source: word,
        target: word,
        score: 1.0,
    };
    words.iter().map(point).collect()
}

/// The relational product: a source word is linked to a target word if both are
/// linked to one word between, with the product of the scores; of several such
/// words the strongest counts. Points are in the order of the target.
#[must_use]
pub fn compose(first: &[AlignmentPoint], second: &[AlignmentPoint]) -> Vec<AlignmentPoint> {
    let mut points: Vec<AlignmentPoint> = Vec::new();
    for onward in second {
        for back in first.iter().filter(|point| point.target == onward.source) {
            let score = back.score * onward.score;
            let known = points
                .iter_mut()
                .find(|point| point.source == back.source && point.target == onward.target);
            match known {
                Some(point) => point.score = point.score.max(score),
                None => points.push(AlignmentPoint {
                    source: back.source,
                    target: onward.target,
                    score,
                }),
            }
        }
    }
    points.sort_by_key(|point| (point.target, point.source));
    points
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn composition_is_the_relational_product_with_the_strongest_path() {
        let point = |source: (usize, usize), target: (usize, usize), score| AlignmentPoint {
            source: Span::new(source.0, source.1),
            target: Span::new(target.0, target.1),
            score,
        };
        let first = [
            point((0, 3), (0, 2), 0.5),
            point((0, 3), (3, 5), 0.8),
            point((4, 6), (9, 10), 1.0),
        ];
        let second = [
            point((0, 2), (0, 4), 1.0),
            point((3, 5), (0, 4), 0.5),
            point((3, 5), (5, 8), 0.25),
            point((6, 8), (9, 12), 1.0),
        ];
        let expected = [point((0, 3), (0, 4), 0.5), point((0, 3), (5, 8), 0.2)];
        assert_eq!(compose(&first, &second), expected);
    }

    /// "Das Haus ." in pieces Das | Ha|us | . | </s>, "The old house ." in
    /// The | old | house | .
    fn align(attention: &[Vec<f32>], links: Links) -> Vec<(String, String, f32)> {
        let (source, target) = ("Das Haus .", "The old house .");
        let (source_words, target_words) = (words(source), words(target));
        let span = |(start, end)| Span::new(start, end);
        let points = align_words(
            Side {
                text: source,
                words: &source_words,
                tokens: &[(0, 3), (4, 6), (6, 8), (9, 10), (10, 10)].map(span),
            },
            Side {
                text: target,
                words: &target_words,
                tokens: &[(0, 3), (3, 7), (7, 13), (14, 15), (15, 15)].map(span),
            },
            attention,
            links,
        );
        points
            .into_iter()
            .map(|point| {
                let words = (point.source.of(source), point.target.of(target));
                (words.0.to_owned(), words.1.to_owned(), point.score)
            })
            .collect()
    }

    #[test]
    fn a_score_is_the_mean_of_the_shares_of_both_words() {
        let attention = [
            vec![0.8, 0.1, 0.1, 0.0, 0.0],
            vec![0.0, 0.1, 0.1, 0.6, 0.2],
            vec![0.0, 0.3, 0.3, 0.2, 0.2],
            vec![0.0, 0.0, 0.0, 0.2, 0.8],
        ];
        // Haus gets 0.2 + 0.2 + 0.6 = 1.0, the full stop 0.6 + 0.2 + 0.2 = 1.0.
        let expected = [
            ("Das", "The", f32::midpoint(0.8, 1.0)),
            ("Haus", "The", f32::midpoint(0.2, 0.2)),
            ("Haus", "old", f32::midpoint(0.2, 0.2)),
            ("Haus", "house", f32::midpoint(0.6, 0.6)),
            (".", ".", f32::midpoint(0.2, 0.2)),
        ];
        let check = |links, expected: &[(&str, &str, f32)]| {
            let found = align(&attention, links);
            assert_eq!(found.len(), expected.len(), "{links:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(
                    (found.0.as_str(), found.1.as_str()),
                    (expected.0, expected.1)
                );
                assert!((found.2 - expected.2).abs() < 1e-6, "{found:?}");
            }
        };
        check(Links::Soft, &expected);
        check(Links::Threshold(0.5), &[expected[0], expected[3]]);
        check(Links::Threshold(0.2), &expected);
        // "old" and the full stop attend to no word more than to the end: no link.
        check(Links::Hard, &[expected[0], expected[3]]);
    }

    #[test]
    fn a_cut_target_is_not_linked_to_the_whole_source() {
        let source = "a b c d e f g h";
        let source_words = words(source);
        let uniform = vec![vec![1.0 / 8.0; 8]];
        let peaked = vec![vec![0.79, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03]];
        let links = |attention: &[Vec<f32>]| {
            let target = Side {
                text: "x",
                words: &[Span::new(0, 1)],
                tokens: &[Span::new(0, 1)],
            };
            let source = Side {
                text: source,
                words: &source_words,
                tokens: &source_words,
            };
            align_words(source, target, attention, Links::default()).len()
        };
        assert_eq!((links(&uniform), links(&peaked)), (0, 1));
    }

    proptest! {
        #[test]
        fn links_are_whole_words_inside_both_texts(
            (source, target) in ("[aä.\u{a0} ]{0,20}", "[bé, ]{0,20}"),
            seed in prop::collection::vec(0.0_f32..1.0, 400),
            threshold in 0.0_f32..1.0,
        ) {
            // A token for each character, so that some are white space.
            let tokens = |text: &str| -> Vec<Span> {
                text.char_indices().map(|(at, c)| Span::new(at, at + c.len_utf8())).collect()
            };
            let (source_tokens, target_tokens) = (tokens(&source), tokens(&target));
            let (source_words, target_words) = (words(&source), words(&target));
            let attention: Vec<Vec<f32>> = seed.chunks(20).map(<[f32]>::to_vec).collect();
            for links in [Links::Hard, Links::Soft, Links::Threshold(threshold)] {
                let points = align_words(
                    Side { text: &source, words: &source_words, tokens: &source_tokens },
                    Side { text: &target, words: &target_words, tokens: &target_tokens },
                    &attention,
                    links,
                );
                for point in points {
                    prop_assert!(source_words.contains(&point.source));
                    prop_assert!(target_words.contains(&point.target));
                    prop_assert!(0.0 < point.score && point.score <= 1.0 + 1e-6);
                }
            }
        }
    }

    #[test]
    fn words_are_cut_by_any_white_space() {
        let text = " Grüß\u{a0}Gott,\nWelt ";
        let found: Vec<&str> = words(text).into_iter().map(|word| word.of(text)).collect();
        assert_eq!(found, ["Grüß", "Gott,", "Welt"]);
    }
}
