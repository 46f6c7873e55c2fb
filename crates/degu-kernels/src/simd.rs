//! One vector interface over the instruction sets, so that each loop is written once.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;

use crate::element::Element;

/// A token of an instruction set: whoever holds one may use its instructions.
///
/// Every method is `#[inline(always)]`, so that it becomes part of the one function that enables
/// the instructions.
pub(crate) trait Simd: Copy {
    /// Type of one value.
    type T: Element;
    /// A vector.
    type V: Copy;
    /// The outcome of a comparison, per lane.
    type M: Copy;
    /// Values of a vector.
    const LANES: usize;
    /// Widest column panel of the matrix kernels, in vectors.
    const PANEL: usize;

    fn splat(self, x: Self::T) -> Self::V;
    /// # Safety
    /// `LANES` values are readable at `p`.
    unsafe fn load(self, p: *const Self::T) -> Self::V;
    /// # Safety
    /// `LANES` values are writable at `p`.
    unsafe fn store(self, p: *mut Self::T, v: Self::V);
    /// The first `n < LANES` values; zero in the other lanes.
    ///
    /// # Safety
    /// `n` values are readable at `p`.
    unsafe fn load_part(self, p: *const Self::T, n: usize) -> Self::V;
    /// # Safety
    /// `n` values are writable at `p`.
    unsafe fn store_part(self, p: *mut Self::T, n: usize, v: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, fused where the instructions exist.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a > b ? a : b`: a NaN in `b` stays.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? a : b`: a NaN in `b` stays.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    fn gt(self, a: Self::V, b: Self::V) -> Self::M;
    fn eq(self, a: Self::V, b: Self::V) -> Self::M;
    /// `m ? a : b`.
    fn select(self, m: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// The lanes as bits, the first lane lowest.
    fn bits(self, m: Self::M) -> u32;
    /// The lanes that the lowest `LANES` bits name.
    fn mask(self, bits: u32) -> Self::M;
    fn exp(self, x: Self::V) -> Self::V;
    /// Which of the elements `first ..` a dropout layer keeps; see [`crate::dropout`].
    fn keep(self, key: [u32; 2], first: u32, threshold: u32) -> Self::M;

    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(Self::T::default())
    }
    #[inline(always)]
    fn constant(self, x: f64) -> Self::V {
        self.splat(Self::T::from_f64(x))
    }
    #[inline(always)]
    fn abs(self, x: Self::V) -> Self::V {
        self.max(x, self.sub(self.zero(), x))
    }
    /// All lanes if `n >= LANES`, else the first `n`.
    ///
    /// # Safety
    /// `min(n, LANES)` values are readable at `p`.
    #[inline(always)]
    unsafe fn load_up_to<const PART: bool>(self, p: *const Self::T, n: usize) -> Self::V {
        // SAFETY: promised by the caller.
        unsafe {
            if PART {
                self.load_part(p, n)
            } else {
                self.load(p)
            }
        }
    }
    /// All lanes if `n >= LANES`, else the first `n`.
    ///
    /// # Safety
    /// `min(n, LANES)` values are writable at `p`.
    #[inline(always)]
    unsafe fn store_up_to<const PART: bool>(self, p: *mut Self::T, n: usize, v: Self::V) {
        // SAFETY: promised by the caller.
        unsafe {
            if PART {
                self.store_part(p, n, v);
            } else {
                self.store(p, v);
            }
        }
    }
}
