//! Operations over the channels of each row: layer norm and softmax, forward and backward.

use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, RowsMut, Shape};
use crate::simd::{Simd, by_channels};

/// The lanes of a vector, added in their order.
#[inline(always)]
pub(crate) fn sum_lanes<S: Simd>(s: S, v: S::V) -> f32 {
    let mut lanes = [0.0; 16];
    // SAFETY: sixteen values hold the widest vector.
    unsafe { s.store(lanes.as_mut_ptr(), v) };
    lanes[..S::LANES].iter().fold(0.0, |sum, x| sum + *x)
}

/// The largest lane of a vector.
#[inline(always)]
pub(crate) fn max_lanes<S: Simd>(s: S, v: S::V) -> f32 {
    let mut lanes = [0.0; 16];
    // SAFETY: sixteen values hold the widest vector.
    unsafe { s.store(lanes.as_mut_ptr(), v) };
    lanes[1..S::LANES]
        .iter()
        .fold(lanes[0], |a, b| if *b > a { *b } else { a })
}

/// The first `part` lanes of `v`, `fill` in the others.
#[inline(always)]
pub(crate) fn fill_after<S: Simd>(s: S, v: S::V, part: usize, fill: f32) -> S::V {
    let mut lanes = [fill; 16];
    // SAFETY: sixteen values hold the widest vector, and `part` is below its width.
    unsafe {
        s.store_part(lanes.as_mut_ptr(), part, v);
        s.load(lanes.as_ptr())
    }
}

/// Sum over the channels of a row of `f(channel, partial, lanes)`, a vector per channel block;
/// lanes past the end count nothing.
macro_rules! row_sum {
    ($s:ident: $S:ident, $channels:expr, |$c:ident, $PART:ident, $part:ident| $value:expr) => {{
        let mut total = $s.zero();
        by_channels!($S, $channels, |$c, $PART, $part| {
            let v = $value;
            total = $s.add(
                total,
                if $PART {
                    fill_after($s, v, $part, 0.0)
                } else {
                    v
                },
            );
        });
        sum_lanes($s, total)
    }};
}

struct Layer {
    shape: Shape,
    epsilon: f64,
    x: *const f32,
    x_pitch: usize,
    gamma: *const f32,
    /// Forward: beta, the result. Backward: gradients of the result, of gamma and beta, of x.
    beta: *const f32,
    out: *mut f32,
    out_pitch: usize,
    accumulate: bool,
    dy: *const f32,
    dy_pitch: usize,
    dgamma: *mut f32,
    dbeta: *mut f32,
}

impl Layer {
    /// Mean and inverse standard deviation of row `m`.
    ///
    /// # Safety
    /// The row exists.
    #[inline(always)]
    unsafe fn moments<S: Simd>(&self, s: S, m: usize) -> (S::V, S::V) {
        let channels = self.shape.channels;
        let share = (1.0 / channels as f64) as f32;
        // SAFETY: promised by the caller.
        unsafe {
            let x = self.x.add(m * self.x_pitch);
            let sum =
                row_sum!(s: S, channels, |c, PART, part| s.load_up_to::<PART>(x.add(c), part));
            let mean = s.splat(sum * share);
            let square = row_sum!(s: S, channels, |c, PART, part| {
                let d = s.sub(s.load_up_to::<PART>(x.add(c), part), mean);
                s.mul(d, d)
            });
            let inverse = 1.0 / (square * share + self.epsilon as f32).sqrt();
            (mean, s.splat(inverse))
        }
    }
}

