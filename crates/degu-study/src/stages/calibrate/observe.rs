//! Intervals of a fitted calibrator against what was measured.

use degu_core::{OutputKind, Seed};
use degu_report::{CalibrationRow, Uncertainty, UncertaintyRow};
use degu_stats::{
    Alpha, Guarantee,
    calibration::{cov_gap, size_stratified_coverage, worst_slab},
    conformal::{Intervals, beta_binomial_band},
    scoring::interval_summary,
};

use super::{
    conditional,
    seen::{BAND, Observed, Seen, observed},
};
use crate::{
    error::Result,
    results::calibration::ALL_TASKS,
    uncertainty::{self, CURVE, Rows},
};

/// Parts of rows by width.
const WIDTH_PARTS: usize = 10;

/// Smallest share of rows and number of directions of the worst slab.
const SLAB: (f64, usize) = (0.1, 50);

impl Seen<'_> {
    /// Coverage and width of every task, and of all tasks together for boxes.
    pub(super) fn coverage(&self, alpha: Alpha) -> Result<Vec<CalibrationRow>> {
        let all = self.fitted.intervals(&self.part.forecast(), alpha)?;
        let bins = match self.data.output() {
            OutputKind::Scalar => "",
            OutputKind::Profile { .. } => ", bin by bin",
        };
        let guarantee = self.fitted.guarantee(alpha);
        let mut rows = Vec::new();
        for (task, name) in self.data.info.tasks.iter().enumerate() {
            let seen = observed(&all, self.part, task, self.data.tasks());
            if seen.y.is_empty() {
                continue;
            }
            let summary = interval_summary(&seen.intervals, &seen.y, alpha)?;
            let n = self.units(task);
            let band = self.band(alpha, n, summary.rows);
            let ranked = !matches!(
                guarantee,
                Guarantee::None | Guarantee::PerGroup | Guarantee::Weighted { .. }
            );
            let groups = conditional::groups(self, &seen)?;
            let inside = seen.intervals.contains(&seen.y)?;
            let activity = groups.iter().find(|g| g.by == conditional::ACTIVITY);
            rows.push(CalibrationRow {
                calibrator: self.label.to_owned(),
                model: self.model.id.to_string(),
                split: self.split.to_owned(),
                task: name.clone(),
                alpha: alpha.value(),
                n,
                k: if ranked { alpha.rank(n) } else { 0 },
                coverage: summary.interval_coverage,
                band_low: band.map(|b| b.low),
                band_high: band.map(|b| b.high),
                mean_width: summary.mean_width.unwrap_or(f64::INFINITY),
                infinite_fraction: summary.fraction_infinite,
                winkler: summary.winkler,
                coverage_gap: activity
                    .map(|g| cov_gap(&inside, &g.of_row, alpha).map(|gap| gap.mean))
                    .transpose()?,
                guarantee: format!("{guarantee}{bins}"),
            });
        }
        if guarantee == Guarantee::Joint && self.data.tasks() > 1 {
            rows.extend(self.joint(&all, alpha, self.units(0)));
        }
        Ok(rows)
    }

    /// Rows in which every task was measured: how often the box holds them all.
    fn joint(&self, all: &degu_core::Intervals, alpha: Alpha, n: usize) -> Option<CalibrationRow> {
        let outputs = self.part.outputs;
        let (mut rows, mut covered) = (0, 0);
        let mut infinite = 0;
        for row in 0..self.part.rows {
            let range = row * outputs..(row + 1) * outputs;
            if range.clone().any(|at| !self.part.y[at].is_finite()) {
                continue;
            }
            rows += 1;
            let inside =
                |at: usize| all.lower[at] <= self.part.y[at] && self.part.y[at] <= all.upper[at];
            covered += usize::from(range.clone().all(inside));
            let open = |at: usize| (all.upper[at] - all.lower[at]).is_infinite();
            infinite += usize::from(range.clone().any(open));
        }
        (rows > 0).then(|| {
            // A box by one quantile has the law of one quantile; Bonferroni's is wider.
            let band = (self.split == degu_core::Split::Test.name())
                .then(|| beta_binomial_band(n, alpha.rank(n).min(n + 1), rows, BAND).ok())
                .flatten();
            CalibrationRow {
                calibrator: self.label.to_owned(),
                model: self.model.id.to_string(),
                split: self.split.to_owned(),
                task: ALL_TASKS.to_owned(),
                alpha: alpha.value(),
                n,
                k: alpha.rank(n),
                coverage: covered as f64 / rows as f64,
                band_low: band.map(|b| b.low),
                band_high: band.map(|b| b.high),
                mean_width: f64::NAN,
                infinite_fraction: infinite as f64 / rows as f64,
                winkler: None,
                coverage_gap: None,
                guarantee: self.fitted.guarantee(alpha).to_string(),
            }
        })
    }

    /// Gaps by groups, the worst slab and the worst width stratum.
    pub(super) fn gaps(&self, alpha: Alpha, seed: u64) -> Result<Vec<UncertaintyRow>> {
        let all = self.fitted.intervals(&self.part.forecast(), alpha)?;
        let a = alpha.value();
        let mut rows = Vec::new();
        for (task, name) in self.data.info.tasks.iter().enumerate() {
            let seen = observed(&all, self.part, task, self.data.tasks());
            if seen.y.len() < 2 * WIDTH_PARTS {
                continue;
            }
            let source = self.source(name, "");
            let mut add = |metric: String, value: f64, note: &str| {
                rows.push(UncertaintyRow {
                    source: source.clone(),
                    metric,
                    value,
                    unit: String::new(),
                    note: note.to_owned(),
                });
            };
            let inside = seen.intervals.contains(&seen.y)?;
            for group in conditional::groups(self, &seen)? {
                let gap = cov_gap(&inside, &group.of_row, alpha)?;
                let by = group.by.replace(' ', "_");
                add(
                    format!("covgap_{by}@{a}"),
                    gap.mean,
                    "mean over groups of |coverage - promised|",
                );
                add(
                    format!("covgap_{by}_weighted@{a}"),
                    gap.weighted,
                    "weighted by rows",
                );
            }
            let strata = size_stratified_coverage(&seen.intervals, &seen.y, WIDTH_PARTS)?;
            let least = strata.iter().copied().fold(f64::INFINITY, f64::min);
            add(
                format!("ssc_min@{a}"),
                least,
                "smallest coverage among ten groups of rows by width",
            );
            if let Some(slab) = self.slab(&seen, &inside, seed)? {
                add(
                    format!("worst_slab@{a}"),
                    slab,
                    "coverage in the slab of prediction and GC content found worst on the other half of the rows",
                );
            }
        }
        Ok(rows)
    }

    /// Coverage of the worst slab, found on even rows and evaluated on odd ones.
    fn slab(&self, seen: &Observed, inside: &[bool], seed: u64) -> Result<Option<f64>> {
        let column = |f: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let raw: Vec<f64> = (0..seen.y.len()).map(f).collect();
            let mean = raw.iter().sum::<f64>() / raw.len() as f64;
            let sd =
                (raw.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / raw.len() as f64).sqrt();
            raw.iter()
                .map(|v| if sd > 0.0 { (v - mean) / sd } else { 0.0 })
                .collect()
        };
        let mean = column(&|i| self.part.mean[seen.at[i]]);
        let gc = column(&|i| self.data.gc(self.index[seen.positions[i]]));
        if mean.iter().chain(&gc).any(|v| !v.is_finite()) {
            return Ok(None);
        }
        let half = |parity: usize| -> (Vec<f64>, Vec<bool>) {
            let rows = (parity..seen.y.len()).step_by(2);
            (
                rows.clone().flat_map(|i| [mean[i], gc[i]]).collect(),
                rows.map(|i| inside[i]).collect(),
            )
        };
        let (search, found) = half(0);
        let (other, kept) = half(1);
        let slab = worst_slab(&search, &found, 2, SLAB.0, SLAB.1, seed)?;
        Ok(slab
            .coverage_of(&other, &kept)?
            .map(|(_, coverage)| coverage))
    }

    /// Coverage and width over levels, and everything on a recalibrated spread where the calibrator
    /// gives one.
    pub(super) fn curves(&self, seed: &Seed) -> Result<Uncertainty> {
        let mut result = Uncertainty::default();
        let forecast = self.part.forecast();
        let mut levels = Vec::new();
        for (num, den) in CURVE {
            let alpha = Alpha::new(num, den)?;
            // With `too_few = "error"` a level that the study did not ask for is left out; its own
            // levels were answered before.
            if let Ok(intervals) = self.fitted.intervals(&forecast, alpha) {
                levels.push((alpha, intervals));
            }
        }
        let spread = self.fitted.spread(&forecast)?;
        for (task, name) in self.data.info.tasks.iter().enumerate() {
            let of: Vec<(Alpha, Observed)> = levels
                .iter()
                .map(|(a, all)| (*a, observed(all, self.part, task, self.data.tasks())))
                .collect();
            let Some((_, first)) = of.first() else {
                continue;
            };
            if first.y.is_empty() {
                continue;
            }
            let mean: Vec<f64> = first.at.iter().map(|at| self.part.mean[*at]).collect();
            let y = first.y.clone();
            let rows = Rows {
                y: &y,
                mean: &mean,
                unit: &self.data.info.unit,
            };
            let sd: Option<Vec<f64>> = spread
                .as_ref()
                .map(|s| first.at.iter().map(|at| s[*at]).collect());
            let pairs: Vec<(Alpha, Intervals)> =
                of.into_iter().map(|(a, o)| (a, o.intervals)).collect();
            let intervals = uncertainty::of_intervals(&self.source(name, ""), rows, &pairs)?;
            result.extend(intervals);
            if let Some(sd) = sd {
                let source = self.source(name, "recalibrated");
                let own = seed.child("null").first_u64();
                let mut all = uncertainty::of_spread(&source, rows, &sd, own)?;
                // The calibrator's own intervals are the curve to show.
                all.reliability.clear();
                result.extend(all);
            }
        }
        Ok(result)
    }
}
