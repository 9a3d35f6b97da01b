//! Attention of single rows over the positions that are theirs: no padding, no
//! mask, so that a batch cannot change a bit.

use super::precision::Stored;
use super::simd::{LANES, Lanes, Simd, exp};

/// Heads of an attention; each is padded to whole vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    /// Numbers of a head.
    pub(crate) width: usize,
}

impl Heads {
    /// Vectors of one head.
    pub(crate) const fn lanes_of_one(self) -> usize {
        self.width.div_ceil(LANES)
    }

    /// Vectors of all heads.
    pub(crate) const fn lanes(self) -> usize {
        self.count * self.lanes_of_one()
    }
}

/// Keys and values: at each position `stride` vectors, the keys of all heads
/// first.
#[derive(Clone, Copy)]
pub(crate) struct KeysValues<'a, T> {
    pub(crate) positions: &'a [T],
    pub(crate) stride: usize,
    /// Where the values begin.
    pub(crate) values: usize,
}

impl<'a, T> KeysValues<'a, T> {
    #[inline(always)]
    fn keys_at(&self, position: usize, lanes: usize) -> &'a [T] {
        &self.positions[position * self.stride..][..lanes]
    }

    #[inline(always)]
    fn values_at(&self, position: usize, first: usize, lanes: usize) -> &'a [T] {
        &self.positions[position * self.stride + self.values + first..][..lanes]
    }
}

/// Scores of a row: `[heads][positions]`, each head padded to whole vectors.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    lanes: Vec<Lanes>,
    /// Vectors of a head.
    width: usize,
    /// `1 / sum` of each head.
    inverse: Vec<f32>,
}

impl Scores {
    pub(crate) const fn new() -> Self {
        Self {
            lanes: Vec::new(),
            width: 0,
            inverse: Vec::new(),
        }
    }

    /// The weights of one head over `positions` positions.
    pub(crate) fn weights(&self, head: usize, positions: usize) -> Vec<f32> {
        let of_head = &self.lanes[head * self.width..][..self.width];
        let numbers: &[f32] = bytemuck::cast_slice(of_head);
        numbers[..positions]
            .iter()
            .map(|number| number * self.inverse[head])
            .collect()
    }
}

/// `softmax(query · keys) · values` for one row, by head. The scale of the
/// scores is part of the query's weights. `at` are the row's positions.
#[inline(always)]
pub(crate) fn attend<S: Simd, T: Stored>(
    s: S,
    heads: Heads,
    query: &[Lanes],
    source: KeysValues<T>,
    at: impl Iterator<Item = usize> + Clone,
    scores: &mut Scores,
    out: &mut [Lanes],
) {
    let count = at.clone().count();
    scores.width = count.div_ceil(LANES);
    let needed = heads.count * scores.width;
    if scores.lanes.len() < needed {
        scores.lanes.resize(needed, Lanes::ZERO);
    }
    scores.inverse.resize(heads.count, 0.0);
    let (width, of_one) = (scores.width, heads.lanes_of_one());

    let numbers: &mut [f32] = bytemuck::cast_slice_mut(&mut scores.lanes[..needed]);
    for (index, position) in at.clone().enumerate() {
        let keys = source.keys_at(position, heads.lanes());
        let of_heads = keys.chunks_exact(of_one).zip(query.chunks_exact(of_one));
        for ((keys, query), scores) in of_heads.zip(numbers.chunks_exact_mut(width * LANES)) {
            let mut sum = s.splat(0.0);
            for (key, query) in keys.iter().zip(query) {
                sum = s.fma(T::load(s, key), s.load(query), sum);
            }
            scores[index] = s.fold_add(sum);
        }
    }
    for (head, numbers) in numbers.chunks_exact_mut(width * LANES).enumerate() {
        numbers[count..].fill(f32::NEG_INFINITY);
        scores.inverse[head] = 1.0 / exponentials(s, bytemuck::cast_slice_mut(numbers));
    }
    let numbers: &[f32] = bytemuck::cast_slice(&scores.lanes[..needed]);
    for (head, out) in out.chunks_exact_mut(of_one).enumerate() {
        let weights = &numbers[head * width * LANES..][..count];
        let inverse = s.splat(scores.inverse[head]);
        let mut first = head * of_one;
        let mut mixed = 0;
        while mixed < of_one {
            let out = &mut out[mixed..];
            let values = at.clone().zip(weights);
            let done = match of_one - mixed {
                1 => mix::<S, T, 1>(s, source, first, values, inverse, out),
                2 | 3 => mix::<S, T, 2>(s, source, first, values, inverse, out),
                _ => mix::<S, T, 4>(s, source, first, values, inverse, out),
            };
            mixed += done;
            first += done;
        }
    }
}

/// Replaces scores by `e^(score − max)`; returns their sum.
#[inline(always)]
fn exponentials<S: Simd>(s: S, scores: &mut [Lanes]) -> f32 {
    let mut largest = s.splat(f32::NEG_INFINITY);
    for lanes in &*scores {
        largest = s.max(largest, s.load(lanes));
    }
    let largest = s.splat(s.fold_max(largest));
    let mut sum = s.splat(0.0);
    for lanes in scores {
        let e = exp(s, s.sub(s.load(lanes), largest));
        sum = s.add(sum, e);
        s.store(e, lanes);
    }
    s.fold_add(sum)
}

/// The weighted sum of `N` vectors of the values.
#[inline(always)]
fn mix<'a, S: Simd, T: Stored, const N: usize>(
    s: S,
    source: KeysValues<T>,
    first: usize,
    weighted: impl Iterator<Item = (usize, &'a f32)>,
    inverse: S::F,
    out: &mut [Lanes],
) -> usize {
    let mut sums = [s.splat(0.0); N];
    for (position, &weight) in weighted {
        let weight = s.splat(weight);
        let values = source.values_at(position, first, N);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = s.fma(weight, T::load(s, value), *sum);
        }
    }
    for (sum, out) in sums.into_iter().zip(out) {
        s.store(s.mul(sum, inverse), out);
    }
    N
}
