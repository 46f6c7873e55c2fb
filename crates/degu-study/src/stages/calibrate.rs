//! Fits a calibrator on rows that neither trained nor stopped a model, and observes its intervals
//! on the test rows and on every held-out set.
//!
//! Profiles are calibrated bin by bin: each bin of each task has its own scores and its own
//! guarantee. Bins of one sequence are not independent, so a band is given to outputs of scalars
//! only, and over random cuts to each bin by itself.

mod conditional;
mod fit;
mod inputs;
mod observe;
mod resplit;
mod rows;
mod seen;
mod settings;
mod truth;

use std::sync::Arc;

use degu_config::{Point, Study};
use degu_core::{Calibrator, ModelId, TaskId};
use degu_report::{CalibrationNote, ModelKind};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::json;

use crate::{
    error::{Result, StageError},
    forecasts::{self, ModelForecast},
    plan::{
        digests::FileDigests,
        fields::{of, value},
    },
    results::{CalibrationResult, PointResults, PreparedData, calibration::FILE},
    stage::{Stage, seed},
    tasks::{self, task, task_of},
};
use fit::Block;
use inputs::Inputs;

pub(super) use settings::{alphas, block, label};

/// Raised when the code of this stage gives other numbers.
const REVISION: u32 = 3;

/// The task of a block `[calibration.NAME]`.
#[derive(Debug)]
struct Calibrate {
    name: String,
}

/// The tasks of a study.
pub(super) fn tasks(study: &Study) -> Vec<Arc<dyn Stage>> {
    let names = study.calibration.keys().cloned();
    names
        .map(|name| Arc::new(Calibrate { name }) as _)
        .collect()
}

/// The task that fits a block.
pub(super) fn task_of_block(name: &str) -> TaskId {
    task("calibrate", Some(name.to_owned()))
}

impl Stage for Calibrate {
    fn task(&self) -> TaskId {
        task_of_block(&self.name)
    }

    fn title(&self, _: &Study) -> Result<String> {
        Ok(format!("calibrates intervals ({})", self.name))
    }

    fn inputs(&self, study: &Study) -> Result<Vec<TaskId>> {
        let mut inputs = vec![tasks::prepare(), task_of(ModelId::Ensemble)];
        inputs.extend(tasks::students(study, false));
        if block(study, &self.name)?.plugin.build()?.needs().members {
            inputs.extend(tasks::members(study));
        }
        Ok(inputs)
    }

    fn fields(&self, point: &Point, _: &mut FileDigests<'_>) -> Result<KeyFields> {
        let block = block(&point.study, &self.name)?;
        Ok(KeyFields {
            plugins: json!({ "plugin": of(&block.plugin) }),
            // The name is in the tables of the artifact, and in its random streams.
            settings: value(&json!({ "alpha": block.keys.alpha, "name": self.name }))?,
            seed: seed(point, "calibrate"),
            ..KeyFields::new("calibrate", REVISION)
        })
    }

    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let data = PreparedData::of(context)?;
        let models = forecasts::of(self, &point.study, context)?;
        let result = calibrate(point, &self.name, &data, &models)?;
        Ok(context.output().write_json(FILE, &result)?)
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        let result: CalibrationResult = artifact.json(FILE)?;
        results.calibration.push(CalibrationResult {
            name: self.name.clone(),
            ..result
        });
        results.keys.push(artifact.key().full());
        Ok(())
    }
}

fn calibrate(
    point: &Point,
    name: &str,
    data: &PreparedData,
    models: &[ModelForecast],
) -> Result<CalibrationResult> {
    let block = Block::new(point, name, data)?;
    let mut result = CalibrationResult {
        name: name.to_owned(),
        ..CalibrationResult::default()
    };
    let able = able(&block, data, models, &mut result);
    if able.is_empty() {
        return Err(StageError::Study {
            what: format!("[calibration.{name}] fits no model: {}", reasons(&result)),
            help: "distil with `targets = [\"mean\", \"epistemic\"]`, use a head that predicts what is missing, at least 2 members, or `score = \"absolute\"`",
        });
    }
    let members: Vec<&ModelForecast> = models
        .iter()
        .filter(|m| block.needs_members() && m.kind() == ModelKind::Member)
        .collect();
    for (number, model) in able.into_iter().enumerate() {
        let inputs = Inputs::new(data, model, &members, block.calibrator.as_ref());
        block.of_model(&inputs, number == 0, &mut result)?;
    }
    if result.rows.is_empty() {
        return Err(StageError::Study {
            what: format!(
                "[calibration.{name}] could be fitted to no model: {}",
                reasons(&result)
            ),
            help: "raise `split.calibration`, or choose a method that needs less",
        });
    }
    Ok(result)
}

/// The models that can be calibrated, students first: the first that fits is the one whose bins are
/// shown. Notes say why others cannot.
fn able<'a>(
    block: &Block<'_>,
    data: &PreparedData,
    models: &'a [ModelForecast],
    result: &mut CalibrationResult,
) -> Vec<&'a ModelForecast> {
    let mut able = Vec::new();
    for kind in [ModelKind::Student, ModelKind::Ensemble] {
        for model in models.iter().filter(|m| m.kind() == kind) {
            match lacks(block.calibrator.as_ref(), model, data) {
                None => able.push(model),
                Some(text) => block.note(result, model.id, text),
            }
        }
    }
    able
}

fn reasons(result: &CalibrationResult) -> String {
    let notes: &[CalibrationNote] = &result.uncertainty.notes;
    let texts: Vec<&str> = notes.iter().map(|n| n.text.as_str()).collect();
    texts.join("; ")
}

/// Why a model cannot be calibrated, if it cannot.
fn lacks(
    calibrator: &dyn Calibrator,
    model: &ModelForecast,
    data: &PreparedData,
) -> Option<String> {
    let needs = calibrator.needs();
    let f = &model.forecast;
    let what = if needs.epistemic && f.epistemic.is_none() {
        "predicts no epistemic spread"
    } else if needs.aleatoric && f.aleatoric.is_none() {
        "predicts no aleatoric spread"
    } else if needs.quantiles && f.quantiles.is_none() {
        "predicts no quantiles"
    } else if needs.members && model.id != ModelId::Ensemble {
        "has no members: the method calibrates the ensemble"
    } else if needs.category && data.category.is_none() {
        "has rows without a category: name its column in `[dataset]`"
    } else {
        return None;
    };
    Some(format!("{} {what}, so it is not calibrated", model.id))
}

#[cfg(test)]
mod tests;
