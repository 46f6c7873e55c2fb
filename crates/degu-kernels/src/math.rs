//! Vector functions: logistic, hyperbolic tangent, softplus, error
//! function.

use crate::simd::Simd;

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.constant(1.0);
    s.div(one, s.add(one, s.exp(s.sub(s.zero(), x))))
}

/// `tanh(x)`: a power series near zero, exponentials elsewhere, so that the relative error stays
/// near one unit.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let (one, size) = (s.constant(1.0), s.abs(x));
    let e = s.exp(s.mul(s.constant(-2.0), size));
    let far = s.div(s.sub(one, e), s.add(one, e));
    let far = s.select(s.gt(s.zero(), x), s.sub(s.zero(), far), far);
    // Odd Taylor series up to x^11; at |x| < 0.25 the first omitted term is 5e-11 of x.
    let square = s.mul(x, x);
    let mut p = s.constant(-1382.0 / 155_925.0);
    for c in [62.0 / 2835.0, -17.0 / 315.0, 2.0 / 15.0, -1.0 / 3.0] {
        p = s.fma(p, square, s.constant(c));
    }
    let near = s.fma(s.mul(p, square), x, x);
    s.select(s.gt(s.constant(0.25), size), near, far)
}

/// `ln(1 + exp(x))` without overflow.
#[inline(always)]
pub(crate) fn softplus<S: Simd>(s: S, x: S::V) -> S::V {
    let u = s.exp(s.sub(s.zero(), s.abs(x)));
    // ln(1 + u) = 2 artanh(u / (2 + u)), argument at most 1/3.
    let q = s.div(u, s.add(u, s.constant(2.0)));
    let square = s.mul(q, q);
    let mut p = s.constant(2.0 / 17.0);
    for k in [15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        p = s.fma(p, square, s.constant(2.0 / k));
    }
    s.fma(p, q, s.max(s.zero(), x))
}

/// The normal distribution function, by Abramowitz and Stegun 7.1.26 (absolute error 7.5e-8).
#[inline(always)]
pub(crate) fn normal_cdf<S: Simd>(s: S, x: S::V) -> S::V {
    let (one, half) = (s.constant(1.0), s.constant(0.5));
    let z = s.mul(s.abs(x), s.constant(std::f64::consts::FRAC_1_SQRT_2));
    let t = s.div(one, s.fma(s.constant(0.327_591_1), z, one));
    let mut p = s.constant(1.061_405_429);
    for c in [-1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592] {
        p = s.fma(p, t, s.constant(c));
    }
    let upper = s.mul(
        s.mul(half, s.mul(p, t)),
        s.exp(s.sub(s.zero(), s.mul(z, z))),
    );
    s.select(s.gt(x, s.zero()), s.sub(one, upper), upper)
}

/// The normal density.
#[inline(always)]
pub(crate) fn normal_pdf<S: Simd>(s: S, x: S::V) -> S::V {
    let e = s.exp(s.mul(s.constant(-0.5), s.mul(x, x)));
    s.mul(e, s.constant(0.398_942_280_401_432_7))
}
