//! Which outputs are computed together.

use crate::conv::window::Window;

/// Values of the sums of rows and products of a block of pairs: a second-level cache.
const BLOCK_VALUES: usize = 160 * 1024;

/// Where the pairs of a call lie.
#[derive(Clone, Copy)]
pub(super) struct Pairs {
    /// Output rows.
    pub(super) rows: usize,
    pub(super) dilation: usize,
    /// Taps three at a time.
    pub(super) threes: usize,
}

impl Pairs {
    /// The pairs of a call whose input is long enough.
    pub(super) fn of(taps: usize, c_in: usize, x: &[f32], window: Window) -> Self {
        assert!(
            taps >= 3 && window.stride == 1 && window.dilation > 0 && window.pitch >= c_in,
            "Winograd F(2, 3) has three taps or more and no stride"
        );
        assert!(
            taps == 3 || window.dilation == 1,
            "Winograd F(2, 3) of {taps} taps has no dilation"
        );
        assert!(
            x.len() >= window.reach(taps, c_in),
            "input of {} values is too short",
            x.len()
        );
        Self {
            rows: window.rows,
            dilation: window.dilation,
            threes: taps / 3,
        }
    }

    pub(super) fn count(self) -> usize {
        let whole = 2 * self.dilation;
        self.rows / whole * self.dilation + (self.rows % whole).min(self.dilation)
    }

    /// First output row of pair `i`.
    #[inline(always)]
    pub(super) fn row(self, i: usize) -> usize {
        i / self.dilation * 2 * self.dilation + i % self.dilation
    }

    /// Rows of the sums that `pairs` pairs read.
    pub(super) fn sums(self, pairs: usize) -> usize {
        if self.threes == 1 {
            pairs
        } else {
            2 * (pairs - 1) + 3 * (self.threes - 1) + 1
        }
    }

    /// Output row, or its place in the input, of sum `v`, counted from pair `first` on.
    #[inline(always)]
    pub(super) fn source(self, first: usize, v: usize) -> usize {
        if self.threes == 1 {
            self.row(first + v)
        } else {
            2 * first + v
        }
    }

    /// How the products read the sums.
    pub(super) fn window(self, pairs: usize, pitch: usize) -> Window {
        Window {
            rows: pairs,
            pitch,
            stride: if self.threes == 1 { 1 } else { 2 },
            dilation: 3,
        }
    }

    /// Pairs of a block: equal ones whose sums and products stay in the cache.
    pub(super) fn block(self, c_in: usize, c_out: usize) -> usize {
        let sums = if self.threes == 1 { c_in } else { 2 * c_in };
        let most = (BLOCK_VALUES / (sums + 4 * c_out)).max(8);
        self.count().div_ceil(self.count().div_ceil(most))
    }
}
