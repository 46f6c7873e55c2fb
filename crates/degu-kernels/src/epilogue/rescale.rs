//! The backward pass of the DeepLIFT rescale rule: multipliers in place of derivatives, from the
//! activations of a sequence and of its reference.
//!
//! An activation passes `(f(z) - f(z_r)) / (z - z_r)`, or `f'(z)` where the two inputs differ by
//! less than 1e-6. A maximum hands its change to the winner in the sequence and to the winner in
//! the reference, each in proportion to its own change. Both halves are computed again from the
//! linear layers' outputs, as in the ordinary backward pass; nothing is differentiated through the
//! reference.

use super::common::{Affine, Common, View, ViewMut, put};
use super::types::{Epilogue, Pool};
use crate::activation::{Pointwise, with_activation};
use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, RowsMut, Shape};
use crate::simd::{Simd, by_channels};

/// Below this difference of the inputs an activation passes its derivative.
const MIN_DELTA: f64 = 1e-6;

/// The gradient at the linear layer's output by the DeepLIFT rescale rule: `y` (and `skip`)
/// hold the rows of the sequence, then of its reference, and `gradient` is the multiplier of
/// the pooled result. Without dropout.
///
/// # Panics
///
/// As [`epilogue_forward`](crate::epilogue_forward).
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn epilogue_rescale(
    isa: Isa,
    epilogue: &Epilogue<'_>,
    shape: Shape,
    y: [Rows<'_>; 2],
    skip: Option<[Rows<'_>; 2]>,
    gradient: Rows<'_>,
    skip_gradient: Option<RowsMut<'_>>,
    out: RowsMut<'_>,
) {
    assert!(
        epilogue.before.is_none() && epilogue.after.is_none(),
        "multipliers of a pass with dropout"
    );
    shape.check("out", out.values.len(), out.pitch);
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
    let dy = ViewMut {
        p: out.values.as_mut_ptr(),
        pitch: out.pitch,
        accumulate: out.accumulate,
    };
    with_activation!(epilogue.activation, A => {
        let common = |i: usize| Common::<A>::new(
            epilogue,
            shape,
            0,
            y[i].values.as_ptr(),
            y[i].pitch,
            y[i].values.len(),
            skip.map(|s| s[i]),
        );
        let (sequence, reference) = (common(0), common(1));
        sequence.pooled().check("gradient", gradient.values.len(), gradient.pitch);
        let g = View { p: gradient.values.as_ptr(), pitch: gradient.pitch };
        isa.run(Rescale { sequence, reference, g, dskip, dy });
    });
}

struct Rescale<A> {
    sequence: Common<A>,
    reference: Common<A>,
    g: View,
    dskip: ViewMut,
    dy: ViewMut,
}

/// One row of both halves: what enters the activation and what leaves it.
#[derive(Clone, Copy)]
struct Pair<V> {
    z: V,
    z_r: V,
    a: V,
    a_r: V,
}

/// The row that wins a window in one of the halves.
#[derive(Clone, Copy)]
struct Winner<V> {
    index: V,
    pair: Pair<V>,
}

impl<A: Pointwise> Kernel for Rescale<A> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        by_channels!(S, self.sequence.shape.channels, |c, PART, part| {
            // SAFETY: the channels from `c` on exist; all slices were checked for the shape.
            unsafe { self.channels::<S, PART>(s, c, part) }
        });
    }
}

impl<A: Pointwise> Rescale<A> {
    /// # Safety
    /// The channels from `c` on exist.
    #[inline(always)]
    unsafe fn channels<S: Simd, const PART: bool>(&self, s: S, c: usize, part: usize) {
        // SAFETY: rows stay below shape.rows, pooled rows exist in `g`.
        unsafe {
            let affine = self.sequence.affine::<S, PART>(s, c, part);
            let size = self.sequence.pool.size();
            let windows = self.sequence.shape.rows / size;
            for w in 0..windows {
                let g = s.load_up_to::<PART>(self.g.p.add(w * self.g.pitch + c), part);
                match self.sequence.pool {
                    Pool::Max(size) if size > 1 => {
                        let shares = self.shares::<S, PART>(s, w, size, c, part, &affine);
                        for k in 0..size {
                            let at = s.constant(k as f64);
                            let mut total = s.zero();
                            for (index, share) in shares {
                                let hit = s.select(s.eq(index, at), share, s.zero());
                                total = s.add(total, hit);
                            }
                            let m = w * size + k;
                            self.row::<S, PART>(s, m, c, part, s.mul(g, total), &affine);
                        }
                    }
                    Pool::Mean(size) | Pool::Max(size) => {
                        let g = s.mul(g, s.constant(1.0 / size as f64));
                        for k in 0..size {
                            let m = w * size + k;
                            let pair = self.pair::<S, PART>(s, m, c, part, &affine);
                            self.row::<S, PART>(
                                s,
                                m,
                                c,
                                part,
                                s.mul(g, slope::<S, A>(s, &pair)),
                                &affine,
                            );
                        }
                    }
                }
            }
            for m in windows * size..self.sequence.shape.rows {
                self.row::<S, PART>(s, m, c, part, s.zero(), &affine);
            }
        }
    }

