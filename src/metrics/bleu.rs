//! BLEU (Papineni et al., 2002), as in sacreBLEU's `metrics/bleu.py`.

use super::bleu_tokenizer::BleuTokenizer;
use super::ngrams::{NgramIndex, Words, ngrams};
use super::real::Real;
use super::white_space::trim_end;
use super::{Metric, Sample, Signature};

/// The highest order of n-grams.
const ORDER: usize = 4;

/// What becomes of an n-gram order without matches (Chen and Cherry, 2014).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smoothing {
    /// Its precision is 0.
    None,
    /// This many matches instead of 0.
    Floor(f64),
    /// This many more matches and n-grams of each order from 2 on.
    AddK(f64),
    /// A half, a fourth, an eighth … match at each such order (NIST).
    Exp,
}

/// BLEU, from 0 to 100.
#[derive(Debug, Clone)]
pub struct Bleu {
    /// How words are parted.
    pub tokenizer: BleuTokenizer,
    /// What becomes of orders without matches.
    pub smoothing: Smoothing,
    /// Whether case does not matter.
    pub lowercase: bool,
    /// Whether orders that the hypothesis is too short for are left out; for
    /// scores of single sentences.
    pub effective_order: bool,
}

impl Default for Bleu {
    fn default() -> Self {
        Self {
            tokenizer: BleuTokenizer::V13a,
            smoothing: Smoothing::Exp,
            lowercase: false,
            effective_order: false,
        }
    }
}

/// A score with its factors.
struct Factors<R> {
    score: f64,
    precisions: [R; ORDER],
    brevity_penalty: f64,
    hypothesis_len: f64,
    reference_len: f64,
}

impl Bleu {
    fn tokens(&self, text: &str) -> String {
        let lower;
        let mut text = text;
        if self.lowercase {
            lower = text.to_lowercase();
            text = &lower;
        }
        self.tokenizer.tokenize(trim_end(text))
    }

    /// `BLEU.compute_bleu`. `stored` is what a sum becomes when smoothing writes
    /// it back to where sacreBLEU keeps it.
    fn factors<R: Real>(&self, sums: &[R], stored: impl Fn(R) -> R) -> Factors<R> {
        // Lengths are cut to integers before they are compared.
        let [hypothesis_len, reference_len] = [sums[0], sums[1]].map(|len| len.double().trunc());
        let mut factors = Factors {
            score: 0.0,
            precisions: [R::of(0.0); ORDER],
            brevity_penalty: brevity_penalty(hypothesis_len, reference_len),
            hypothesis_len,
            reference_len,
        };
        let (correct, total) = sums[2..].split_at(ORDER);
        let zero = R::of(0.0);
        if correct.iter().all(|&correct| correct == zero) {
            return factors;
        }
        let mut half = 1.0;
        let mut order = ORDER;
        for n in 0..ORDER {
            let (mut correct, mut total) = (correct[n], total[n]);
            if let (Smoothing::AddK(k), 1..) = (self.smoothing, n) {
                correct = stored(correct + R::of(k));
                total = stored(total + R::of(k));
            }
            if total == zero {
                break;
            }
            if self.effective_order {
                order = n + 1;
            }
            if correct != zero {
                factors.precisions[n] = R::of(100.0) * correct / total;
                continue;
            }
            match self.smoothing {
                Smoothing::Exp => {
                    half *= 2.0;
                    factors.precisions[n] = R::of(100.0) / (R::of(half) * total);
                }
                Smoothing::Floor(matches) => {
                    factors.precisions[n] = R::of(100.0 * matches) / total;
                }
                Smoothing::None | Smoothing::AddK(_) => {}
            }
        }
        let log = |precision: &R| match precision.double() {
            0.0 => -9_999_999_999.0,
            precision => precision.ln(),
        };
        let logs: f64 = factors.precisions[..order].iter().map(log).sum();
        factors.score = factors.brevity_penalty * (logs / order as f64).exp();
        factors
    }
}

fn brevity_penalty(hypothesis_len: f64, reference_len: f64) -> f64 {
    if hypothesis_len >= reference_len {
        1.0
    } else if hypothesis_len > 0.0 {
        (1.0 - reference_len / hypothesis_len).exp()
    } else {
        0.0
    }
}

impl Metric for Bleu {
    fn name(&self) -> String {
        "BLEU".to_owned()
    }

    fn signature(&self) -> Signature {
        let smoothing = match self.smoothing {
            Smoothing::None => "none".to_owned(),
            Smoothing::Floor(matches) => format!("floor[{matches:.2}]"),
            Smoothing::AddK(k) => format!("add-k[{k:.2}]"),
            Smoothing::Exp => "exp".to_owned(),
        };
        Signature::default()
            .with("case", "c", if self.lowercase { "lc" } else { "mixed" })
            .with_flag("eff", "e", self.effective_order)
            .with("tok", "tok", self.tokenizer.name())
            .with("smooth", "s", smoothing)
    }

    /// Length, reference length, matches of each order, n-grams of each order.
    fn width(&self) -> usize {
        2 + 2 * ORDER
    }

    fn statistics(&self, hypotheses: &[&str], references: &[&str], rows: &mut [f64]) {
        let references: Vec<String> = references.iter().map(|text| self.tokens(text)).collect();
        let hypotheses: Vec<String> = hypotheses.iter().map(|text| self.tokens(text)).collect();
        let mut words = Words::default();
        let mut numbers = |tokens| words.numbers(self.tokenizer.split(tokens));
        let references: Vec<Vec<u32>> = references.iter().map(|text| numbers(text)).collect();
        let index = NgramIndex::new(&references, ORDER);
        for (tokens, row) in hypotheses.iter().zip(rows.chunks_exact_mut(self.width())) {
            let hypothesis = numbers(tokens);
            let len = hypothesis.len();
            // The closest length, the shorter of two that are as close.
            let closest = references
                .iter()
                .map(Vec::len)
                .min_by_key(|reference| (reference.abs_diff(len), *reference));
            let mut matches = [0; ORDER];
            index.count_matches(&hypothesis, &mut matches);
            row[0] = len as f64;
            row[1] = closest.unwrap_or(0) as f64;
            for n in 0..ORDER {
                row[2 + n] = matches[n] as f64;
                row[2 + ORDER + n] = ngrams(len, n + 1) as f64;
            }
        }
    }

    fn score(&self, sums: &[f64]) -> f64 {
        self.factors(sums, |sum| sum).score
    }

    fn resampled_score(&self, sums: &[f32]) -> Sample {
        Sample::Double(self.factors(sums, |sum| sum).score)
    }

    /// sacreBLEU keeps the sums of shuffled systems as integers, which cuts off
    /// what smoothing adds.
    fn shuffled_score(&self, sums: &[f64]) -> f64 {
        self.factors(sums, f64::trunc).score
    }

    fn details(&self, sums: &[f64]) -> Option<String> {
        let factors = self.factors(sums, |sum| sum);
        let precisions = factors
            .precisions
            .map(|precision| format!("{precision:.1}"));
        let ratio = match factors.reference_len {
            0.0 => 0.0,
            reference_len => factors.hypothesis_len / reference_len,
        };
        Some(format!(
            "{} (BP = {:.3} ratio = {ratio:.3} hyp_len = {} ref_len = {})",
            precisions.join("/"),
            factors.brevity_penalty,
            factors.hypothesis_len,
            factors.reference_len,
        ))
    }
}
