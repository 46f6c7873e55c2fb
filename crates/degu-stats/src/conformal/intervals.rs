//! Intervals of many rows, held as two columns.

use serde::Serialize;

use crate::check;
use crate::error::Result;

/// Lower and upper ends, one a row; an end may be infinite.
///
/// An infinite interval is an honest answer (too few calibration rows); it counts in interval
/// coverage and is kept out of the mean width by
/// [`interval_summary`](crate::scoring::interval_summary).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Intervals {
    /// Lower ends.
    pub lower: Vec<f64>,
    /// Upper ends, never below the lower ones.
    pub upper: Vec<f64>,
    /// Rows whose ends had crossed and were set to their midpoint.
    pub collapsed: usize,
}

impl Intervals {
    /// Collects (lower, upper) pairs; ends that crossed collapse to their midpoint and are counted.
    pub fn from_ends(ends: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut intervals = Self::default();
        for (lower, upper) in ends {
            let crossed = lower > upper;
            let middle = f64::midpoint(lower, upper);
            intervals.lower.push(if crossed { middle } else { lower });
            intervals.upper.push(if crossed { middle } else { upper });
            intervals.collapsed += usize::from(crossed);
        }
        intervals
    }

    /// `mean ∓ radius`, row by row; a radius may be infinite.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for different lengths, a mean that is not finite or a NaN
    /// radius.
    pub fn around(mean: &[f64], radius: &[f64]) -> Result<Self> {
        check::finite("mean", mean)?;
        check::length("radius", mean.len(), radius.len())?;
        check::not_nan("radius", radius)?;
        Ok(Self::from_ends(
            mean.iter().zip(radius).map(|(m, r)| (m - r, m + r)),
        ))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.lower.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.lower.is_empty()
    }

    /// (lower, upper) of each row.
    pub fn rows(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.lower.iter().copied().zip(self.upper.iter().copied())
    }

    /// upper − lower, one a row; +∞ where an end is infinite.
    pub fn widths(&self) -> Vec<f64> {
        self.rows().map(|(lower, upper)| upper - lower).collect()
    }

    /// Whether each measured value lies inside, ends included.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for another length or a measured value that is not finite.
    pub fn contains(&self, measured: &[f64]) -> Result<Vec<bool>> {
        check::column("measured", measured, self.len())?;
        Ok(self
            .rows()
            .zip(measured)
            .map(|((lower, upper), y)| lower <= *y && *y <= upper)
            .collect())
    }
}
