//! Elementwise functions with derivatives of their own, which also serve the rescale rule.

use candle_core::{Result as TensorResult, Tensor};
use degu_core::{Ctx, Result, graph::Activation};

use super::{
    custom::with_gradient,
    pair::{Pair, over_zeros, rescales, secant, upper},
    softmax,
};

/// An elementwise function `f` whose derivative `df(z, f(z))` follows the mode.
///
/// In rescale mode the gradient of the example half is `(f(x) - f(r)) / (x - r)`, and `df` where
/// the two inputs differ by less than 1e-6. A network may use a nonlinearity only through this
/// function or one of the rules of this module: a bare candle operation acts as its own tangent and
/// breaks completeness.
///
/// # Shapes
///
/// * `x` - any; `[2 N, ..]` in rescale mode
/// * returns the shape of `x`
///
/// # Errors
///
/// [`Shape`](degu_core::Error::Shape) for an odd number of rows in rescale mode.
pub fn pointwise(
    name: &'static str,
    x: &Tensor,
    ctx: &Ctx<'_>,
    f: impl Fn(&Tensor) -> TensorResult<Tensor>,
    df: impl Fn(&Tensor, &Tensor) -> TensorResult<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let z = x.detach();
    let y = f(&z)?;
    if rescales(ctx) {
        let (zs, ys) = (Pair::of(name, &z)?, Pair::of(name, &y)?);
        let slope = secant(&ys.delta()?, &zs.delta()?, &df(&zs.x, &ys.x)?)?;
        return Ok(with_gradient(name, &[x], y, move |g| {
            Ok(vec![Some(over_zeros(&(upper(g)? * &slope)?)?)])
        })?);
    }
    let value = y.clone();
    Ok(with_gradient(name, &[x], value, move |g| {
        Ok(vec![Some((g * df(&z, &y)?)?)])
    })?)
}

/// A named activation; the softmax runs over the last axis.
///
/// # Errors
///
/// As [`pointwise`].
pub fn activation(x: &Tensor, activation: Activation, ctx: &Ctx<'_>) -> Result<Tensor> {
    match activation {
        Activation::Relu => relu(x, ctx),
        Activation::Silu => silu(x, ctx),
        Activation::Elu => elu(x, ctx),
        Activation::Gelu => gelu(x, ctx),
        Activation::Softplus => softplus(x, ctx),
        Activation::Sigmoid => sigmoid(x, ctx),
        Activation::Tanh => tanh(x, ctx),
        Activation::Exp => exp(x, ctx),
        Activation::Softmax => softmax(x, x.rank().saturating_sub(1), ctx),
    }
}

/// `max(x, 0)`; its derivative at 0 is 0.
pub fn relu(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise(
        "relu",
        x,
        ctx,
        |z| z.maximum(&z.zeros_like()?),
        |z, _| z.gt(0.0)?.to_dtype(z.dtype()),
    )
}

/// `x sigmoid(x)`.
pub fn silu(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise(
        "silu",
        x,
        ctx,
        |z| z * logistic(z)?,
        |z, y| {
            let s = logistic(z)?;
            // s + z s (1 - s) = s + y (1 - s)
            &s + (y * s.affine(-1.0, 1.0)?)?
        },
    )
}

/// `x` above 0, `exp(x) - 1` below.
pub fn elu(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise(
        "elu",
        x,
        ctx,
        |z| z.elu(1.0),
        |z, _| z.minimum(&z.zeros_like()?)?.exp(),
    )
}

/// `x Phi(x)` by the error function.
pub fn gelu(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    let phi = |z: &Tensor| {
        (z * std::f64::consts::FRAC_1_SQRT_2)?
            .erf()?
            .affine(0.5, 0.5)
    };
    pointwise(
        "gelu",
        x,
        ctx,
        move |z| z * phi(z)?,
        move |z, _| {
            let density = (z.sqr()? * -0.5)?.exp()?;
            let density = (density
                * (0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2))?;
            phi(z)? + (z * density)?
        },
    )
}

/// `ln(1 + exp(x))`, exact to rounding for all x.
pub fn softplus(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise("softplus", x, ctx, ln_1p_exp, |z, _| logistic(z))
}

