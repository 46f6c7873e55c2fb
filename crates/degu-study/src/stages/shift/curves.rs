//! Curves over severities: how close each network stays to the ensemble.

use std::collections::BTreeMap;

use degu_core::ModelId;
use degu_report::{CurvePoint, ModelKind, ShiftCurve};
use degu_stats::moments::Ddof;
use degu_train::{HostForecast, combine};

use crate::{
    error::Result,
    results::{PreparedData, kind},
};

/// A number at one severity: task, kind and name of the model, metric; and its value.
pub(super) type Found = ((String, ModelKind, String, String), f64);

/// A number as a point of a curve.
pub(super) fn found(task: &str, model: ModelId, metric: impl Into<String>, value: f64) -> Found {
    let key = (
        task.to_owned(),
        kind(model),
        model.to_string(),
        metric.into(),
    );
    (key, value)
}

/// Curves by task, model and metric.
#[derive(Default)]
pub(super) struct Curves {
    points: BTreeMap<(String, ModelKind, String, String), Vec<CurvePoint>>,
}

impl Curves {
    pub(super) fn extend(&mut self, severity: f64, found: Vec<Found>) {
        for (key, value) in found {
            self.points.entry(key).or_default().push(CurvePoint {
                x: severity,
                value,
                low: None,
                high: None,
            });
        }
    }

    /// The curves of the shift `name`.
    pub(super) fn finish(self, name: &str, label: &str) -> Vec<ShiftCurve> {
        let points = self.points.into_iter();
        points
            .map(|((task, kind, model, metric), points)| ShiftCurve {
                shift: name.to_owned(),
                severity_label: label.to_owned(),
                task,
                kind,
                model,
                metric,
                points,
            })
            .collect()
    }
}

/// What all networks predict at one severity.
pub(super) struct Forecasts {
    /// Each network, members first.
    networks: Vec<(ModelId, HostForecast)>,
    /// The members as one predictor.
    pub(super) teacher: HostForecast,
    ddof: Ddof,
}

fn is_member(model: ModelId) -> bool {
    matches!(model, ModelId::Member(_))
}

impl Forecasts {
    pub(super) fn new(networks: Vec<(ModelId, HostForecast)>, ddof: Ddof) -> Result<Self> {
        let members = networks.iter().filter(|(id, _)| is_member(*id));
        let teacher = combine(members.map(|(_, f)| Ok(f.clone())), ddof)?;
        Ok(Self {
            networks,
            teacher,
            ddof,
        })
    }

    /// The models that a user would take: students, then the ensemble.
    pub(super) fn final_models(&self) -> impl Iterator<Item = (ModelId, &HostForecast)> {
        let students = self.networks.iter().filter(|(id, _)| !is_member(*id));
        let ensemble = std::iter::once((ModelId::Ensemble, &self.teacher));
        students.map(|(id, f)| (*id, f)).chain(ensemble)
    }

    /// The mean that a network is compared with. A member is part of the ensemble: it is compared
    /// with the others.
    fn reference(&self, model: ModelId) -> Result<HostForecast> {
        let others: Vec<&HostForecast> = self
            .networks
            .iter()
            .filter(|(id, _)| is_member(*id) && *id != model)
            .map(|(_, f)| f)
            .collect();
        if is_member(model) && !others.is_empty() {
            return Ok(combine(
                others.into_iter().map(|f| Ok(f.clone())),
                self.ddof,
            )?);
        }
        Ok(self.teacher.clone())
    }

    /// Squared distance of every network from the ensemble, and the mean spread of those that
    /// predict one.
    pub(super) fn closeness(&self, data: &PreparedData) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        for (task, name) in data.info.tasks.iter().enumerate() {
            let column = |f: &HostForecast, values: &[f32]| -> Vec<f64> {
                let rows = values.chunks(f.width);
                rows.flat_map(|row| row.iter().skip(task).step_by(data.tasks()))
                    .map(|v| f64::from(*v))
                    .collect()
            };
            for (id, forecast) in &self.networks {
                let own = column(forecast, &forecast.mean);
                let reference = self.reference(*id)?;
                let reference = column(&reference, &reference.mean);
                let squares = own.iter().zip(&reference).map(|(a, b)| (a - b).powi(2));
                let error = squares.sum::<f64>() / own.len() as f64;
                all.push(found(name, *id, "MSE to the ensemble", error));
            }
            for (id, forecast) in self.final_models() {
                if let Some(spread) = &forecast.epistemic {
                    let mean = average(&column(forecast, spread));
                    all.push(found(name, id, "mean epistemic sd", mean));
                }
            }
        }
        Ok(all)
    }
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
