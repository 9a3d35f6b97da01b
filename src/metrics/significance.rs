//! How sure a score or a difference of scores is: confidence intervals, paired
//! bootstrap resampling (Koehn, 2004) and paired approximate randomisation
//! (Riezler and Maxwell, 2005), as in sacreBLEU's `significance.py`.

use rayon::prelude::*;

use super::generator::{Bits, Generator};
use super::real::{Real, mean};
use super::resampling::resample;
use super::{Metric, Resampling, Samples, Statistics};

/// Where 95 of 100 resampled scores lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Their mean.
    pub mean: f64,
    /// Half the width of the interval.
    pub half_width: f64,
}

/// A system's test against the first one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// Where its resampled scores lie.
    pub interval: Interval,
    /// The probability of a larger difference if both systems were the same;
    /// none for the first system.
    pub p_value: Option<f64>,
}

/// The confidence interval of each system's score by bootstrap resampling.
#[must_use]
pub fn confidence(
    metric: &dyn Metric,
    statistics: &Statistics,
    resampling: Resampling,
) -> Vec<Interval> {
    resample(metric, statistics, resampling)
        .iter()
        .map(|samples| match samples {
            Samples::Single(scores) => interval(scores, |scores| exact_mean(scores) as f32),
            Samples::Double(scores) => interval(scores, exact_mean),
        })
        .collect()
}

/// Tests each system against the first one by bootstrap resampling.
#[must_use]
pub fn paired_bootstrap(
    metric: &dyn Metric,
    statistics: &Statistics,
    resampling: Resampling,
) -> Vec<Tested> {
    let samples = resample(metric, statistics, resampling);
    let Some(baseline) = samples.first() else {
        return Vec::new();
    };
    let of_system = |(system, samples): (usize, &Samples)| Tested {
        interval: match samples {
            Samples::Single(scores) => interval(scores, mean),
            Samples::Double(scores) => interval(scores, mean),
        },
        p_value: (system > 0).then(|| {
            let difference = difference(metric, statistics, system);
            match (samples, baseline) {
                (Samples::Single(a), Samples::Single(b)) => bootstrap_p_value(a, b, difference),
                _ => bootstrap_p_value(&samples.double(), &baseline.double(), difference),
            }
        }),
    };
    samples.iter().enumerate().map(of_system).collect()
}

/// Tests each system against the first one by approximate randomisation: how
/// often do systems differ more that have half of their segments swapped at
/// random? The first system has no value.
///
/// With several references, the average length of which is no integer, sums of
/// TER may be rounded otherwise than by numpy's matrix product; the p-value may
/// then differ by a trial.
#[must_use]
pub fn approximate_randomization(
    metric: &dyn Metric,
    statistics: &Statistics,
    resampling: Resampling,
) -> Vec<Option<f64>> {
    let p_value = |system| {
        let real = difference(metric, statistics, system);
        let differences = shuffled_differences(metric, statistics, system, resampling);
        p_value(&differences, real)
    };
    (0..statistics.systems)
        .map(|system| (system > 0).then(|| p_value(system)))
        .collect()
}

/// Trials that are shuffled at a time, for bounded memory.
const SHUFFLED_AT_ONCE: usize = 256;

/// The absolute differences of shuffled systems, a trial each.
fn shuffled_differences(
    metric: &dyn Metric,
    statistics: &Statistics,
    system: usize,
    resampling: Resampling,
) -> Vec<f64> {
    let [baseline, other] = [0, system].map(|system| statistics.sums(system));
    // Row by row, what a system gains that swaps the segment.
    let gains: Vec<f64> = statistics
        .rows(0)
        .zip(statistics.rows(system))
        .flat_map(|(baseline, other)| baseline.iter().zip(other).map(|(a, b)| a - b))
        .collect();
    let segments = statistics.segments();
    let mut bits = Bits::new(Generator::new(resampling.seed));
    let mut differences = Vec::with_capacity(resampling.trials);
    for start in (0..resampling.trials).step_by(SHUFFLED_AT_ONCE) {
        let trials = SHUFFLED_AT_ONCE.min(resampling.trials - start);
        let swaps: Vec<bool> = bits.by_ref().take(trials * segments).collect();
        differences.par_extend(swaps.par_chunks(segments.max(1)).map(|swaps| {
            let (mut a, mut b) = (other.clone(), baseline.clone());
            for (gain, _) in gains
                .chunks_exact(statistics.width)
                .zip(swaps)
                .filter(|(_, swap)| **swap)
            {
                for ((a, b), gain) in a.iter_mut().zip(&mut b).zip(gain) {
                    *a += gain;
                    *b -= gain;
                }
            }
            (metric.shuffled_score(&a) - metric.shuffled_score(&b)).abs()
        }));
    }
    differences
}

/// The absolute difference of a system's score from the first one's.
fn difference(metric: &dyn Metric, statistics: &Statistics, system: usize) -> f64 {
    let [baseline, score] = [0, system].map(|system| metric.score(&statistics.sums(system)));
    (baseline - score).abs()
}

fn bootstrap_p_value<R: Real>(scores: &[R], baseline: &[R], difference: f64) -> f64 {
    let zero = R::of(0.0);
    let differences: Vec<R> = scores
        .iter()
        .zip(baseline)
        .map(|(&a, &b)| if a - b < zero { b - a } else { a - b })
        .collect();
    let mean = mean(&differences);
    let around_0: Vec<R> = differences.iter().map(|&other| other - mean).collect();
    p_value(&around_0, difference)
}

/// (c + 1) / (n + 1), where c of n differences are greater than the real one (as
/// sacreBLEU counts; of equal systems it is the least possible).
fn p_value<R: Real>(differences: &[R], real: f64) -> f64 {
    let greater = differences.iter().filter(|&&other| other > R::of(real));
    (greater.count() + 1) as f64 / (differences.len() + 1) as f64
}

fn interval<R: Real>(scores: &[R], mean: impl Fn(&[R]) -> R) -> Interval {
    let mut scores = scores.to_vec();
    scores.sort_by(|a, b| a.double().total_cmp(&b.double()));
    let outside = scores.len() / 40;
    let (Some(&lower), Some(&upper)) = (
        scores.get(outside),
        scores.get(scores.len().wrapping_sub(outside + 1)),
    ) else {
        return Interval {
            mean: 0.0,
            half_width: 0.0,
        };
    };
    Interval {
        mean: mean(&scores).double(),
        half_width: (R::of(0.5) * (upper - lower)).double(),
    }
}

/// Python's `statistics.mean`, which is exact (Neumaier's sum, exact enough for
/// all printed digits).
fn exact_mean<R: Real>(values: &[R]) -> f64 {
    let (mut sum, mut rest) = (0.0_f64, 0.0);
    for value in values.iter().map(|value| value.double()) {
        let next = sum + value;
        rest += if sum.abs() >= value.abs() {
            (sum - next) + value
        } else {
            (value - next) + sum
        };
        sum = next;
    }
    (sum + rest) / values.len() as f64
}
