//! AVX2 and FMA: eight f32 lanes.

use super::Simd;
use crate::scalar::{EXP_HI, EXP_LO, LN2_HI, LN2_LO, MIX_A, MIX_B, TAYLOR};
#[cfg_attr(
    not(test),
    expect(
        clippy::wildcard_imports,
        reason = "the vendor's names carry their own prefix"
    )
)]
use std::arch::x86_64::*;

/// Token of AVX2 with FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The processor has AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Intrinsics without memory access: sound wherever a token exists.
macro_rules! op {
    ($e:expr) => {{
        // SAFETY: `self` proves that the processor has AVX2 and FMA, and no memory is touched.
        unsafe { $e }
    }};
}

impl Avx2 {
    /// Mask of the first `n` lanes.
    #[expect(
        clippy::unused_self,
        reason = "the token is the proof that the instructions exist"
    )]
    #[inline(always)]
    fn first(self, n: usize) -> __m256i {
        op!(_mm256_cmpgt_epi32(
            _mm256_set1_epi32(n as i32),
            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
        ))
    }
}

impl Simd for Avx2 {
    type V = __m256;
    type M = __m256;
    const LANES: usize = 8;
    const PANEL: usize = 2;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        op!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m256 {
        // SAFETY: eight values are readable; the load is unaligned.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m256) {
        // SAFETY: eight values are writable; the store is unaligned.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> __m256 {
        // SAFETY: masked lanes are not accessed, the others are readable.
        unsafe { _mm256_maskload_ps(p, self.first(n)) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize, v: __m256) {
        // SAFETY: masked lanes are not accessed, the others are writable.
        unsafe { _mm256_maskstore_ps(p, self.first(n), v) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        op!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn gt(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, m: __m256, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_blendv_ps(b, a, m))
    }
    #[inline(always)]
    fn bits(self, m: __m256) -> u32 {
        op!(_mm256_movemask_ps(m)) as u32
    }
    #[inline(always)]
    fn mask(self, bits: u32) -> __m256 {
        op!({
            let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let set = _mm256_and_si256(_mm256_set1_epi32(bits as i32), lanes);
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lanes))
        })
    }
    #[inline(always)]
    fn exp(self, x: __m256) -> __m256 {
        let x = self.min(self.splat(EXP_HI), self.max(self.splat(EXP_LO), x));
        let scaled = self.mul(x, self.splat(std::f32::consts::LOG2_E));
        let n = op!(_mm256_round_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(scaled));
        let r = self.fma(n, self.splat(-LN2_HI), x);
        let r = self.fma(n, self.splat(-LN2_LO), r);
        let mut p = self.splat(TAYLOR[0]);
        for c in &TAYLOR[1..] {
            p = self.fma(p, r, self.splat(*c));
        }
        // 2^n as a product of two powers, so that results next to overflow and underflow are right.
        op!({
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            let rest = _mm256_sub_epi32(n, half);
            let bias = _mm256_set1_epi32(127);
            let a = _mm256_slli_epi32::<23>(_mm256_add_epi32(half, bias));
            let b = _mm256_slli_epi32::<23>(_mm256_add_epi32(rest, bias));
            _mm256_mul_ps(
                _mm256_mul_ps(p, _mm256_castsi256_ps(a)),
                _mm256_castsi256_ps(b),
            )
        })
    }
    #[inline(always)]
    fn keep(self, key: [u32; 2], first: u32, threshold: u32) -> __m256 {
        op!({
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let x = _mm256_add_epi32(lanes, _mm256_set1_epi32(first.wrapping_add(key[0]) as i32));
            let x = _mm256_xor_si256(x, _mm256_srli_epi32::<16>(x));
            let x = _mm256_mullo_epi32(x, _mm256_set1_epi32(MIX_A as i32));
            let x = _mm256_xor_si256(x, _mm256_set1_epi32(key[1] as i32));
            let x = _mm256_xor_si256(x, _mm256_srli_epi32::<15>(x));
            let x = _mm256_mullo_epi32(x, _mm256_set1_epi32(MIX_B as i32));
            let x = _mm256_xor_si256(x, _mm256_srli_epi32::<16>(x));
            let t = _mm256_set1_epi32(threshold as i32);
            // x >= t, unsigned.
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(x, t), x))
        })
    }
}
