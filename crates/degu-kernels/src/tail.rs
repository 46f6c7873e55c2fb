//! What follows a linear layer, in one pass: batch norm as scale and shift, a skip connection, activation, dropout, pooling and
//! a second dropout; and the two backward passes of the same.
//!
//! Nothing between the linear layer's output and the pooled result is stored: the backward passes compute it again. The winner
//! of a maximum is decided by the same arithmetic each time, and the first of tied rows gets the gradient.

use crate::activation::{Activation, Pointwise, Shape, with_activation};
use crate::dropout::DropoutMask;
use crate::element::Element;
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;
use std::marker::PhantomData;

/// Pooling over adjacent windows; rows that fill no window are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Largest value of a window.
    Max(usize),
    /// Mean of a window; `Mean(1)` is no pooling.
    Mean(usize),
}

impl Pool {
    /// No pooling.
    pub const NONE: Self = Self::Mean(1);

    /// Rows of a window.
    pub fn size(self) -> usize {
        match self {
            Self::Max(n) | Self::Mean(n) => n,
        }
    }
}

/// The operations after a linear layer, in this order: `y * scale + shift`, plus skip, activation, dropout, pool, dropout.
#[derive(Clone, Copy, Debug)]
pub struct Tail<'a, T> {
    /// Scale and shift per channel.
    pub affine: Option<(&'a [T], &'a [T])>,
    /// The nonlinearity.
    pub activation: Activation,
    /// Dropout of the rows that enter the pool.
    pub before: Option<DropoutMask>,
    /// Pooling.
    pub pool: Pool,
    /// Dropout of the pooled rows.
    pub after: Option<DropoutMask>,
}

/// A stretch of rows of one sample's matrix.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    /// The values from the first row on.
    pub values: &'a [T],
    /// Values from one row to the next.
    pub pitch: usize,
}

/// A stretch of rows that is written.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    /// The values from the first row on.
    pub values: &'a mut [T],
    /// Values from one row to the next.
    pub pitch: usize,
    /// Whether to add to the old values.
    pub accumulate: bool,
}

/// Batch-norm terms of the gradient per channel: `dy = scale * g + constant + slope * (y - mean)`.
#[derive(Clone, Copy, Debug)]
pub struct NormGradient<'a, T> {
    /// Batch mean.
    pub mean: &'a [T],
    /// `-scale * sum(g) / n`
    pub constant: &'a [T],
    /// `-scale * sum(g * (y - mean)) * inv_std^2 / n`
    pub slope: &'a [T],
}

#[derive(Clone, Copy)]
struct View<T> {
    p: *const T,
    pitch: usize,
}

#[derive(Clone, Copy)]
struct ViewMut<T> {
    p: *mut T,
    pitch: usize,
    accumulate: bool,
}

/// The parts that the three passes share. Pointers of absent parts are null.
#[derive(Clone, Copy)]
struct Common<T, A> {
    shape: Shape,
    first_row: usize,
    y: View<T>,
    skip: View<T>,
    scale: *const T,
    shift: *const T,
    before: Option<DropoutMask>,
    after: Option<DropoutMask>,
    pool: Pool,
    activation: PhantomData<A>,
}

/// Scale and shift of the channels of one vector.
struct Affine<V> {
    scale: V,
    shift: V,
}

/// The row of a window whose gradient flows on.
struct Winner<V> {
    index: V,
    z: V,
    y: V,
    factor: V,
}

