//! The first backward pass.

use super::common::{Common, View};
use super::types::{Epilogue, Pool};
use crate::activation::{Pointwise, with_activation};
use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, Shape};
use crate::simd::{Simd, by_channels};

/// First backward pass of a batch norm: adds to `sum_g` and `sum_gy` the sums over rows of `g`
/// and `g * (y - mean)`, `g` being the gradient at the batch norm's output.
///
/// # Panics
///
/// As [`epilogue_forward`](crate::epilogue_forward).
pub fn epilogue_sums(
    isa: Isa,
    epilogue: &Epilogue<'_>,
    shape: Shape,
    first_row: usize,
    y: Rows<'_>,
    skip: Option<Rows<'_>>,
    gradient: Rows<'_>,
    mean: &[f32],
    [sum_g, sum_gy]: [&mut [f32]; 2],
) {
    assert!(
        mean.len() >= shape.channels
            && sum_g.len() >= shape.channels
            && sum_gy.len() >= shape.channels,
        "means and sums per channel"
    );
    with_activation!(epilogue.activation, A => {
        let common = Common::<A>::new(epilogue, shape, first_row, y.values.as_ptr(), y.pitch, y.values.len(), skip);
        common.pooled().check("gradient", gradient.values.len(), gradient.pitch);
        let g = View { p: gradient.values.as_ptr(), pitch: gradient.pitch };
        isa.run(Sums { common, g, mean: mean.as_ptr(), sum_g: sum_g.as_mut_ptr(), sum_gy: sum_gy.as_mut_ptr() });
    });
}

struct Sums<A> {
    common: Common<A>,
    g: View,
    mean: *const f32,
    sum_g: *mut f32,
    sum_gy: *mut f32,
}

impl<A: Pointwise> Kernel for Sums<A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        by_channels!(S, self.common.shape.channels, |c, PART, part| {
            // SAFETY: the channels from `c` on exist; all slices were checked for the shape.
            unsafe { self.channels::<S, PART>(s, c, part) }
        });
    }
}

impl<A: Pointwise> Sums<A> {
    /// # Safety
    /// The channels from `c` on exist.
    #[inline(always)]
    unsafe fn channels<S: Simd, const PART: bool>(&self, s: S, c: usize, part: usize) {
        let t = &self.common;
        // SAFETY: windows have rows below shape.rows; means and sums have a value per channel.
        unsafe {
            let affine = t.affine::<S, PART>(s, c, part);
            let mean = s.load_up_to::<PART>(self.mean.add(c), part);
            let mut sum_g = s.load_up_to::<PART>(self.sum_g.add(c), part);
            let mut sum_gy = s.load_up_to::<PART>(self.sum_gy.add(c), part);
            match t.pool {
                Pool::Max(size) if size > 1 => {
                    for w in 0..t.shape.rows / size {
                        let best = t.winner::<S, PART>(s, w, size, c, part, &affine);
                        let g = t.pooled_gradient::<S, PART>(s, self.g, w, c, part);
                        let g = s.mul(s.mul(g, best.factor), A::derivative(s, best.z));
                        sum_g = s.add(sum_g, g);
                        sum_gy = s.fma(g, s.sub(best.y, mean), sum_gy);
                    }
                }
                Pool::Mean(size) | Pool::Max(size) => {
                    let share = s.constant(1.0 / size as f64);
                    for w in 0..t.shape.rows / size {
                        let pooled =
                            s.mul(t.pooled_gradient::<S, PART>(s, self.g, w, c, part), share);
                        for k in 0..size {
                            let m = w * size + k;
                            let (y, z) = t.pre::<S, PART>(s, m, c, part, &affine);
                            let g = t.row_gradient(s, pooled, z, m, c);
                            sum_g = s.add(sum_g, g);
                            sum_gy = s.fma(g, s.sub(y, mean), sum_gy);
                        }
                    }
                }
            }
            s.store_up_to::<PART>(self.sum_g.add(c), part, sum_g);
            s.store_up_to::<PART>(self.sum_gy.add(c), part, sum_gy);
        }
    }
}
