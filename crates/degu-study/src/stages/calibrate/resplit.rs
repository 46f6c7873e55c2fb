//! Coverage over random cuts of the pooled calibration and test rows.

use degu_core::{Calibrator, Seed};
use degu_stats::{Alpha, conformal::beta_binomial_band};

use super::{
    inputs::Inputs,
    rows::tuned,
    seen::{BAND, observed},
};
use crate::{error::Result, results::Resplit};

/// Random cuts of calibration and test rows that check the coverage.
const RESPLITS: usize = 200;

/// Random cuts of the pooled calibration and test rows.
pub(super) struct Cut<'a> {
    pub(super) calibrator: &'a dyn Calibrator,
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) pool: &'a [usize],
    pub(super) share: usize,
    pub(super) seed: &'a Seed,
}

/// Over cuts and outputs of a task.
#[derive(Clone, Default)]
struct Sums {
    observations: usize,
    coverage: f64,
    within: usize,
    expected: f64,
}

impl Cut<'_> {
    pub(super) fn all(&self, alphas: &[Alpha]) -> Result<Vec<Resplit>> {
        let data = self.inputs.data;
        let tasks = data.tasks();
        let groups: Vec<u64> = self.pool.iter().map(|r| data.group[*r]).collect();
        let share = self.share as f64 / self.pool.len() as f64;
        let mut sums = vec![Sums::default(); tasks * alphas.len()];
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
                // Each bin of a profile by itself: bins of one sequence are not independent.
                for output in 0..test_part.outputs {
                    let seen = observed(&all, &test_part, output, test_part.outputs);
                    if seen.y.is_empty() {
                        continue;
                    }
                    let inside = seen.intervals.contains(&seen.y)?;
                    let covered = inside.into_iter().filter(|c| *c).count();
                    let n = units.get(output).copied().unwrap_or(0);
                    let band = beta_binomial_band(n, alpha.rank(n).min(n + 1), seen.y.len(), BAND)?;
                    let sum = &mut sums[a * tasks + output % tasks];
                    sum.observations += 1;
                    sum.coverage += covered as f64 / seen.y.len() as f64;
                    sum.within += usize::from(band.contains(covered));
                    sum.expected += band.mean;
                }
            }
        }
        let mut rows = Vec::new();
        for (a, alpha) in alphas.iter().enumerate() {
            for (task, name) in data.info.tasks.iter().enumerate() {
                let sum = &sums[a * tasks + task];
                let n = sum.observations.max(1) as f64;
                rows.push(Resplit {
                    model: self.inputs.model.id,
                    task: name.clone(),
                    alpha: alpha.value(),
                    cuts: RESPLITS,
                    mean_coverage: sum.coverage / n,
                    within_band: sum.within as f64 / n,
                    expected: sum.expected / n,
                });
            }
        }
        Ok(rows)
    }
}
