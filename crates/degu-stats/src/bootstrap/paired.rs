//! One set of resamples for many predictions: what means over models and shares of a gap need.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::{Bootstrap, BootstrapInterval, Units, below};
use crate::check;
use crate::error::Result;

/// A statistic of measured and predicted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Linear correlation.
    Pearson,
    /// Rank correlation; ties have the mean of their ranks.
    Spearman,
    /// Root of the mean squared difference.
    Rmse,
    /// Mean squared difference.
    Mse,
    /// Mean absolute difference.
    Mae,
}

impl Bootstrap {
    /// The statistic of each prediction in each resample, `[predictions][resamples]`; NaN where it
    /// is undefined. All predictions see the same resamples, which are those of the other methods
    /// for the same seed and units.
    ///
    /// Rows are weighted by how often they were drawn, so ranks cost one sort in all.
    ///
    /// # Errors
    ///
    /// Columns of different lengths, numbers that are not finite, fewer than two units or
    /// resamples.
    pub fn resampled(
        &self,
        units: &Units,
        measured: &[f64],
        predictions: &[&[f64]],
        statistic: Agreement,
    ) -> Result<Vec<Vec<f64>>> {
        self.check(units.len())?;
        check::column("measured", measured, units.row_count())?;
        for prediction in predictions {
            check::column("predicted", prediction, units.row_count())?;
        }
        let rank = statistic == Agreement::Spearman;
        let order_of_measured = rank.then(|| Order::of(measured));
        let orders: Vec<Option<Order>> = predictions
            .iter()
            .map(|prediction| rank.then(|| Order::of(prediction)))
            .collect();
        let n = measured.len();
        let by_resample: Vec<Vec<f64>> = (0..self.resamples)
            .into_par_iter()
            .map_init(
                || (vec![0.0; n], vec![0.0; n], vec![0.0; n]),
                |(drawn, a, b), resample| {
                    drawn.fill(0.0);
                    let mut draw = self.stream(resample);
                    for _ in 0..units.len() {
                        for row in units.rows_of(below(&mut draw, units.len())) {
                            drawn[*row] += 1.0;
                        }
                    }
                    if let Some(order) = &order_of_measured {
                        order.ranks(drawn, a);
                    }
                    predictions
                        .iter()
                        .zip(&orders)
                        .map(|(prediction, order)| match order {
                            Some(order) => {
                                order.ranks(drawn, b);
                                pearson(drawn, a, b)
                            }
                            None => statistic.of(drawn, measured, prediction),
                        })
                        .collect()
                },
            )
            .collect();
        Ok((0..predictions.len())
            .map(|k| by_resample.iter().map(|values| values[k]).collect())
            .collect())
    }

    /// The percentile interval of resampled statistics; those that are not finite are left out.
    ///
    /// # Errors
    ///
    /// [`StatsError::Undefined`](crate::StatsError::Undefined) if the estimate or more than half of
    /// the resamples is.
    pub fn percentile(
        &self,
        units: &Units,
        estimate: f64,
        resampled: &[f64],
    ) -> Result<BootstrapInterval> {
        let percentile = Self {
            method: super::BootstrapMethod::Percentile,
            ..*self
        };
        let resampled = resampled.iter().map(|value| Some(*value)).collect();
        percentile.interval(units.len(), Some(estimate), resampled, |_| None)
    }
}

impl Agreement {
    fn of(self, weight: &[f64], measured: &[f64], predicted: &[f64]) -> f64 {
        let mean = |of: fn(f64) -> f64| {
            let (mut sum, mut total) = (0.0, 0.0);
            for ((w, y), p) in weight.iter().zip(measured).zip(predicted) {
                sum += w * of(y - p);
                total += w;
            }
            sum / total
        };
        match self {
            Self::Pearson | Self::Spearman => pearson(weight, measured, predicted),
            Self::Rmse => mean(|d| d * d).sqrt(),
            Self::Mse => mean(|d| d * d),
            Self::Mae => mean(f64::abs),
        }
    }
}

