//! Attention to word alignment.
//!
//! transformer-align models were trained with one cross-attention head tied to
//! word links (Garg et al. 2019, "Jointly Learning to Align and Translate with
//! Transformer Models"); the row of the step that outputs a piece is that
//! piece's alignment. Pieces are merged to words by maximum.

use crate::document::Span;

/// Another source word is linked, besides the strongest one, from this weight on.
const LINK_THRESHOLD: f32 = 0.3;

/// A link between a source word and a target word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignmentPoint {
    /// The word in the source sentence (bytes).
    pub source: Span,
    /// The word in the target sentence (bytes).
    pub target: Span,
    /// Attention weight, from 0 to 1.
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

/// Links each target word to the source word that its pieces attend to most,
/// and to others above a threshold. A word whose pieces attend most to a token
/// without text (`</s>`, a target tag) stays without a link.
///
/// `attention` is `[target tokens][source tokens]`; a row may be missing or
/// empty (a forced end token has none). Points are in the order of the target.
#[must_use]
pub fn align_words(source: Side, target: Side, attention: &[Vec<f32>]) -> Vec<AlignmentPoint> {
    let source_words = source.words_of_tokens();
    let mut weights = vec![vec![0.0_f32; source.words.len()]; target.words.len()];
    let mut unaligned = vec![0.0_f32; target.words.len()];
    for (row, target_words) in attention.iter().zip(target.words_of_tokens()) {
        for word in target_words {
            for (weight, source_words) in row.iter().zip(&source_words) {
                if source_words.is_empty() {
                    unaligned[word] = unaligned[word].max(*weight);
                }
                for linked in source_words.clone() {
                    weights[word][linked] = weights[word][linked].max(*weight);
                }
            }
        }
    }
    let mut points = Vec::new();
    for ((row, unaligned), &word) in weights.iter().zip(unaligned).zip(target.words) {
        let strongest = row.iter().copied().fold(0.0, f32::max);
        if strongest <= unaligned {
            continue;
        }
        for (&score, &source_word) in row.iter().zip(source.words) {
            if score >= strongest.min(LINK_THRESHOLD) {
                points.push(AlignmentPoint {
                    source: source_word,
                    target: word,
                    score,
                });
            }
        }
    }
    points
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

    #[test]
    fn pieces_are_merged_to_words_by_maximum_and_the_end_token_takes_no_links() {
        // "Das Haus." in pieces Das | Ha|us|. | </s>; "The house." in The | house|. | </s>
        let source = "Das Haus.";
        let target = "The house .";
        let (source_words, target_words) = (words(source), words(target));
        let source = Side {
            words: &source_words,
            tokens: &[(0, 3), (4, 6), (6, 8), (8, 9), (9, 9)].map(|(s, e)| Span::new(s, e)),
        };
        let target = Side {
            words: &target_words,
            tokens: &[(0, 3), (4, 9), (10, 11), (11, 11)].map(|(s, e)| Span::new(s, e)),
        };
        let attention = [
            vec![0.9, 0.1, 0.0, 0.0, 0.0],
            vec![0.0, 0.2, 0.6, 0.1, 0.1],
            vec![0.1, 0.1, 0.1, 0.2, 0.5],
            vec![0.0, 0.0, 0.0, 0.0, 1.0],
        ];
        let points = align_words(source, target, &attention);
        let expected = [
            AlignmentPoint {
                source: Span::new(0, 3),
                target: Span::new(0, 3),
                score: 0.9,
            },
            AlignmentPoint {
                source: Span::new(4, 9),
                target: Span::new(4, 9),
                score: 0.6,
            },
        ];
        assert_eq!(points, expected);
    }

    #[test]
    fn words_are_cut_by_any_white_space() {
        let text = " Grüß\u{a0}Gott,\nWelt ";
        let found: Vec<&str> = words(text).into_iter().map(|word| word.of(text)).collect();
        assert_eq!(found, ["Grüß", "Gott,", "Welt"]);
    }
}
