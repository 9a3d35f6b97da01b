//! Sixteen lanes of `f32`, the same on every instruction set.
//!
//! All float work of the engine is written once, against [`Simd`]. Each of its
//! operations is exact or rounded once, as IEEE 754 says, sums are folded in one
//! fixed tree, and nothing is left to the compiler's choice of fused operations:
//! so every implementation gives the same bits.

#[cfg(target_arch = "x86_64")]
pub(super) mod amx;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx_vnni;
pub(super) mod portable;

use bytemuck::{Pod, Zeroable};
use half::f16;

/// Lanes of a vector, and columns of a panel of weights.
pub const LANES: usize = 16;

/// Sixteen numbers, aligned to a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// Sixteen integers, aligned to a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct IntLanes(pub [i32; LANES]);

/// Sixteen numbers in half precision.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(32))]
pub struct HalfLanes(pub [f16; LANES]);

/// Weights of four inputs for each of sixteen outputs: `[16][4]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Codes(pub [i8; 64]);

/// Rows that a matrix unit takes at once; it may take half of them as well.
pub const BLOCK_ROWS: usize = 32;

/// Added to a number below 2^22, leaves its nearest integer (ties to even) in
/// the low bits; taken away again, it leaves the number rounded.
pub const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Work that is compiled once for each instruction set. Its `run`, and all that
/// it calls, must be `#[inline(always)]`, so that it becomes part of a function
/// that has the instructions.
pub trait Kernel {
    type Output;
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// An instruction set. A value of it is the proof that this machine has it.
pub trait Simd: Copy {
    /// Sixteen `f32`.
    type F: Copy;
    /// Sixteen `i32`.
    type I: Copy;
    /// Running sums of int8 products for sixteen outputs.
    type Sums: Copy;

    /// Runs a kernel in a function that has these instructions.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    /// Rows that [`super::gemm`] takes at once.
    const TALLEST: usize;
    /// Panels that it takes at once with that many rows.
    fn panels_at_once(rows: usize) -> usize;

    fn load(self, from: &Lanes) -> Self::F;
    fn store(self, value: Self::F, to: &mut Lanes);
    fn load_half(self, from: &HalfLanes) -> Self::F;
    /// Rounds to nearest, ties to even.
    fn store_half(self, value: Self::F, to: &mut HalfLanes);
    fn load_int(self, from: &IntLanes) -> Self::I;
    fn store_int(self, value: Self::I, to: &mut IntLanes);
    fn splat(self, value: f32) -> Self::F;

    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a` where `a > b`, else `b`.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a` where `a < b`, else `b`.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;
    /// One bit for each lane in which `a > b`.
    fn greater(self, a: Self::F, b: Self::F) -> u16;
    /// Lane 0 to 7 with lane 8 to 15, then halves of those, and so on.
    fn fold_add(self, a: Self::F) -> f32;
    /// [`Simd::fold_add`] of each of sixteen vectors.
    #[inline(always)]
    fn fold_add_each(self, vectors: [Self::F; LANES]) -> Self::F {
        let mut sums = Lanes::ZERO;
        for lane in 0..LANES {
            sums.0[lane] = self.fold_add(vectors[lane]);
        }
        self.load(&sums)
    }
    /// The largest lane, folded as [`Simd::fold_add`].
    fn fold_max(self, a: Self::F) -> f32;
    /// [`Simd::fold_max`] of each of sixteen vectors.
    #[inline(always)]
    fn fold_max_each(self, vectors: [Self::F; LANES]) -> Self::F {
        let mut largest = Lanes::ZERO;
        for lane in 0..LANES {
            largest.0[lane] = self.fold_max(vectors[lane]);
        }
        self.load(&largest)
    }
    /// `a * 2^n`, where `n` is what [`ROUNDER`] left in the low bits of `rounded`.
    fn scale_by_power_of_two(self, a: Self::F, rounded: Self::F) -> Self::F;

    /// Exact up to 2^24, else rounded to nearest, ties to even.
    fn float(self, a: Self::I) -> Self::F;
    fn sub_int(self, a: Self::I, b: Self::I) -> Self::I;
    fn mul_int(self, a: Self::I, b: i32) -> Self::I;
    /// The nearest integers (ties to even) plus `zero`; they must be within u8.
    fn quantize(self, a: Self::F, zero: i32) -> [u8; LANES];

    /// Brings what lies at an address near the processor; any address is fine.
    fn prefetch<T>(self, _at: *const T) {}

    fn zero_sums(self) -> Self::Sums;
    /// Adds the products of four activations with sixteen outputs' weights.
    fn dot(self, sums: Self::Sums, activations: [u8; 4], weights: &Codes) -> Self::Sums;
    fn sums(self, sums: Self::Sums) -> Self::I;

