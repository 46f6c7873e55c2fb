//! Vectors of four values in plain Rust: every processor.

use super::Simd;
use crate::scalar::{exp, hash};

/// Token of the portable set.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 4;

#[inline(always)]
fn zip<R>(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> R) -> [R; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = [f32; LANES];
    type M = [bool; LANES];
    const LANES: usize = LANES;
    const PANEL: usize = 2;

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; LANES] {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> [f32; LANES] {
        // SAFETY: four values are readable; `read_unaligned` asks for no alignment.
        unsafe { p.cast::<[f32; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: [f32; LANES]) {
        // SAFETY: four values are writable; `write_unaligned` asks for no alignment.
        unsafe { p.cast::<[f32; LANES]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> [f32; LANES] {
        // SAFETY: only lanes below `n`, readable by contract, are read.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, n: usize, v: [f32; LANES]) {
        for (i, x) in v.into_iter().enumerate().take(n) {
            // SAFETY: only lanes below `n`, writable by contract, are written.
            unsafe { *p.add(i) = x }
        }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x / y)
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    fn gt(self, a: Self::V, b: Self::V) -> Self::M {
        zip(a, b, |x, y| x > y)
    }
    #[inline(always)]
    fn eq(self, a: Self::V, b: Self::V) -> Self::M {
        zip(a, b, |x, y| x == y)
    }
    #[inline(always)]
    fn select(self, m: Self::M, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if m[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn bits(self, m: Self::M) -> u32 {
        (0..LANES).fold(0, |bits, i| bits | u32::from(m[i]) << i)
    }
    #[inline(always)]
    fn mask(self, bits: u32) -> Self::M {
        std::array::from_fn(|i| bits >> i & 1 == 1)
    }
    #[inline(always)]
    fn exp(self, x: Self::V) -> Self::V {
        x.map(exp)
    }
    #[inline(always)]
    fn keep(self, key: [u32; 2], first: u32, threshold: u32) -> Self::M {
        std::array::from_fn(|i| hash(key, first.wrapping_add(i as u32)) >= threshold)
    }
}
