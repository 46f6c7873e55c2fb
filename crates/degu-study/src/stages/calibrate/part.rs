//! Rows of a model's forecast, and what was measured there.

use degu_core::{CalibrationSet, Forecast};
use degu_stats::conformal::Intervals;
use degu_train::HostForecast;

use super::super::PreparedData;

/// Some rows of a model's forecast in f64, as calibrators take them.
pub(super) struct Part {
    pub(super) rows: usize,
    pub(super) outputs: usize,
    pub(super) mean: Vec<f64>,
    epistemic: Option<Vec<f64>>,
    aleatoric: Option<Vec<f64>>,
    quantiles: Option<(Vec<f64>, Vec<f64>)>,
    pub(super) y: Vec<f64>,
    unit: Vec<u64>,
}

impl Part {
    pub(super) fn new(data: &PreparedData, forecast: &HostForecast, index: &[usize]) -> Self {
        let own = forecast.select(index);
        let wide = |v: &Vec<f32>| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
        let width = own.width;
        Self {
            rows: own.rows,
            outputs: width,
            mean: wide(&own.mean),
            epistemic: own.epistemic.as_ref().map(wide),
            aleatoric: own.aleatoric.as_ref().map(wide),
            quantiles: own
                .quantiles
                .as_ref()
                .map(|(levels, values)| (wide(values), wide(levels))),
            y: index
                .iter()
                .flat_map(|r| {
                    data.measured.mean[r * width..(r + 1) * width]
                        .iter()
                        .map(|v| f64::from(*v))
                })
                .collect(),
            unit: index.iter().map(|r| data.group[*r]).collect(),
        }
    }

    pub(super) fn forecast(&self) -> Forecast<'_> {
        Forecast {
            rows: self.rows,
            outputs: self.outputs,
            mean: &self.mean,
            epistemic: self.epistemic.as_deref(),
            aleatoric: self.aleatoric.as_deref(),
            quantiles: self
                .quantiles
                .as_ref()
                .map(|(v, l)| (v.as_slice(), l.as_slice())),
            bin: None,
            features: None,
        }
    }

    pub(super) fn set(&self) -> CalibrationSet<'_> {
        CalibrationSet {
            forecast: self.forecast(),
            y: &self.y,
            unit: &self.unit,
        }
    }
}

/// Intervals and measurements of some outputs, where they were measured.
pub(super) struct Observed {
    /// Row within the part.
    pub(super) positions: Vec<usize>,
    /// Place in the part's means.
    pub(super) at: Vec<usize>,
    pub(super) intervals: Intervals,
    pub(super) y: Vec<f64>,
}

impl Observed {
    /// The outputs `first`, `first + step` and so on of every row: a task of all bins, or one output alone.
    pub(super) fn new(all: &degu_core::Intervals, part: &Part, first: usize, step: usize) -> Self {
        let (mut positions, mut places, mut ends, mut y) = (vec![], vec![], vec![], vec![]);
        for row in 0..part.rows {
            for output in (first..part.outputs).step_by(step) {
                let at = row * part.outputs + output;
                if part.y[at].is_finite() {
                    positions.push(row);
                    places.push(at);
                    ends.push((all.lower[at], all.upper[at]));
                    y.push(part.y[at]);
                }
            }
        }
        Self {
            positions,
            at: places,
            intervals: Intervals::from_ends(ends),
            y,
        }
    }
}
