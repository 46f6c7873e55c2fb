//! How the kernels read the input, and what they start from.

/// How output rows read the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Output rows.
    pub rows: usize,
    /// Values from one input row to the next (at least the number of input channels).
    pub pitch: usize,
    /// Input rows from one output row to the next.
    pub stride: usize,
    /// Input rows from one tap to the next.
    pub dilation: usize,
}

impl Window {
    /// Values of the input that `rows` output rows of a convolution read.
    pub(crate) fn reach(&self, taps: usize, c_in: usize) -> usize {
        if self.rows == 0 {
            return 0;
        }
        // Sizes that do not fit into a number are larger than any input.
        let rows = (self.rows - 1).saturating_mul(self.stride);
        let taps = taps.saturating_sub(1).saturating_mul(self.dilation);
        rows.saturating_add(taps)
            .saturating_mul(self.pitch)
            .saturating_add(c_in)
    }
}

/// Values of `rows` rows of `columns` that start `pitch` values apart; at least one row.
pub(super) fn span(rows: usize, pitch: usize, columns: usize) -> usize {
    (rows - 1).saturating_mul(pitch).saturating_add(columns)
}

/// What a matrix kernel starts from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// From zero.
    Zero,
    /// From one value per output channel.
    Bias(&'a [f32]),
    /// From the values that the output holds.
    Accumulate,
}

impl Start<'_> {
    /// The bias, null without one, for `rows` rows of `n` outputs.
    ///
    /// # Panics
    ///
    /// If the output or the bias is too short for them.
    pub(crate) fn checked(&self, rows: usize, n: usize, y: &[f32], y_pitch: usize) -> *const f32 {
        assert!(
            y_pitch >= n && y.len() >= span(rows, y_pitch, n),
            "output of {} values is too short",
            y.len()
        );
        match self {
            Self::Bias(b) => {
                assert!(b.len() >= n, "bias of {} values for {n} channels", b.len());
                b.as_ptr()
            }
            Self::Zero | Self::Accumulate => std::ptr::null(),
        }
    }
}
