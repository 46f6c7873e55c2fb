//! The forward pass.

use super::common::{Common, ViewMut, put};
use super::types::{Epilogue, Pool};
use crate::activation::{Pointwise, with_activation};
use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, RowsMut, Shape};
use crate::simd::{Simd, by_channels};

/// Runs the epilogue on rows `first_row ..` of one sample: `y` `[rows, channels]` to `out` `[rows /
/// pool, channels]`.
///
/// # Panics
///
/// If a slice is shorter than the shapes say, or `first_row` does not start a pooling window.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn epilogue_forward(
    isa: Isa,
    epilogue: &Epilogue<'_>,
    shape: Shape,
    first_row: usize,
    y: Rows<'_>,
    skip: Option<Rows<'_>>,
    out: RowsMut<'_>,
) {
    with_activation!(epilogue.activation, A => {
        let common = Common::<A>::new(epilogue, shape, first_row, y.values.as_ptr(), y.pitch, y.values.len(), skip);
        common.pooled().check("out", out.values.len(), out.pitch);
        let out = ViewMut { p: out.values.as_mut_ptr(), pitch: out.pitch, accumulate: out.accumulate };
        isa.run(Forward { common, out });
    });
}

struct Forward<A> {
    common: Common<A>,
    out: ViewMut,
}

impl<A: Pointwise> Kernel for Forward<A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        by_channels!(S, self.common.shape.channels, |c, PART, part| {
            // SAFETY: the channels from `c` on exist; all slices were checked for the shape.
            unsafe { self.channels::<S, PART>(s, c, part) }
        });
    }
}

impl<A: Pointwise> Forward<A> {
    /// # Safety
    /// The channels from `c` on exist.
    #[inline(always)]
    unsafe fn channels<S: Simd, const PART: bool>(&self, s: S, c: usize, part: usize) {
        let t = &self.common;
        let size = t.pool.size();
        let mean = s.constant(1.0 / size as f64);
        // SAFETY: windows w have rows below shape.rows, and pooled rows exist in `out`.
        unsafe {
            let affine = t.affine::<S, PART>(s, c, part);
            for w in 0..t.shape.rows / size {
                let (_, z) = t.pre::<S, PART>(s, w * size, c, part, &affine);
                let mut v = t.value(s, z, w * size, c);
                for k in 1..size {
                    let m = w * size + k;
                    let (_, z) = t.pre::<S, PART>(s, m, c, part, &affine);
                    let a = t.value(s, z, m, c);
                    v = match t.pool {
                        Pool::Max(_) => s.select(s.gt(a, v), a, v),
                        Pool::Mean(_) => s.add(v, a),
                    };
                }
                if size > 1 && matches!(t.pool, Pool::Mean(_)) {
                    v = s.mul(v, mean);
                }
                if let Some(mask) = t.after {
                    v = s.mul(v, t.factor_after(s, mask, w, c));
                }
                put::<S, PART>(s, self.out, w, c, part, v);
            }
        }
    }
}
