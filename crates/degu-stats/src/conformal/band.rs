//! Bands for base-resolution profiles: per bin, simultaneous, or with a controlled share of missed
//! bins.
//!
//! One sequence is one exchangeable unit. Scores z = |y − m|/σ are `[sequences, cells]` row-major,
//! a cell being one bin of one track; every band is m ∓ λσ.

use serde::{Deserialize, Serialize};

use super::scores::{SortedScores, conformal_quantile};
use crate::alpha::Alpha;
use crate::check;
use crate::error::{Result, StatsError};
use crate::order::{argsort, sorted};

/// Conformal quantile of each cell: marginal at each bin. It almost never contains a whole profile.
///
/// # Errors
///
/// [`StatsError`] for no sequences, a ragged matrix or a score that is not finite.
pub fn per_bin(z: &[f64], cells: usize, alpha: Alpha) -> Result<Vec<f64>> {
    check::matrix("scores", z, cells)?;
    let column = |cell: usize| {
        z.iter()
            .skip(cell)
            .step_by(cells)
            .copied()
            .collect::<Vec<f64>>()
    };
    (0..cells)
        .map(|cell| conformal_quantile(&column(cell), alpha))
        .collect()
}

/// Largest score of each sequence; its conformal quantile holds whole profiles with at least 1 −
/// alpha.
///
/// # Errors
///
/// As [`per_bin`].
pub fn simultaneous(z: &[f64], cells: usize) -> Result<SortedScores> {
    check::matrix("scores", z, cells)?;
    let largest = z
        .chunks_exact(cells)
        .map(|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    SortedScores::new(&largest.collect::<Vec<f64>>())
}

/// The smallest λ for which the expected share of missed cells is at most alpha.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskBand {
    /// Missed cells that the bound lets pass over all calibration sequences; negative means none
    /// can be promised.
    pub allowed: i64,
    /// Half width in units of σ; +∞ with fewer than ceil(1/alpha) − 1 sequences.
    pub lambda: f64,
}

/// Conformal risk control of the share of missed cells, all sequences having the same number of
/// cells.
///
/// λ = inf{λ ≥ 0 : n/(n+1)·mean share of cells with z > λ + 1/(n+1) ≤ alpha}, an order statistic of
/// all scores found in exact arithmetic.
///
/// # Errors
///
/// As [`per_bin`].
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::band::risk_control;
///
/// let z: Vec<f64> = (0..40).map(f64::from).collect(); // ten sequences of four cells
/// let band = risk_control(&z, 4, "0.5".parse()?)?;
/// assert_eq!((band.allowed, band.lambda), (18, 21.0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn risk_control(z: &[f64], cells: usize, alpha: Alpha) -> Result<RiskBand> {
    let n = check::matrix("scores", z, cells)?;
    check::at_least("scores", 1, n)?;
    let allowed = allowed_cells(n, cells, alpha);
    let lambda = if allowed < 0 {
        f64::INFINITY
    } else if allowed as usize >= z.len() {
        0.0
    } else {
        sorted(z)[z.len() - 1 - allowed as usize]
    };
    Ok(RiskBand { allowed, lambda })
}

/// floor(P(α(n + 1) − 1)).
fn allowed_cells(n: usize, cells: usize, alpha: Alpha) -> i64 {
    let (num, den) = (
        i128::from(alpha.numerator()),
        i128::from(alpha.denominator()),
    );
    let spare = cells as i128 * (num * (n as i128 + 1) - den);
    spare.div_euclid(den) as i64
}