/// `ln(max(softplus(x), floor))` for a positive `floor`, as one function: its secants are exact
/// where the softplus is tiny.
///
/// # Errors
///
/// As [`pointwise`].
pub fn ln_softplus(x: &Tensor, floor: f64, ctx: &Ctx<'_>) -> Result<Tensor> {
    let floored = move |z: &Tensor| ln_1p_exp(z)?.maximum(&(z.zeros_like()? + floor)?);
    pointwise(
        "ln_softplus",
        x,
        ctx,
        move |z| floored(z)?.log(),
        move |z, _| {
            let value = floored(z)?;
            let above = value.gt(floor)?.to_dtype(z.dtype())?;
            (logistic(z)? * above)? / value
        },
    )
}

/// `1 / (1 + exp(-x))`.
pub fn sigmoid(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise("sigmoid", x, ctx, logistic, |_, y| {
        y * y.affine(-1.0, 1.0)?
    })
}

/// Hyperbolic tangent.
pub fn tanh(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise("tanh", x, ctx, Tensor::tanh, |_, y| {
        y.sqr()?.affine(-1.0, 1.0)
    })
}

/// `exp(x)`.
pub fn exp(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise("exp", x, ctx, Tensor::exp, |_, y| Ok(y.clone()))
}

/// `ln(x)` for positive `x`.
pub fn ln(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    pointwise("ln", x, ctx, Tensor::log, |z, _| z.recip())
}

/// `x` within `[low, high]`. Outside, a gradient flows only where a descent along it leads back
/// inside, so that no output is stuck.
///
/// # Errors
///
/// As [`pointwise`].
pub fn clamp(x: &Tensor, low: f64, high: f64, ctx: &Ctx<'_>) -> Result<Tensor> {
    let inside = move |z: &Tensor| (z.ge(low)? * z.le(high)?)?.to_dtype(z.dtype());
    if rescales(ctx) {
        return pointwise(
            "clamp",
            x,
            ctx,
            |z| z.clamp(low, high),
            move |z, _| inside(z),
        );
    }
    let z = x.detach();
    let y = z.clamp(low, high)?;
    Ok(with_gradient("clamp", &[x], y, move |g| {
        let above = (z.gt(high)? * g.gt(0.0)?)?;
        let below = (z.lt(low)? * g.lt(0.0)?)?;
        let back = (above + below)?.to_dtype(g.dtype())?;
        Ok(vec![Some((g * (inside(&z)? + back)?)?)])
    })?)
}

/// `x^2`; the secant is `x + r`, without a guard.
pub fn square(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    super::product(x, x, ctx)
}

/// `sqrt(x)` for `x` of at least 0, with the derivative 0 at 0: a spread that is zero has no
/// direction.
///
/// In rescale mode the secant is `1 / (sqrt(x) + sqrt(r))`, which needs no guard for small
/// differences: variances of networks that agree are small, and so are their differences.
pub fn sqrt(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    let y = x.detach().sqrt()?;
    let rescale = rescales(ctx);
    let twice = if rescale {
        Pair::of("sqrt", &y)?.sum()?
    } else {
        (&y * 2.0)?
    };
    let zero = twice.eq(0.0)?;
    let divisor = zero.where_cond(&twice.ones_like()?, &twice)?;
    let slope = zero.where_cond(&twice.zeros_like()?, &divisor.recip()?)?;
    Ok(with_gradient("sqrt", &[x], y, move |g| {
        Ok(vec![Some(if rescale {
            over_zeros(&(upper(g)? * &slope)?)?
        } else {
            (g * &slope)?
        })])
    })?)
}

pub(crate) fn logistic(z: &Tensor) -> TensorResult<Tensor> {
    z.neg()?.exp()?.affine(1.0, 1.0)?.recip()
}

/// `max(z, 0) + ln(1 + e)` with `e = exp(-|z|)` and Kahan's `ln(1 + e) = ln(u) e / (u - 1)`, `u =
/// 1 + e` as rounded.
pub(crate) fn ln_1p_exp(z: &Tensor) -> TensorResult<Tensor> {
    let e = z.abs()?.neg()?.exp()?;
    let u = e.affine(1.0, 1.0)?;
    let rounded = u.affine(1.0, -1.0)?;
    let lost = rounded.eq(0.0)?;
    let divisor = lost.where_cond(&u, &rounded)?;
    let tail = lost.where_cond(&e, &((u.log()? * &e)? / divisor)?)?;
    z.maximum(&z.zeros_like()?)? + tail
}
