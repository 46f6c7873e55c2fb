//! AVX-512F: sixteen f32 lanes, partial vectors by lane masks.

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

/// Token of AVX-512F.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The processor has AVX-512F.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Mask of the first `n` lanes, `n < 16`.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as u16
}

/// Intrinsics without memory access: sound wherever a token exists.
macro_rules! op {
    ($e:expr) => {{
        // SAFETY: `self` proves that the processor has AVX-512F, and no memory is touched.
        unsafe { $e }
    }};
}

impl Simd for Avx512 {
    type V = __m512;
    type M = __mmask16;
    const LANES: usize = 16;
    const PANEL: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        op!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: sixteen values are readable; the load is unaligned.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        // SAFETY: sixteen values are writable; the store is unaligned.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> __m512 {
        // SAFETY: masked lanes are not accessed, the others are readable.
        unsafe { _mm512_maskz_loadu_ps(first(n), p) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize, v: __m512) {
        // SAFETY: masked lanes are not accessed, the others are writable.
        unsafe { _mm512_mask_storeu_ps(p, first(n), v) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        op!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn gt(self, a: __m512, b: __m512) -> __mmask16 {
        op!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(self, a: __m512, b: __m512) -> __mmask16 {
        op!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, m: __mmask16, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_mask_blend_ps(m, b, a))
    }
    #[inline(always)]
    fn bits(self, m: __mmask16) -> u32 {
        u32::from(m)
    }
    #[inline(always)]
    fn mask(self, bits: u32) -> __mmask16 {
        bits as __mmask16
    }
    #[inline(always)]
    fn exp(self, x: __m512) -> __m512 {
        let x = self.min(self.splat(EXP_HI), self.max(self.splat(EXP_LO), x));
        let scaled = self.mul(x, self.splat(std::f32::consts::LOG2_E));
        let n = op!(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT }>(
            scaled
        ));
        let r = self.fma(n, self.splat(-LN2_HI), x);
        let r = self.fma(n, self.splat(-LN2_LO), r);
        let mut p = self.splat(TAYLOR[0]);
        for c in &TAYLOR[1..] {
            p = self.fma(p, r, self.splat(*c));
        }
        op!(_mm512_scalef_ps(p, n))
    }
    #[inline(always)]
    fn keep(self, key: [u32; 2], first: u32, threshold: u32) -> __mmask16 {
        op!({
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let x = _mm512_add_epi32(lanes, _mm512_set1_epi32(first.wrapping_add(key[0]) as i32));
            let x = _mm512_xor_si512(x, _mm512_srli_epi32::<16>(x));
            let x = _mm512_mullo_epi32(x, _mm512_set1_epi32(MIX_A as i32));
            let x = _mm512_xor_si512(x, _mm512_set1_epi32(key[1] as i32));
            let x = _mm512_xor_si512(x, _mm512_srli_epi32::<15>(x));
            let x = _mm512_mullo_epi32(x, _mm512_set1_epi32(MIX_B as i32));
            let x = _mm512_xor_si512(x, _mm512_srli_epi32::<16>(x));
            _mm512_cmpge_epu32_mask(x, _mm512_set1_epi32(threshold as i32))
        })
    }
}