impl<T: Element, A: Pointwise> Common<T, A> {
    fn new(
        tail: &Tail<'_, T>,
        shape: Shape,
        first_row: usize,
        y: *const T,
        y_pitch: usize,
        y_len: usize,
        skip: Option<Rows<'_, T>>,
    ) -> Self {
        assert!(tail.pool.size() > 0, "a pooling window of 0 rows");
        assert!(
            first_row.is_multiple_of(tail.pool.size()),
            "row {first_row} does not start a window"
        );
        shape.check("y", y_len, y_pitch);
        if let Some(skip) = skip {
            shape.check("skip", skip.values.len(), skip.pitch);
        }
        let (scale, shift) =
            tail.affine
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
            before: tail.before,
            after: tail.after,
            pool: tail.pool,
            activation: PhantomData,
        }
    }

    fn pooled(&self) -> Shape {
        Shape {
            rows: self.shape.rows / self.pool.size(),
            channels: self.shape.channels,
        }
    }

    /// # Safety
    /// Channel `c` exists, with `part` values after it if `PART`, else a whole vector.
    #[inline(always)]
    unsafe fn affine<S: Simd<T = T>, const PART: bool>(
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
    unsafe fn pre<S: Simd<T = T>, const PART: bool>(
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
    fn factor_before<S: Simd<T = T>>(&self, s: S, mask: DropoutMask, m: usize, c: usize) -> S::V {
        let element = ((self.first_row + m) * self.shape.channels + c) as u32;
        s.select(mask.vector(s, element), s.constant(mask.factor()), s.zero())
    }

    /// 0 or the keep factor for pooled row `m`.
    #[inline(always)]
    fn factor_after<S: Simd<T = T>>(&self, s: S, mask: DropoutMask, m: usize, c: usize) -> S::V {
        let row = self.first_row / self.pool.size() + m;
        let element = (row * self.shape.channels + c) as u32;
        s.select(mask.vector(s, element), s.constant(mask.factor()), s.zero())
    }

    #[inline(always)]
    fn value<S: Simd<T = T>>(&self, s: S, z: S::V, m: usize, c: usize) -> S::V {
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
    unsafe fn winner<S: Simd<T = T>, const PART: bool>(
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
    unsafe fn pooled_gradient<S: Simd<T = T>, const PART: bool>(
        &self,
        s: S,
        g: View<T>,
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

/// Runs `$body` for the vectors of all channels: `$PART` tells whether the vector from channel `$c` on has only `$part` lanes.
macro_rules! by_channels {
    ($S:ident, $channels:expr, |$c:ident, $PART:ident, $part:ident| $body:expr) => {{
        let mut $c = 0;
        while $c + $S::LANES <= $channels {
            {
                const $PART: bool = false;
                let $part = 0;
                $body
            }
            $c += $S::LANES;
        }
        if $c < $channels {
            const $PART: bool = true;
            let $part = $channels - $c;
            $body
        }
    }};
}
pub(crate) use by_channels;

/// Runs the tail on rows `first_row ..` of one sample: `y` `[rows, channels]` to `out` `[rows / pool, channels]`.
///
/// # Panics
///
/// If a slice is shorter than the shapes say, or `first_row` does not start a pooling window.
pub fn tail_forward<T: Element>(
    isa: Isa,
    tail: &Tail<'_, T>,
    shape: Shape,
    first_row: usize,
    y: Rows<'_, T>,
    skip: Option<Rows<'_, T>>,
    out: RowsMut<'_, T>,
) {
    with_activation!(tail.activation, A => {
        let common = Common::<T, A>::new(tail, shape, first_row, y.values.as_ptr(), y.pitch, y.values.len(), skip);
        common.pooled().check("out", out.values.len(), out.pitch);
        let out = ViewMut { p: out.values.as_mut_ptr(), pitch: out.pitch, accumulate: out.accumulate };
        T::dispatch(isa, Forward { common, out });
    });
}

struct Forward<T, A> {
    common: Common<T, A>,
    out: ViewMut<T>,
}

impl<T: Element, A: Pointwise> Kernel<T> for Forward<T, A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd<T = T>>(self, s: S) {
        by_channels!(S, self.common.shape.channels, |c, PART, part| {
            // SAFETY: the channels from `c` on exist; all slices were checked for the shape.
            unsafe { self.channels::<S, PART>(s, c, part) }
        });
    }
}

impl<T: Element, A: Pointwise> Forward<T, A> {
    /// # Safety
    /// The channels from `c` on exist.
    #[inline(always)]
    unsafe fn channels<S: Simd<T = T>, const PART: bool>(&self, s: S, c: usize, part: usize) {
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

/// Writes a vector, or adds it.
///
/// # Safety
/// Row `m` and the channels from `c` on exist in `out`.
#[inline(always)]
unsafe fn put<S: Simd, const PART: bool>(
    s: S,
    out: ViewMut<S::T>,
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

/// First backward pass of a batch norm: adds to `sum_g` and `sum_gy` the sums over rows of `g` and `g * (y - mean)`, `g` being the
/// gradient at the batch norm's output.
///
/// # Panics
///
/// As [`tail_forward`].
pub fn tail_sums<T: Element>(
    isa: Isa,
    tail: &Tail<'_, T>,
    shape: Shape,
    first_row: usize,
    y: Rows<'_, T>,
    skip: Option<Rows<'_, T>>,
    gradient: Rows<'_, T>,
    mean: &[T],
    [sum_g, sum_gy]: [&mut [T]; 2],
) {
    assert!(
        mean.len() >= shape.channels
            && sum_g.len() >= shape.channels
            && sum_gy.len() >= shape.channels,
        "means and sums per channel"
    );
    with_activation!(tail.activation, A => {
        let common = Common::<T, A>::new(tail, shape, first_row, y.values.as_ptr(), y.pitch, y.values.len(), skip);
        common.pooled().check("gradient", gradient.values.len(), gradient.pitch);
        let g = View { p: gradient.values.as_ptr(), pitch: gradient.pitch };
        T::dispatch(isa, Sums { common, g, mean: mean.as_ptr(), sum_g: sum_g.as_mut_ptr(), sum_gy: sum_gy.as_mut_ptr() });
    });
}

struct Sums<T, A> {
    common: Common<T, A>,
    g: View<T>,
    mean: *const T,
    sum_g: *mut T,
    sum_gy: *mut T,
}

impl<T: Element, A: Pointwise> Kernel<T> for Sums<T, A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd<T = T>>(self, s: S) {
        by_channels!(S, self.common.shape.channels, |c, PART, part| {
            // SAFETY: the channels from `c` on exist; all slices were checked for the shape.
            unsafe { self.channels::<S, PART>(s, c, part) }
        });
    }
}

impl<T: Element, A: Pointwise> Sums<T, A> {
    /// # Safety
    /// The channels from `c` on exist.
    #[inline(always)]
    unsafe fn channels<S: Simd<T = T>, const PART: bool>(&self, s: S, c: usize, part: usize) {
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

impl<T: Element, A: Pointwise> Common<T, A> {
    /// Gradient at the activation's input of row `m`.
    #[inline(always)]
    fn row_gradient<S: Simd<T = T>>(
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

/// Second backward pass: the gradient of the linear layer's output, and of the skip connection where there is one.
///
/// With `into` the gradient goes there and `y` stays; without, it replaces `y`. Rows that no pooling window covers get the
/// batch-norm terms only.
///
/// # Panics
///
/// As [`tail_forward`].
pub fn tail_backward<T: Element>(
    isa: Isa,
    tail: &Tail<'_, T>,
    shape: Shape,
    first_row: usize,
    y: RowsMut<'_, T>,
    skip: Option<Rows<'_, T>>,
    gradient: Rows<'_, T>,
    norm: Option<NormGradient<'_, T>>,
    skip_gradient: Option<RowsMut<'_, T>>,
    into: Option<RowsMut<'_, T>>,
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
    with_activation!(tail.activation, A => {
        let common = Common::<T, A>::new(tail, shape, first_row, y_pointer.cast_const(), y.pitch, y.values.len(), skip);
        common.pooled().check("gradient", gradient.values.len(), gradient.pitch);
        let g = View { p: gradient.values.as_ptr(), pitch: gradient.pitch };
        T::dispatch(isa, Backward { common, g, norm, dskip, dy });
    });
}

struct Backward<T, A> {
    common: Common<T, A>,
    g: View<T>,
    norm: Option<[*const T; 3]>,
    dskip: ViewMut<T>,
    dy: ViewMut<T>,
}

impl<T: Element, A: Pointwise> Kernel<T> for Backward<T, A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd<T = T>>(self, s: S) {
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

impl<T: Element, A: Pointwise> Backward<T, A> {
    /// # Safety
    /// The channels from `c` on exist.
    #[inline(always)]
    unsafe fn channels<S: Simd<T = T>, const PART: bool>(&self, s: S, c: usize, part: usize) {
        let t = &self.common;
        // SAFETY: rows stay below shape.rows, pooled rows exist in `g`, norm terms have a value per channel.
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
    unsafe fn row<S: Simd<T = T>, const PART: bool>(
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
