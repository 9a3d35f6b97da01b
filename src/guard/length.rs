//! Much shorter or longer than translations of such sentences are.
//!
//! The expected length is a linear function of characters, words, frequent words
//! and commas, fitted for the pair; the logarithm of the ratio is close to
//! normal, with a deviation that shrinks with the length.

use crate::translation::{Finding, Flag};

use super::bilingual::{Bilingual, Parameters};
use super::words::Side;

/// Standard deviations: one normal translation in 20,000.
const BAND: f32 = 4.0;
/// Without a fitted pair: half or twice as long, as Moses' `clean-corpus-n`
/// does it with 9, but in characters and for good translations.
const UNKNOWN_RATIO: f32 = 0.9;

/// How far the target is from its expected length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    /// Characters that are expected.
    pub(super) expected: f32,
    /// Characters that there are.
    pub(super) actual: f32,
}

impl Length {
    pub(super) fn new(source: &Side, target: &Side, bilingual: &Bilingual) -> Self {
        let chars = source.text.chars().count() as f32;
        let frequent = source
            .words
            .iter()
            .filter(|word| bilingual.is_frequent(&word.stem));
        let features = [
            chars,
            source.words.len() as f32,
            frequent.count() as f32,
            source.text.matches(',').count() as f32,
            1.0,
        ];
        let weights = &bilingual.parameters.length;
        let expected: f32 = features.iter().zip(weights).map(|(a, b)| a * b).sum();
        Self {
            expected: expected.max(5.0),
            actual: target.text.chars().count() as f32,
        }
    }

    /// Logarithm of actual by expected length.
    pub(super) fn log_ratio(self) -> f32 {
        (self.actual.max(1.0) / self.expected).ln()
    }

    /// Standard deviations from the expected length.
    fn deviations(self, parameters: &Parameters) -> f32 {
        let [constant, shrinking] = parameters.deviation;
        self.log_ratio() / (constant + shrinking / self.expected.sqrt())
    }
}

/// A target outside the band.
pub(super) fn detect(
    source: &Side,
    target: &Side,
    bilingual: Option<&Bilingual>,
) -> Option<Finding> {
    if source.words.is_empty() {
        return None;
    }
    let is_outside = if let Some(bilingual) = bilingual {
        let length = Length::new(source, target, bilingual);
        length.deviations(&bilingual.parameters).abs() > BAND
    } else {
        let chars = |side: &Side| side.text.chars().count() as f32;
        let ratio = chars(target).max(1.0) / chars(source);
        chars(source) > 40.0 && ratio.ln().abs() > UNKNOWN_RATIO
    };
    is_outside.then(|| Flag::Length.into())
}
