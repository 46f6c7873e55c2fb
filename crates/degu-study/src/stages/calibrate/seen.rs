//! A fitted calibrator on some rows, and its intervals of one task.

use degu_core::{Calibration, OutputKind};
use degu_report::UncertaintySource;
use degu_stats::{
    Alpha, Guarantee,
    conformal::{CoverageBand, Intervals, beta_binomial_band},
};

use super::inputs::Part;
use crate::{forecasts::ModelForecast, results::PreparedData};

/// Level of the beta-binomial band.
pub(super) const BAND: f64 = 0.9;

/// A fitted calibrator and the rows that it is looked at on.
pub(super) struct Seen<'a> {
    pub(super) data: &'a PreparedData,
    pub(super) label: &'a str,
    pub(super) model: &'a ModelForecast,
    /// `test`, or the name of a held-out set.
    pub(super) split: &'a str,
    pub(super) fitted: &'a dyn Calibration,
    pub(super) part: &'a Part,
    /// Rows of the part in the data.
    pub(super) index: &'a [usize],
}

/// Intervals and measurements of one task on the rows where it was measured.
pub(super) struct Observed {
    pub(super) positions: Vec<usize>,
    /// Places in the layout of the means.
    pub(super) at: Vec<usize>,
    pub(super) intervals: Intervals,
    pub(super) y: Vec<f64>,
}

pub(super) fn observed(
    all: &degu_core::Intervals,
    part: &Part,
    task: usize,
    tasks: usize,
) -> Observed {
    let (mut positions, mut places, mut ends, mut y) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..part.rows {
        for j in (task..part.outputs).step_by(tasks) {
            let at = row * part.outputs + j;
            if part.y[at].is_finite() {
                positions.push(row);
                places.push(at);
                ends.push((all.lower[at], all.upper[at]));
                y.push(part.y[at]);
            }
        }
    }
    Observed {
        positions,
        at: places,
        intervals: Intervals::from_ends(ends),
        y,
    }
}

impl Seen<'_> {
    /// Calibration rows of a task: the fewest of its bins.
    pub(super) fn units(&self, task: usize) -> usize {
        let units = self.fitted.units();
        let own = units.iter().skip(task).step_by(self.data.tasks());
        own.min().copied().unwrap_or(0)
    }

    /// The band of a marginal guarantee on rows that are exchangeable with the calibration rows;
    /// none elsewhere, and none over the bins of a profile, which are not independent.
    pub(super) fn band(&self, alpha: Alpha, n: usize, rows: usize) -> Option<CoverageBand> {
        let valid = self.data.output() == OutputKind::Scalar
            && self.split == degu_core::Split::Test.name()
            && self.fitted.guarantee(alpha) == Guarantee::Marginal;
        valid
            .then(|| beta_binomial_band(n, alpha.rank(n).min(n + 1), rows, BAND).ok())
            .flatten()
    }

    pub(super) fn source(&self, task: &str, spread: &str) -> UncertaintySource {
        UncertaintySource {
            kind: self.model.kind(),
            model: self.model.id.to_string(),
            calibrator: self.label.to_owned(),
            spread: spread.to_owned(),
            split: self.split.to_owned(),
            task: task.to_owned(),
        }
    }
}
