//! Scores of ensembles: members as points, mixtures of Gaussians, several tasks.

use std::f64::consts::TAU;

use crate::check;
use crate::error::{Result, StatsError};
use crate::order::sorted;
use crate::special::{log_sum_exp, normal_cdf, normal_pdf};

/// CRPS of members as points of mass 1/M, in units of the measurement, lower is better.
///
/// # Errors
///
/// [`StatsError`] for no members or a value that is not finite.
///
/// # Examples
///
/// ```
/// assert_eq!(degu_stats::scoring::crps_ensemble(&[1.0, 3.0], 2.0)?, 0.5);
/// assert_eq!(degu_stats::scoring::crps_ensemble_fair(&[1.0, 3.0], 2.0)?, 0.0);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn crps_ensemble(members: &[f64], measured: f64) -> Result<f64> {
    check::at_least("members", 1, members.len())?;
    check::finite("members", members)?;
    check::finite("measured", &[measured])?;
    Ok(crps_of_sorted(&sorted(members), measured, false))
}

/// The fair CRPS (spread over M(M − 1) pairs), for comparing ensembles of different size; may be
/// negative.
///
/// # Errors
///
/// As [`crps_ensemble`]; at least two members.
pub fn crps_ensemble_fair(members: &[f64], measured: f64) -> Result<f64> {
    check::at_least("members", 2, members.len())?;
    check::finite("members", members)?;
    check::finite("measured", &[measured])?;
    Ok(crps_of_sorted(&sorted(members), measured, true))
}

/// Mean distance to the points less half their mean distance from each other, in O(n) on sorted
/// points.
pub(crate) fn crps_of_sorted(points: &[f64], y: f64, fair: bool) -> f64 {
    let n = points.len() as f64;
    let distance = crate::sum::mean_by(points.len(), |i| (points[i] - y).abs());
    // Σᵢⱼ|Cᵢ − Cⱼ| = 2 Σᵢ (2i − n + 1) C₍ᵢ₎ for i from 0; the weights sum to 0, so centre at y to
    // keep digits.
    let spread = crate::sum::sum_by(points.len(), |i| {
        (2.0 * i as f64 - n + 1.0) * (points[i] - y)
    });
    distance - spread / (n * if fair { n - 1.0 } else { n })
}

/// E|X| for X ~ N(mean, var).
fn mean_absolute(mean: f64, var: f64) -> f64 {
    let sd = var.sqrt();
    let z = mean / sd;
    2.0 * sd * normal_pdf(z) + mean * (2.0 * normal_cdf(z) - 1.0)
}

fn mixture(mean: &[f64], sd: &[f64], measured: f64) -> Result<()> {
    check::at_least("member mean", 1, mean.len())?;
    check::finite("member mean", mean)?;
    check::scale("member sd", sd, mean.len())?;
    check::finite("measured", &[measured])
}

/// CRPS of an equal mixture of Gaussians, one a member.
///
/// # Errors
///
/// [`StatsError`] for no members, different lengths, values that are not finite, or an sd that is
/// not positive.
pub fn crps_mixture(mean: &[f64], sd: &[f64], measured: f64) -> Result<f64> {
    mixture(mean, sd, measured)?;
    let members = mean.len();
    let distance = crate::sum::mean_by(members, |m| {
        mean_absolute(measured - mean[m], sd[m] * sd[m])
    });
    let spread = crate::sum::mean_by(members * members, |pair| {
        let (a, b) = (pair / members, pair % members);
        mean_absolute(mean[a] - mean[b], sd[a] * sd[a] + sd[b] * sd[b])
    });
    Ok(distance - 0.5 * spread)
}

/// Negative log likelihood of an equal mixture of Gaussians, in nats.
///
/// # Errors
///
/// As [`crps_mixture`].
pub fn nll_mixture(mean: &[f64], sd: &[f64], measured: f64) -> Result<f64> {
    mixture(mean, sd, measured)?;
    let terms: Vec<f64> = mean
        .iter()
        .zip(sd)
        .map(|(m, s)| -0.5 * TAU.ln() - s.ln() - 0.5 * ((measured - m) / s).powi(2))
        .collect();
    Ok((mean.len() as f64).ln() - log_sum_exp(&terms))
}

/// Energy score of members in several tasks: mean‖x − y‖ − ½ mean‖x − x′‖ over all ordered pairs.
///
/// `members` is `[members, tasks]` row-major.
///
/// # Errors
///
/// [`StatsError`] for no members, a ragged matrix or a value that is not finite.
pub fn energy_score(members: &[f64], measured: &[f64]) -> Result<f64> {
    let tasks = measured.len();
    check::finite("measured", measured)?;
    let count = check::matrix("members", members, tasks)?;
    if count == 0 {
        return Err(StatsError::TooFew {
            name: "members",
            needed: 1,
            found: 0,
        });
    }
    let row = |m: usize| &members[m * tasks..(m + 1) * tasks];
    let distance = |a: &[f64], b: &[f64]| {
        a.iter()
            .zip(b)
            .map(|(x, y)| (x - y).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let to_measured = crate::sum::mean_by(count, |m| distance(row(m), measured));
    let between = crate::sum::mean_by(count * count, |pair| {
        distance(row(pair / count), row(pair % count))
    });
    Ok(to_measured - 0.5 * between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_crps_is_the_double_sum() {
        let members: Vec<f64> = (0..31)
            .map(|i| 1e6 + f64::from(i * 17 % 31) / 3.0)
            .collect();
        let y = 1e6 + 4.2;
        let n = members.len() as f64;
        let distance: f64 = members.iter().map(|m| (m - y).abs()).sum::<f64>() / n;
        let pairs: f64 = members
            .iter()
            .flat_map(|a| members.iter().map(move |b| (a - b).abs()))
            .sum();
        assert!(
            (crps_ensemble(&members, y).unwrap() - (distance - pairs / (2.0 * n * n))).abs() < 1e-9
        );
        assert!(
            (crps_ensemble_fair(&members, y).unwrap() - (distance - pairs / (2.0 * n * (n - 1.0))))
                .abs()
                < 1e-9
        );
        assert!(crps_ensemble_fair(&[1.0], 0.0).is_err());
    }

    #[test]
    fn one_member_is_a_gaussian() {
        let gaussian = crate::scoring::gaussian_crps(&[1.5], &[0.3], &[0.7]).unwrap()[0];
        assert!((crps_mixture(&[0.3], &[0.7], 1.5).unwrap() - gaussian).abs() < 1e-14);
        assert!((energy_score(&[1.0, 5.0], &[4.0, 1.0]).unwrap() - 5.0).abs() < 1e-14);
    }
}
