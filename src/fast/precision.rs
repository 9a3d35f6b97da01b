//! What is multiplied: int8 codes, or `f32`.

use std::fmt;

use bytemuck::Pod;

use super::simd::{BLOCK_ROWS, Codes, HalfLanes, IntLanes, LANES, Lanes, ROUNDER, Simd};

/// How weights, activations and caches are stored, and how they are multiplied.
pub trait Precision: fmt::Debug + Copy + Send + Sync + 'static {
    /// Activations that meet one [`Precision::Line`] of weights.
    type Group: Pod + fmt::Debug + Send + Sync;
    /// Weights of a group of inputs for sixteen outputs.
    type Line: Pod + fmt::Debug + Send + Sync;
    /// Sixteen numbers of a table or a cache.
    type Stored: Stored;
    /// Running sums of sixteen outputs.
    type Sums<S: Simd>: Copy;
    /// Sums that are complete.
    type Total: Pod;

    /// Inputs in a group.
    const GROUP: usize;
    /// What the inputs of a matrix are padded to: AMX takes 64 at a time.
    const DEPTH_MULTIPLE: usize;
    /// Its name in the header of a packed file.
    const NAME: &'static str;

    /// Writes a row of activations as groups, `step` apart; returns what makes
    /// numbers of them.
    fn write_row<S: Simd>(s: S, row: &[Lanes], groups: &mut [Self::Group], step: usize)
    -> RowScale;

    /// Sums of nothing.
    fn zero<S: Simd>(s: S) -> Self::Sums<S>;
    /// Adds the products of a group with a line.
    fn accumulate<S: Simd>(
        s: S,
        sums: Self::Sums<S>,
        group: Self::Group,
        line: &Self::Line,
    ) -> Self::Sums<S>;
    /// Keeps sums that are complete.
    fn total<S: Simd>(s: S, sums: Self::Sums<S>, total: &mut Self::Total);
    /// Their numbers, bias included.
    fn finish<S: Simd>(s: S, total: &Self::Total, row: RowScale, column: Column) -> S::F;

    /// Whether a matrix unit can multiply these.
    const IN_BLOCKS: bool;
    /// Multiplies with the matrix unit.
    fn block<S: Simd>(
        s: S,
        rows: &[Self::Group],
        lines: [&[Self::Line]; 2],
        totals: &mut Block<Self>,
    );

    /// Turns the weights of one output (`[inputs]`) into codes: lane `lane` of
    /// `lines`; returns their scale and their sum.
    fn write_column(weights: &[f32], lines: &mut [Self::Line], lane: usize) -> (f32, i32);
}

/// Sums of a block of rows and two panels.
pub type Block<P> = [[<P as Precision>::Total; 2]; BLOCK_ROWS];

/// `x = scale * (code − zero)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowScale {
    pub scale: f32,
    pub zero: i32,
}

/// What is known of sixteen outputs.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    pub bias: &'a Lanes,
    /// Of the weights' codes.
    pub scale: &'a Lanes,
    /// Sum of the weights' codes: what a zero point of 1 adds.
    pub sum: &'a IntLanes,
}

/// Numbers as they are stored in a table or a cache, sixteen together.
pub trait Stored: Pod + fmt::Debug + Send + Sync {
    fn load<S: Simd>(s: S, from: &Self) -> S::F;
    fn store<S: Simd>(s: S, value: S::F, to: &mut Self);
}

impl Stored for Lanes {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &Self) -> S::F {
        s.load(from)
    }

    #[inline(always)]
    fn store<S: Simd>(s: S, value: S::F, to: &mut Self) {
        s.store(value, to);
    }
}

impl Stored for HalfLanes {
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &Self) -> S::F {
        s.load_half(from)
    }

    #[inline(always)]
    fn store<S: Simd>(s: S, value: S::F, to: &mut Self) {
        s.store_half(value, to);
    }
}

/// int8 weights with a scale for each output, u8 activations with a scale and a
/// zero point for each row (behind a swish nearly all are positive), f16 tables and caches.
#[derive(Debug, Clone, Copy)]
pub struct Int8;

impl Precision for Int8 {
    type Group = [u8; 4];
    type Line = Codes;
    type Stored = HalfLanes;
    type Sums<S: Simd> = S::Sums;
    type Total = IntLanes;

    const GROUP: usize = 4;
    const DEPTH_MULTIPLE: usize = 64;
    const NAME: &'static str = "int8";

