//! Sums over rows, per channel: batch-norm statistics and bias gradients; sums of matrices.

use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, RowsMut, Shape};
use crate::simd::{Simd, by_channels};

/// Mean and sum of squared deviations per channel of a set of rows, in double precision; merged by
/// Chan's formula, so that a mean much larger than the spread costs no digits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    count: f64,
    mean: Vec<f64>,
    m2: Vec<f64>,
}

impl Moments {
    /// Of no rows, for `channels` channels.
    pub fn new(channels: usize) -> Self {
        Self {
            count: 0.0,
            mean: vec![0.0; channels],
            m2: vec![0.0; channels],
        }
    }

    /// Forgets every row.
    pub fn clear(&mut self) {
        self.count = 0.0;
        self.mean.fill(0.0);
        self.m2.fill(0.0);
    }

    /// Rows seen.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Mean per channel.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Sum of squared deviations from the mean, per channel.
    pub fn m2(&self) -> &[f64] {
        &self.m2
    }

    /// Adds the rows that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        let total = self.count + other.count;
        if other.count > 0.0 {
            let (share, product) = (other.count / total, self.count * other.count / total);
            for ((mean, m2), (b, b2)) in self
                .mean
                .iter_mut()
                .zip(&mut self.m2)
                .zip(other.mean.iter().zip(&other.m2))
            {
                let delta = b - *mean;
                *mean += delta * share;
                *m2 += b2 + delta * delta * product;
            }
            self.count = total;
        }
    }

    /// Adds rows `[rows, channels]`. Sums are taken in f32, relative to the
    /// first row.
    ///
    /// # Panics
    ///
    /// If the rows are shorter than the shape says.
    pub fn add(&mut self, isa: Isa, shape: Shape, rows: Rows<'_>) {
        assert_eq!(self.mean.len(), shape.channels, "channels");
        shape.check("rows", rows.values.len(), rows.pitch);
        if shape.rows == 0 {
            return;
        }
        let n = shape.rows as f64;
        let total = self.count + n;
        let add = AddMoments {
            rows: rows.values.as_ptr(),
            pitch: rows.pitch,
            shape,
            share: n / total,
            product: self.count * n / total,
            mean: self.mean.as_mut_ptr(),
            m2: self.m2.as_mut_ptr(),
        };
        isa.run(add);
        self.count = total;
    }
}

struct AddMoments {
    rows: *const f32,
    pitch: usize,
    shape: Shape,
    share: f64,
    product: f64,
    mean: *mut f64,
    m2: *mut f64,
}

impl Kernel for AddMoments {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut buffer = [[0.0; 16]; 3];
        let [origins, means, deviations] = &mut buffer;
        by_channels!(S, self.shape.channels, |c, PART, part| {
            let lanes = if PART { part } else { S::LANES };
            // SAFETY: the rows and the channels c .. c + lanes exist, as `add` checked; `buffer`
            // holds the widest vector.
            unsafe {
                let origin = s.load_up_to::<PART>(self.rows.add(c), part);
                let (mut sum, mut square) = (s.zero(), s.zero());
                for m in 0..self.shape.rows {
                    let d = s.sub(
                        s.load_up_to::<PART>(self.rows.add(m * self.pitch + c), part),
                        origin,
                    );
                    sum = s.add(sum, d);
                    square = s.fma(d, d, square);
                }
                let mean = s.mul(sum, s.constant(1.0 / self.shape.rows as f64));
                let zero = s.zero();
                let m2 = s.max(zero, s.sub(square, s.mul(mean, sum)));
                s.store(origins.as_mut_ptr(), origin);
                s.store(means.as_mut_ptr(), mean);
                s.store(deviations.as_mut_ptr(), m2);
                let (mean, m2) = (self.mean.add(c), self.m2.add(c));
                let parts = origins.iter().zip(means.iter()).zip(deviations.iter());
                for (i, ((origin, offset), m2_new)) in parts.enumerate().take(lanes) {
                    // Added in f64: the sum of origin and offset would round the offset away.
                    let new = f64::from(*origin) + f64::from(*offset);
                    let delta = new - *mean.add(i);
                    *mean.add(i) += delta * self.share;
                    *m2.add(i) += f64::from(*m2_new) + delta * delta * self.product;
                }
            }
        });
    }
}

/// Adds to `sums` the sum over rows of each channel (the gradient of a bias).
///
/// # Panics
///
/// If a slice is shorter than the shape says.
pub fn column_sums(isa: Isa, shape: Shape, rows: Rows<'_>, sums: &mut [f32]) {
    struct Sums {
        rows: *const f32,
        pitch: usize,
        shape: Shape,
        totals: *mut f32,
    }
    impl Kernel for Sums {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            by_channels!(S, self.shape.channels, |c, PART, part| {
                // SAFETY: the rows and the channels from `c` on exist, as checked below.
                unsafe {
                    let mut sum = s.load_up_to::<PART>(self.totals.add(c), part);
                    for m in 0..self.shape.rows {
                        sum = s.add(
                            sum,
                            s.load_up_to::<PART>(self.rows.add(m * self.pitch + c), part),
                        );
                    }
                    s.store_up_to::<PART>(self.totals.add(c), part, sum);
                }
            });
        }
    }
    shape.check("rows", rows.values.len(), rows.pitch);
    assert!(sums.len() >= shape.channels, "a sum per channel");
    isa.run(Sums {
        rows: rows.values.as_ptr(),
        pitch: rows.pitch,
        shape,
        totals: sums.as_mut_ptr(),
    });
}

/// `target = source`, or `target += source`, for matrices of one shape.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn add_rows(isa: Isa, shape: Shape, source: Rows<'_>, target: RowsMut<'_>) {
    struct Add {
        source: *const f32,
        source_pitch: usize,
        target: *mut f32,
        target_pitch: usize,
        accumulate: bool,
        shape: Shape,
    }
    impl Kernel for Add {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for m in 0..self.shape.rows {
                by_channels!(S, self.shape.channels, |c, PART, part| {
                    // SAFETY: row m and the channels from `c` on exist in both, as checked below.
                    unsafe {
                        let mut v =
                            s.load_up_to::<PART>(self.source.add(m * self.source_pitch + c), part);
                        let at = self.target.add(m * self.target_pitch + c);
                        if self.accumulate {
                            v = s.add(s.load_up_to::<PART>(at, part), v);
                        }
                        s.store_up_to::<PART>(at, part, v);
                    }
                });
            }
        }
    }
    shape.check("source", source.values.len(), source.pitch);
    shape.check("target", target.values.len(), target.pitch);
    isa.run(Add {
        source: source.values.as_ptr(),
        source_pitch: source.pitch,
        target: target.values.as_mut_ptr(),
        target_pitch: target.pitch,
        accumulate: target.accumulate,
        shape,
    });
}
