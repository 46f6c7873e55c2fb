//! Order statistics, ranks and sample quantiles.

use crate::check;
use crate::error::{Result, StatsError};

/// The `k`-th smallest value, counted from 1; +∞ above the number of values, −∞ for `k` = 0.
///
/// # Errors
///
/// [`StatsError::NotFinite`] names the first NaN.
pub fn kth_smallest(values: &[f64], k: usize) -> Result<f64> {
    check::not_nan("values", values)?;
    if k == 0 {
        return Ok(f64::NEG_INFINITY);
    }
    if k > values.len() {
        return Ok(f64::INFINITY);
    }
    let mut values = values.to_vec();
    let (_, value, _) = values.select_nth_unstable_by(k - 1, f64::total_cmp);
    Ok(*value)
}

/// Indices that sort `values` in ascending order; equal values keep their order.
pub fn argsort(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    order
}

/// A sorted copy.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Runs of equal values in an order that sorts them: half-open ranges into `order`.
#[expect(clippy::float_cmp, reason = "a tie is an exact tie")]
pub(crate) fn runs_of_equal(values: &[f64], order: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for end in 1..=order.len() {
        if end == order.len() || values[order[end]] != values[order[start]] {
            runs.push(start..end);
            start = end;
        }
    }
    runs
}

/// Ranks from 1; equal values share the mean of their ranks.
///
/// # Errors
///
/// [`StatsError::NotFinite`] names the first NaN.
///
/// # Examples
///
/// ```
/// assert_eq!(degu_stats::ranks(&[0.5, 0.1, 0.5])?, [2.5, 1.0, 2.5]);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn ranks(values: &[f64]) -> Result<Vec<f64>> {
    check::not_nan("values", values)?;
    let order = argsort(values);
    let mut ranks = vec![0.0; values.len()];
    for run in runs_of_equal(values, &order) {
        let shared = (run.start + run.end + 1) as f64 / 2.0;
        for &row in &order[run] {
            ranks[row] = shared;
        }
    }
    Ok(ranks)
}

/// Sample quantile of type 7 (linear between order statistics, the default of R and NumPy).
///
/// This is a descriptive quantile. It is *not* the conformal quantile: see
/// [`conformal_quantile`](crate::conformal::conformal_quantile).
///
/// # Errors
///
/// [`StatsError::TooFew`] if empty, [`StatsError::NotFinite`] for a NaN or an infinity,
/// [`StatsError::Parameter`] unless `p` is in [0, 1].
pub fn quantile(values: &[f64], p: f64) -> Result<f64> {
    Ok(quantiles(values, &[p])?[0])
}

/// Several quantiles of type 7 with one sort.
///
/// # Errors
///
/// As [`quantile`].
pub fn quantiles(values: &[f64], levels: &[f64]) -> Result<Vec<f64>> {
    check::at_least("values", 1, values.len())?;
    check::finite("values", values)?;
    let sorted = sorted(values);
    levels
        .iter()
        .map(|&p| {
            if (0.0..=1.0).contains(&p) {
                Ok(quantile_of_sorted(&sorted, p))
            } else {
                Err(StatsError::Parameter {
                    name: "p",
                    expected: "in [0, 1]",
                    found: p,
                })
            }
        })
        .collect()
}

/// Type 7 on values that are sorted and not empty.
pub(crate) fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let position = p * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let share = position - below as f64;
    // The two-sided form is exact at both ends and monotone in between.
    if share < 0.5 {
        sorted[below] + share * (sorted[above] - sorted[below])
    } else {
        sorted[above] - (1.0 - share) * (sorted[above] - sorted[below])
    }
}

/// Median (type 7).
///
/// # Errors
///
/// As [`quantile`].
pub fn median(values: &[f64]) -> Result<f64> {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_count_from_one_and_leave_the_data_at_the_ends() {
        let v = [3.0, 1.0, 2.0];
        assert_eq!(kth_smallest(&v, 0).unwrap(), f64::NEG_INFINITY);
        assert_eq!(kth_smallest(&v, 1).unwrap(), 1.0);
        assert_eq!(kth_smallest(&v, 3).unwrap(), 3.0);
        assert_eq!(kth_smallest(&v, 4).unwrap(), f64::INFINITY);
        assert!(matches!(
            kth_smallest(&[1.0, f64::NAN], 1),
            Err(StatsError::NotFinite { row: 1, .. })
        ));
    }

    #[test]
    fn quantiles_interpolate_as_type_seven() {
        let v = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(
            quantiles(&v, &[0.0, 0.25, 0.5, 1.0]).unwrap(),
            [1.0, 1.75, 2.5, 4.0]
        );
        assert!(quantile(&v, 1.5).is_err() && quantile(&[], 0.5).is_err());
        assert_eq!(median(&[7.0]).unwrap(), 7.0);
    }
}
