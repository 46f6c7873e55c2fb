//! Conformalized quantile regression: a predicted band made valid.

use serde::{Deserialize, Serialize};

use super::intervals::Intervals;
use super::scores::SortedScores;
use crate::alpha::Alpha;
use crate::check;
use crate::error::{Result, StatsError};

/// Which distance to the predicted band is calibrated.
///
/// lo and hi are the predicted ends, med the predicted median, q the conformal quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CqrScore {
    /// max(lo − y, y − hi); interval [lo − q, hi + q].
    #[default]
    Symmetric,
    /// lo − y and y − hi apart, each at alpha/2; interval [lo − q₋, hi + q₊].
    Asymmetric,
    /// The symmetric score divided by hi − lo + epsilon (CQR-r).
    Relative,
    /// Each side divided by its own half, med − lo + epsilon and hi − med + epsilon (CQR-m).
    Median,
}

/// Predicted quantiles of many rows.
#[derive(Debug, Clone, Copy)]
pub struct QuantileBand<'a> {
    /// Lower predicted quantile; its nominal level need not be alpha/2.
    pub lower: &'a [f64],
    /// Upper predicted quantile.
    pub upper: &'a [f64],
    /// Predicted median, for [`CqrScore::Median`] only.
    pub median: Option<&'a [f64]>,
}

/// A calibrated band. A negative quantile shrinks it; ends that cross collapse to their midpoint
/// and are counted.
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::cqr::{Cqr, CqrScore, QuantileBand};
///
/// let y: Vec<f64> = (0..19).map(f64::from).collect();
/// let (lower, upper) = (vec![5.0; 19], vec![10.0; 19]);
/// let band = QuantileBand { lower: &lower, upper: &upper, median: None };
/// let fitted = Cqr::fit(CqrScore::Symmetric, 0.0, &y, band)?;
/// let intervals = fitted.intervals(band, "0.1".parse()?)?;
/// assert_eq!((intervals.lower[0], intervals.upper[0]), (-2.0, 17.0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cqr {
    score: CqrScore,
    epsilon: f64,
    scores: SortedScores,
    scores_below: Option<SortedScores>,
}

impl Cqr {
    /// Scores the calibration rows. `epsilon` is added to the widths that `Relative` and `Median`
    /// divide by.
    ///
    /// # Errors
    ///
    /// [`StatsError`] for no rows, different lengths, a value that is not finite, a band whose ends
    /// have crossed (sort the outputs of the network first), a width of zero where one is divided
    /// by, or a missing median.
    pub fn fit(
        score: CqrScore,
        epsilon: f64,
        measured: &[f64],
        band: QuantileBand<'_>,
    ) -> Result<Self> {
        check::at_least("measured", 1, measured.len())?;
        check::finite("measured", measured)?;
        check::length("lower", measured.len(), band.lower.len())?;
        let widths = widths(score, epsilon, band)?;
        let rows = measured.iter().zip(band.lower).zip(band.upper).zip(&widths);
        let sides: Vec<(f64, f64)> = rows
            .map(|(((y, lo), hi), (below, above))| ((lo - y) / below, (y - hi) / above))
            .collect();
        let column = |f: fn(&(f64, f64)) -> f64| {
            SortedScores::new(&sides.iter().map(f).collect::<Vec<f64>>())
        };
        let (scores, scores_below) = match score {
            CqrScore::Asymmetric => (column(|s| s.1)?, Some(column(|s| s.0)?)),
            _ => (column(|s| s.0.max(s.1))?, None),
        };
        Ok(Self {
            score,
            epsilon,
            scores,
            scores_below,
        })
    }

    /// The quantiles below and above at `alpha`, in units of the score; +∞ with too few rows.
    ///
    /// # Errors
    ///
    /// [`StatsError::Parameter`] if half of `alpha` cannot be represented.
    pub fn quantiles(&self, alpha: Alpha) -> Result<(f64, f64)> {
        Ok(if let Some(below) = &self.scores_below {
            let half = alpha.divided_by(2)?;
            (below.quantile(half), self.scores.quantile(half))
        } else {
            let q = self.scores.quantile(alpha);
            (q, q)
        })
    }

    /// Intervals of new rows at `alpha`.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit).
    pub fn intervals(&self, band: QuantileBand<'_>, alpha: Alpha) -> Result<Intervals> {
        let widths = widths(self.score, self.epsilon, band)?;
        let (q_below, q_above) = self.quantiles(alpha)?;
        let rows = band.lower.iter().zip(band.upper).zip(&widths);
        Ok(Intervals::from_ends(rows.map(
            |((lo, hi), (below, above))| (lo - q_below * below, hi + q_above * above),
        )))
    }
}

