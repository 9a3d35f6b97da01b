//! AVX-512 with VNNI: one register holds the sixteen lanes.
#![expect(
    unsafe_code,
    reason = "intrinsics; an `Avx512` exists only where the processor has them"
)]

#[allow(clippy::wildcard_imports, reason = "dozens of intrinsics")]
use std::arch::x86_64::*;

use super::{Codes, HalfLanes, IntLanes, Kernel, LANES, Lanes, Simd};

/// AVX-512 F, BW, VL, DQ and VNNI.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// The proof that this processor has the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c"))
        .then_some(Self(()))
    }
}

/// Folds each of sixteen vectors into a lane, in the order of [`Simd::fold_add`]:
/// each step folds the halves of what is left of each vector, and puts two of
/// them side by side.
macro_rules! fold_each {
    ($vectors:ident, $fold:ident) => {{
        let mut halves = [_mm512_setzero_ps(); 8];
        for i in 0..8 {
            // Eight lanes of vector i, and of i + 8.
            let (a, b) = ($vectors[i], $vectors[i + 8]);
            let low = _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b);
            let high = _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b);
            halves[i] = $fold(low, high);
        }
        let mut quarters = [_mm512_setzero_ps(); 4];
        for i in 0..4 {
            // Four lanes of vectors i, i + 8, i + 4 and i + 12.
            let (a, b) = (halves[i], halves[i + 4]);
            let low = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
            let high = _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b);
            quarters[i] = $fold(low, high);
        }
        let mut pairs = [_mm512_setzero_ps(); 2];
        for i in 0..2 {
            let (a, b) = (quarters[i], quarters[i + 2]);
            let low = _mm512_shuffle_ps::<0b01_00_01_00>(a, b);
            let high = _mm512_shuffle_ps::<0b11_10_11_10>(a, b);
            pairs[i] = $fold(low, high);
        }
        let low = _mm512_shuffle_ps::<0b10_00_10_00>(pairs[0], pairs[1]);
        let high = _mm512_shuffle_ps::<0b11_01_11_01>(pairs[0], pairs[1]);
        let folded = $fold(low, high);
        // Lane 4 * i + j is of vector 8 * (i % 2) + 4 * (i / 2) + 2 * (j % 2) + j / 2.
        let order = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
        _mm512_permutexvar_ps(order, folded)
    }};
}

// SAFETY of every block below: `self` proves that the processor has AVX-512 F,
// BW, VL, DQ and VNNI, and the references are valid for the 64 (halves: 32)
// bytes that are read or written.
impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    type Sums = __m512i;

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
        fn with_features<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        unsafe { with_features(self, kernel) }
    }

    const TALLEST: usize = 12;

    #[inline(always)]
    fn panels_at_once(rows: usize) -> usize {
        if rows <= 4 { 4 } else { 2 }
    }

    #[inline(always)]
    fn load(self, from: &Lanes) -> __m512 {
        unsafe { _mm512_load_ps(from.0.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, value: __m512, to: &mut Lanes) {
        unsafe { _mm512_store_ps(to.0.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn load_half(self, from: &HalfLanes) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_load_si256(from.0.as_ptr().cast())) }
    }

    #[inline(always)]
    fn store_half(self, value: __m512, to: &mut HalfLanes) {
        unsafe {
            let halves = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value);
            _mm256_store_si256(to.0.as_mut_ptr().cast(), halves);
        }
    }

    #[inline(always)]
    fn load_int(self, from: &IntLanes) -> __m512i {
        unsafe { _mm512_load_si512(from.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_int(self, value: __m512i, to: &mut IntLanes) {
        unsafe { _mm512_store_si512(to.0.as_mut_ptr().cast(), value) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        unsafe { _mm512_abs_ps(a) }
    }

    #[inline(always)]
    fn greater(self, a: __m512, b: __m512) -> u16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
    }

    #[inline(always)]
    fn fold_add(self, a: __m512) -> f32 {
        unsafe {
            let a = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
        }
    }

    #[inline(always)]
    fn fold_add_each(self, vectors: [__m512; LANES]) -> __m512 {
        unsafe { fold_each!(vectors, _mm512_add_ps) }
    }

    #[inline(always)]
    fn fold_max_each(self, vectors: [__m512; LANES]) -> __m512 {
        unsafe { fold_each!(vectors, _mm512_max_ps) }
    }

    #[inline(always)]
    fn fold_max(self, a: __m512) -> f32 {
        unsafe {
            let a = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
        }
    }

    #[inline(always)]
    fn scale_by_power_of_two(self, a: __m512, rounded: __m512) -> __m512 {
        unsafe {
            let power = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), power))
        }
    }

    #[inline(always)]
    fn float(self, a: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(a) }
    }

    #[inline(always)]
    fn sub_int(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_sub_epi32(a, b) }
    }

    #[inline(always)]
    fn mul_int(self, a: __m512i, b: i32) -> __m512i {
        unsafe { _mm512_mullo_epi32(a, _mm512_set1_epi32(b)) }
    }

    #[inline(always)]
    fn quantize(self, a: __m512, zero: i32) -> [u8; LANES] {
        let mut bytes = [0; LANES];
        unsafe {
            let codes = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(zero));
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(codes));
        }
        bytes
    }

    #[inline(always)]
    fn prefetch<T>(self, at: *const T) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn zero_sums(self) -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, activations: [u8; 4], weights: &Codes) -> __m512i {
        unsafe {
            let activations = _mm512_set1_epi32(i32::from_ne_bytes(activations));
            let weights = _mm512_load_si512(weights.0.as_ptr().cast());
            _mm512_dpbusd_epi32(sums, activations, weights)
        }
    }

    #[inline(always)]
    fn sums(self, sums: __m512i) -> __m512i {
        sums
    }
}
