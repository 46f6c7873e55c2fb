//! Interval coverage and width on the test rows: of each task, and within bins of activity, GC content and category.

use std::collections::BTreeMap;

use degu_core::{Calibration, OutputKind, Split};
use degu_report::{CalibrationRow, ConditionalRow};
use degu_stats::{
    Alpha, Binning,
    conformal::{CoverageBand, beta_binomial_band},
    scoring::interval_summary,
};

use super::{
    super::{PreparedData, Result},
    BAND,
    part::{Observed, Part},
};

/// Bins of activity and of GC content.
const BINS: usize = 5;

/// Fewest test rows of a category that is listed.
const SMALLEST_CATEGORY: usize = 20;

/// A fitted calibrator on the test rows.
pub(super) struct Observation<'a> {
    pub(super) data: &'a PreparedData,
    pub(super) label: &'a str,
    pub(super) model: &'a str,
    pub(super) fitted: &'a dyn Calibration,
    pub(super) part: &'a Part,
    /// Rows of the dataset in the part.
    pub(super) rows: &'a [usize],
    pub(super) alpha: Alpha,
}

impl Observation<'_> {
    /// Calibration rows of a task: the fewest of its bins.
    fn units(&self, task: usize) -> usize {
        let units = self.fitted.units();
        let own = units.iter().skip(task).step_by(self.data.tasks());
        own.min().copied().unwrap_or(0)
    }

    /// The band of `rows` independent observations; none where they are bins of the same sequences.
    fn band(&self, n: usize, rows: usize) -> Option<CoverageBand> {
        if self.data.output() != OutputKind::Scalar {
            return None;
        }
        beta_binomial_band(n, self.alpha.rank(n).min(n + 1), rows, BAND).ok()
    }
}

/// One row a task.
pub(super) fn coverage(seen: &Observation<'_>) -> Result<Vec<CalibrationRow>> {
    let Observation { data, alpha, .. } = *seen;
    let all = seen.fitted.intervals(&seen.part.forecast(), alpha)?;
    let mut rows = Vec::new();
    for (task, name) in data.info.tasks.iter().enumerate() {
        let own = Observed::new(&all, seen.part, task, data.tasks());
        if own.y.is_empty() {
            continue;
        }
        let summary = interval_summary(&own.intervals, &own.y, alpha)?;
        let n = seen.units(task);
        let band = seen.band(n, summary.rows);
        let bins = match data.output() {
            OutputKind::Scalar => String::new(),
            OutputKind::Profile { .. } => ", bin by bin".to_owned(),
        };
        rows.push(CalibrationRow {
            calibrator: seen.label.to_owned(),
            model: seen.model.to_owned(),
            split: Split::Test.name().to_owned(),
            task: name.clone(),
            alpha: alpha.value(),
            n,
            k: alpha.rank(n),
            coverage: summary.interval_coverage,
            band_low: band.map(|b| b.low),
            band_high: band.map(|b| b.high),
            mean_width: summary.mean_width.unwrap_or(f64::INFINITY),
            infinite_fraction: summary.fraction_infinite,
            winkler: summary.winkler,
            coverage_gap: None,
            guarantee: format!("{}{bins}", seen.fitted.guarantee(alpha)),
        });
    }
    Ok(rows)
}

/// One row a task and bin.
pub(super) fn conditional(seen: &Observation<'_>) -> Result<Vec<ConditionalRow>> {
    let Observation { data, alpha, .. } = *seen;
    let all = seen.fitted.intervals(&seen.part.forecast(), alpha)?;
    let mut rows = Vec::new();
    for (task, name) in data.info.tasks.iter().enumerate() {
        let own = Observed::new(&all, seen.part, task, data.tasks());
        if own.y.len() < BINS {
            continue;
        }
        let n = seen.units(task);
        let inside = own.intervals.contains(&own.y)?;
        let widths = own.intervals.widths();
        let mut add = |by: &str, bin: String, members: &[usize]| {
            let covered = members.iter().filter(|i| inside[**i]).count();
            let band = seen.band(n, members.len());
            let finite: Vec<f64> = members
                .iter()
                .map(|i| widths[*i])
                .filter(|w| w.is_finite())
                .collect();
            rows.push(ConditionalRow {
                calibrator: format!("{}, {}", seen.label, seen.model),
                split: Split::Test.name().to_owned(),
                task: name.clone(),
                alpha: alpha.value(),
                by: by.to_owned(),
                bin,
                n: members.len(),
                coverage: covered as f64 / members.len() as f64,
                band_low: band.map(|b| b.low),
                band_high: band.map(|b| b.high),
                mean_width: (!finite.is_empty())
                    .then(|| finite.iter().sum::<f64>() / finite.len() as f64),
            });
        };
        let predicted: Vec<f64> = own.at.iter().map(|at| seen.part.mean[*at]).collect();
        let row = |p: &usize| seen.rows[*p];
        let gc: Vec<f64> = own.positions.iter().map(|p| data.gc(row(p))).collect();
        for (by, values) in [("predicted activity", &predicted), ("GC content", &gc)] {
            if values.iter().any(|v| !v.is_finite()) {
                continue;
            }
            for members in Binning::EqualCount.rows(values, BINS)? {
                let of = |fold: fn(f64, f64) -> f64, from: f64| {
                    members.iter().map(|i| values[*i]).fold(from, fold)
                };
                let (low, high) = (of(f64::min, f64::INFINITY), of(f64::max, f64::NEG_INFINITY));
                add(by, format!("{low:.2} to {high:.2}"), &members);
            }
        }
        if let Some(category) = &data.category {
            let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (i, p) in own.positions.iter().enumerate() {
                groups.entry(&category[row(p)]).or_default().push(i);
            }
            for (bin, members) in groups.iter().filter(|(_, m)| m.len() >= SMALLEST_CATEGORY) {
                add("category", (*bin).to_owned(), members);
            }
        }
    }
    Ok(rows)
}