    /// # Safety
    /// Row `m` and the channels from `c` on exist.
    #[inline(always)]
    unsafe fn pair<S: Simd, const PART: bool>(
        &self,
        s: S,
        m: usize,
        c: usize,
        part: usize,
        affine: &Affine<S::V>,
    ) -> Pair<S::V> {
        // SAFETY: promised by the caller.
        let (z, z_r) = unsafe {
            (
                self.sequence.pre::<S, PART>(s, m, c, part, affine).1,
                self.reference.pre::<S, PART>(s, m, c, part, affine).1,
            )
        };
        Pair {
            z,
            z_r,
            a: A::value(s, z),
            a_r: A::value(s, z_r),
        }
    }

    /// The rows of window `w` that take part, with their multipliers: the winner in the sequence,
    /// the winner in the reference. Where both are one row, the two shares add up to its secant.
    ///
    /// # Safety
    /// The rows of the window and the channels from `c` on exist.
    #[inline(always)]
    unsafe fn shares<S: Simd, const PART: bool>(
        &self,
        s: S,
        w: usize,
        size: usize,
        c: usize,
        part: usize,
        affine: &Affine<S::V>,
    ) -> [(S::V, S::V); 2] {
        // SAFETY: promised by the caller.
        let first = Winner {
            index: s.zero(),
            pair: unsafe { self.pair::<S, PART>(s, w * size, c, part, affine) },
        };
        let (mut sequence, mut other) = (first, first);
        for k in 1..size {
            // SAFETY: promised by the caller.
            let pair = unsafe { self.pair::<S, PART>(s, w * size + k, c, part, affine) };
            let index = s.constant(k as f64);
            sequence = choose(s, s.gt(pair.a, sequence.pair.a), index, &pair, &sequence);
            other = choose(s, s.gt(pair.a_r, other.pair.a_r), index, &pair, &other);
        }
        let (zero, one) = (s.zero(), s.constant(1.0));
        let top = s.max(sequence.pair.a, other.pair.a_r);
        let share = |winner: &Winner<S::V>, change: S::V, if_zero: S::V| {
            let moved = s.sub(winner.pair.a, winner.pair.a_r);
            let still = s.eq(moved, zero);
            let share = s.select(still, if_zero, s.div(change, s.select(still, one, moved)));
            (winner.index, s.mul(share, slope::<S, A>(s, &winner.pair)))
        };
        [
            share(&sequence, s.sub(top, other.pair.a_r), one),
            share(&other, s.sub(sequence.pair.a, top), zero),
        ]
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
        affine: &Affine<S::V>,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            if !self.dskip.p.is_null() {
                put::<S, PART>(s, self.dskip, m, c, part, g);
            }
            put::<S, PART>(s, self.dy, m, c, part, s.mul(g, affine.scale));
        }
    }
}

/// `new` with its index where `m` holds, else `old`.
#[inline(always)]
fn choose<S: Simd>(s: S, m: S::M, index: S::V, new: &Pair<S::V>, old: &Winner<S::V>) -> Winner<S::V>
where
    S::M: Copy,
{
    Winner {
        index: s.select(m, index, old.index),
        pair: Pair {
            z: s.select(m, new.z, old.pair.z),
            z_r: s.select(m, new.z_r, old.pair.z_r),
            a: s.select(m, new.a, old.pair.a),
            a_r: s.select(m, new.a_r, old.pair.a_r),
        },
    }
}

/// The secant of the activation between the two halves, or its derivative where they are next to
/// each other.
#[inline(always)]
fn slope<S: Simd, A: Pointwise>(s: S, pair: &Pair<S::V>) -> S::V {
    let dz = s.sub(pair.z, pair.z_r);
    let near = s.gt(s.constant(MIN_DELTA), s.abs(dz));
    let secant = s.div(s.sub(pair.a, pair.a_r), s.select(near, s.constant(1.0), dz));
    s.select(near, A::derivative(s, pair.z), secant)
}
