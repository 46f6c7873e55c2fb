//! Sums of rows that the products are taken of.

use super::pairs::Pairs;
use crate::isa::Kernel;
use crate::simd::{Simd, by_channels};

/// Which input rows, in steps of the dilation, a product reads: `first + sign * second`.
#[derive(Clone, Copy)]
pub(super) struct Combination {
    first: Option<usize>,
    second: Option<usize>,
    subtract: bool,
}

impl Combination {
    const fn new(first: Option<usize>, second: Option<usize>, subtract: bool) -> Self {
        Self {
            first,
            second,
            subtract,
        }
    }
}

/// Of the input.
pub(super) const INPUT: [Combination; 4] = [
    Combination::new(Some(0), Some(2), true),
    Combination::new(Some(1), Some(2), false),
    Combination::new(Some(2), Some(1), true),
    Combination::new(Some(1), Some(3), true),
];

/// Of the gradient of the output.
pub(super) const GRADIENT: [Combination; 4] = [
    Combination::new(Some(0), None, false),
    Combination::new(Some(0), Some(1), false),
    Combination::new(Some(0), Some(1), true),
    Combination::new(None, Some(1), true),
];

/// Sums or differences of two rows, one after the other; rows from `available` on are zero.
pub(super) struct Combine {
    pub(super) rows: *const f32,
    pub(super) pitch: usize,
    pub(super) available: usize,
    pub(super) channels: usize,
    pub(super) combination: Combination,
    pub(super) pairs: Pairs,
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) out: *mut f32,
}

impl Combine {
    #[inline(always)]
    fn row(&self, source: usize, step: Option<usize>) -> Option<*const f32> {
        let row = source + step? * self.pairs.dilation;
        (row < self.available).then(|| self.rows.wrapping_add(row * self.pitch))
    }
}

impl Kernel for Combine {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for v in 0..self.count {
            let source = self.pairs.source(self.first, v);
            let (a, b) = (
                self.row(source, self.combination.first),
                self.row(source, self.combination.second),
            );
            let out = self.out.wrapping_add(v * self.channels);
            by_channels!(S, self.channels, |c, PART, part| {
                // SAFETY: a row below `available` has `channels` values, and `out` room for `count`
                // rows, as the callers checked.
                unsafe {
                    let load = |row: Option<*const f32>| match row {
                        Some(row) => s.load_up_to::<PART>(row.add(c), part),
                        None => s.zero(),
                    };
                    let (a, b) = (load(a), load(b));
                    let sum = if self.combination.subtract {
                        s.sub(a, b)
                    } else {
                        s.add(a, b)
                    };
                    s.store_up_to::<PART>(out.add(c), part, sum);
                }
            });
        }
    }
}
