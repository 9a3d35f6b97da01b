//! AVX2 with FMA and F16C: two registers hold the sixteen lanes.
#![expect(
    unsafe_code,
    reason = "intrinsics; an `Avx2` exists only where the processor has them"
)]

#[allow(clippy::wildcard_imports, reason = "dozens of intrinsics")]
use std::arch::x86_64::*;

use super::{Codes, HalfLanes, IntLanes, Kernel, LANES, Lanes, Simd};

/// AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// The proof that this processor has the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c"))
        .then_some(Self(()))
    }
}

/// Lanes 0 to 7, and 8 to 15.
type Halves<T> = (T, T);

// SAFETY of every block below: `self` proves that the processor has AVX2, FMA
// and F16C, and the references are valid for the 64 (halves: 32) bytes that are
// read or written.
impl Simd for Avx2 {
    type F = Halves<__m256>;
    type I = Halves<__m256i>;
    /// Pairs of sums for four outputs in each register: `vpmaddwd` adds two of
    /// the four products, and never saturates, as `vpmaddubsw` would.
    type Sums = [__m256i; 4];

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn with_features<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        unsafe { with_features(self, kernel) }
    }

    const TALLEST: usize = 2;

    #[inline(always)]
    fn panels_at_once(_rows: usize) -> usize {
        1
    }

    #[inline(always)]
    fn load(self, from: &Lanes) -> Self::F {
        unsafe {
            let from = from.0.as_ptr();
            (_mm256_load_ps(from), _mm256_load_ps(from.add(8)))
        }
    }

    #[inline(always)]
    fn store(self, value: Self::F, to: &mut Lanes) {
        unsafe {
            let to = to.0.as_mut_ptr();
            _mm256_store_ps(to, value.0);
            _mm256_store_ps(to.add(8), value.1);
        }
    }

    #[inline(always)]
    fn load_half(self, from: &HalfLanes) -> Self::F {
        unsafe {
            let from: *const __m128i = from.0.as_ptr().cast();
            (
                _mm256_cvtph_ps(_mm_load_si128(from)),
                _mm256_cvtph_ps(_mm_load_si128(from.add(1))),
            )
        }
    }

    #[inline(always)]
    fn store_half(self, value: Self::F, to: &mut HalfLanes) {
        unsafe {
            let to: *mut __m128i = to.0.as_mut_ptr().cast();
            let halves =
                [value.0, value.1].map(|v| _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v));
            _mm_store_si128(to, halves[0]);
            _mm_store_si128(to.add(1), halves[1]);
        }
    }

    #[inline(always)]
    fn load_int(self, from: &IntLanes) -> Self::I {
        unsafe {
            let from: *const __m256i = from.0.as_ptr().cast();
            (_mm256_load_si256(from), _mm256_load_si256(from.add(1)))
        }
    }

    #[inline(always)]
    fn store_int(self, value: Self::I, to: &mut IntLanes) {
        unsafe {
            let to: *mut __m256i = to.0.as_mut_ptr().cast();
            _mm256_store_si256(to, value.0);
            _mm256_store_si256(to.add(1), value.1);
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        let value = unsafe { _mm256_set1_ps(value) };
        (value, value)
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { (_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { (_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { (_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { (_mm256_div_ps(a.0, b.0), _mm256_div_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        unsafe {
            (
                _mm256_fmadd_ps(a.0, b.0, c.0),
                _mm256_fmadd_ps(a.1, b.1, c.1),
            )
        }
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { (_mm256_max_ps(a.0, b.0), _mm256_max_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        unsafe { (_mm256_min_ps(a.0, b.0), _mm256_min_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            (_mm256_andnot_ps(sign, a.0), _mm256_andnot_ps(sign, a.1))
        }
    }

    #[inline(always)]
    fn greater(self, a: Self::F, b: Self::F) -> u16 {
        unsafe {
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a.0, b.0));
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a.1, b.1));
            (low | high << 8) as u16
        }
    }

    #[inline(always)]
    fn fold_add(self, a: Self::F) -> f32 {
        unsafe {
            let a = _mm256_add_ps(a.0, a.1);
            let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
        }
    }

    #[inline(always)]
    fn fold_max(self, a: Self::F) -> f32 {
        unsafe {
            let a = _mm256_max_ps(a.0, a.1);
            let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
        }
    }

    #[inline(always)]
    fn scale_by_power_of_two(self, a: Self::F, rounded: Self::F) -> Self::F {
        unsafe {
            let low = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded.0));
            let high = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded.1));
            (
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a.0), low)),
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a.1), high)),
            )
        }
    }

    #[inline(always)]
    fn float(self, a: Self::I) -> Self::F {
        unsafe { (_mm256_cvtepi32_ps(a.0), _mm256_cvtepi32_ps(a.1)) }
    }

    #[inline(always)]
    fn sub_int(self, a: Self::I, b: Self::I) -> Self::I {
        unsafe { (_mm256_sub_epi32(a.0, b.0), _mm256_sub_epi32(a.1, b.1)) }
    }

    #[inline(always)]
    fn mul_int(self, a: Self::I, b: i32) -> Self::I {
        unsafe {
            let b = _mm256_set1_epi32(b);
            (_mm256_mullo_epi32(a.0, b), _mm256_mullo_epi32(a.1, b))
        }
    }

    #[inline(always)]
    fn quantize(self, a: Self::F, zero: i32) -> [u8; LANES] {
        let mut codes = [0_i32; LANES];
        unsafe {
            let to: *mut __m256i = codes.as_mut_ptr().cast();
            _mm256_storeu_si256(to, _mm256_cvtps_epi32(a.0));
            _mm256_storeu_si256(to.add(1), _mm256_cvtps_epi32(a.1));
        }
        codes.map(|code| code.wrapping_add(zero) as u8)
    }

    #[inline(always)]
    fn zero_sums(self) -> Self::Sums {
        [unsafe { _mm256_setzero_si256() }; 4]
    }

    #[inline(always)]
    fn dot(self, mut sums: Self::Sums, activations: [u8; 4], weights: &Codes) -> Self::Sums {
        unsafe {
            let activations = _mm_set1_epi32(i32::from_ne_bytes(activations));
            let activations = _mm256_cvtepu8_epi16(activations);
            let weights: *const __m128i = weights.0.as_ptr().cast();
            for (quarter, sums) in sums.iter_mut().enumerate() {
                let weights = _mm256_cvtepi8_epi16(_mm_load_si128(weights.add(quarter)));
                *sums = _mm256_add_epi32(*sums, _mm256_madd_epi16(activations, weights));
            }
        }
        sums
    }

    #[inline(always)]
    fn sums(self, sums: Self::Sums) -> Self::I {
        // Adds neighbours; the two halves of each register come out in turn.
        unsafe {
            let low = _mm256_hadd_epi32(sums[0], sums[1]);
            let high = _mm256_hadd_epi32(sums[2], sums[3]);
            (
                _mm256_permute4x64_epi64::<0b11_01_10_00>(low),
                _mm256_permute4x64_epi64::<0b11_01_10_00>(high),
            )
        }
    }
}
