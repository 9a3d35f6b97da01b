//! Plain Rust: every machine has it, and the compiler finds its vectors (NEON on
//! aarch64).

use half::f16;

use super::{Codes, HalfLanes, IntLanes, Kernel, LANES, Lanes, Simd};

/// No instruction set in particular.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

#[inline(always)]
fn map2(a: Lanes, b: Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    Lanes(std::array::from_fn(|i| f(a.0[i], b.0[i])))
}

#[inline(always)]
fn greater_of(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn fold(a: Lanes, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = a.0;
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

impl Simd for Portable {
    type F = Lanes;
    type I = IntLanes;
    type Sums = IntLanes;

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    const TALLEST: usize = 4;

    #[inline(always)]
    fn panels_at_once(_rows: usize) -> usize {
        1
    }

    #[inline(always)]
    fn load(self, from: &Lanes) -> Lanes {
        *from
    }

    #[inline(always)]
    fn store(self, value: Lanes, to: &mut Lanes) {
        *to = value;
    }

    #[inline(always)]
    fn load_half(self, from: &HalfLanes) -> Lanes {
        Lanes(from.0.map(f16::to_f32))
    }

    #[inline(always)]
    fn store_half(self, value: Lanes, to: &mut HalfLanes) {
        to.0 = value.0.map(f16::from_f32);
    }

    #[inline(always)]
    fn load_int(self, from: &IntLanes) -> IntLanes {
        *from
    }

    #[inline(always)]
    fn store_int(self, value: IntLanes, to: &mut IntLanes) {
        *to = value;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        Lanes([value; LANES])
    }

    #[inline(always)]
    fn add(self, a: Lanes, b: Lanes) -> Lanes {
        map2(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        map2(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        map2(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Lanes, b: Lanes) -> Lanes {
        map2(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn fma(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        Lanes(std::array::from_fn(|i| a.0[i].mul_add(b.0[i], c.0[i])))
    }

    #[inline(always)]
    fn max(self, a: Lanes, b: Lanes) -> Lanes {
        map2(a, b, greater_of)
    }

    #[inline(always)]
    fn min(self, a: Lanes, b: Lanes) -> Lanes {
        map2(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn abs(self, a: Lanes) -> Lanes {
        Lanes(a.0.map(f32::abs))
    }

    #[inline(always)]
    fn greater(self, a: Lanes, b: Lanes) -> u16 {
        (0..LANES).fold(0, |mask, i| mask | u16::from(a.0[i] > b.0[i]) << i)
    }

    #[inline(always)]
    fn fold_add(self, a: Lanes) -> f32 {
        fold(a, |a, b| a + b)
    }

    #[inline(always)]
    fn fold_max(self, a: Lanes) -> f32 {
        fold(a, greater_of)
    }

    #[inline(always)]
    fn scale_by_power_of_two(self, a: Lanes, rounded: Lanes) -> Lanes {
        map2(a, rounded, |a, rounded| {
            f32::from_bits(a.to_bits().wrapping_add(rounded.to_bits() << 23))
        })
    }

    #[inline(always)]
    fn float(self, a: IntLanes) -> Lanes {
        Lanes(a.0.map(|a| a as f32))
    }

    #[inline(always)]
    fn sub_int(self, a: IntLanes, b: IntLanes) -> IntLanes {
        IntLanes(std::array::from_fn(|i| a.0[i].wrapping_sub(b.0[i])))
    }

    #[inline(always)]
    fn mul_int(self, a: IntLanes, b: i32) -> IntLanes {
        IntLanes(a.0.map(|a| a.wrapping_mul(b)))
    }

    #[inline(always)]
    fn quantize(self, a: Lanes, zero: i32) -> [u8; LANES] {
        a.0.map(|a| (a.round_ties_even() as i32).wrapping_add(zero) as u8)
    }

    #[inline(always)]
    fn zero_sums(self) -> IntLanes {
        IntLanes([0; LANES])
    }

    #[inline(always)]
    fn dot(self, mut sums: IntLanes, activations: [u8; 4], weights: &Codes) -> IntLanes {
        let activations = activations.map(i32::from);
        let (weights, _) = weights.0.as_chunks::<4>();
        for (sum, weights) in sums.0.iter_mut().zip(weights) {
            for (a, &w) in activations.iter().zip(weights) {
                *sum += a * i32::from(w);
            }
        }
        sums
    }

    #[inline(always)]
    fn sums(self, sums: IntLanes) -> IntLanes {
        sums
    }
}
