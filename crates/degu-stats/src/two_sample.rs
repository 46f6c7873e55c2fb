//! Comparing two columns: Wilcoxon's signed ranks for pairs, Welch's t for independent samples.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::Result;
use crate::order::ranks;
use crate::special::{normal_cdf, student_cdf};
use crate::sum::mean;

/// Most differences for which the exact distribution is used, if no two have the same size.
const EXACT_UP_TO: usize = 50;

/// Result of a two-sided signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SignedRank {
    /// The smaller of the sums of ranks of positive and of negative differences.
    pub statistic: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// From the exact distribution; the normal approximation with ties otherwise.
    pub exact: bool,
    /// Differences that are not 0; the others are left out.
    pub pairs: usize,
}

/// Wilcoxon's signed-rank test that paired differences are symmetric around 0 (zero differences
/// left out).
///
/// Exact up to 50 differences without ties, else the normal approximation with the variance
/// corrected for ties. p is 1 if all differences are 0.
///
/// # Errors
///
/// [`StatsError::TooFew`](crate::StatsError::TooFew) below two pairs,
/// [`StatsError::NotFinite`](crate::StatsError::NotFinite) for a missing one.
///
/// # Examples
///
/// ```
/// // Darwin's maize; p as of scipy 1.15.
/// let d = [
///     6.0, 8.0, 14.0, 16.0, 23.0, 24.0, 28.0, 29.0, 41.0, -48.0, 49.0, 56.0, 60.0, -67.0, 75.0,
/// ];
/// let test = degu_stats::two_sample::signed_rank(&d)?;
/// assert_eq!((test.statistic, test.p), (24.0, 0.041259765625));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn signed_rank(differences: &[f64]) -> Result<SignedRank> {
    check::at_least("differences", 2, differences.len())?;
    check::finite("differences", differences)?;
    let kept: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let n = kept.len();
    if n == 0 {
        return Ok(SignedRank {
            statistic: 0.0,
            p: 1.0,
            exact: true,
            pairs: 0,
        });
    }
    let sizes: Vec<f64> = kept.iter().map(|d| d.abs()).collect();
    let ranks = ranks(&sizes)?;
    let positive: f64 = kept
        .iter()
        .zip(&ranks)
        .filter(|(d, _)| **d > 0.0)
        .map(|(_, rank)| rank)
        .sum();
    let total = n as f64 * (n as f64 + 1.0) / 2.0;
    let statistic = positive.min(total - positive);
    let mut sorted = sizes;
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|run| (run.len() as f64).powi(3) - run.len() as f64)
        .sum();
    let exact = n <= EXACT_UP_TO && ties == 0.0;
    let p = if exact {
        lower_tail(n, statistic as usize)
    } else {
        let n = n as f64;
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
        normal_cdf((statistic - total / 2.0) / variance.sqrt())
    };
    Ok(SignedRank {
        statistic,
        p: (2.0 * p).min(1.0),
        exact,
        pairs: n,
    })
}

/// Probability that the ranks 1..=n with random signs have a positive sum of at most `most`.
fn lower_tail(n: usize, most: usize) -> f64 {
    let mut share = vec![0.0; n * (n + 1) / 2 + 1];
    share[0] = 1.0;
    for rank in 1..=n {
        for sum in (0..share.len()).rev() {
            let with = if sum >= rank { share[sum - rank] } else { 0.0 };
            share[sum] = 0.5 * (share[sum] + with);
        }
    }
    share.iter().take(most + 1).sum()
}

/// Result of a two-sided test of Welch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Welch {
    /// Mean of the first less mean of the second sample.
    pub difference: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Degrees of freedom (Satterthwaite).
    pub degrees: f64,
}

/// Welch's t test that two independent samples have the same mean.
///
/// p is 1 where neither sample varies and the means are equal, 0 where they differ.
///
/// # Errors
///
/// [`StatsError::TooFew`](crate::StatsError::TooFew) below two values in a sample,
/// [`StatsError::NotFinite`](crate::StatsError::NotFinite).
pub fn welch(first: &[f64], second: &[f64]) -> Result<Welch> {
    let part = |name: &'static str, values: &[f64]| -> Result<(f64, f64, f64)> {
        check::at_least(name, 2, values.len())?;
        check::finite(name, values)?;
        let (n, centre) = (values.len() as f64, mean(values));
        let squares: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
        Ok((centre, squares / (n - 1.0) / n, n - 1.0))
    };
    let (a, b) = (part("first", first)?, part("second", second)?);
    let (difference, variance) = (a.0 - b.0, a.1 + b.1);
    if variance <= 0.0 {
        let p = if difference == 0.0 { 1.0 } else { 0.0 };
        return Ok(Welch {
            difference,
            p,
            degrees: a.2 + b.2,
        });
    }
    let degrees = variance * variance / (a.1 * a.1 / a.2 + b.1 * b.1 / b.2);
    let t = difference / variance.sqrt();
    Ok(Welch {
        difference,
        p: (2.0 * student_cdf(-t.abs(), degrees)?).min(1.0),
        degrees,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pairs_have_the_smallest_p_of_the_table() {
        for (n, want) in [(3, 0.25), (5, 0.0625), (6, 0.03125)] {
            let d: Vec<f64> = (1..=n).map(f64::from).collect();
            assert_eq!(signed_rank(&d).unwrap().p, want);
        }
        assert_eq!(signed_rank(&[0.0, 0.0]).unwrap().p, 1.0);
        assert!(signed_rank(&[1.0]).is_err() && signed_rank(&[1.0, f64::NAN]).is_err());
    }

    #[test]
    fn approximation_and_exact_distribution_agree() {
        let d: Vec<f64> = (1..=50)
            .map(|i| {
                if i % 3 == 0 {
                    -f64::from(i)
                } else {
                    f64::from(i)
                }
            })
            .collect();
        let exact = signed_rank(&d).unwrap();
        // Two differences of one size: the same ranks up to a half, by the approximation.
        let tied: Vec<f64> = d
            .iter()
            .map(|v| if *v == 50.0 { 49.0 } else { *v })
            .collect();
        let tied = signed_rank(&tied).unwrap();
        assert!(exact.exact && !tied.exact);
        assert!(
            (exact.p - tied.p).abs() < 0.05 * exact.p,
            "{exact:?} {tied:?}"
        );
    }

    #[test]
    fn welch_equals_the_incomplete_beta_function() {
        // t = 3.850133687518, 4.295768239041 degrees of freedom, p by mpmath's betainc.
        let test = welch(&[3.1, 2.7, 3.5, 3.0, 2.9], &[2.2, 2.5, 1.9]).unwrap();
        assert!((test.degrees - 4.295_768_239_041).abs() < 1e-9, "{test:?}");
        assert!((test.p - 0.016_007_606_678_279).abs() < 1e-9, "{test:?}");
        assert!((test.difference - 0.84).abs() < 1e-12);
        assert_eq!(welch(&[1.0, 1.0], &[1.0, 1.0]).unwrap().p, 1.0);
        assert!(welch(&[1.0], &[1.0, 2.0]).is_err());
    }
}