/// Weighted correlation in two passes; NaN if a column is constant.
fn pearson(weight: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let (mut total, mut sum_a, mut sum_b) = (0.0, 0.0, 0.0);
    for ((w, a), b) in weight.iter().zip(a).zip(b) {
        total += w;
        sum_a += w * a;
        sum_b += w * b;
    }
    let (mean_a, mean_b) = (sum_a / total, sum_b / total);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for ((w, a), b) in weight.iter().zip(a).zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += w * a * a;
        bb += w * b * b;
        ab += w * a * b;
    }
    if aa > 0.0 && bb > 0.0 {
        (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0)
    } else {
        f64::NAN
    }
}

/// Rows by value, and where runs of equal values end.
struct Order {
    rows: Vec<u32>,
    ends: Vec<u32>,
}

impl Order {
    fn of(values: &[f64]) -> Self {
        let mut rows: Vec<u32> = (0..values.len() as u32).collect();
        let value = |row: u32| values[row as usize];
        rows.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
        let ends = (1..=rows.len())
            .filter(|at| {
                rows.get(*at).is_none_or(|next| {
                    value(*next).partial_cmp(&value(rows[at - 1])) != Some(Ordering::Equal)
                })
            })
            .map(|at| at as u32)
            .collect();
        Self { rows, ends }
    }

    /// Mean ranks of the rows, each as often as it was drawn; rows that were not drawn get a number
    /// that nothing reads.
    fn ranks(&self, drawn: &[f64], ranks: &mut [f64]) {
        let (mut start, mut below) = (0usize, 0.0);
        for end in &self.ends {
            let run = &self.rows[start..*end as usize];
            let count: f64 = run.iter().map(|row| drawn[*row as usize]).sum();
            let rank = below + 0.5 * (count + 1.0);
            for row in run {
                ranks[*row as usize] = rank;
            }
            below += count;
            start = *end as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    type Plain = fn(&[f64], &[f64]) -> Option<f64>;

    /// The same resamples, row by row through the plain statistics.
    #[test]
    fn weights_give_what_repeated_rows_give() {
        let n = 60;
        let measured: Vec<f64> = (0..n).map(|i| f64::from(i * 37 % 23)).collect();
        let predicted: Vec<f64> = (0..n)
            .map(|i| f64::from(i * 37 % 23) + f64::from(i * 13 % 7))
            .collect();
        let other: Vec<f64> = predicted.iter().map(|p| -p).collect();
        let groups: Vec<u64> = (0..n as u64).map(|i| i / 3).collect();
        let units = Units::grouped(&groups).unwrap();
        let bootstrap = Bootstrap {
            resamples: 50,
            ..Bootstrap::from_u64(3)
        };
        let statistics: [(Agreement, Plain); 5] = [
            (Agreement::Pearson, |y, p| metrics::pearson(y, p).unwrap()),
            (Agreement::Spearman, |y, p| metrics::spearman(y, p).unwrap()),
            (Agreement::Rmse, |y, p| metrics::rmse(y, p).ok()),
            (Agreement::Mse, |y, p| metrics::mse(y, p).ok()),
            (Agreement::Mae, |y, p| metrics::mae(y, p).ok()),
        ];
        for (statistic, plain) in statistics {
            let both = bootstrap
                .resampled(&units, &measured, &[&predicted, &other], statistic)
                .unwrap();
            let estimate = plain(&measured, &predicted).unwrap();
            let ours = bootstrap.percentile(&units, estimate, &both[0]).unwrap();
            let theirs = bootstrap
                .rows(&units, |rows| {
                    let pick = |column: &[f64]| -> Vec<f64> {
                        rows.iter().map(|row| column[*row]).collect()
                    };
                    plain(&pick(&measured), &pick(&predicted))
                })
                .unwrap();
            for (a, b) in [
                (ours.lower, theirs.lower),
                (ours.upper, theirs.upper),
                (ours.standard_error, theirs.standard_error),
            ] {
                assert!((a - b).abs() < 1e-12, "{statistic:?}: {a} and {b}");
            }
            if statistic == Agreement::Spearman {
                assert!(
                    both[0]
                        .iter()
                        .zip(&both[1])
                        .all(|(a, b)| (a + b).abs() < 1e-12)
                );
            }
        }
        let constant = vec![1.0; n as usize];
        let values = bootstrap
            .resampled(&units, &measured, &[&constant], Agreement::Pearson)
            .unwrap();
        assert!(values[0].iter().all(|value| value.is_nan()));
        assert!(bootstrap.percentile(&units, 0.5, &values[0]).is_err());
    }
}
