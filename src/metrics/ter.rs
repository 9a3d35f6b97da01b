//! TER (Snover et al., 2006), as in sacreBLEU's `metrics/ter.py`.

use super::ngrams::Words;
use super::real::Real;
use super::ter_shift::edits;
use super::ter_tokenizer::TerTokenizer;
use super::white_space::{split, trim_end};
use super::{Metric, Sample, Signature};

/// Translation edit rate: 100 × edits / reference words, where moving a
/// sequence of words is one edit. Lower is better.
#[derive(Debug, Clone, Default)]
pub struct Ter {
    tokenizer: TerTokenizer,
}

impl Ter {
    /// `normalized`: XML entities are replaced and punctuation is parted from
    /// words; `no_punct`: punctuation is removed; `asian_support`: these two
    /// know East Asian characters; `case_sensitive`: case matters.
    #[must_use]
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "they are the metric's four switches"
    )]
    pub fn new(
        normalized: bool,
        no_punct: bool,
        asian_support: bool,
        case_sensitive: bool,
    ) -> Self {
        Self {
            tokenizer: TerTokenizer {
                normalized,
                no_punct,
                asian_support,
                case_sensitive,
            },
        }
    }

    fn rate<R: Real>(sums: &[R]) -> Option<R> {
        let [edits, reference_len] = [sums[0], sums[1]];
        (reference_len > R::of(0.0)).then(|| R::of(100.0) * (edits / reference_len))
    }

    /// The rate where the references have no words.
    fn rate_of_nothing(edits: f64) -> f64 {
        if edits > 0.0 { 100.0 } else { 0.0 }
    }
}

impl Metric for Ter {
    fn name(&self) -> String {
        "TER".to_owned()
    }

    fn signature(&self) -> Signature {
        let tokenizer = &self.tokenizer;
        let case = if tokenizer.case_sensitive {
            "mixed"
        } else {
            "lc"
        };
        Signature::default()
            .with("case", "c", case)
            .with("tok", "t", "tercom")
            .with_flag("norm", "nr", tokenizer.normalized)
            .with_flag("punct", "pn", !tokenizer.no_punct)
            .with_flag("asian", "as", tokenizer.asian_support)
    }

    /// Edits to the nearest reference, and the references' average length.
    fn width(&self) -> usize {
        2
    }

    fn statistics(&self, hypotheses: &[&str], references: &[&str], rows: &mut [f64]) {
        let tokenize = |text: &str| self.tokenizer.tokenize(trim_end(text));
        let hypotheses: Vec<String> = hypotheses.iter().map(|text| tokenize(text)).collect();
        // sacreBLEU tokenizes references twice.
        let references: Vec<String> = references
            .iter()
            .map(|text| tokenize(&split(&tokenize(text)).collect::<Vec<_>>().join(" ")))
            .collect();
        let mut words = Words::default();
        let references: Vec<Vec<u32>> = references
            .iter()
            .map(|text| words.numbers(split(text)))
            .collect();
        let length: usize = references.iter().map(Vec::len).sum();
        for (text, row) in hypotheses.iter().zip(rows.chunks_exact_mut(2)) {
            let hypothesis = words.numbers(split(text));
            let fewest = references
                .iter()
                .map(|reference| edits(&hypothesis, reference))
                .min();
            row[0] = fewest.unwrap_or(0) as f64;
            row[1] = length as f64 / references.len() as f64;
        }
    }

    fn score(&self, sums: &[f64]) -> f64 {
        Self::rate(sums).unwrap_or_else(|| Self::rate_of_nothing(sums[0]))
    }

    fn resampled_score(&self, sums: &[f32]) -> Sample {
        match Self::rate(sums) {
            Some(rate) => Sample::Single(rate),
            None => Sample::Double(Self::rate_of_nothing(f64::from(sums[0]))),
        }
    }
}
