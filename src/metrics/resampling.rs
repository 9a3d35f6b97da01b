//! Bootstrap resampling: scores of corpora drawn from the corpus's own segments.

use rayon::prelude::*;

use super::generator::Generator;
use super::{Metric, Statistics};

/// How corpora are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// The number of corpora.
    pub trials: usize,
    /// Of numpy's generator; sacreBLEU's is 12345.
    pub seed: u64,
}

/// A score in the precision in which sacreBLEU has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// numpy's float32
    Single(f32),
    /// Python's own float
    Double(f64),
}

/// The scores of all trials. As in a numpy array, they are in double precision
/// as soon as one of them is.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// An array of float32.
    Single(Vec<f32>),
    /// An array of float64.
    Double(Vec<f64>),
}

impl Samples {
    /// The scores in double precision.
    #[must_use]
    pub fn double(&self) -> Vec<f64> {
        match self {
            Self::Single(scores) => scores.iter().copied().map(f64::from).collect(),
            Self::Double(scores) => scores.clone(),
        }
    }
}

impl FromIterator<Sample> for Samples {
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        let samples: Vec<Sample> = samples.into_iter().collect();
        let single = samples.iter().map(|sample| match *sample {
            Sample::Single(score) => Some(score),
            Sample::Double(_) => None,
        });
        if let Some(scores) = single.collect() {
            return Self::Single(scores);
        }
        let double = samples.iter().map(|sample| match *sample {
            Sample::Single(score) => f64::from(score),
            Sample::Double(score) => score,
        });
        Self::Double(double.collect())
    }
}

/// Segments drawn at a time, for bounded memory.
const DRAWN_AT_ONCE: usize = 1 << 22;

/// Scores each system on the same resampled corpora.
#[must_use]
pub(super) fn resample(
    metric: &dyn Metric,
    statistics: &Statistics,
    resampling: Resampling,
) -> Vec<Samples> {
    let systems = statistics.systems;
    let segments = statistics.segments();
    let tables: Vec<Table> = (0..systems)
        .map(|system| Table::new(statistics, system))
        .collect();
    let mut generator = Generator::new(resampling.seed);
    let mut samples: Vec<Vec<Sample>> = vec![Vec::with_capacity(resampling.trials); systems];
    let at_once = (DRAWN_AT_ONCE / segments.max(1)).max(1);
    let mut drawn = Vec::new();
    for start in (0..resampling.trials).step_by(at_once) {
        let trials = at_once.min(resampling.trials - start);
        drawn.clear();
        drawn.extend((0..trials * segments).map(|_| generator.below(segments as u32)));
        for (table, samples) in tables.iter().zip(&mut samples) {
            samples.par_extend(
                drawn
                    .par_chunks(segments.max(1))
                    .map(|trial| metric.resampled_score(&table.sums(trial))),
            );
        }
    }
    samples
        .into_iter()
        .map(|samples| samples.into_iter().collect())
        .collect()
}

/// Numbers that are added at once.
const LANES: usize = 8;

/// A system's rows in single precision.
struct Table {
    width: usize,
    /// Blocks of a row.
    blocks: usize,
    /// `[segments, blocks]`; the last block of a row is filled up with zeros.
    values: Vec<[f32; LANES]>,
}

impl Table {
    fn new(statistics: &Statistics, system: usize) -> Self {
        let mut values = Vec::new();
        for row in statistics.rows(system) {
            for chunk in row.chunks(LANES) {
                let mut block = [0.0; LANES];
                for (to, &from) in block.iter_mut().zip(chunk) {
                    *to = from as f32;
                }
                values.push(block);
            }
        }
        Self {
            width: statistics.width,
            blocks: statistics.width.div_ceil(LANES),
            values,
        }
    }

    /// The sums over the drawn segments, added one after the other as numpy
    /// does along the first axis.
    fn sums(&self, drawn: &[u32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.width];
        for (block, sums) in sums.chunks_mut(LANES).enumerate() {
            let mut lanes = [0.0; LANES];
            for &segment in drawn {
                let values = &self.values[segment as usize * self.blocks + block];
                for (lane, value) in lanes.iter_mut().zip(values) {
                    *lane += value;
                }
            }
            sums.copy_from_slice(&lanes[..sums.len()]);
        }
        sums
    }
}
