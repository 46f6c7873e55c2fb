//! Adam and AdamW on flat vectors.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Numbers of one Adam step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the corrected root.
    pub eps: f64,
    /// Decoupled weight decay: `w` loses `lr * weight_decay * w` first.
    pub weight_decay: f64,
}

impl Default for AdamStep {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// One update of `weights` with moments `m` and `v`; `t` counts steps from 1 (bias correction
/// as in PyTorch: `eps` is added to the corrected root).
///
/// # Panics
///
/// If the slices differ in length.
pub fn adam(
    isa: Isa,
    step: &AdamStep,
    t: u64,
    weights: &mut [f32],
    gradient: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    let n = weights.len();
    assert!(
        gradient.len() == n && m.len() == n && v.len() == n,
        "weights, gradient and moments of one length"
    );
    let exponent = i32::try_from(t).unwrap_or(i32::MAX);
    let update = Update {
        n,
        w: weights.as_mut_ptr(),
        g: gradient.as_ptr(),
        m: m.as_mut_ptr(),
        v: v.as_mut_ptr(),
        beta1: step.beta1,
        beta2: step.beta2,
        lr: step.lr / (1.0 - step.beta1.powi(exponent)),
        root: (1.0 / (1.0 - step.beta2.powi(exponent))).sqrt(),
        eps: step.eps,
        decay: 1.0 - step.lr * step.weight_decay,
    };
    isa.run(update);
}

struct Update {
    n: usize,
    w: *mut f32,
    g: *const f32,
    m: *mut f32,
    v: *mut f32,
    beta1: f64,
    beta2: f64,
    lr: f64,
    root: f64,
    eps: f64,
    decay: f64,
}

impl Kernel for Update {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        // SAFETY: the four slices are `n` long and `w`, `m`, `v` are borrowed mutably by the
        // caller.
        let (w, g, m, v) = unsafe {
            (
                std::slice::from_raw_parts_mut(self.w, self.n),
                std::slice::from_raw_parts(self.g, self.n),
                std::slice::from_raw_parts_mut(self.m, self.n),
                std::slice::from_raw_parts_mut(self.v, self.n),
            )
        };
        let single = |x: f64| x as f32;
        let (b1, c1, b2, c2) = (
            single(self.beta1),
            single(1.0 - self.beta1),
            single(self.beta2),
            single(1.0 - self.beta2),
        );
        let (lr, root, eps, decay) = (
            single(self.lr),
            single(self.root),
            single(self.eps),
            single(self.decay),
        );
        for i in 0..self.n {
            m[i] = b1 * m[i] + c1 * g[i];
            v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
            w[i] = w[i] * decay - lr * m[i] / (v[i].sqrt() * root + eps);
        }
    }
}

/// `out = part`, or `out += part`.
///
/// # Panics
///
/// If the part is shorter than `out`.
pub fn add_part(isa: Isa, out: &mut [f32], part: &[f32], accumulate: bool) {
    struct Add {
        n: usize,
        out: *mut f32,
        part: *const f32,
        accumulate: bool,
    }
    impl Kernel for Add {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, _: S) {
            // SAFETY: both are `n` long, as checked below, and `out` is borrowed mutably.
            let (out, part) = unsafe {
                (
                    std::slice::from_raw_parts_mut(self.out, self.n),
                    std::slice::from_raw_parts(self.part, self.n),
                )
            };
            if self.accumulate {
                for i in 0..self.n {
                    out[i] += part[i];
                }
            } else {
                out.copy_from_slice(part);
            }
        }
    }
    assert!(
        part.len() >= out.len(),
        "a part of {} values for {}",
        part.len(),
        out.len()
    );
    isa.run(Add {
        n: out.len(),
        out: out.as_mut_ptr(),
        part: part.as_ptr(),
        accumulate,
    });
}

/// `out[i]` = sum over parts of `part[i]`, in the order of the parts.
///
/// # Panics
///
/// If a part is shorter than `out`.
pub fn sum_parts<'a>(isa: Isa, out: &mut [f32], parts: impl Iterator<Item = &'a [f32]>) {
    let mut some = false;
    for part in parts {
        add_part(isa, out, part, some);
        some = true;
    }
    if !some {
        out.fill(0.0);
    }
}
