//! One vector interface over the instruction sets, so that each loop is written once.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;

/// A token of an instruction set: a value proves that the processor has its instructions.
///
/// Every method is `#[inline(always)]`, so that it becomes part of the one function that enables
/// the instructions.
pub(crate) trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// The outcome of a comparison, per lane.
    type M: Copy;
    /// Values of a vector.
    const LANES: usize;
    /// Widest column panel of the matrix kernels, in vectors.
    const PANEL: usize;

    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// `LANES` values are readable at `p`.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `LANES` values are writable at `p`.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// The first `n < LANES` values; zero in the other lanes.
    ///
    /// # Safety
    /// `n` values are readable at `p`.
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V;
    /// # Safety
    /// `n` values are writable at `p`.
    unsafe fn store_part(self, p: *mut f32, n: usize, v: Self::V);
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
        self.splat(0.0)
    }
    #[inline(always)]
    fn constant(self, x: f64) -> Self::V {
        self.splat(x as f32)
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
    unsafe fn load_up_to<const PART: bool>(self, p: *const f32, n: usize) -> Self::V {
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
    unsafe fn store_up_to<const PART: bool>(self, p: *mut f32, n: usize, v: Self::V) {
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

/// Runs `$body` for the vectors of all channels: `$PART` tells whether the vector from channel `$c`
/// on has only `$part` lanes.
macro_rules! by_channels {
    ($S:ident, $channels:expr, |$c:ident, $PART:ident, $part:ident| $body:expr) => {{
        let mut $c = 0;
        while $c + $S::LANES <= $channels {
            {
                const $PART: bool = false;
                let $part = 0;
                $body
            }
            $c += $S::LANES;
        }
        if $c < $channels {
            const $PART: bool = true;
            let $part = $channels - $c;
            $body
        }
    }};
}
pub(crate) use by_channels;
