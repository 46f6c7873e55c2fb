//! Coverage over random cuts of the pooled calibration and test rows.

use degu_core::{Calibrator, Seed};
use degu_stats::{Alpha, conformal::beta_binomial_band};
use serde::{Deserialize, Serialize};

use super::{BAND, inputs::Inputs, observe::observed, tuned};
use crate::stages::Result;

/// Random cuts of calibration and test rows that check the coverage.
const RESPLITS: usize = 200;

/// Coverage over random cuts of the calibration and test rows, by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resplit {
    /// Model.
    pub model: String,
    /// Task.
    pub task: String,
    /// Miscoverage.
    pub alpha: f64,
    /// Cuts.
    pub cuts: usize,
    /// Mean coverage over the cuts.
    pub mean_coverage: f64,
    /// Share of the cuts whose coverage lies in the beta-binomial 90 % band; 0.9 is expected.
    pub within_band: f64,
    /// Expected mean coverage, k / (n + 1).
    pub expected: f64,
}

/// Random cuts of the pooled calibration and test rows.
pub(super) struct Cut<'a> {
    pub(super) calibrator: &'a dyn Calibrator,
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) pool: &'a [usize],
    pub(super) share: usize,
    pub(super) seed: &'a Seed,
}

impl Cut<'_> {
    pub(super) fn all(&self, alphas: &[Alpha]) -> Result<Vec<Resplit>> {
        let data = self.inputs.data;
        let tasks = data.tasks();
        let groups: Vec<u64> = self.pool.iter().map(|r| data.group[*r]).collect();
        let share = self.share as f64 / self.pool.len() as f64;
        // Sums over cuts: coverage, cuts within the band, expected coverage.
        let mut sums = vec![(0.0, 0usize, 0.0); tasks * alphas.len()];
        for cut in 0..RESPLITS {
            let seed = self.seed.child("resplit").child(cut.to_string());
            let parts = degu_genome::split_groups(&groups, &[share, 1.0 - share], seed.bytes())?;
            let pick = |p| -> Vec<usize> {
                self.pool
                    .iter()
                    .zip(&parts)
                    .filter(|(_, q)| **q == p)
                    .map(|(r, _)| *r)
                    .collect()
            };
            let (tune, fit) = tuned(self.calibrator, &pick(0), &data.group, &seed);
            let tune_part = self.inputs.part(&tune);
            let fit_part = self.inputs.part(&fit);
            let test_part = self.inputs.part(&pick(1));
            let tune_set = (!tune.is_empty()).then(|| tune_part.set());
            let fitted = self.calibrator.fit(
                tune_set.as_ref(),
                &fit_part.set(),
                Some(&test_part.forecast()),
            )?;
            let units = fitted.units();
            for (a, alpha) in alphas.iter().enumerate() {
                let all = fitted.intervals(&test_part.forecast(), *alpha)?;
                for task in 0..tasks {
                    let seen = observed(&all, &test_part, task, tasks);
                    if seen.y.is_empty() {
                        continue;
                    }
                    let covered = seen
                        .intervals
                        .contains(&seen.y)?
                        .into_iter()
                        .filter(|c| *c)
                        .count();
                    let n = units.get(task).copied().unwrap_or(0);
                    let band = beta_binomial_band(n, alpha.rank(n).min(n + 1), seen.y.len(), BAND)?;
                    let sum = &mut sums[a * tasks + task];
                    sum.0 += covered as f64 / seen.y.len() as f64;
                    sum.1 += usize::from(band.contains(covered));
                    sum.2 += band.mean;
                }
            }
        }
        let cuts = RESPLITS as f64;
        let mut rows = Vec::new();
        for (a, alpha) in alphas.iter().enumerate() {
            for (task, name) in data.info.tasks.iter().enumerate() {
                let (coverage, within, expected) = sums[a * tasks + task];
                rows.push(Resplit {
                    model: self.inputs.model.name.clone(),
                    task: name.clone(),
                    alpha: alpha.value(),
                    cuts: RESPLITS,
                    mean_coverage: coverage / cuts,
                    within_band: within as f64 / cuts,
                    expected: expected / cuts,
                });
            }
        }
        Ok(rows)
    }
}
