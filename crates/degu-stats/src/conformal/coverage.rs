//! Where the observed interval coverage should fall: Beta and beta-binomial bands.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};

/// Band of the observed interval coverage of one calibration set on a finite test set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoverageBand {
    /// Expected interval coverage k/(n + 1); 1 when the intervals are infinite.
    pub mean: f64,
    /// Standard deviation of the rate over calibration sets and test sets.
    pub sd: f64,
    /// Smallest count of covered rows inside the band.
    pub count_low: usize,
    /// Largest count of covered rows inside the band.
    pub count_high: usize,
    /// `count_low / n_test`.
    pub low: f64,
    /// `count_high / n_test`.
    pub high: f64,
}

impl CoverageBand {
    /// Whether an observed count of covered rows lies in the band.
    pub const fn contains(&self, covered: usize) -> bool {
        self.count_low <= covered && covered <= self.count_high
    }
}

/// The central band of probability `level` for the number of covered rows out of `n_test`.
///
/// With continuous scores the coverage given a calibration set of `n_cal` rows follows Beta(k, n +
/// 1 − k), where `k` is [`Alpha::rank`](crate::Alpha::rank), so the count follows the beta-binomial
/// distribution. `level` 0.9 gives the 5–95 % band: the ends are the smallest counts c with P(X ≤
/// c) ≥ 0.05 and ≥ 0.95. A rank above `n_cal` stands for infinite intervals, which cover every row.
///
/// # Errors
///
/// [`StatsError::TooFew`] without test rows, [`StatsError::Parameter`] unless `1 <= k <= n_cal + 1`
/// and `level` is in (0, 1).
///
/// # Examples
///
/// ```
/// use degu_stats::{Alpha, conformal::beta_binomial_band};
///
/// let alpha: Alpha = "0.1".parse()?;
/// let band = beta_binomial_band(200, alpha.rank(200), 500, 0.9)?;
/// assert!(band.contains(450) && !band.contains(420));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn beta_binomial_band(
    n_cal: usize,
    k: usize,
    n_test: usize,
    level: f64,
) -> Result<CoverageBand> {
    check::at_least("test rows", 1, n_test)?;
    check::open_unit("level", level)?;
    if k == 0 || k > n_cal + 1 {
        return Err(StatsError::Parameter {
            name: "k",
            expected: "between 1 and n + 1",
            found: k as f64,
        });
    }
    if k > n_cal {
        let (count_low, count_high) = (n_test, n_test);
        return Ok(CoverageBand {
            mean: 1.0,
            sd: 0.0,
            count_low,
            count_high,
            low: 1.0,
            high: 1.0,
        });
    }
    let mass = beta_binomial_mass(n_test, k as f64, (n_cal + 1 - k) as f64);
    let tail = 0.5 * (1.0 - level);
    let (count_low, count_high) = (quantile_of(&mass, tail), quantile_of(&mass, 1.0 - tail));
    let (n, m) = (n_cal as f64, n_test as f64);
    let mean = k as f64 / (n + 1.0);
    Ok(CoverageBand {
        mean,
        sd: (mean * (1.0 - mean) * (n + 1.0 + m) / (m * (n + 2.0))).sqrt(),
        count_low,
        count_high,
        low: count_low as f64 / m,
        high: count_high as f64 / m,
    })
}

/// Probabilities of 0..=trials: the ratio of neighbours followed from the mode both ways, then
/// normalized, which needs no lnΓ differences and so loses no digits for large counts.
fn beta_binomial_mass(trials: usize, a: f64, b: f64) -> Vec<f64> {
    let m = trials as f64;
    let ratio = |c: usize| {
        let c = c as f64;
        (m - c) * (c + a) / ((c + 1.0) * (m - c - 1.0 + b))
    };
    let mode = ((m * a / (a + b)).floor() as usize).min(trials);
    let mut mass = vec![0.0; trials + 1];
    mass[mode] = 1.0;
    for c in mode..trials {
        mass[c + 1] = mass[c] * ratio(c);
    }
    for c in (0..mode).rev() {
        mass[c] = mass[c + 1] / ratio(c);
    }
    let total = crate::sum::sum(&mass);
    for probability in &mut mass {
        *probability /= total;
    }
    mass
}

/// Smallest c whose cumulative mass reaches `p`.
fn quantile_of(mass: &[f64], p: f64) -> usize {
    let mut cumulative = 0.0;
    for (count, probability) in mass.iter().enumerate() {
        cumulative += probability;
        // The sum of many terms may stop an ulp short of a level that it reaches exactly.
        if cumulative >= p - 1e-14 {
            return count;
        }
    }
    mass.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_intervals_cover_all() {
        let band = beta_binomial_band(8, 9, 100, 0.9).unwrap();
        assert_eq!(
            (band.mean, band.count_low, band.count_high),
            (1.0, 100, 100)
        );
        assert!(
            beta_binomial_band(8, 10, 100, 0.9).is_err()
                && beta_binomial_band(8, 0, 100, 0.9).is_err()
        );
        assert!(
            beta_binomial_band(8, 8, 0, 0.9).is_err() && beta_binomial_band(8, 8, 10, 1.0).is_err()
        );
    }

    #[test]
    fn mass_has_the_moments_of_the_distribution() {
        let (trials, a, b) = (500, 181.0, 20.0);
        let mass = beta_binomial_mass(trials, a, b);
        let mean: f64 = mass.iter().enumerate().map(|(c, p)| c as f64 * p).sum();
        let var: f64 = mass
            .iter()
            .enumerate()
            .map(|(c, p)| (c as f64 - mean).powi(2) * p)
            .sum();
        let band = beta_binomial_band(200, 181, trials, 0.9).unwrap();
        assert!(
            (mean / 500.0 - band.mean).abs() < 1e-13
                && (var.sqrt() / 500.0 - band.sd).abs() < 1e-12
        );
    }
}
