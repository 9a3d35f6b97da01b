//! Attention of rows over the positions that are theirs: no padding, no mask, so
//! that a batch cannot change a bit.

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

/// Where the positions of a row are.
pub(crate) trait Places {
    fn place(&self, index: usize) -> usize;
}

/// One behind the other.
#[derive(Clone, Copy)]
pub(crate) struct InOrder;

impl Places for InOrder {
    #[inline(always)]
    fn place(&self, index: usize) -> usize {
        index
    }
}

impl Places for &[u32] {
    #[inline(always)]
    fn place(&self, index: usize) -> usize {
        self[index] as usize
    }
}

/// Keys and values are fetched so many positions before they are needed.
const AHEAD: usize = 4;

/// Rows that attend together: as many as there are registers for.
pub(crate) const MOST_ROWS: usize = 4;

/// How many of `rows` to take together.
pub(crate) const fn rows_at_once(rows: usize) -> usize {
    match rows {
        MOST_ROWS.. => MOST_ROWS,
        2 | 3 => 2,
        _ => 1,
    }
}

/// Queries of some rows, and what they attend to: `count` positions each, of
/// which the first `shared` are the same for all.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a, T, A> {
    pub(crate) heads: Heads,
    /// The queries of a row are the first vectors of each `query_stride`.
    pub(crate) queries: &'a [Lanes],
    pub(crate) query_stride: usize,
    pub(crate) source: KeysValues<'a, T>,
    /// Of each row.
    pub(crate) places: &'a [A],
    pub(crate) count: usize,
    pub(crate) shared: usize,
}

/// Working memory of attention.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// `[heads][rows][positions]`, each head padded to `width` vectors.
    lanes: Vec<Lanes>,
    width: usize,
    rows: usize,
    /// Heads of all rows, by sixteen.
    sixteens: usize,
    /// `1 / sum`: `[heads][rows]`.
    inverse: Vec<Lanes>,
    /// Products of the queries with the keys of sixteen positions, not yet summed:
    /// `[heads][rows][positions]`.
    products: Vec<[Lanes; LANES]>,
}

impl Scores {
    pub(crate) const fn new() -> Self {
        Self {
            lanes: Vec::new(),
            width: 0,
            rows: 0,
            sixteens: 0,
            inverse: Vec::new(),
            products: Vec::new(),
        }
    }

    fn begin(&mut self, rows: usize, heads: usize, count: usize) {
        self.width = count.div_ceil(LANES);
        self.rows = rows;
        self.sixteens = (rows * heads).div_ceil(LANES);
        let needed = self.sixteens * LANES * self.width;
        if self.lanes.len() < needed {
            self.lanes.resize(needed, Lanes::ZERO);
        }
        if self.inverse.len() < self.sixteens {
            self.inverse.resize(self.sixteens, Lanes::ZERO);
            let needed = self.sixteens * LANES;
            self.products.resize(needed, [Lanes::ZERO; LANES]);
        }
    }

    /// Replaces scores by `e^(score − max)`, sixteen heads at a time so that none
    /// waits for its own sums; what is behind the last head is not read.
    #[inline(always)]
    fn exponentials<S: Simd>(&mut self, s: S, count: usize) {
        let (width, last) = (self.width, count % LANES);
        let heads = self.lanes.chunks_exact_mut(LANES * width);
        for (heads, inverse) in heads.zip(&mut self.inverse[..self.sixteens]) {
            let mut largest = [s.splat(f32::NEG_INFINITY); LANES];
            for head in 0..LANES {
                let scores = &mut heads[head * width..][..width];
                if last > 0 {
                    scores[width - 1].0[last..].fill(f32::NEG_INFINITY);
                }
                for scores in scores {
                    largest[head] = s.max(largest[head], s.load(scores));
                }
            }
            let mut of_head = Lanes::ZERO;
            s.store(s.fold_max_each(largest), &mut of_head);
            let mut sums = [s.splat(0.0); LANES];
            for head in 0..LANES {
                let largest = s.splat(of_head.0[head]);
                for scores in &mut heads[head * width..][..width] {
                    let e = exp(s, s.sub(s.load(scores), largest));
                    sums[head] = s.add(sums[head], e);
                    s.store(e, scores);
                }
            }
            s.store(s.div(s.splat(1.0), s.fold_add_each(sums)), inverse);
        }
    }

    /// `1 / sum` of a head of a row.
    fn inverse(&self, head: usize) -> f32 {
        self.inverse[head / LANES].0[head % LANES]
    }

    /// The weights of one head of a row over `positions` positions.
    pub(crate) fn weights(&self, row: usize, head: usize, positions: usize) -> Vec<f32> {
        let head = head * self.rows + row;
        let of_head = &self.lanes[head * self.width..][..self.width];
        let numbers: &[f32] = bytemuck::cast_slice(of_head);
        numbers[..positions]
            .iter()
            .map(|number| number * self.inverse(head))
            .collect()
    }
}