    /// Whether there is a matrix unit, which [`Simd::block`] uses.
    const HAS_BLOCKS: bool = false;
    /// Must come before blocks.
    fn begin_blocks(self) {}
    /// Must come behind them.
    fn end_blocks(self) {}
    /// Writes the int8 products of [`BLOCK_ROWS`] rows or half as many, `[rows][depth]`
    /// groups of four activations, with two panels.
    fn block(
        self,
        _rows: &[[u8; 4]],
        _lines: [&[Codes]; 2],
        _sums: &mut [[IntLanes; 2]; BLOCK_ROWS],
    ) {
        unreachable!("no matrix unit");
    }
}

/// The float work of an instruction set is that of the one it extends, the first
/// field of a tuple: so it gives the same bits.
macro_rules! float_work_of {
    ($base:ty) => {
        type F = <$base as Simd>::F;
        type I = <$base as Simd>::I;
        float_work_of!(@ load(from: &Lanes) -> Self::F);
        float_work_of!(@ store(value: Self::F, to: &mut Lanes) -> ());
        float_work_of!(@ load_half(from: &HalfLanes) -> Self::F);
        float_work_of!(@ store_half(value: Self::F, to: &mut HalfLanes) -> ());
        float_work_of!(@ load_int(from: &IntLanes) -> Self::I);
        float_work_of!(@ store_int(value: Self::I, to: &mut IntLanes) -> ());
        float_work_of!(@ splat(value: f32) -> Self::F);
        float_work_of!(@ add(a: Self::F, b: Self::F) -> Self::F);
        float_work_of!(@ sub(a: Self::F, b: Self::F) -> Self::F);
        float_work_of!(@ mul(a: Self::F, b: Self::F) -> Self::F);
        float_work_of!(@ div(a: Self::F, b: Self::F) -> Self::F);
        float_work_of!(@ fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F);
        float_work_of!(@ max(a: Self::F, b: Self::F) -> Self::F);
        float_work_of!(@ min(a: Self::F, b: Self::F) -> Self::F);
        float_work_of!(@ abs(a: Self::F) -> Self::F);
        float_work_of!(@ greater(a: Self::F, b: Self::F) -> u16);
        float_work_of!(@ fold_add(a: Self::F) -> f32);
        float_work_of!(@ fold_add_each(vectors: [Self::F; LANES]) -> Self::F);
        float_work_of!(@ fold_max(a: Self::F) -> f32);
        float_work_of!(@ fold_max_each(vectors: [Self::F; LANES]) -> Self::F);
        float_work_of!(@ scale_by_power_of_two(a: Self::F, rounded: Self::F) -> Self::F);
        float_work_of!(@ float(a: Self::I) -> Self::F);
        float_work_of!(@ sub_int(a: Self::I, b: Self::I) -> Self::I);
        float_work_of!(@ mul_int(a: Self::I, b: i32) -> Self::I);
        float_work_of!(@ quantize(a: Self::F, zero: i32) -> [u8; LANES]);

        #[inline(always)]
        fn prefetch<T>(self, at: *const T) {
            self.0.prefetch(at);
        }
    };
    (@ $name:ident($($argument:ident: $type:ty),+) -> $output:ty) => {
        #[inline(always)]
        fn $name(self, $($argument: $type),+) -> $output {
            self.0.$name($($argument),+)
        }
    };
}
pub(in crate::fast) use float_work_of;

/// `e^x` for x up to 88, to `(2 + |x| / 7) * 10^-7` of it; below −87 it stays at
/// `e^-87`, about 1e-38.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(x, s.splat(-87.0));
    // The constant's own error makes up 1.4e-8 of each unit of x.
    let log2_e = s.splat(std::f32::consts::LOG2_E);
    let rounded = s.fma(x, log2_e, s.splat(ROUNDER));
    let minus_n = s.sub(s.splat(ROUNDER), rounded);
    let f = s.fma(x, log2_e, minus_n);
    // 2^f for |f| <= 1/2: the polynomial with the smallest relative error, 1.05e-7,
    // among those with value 1 and slope ln 2 at 0 (found by Lawson's iteration).
    let mut p = s.splat(1.330_060_7e-3);
    for coefficient in [
        9.669_691e-3,
        5.550_558_5e-2,
        0.240_222_83,
        std::f32::consts::LN_2,
        1.0,
    ] {
        p = s.fma(p, f, s.splat(coefficient));
    }
    s.scale_by_power_of_two(p, rounded)
}

/// `tanh(x)`.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp(s, s.min(s.add(x, x), s.splat(88.0)));
    s.sub(one, s.div(s.splat(2.0), s.add(e, one)))
}

/// The error function, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let a = s.abs(x);
    let t = s.div(one, s.fma(s.splat(0.327_591_1), a, one));
    let mut p = s.splat(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = s.fma(p, t, s.splat(coefficient));
    }
    let tail = s.mul(s.mul(p, t), exp(s, s.sub(s.splat(0.0), s.mul(a, a))));
    // The sign is that of x: 2 * [x > 0] − 1 in lanes, by the ratio x / |x|.
    let magnitude = s.sub(one, tail);
    s.mul(magnitude, s.div(x, s.max(a, s.splat(f32::MIN_POSITIVE))))
}

#[cfg(test)]
mod tests {
    use super::super::isa::Isa;
    use super::*;

    struct Exponentials<'a>(&'a mut [Lanes]);

    impl Kernel for Exponentials<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for lanes in self.0 {
                s.store(exp(s, s.load(lanes)), lanes);
            }
        }
    }

    #[test]
    fn exponentials_are_those_of_double_precision_within_the_stated_error() {
        let x = |index: usize| (index as f32 - 16_000.0) * 0.0051;
        for isa in Isa::available() {
            let mut lanes: Vec<Lanes> = (0..2000)
                .map(|first| Lanes(std::array::from_fn(|lane| x(LANES * first + lane))))
                .collect();
            isa.run(Exponentials(&mut lanes));
            for (index, &e) in lanes.iter().flat_map(|lanes| &lanes.0).enumerate() {
                let x = f64::from(x(index));
                let error = (f64::from(e) / x.exp() - 1.0).abs();
                assert!(error <= (2.0 + x.abs() / 7.0) * 1e-7, "{isa}: e^{x} is {e}");
            }
        }
    }
}
