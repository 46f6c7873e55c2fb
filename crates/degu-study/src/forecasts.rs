//! The models of a study and their forecasts, as evaluation stages see them.

use degu_config::Study;
use degu_core::{ModelId, TaskForecast};
use degu_report::ModelKind;
use degu_train::HostForecast;
use degu_workflow::execute::TaskContext;

use crate::{
    error::Result,
    results::{kind, network},
    stage::{self, Stage},
};

/// A model's predictions of all rows.
#[derive(Debug, Clone)]
pub(crate) struct ModelForecast {
    /// What it is.
    pub(crate) id: ModelId,
    /// Predictions of all rows.
    pub(crate) forecast: HostForecast,
}

impl ModelForecast {
    /// What it is in tables and figures.
    pub(crate) fn kind(&self) -> ModelKind {
        kind(self.id)
    }
}

/// Every model among the inputs of a task: members, the ensemble, students, controls.
pub(crate) fn of(
    stage: &dyn Stage,
    study: &Study,
    context: &TaskContext<'_>,
) -> Result<Vec<ModelForecast>> {
    let models = stage::models(stage, study, context)?.into_iter();
    models
        .map(|(id, artifact)| {
            Ok(ModelForecast {
                id,
                forecast: network::predictions(artifact)?,
            })
        })
        .collect()
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

    /// The rows as metrics take them.
    pub(crate) fn forecast(&self) -> TaskForecast<'_> {
        TaskForecast {
            y: &self.y,
            mean: &self.mean,
            epistemic: self.epistemic.as_deref(),
            aleatoric: self.aleatoric.as_deref(),
        }
    }
}
