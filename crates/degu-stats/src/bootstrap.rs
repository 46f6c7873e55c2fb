//! Bootstrap intervals over groups of test rows, in parallel and identical for any number of
//! threads.
//!
//! Resample *units* (sequences, clusters, chromosomes), never rows that share one. For a handful of
//! retrained replicates use [`t_interval`](crate::compare::t_interval) instead: bootstrap intervals
//! of few values are too short.
//!
//! | module | what |
//! |---|---|
//! | [`units`] | which rows form a unit |
//! | [`paired`] | one set of resamples for many predictions |
//! | [`sums`] | fast paths for statistics of sums: mean, RMSE, Pearson |
//!
//! Resample r draws from stream r of one ChaCha8 key, so two methods bootstrapped with the same
//! seed and units see the same resamples: that is what makes a difference paired.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::order::{quantile_of_sorted, sorted};
use crate::special::{normal_cdf, normal_quantile};

pub mod paired;
pub mod sums;
pub mod units;

pub use paired::Agreement;
pub use units::Units;

/// How the interval is read off the resampled statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootstrapMethod {
    /// Quantiles of the resampled statistics.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated (Efron 1987); the acceleration comes from the jackknife over
    /// units.
    Bca,
}

/// Settings of a bootstrap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Resamples to draw; 1,000 for intervals in tables, 10,000 for figures that are quoted.
    pub resamples: usize,
    /// Confidence level of the interval.
    pub level: f64,
    /// How the interval is read off.
    pub method: BootstrapMethod,
    /// Key of the random streams.
    pub seed: [u8; 32],
}

/// A statistic with its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootstrapInterval {
    /// The statistic of the data as they are.
    pub estimate: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Standard deviation of the resampled statistics.
    pub standard_error: f64,
    /// Units resampled.
    pub units: usize,
    /// Resamples drawn.
    pub resamples: usize,
    /// Resamples in which the statistic was undefined (a constant column); they are left out.
    pub undefined: usize,
}

