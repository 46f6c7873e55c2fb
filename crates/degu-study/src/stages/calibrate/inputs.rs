//! Predictions of a model on some rows, as calibrators take them.

use degu_core::{CalibrationSet, Calibrator, Forecast, Seed};

use crate::{error::Result, forecasts::ModelForecast, network, results::PreparedData};
use degu_apply::covariates;
use degu_config::Study;

/// What a calibrator may be told of every row.
pub(super) struct Inputs<'a> {
    pub(super) data: &'a PreparedData,
    pub(super) model: &'a ModelForecast,
    members: Vec<&'a ModelForecast>,
    category: bool,
    features: Option<(Vec<f64>, usize)>,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(
        data: &'a PreparedData,
        model: &'a ModelForecast,
        members: &[&'a ModelForecast],
        calibrator: &dyn Calibrator,
    ) -> Self {
        let wanted = calibrator.covariates();
        let features = (!wanted.is_empty())
            .then(|| covariates(&data.examples.codes, data.info.length, &wanted));
        Self {
            data,
            model,
            members: members.to_vec(),
            category: calibrator.needs().category,
            features,
        }
    }

    /// The rows of `index`, in that order.
    pub(super) fn part(&self, index: &[usize]) -> Part {
        let own = self.model.forecast.select(index);
        let wide = |v: &Vec<f32>| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
        let width = own.width;
        let members = (!self.members.is_empty()).then(|| {
            let means = self.members.iter();
            let means = means.flat_map(|m| wide(&m.forecast.select(index).mean));
            (means.collect(), self.members.len())
        });
        let category = self.data.category.as_ref().filter(|_| self.category);
        Part {
            rows: own.rows,
            outputs: width,
            mean: wide(&own.mean),
            epistemic: own.epistemic.as_ref().map(wide),
            aleatoric: own.aleatoric.as_ref().map(wide),
            quantiles: own
                .wide_quantiles()
                .map(|(levels, values)| (values, levels)),
            members,
            category: category.map(|c| index.iter().map(|r| c[*r].clone()).collect()),
            features: self.features.as_ref().map(|(all, w)| {
                let rows = index.iter();
                let rows = rows.flat_map(|r| all[r * w..(r + 1) * w].iter().copied());
                (rows.collect(), *w)
            }),
            y: index
                .iter()
                .flat_map(|r| {
                    self.data.measured.mean[r * width..(r + 1) * width]
                        .iter()
                        .map(|v| f64::from(*v))
                })
                .collect(),
            unit: index.iter().map(|r| self.data.group[*r]).collect(),
            drawn: None,
        }
    }
}

/// Some rows of a model's forecast in f64.
pub(super) struct Part {
    pub(super) rows: usize,
    pub(super) outputs: usize,
    pub(super) mean: Vec<f64>,
    pub(super) epistemic: Option<Vec<f64>>,
    pub(super) aleatoric: Option<Vec<f64>>,
    quantiles: Option<(Vec<f64>, Vec<f64>)>,
    members: Option<(Vec<f64>, usize)>,
    category: Option<Vec<String>>,
    features: Option<(Vec<f64>, usize)>,
    pub(super) y: Vec<f64>,
    unit: Vec<u64>,
    /// Whether a member trained on a row, `[members, rows]`.
    pub(super) drawn: Option<Vec<bool>>,
}

impl Part {
    pub(super) fn forecast(&self) -> Forecast<'_> {
        Forecast {
            epistemic: self.epistemic.as_deref(),
            aleatoric: self.aleatoric.as_deref(),
            quantiles: self
                .quantiles
                .as_ref()
                .map(|(v, l)| (v.as_slice(), l.as_slice())),
            members: self.members.as_ref().map(|(v, n)| (v.as_slice(), *n)),
            category: self.category.as_deref(),
            features: self.features.as_ref().map(|(v, w)| (v.as_slice(), *w)),
            ..Forecast::new(self.rows, self.outputs, &self.mean)
        }
    }

    pub(super) fn set(&self) -> CalibrationSet<'_> {
        CalibrationSet {
            drawn: self.drawn.as_deref(),
            ..CalibrationSet::new(self.forecast(), &self.y, &self.unit)
        }
    }
}

/// Whether each member trained on each of `rows`, `[members, rows]`: drawn again from the seeds of
/// the training.
pub(super) fn drawn(
    study: &Study,
    root: &Seed,
    data: &PreparedData,
    rows: &[usize],
) -> Result<Vec<bool>> {
    let mut all = Vec::with_capacity(study.ensemble.members * rows.len());
    for member in 0..study.ensemble.members {
        let mut trained = vec![false; data.ids.len()];
        for row in network::training_rows(study, root, member, data)? {
            trained[row] = true;
        }
        all.extend(rows.iter().map(|r| trained[*r]));
    }
    Ok(all)
}
