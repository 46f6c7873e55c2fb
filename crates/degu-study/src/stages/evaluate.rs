//! Compares every model's predictions with the measurements.

mod resampled;
mod scores;
mod spread;
mod spread_correlations;

use std::sync::Arc;

use degu_config::{Point, Study};
use degu_core::{ModelId, TaskId};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};

use crate::{
    error::Result,
    forecasts::{self, ModelForecast},
    plan::{digests::FileDigests, fields::value},
    results::{Evaluation, PointResults, PreparedData, evaluation::FILE},
    stage::{Stage, root, seed},
    tasks::{self, task, task_of},
};
use scores::Scores;

/// Raised when the code of this stage gives other numbers.
const REVISION: u32 = 4;

/// The task of a point.
#[derive(Debug)]
struct Evaluate;

/// The tasks of a study.
pub(super) fn tasks(_: &Study) -> Vec<Arc<dyn Stage>> {
    vec![Arc::new(Evaluate)]
}

impl Stage for Evaluate {
    fn task(&self) -> TaskId {
        task("evaluate", None)
    }

    fn title(&self, _: &Study) -> Result<String> {
        Ok("compares predictions and measurements".to_owned())
    }

    fn inputs(&self, study: &Study) -> Result<Vec<TaskId>> {
        let mut inputs = vec![tasks::prepare(), task_of(ModelId::Ensemble)];
        inputs.extend(tasks::members(study));
        inputs.extend(tasks::students(study, true));
        Ok(inputs)
    }

    fn fields(&self, point: &Point, _: &mut FileDigests<'_>) -> Result<KeyFields> {
        Ok(KeyFields {
            settings: value(&point.study.evaluation)?,
            seed: seed(point, "bootstrap"),
            ..KeyFields::new("evaluate", REVISION)
        })
    }

    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let data = PreparedData::of(context)?;
        let models = forecasts::of(self, &point.study, context)?;
        let evaluation = evaluate(point, &data, &models, context)?;
        Ok(context.output().write_json(FILE, &evaluation)?)
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        results.evaluation = Some(artifact.json(FILE)?);
        results.keys.push(artifact.key().full());
        Ok(())
    }
}

fn evaluate(
    point: &Point,
    data: &PreparedData,
    models: &[ModelForecast],
    context: &TaskContext<'_>,
) -> Result<Evaluation> {
    let study = &point.study;
    let metrics = scores::metrics(study, data)?;
    let ddof = study.distill.ddof;
    let root = root(point);
    let mut evaluation = Evaluation::default();
    for (split, rows) in data.evaluated(&study.evaluation.splits) {
        let scores = Scores {
            data,
            models,
            metrics: &metrics,
            split: &split,
            rows: &rows,
        };
        let resampled = scores.add(study, &root, &mut evaluation, context)?;
        let spreads = spread_correlations::of_split(data, models, &rows, &split, ddof)?;
        evaluation.metrics.extend(spreads);
        scores.add_means(&mut evaluation, &resampled);
    }
    evaluation.uncertainty = spread::of_models(data, models, &study.evaluation.splits, &root)?;
    Ok(evaluation)
}