impl Bootstrap {
    /// 1,000 resamples, level .95, percentile.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self {
            resamples: 1000,
            level: 0.95,
            method: BootstrapMethod::Percentile,
            seed,
        }
    }

    /// As [`new`](Self::new), with the key in the first eight bytes (little endian).
    pub fn from_u64(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self::new(key)
    }

    /// Bootstraps any statistic of rows.
    ///
    /// `statistic` gets the rows of a resample (a row as often as its unit was drawn) and returns
    /// `None` where it is undefined. It must not depend on the order of rows. `Bca` evaluates it
    /// once more for each unit.
    ///
    /// # Errors
    ///
    /// [`StatsError::Undefined`] if the statistic is undefined on the data or in more than half of
    /// the resamples, [`StatsError::OneSided`] for a BCa interval whose estimate lies outside all
    /// resamples, others for fewer than two units, no resamples, or a level outside (0, 1).
    ///
    /// # Examples
    ///
    /// ```
    /// use degu_stats::bootstrap::{Bootstrap, Units};
    ///
    /// let y: Vec<f64> = (0..100).map(|i| f64::from(i % 10)).collect();
    /// let median = |rows: &[usize]| {
    ///     degu_stats::order::median(&rows.iter().map(|&row| y[row]).collect::<Vec<f64>>()).ok()
    /// };
    /// let got = Bootstrap::from_u64(1).rows(&Units::rows(100), median)?;
    /// assert!(got.lower <= 4.5 && 4.5 <= got.upper);
    /// # Ok::<(), degu_stats::StatsError>(())
    /// ```
    pub fn rows(
        &self,
        units: &Units,
        statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    ) -> Result<BootstrapInterval> {
        self.check(units.len())?;
        let all: Vec<usize> = (0..units.len())
            .flat_map(|unit| units.rows_of(unit))
            .copied()
            .collect();
        let resampled = self.each(units, |rows| Ok::<_, StatsError>(statistic(rows)))?;
        let left_out = |unit: usize| {
            let rows: Vec<usize> = (0..units.len())
                .filter(|u| *u != unit)
                .flat_map(|u| units.rows_of(u))
                .copied()
                .collect();
            statistic(&rows)
        };
        self.interval(units.len(), statistic(&all), resampled, left_out)
    }

    /// Any value of the rows of every resample: those that [`rows`](Self::rows) draws.
    ///
    /// # Errors
    ///
    /// Fewer than two units or resamples, and the first error of `value`.
    pub fn each<T: Send, E: Send + From<StatsError>>(
        &self,
        units: &Units,
        value: impl Fn(&[usize]) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        self.check(units.len())?;
        (0..self.resamples)
            .into_par_iter()
            .map_init(Vec::new, |rows: &mut Vec<usize>, resample| {
                rows.clear();
                let mut draw = self.stream(resample);
                for _ in 0..units.len() {
                    rows.extend_from_slice(units.rows_of(below(&mut draw, units.len())));
                }
                value(rows)
            })
            .collect()
    }

    fn check(&self, units: usize) -> Result<()> {
        check::at_least("units", 2, units)?;
        check::at_least("resamples", 2, self.resamples)?;
        check::open_unit("level", self.level)
    }

    fn stream(&self, resample: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::from_seed(self.seed);
        rng.set_stream(resample as u64);
        rng
    }

    /// Reads the interval off the resampled statistics.
    fn interval(
        &self,
        units: usize,
        estimate: Option<f64>,
        resampled: Vec<Option<f64>>,
        left_out: impl Fn(usize) -> Option<f64> + Sync,
    ) -> Result<BootstrapInterval> {
        let resamples = resampled.len();
        let defined: Vec<f64> = resampled
            .into_iter()
            .flatten()
            .filter(|v| v.is_finite())
            .collect();
        let undefined = resamples - defined.len();
        let estimate = match estimate {
            Some(estimate)
                if estimate.is_finite() && 2 * undefined <= resamples && defined.len() >= 2 =>
            {
                estimate
            }
            _ => {
                return Err(StatsError::Undefined {
                    resamples,
                    undefined,
                });
            }
        };
        let sorted = sorted(&defined);
        let tail = 0.5 * (1.0 - self.level);
        let (low, high) = match self.method {
            BootstrapMethod::Percentile => (tail, 1.0 - tail),
            BootstrapMethod::Bca => {
                let jackknife: Vec<Option<f64>> =
                    (0..units).into_par_iter().map(&left_out).collect();
                let jackknife: Vec<f64> = jackknife
                    .into_iter()
                    .flatten()
                    .filter(|v| v.is_finite())
                    .collect();
                bca_levels(&sorted, estimate, &jackknife, tail)?
            }
        };
        let centre = crate::sum::mean(&defined);
        let variance = crate::sum::sum_by(defined.len(), |i| (defined[i] - centre).powi(2))
            / (defined.len() - 1) as f64;
        Ok(BootstrapInterval {
            estimate,
            lower: quantile_of_sorted(&sorted, low),
            upper: quantile_of_sorted(&sorted, high),
            standard_error: variance.sqrt(),
            units,
            resamples,
            undefined,
        })
    }
}

/// Levels of the BCa interval.
fn bca_levels(sorted: &[f64], estimate: f64, jackknife: &[f64], tail: f64) -> Result<(f64, f64)> {
    let below = sorted.partition_point(|v| *v < estimate);
    let at_most = sorted.partition_point(|v| *v <= estimate);
    let bias = normal_quantile(0.5 * (below + at_most) as f64 / sorted.len() as f64);
    if bias.is_infinite() {
        return Err(StatsError::OneSided {
            resamples: sorted.len(),
        });
    }
    let centre = crate::sum::mean(jackknife);
    let squares = crate::sum::sum_by(jackknife.len(), |i| (centre - jackknife[i]).powi(2));
    let cubes = crate::sum::sum_by(jackknife.len(), |i| (centre - jackknife[i]).powi(3));
    // A statistic that no single unit moves has no acceleration.
    let acceleration = if squares > 0.0 {
        cubes / (6.0 * squares.powf(1.5))
    } else {
        0.0
    };
    let adjusted = |p: f64| {
        let z = bias + normal_quantile(p);
        normal_cdf(bias + z / (1.0 - acceleration * z)).clamp(0.0, 1.0)
    };
    Ok((adjusted(tail), adjusted(1.0 - tail)))
}

