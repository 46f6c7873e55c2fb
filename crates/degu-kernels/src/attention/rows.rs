//! Softmax of rows of scores, in place, and its backward pass.

use crate::channels::{fill_after, max_lanes, sum_lanes};
use crate::isa::{Isa, Kernel};
use crate::simd::{Simd, by_channels};

struct Forward {
    rows: usize,
    length: usize,
    scale: f64,
    values: *mut f32,
}

impl Kernel for Forward {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (length, scale) = (self.length, s.constant(self.scale));
        for m in 0..self.rows {
            // SAFETY: row m exists, as `softmax_rows` checked.
            unsafe {
                let row = self.values.add(m * length);
                let mut top = s.splat(*row);
                by_channels!(S, length, |c, PART, part| {
                    let v = s.load_up_to::<PART>(row.add(c).cast_const(), part);
                    top = s.max(
                        top,
                        if PART {
                            fill_after(s, v, part, *row)
                        } else {
                            v
                        },
                    );
                });
                let top = s.splat(max_lanes(s, top));
                let mut total = s.zero();
                by_channels!(S, length, |c, PART, part| {
                    let at = row.add(c);
                    let v = s.load_up_to::<PART>(at.cast_const(), part);
                    let e = s.exp(s.mul(s.sub(v, top), scale));
                    s.store_up_to::<PART>(at, part, e);
                    total = s.add(total, if PART { fill_after(s, e, part, 0.0) } else { e });
                });
                let share = s.splat(1.0 / sum_lanes(s, total));
                by_channels!(S, length, |c, PART, part| {
                    let at = row.add(c);
                    let e = s.load_up_to::<PART>(at.cast_const(), part);
                    s.store_up_to::<PART>(at, part, s.mul(e, share));
                });
            }
        }
    }
}

/// `y = softmax(scale x)` for each of `[rows, length]`, in place; `scale` is positive.
///
/// # Panics
///
/// If the slice is shorter than the shape says.
pub(super) fn softmax_rows(isa: Isa, [rows, length]: [usize; 2], scale: f64, values: &mut [f32]) {
    assert!(values.len() >= rows * length, "scores [rows, length]");
    if length == 0 {
        return;
    }
    isa.run(Forward {
        rows,
        length,
        scale,
        values: values.as_mut_ptr(),
    });
}

struct Backward {
    rows: usize,
    length: usize,
    scale: f64,
    weights: *const f32,
    gradients: *mut f32,
}

impl Kernel for Backward {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (length, scale) = (self.length, s.constant(self.scale));
        for m in 0..self.rows {
            // SAFETY: row m exists in both matrices, as `softmax_rows_backward` checked; lanes past
            // the end are 0 in both loads.
            unsafe {
                let weights = self.weights.add(m * length);
                let gradients = self.gradients.add(m * length);
                let mut total = s.zero();
                by_channels!(S, length, |c, PART, part| {
                    let y = s.load_up_to::<PART>(weights.add(c), part);
                    let g = s.load_up_to::<PART>(gradients.add(c).cast_const(), part);
                    total = s.fma(y, g, total);
                });
                let along = s.splat(sum_lanes(s, total));
                by_channels!(S, length, |c, PART, part| {
                    let y = s.load_up_to::<PART>(weights.add(c), part);
                    let at = gradients.add(c);
                    let g = s.load_up_to::<PART>(at.cast_const(), part);
                    s.store_up_to::<PART>(at, part, s.mul(s.mul(y, s.sub(g, along)), scale));
                });
            }
        }
    }
}

/// From the gradients of `y = softmax(scale x)` to those of `x`, in place: `scale y (g - sum(g y))`
/// for each row.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
pub(super) fn softmax_rows_backward(
    isa: Isa,
    [rows, length]: [usize; 2],
    scale: f64,
    weights: &[f32],
    gradients: &mut [f32],
) {
    assert!(
        weights.len() >= rows * length && gradients.len() >= rows * length,
        "weights and gradients [rows, length]"
    );
    isa.run(Backward {
        rows,
        length,
        scale,
        weights: weights.as_ptr(),
        gradients: gradients.as_mut_ptr(),
    });
}
