//! The parts that the three passes share: views, the value that enters the activation, the winner
//! of a window.

use super::types::{Epilogue, Pool};
use crate::activation::Pointwise;
use crate::dropout::DropoutMask;
use crate::matrix::{Rows, Shape};
use crate::simd::Simd;
use std::marker::PhantomData;

#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) p: *const f32,
    pub(super) pitch: usize,
}

#[derive(Clone, Copy)]
pub(super) struct ViewMut {
    pub(super) p: *mut f32,
    pub(super) pitch: usize,
    pub(super) accumulate: bool,
}

/// The parts that the three passes share. Pointers of absent parts are null.
#[derive(Clone, Copy)]
pub(super) struct Common<A> {
    pub(super) shape: Shape,
    pub(super) first_row: usize,
    pub(super) y: View,
    pub(super) skip: View,
    pub(super) scale: *const f32,
    pub(super) shift: *const f32,
    pub(super) before: Option<DropoutMask>,
    pub(super) after: Option<DropoutMask>,
    pub(super) pool: Pool,
    pub(super) activation: PhantomData<A>,
}

/// Scale and shift of the channels of one vector.
pub(super) struct Affine<V> {
    pub(super) scale: V,
    pub(super) shift: V,
}

/// The row of a window whose gradient flows on.
pub(super) struct Winner<V> {
    pub(super) index: V,
    pub(super) z: V,
    pub(super) y: V,
    pub(super) factor: V,
}

impl<A: Pointwise> Common<A> {
    pub(super) fn new(
        epilogue: &Epilogue<'_>,
        shape: Shape,
        first_row: usize,
        y: *const f32,
        y_pitch: usize,
        y_len: usize,
        skip: Option<Rows<'_>>,
    ) -> Self {
        assert!(epilogue.pool.size() > 0, "a pooling window of 0 rows");
        assert!(
            first_row.is_multiple_of(epilogue.pool.size()),
            "row {first_row} does not start a window"
        );
        shape.check("y", y_len, y_pitch);
        if let Some(skip) = skip {
            shape.check("skip", skip.values.len(), skip.pitch);
        }
        let (scale, shift) =
            epilogue
                .affine
                .map_or((std::ptr::null(), std::ptr::null()), |(scale, shift)| {
                    assert!(
                        scale.len() >= shape.channels && shift.len() >= shape.channels,
                        "scale and shift per channel"
                    );
                    (scale.as_ptr(), shift.as_ptr())
                });
        Self {
            shape,
            first_row,
            y: View {
                p: y,
                pitch: y_pitch,
            },
            skip: skip.map_or(
                View {
                    p: std::ptr::null(),
                    pitch: 0,
                },
                |s| View {
                    p: s.values.as_ptr(),
                    pitch: s.pitch,
                },
            ),
            scale,
            shift,
            before: epilogue.before,
            after: epilogue.after,
            pool: epilogue.pool,
            activation: PhantomData,
        }
    }

    pub(super) fn pooled(&self) -> Shape {
        Shape {
            rows: self.shape.rows / self.pool.size(),
            channels: self.shape.channels,
        }
    }

    /// # Safety
    /// Channel `c` exists, with `part` values after it if `PART`, else a whole vector.
    #[inline(always)]
    pub(super) unsafe fn affine<S: Simd, const PART: bool>(
        &self,
        s: S,
        c: usize,
        part: usize,
    ) -> Affine<S::V> {
        // SAFETY: promised by the caller; scale and shift have a value per channel.
        unsafe {
            if self.scale.is_null() {
                Affine {
                    scale: s.constant(1.0),
                    shift: s.zero(),
                }
            } else {
                Affine {
                    scale: s.load_up_to::<PART>(self.scale.add(c), part),
                    shift: s.load_up_to::<PART>(self.shift.add(c), part),
                }
            }
        }
    }

    /// The linear layer's output and the value that enters the activation.
    ///
    /// # Safety
    /// Row `m` and the channels from `c` on exist.
    #[inline(always)]
    pub(super) unsafe fn pre<S: Simd, const PART: bool>(
        &self,
        s: S,
        m: usize,
        c: usize,
        part: usize,
        affine: &Affine<S::V>,
    ) -> (S::V, S::V) {
        // SAFETY: promised by the caller.
        unsafe {
            let y = s.load_up_to::<PART>(self.y.p.add(m * self.y.pitch + c), part);
            let mut z = y;
            if !self.scale.is_null() {
                z = s.fma(y, affine.scale, affine.shift);
            }
            if !self.skip.p.is_null() {
                z = s.add(
                    z,
                    s.load_up_to::<PART>(self.skip.p.add(m * self.skip.pitch + c), part),
                );
            }
            (y, z)
        }
    }

