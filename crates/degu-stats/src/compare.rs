//! Comparing two arms over retrained replicates: sign-flip test, Student t interval, Holm's
//! adjustment.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::special::student_quantile;
use crate::sum::mean;

/// Most replicates for which all 2ⁿ sign vectors are enumerated.
const EXACT_UP_TO: usize = 20;
/// Random sign vectors beyond that.
const RANDOM_FLIPS: u64 = 100_000;
/// Relative slack, so that sums that are equal in exact arithmetic count as equal.
const SLACK: f64 = 1e-12;

/// Result of a two-sided sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SignFlip {
    /// Two-sided p-value.
    pub p: f64,
    /// Smallest p-value that this number of replicates can give: 2/2ⁿ (n < 6 cannot reach .05).
    pub smallest_p: f64,
    /// All sign vectors were enumerated.
    pub exact: bool,
    /// Replicates.
    pub replicates: usize,
}

/// Two-sided sign-flip test that the paired differences are symmetric around 0.
///
/// p is the share of the 2ⁿ sign vectors with |mean(s·d)| ≥ |mean d|, the observed one included;
/// beyond 20 replicates 10⁵ random vectors, (k + 1)/(B + 1). Zero differences and ties stay in.
/// `seed` is used beyond 20 replicates only.
///
/// # Errors
///
/// [`StatsError::TooFew`] below two replicates, [`StatsError::NotFinite`] for a missing one (drop
/// the pair first).
///
/// # Examples
///
/// ```
/// let test = degu_stats::compare::sign_flip_test(&[0.1, 0.2, 0.15, 0.3, 0.12, 0.2], 0)?;
/// assert_eq!((test.p, test.smallest_p), (0.03125, 0.03125));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn sign_flip_test(differences: &[f64], seed: u64) -> Result<SignFlip> {
    let n = differences.len();
    check::at_least("differences", 2, n)?;
    check::finite("differences", differences)?;
    let observed = differences.iter().sum::<f64>().abs() * (1.0 - SLACK);
    let exact = n <= EXACT_UP_TO;
    let p = if exact {
        // The first sign is fixed: flipping all signs changes no absolute value.
        let vectors = 1_u64 << (n - 1);
        let extreme = (0..vectors)
            .filter(|signs| flipped_sum(differences, signs << 1).abs() >= observed)
            .count();
        extreme as f64 / vectors as f64
    } else {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut extreme = 0_u64;
        for _ in 0..RANDOM_FLIPS {
            let sum: f64 = differences
                .chunks(64)
                .map(|part| flipped_sum(part, rng.next_u64()))
                .sum();
            extreme += u64::from(sum.abs() >= observed);
        }
        (extreme + 1) as f64 / (RANDOM_FLIPS + 1) as f64
    };
    let smallest_p = if exact {
        0.5_f64.powi(n as i32 - 1)
    } else {
        1.0 / (RANDOM_FLIPS + 1) as f64
    };
    Ok(SignFlip {
        p,
        smallest_p,
        exact,
        replicates: n,
    })
}

/// Σ ±dᵢ with a minus where bit i of `signs` is set.
fn flipped_sum(differences: &[f64], signs: u64) -> f64 {
    let signed = differences
        .iter()
        .enumerate()
        .map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d });
    signed.sum()
}

/// Mean of replicates with a Student t interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TInterval {
    /// Mean over replicates.
    pub mean: f64,
    /// Standard deviation over replicates, ddof 1.
    pub sd: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Replicates.
    pub replicates: usize,
}

/// Student t interval of a mean over replicates, n − 1 degrees of freedom.
///
/// # Errors
///
/// [`StatsError::TooFew`] below two replicates ("insufficient replicates"),
/// [`StatsError::NotFinite`], [`StatsError::Parameter`] unless `level` is in (0, 1).
///
/// # Examples
///
/// ```
/// let got = degu_stats::compare::t_interval(&[1.0, 2.0, 3.0], 0.95)?;
/// assert!((got.upper - (2.0 + 4.302652729911275 / 3.0_f64.sqrt())).abs() < 1e-9);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn t_interval(values: &[f64], level: f64) -> Result<TInterval> {
    let n = values.len();
    check::at_least("values", 2, n)?;
    check::finite("values", values)?;
    check::open_unit("level", level)?;
    let centre = mean(values);
    let sd = (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt();
    let reach = student_quantile(0.5 + 0.5 * level, (n - 1) as f64)? * sd / (n as f64).sqrt();
    Ok(TInterval {
        mean: centre,
        sd,
        lower: centre - reach,
        upper: centre + reach,
        replicates: n,
    })
}

/// Holm's step-down adjustment of p-values, in the order given.
///
/// # Errors
///
/// [`StatsError::Parameter`] for a p-value outside [0, 1].
///
/// # Examples
///
/// ```
/// let adjusted = degu_stats::compare::holm(&[0.01, 0.04, 0.03])?;
/// assert_eq!(adjusted, [0.03, 0.06, 0.06]);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>> {
    if let Some(p) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::Parameter {
            name: "p-value",
            expected: "in [0, 1]",
            found: *p,
        });
    }
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (step, row) in crate::order::argsort(p_values).into_iter().enumerate() {
        largest = largest.max(((p_values.len() - step) as f64 * p_values[row]).min(1.0));
        adjusted[row] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_studies_have_the_smallest_p_of_the_table() {
        for (n, want) in [
            (3, 0.25),
            (4, 0.125),
            (5, 0.0625),
            (6, 0.03125),
            (7, 0.015625),
            (10, 0.001953125),
        ] {
            let test = sign_flip_test(&vec![0.7; n], 0).unwrap();
            assert_eq!((test.p, test.smallest_p), (want, want), "n = {n}");
        }
        assert!(sign_flip_test(&[0.1], 0).is_err() && sign_flip_test(&[0.1, f64::NAN], 0).is_err());
    }

    #[test]
    fn zeros_and_ties_stay_in() {
        assert_eq!(sign_flip_test(&[0.0, 0.0, 0.0], 0).unwrap().p, 1.0);
        // 0.1 + 0.2 - 0.3 is not 0 in floating point; of the 8 sign vectors of (.1, .2, .3), 4
        // reach |.4|: |.6| x 2, |.4| x 2.
        assert_eq!(sign_flip_test(&[-0.1, 0.2, 0.3], 0).unwrap().p, 0.5);
    }

    #[test]
    fn random_flips_agree_with_the_exact_test() {
        let twenty: Vec<f64> = (0..20).map(|i| f64::from(i % 5) - 1.2).collect();
        let exact = sign_flip_test(&twenty, 0).unwrap();
        // One more zero difference changes no sum.
        let more: Vec<f64> = twenty.iter().copied().chain([0.0]).collect();
        let random = sign_flip_test(&more, 1).unwrap();
        assert!(exact.exact && !random.exact);
        // Four standard errors of a share estimated from 1e5 draws.
        assert!((exact.p - random.p).abs() < 4.0 * (exact.p * (1.0 - exact.p) / 1e5).sqrt() + 2e-5);
    }

    #[test]
    fn adjusted_p_values_never_fall_and_stay_below_one() {
        assert_eq!(holm(&[0.5, 0.5, 0.9]).unwrap(), [1.0, 1.0, 1.0]);
        assert!(holm(&[1.5]).is_err() && holm(&[f64::NAN]).is_err());
        assert!(holm(&[]).unwrap().is_empty());
    }
}
