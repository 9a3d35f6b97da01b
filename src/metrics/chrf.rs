//! chrF (Popović, 2015) and chrF++ (Popović, 2017), as in sacreBLEU's
//! `metrics/chrf.py`.

use super::ngrams::{NgramIndex, Words, ngrams};
use super::real::Real;
use super::white_space::{is_space, split};
use super::{Metric, Sample, Signature};

/// chrF, from 0 to 100.
#[derive(Debug, Clone)]
pub struct Chrf {
    /// The highest order of character n-grams.
    pub char_order: usize,
    /// The highest order of word n-grams; 2 is chrF++, 0 is none.
    pub word_order: usize,
    /// How much recall weighs against precision.
    pub beta: u32,
    /// Whether case does not matter.
    pub lowercase: bool,
    /// Whether white space is part of character n-grams.
    pub whitespace: bool,
    /// Whether orders without n-grams count as almost 0 (as in chrF++.py, NLTK
    /// and Moses) instead of not at all.
    pub eps_smoothing: bool,
}

impl Default for Chrf {
    fn default() -> Self {
        Self {
            char_order: 6,
            word_order: 0,
            beta: 2,
            lowercase: false,
            whitespace: false,
            eps_smoothing: false,
        }
    }
}

/// What stands for 0.
const EPSILON: f64 = 1e-16;

/// The units of a text.
struct Units {
    chars: Vec<u32>,
    words: Vec<u32>,
}

impl Chrf {
    fn prepared(&self, text: &str) -> String {
        if self.lowercase {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    }

    fn units<'t>(&self, text: &'t str, words: &mut Words<'t>) -> Units {
        let chars = text.chars().filter(|&c| self.whitespace || !is_space(c));
        Units {
            chars: chars.map(u32::from).collect(),
            words: if self.word_order > 0 {
                words.numbers(split(text).flat_map(without_punctuation))
            } else {
                Vec::new()
            },
        }
    }

    /// The sum of the F scores of all orders, and their number, for
    /// [`Self::eps_smoothing`]; else precision and recall averaged over the
    /// orders that both texts have.
    fn f_score<R: Real>(&self, sums: &[R]) -> Option<R> {
        let zero = R::of(0.0);
        let factor = f64::from(self.beta) * f64::from(self.beta);
        let (weight, weight_1) = (R::of(factor), R::of(1.0 + factor));
        let (mut precisions, mut recalls, mut scores) = (zero, zero, zero);
        let mut orders = 0;
        let ratio = |matches: R, of: R| {
            if of > zero {
                matches / of
            } else {
                R::of(EPSILON)
            }
        };
        for order in sums.chunks_exact(3) {
            let [hypothesis, reference, matches] = [order[0], order[1], order[2]];
            let precision = ratio(matches, hypothesis);
            let recall = ratio(matches, reference);
            let denominator = weight * precision + recall;
            scores += if denominator > zero {
                weight_1 * precision * recall / denominator
            } else {
                R::of(EPSILON)
            };
            if hypothesis > zero && reference > zero {
                precisions += precision;
                recalls += recall;
                orders += 1;
            }
        }
        if self.eps_smoothing {
            let orders = (self.char_order + self.word_order) as f64;
            return Some(R::of(100.0) * scores / R::of(orders));
        }
        if orders == 0 {
            return None;
        }
        let orders = R::of(f64::from(orders));
        let (precision, recall) = (precisions / orders, recalls / orders);
        (precision + recall != zero).then(|| {
            let score = weight_1 * precision * recall / (weight * precision + recall);
            R::of(100.0) * score
        })
    }
}

/// A word, or the word and the punctuation mark at its end or else its start.
fn without_punctuation(word: &str) -> impl Iterator<Item = &str> {
    let is_mark = |c: char| c.is_ascii_punctuation();
    let (first, last) = match (word.strip_suffix(is_mark), word.strip_prefix(is_mark)) {
        (Some(""), _) | (None, None) => (word, ""),
        (Some(rest), _) => word.split_at(rest.len()),
        (None, Some(rest)) => word.split_at(word.len() - rest.len()),
    };
    [first, last].into_iter().filter(|part| !part.is_empty())
}

impl Metric for Chrf {
    fn name(&self) -> String {
        format!("chrF{}{}", self.beta, "+".repeat(self.word_order))
    }

    fn signature(&self) -> Signature {
        Signature::default()
            .with("case", "c", if self.lowercase { "lc" } else { "mixed" })
            .with_flag("eff", "e", !self.eps_smoothing)
            .with("nc", "nc", self.char_order)
            .with("nw", "nw", self.word_order)
            .with_flag("space", "s", self.whitespace)
    }

    /// n-grams of the hypothesis, of the reference, and matches, for each order
    /// of characters and then of words.
    fn width(&self) -> usize {
        3 * (self.char_order + self.word_order)
    }

    fn statistics(&self, hypotheses: &[&str], references: &[&str], rows: &mut [f64]) {
        let references: Vec<String> = references.iter().map(|text| self.prepared(text)).collect();
        let hypotheses: Vec<String> = hypotheses.iter().map(|text| self.prepared(text)).collect();
        let mut words = Words::default();
        let index = |units: Vec<u32>, order| {
            let len = units.len();
            (len, order, NgramIndex::new(&[units], order))
        };
        let references: Vec<[(usize, usize, NgramIndex); 2]> = references
            .iter()
            .map(|text| {
                let units = self.units(text, &mut words);
                [
                    index(units.chars, self.char_order),
                    index(units.words, self.word_order),
                ]
            })
            .collect();
        let width = self.width();
        for (text, best) in hypotheses.iter().zip(rows.chunks_exact_mut(width.max(1))) {
            let units = self.units(text, &mut words);
            let mut best_score = -1.0;
            let mut row = vec![0.0; width];
            for reference in &references {
                let mut orders = row.chunks_exact_mut(3);
                for (units, (len, order, index)) in
                    [&units.chars, &units.words].into_iter().zip(reference)
                {
                    let mut matches = vec![0; *order];
                    index.count_matches(units, &mut matches);
                    for (n, matches) in (1..).zip(matches) {
                        let Some(out) = orders.next() else { break };
                        let of_reference = ngrams(*len, n);
                        // An order that the reference is too short for does not count.
                        let of_hypothesis = if of_reference > 0 {
                            ngrams(units.len(), n)
                        } else {
                            0
                        };
                        out[0] = of_hypothesis as f64;
                        out[1] = of_reference as f64;
                        out[2] = matches as f64;
                    }
                }
                let score = self.score(&row);
                if score > best_score {
                    best_score = score;
                    best.copy_from_slice(&row);
                }
            }
        }
    }

    fn score(&self, sums: &[f64]) -> f64 {
        self.f_score(sums).unwrap_or(0.0)
    }

    fn resampled_score(&self, sums: &[f32]) -> Sample {
        match self.f_score(sums) {
            Some(score) => Sample::Single(score),
            None => Sample::Double(0.0),
        }
    }
}