    /// 0 or the keep factor for row `m` before the pool.
    #[inline(always)]
    pub(super) fn factor_before<S: Simd>(
        &self,
        s: S,
        mask: DropoutMask,
        m: usize,
        c: usize,
    ) -> S::V {
        let element = ((self.first_row + m) * self.shape.channels + c) as u32;
        s.select(mask.vector(s, element), s.constant(mask.factor()), s.zero())
    }

    /// 0 or the keep factor for pooled row `m`.
    #[inline(always)]
    pub(super) fn factor_after<S: Simd>(
        &self,
        s: S,
        mask: DropoutMask,
        m: usize,
        c: usize,
    ) -> S::V {
        let row = self.first_row / self.pool.size() + m;
        let element = (row * self.shape.channels + c) as u32;
        s.select(mask.vector(s, element), s.constant(mask.factor()), s.zero())
    }

    #[inline(always)]
    pub(super) fn value<S: Simd>(&self, s: S, z: S::V, m: usize, c: usize) -> S::V {
        let a = A::value(s, z);
        match self.before {
            Some(mask) => s.mul(a, self.factor_before(s, mask, m, c)),
            None => a,
        }
    }

    /// The winner of max-pooling window `w`.
    ///
    /// # Safety
    /// The rows of the window and the channels from `c` on exist.
    #[inline(always)]
    pub(super) unsafe fn winner<S: Simd, const PART: bool>(
        &self,
        s: S,
        w: usize,
        size: usize,
        c: usize,
        part: usize,
        affine: &Affine<S::V>,
    ) -> Winner<S::V> {
        let one = s.constant(1.0);
        let mut best = Winner {
            index: s.zero(),
            z: s.zero(),
            y: s.zero(),
            factor: one,
        };
        let mut top = s.zero();
        for k in 0..size {
            let m = w * size + k;
            // SAFETY: promised by the caller.
            let (y, z) = unsafe { self.pre::<S, PART>(s, m, c, part, affine) };
            let mut v = A::value(s, z);
            let mut factor = one;
            if let Some(mask) = self.before {
                factor = self.factor_before(s, mask, m, c);
                v = s.mul(v, factor);
            }
            if k == 0 {
                top = v;
                best = Winner {
                    index: s.zero(),
                    z,
                    y,
                    factor,
                };
            } else {
                let better = s.gt(v, top);
                top = s.select(better, v, top);
                best.index = s.select(better, s.constant(k as f64), best.index);
                best.z = s.select(better, z, best.z);
                best.y = s.select(better, y, best.y);
                if self.before.is_some() {
                    best.factor = s.select(better, factor, best.factor);
                }
            }
        }
        best
    }

    /// Gradient of pooled row `m`, after the second dropout.
    ///
    /// # Safety
    /// Pooled row `m` and the channels from `c` on exist in `g`.
    #[inline(always)]
    pub(super) unsafe fn pooled_gradient<S: Simd, const PART: bool>(
        &self,
        s: S,
        g: View,
        m: usize,
        c: usize,
        part: usize,
    ) -> S::V {
        // SAFETY: promised by the caller.
        let g = unsafe { s.load_up_to::<PART>(g.p.add(m * g.pitch + c), part) };
        match self.after {
            Some(mask) => s.mul(g, self.factor_after(s, mask, m, c)),
            None => g,
        }
    }
}

impl<A: Pointwise> Common<A> {
    /// Gradient at the activation's input of row `m`.
    #[inline(always)]
    pub(super) fn row_gradient<S: Simd>(
        &self,
        s: S,
        pooled: S::V,
        z: S::V,
        m: usize,
        c: usize,
    ) -> S::V {
        let g = s.mul(pooled, A::derivative(s, z));
        match self.before {
            Some(mask) => s.mul(g, self.factor_before(s, mask, m, c)),
            None => g,
        }
    }
}

/// Writes a vector, or adds it.
///
/// # Safety
/// Row `m` and the channels from `c` on exist in `out`.
#[inline(always)]
pub(super) unsafe fn put<S: Simd, const PART: bool>(
    s: S,
    out: ViewMut,
    m: usize,
    c: usize,
    part: usize,
    v: S::V,
) {
    // SAFETY: promised by the caller.
    unsafe {
        let at = out.p.add(m * out.pitch + c);
        let v = if out.accumulate {
            s.add(s.load_up_to::<PART>(at, part), v)
        } else {
            v
        };
        s.store_up_to::<PART>(at, part, v);
    }
}
