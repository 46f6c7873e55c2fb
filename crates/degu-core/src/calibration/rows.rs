//! Which rows of an output calibrate, and how results of single outputs are put together again.

use std::collections::BTreeMap;

use degu_stats::{Alpha, StatsError, conformal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CalibrationSet, Forecast, Intervals};
use crate::{Error, Result};

/// What to do without enough calibration rows for an alpha.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TooFew {
    /// Infinite intervals, counted in the report.
    #[default]
    Infinite,
    /// An error that says what to do.
    Error,
}

impl TooFew {
    /// Refuses `rows` calibration rows at `alpha` where an error was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] with [`TooFew::Error`] if the rank of the quantile is beyond the rows.
    pub fn accept(self, alpha: Alpha, rows: usize, by: &'static str) -> Result<()> {
        if self == Self::Error && alpha.rank(rows) > rows {
            return Err(Error::Missing {
                what: "a larger calibration set (ceil(1 / alpha) - 1 groups at least, twice that for two separate sides)",
                by,
                help: "raise `split.calibration`, raise alpha, or use `too_few = \"infinite\"`",
            });
        }
        Ok(())
    }
}

/// Column `output` of a row-major matrix with `outputs` columns.
pub fn column(values: &[f64], output: usize, outputs: usize) -> Vec<f64> {
    values
        .iter()
        .skip(output)
        .step_by(outputs.max(1))
        .copied()
        .collect()
}

/// The calibration rows of one output: measured, and one row of each group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutputRows {
    /// Rows of the set, ascending.
    pub rows: Vec<usize>,
    /// Measured values.
    pub y: Vec<f64>,
    /// Predicted means.
    pub mean: Vec<f64>,
    /// Predicted epistemic standard deviations.
    pub epistemic: Option<Vec<f64>>,
    /// Predicted aleatoric standard deviations.
    pub aleatoric: Option<Vec<f64>>,
}

impl OutputRows {
    /// Rows with a measured `output`; which row of a group is taken is a fixed hash of the group.
    ///
    /// # Errors
    ///
    /// A forecast of other outputs, a prediction that is not finite (with its row in the set), no
    /// measured row.
    pub fn of(set: &CalibrationSet<'_>, output: usize) -> Result<Self> {
        Self::where_measured(set, output, |row| {
            !set.y[row * set.forecast.outputs + output].is_nan()
        })
    }

    /// Rows in which every output was measured, seen from `output`: the same rows for all outputs.
    ///
    /// # Errors
    ///
    /// As [`OutputRows::of`].
    pub fn complete(set: &CalibrationSet<'_>, output: usize) -> Result<Self> {
        let outputs = set.forecast.outputs;
        Self::where_measured(set, output, |row| {
            set.y[row * outputs..(row + 1) * outputs]
                .iter()
                .all(|y| !y.is_nan())
        })
    }

    fn where_measured(
        set: &CalibrationSet<'_>,
        output: usize,
        measured: impl Fn(usize) -> bool,
    ) -> Result<Self> {
        let forecast = &set.forecast;
        let outputs = forecast.outputs;
        let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for row in (0..forecast.rows).filter(|row| measured(*row)) {
            groups.entry(set.unit[row]).or_default().push(row);
        }
        let mut rows: Vec<usize> = groups
            .into_iter()
            .map(|(unit, rows)| rows[(mix(unit) % rows.len() as u64) as usize])
            .collect();
        rows.sort_unstable();
        if rows.is_empty() {
            return Err(Error::Missing {
                what: "at least one calibration row with a measurement",
                by: "a calibrator",
                help: "raise `split.calibration`, or leave the task out",
            });
        }
        let pick = |name: &'static str, values: &[f64]| -> Result<Vec<f64>> {
            rows.iter()
                .map(|row| {
                    let value = values[row * outputs + output];
                    if value.is_finite() {
                        Ok(value)
                    } else {
                        Err(StatsError::NotFinite {
                            name,
                            row: *row,
                            value,
                        }
                        .into())
                    }
                })
                .collect()
        };
        Ok(Self {
            y: pick("measured", set.y)?,
            mean: pick("mean", forecast.mean)?,
            epistemic: forecast
                .epistemic
                .map(|v| pick("epistemic", v))
                .transpose()?,
            aleatoric: forecast
                .aleatoric
                .map(|v| pick("aleatoric", v))
                .transpose()?,
            rows,
        })
    }

    /// |y − mean| of each row.
    pub fn residuals(&self) -> Vec<f64> {
        self.y
            .iter()
            .zip(&self.mean)
            .map(|(y, m)| (y - m).abs())
            .collect()
    }
}

/// Puts intervals of single outputs side by side.
///
/// # Errors
///
/// [`Error::Shape`] if a forecast has other outputs than were calibrated, or whatever `of` fails
/// with.
pub fn gather(
    forecast: &Forecast<'_>,
    outputs: usize,
    mut of: impl FnMut(usize) -> Result<conformal::Intervals>,
) -> Result<Intervals> {
    if forecast.outputs != outputs {
        return Err(Error::Shape {
            name: "forecast",
            expected: "as many outputs as were calibrated",
            got: vec![forecast.outputs, outputs],
        });
    }
    let size = forecast.rows * outputs;
    let mut all = Intervals {
        lower: vec![0.0; size],
        upper: vec![0.0; size],
    };
    for output in 0..outputs {
        for (row, (lower, upper)) in of(output)?.rows().enumerate() {
            all.lower[row * outputs + output] = lower;
            all.upper[row * outputs + output] = upper;
        }
    }
    Ok(all)
}

/// The finalizer of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_counts_once_and_missing_rows_not_at_all() {
        let y = [1.0, 2.0, f64::NAN, 4.0, 5.0];
        let mean = [0.0; 5];
        let unit = [1, 1, 2, 3, 3];
        let set = CalibrationSet::new(Forecast::new(5, 1, &mean), &y, &unit);
        assert_eq!(OutputRows::of(&set, 0).unwrap().rows.len(), 2);
    }

    #[test]
    fn complete_rows_have_every_output() {
        let y = [1.0, 2.0, f64::NAN, 4.0, 5.0, 6.0];
        let mean = [0.0; 6];
        let unit = [1, 2, 3];
        let set = CalibrationSet::new(Forecast::new(3, 2, &mean), &y, &unit);
        assert_eq!(OutputRows::of(&set, 1).unwrap().rows, [0, 1, 2]);
        assert_eq!(OutputRows::complete(&set, 1).unwrap().rows, [0, 2]);
        assert_eq!(OutputRows::complete(&set, 0).unwrap().y, [1.0, 5.0]);
    }

    #[test]
    fn a_prediction_that_is_no_number_is_named_by_its_row() {
        let y = [1.0, f64::NAN, 3.0];
        let mean = [0.0, 0.0, f64::NAN];
        let unit = [1, 2, 3];
        let set = CalibrationSet::new(Forecast::new(3, 1, &mean), &y, &unit);
        let error = OutputRows::of(&set, 0).unwrap_err().to_string();
        assert!(error.contains("row 2") && error.contains("mean"), "{error}");
        let nothing = CalibrationSet::new(Forecast::new(1, 1, &mean), &y[1..2], &unit);
        assert!(matches!(
            OutputRows::of(&nothing, 0),
            Err(Error::Missing { .. })
        ));
    }
}