/// Uniform on 0..n without bias (Lemire's multiplication with rejection).
fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    if let Ok(n) = u32::try_from(n) {
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u64::from(rng.next_u32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as usize;
            }
        }
    }
    let n = n as u64;
    let threshold = n.wrapping_neg() % n;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(n);
        if product as u64 >= threshold {
            return (product >> 64) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<f64> {
        (0..50).map(|i| f64::from(i * i % 37)).collect()
    }

    fn mean_of(values: &[f64]) -> impl Fn(&[usize]) -> Option<f64> + Sync + '_ {
        |rows| Some(rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64)
    }

    #[test]
    fn threads_change_no_bit() {
        let values = values();
        let settings = Bootstrap {
            method: BootstrapMethod::Bca,
            ..Bootstrap::from_u64(3)
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| settings.rows(&Units::rows(50), mean_of(&values)).unwrap())
        };
        assert_eq!(on(1), on(3));
        let other = Bootstrap::from_u64(4)
            .rows(&Units::rows(50), mean_of(&values))
            .unwrap();
        assert_ne!(other.lower, on(1).lower);
    }

    #[test]
    fn standard_error_of_a_mean_is_the_textbook_one() {
        let values = values();
        let centre = crate::sum::mean(&values);
        let want = (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / 50.0 / 50.0).sqrt();
        let settings = Bootstrap {
            resamples: 4000,
            ..Bootstrap::from_u64(5)
        };
        let got = settings.rows(&Units::rows(50), mean_of(&values)).unwrap();
        // The standard error of a standard error from 4,000 resamples is 1.1 %.
        assert!((got.standard_error / want - 1.0).abs() < 0.04);
        assert!(
            (got.upper - got.lower) / (2.0 * 1.96 * want) > 0.95
                && got.lower < centre
                && centre < got.upper
        );
    }

    #[test]
    fn statistics_that_are_undefined_too_often_are_errors() {
        let units = Units::rows(4);
        let settings = Bootstrap::from_u64(6);
        assert!(matches!(
            settings.rows(&units, |_| None),
            Err(StatsError::Undefined { .. })
        ));
        let distinct = |rows: &[usize]| {
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            rows.dedup();
            (rows.len() == 4).then_some(1.0)
        };
        assert!(matches!(
            settings.rows(&units, distinct),
            Err(StatsError::Undefined { .. })
        ));
        assert!(settings.rows(&Units::rows(1), |_| Some(1.0)).is_err());
        let one_sided = Bootstrap {
            method: BootstrapMethod::Bca,
            ..settings
        };
        // The maximum of row indices never exceeds the estimate but often equals it: still
        // two-sided by halves.
        assert!(
            one_sided
                .rows(&units, |rows| rows.iter().max().map(|m| *m as f64))
                .is_ok()
        );
        let constant = one_sided.rows(&units, |_| Some(2.5)).unwrap();
        assert_eq!(
            (constant.lower, constant.upper, constant.standard_error),
            (2.5, 2.5, 0.0)
        );
    }

    #[test]
    fn draws_are_uniform() {
        let mut rng = Bootstrap::from_u64(9).stream(0);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[below(&mut rng, 7)] += 1;
        }
        // Five standard deviations of a binomial count.
        assert!(
            counts
                .iter()
                .all(|c| (f64::from(*c) - 10_000.0).abs() < 5.0 * 93.0),
            "{counts:?}"
        );
    }
}