    #[inline(always)]
    fn write_row<S: Simd>(s: S, row: &[Lanes], groups: &mut [[u8; 4]], step: usize) -> RowScale {
        let (mut low, mut high) = (s.splat(0.0), s.splat(0.0));
        for lanes in row {
            high = s.max(high, s.load(lanes));
            low = s.max(low, s.sub(s.splat(0.0), s.load(lanes)));
        }
        let (low, high) = (s.fold_max(low), s.fold_max(high)); // low is −minimum
        // Both ends may be rounded up, so one step less than there are.
        let range = low + high;
        let inverse = if range > 0.0 { 254.0 / range } else { 0.0 };
        let zero = (low * inverse).round_ties_even() as i32;
        let mut groups = groups.iter_mut().step_by(step);
        for lanes in row {
            let codes = s.quantize(s.mul(s.load(lanes), s.splat(inverse)), zero);
            let (codes, _) = codes.as_chunks::<4>();
            for (&codes, group) in codes.iter().zip(&mut groups) {
                *group = codes;
            }
        }
        RowScale {
            scale: range / 254.0,
            zero,
        }
    }

    #[inline(always)]
    fn zero<S: Simd>(s: S) -> S::Sums {
        s.zero_sums()
    }

    #[inline(always)]
    fn accumulate<S: Simd>(s: S, sums: S::Sums, group: [u8; 4], line: &Codes) -> S::Sums {
        s.dot(sums, group, line)
    }

    #[inline(always)]
    fn total<S: Simd>(s: S, sums: S::Sums, total: &mut IntLanes) {
        s.store_int(s.sums(sums), total);
    }

    #[inline(always)]
    fn finish<S: Simd>(s: S, total: &IntLanes, row: RowScale, column: Column) -> S::F {
        let offset = s.mul_int(s.load_int(column.sum), row.zero);
        let sums = s.float(s.sub_int(s.load_int(total), offset));
        let scale = s.mul(s.splat(row.scale), s.load(column.scale));
        s.fma(sums, scale, s.load(column.bias))
    }

    const IN_BLOCKS: bool = true;

    #[inline(always)]
    fn block<S: Simd>(s: S, rows: &[[u8; 4]], lines: [&[Codes]; 2], totals: &mut Block<Self>) {
        s.block(rows, lines, totals);
    }

    fn write_column(weights: &[f32], lines: &mut [Codes], lane: usize) -> (f32, i32) {
        let largest = weights
            .iter()
            .fold(0.0_f32, |max, weight| max.max(weight.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut sum = 0;
        for (weights, line) in weights.chunks(4).zip(lines) {
            for (weight, code) in weights.iter().zip(&mut line.0[4 * lane..]) {
                // Many times as fast as `round_ties_even`, which is a call where the
                // processor that is compiled for need not have the instruction.
                *code = ((weight * inverse + ROUNDER) - ROUNDER) as i8;
                sum += i32::from(*code);
            }
        }
        (largest / 127.0, sum)
    }
}

/// `f32` throughout.
#[derive(Debug, Clone, Copy)]
pub struct Single;

impl Precision for Single {
    type Group = f32;
    type Line = Lanes;
    type Stored = Lanes;
    type Sums<S: Simd> = S::F;
    type Total = Lanes;

    const GROUP: usize = 1;
    const DEPTH_MULTIPLE: usize = 1;
    const NAME: &'static str = "f32";

    #[inline(always)]
    fn write_row<S: Simd>(_s: S, row: &[Lanes], groups: &mut [f32], step: usize) -> RowScale {
        let mut groups = groups.iter_mut().step_by(step);
        for lanes in row {
            for (&value, group) in lanes.0.iter().zip(&mut groups) {
                *group = value;
            }
        }
        RowScale::default()
    }

    #[inline(always)]
    fn zero<S: Simd>(s: S) -> S::F {
        s.splat(0.0)
    }

    #[inline(always)]
    fn accumulate<S: Simd>(s: S, sums: S::F, value: f32, line: &Lanes) -> S::F {
        s.fma(s.splat(value), s.load(line), sums)
    }

    #[inline(always)]
    fn total<S: Simd>(s: S, sums: S::F, total: &mut Lanes) {
        s.store(sums, total);
    }

    #[inline(always)]
    fn finish<S: Simd>(s: S, total: &Lanes, _row: RowScale, column: Column) -> S::F {
        s.add(s.load(total), s.load(column.bias))
    }

    const IN_BLOCKS: bool = false;

    fn block<S: Simd>(_s: S, _rows: &[f32], _lines: [&[Lanes]; 2], _totals: &mut Block<Self>) {
        unreachable!("matrix units multiply int8");
    }

    fn write_column(weights: &[f32], lines: &mut [Lanes], lane: usize) -> (f32, i32) {
        for (&weight, line) in weights.iter().zip(lines) {
            line.0[lane] = weight;
        }
        (1.0, 0)
    }
}

/// `length` in whole vectors.
pub const fn lanes(length: usize) -> usize {
    length.div_ceil(LANES)
}
