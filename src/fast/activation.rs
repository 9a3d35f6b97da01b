//! Activations of the feed-forward blocks, on vectors.

use candle_nn::Activation;

use super::gemm::{Epilogue, part_of_row};
use super::simd::{Lanes, Simd, erf, exp, tanh};

/// Writes the activation of the numbers into rows of `width` vectors.
pub(crate) struct Activate<'a> {
    pub(crate) activation: Activation,
    pub(crate) out: &'a mut [Lanes],
    pub(crate) width: usize,
}

impl Epilogue for Activate<'_> {
    #[inline(always)]
    fn row<S: Simd, const PANELS: usize>(
        &mut self,
        s: S,
        row: usize,
        panel: usize,
        values: [S::F; PANELS],
    ) {
        let out = part_of_row(self.out, self.width, row, panel);
        macro_rules! with {
            ($activate:ident) => {
                for (out, value) in out.iter_mut().zip(values) {
                    s.store($activate(s, value), out);
                }
            };
        }
        match self.activation {
            Activation::Silu => with!(silu),
            Activation::Relu => with!(relu),
            Activation::NewGelu => with!(gelu_tanh),
            _ => with!(gelu_erf),
        }
    }
}

#[inline(always)]
fn silu<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp(s, s.min(s.sub(s.splat(0.0), x), s.splat(88.0)));
    s.div(x, s.add(s.splat(1.0), e))
}

#[inline(always)]
fn relu<S: Simd>(s: S, x: S::F) -> S::F {
    s.max(s.splat(0.0), x)
}

/// `0.5 x (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))`.
#[inline(always)]
fn gelu_tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let cube = s.mul(s.mul(x, x), x);
    let inner = s.mul(s.splat(0.797_884_6), s.fma(s.splat(0.044_715), cube, x));
    s.mul(s.mul(s.splat(0.5), x), s.add(s.splat(1.0), tanh(s, inner)))
}

/// `0.5 x (1 + erf(x / sqrt(2)))`.
#[inline(always)]
fn gelu_erf<S: Simd>(s: S, x: S::F) -> S::F {
    let inner = s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2));
    s.mul(s.mul(s.splat(0.5), x), s.add(s.splat(1.0), erf(s, inner)))
}
