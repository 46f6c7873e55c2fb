//! Detection of shifted input by uncertainty.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::Result;
use crate::order::{argsort, ranks, runs_of_equal, sorted};

/// How well a score tells shifted rows (positives) from rows in distribution (negatives).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Area under the receiver operating characteristic, ties counted half; .5 is chance.
    pub auroc: f64,
    /// Average precision, Σ (ΔR)·P over distinct thresholds; the share of positives is chance.
    pub average_precision: f64,
    /// False positive rate at 95 % true positive rate.
    pub fpr_at_95_tpr: f64,
}

/// AUROC, average precision and FPR at 95 % TPR of `shifted` rows against `in_distribution` rows,
/// higher = more shifted.
///
/// The threshold of the last is the ceil(.95 m)-th largest positive; negatives at or above it are
/// false positives.
///
/// # Errors
///
/// [`StatsError`](crate::StatsError) if either set is empty or a value is NaN or infinite.
///
/// # Examples
///
/// ```
/// let d = degu_stats::detection::detect(&[0.1, 0.2, 0.3], &[0.9, 0.8])?;
/// assert_eq!((d.auroc, d.average_precision, d.fpr_at_95_tpr), (1.0, 1.0, 0.0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn detect(in_distribution: &[f64], shifted: &[f64]) -> Result<Detection> {
    check::at_least("in_distribution", 1, in_distribution.len())?;
    check::at_least("shifted", 1, shifted.len())?;
    check::finite("in_distribution", in_distribution)?;
    check::finite("shifted", shifted)?;
    let (n, m) = (in_distribution.len(), shifted.len());
    let all: Vec<f64> = shifted.iter().chain(in_distribution).copied().collect();
    let rank_sum: f64 = ranks(&all)?[..m].iter().sum();
    let auroc = (rank_sum - m as f64 * (m as f64 + 1.0) / 2.0) / (m as f64 * n as f64);

    let order = argsort(&all);
    let (mut positives, mut seen, mut average_precision) = (0_usize, 0_usize, 0.0);
    for run in runs_of_equal(&all, &order).into_iter().rev() {
        let gained = order[run.clone()].iter().filter(|&&row| row < m).count();
        positives += gained;
        seen += run.len();
        average_precision += gained as f64 / m as f64 * (positives as f64 / seen as f64);
    }

    // ceil(.95 m) in exact arithmetic.
    let kept = (19 * m).div_ceil(20);
    let threshold = sorted(shifted)[m - kept];
    let false_positives = in_distribution.iter().filter(|v| **v >= threshold).count();
    Ok(Detection {
        auroc,
        average_precision,
        fpr_at_95_tpr: false_positives as f64 / n as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_score_is_chance() {
        let d = detect(&[0.5; 30], &[0.5; 10]).unwrap();
        assert_eq!(
            (d.auroc, d.average_precision, d.fpr_at_95_tpr),
            (0.5, 0.25, 1.0)
        );
        assert!(detect(&[], &[1.0]).is_err() && detect(&[1.0], &[f64::NAN]).is_err());
    }
}
