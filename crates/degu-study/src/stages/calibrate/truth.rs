//! Coverage that only a simulator can tell: of another measurement of the same sequence.

use degu_report::UncertaintyRow;
use degu_stats::{Alpha, order::quantile, special::normal_cdf};

use super::seen::{Observed, Seen, observed};
use crate::error::Result;

/// Share of sequences at which the conditional coverage is read.
const LOW: f64 = 0.05;

impl Seen<'_> {
    /// Coverage of a new measurement given its sequence, `Phi((upper - mu) / s) - Phi((lower - mu)
    /// / s)` with the simulator's mean `mu` and its standard deviation `s` of a mean over
    /// replicates. Nothing for measured data.
    pub(super) fn true_coverage(&self, alpha: Alpha) -> Result<Vec<UncertaintyRow>> {
        let mut rows = Vec::new();
        let Some(truth) = &self.data.truth else {
            return Ok(rows);
        };
        let replicates = (self.data.info.replicates.max(1) as f64).sqrt();
        let all = self.fitted.intervals(&self.part.forecast(), alpha)?;
        let outputs = self.part.outputs;
        for (task, name) in self.data.info.tasks.iter().enumerate() {
            let seen = observed(&all, self.part, task, self.data.tasks());
            if seen.y.is_empty() {
                continue;
            }
            let known = |i: usize| {
                let at = self.index[seen.positions[i]] * outputs + seen.at[i] % outputs;
                (
                    f64::from(truth.mean[at]),
                    f64::from(truth.noise_std[at]) / replicates,
                )
            };
            let coverage = given_sequence(&seen, known);
            let mean = coverage.iter().sum::<f64>() / coverage.len() as f64;
            let a = alpha.value();
            for (metric, value, note) in [
                (
                    format!("true_coverage@{a}"),
                    mean,
                    "of new measurements of these sequences, by the simulator",
                ),
                (
                    format!("true_coverage_low@{a}"),
                    quantile(&coverage, LOW)?,
                    "the same, of the sequence at the lowest 5 %",
                ),
            ] {
                rows.push(UncertaintyRow {
                    source: self.source(name, ""),
                    metric,
                    value,
                    unit: String::new(),
                    note: note.to_owned(),
                });
            }
        }
        Ok(rows)
    }
}

/// Coverage of each row whose measurements are normal with the mean and standard deviation `known`.
fn given_sequence(seen: &Observed, known: impl Fn(usize) -> (f64, f64)) -> Vec<f64> {
    seen.intervals
        .rows()
        .enumerate()
        .map(|(i, (lower, upper))| {
            let (mean, std) = known(i);
            if std > 0.0 {
                normal_cdf((upper - mean) / std) - normal_cdf((lower - mean) / std)
            } else {
                f64::from(u8::from(lower <= mean && mean <= upper))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use degu_stats::conformal::Intervals;

    use super::*;

    #[test]
    fn intervals_of_known_normals_cover_as_promised() {
        let ends = vec![
            (-1.959_964, 1.959_964),
            (3.0, f64::INFINITY),
            (0.0, 1.0),
            (2.0, 3.0),
        ];
        let seen = Observed {
            positions: (0..4).collect(),
            at: (0..4).collect(),
            intervals: Intervals::from_ends(ends),
            y: vec![0.0; 4],
        };
        let truth = [(0.0, 1.0), (3.0, 0.5), (1.0, 0.0), (1.0, 0.0)];
        let coverage = given_sequence(&seen, |i| truth[i]);
        for (found, wanted) in coverage.iter().zip([0.95, 0.5, 1.0, 0.0]) {
            assert!((found - wanted).abs() < 1e-6, "{found} and {wanted}");
        }
    }
}