/// `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`, mean and biased variance over
/// the channels of each row.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn layer_norm_forward(
    isa: Isa,
    shape: Shape,
    x: Rows<'_>,
    gamma: &[f32],
    beta: &[f32],
    epsilon: f64,
    out: RowsMut<'_>,
) {
    struct Forward(Layer);
    impl Kernel for Forward {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let l = self.0;
            for m in 0..l.shape.rows {
                // SAFETY: row m exists in both matrices, gamma and beta have a value per channel,
                // as checked below.
                unsafe {
                    let (mean, inverse) = l.moments(s, m);
                    by_channels!(S, l.shape.channels, |c, PART, part| {
                        let d = s.sub(s.load_up_to::<PART>(l.x.add(m * l.x_pitch + c), part), mean);
                        let normal = s.mul(d, inverse);
                        let gamma = s.load_up_to::<PART>(l.gamma.add(c), part);
                        let beta = s.load_up_to::<PART>(l.beta.add(c), part);
                        let at = l.out.add(m * l.out_pitch + c);
                        let mut y = s.fma(normal, gamma, beta);
                        if l.accumulate {
                            y = s.add(s.load_up_to::<PART>(at.cast_const(), part), y);
                        }
                        s.store_up_to::<PART>(at, part, y);
                    });
                }
            }
        }
    }
    check_rows(shape, &x, &[("out", out.values.len(), out.pitch)]);
    assert!(
        gamma.len() >= shape.channels && beta.len() >= shape.channels,
        "gamma and beta per channel"
    );
    isa.run(Forward(Layer {
        shape,
        epsilon,
        x: x.values.as_ptr(),
        x_pitch: x.pitch,
        gamma: gamma.as_ptr(),
        beta: beta.as_ptr(),
        out: out.values.as_mut_ptr(),
        out_pitch: out.pitch,
        accumulate: out.accumulate,
        dy: std::ptr::null(),
        dy_pitch: 0,
        dgamma: std::ptr::null_mut(),
        dbeta: std::ptr::null_mut(),
    }));
}

/// Gradients of a layer norm: that of `x` to `dx`, those of gamma and beta added to `sums`.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn layer_norm_backward(
    isa: Isa,
    shape: Shape,
    x: Rows<'_>,
    gamma: &[f32],
    epsilon: f64,
    dy: Rows<'_>,
    [dgamma, dbeta]: [&mut [f32]; 2],
    dx: RowsMut<'_>,
) {
    struct Backward(Layer);
    impl Kernel for Backward {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let l = self.0;
            let channels = l.shape.channels;
            let share = (1.0 / channels as f64) as f32;
            for m in 0..l.shape.rows {
                // SAFETY: row m exists in every matrix, and gamma and the sums have a value per
                // channel, as checked below.
                unsafe {
                    let (mean, inverse) = l.moments(s, m);
                    let (x, dy) = (l.x.add(m * l.x_pitch), l.dy.add(m * l.dy_pitch));
                    let along = row_sum!(s: S, channels, |c, PART, part| {
                        let g = s.mul(
                            s.load_up_to::<PART>(dy.add(c), part),
                            s.load_up_to::<PART>(l.gamma.add(c), part),
                        );
                        let d = s.sub(s.load_up_to::<PART>(x.add(c), part), mean);
                        s.mul(g, s.mul(d, inverse))
                    });
                    let sum = row_sum!(s: S, channels, |c, PART, part| s.mul(
                        s.load_up_to::<PART>(dy.add(c), part),
                        s.load_up_to::<PART>(l.gamma.add(c), part),
                    ));
                    let (along, sum) = (s.splat(along * share), s.splat(sum * share));
                    by_channels!(S, channels, |c, PART, part| {
                        let g = s.load_up_to::<PART>(dy.add(c), part);
                        let d = s.sub(s.load_up_to::<PART>(x.add(c), part), mean);
                        let normal = s.mul(d, inverse);
                        let (dgamma, dbeta) = (l.dgamma.add(c), l.dbeta.add(c));
                        let old = s.load_up_to::<PART>(dgamma.cast_const(), part);
                        s.store_up_to::<PART>(dgamma, part, s.fma(g, normal, old));
                        let old = s.load_up_to::<PART>(dbeta.cast_const(), part);
                        s.store_up_to::<PART>(dbeta, part, s.add(old, g));
                        let scaled = s.mul(g, s.load_up_to::<PART>(l.gamma.add(c), part));
                        let rest = s.sub(s.sub(scaled, sum), s.mul(normal, along));
                        let mut v = s.mul(inverse, rest);
                        let at = l.out.add(m * l.out_pitch + c);
                        if l.accumulate {
                            v = s.add(s.load_up_to::<PART>(at.cast_const(), part), v);
                        }
                        s.store_up_to::<PART>(at, part, v);
                    });
                }
            }
        }
    }
    let others = [
        ("dx", dx.values.len(), dx.pitch),
        ("dy", dy.values.len(), dy.pitch),
    ];
    check_rows(shape, &x, &others);
    let c = shape.channels;
    assert!(
        gamma.len() >= c && dgamma.len() >= c && dbeta.len() >= c,
        "gamma and its gradients per channel"
    );
    isa.run(Backward(Layer {
        shape,
        epsilon,
        x: x.values.as_ptr(),
        x_pitch: x.pitch,
        gamma: gamma.as_ptr(),
        beta: std::ptr::null(),
        out: dx.values.as_mut_ptr(),
        out_pitch: dx.pitch,
        accumulate: dx.accumulate,
        dy: dy.values.as_ptr(),
        dy_pitch: dy.pitch,
        dgamma: dgamma.as_mut_ptr(),
        dbeta: dbeta.as_mut_ptr(),
    }));
}

