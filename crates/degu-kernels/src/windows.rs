//! Pooling over windows of any stride: overlapping ones, and ones with gaps between them. (Adjacent
//! windows are part of the [epilogue](crate::Epilogue).)

use crate::epilogue::Pool;
use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, RowsMut, Shape};
use crate::simd::{Simd, by_channels};

/// Windows over `rows`: as many as fit.
fn count(rows: usize, size: usize, stride: usize) -> usize {
    assert!(
        size > 0 && stride > 0,
        "windows of {size} rows, {stride} apart"
    );
    if rows < size {
        0
    } else {
        (rows - size) / stride + 1
    }
}

struct Windows {
    count: usize,
    channels: usize,
    pool: Pool,
    stride: usize,
    x: *const f32,
    x_pitch: usize,
    /// Gradient of the result; null in the forward pass.
    dy: *const f32,
    dy_pitch: usize,
    out: *mut f32,
    out_pitch: usize,
    accumulate: bool,
}

impl Kernel for Windows {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        by_channels!(S, self.channels, |c, PART, part| {
            for w in 0..self.count {
                // SAFETY: the rows of window w and the channels from `c` on exist in every matrix,
                // as the callers checked.
                unsafe {
                    if self.dy.is_null() {
                        self.forward::<S, PART>(s, w, c, part);
                    } else {
                        self.backward::<S, PART>(s, w, c, part);
                    }
                }
            }
        });
    }
}

impl Windows {
    /// # Safety
    /// Window `w` and the channels from `c` on exist.
    #[inline(always)]
    unsafe fn row<S: Simd, const PART: bool>(&self, s: S, m: usize, c: usize, part: usize) -> S::V {
        // SAFETY: promised by the caller.
        unsafe { s.load_up_to::<PART>(self.x.add(m * self.x_pitch + c), part) }
    }

    /// # Safety
    /// As [`Self::row`].
    #[inline(always)]
    unsafe fn forward<S: Simd, const PART: bool>(&self, s: S, w: usize, c: usize, part: usize) {
        // SAFETY: promised by the caller.
        unsafe {
            let first = w * self.stride;
            let mut v = self.row::<S, PART>(s, first, c, part);
            for k in 1..self.pool.size() {
                let a = self.row::<S, PART>(s, first + k, c, part);
                v = match self.pool {
                    Pool::Max(_) => s.select(s.gt(a, v), a, v),
                    Pool::Mean(_) => s.add(v, a),
                };
            }
            if let Pool::Mean(size) = self.pool {
                v = s.mul(v, s.constant(1.0 / size as f64));
            }
            let at = self.out.add(w * self.out_pitch + c);
            if self.accumulate {
                v = s.add(s.load_up_to::<PART>(at.cast_const(), part), v);
            }
            s.store_up_to::<PART>(at, part, v);
        }
    }

    /// # Safety
    /// As [`Self::row`].
    #[inline(always)]
    unsafe fn backward<S: Simd, const PART: bool>(&self, s: S, w: usize, c: usize, part: usize) {
        // SAFETY: promised by the caller.
        unsafe {
            let first = w * self.stride;
            let g = s.load_up_to::<PART>(self.dy.add(w * self.dy_pitch + c), part);
            let add = |k: usize, v: S::V| {
                let at = self.out.add((first + k) * self.out_pitch + c);
                let sum = s.add(s.load_up_to::<PART>(at.cast_const(), part), v);
                s.store_up_to::<PART>(at, part, sum);
            };
            match self.pool {
                Pool::Mean(size) => {
                    let share = s.mul(g, s.constant(1.0 / size as f64));
                    for k in 0..size {
                        add(k, share);
                    }
                }
                Pool::Max(size) => {
                    let mut top = self.row::<S, PART>(s, first, c, part);
                    let mut winner = s.zero();
                    for k in 1..size {
                        let a = self.row::<S, PART>(s, first + k, c, part);
                        let better = s.gt(a, top);
                        top = s.select(better, a, top);
                        winner = s.select(better, s.constant(k as f64), winner);
                    }
                    for k in 0..size {
                        let wins = s.eq(winner, s.constant(k as f64));
                        add(k, s.select(wins, g, s.zero()));
                    }
                }
            }
        }
    }
}

/// Pools `x` `[rows, channels]` over windows `stride` apart into `out` `[(rows - size) /
/// stride + 1, channels]`.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn pool_forward(
    isa: Isa,
    shape: Shape,
    pool: Pool,
    stride: usize,
    x: Rows<'_>,
    out: RowsMut<'_>,
) {
    let rows = count(shape.rows, pool.size(), stride);
    shape.check("x", x.values.len(), x.pitch);
    Shape { rows, ..shape }.check("out", out.values.len(), out.pitch);
    isa.run(Windows {
        count: rows,
        channels: shape.channels,
        pool,
        stride,
        x: x.values.as_ptr(),
        x_pitch: x.pitch,
        dy: std::ptr::null(),
        dy_pitch: 0,
        out: out.values.as_mut_ptr(),
        out_pitch: out.pitch,
        accumulate: out.accumulate,
    });
}

/// The gradient of a pool's input from that of its result `dy`; the first of tied rows gets
/// that of a maximum.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn pool_backward(
    isa: Isa,
    shape: Shape,
    pool: Pool,
    stride: usize,
    x: Rows<'_>,
    dy: Rows<'_>,
    dx: RowsMut<'_>,
) {
    let rows = count(shape.rows, pool.size(), stride);
    shape.check("x", x.values.len(), x.pitch);
    shape.check("dx", dx.values.len(), dx.pitch);
    Shape { rows, ..shape }.check("dy", dy.values.len(), dy.pitch);
    if !dx.accumulate {
        for m in 0..shape.rows {
            dx.values[m * dx.pitch..m * dx.pitch + shape.channels].fill(0.0);
        }
    }
    if rows == 0 {
        return;
    }
    isa.run(Windows {
        count: rows,
        channels: shape.channels,
        pool,
        stride,
        x: x.values.as_ptr(),
        x_pitch: x.pitch,
        dy: dy.values.as_ptr(),
        dy_pitch: dy.pitch,
        out: dx.values.as_mut_ptr(),
        out_pitch: dx.pitch,
        accumulate: true,
    });
}
