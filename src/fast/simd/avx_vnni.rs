//! AVX-VNNI: processors without AVX-512 that add up four int8 products in one
//! instruction. All other work is that of AVX2.
#![expect(
    unsafe_code,
    reason = "intrinsics; an `AvxVnni` exists only where the processor has them"
)]

#[allow(clippy::wildcard_imports, reason = "dozens of intrinsics")]
use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::{Codes, HalfLanes, IntLanes, Kernel, LANES, Lanes, Simd, float_work_of};

/// AVX-VNNI, with AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub struct AvxVnni(Avx2);

impl AvxVnni {
    /// The proof that this processor has the instructions.
    pub fn detect() -> Option<Self> {
        let avx2 = Avx2::detect()?;
        is_x86_feature_detected!("avxvnni").then_some(Self(avx2))
    }
}

// SAFETY of every block below: `self` proves that the processor has AVX2 and
// AVX-VNNI, and the references are valid for the 64 bytes that are read.
impl Simd for AvxVnni {
    float_work_of!(Avx2);
    /// Of outputs 0 to 7, and 8 to 15.
    type Sums = (__m256i, __m256i);

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
        fn with_features<K: Kernel>(simd: AvxVnni, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        unsafe { with_features(self, kernel) }
    }

    /// Six rows of two registers of sums leave four of the sixteen registers.
    const TALLEST: usize = 6;

    #[inline(always)]
    fn panels_at_once(_rows: usize) -> usize {
        1
    }

    #[inline(always)]
    fn zero_sums(self) -> Self::Sums {
        let zero = unsafe { _mm256_setzero_si256() };
        (zero, zero)
    }

    #[inline(always)]
    fn dot(self, sums: Self::Sums, activations: [u8; 4], weights: &Codes) -> Self::Sums {
        unsafe {
            let activations = _mm256_set1_epi32(i32::from_ne_bytes(activations));
            let weights: *const __m256i = weights.0.as_ptr().cast();
            (
                _mm256_dpbusd_avx_epi32(sums.0, activations, _mm256_load_si256(weights)),
                _mm256_dpbusd_avx_epi32(sums.1, activations, _mm256_load_si256(weights.add(1))),
            )
        }
    }

    #[inline(always)]
    fn sums(self, sums: Self::Sums) -> Self::I {
        sums
    }
}