fn check_rows(shape: Shape, x: &Rows<'_>, others: &[(&str, usize, usize)]) {
    shape.check("x", x.values.len(), x.pitch);
    for (name, len, pitch) in others {
        shape.check(name, *len, *pitch);
    }
}

struct Softmax {
    shape: Shape,
    x: *const f32,
    x_pitch: usize,
    /// Null in the forward pass.
    dy: *const f32,
    dy_pitch: usize,
    out: *mut f32,
    out_pitch: usize,
    accumulate: bool,
}

impl Kernel for Softmax {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.shape.channels;
        for m in 0..self.shape.rows {
            // SAFETY: row m exists in every matrix, as the callers checked.
            unsafe {
                let x = self.x.add(m * self.x_pitch);
                let out = self.out.add(m * self.out_pitch);
                let mut top = s.splat(*x);
                by_channels!(S, channels, |c, PART, part| {
                    let v = s.load_up_to::<PART>(x.add(c), part);
                    top = s.max(top, if PART { fill_after(s, v, part, *x) } else { v });
                });
                let top = s.splat(max_lanes(s, top));
                let power = |v: S::V| s.exp(s.sub(v, top));
                let sum = row_sum!(s: S, channels, |c, PART, part| power(s.load_up_to::<PART>(x.add(c), part)));
                let scale = s.splat(1.0 / sum);
                let mut along = s.zero();
                if !self.dy.is_null() {
                    let dy = self.dy.add(m * self.dy_pitch);
                    let total = row_sum!(s: S, channels, |c, PART, part| s.mul(
                        s.mul(power(s.load_up_to::<PART>(x.add(c), part)), scale),
                        s.load_up_to::<PART>(dy.add(c), part),
                    ));
                    along = s.splat(total);
                }
                by_channels!(S, channels, |c, PART, part| {
                    let mut v = s.mul(power(s.load_up_to::<PART>(x.add(c), part)), scale);
                    if !self.dy.is_null() {
                        let g = s.load_up_to::<PART>(self.dy.add(m * self.dy_pitch + c), part);
                        v = s.mul(v, s.sub(g, along));
                    }
                    let at = out.add(c);
                    if self.accumulate {
                        v = s.add(s.load_up_to::<PART>(at.cast_const(), part), v);
                    }
                    s.store_up_to::<PART>(at, part, v);
                });
            }
        }
    }
}

/// `y = exp(x) / sum(exp(x))` over the channels of each row.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
pub fn softmax_forward(isa: Isa, shape: Shape, x: Rows<'_>, out: RowsMut<'_>) {
    softmax(isa, shape, x, None, out);
}

/// The gradient of a softmax's input, `y (dy - sum(dy y))`, from its input.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
pub fn softmax_backward(isa: Isa, shape: Shape, x: Rows<'_>, dy: Rows<'_>, dx: RowsMut<'_>) {
    softmax(isa, shape, x, Some(dy), dx);
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
fn softmax(isa: Isa, shape: Shape, x: Rows<'_>, dy: Option<Rows<'_>>, out: RowsMut<'_>) {
    check_rows(shape, &x, &[("out", out.values.len(), out.pitch)]);
    if let Some(dy) = &dy {
        shape.check("dy", dy.values.len(), dy.pitch);
    }
    if shape.channels == 0 {
        return;
    }
    let (dy, dy_pitch) = dy.map_or((std::ptr::null(), 0), |d| (d.values.as_ptr(), d.pitch));
    isa.run(Softmax {
        shape,
        x: x.values.as_ptr(),
        x_pitch: x.pitch,
        dy,
        dy_pitch,
        out: out.values.as_mut_ptr(),
        out_pitch: out.pitch,
        accumulate: out.accumulate,
    });
}
