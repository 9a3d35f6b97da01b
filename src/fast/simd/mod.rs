//! Sixteen lanes of `f32`, the same on every instruction set.
//!
//! All float work of the engine is written once, against [`Simd`]. Each of its
//! operations is exact or rounded once, as IEEE 754 says, sums are folded in one
//! fixed tree, and nothing is left to the compiler's choice of fused operations:
//! so every implementation gives the same bits.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
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

/// Added to a number below 2^22, leaves its nearest integer (ties to even) in
/// the low bits.
const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

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
    /// The largest lane, folded as [`Simd::fold_add`].
    fn fold_max(self, a: Self::F) -> f32;
    /// `a * 2^n`, where `n` is what [`ROUNDER`] left in the low bits of `rounded`.
    fn scale_by_power_of_two(self, a: Self::F, rounded: Self::F) -> Self::F;

    /// Exact up to 2^24, else rounded to nearest, ties to even.
    fn float(self, a: Self::I) -> Self::F;
    fn sub_int(self, a: Self::I, b: Self::I) -> Self::I;
    fn mul_int(self, a: Self::I, b: i32) -> Self::I;
    /// The nearest integers (ties to even) plus `zero`; they must be within u8.
    fn quantize(self, a: Self::F, zero: i32) -> [u8; LANES];

    fn zero_sums(self) -> Self::Sums;
    /// Adds the products of four activations with sixteen outputs' weights.
    fn dot(self, sums: Self::Sums, activations: [u8; 4], weights: &Codes) -> Self::Sums;
    fn sums(self, sums: Self::Sums) -> Self::I;
}

/// `e^x`, to 2 ulp, for x up to 88; below −87 it stays at `e^-87`, about 1e-38.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(x, s.splat(-87.0));
    let rounded = s.fma(x, s.splat(std::f32::consts::LOG2_E), s.splat(ROUNDER));
    let n = s.sub(rounded, s.splat(ROUNDER));
    // ln 2 in two parts (Cephes, expf.c), and its polynomial.
    let r = s.fma(n, s.splat(-0.693_359_4), x);
    let r = s.fma(n, s.splat(2.121_944_4e-4), r);
    let mut p = s.splat(1.987_569_1e-4);
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = s.fma(p, r, s.splat(coefficient));
    }
    let p = s.fma(p, s.mul(r, r), s.add(r, s.splat(1.0)));
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
