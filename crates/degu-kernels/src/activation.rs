//! Pointwise activations and their derivatives.

use crate::math;
use crate::simd::Simd;

/// A pointwise activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// x
    Identity,
    /// max(0, x), derivative 0 at 0
    Relu,
    /// x / (1 + exp(-x))
    Silu,
    /// x above 0, exp(x) - 1 below
    Elu,
    /// x times the normal distribution function
    Gelu,
    /// ln(1 + exp(x))
    Softplus,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// hyperbolic tangent
    Tanh,
    /// exp(x)
    Exp,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 9] = [
        Self::Identity,
        Self::Relu,
        Self::Silu,
        Self::Elu,
        Self::Gelu,
        Self::Softplus,
        Self::Sigmoid,
        Self::Tanh,
        Self::Exp,
    ];
}

/// An activation as a type, so that each loop is compiled for it.
pub(crate) trait Pointwise: Copy {
    fn value<S: Simd>(s: S, z: S::V) -> S::V;
    fn derivative<S: Simd>(s: S, z: S::V) -> S::V;
}

macro_rules! pointwise {
    ($name:ident, |$s:ident, $z:ident| $value:expr, $derivative:expr) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name;
        impl Pointwise for $name {
            #[inline(always)]
            fn value<S: Simd>($s: S, $z: S::V) -> S::V {
                $value
            }
            #[inline(always)]
            fn derivative<S: Simd>($s: S, $z: S::V) -> S::V {
                $derivative
            }
        }
    };
}

pointwise!(Identity, |s, z| s.add(z, s.zero()), {
    let _ = z;
    s.constant(1.0)
});
pointwise!(
    Relu,
    |s, z| s.max(s.zero(), z),
    s.select(s.gt(z, s.zero()), s.constant(1.0), s.zero())
);
pointwise!(Silu, |s, z| s.mul(z, math::sigmoid(s, z)), {
    let p = math::sigmoid(s, z);
    // p (1 + z (1 - p))
    s.mul(p, s.fma(z, s.sub(s.constant(1.0), p), s.constant(1.0)))
});
pointwise!(
    Elu,
    |s, z| s.select(
        s.gt(z, s.zero()),
        z,
        s.sub(s.exp(s.min(s.zero(), z)), s.constant(1.0))
    ),
    {
        s.select(
            s.gt(z, s.zero()),
            s.constant(1.0),
            s.exp(s.min(s.zero(), z)),
        )
    }
);
pointwise!(
    Gelu,
    |s, z| s.mul(z, math::normal_cdf(s, z)),
    s.fma(z, math::normal_pdf(s, z), math::normal_cdf(s, z))
);
pointwise!(Softplus, |s, z| math::softplus(s, z), math::sigmoid(s, z));
pointwise!(Sigmoid, |s, z| math::sigmoid(s, z), {
    let p = math::sigmoid(s, z);
    s.mul(p, s.sub(s.constant(1.0), p))
});
pointwise!(Tanh, |s, z| math::tanh(s, z), {
    let t = math::tanh(s, z);
    s.sub(s.constant(1.0), s.mul(t, t))
});
pointwise!(Exp, |s, z| s.exp(z), s.exp(z));

/// Calls `$body` with `$A` standing for the type of the activation.
macro_rules! with_activation {
    ($activation:expr, $A:ident => $body:expr) => {
        match $activation {
            $crate::activation::Activation::Identity => {
                type $A = $crate::activation::Identity;
                $body
            }
            $crate::activation::Activation::Relu => {
                type $A = $crate::activation::Relu;
                $body
            }
            $crate::activation::Activation::Silu => {
                type $A = $crate::activation::Silu;
                $body
            }
            $crate::activation::Activation::Elu => {
                type $A = $crate::activation::Elu;
                $body
            }
            $crate::activation::Activation::Gelu => {
                type $A = $crate::activation::Gelu;
                $body
            }
            $crate::activation::Activation::Softplus => {
                type $A = $crate::activation::Softplus;
                $body
            }
            $crate::activation::Activation::Sigmoid => {
                type $A = $crate::activation::Sigmoid;
                $body
            }
            $crate::activation::Activation::Tanh => {
                type $A = $crate::activation::Tanh;
                $body
            }
            $crate::activation::Activation::Exp => {
                type $A = $crate::activation::Exp;
                $body
            }
        }
    };
}
pub(crate) use with_activation;