/// As [`risk_control`] with masked cells: each cell weighs 1/(cells kept in its sequence).
///
/// # Errors
///
/// As [`per_bin`], and [`StatsError::TooFew`] if a sequence keeps no cell. Scores of masked cells
/// are not looked at.
pub fn risk_control_masked(z: &[f64], keep: &[bool], cells: usize, alpha: Alpha) -> Result<f64> {
    check::at_least("cells", 1, cells)?;
    let n = z.len() / cells;
    check::length("scores", n * cells, z.len())?;
    check::length("keep", z.len(), keep.len())?;
    check::at_least("scores", 1, n)?;
    let (mut scores, mut weights) = (Vec::new(), Vec::new());
    for row in 0..n {
        let cells_kept = (row * cells..(row + 1) * cells).filter(|&i| keep[i]);
        let kept = cells_kept.clone().count();
        check::at_least("kept cells of a sequence", 1, kept)?;
        for i in cells_kept {
            if !z[i].is_finite() {
                return Err(StatsError::NotFinite {
                    name: "scores",
                    row,
                    value: z[i],
                });
            }
            scores.push(z[i]);
            weights.push(1.0 / kept as f64);
        }
    }
    // alpha (n + 1) - 1 with one rounding.
    let spare = (i128::from(alpha.numerator()) * (n as i128 + 1) - i128::from(alpha.denominator()))
        as f64
        / alpha.denominator() as f64;
    if spare < 0.0 {
        return Ok(f64::INFINITY);
    }
    let order = argsort(&scores);
    // From the largest score down: stop at the first cell that can no longer be missed.
    let mut missed = 0.0;
    for &cell in order.iter().rev() {
        missed += weights[cell];
        if missed > spare + 1e-9 {
            return Ok(scores[cell]);
        }
    }
    Ok(0.0)
}

/// Share of cells of each sequence with z above `lambda`.
///
/// # Errors
///
/// As [`per_bin`].
pub fn missed_share(z: &[f64], cells: usize, lambda: f64) -> Result<Vec<f64>> {
    check::matrix("scores", z, cells)?;
    Ok(z.chunks_exact(cells)
        .map(|row| row.iter().filter(|v| **v > lambda).count() as f64 / cells as f64)
        .collect())
}

/// Scores of profile totals on the log scale, |ln(1 + Σy) − ln(1 + Σm)|, negative values counted
/// as 0.
///
/// # Errors
///
/// As [`per_bin`].
pub fn log_total_scores(measured: &[f64], mean: &[f64], cells: usize) -> Result<Vec<f64>> {
    check::matrix("measured", measured, cells)?;
    check::column("mean", mean, measured.len())?;
    let total = |row: &[f64]| row.iter().map(|v| v.max(0.0)).sum::<f64>().ln_1p();
    let rows = measured.chunks_exact(cells).zip(mean.chunks_exact(cells));
    Ok(rows.map(|(y, m)| (total(y) - total(m)).abs()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(rows: usize, cells: usize) -> Vec<f64> {
        (0..rows * cells)
            .map(|i| ((i * 7919) % 10007) as f64 / 1000.0)
            .collect()
    }

    #[test]
    fn the_bound_holds_at_lambda_and_breaks_just_below() {
        let (n, cells) = (30, 7);
        let z = scores(n, cells);
        for text in ["0.05", "0.1", "0.2", "0.5"] {
            let alpha: Alpha = text.parse().unwrap();
            let band = risk_control(&z, cells, alpha).unwrap();
            let bound = |lambda: f64| {
                let missed: f64 = missed_share(&z, cells, lambda).unwrap().iter().sum();
                (missed + 1.0) / (n as f64 + 1.0)
            };
            assert!(bound(band.lambda) <= alpha.value() + 1e-12);
            assert!(bound(band.lambda.next_down()) > alpha.value());
            let masked = risk_control_masked(&z, &vec![true; z.len()], cells, alpha).unwrap();
            assert_eq!(masked, band.lambda, "{text}");
        }
    }

    #[test]
    fn too_few_sequences_are_infinite_and_masked_scores_are_ignored() {
        let alpha: Alpha = "0.1".parse().unwrap();
        assert_eq!(
            risk_control(&scores(8, 3), 3, alpha).unwrap().lambda,
            f64::INFINITY
        );
        assert!(
            risk_control(&scores(9, 3), 3, alpha)
                .unwrap()
                .lambda
                .is_finite()
        );
        let z = [0.5, f64::NAN, 0.25, 1.0];
        let keep = [true, false, true, true];
        assert!(
            risk_control_masked(&z, &keep, 2, "0.9".parse().unwrap())
                .unwrap()
                .is_finite()
        );
        assert!(risk_control_masked(&z, &[false, false, true, true], 2, alpha).is_err());
    }
}