/// What each side is divided by, one pair a row.
fn widths(score: CqrScore, epsilon: f64, band: QuantileBand<'_>) -> Result<Vec<(f64, f64)>> {
    let rows = band.lower.len();
    check::finite("lower", band.lower)?;
    check::column("upper", band.upper, rows)?;
    if !(epsilon.is_finite() && epsilon >= 0.0) {
        return Err(StatsError::Parameter {
            name: "epsilon",
            expected: "zero or positive",
            found: epsilon,
        });
    }
    if let Some(row) = (0..rows).find(|&row| band.lower[row] > band.upper[row]) {
        return Err(StatsError::Scale {
            name: "upper - lower",
            row,
            value: band.upper[row] - band.lower[row],
        });
    }
    let widths: Vec<(f64, f64)> = match score {
        CqrScore::Symmetric | CqrScore::Asymmetric => vec![(1.0, 1.0); rows],
        CqrScore::Relative => {
            let width = band
                .lower
                .iter()
                .zip(band.upper)
                .map(|(lo, hi)| hi - lo + epsilon);
            width.map(|w| (w, w)).collect()
        }
        CqrScore::Median => {
            let median = band.median.ok_or(StatsError::Missing {
                name: "median",
                wanted_by: "CQR-m",
            })?;
            check::column("median", median, rows)?;
            let rows = band.lower.iter().zip(band.upper).zip(median);
            rows.map(|((lo, hi), med)| (med - lo + epsilon, hi - med + epsilon))
                .collect()
        }
    };
    match widths
        .iter()
        .position(|(below, above)| *below <= 0.0 || *above <= 0.0)
    {
        None => Ok(widths),
        Some(row) => Err(StatsError::Scale {
            name: "band width",
            row,
            value: widths[row].0.min(widths[row].1),
        }),
    }
}

/// Sorts predicted quantiles of each row in place (`[rows, levels]`, row-major) and counts rows
/// that had crossed.
///
/// # Errors
///
/// [`StatsError`] for a ragged matrix or a value that is not finite.
pub fn sort_crossed_quantiles(quantiles: &mut [f64], levels: usize) -> Result<usize> {
    check::matrix("quantiles", quantiles, levels)?;
    let mut crossed = 0;
    for row in quantiles.chunks_exact_mut(levels) {
        if row.windows(2).any(|pair| pair[0] > pair[1]) {
            crossed += 1;
            row.sort_unstable_by(f64::total_cmp);
        }
    }
    Ok(crossed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_quantiles_shrink_and_crossing_collapses() {
        let y = [0.0; 9];
        let (lower, upper) = ([-4.0; 9], [4.0; 9]);
        let wide = QuantileBand {
            lower: &lower,
            upper: &upper,
            median: None,
        };
        let fitted = Cqr::fit(CqrScore::Symmetric, 0.0, &y, wide).unwrap();
        assert_eq!(
            fitted.quantiles("0.1".parse().unwrap()).unwrap(),
            (-4.0, -4.0)
        );
        let narrow = QuantileBand {
            lower: &[-1.0],
            upper: &[2.0],
            median: None,
        };
        let intervals = fitted.intervals(narrow, "0.1".parse().unwrap()).unwrap();
        assert_eq!(
            (intervals.lower[0], intervals.upper[0], intervals.collapsed),
            (0.5, 0.5, 1)
        );
    }

    #[test]
    fn crossed_and_empty_bands_are_errors() {
        let band = |upper: &'static [f64]| QuantileBand {
            lower: &[0.0],
            upper,
            median: None,
        };
        assert!(matches!(
            Cqr::fit(CqrScore::Symmetric, 0.0, &[1.0], band(&[-1.0])),
            Err(StatsError::Scale { .. })
        ));
        assert!(matches!(
            Cqr::fit(CqrScore::Relative, 0.0, &[1.0], band(&[0.0])),
            Err(StatsError::Scale { .. })
        ));
        assert!(matches!(
            Cqr::fit(CqrScore::Median, 0.0, &[1.0], band(&[1.0])),
            Err(StatsError::Missing { .. })
        ));
        let mut outputs = [1.0, 2.0, 3.0, 3.0, 2.0, 1.0];
        assert_eq!(sort_crossed_quantiles(&mut outputs, 3).unwrap(), 1);
        assert_eq!(outputs[3..], [1.0, 2.0, 3.0]);
    }
}
