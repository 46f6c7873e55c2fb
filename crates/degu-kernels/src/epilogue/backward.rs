//! The second backward pass.

use super::common::{Common, View, ViewMut, put};
use super::types::{Epilogue, NormGradient, Pool};
use crate::activation::{Pointwise, with_activation};
use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, RowsMut, Shape};
use crate::simd::{Simd, by_channels};

/// Second backward pass: the gradient of the linear layer's output, and of the skip connection
/// where there is one.
///
/// With `into` the gradient goes there and `y` stays; without, it replaces `y`. Rows that no
/// pooling window covers get the batch-norm terms only.
///
/// # Panics
///
/// As [`epilogue_forward`](crate::epilogue_forward).
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn epilogue_backward(
    isa: Isa,
    epilogue: &Epilogue<'_>,
    shape: Shape,
    first_row: usize,
    y: RowsMut<'_>,
    skip: Option<Rows<'_>>,
    gradient: Rows<'_>,
    norm: Option<NormGradient<'_>>,
    skip_gradient: Option<RowsMut<'_>>,
    into: Option<RowsMut<'_>>,
) {
    let y_pointer = y.values.as_mut_ptr();
    let dy = match into {
        Some(into) => {
            shape.check("into", into.values.len(), into.pitch);
            ViewMut {
                p: into.values.as_mut_ptr(),
                pitch: into.pitch,
                accumulate: into.accumulate,
            }
        }
        None => ViewMut {
            p: y_pointer,
            pitch: y.pitch,
            accumulate: false,
        },
    };
    let dskip = match skip_gradient {
        Some(d) => {
            shape.check("skip_gradient", d.values.len(), d.pitch);
            ViewMut {
                p: d.values.as_mut_ptr(),
                pitch: d.pitch,
                accumulate: d.accumulate,
            }
        }
        None => ViewMut {
            p: std::ptr::null_mut(),
            pitch: 0,
            accumulate: false,
        },
    };
    let norm = norm.map(|n| {
        let c = shape.channels;
        assert!(
            n.mean.len() >= c && n.constant.len() >= c && n.slope.len() >= c,
            "batch-norm terms per channel"
        );
        [n.mean.as_ptr(), n.constant.as_ptr(), n.slope.as_ptr()]
    });
    with_activation!(epilogue.activation, A => {
        let common = Common::<A>::new(epilogue, shape, first_row, y_pointer.cast_const(), y.pitch, y.values.len(), skip);
        common.pooled().check("gradient", gradient.values.len(), gradient.pitch);
        let g = View { p: gradient.values.as_ptr(), pitch: gradient.pitch };
        isa.run(Backward { common, g, norm, dskip, dy });
    });
}

struct Backward<A> {
    common: Common<A>,
    g: View,
    norm: Option<[*const f32; 3]>,
    dskip: ViewMut,
    dy: ViewMut,
}

impl<A: Pointwise> Kernel for Backward<A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        by_channels!(S, self.common.shape.channels, |c, PART, part| {
            // SAFETY: the channels from `c` on exist; all slices were checked for the shape.
            unsafe { self.channels::<S, PART>(s, c, part) }
        });
    }
}

/// Per-channel terms of one vector in the second backward pass.
struct Terms<V> {
    scale: V,
    mean: V,
    constant: V,
    slope: V,
}

impl<A: Pointwise> Backward<A> {
    /// # Safety
    /// The channels from `c` on exist.
    #[inline(always)]
    unsafe fn channels<S: Simd, const PART: bool>(&self, s: S, c: usize, part: usize) {
        let t = &self.common;
        // SAFETY: rows stay below shape.rows, pooled rows exist in `g`, norm terms have a value per
        // channel.
        unsafe {
            let affine = t.affine::<S, PART>(s, c, part);
            let mut terms = Terms {
                scale: affine.scale,
                mean: s.zero(),
                constant: s.zero(),
                slope: s.zero(),
            };
            if let Some([mean, constant, slope]) = self.norm {
                terms.mean = s.load_up_to::<PART>(mean.add(c), part);
                terms.constant = s.load_up_to::<PART>(constant.add(c), part);
                terms.slope = s.load_up_to::<PART>(slope.add(c), part);
            }
            let size = t.pool.size();
            let windows = t.shape.rows / size;
            match t.pool {
                Pool::Max(size) if size > 1 => {
                    for w in 0..windows {
                        let best = t.winner::<S, PART>(s, w, size, c, part, &affine);
                        let g = t.pooled_gradient::<S, PART>(s, self.g, w, c, part);
                        let g = s.mul(s.mul(g, best.factor), A::derivative(s, best.z));
                        for k in 0..size {
                            let wins = s.eq(best.index, s.constant(k as f64));
                            self.row::<S, PART>(
                                s,
                                w * size + k,
                                c,
                                part,
                                s.select(wins, g, s.zero()),
                                &terms,
                            );
                        }
                    }
                }
                Pool::Mean(size) | Pool::Max(size) => {
                    let share = s.constant(1.0 / size as f64);
                    for w in 0..windows {
                        let pooled =
                            s.mul(t.pooled_gradient::<S, PART>(s, self.g, w, c, part), share);
                        for k in 0..size {
                            let m = w * size + k;
                            let (_, z) = t.pre::<S, PART>(s, m, c, part, &affine);
                            self.row::<S, PART>(
                                s,
                                m,
                                c,
                                part,
                                t.row_gradient(s, pooled, z, m, c),
                                &terms,
                            );
                        }
                    }
                }
            }
            for m in windows * size..t.shape.rows {
                self.row::<S, PART>(s, m, c, part, s.zero(), &terms);
            }
        }
    }

    /// Writes the gradients of row `m` from `g`, the gradient at the activation's input.
    ///
    /// # Safety
    /// Row `m` and the channels from `c` on exist.
    #[inline(always)]
    unsafe fn row<S: Simd, const PART: bool>(
        &self,
        s: S,
        m: usize,
        c: usize,
        part: usize,
        g: S::V,
        terms: &Terms<S::V>,
    ) {
        // SAFETY: promised by the caller; `y` is read before a gradient may replace it.
        unsafe {
            if !self.dskip.p.is_null() {
                put::<S, PART>(s, self.dskip, m, c, part, g);
            }
            let mut d = s.mul(g, terms.scale);
            if self.norm.is_some() {
                let y =
                    s.load_up_to::<PART>(self.common.y.p.add(m * self.common.y.pitch + c), part);
                d = s.fma(terms.slope, s.sub(y, terms.mean), s.add(d, terms.constant));
            }
            put::<S, PART>(s, self.dy, m, c, part, d);
        }
    }
}
