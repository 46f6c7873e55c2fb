//! The two number types of the kernels.

use crate::isa::{Isa, Kernel};
use crate::simd::portable::Portable;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32`, which every instruction set computes, or `f64`, which the portable kernels compute for
/// gradient checks.
pub trait Element:
    Copy
    + PartialOrd
    + Default
    + Send
    + Sync
    + 'static
    + std::fmt::Debug
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + crate::compiled::Compiled
    + crate::layers::CompiledLayers
    + sealed::Sealed
{
    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;
    /// The same value in double precision.
    fn to_f64(self) -> f64;
    /// The exponential: our polynomial in f32 (relative error below 2e-7), the standard library's
    /// in f64.
    fn exp_element(self) -> Self;
    /// The square root.
    fn sqrt_element(self) -> Self;
    #[doc(hidden)]
    #[expect(
        private_bounds,
        private_interfaces,
        reason = "sealed: only this crate dispatches"
    )]
    fn dispatch<K: Kernel<Self>>(isa: Isa, kernel: K) -> K::Output;
}

impl Element for f32 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn exp_element(self) -> Self {
        use crate::math::{EXP_HI, EXP_LO, LN2_HI, LN2_LO, TAYLOR};
        // Comparisons in this order let a NaN through.
        let x = if EXP_LO > self { EXP_LO } else { self };
        let x = if EXP_HI < x { EXP_HI } else { x };
        // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer without a library call.
        let n = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0;
        let r = (x - n * LN2_HI) - n * LN2_LO;
        let mut p = TAYLOR[0];
        for c in &TAYLOR[1..] {
            p = p * r + c;
        }
        let n = n as i32;
        let (half, rest) = (n >> 1, n - (n >> 1));
        let power = |k: i32| f32::from_bits(((k + 127) << 23) as u32);
        p * power(half) * power(rest)
    }
    #[inline(always)]
    fn sqrt_element(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    #[expect(
        private_bounds,
        private_interfaces,
        reason = "sealed: only this crate dispatches"
    )]
    fn dispatch<K: Kernel<Self>>(isa: Isa, kernel: K) -> K::Output {
        isa.run_f32(kernel)
    }
}

impl Element for f64 {
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn exp_element(self) -> Self {
        self.exp()
    }
    #[inline(always)]
    fn sqrt_element(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    #[expect(
        private_bounds,
        private_interfaces,
        reason = "sealed: only this crate dispatches"
    )]
    fn dispatch<K: Kernel<Self>>(_: Isa, kernel: K) -> K::Output {
        kernel.run(Portable::<f64>::new())
    }
}
