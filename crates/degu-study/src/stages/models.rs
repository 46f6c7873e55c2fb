//! The models of a study and their forecasts, as evaluation stages see them.

use degu_core::TaskForecast;
use degu_report::ModelKind;
use degu_train::HostForecast;

use super::{network, teacher};
use degu_workflow::execute::{TaskContext, TaskError};

/// A model's predictions of all rows.
#[derive(Debug, Clone)]
pub(crate) struct ModelForecast {
    /// What it is.
    pub(crate) kind: ModelKind,
    /// Its name: `member-3`, `ensemble`, `student-0`, `control-0`.
    pub(crate) name: String,
    /// Predictions of all rows.
    pub(crate) forecast: HostForecast,
}

/// Every model among the inputs of a task: members, the ensemble, students, controls.
pub(crate) fn of(context: &TaskContext<'_>) -> Result<Vec<ModelForecast>, TaskError> {
    let mut all = Vec::new();
    for (k, artifact) in context.inputs_of("train").enumerate() {
        all.push(ModelForecast {
            kind: ModelKind::Member,
            name: format!("member-{k}"),
            forecast: network::predictions(artifact)?,
        });
    }
    all.push(ModelForecast {
        kind: ModelKind::Ensemble,
        name: "ensemble".to_owned(),
        forecast: teacher::forecast(context)?,
    });
    for artifact in context.inputs_of("distill") {
        let card: degu_train::ModelCard = artifact.json(network::CARD)?;
        let name = card.name.rsplit(' ').next().unwrap_or("student").to_owned();
        let kind = if name.starts_with("control") {
            ModelKind::Baseline
        } else {
            ModelKind::Student
        };
        all.push(ModelForecast {
            kind,
            name,
            forecast: network::predictions(artifact)?,
        });
    }
    Ok(all)
}

/// The known measurements of one task on some rows, with what a model says of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskRows {
    /// Rows with a measurement.
    pub(crate) rows: Vec<usize>,
    /// Measured values, one per row (one per row and bin for profiles).
    pub(crate) y: Vec<f64>,
    /// Predicted means.
    pub(crate) mean: Vec<f64>,
    /// Predicted epistemic spreads.
    pub(crate) epistemic: Option<Vec<f64>>,
    /// Predicted aleatoric spreads.
    pub(crate) aleatoric: Option<Vec<f64>>,
}

impl TaskRows {
    /// Column `task` of `forecast` and of the measurements `y` (layout of the forecast), where
    /// measured.
    pub(crate) fn new(
        forecast: &HostForecast,
        y: &[f32],
        rows: &[usize],
        task: usize,
        tasks: usize,
    ) -> Self {
        let width = forecast.width;
        let mut all = Self {
            epistemic: forecast.epistemic.as_ref().map(|_| Vec::new()),
            aleatoric: forecast.aleatoric.as_ref().map(|_| Vec::new()),
            ..Self::default()
        };
        for &row in rows {
            for j in (task..width).step_by(tasks) {
                let at = row * width + j;
                if !y[at].is_finite() {
                    continue;
                }
                all.rows.push(row);
                all.y.push(f64::from(y[at]));
                all.mean.push(f64::from(forecast.mean[at]));
                if let (Some(to), Some(from)) = (&mut all.epistemic, &forecast.epistemic) {
                    to.push(f64::from(from[at]));
                }
                if let (Some(to), Some(from)) = (&mut all.aleatoric, &forecast.aleatoric) {
                    to.push(f64::from(from[at]));
                }
            }
        }
        all
    }

    /// What metrics see.
    pub(crate) fn forecast(&self) -> TaskForecast<'_> {
        TaskForecast {
            y: &self.y,
            mean: &self.mean,
            epistemic: self.epistemic.as_deref(),
            aleatoric: self.aleatoric.as_deref(),
        }
    }
}