impl<T: Stored, A: Places> Attention<'_, T, A> {
    /// `softmax(query · keys) · values`, by head, of as many rows as there are
    /// places, as [`rows_at_once`] says: `[rows, heads]`. The scale of the scores is
    /// part of the queries' weights. Keys and values that rows share are read and
    /// widened once for all of them; each row gets the numbers that it would get
    /// alone.
    #[inline(always)]
    pub(crate) fn attend<S: Simd>(&self, s: S, scores: &mut Scores, out: &mut [Lanes]) {
        match self.places.len() {
            4 => self.attend_rows::<S, 4>(s, scores, out),
            2 => self.attend_rows::<S, 2>(s, scores, out),
            1 => self.attend_rows::<S, 1>(s, scores, out),
            rows => unreachable!("{rows} rows do not attend together"),
        }
    }

    #[inline(always)]
    fn attend_rows<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        scores: &mut Scores,
        out: &mut [Lanes],
    ) {
        scores.begin(ROWS, self.heads.count, self.count);
        let of_one = self.heads.lanes_of_one();
        match of_one {
            4 => self.score::<S, ROWS, 4>(s, scores),
            2 => self.score::<S, ROWS, 2>(s, scores),
            _ => self.score::<S, ROWS, 0>(s, scores),
        }
        scores.exponentials(s, self.count);
        for head in 0..self.heads.count {
            let end = (head + 1) * of_one;
            let mut first = head * of_one;
            while first < end {
                first += match end - first {
                    1 => self.mix::<S, ROWS, 1>(s, head, first, scores, out),
                    2 | 3 => self.mix::<S, ROWS, 2>(s, head, first, scores, out),
                    _ => self.mix::<S, ROWS, 4>(s, head, first, scores, out),
                };
            }
        }
    }

    /// `query · keys` of all positions. `N` is the number of vectors of a head, so
    /// that the compiler knows it; 0 for those that are rare.
    #[inline(always)]
    fn score<S: Simd, const ROWS: usize, const N: usize>(&self, s: S, scores: &mut Scores) {
        for first in (0..self.count).step_by(LANES) {
            for index in first..self.count.min(first + LANES) {
                self.prefetch(s, index + AHEAD);
                if index < self.shared {
                    self.multiply::<S, ROWS, N>(s, 0, index, &mut scores.products);
                } else {
                    for row in 0..ROWS {
                        self.multiply::<S, 1, N>(s, row, index, &mut scores.products);
                    }
                }
            }
            // Behind the last position stands what was there before; it is not read.
            for (place, products) in scores.products[..self.heads.count * ROWS]
                .iter()
                .enumerate()
            {
                let mut vectors = [s.splat(0.0); LANES];
                for index in 0..LANES {
                    vectors[index] = s.load(&products[index]);
                }
                let place = place * scores.width + first / LANES;
                s.store(s.fold_add_each(vectors), &mut scores.lanes[place]);
            }
        }
    }

    /// Brings the keys and values of a position near.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, s: S, index: usize) {
        if index >= self.count {
            return;
        }
        let rows = if index < self.shared {
            1
        } else {
            self.places.len()
        };
        for places in &self.places[..rows] {
            let position = &self.source.positions[places.place(index) * self.source.stride..];
            for lanes in position[..2 * self.source.values].chunks(64 / size_of::<T>()) {
                s.prefetch(lanes.as_ptr());
            }
        }
    }

    /// Products of one position's keys with the queries of `ROWS` rows from
    /// `first`, not yet summed.
    #[inline(always)]
    fn multiply<S: Simd, const ROWS: usize, const N: usize>(
        &self,
        s: S,
        first: usize,
        index: usize,
        products: &mut [[Lanes; LANES]],
    ) {
        let of_one = if N == 0 { self.heads.lanes_of_one() } else { N };
        let keys = self
            .source
            .keys_at(self.places[first].place(index), self.heads.lanes());
        for (head, keys) in keys.chunks_exact(of_one).enumerate() {
            let mut queries = [self.queries; ROWS];
            for row in 0..ROWS {
                let start = (first + row) * self.query_stride + head * of_one;
                queries[row] = &self.queries[start..][..of_one];
            }
            let mut sums = [s.splat(0.0); ROWS];
            for lane in 0..of_one {
                let key = T::load(s, &keys[lane]);
                for row in 0..ROWS {
                    sums[row] = s.fma(key, s.load(&queries[row][lane]), sums[row]);
                }
            }
            let products = &mut products[head * self.places.len() + first..][..ROWS];
            for row in 0..ROWS {
                s.store(sums[row], &mut products[row][index % LANES]);
            }
        }
    }

    /// The weighted sums of `N` vectors of the values, from vector `first` of a
    /// row; returns `N`.
    #[inline(always)]
    fn mix<S: Simd, const ROWS: usize, const N: usize>(
        &self,
        s: S,
        head: usize,
        first: usize,
        scores: &Scores,
        out: &mut [Lanes],
    ) -> usize {
        let weights: &[f32] = bytemuck::cast_slice(&scores.lanes);
        let mut of_rows = [weights; ROWS];
        for row in 0..ROWS {
            let head = head * ROWS + row;
            of_rows[row] = &weights[head * scores.width * LANES..][..self.count];
        }
        let mut sums = [[s.splat(0.0); N]; ROWS];
        for index in 0..self.shared {
            let place = self.places[0].place(index);
            let values = self.source.values_at(place, first, N);
            let mut weights = [s.splat(0.0); ROWS];
            for row in 0..ROWS {
                weights[row] = s.splat(of_rows[row][index]);
            }
            for lane in 0..N {
                let value = T::load(s, &values[lane]);
                for row in 0..ROWS {
                    sums[row][lane] = s.fma(weights[row], value, sums[row][lane]);
                }
            }
        }
        for index in self.shared..self.count {
            for row in 0..ROWS {
                let place = self.places[row].place(index);
                let values = self.source.values_at(place, first, N);
                let weight = s.splat(of_rows[row][index]);
                for lane in 0..N {
                    let value = T::load(s, &values[lane]);
                    sums[row][lane] = s.fma(weight, value, sums[row][lane]);
                }
            }
        }
        for row in 0..ROWS {
            let inverse = s.splat(scores.inverse(head * ROWS + row));
            for lane in 0..N {
                let place = row * self.heads.lanes() + first + lane;
                s.store(s.mul(sums[row][lane], inverse), &mut out[place]);
            }
        }
        N
    }
}
