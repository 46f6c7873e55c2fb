//! Channels-last matrices as the kernels see them.

/// Rows and channels of a channels-last matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub rows: usize,
    /// Channels.
    pub channels: usize,
}

impl Shape {
    /// Stops on a slice that is too short for this shape at the row stride `pitch`.
    pub(crate) fn check(self, name: &str, len: usize, pitch: usize) {
        assert!(
            pitch >= self.channels,
            "row stride {pitch} of `{name}` below {} channels",
            self.channels
        );
        if self.rows > 0 {
            let need = (self.rows - 1) * pitch + self.channels;
            assert!(
                len >= need,
                "`{name}` has {len} values where {self:?} at stride {pitch} needs {need}"
            );
        }
    }
}

/// A stretch of rows of one sample's matrix.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The values from the first row on.
    pub values: &'a [f32],
    /// Values from one row to the next.
    pub pitch: usize,
}

/// A stretch of rows that is written.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// The values from the first row on.
    pub values: &'a mut [f32],
    /// Values from one row to the next.
    pub pitch: usize,
    /// Whether to add to the old values.
    pub accumulate: bool,
}
