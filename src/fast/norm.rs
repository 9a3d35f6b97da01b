//! Layer normalisation.

use super::gemm::Activations;
use super::precision::Precision;
use super::simd::{Kernel, LANES, Lanes, Simd};

/// `eps` of torch's `nn.LayerNorm`.
const EPSILON: f32 = 1e-5;

/// Normalises rows in place, and takes them in as activations.
pub(crate) struct LayerNorm<'a, P: Precision> {
    /// Rows of `gamma.len()` vectors.
    pub(crate) rows: &'a mut [Lanes],
    /// Numbers of a row; the others are padding and stay zero.
    pub(crate) width: usize,
    pub(crate) gamma: &'a [Lanes],
    pub(crate) beta: &'a [Lanes],
    pub(crate) activations: &'a mut Activations<P>,
    /// Groups of the matrices that follow.
    pub(crate) depth: usize,
}

impl<P: Precision> Kernel for LayerNorm<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let lanes = self.gamma.len();
        self.activations
            .begin::<S>(self.rows.len() / lanes, self.depth);
        let inside = self.width.wrapping_sub(1) % LANES + 1;
        let last = Lanes(std::array::from_fn(|i| if i < inside { 1.0 } else { 0.0 }));
        for (index, row) in self.rows.chunks_exact_mut(lanes).enumerate() {
            let mut sum = s.splat(0.0);
            for x in &*row {
                sum = s.add(sum, s.load(x));
            }
            let mean = s.splat(s.fold_add(sum) / self.width as f32);
            let mut squares = s.splat(0.0);
            for (place, x) in row.iter_mut().enumerate() {
                let mut distance = s.sub(s.load(x), mean);
                if place + 1 == lanes {
                    distance = s.mul(distance, s.load(&last));
                }
                squares = s.fma(distance, distance, squares);
                s.store(distance, x);
            }
            let variance = s.fold_add(squares) / self.width as f32;
            let inverse = s.splat(1.0 / (variance + EPSILON).sqrt());
            for ((x, gamma), beta) in row.iter_mut().zip(self.gamma).zip(self.beta) {
                let unit = s.mul(s.load(x), inverse);
                s.store(s.fma(unit, s.load(gamma), s.load(beta)), x);
            }
            self.activations.write_row(s, index, row);
        }
    }
}
