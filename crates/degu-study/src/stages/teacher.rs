//! Combines the members into the teacher.

use std::sync::Arc;

use degu_config::{LabelMembers, Point, Study};
use degu_core::{ModelId, Split, TaskId};
use degu_train::{HostForecast, combine, held_out};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::json;

use crate::{
    error::{Result, StageError},
    network,
    plan::{digests::FileDigests, fields::value},
    results::{PointResults, PreparedData, network::PREDICTIONS},
    stage::{Stage, member_predictions, root},
    tasks::{self, task_of},
};

/// Raised when the numbers of the ensemble change.
const REVISION: u32 = network::REVISION;

/// What the ensemble teaches, where that differs from what it predicts.
const LABELS: &str = "labels.safetensors";

/// The task of a point.
#[derive(Debug)]
struct Predict;

/// The tasks of a study.
pub(super) fn tasks(_: &Study) -> Vec<Arc<dyn Stage>> {
    vec![Arc::new(Predict)]
}

impl Stage for Predict {
    fn task(&self) -> TaskId {
        task_of(ModelId::Ensemble)
    }

    fn title(&self, _: &Study) -> Result<String> {
        Ok("combines the members".to_owned())
    }

    fn inputs(&self, study: &Study) -> Result<Vec<TaskId>> {
        let prepare = std::iter::once(tasks::prepare());
        Ok(prepare.chain(tasks::members(study)).collect())
    }

    fn fields(&self, point: &Point, _: &mut FileDigests<'_>) -> Result<KeyFields> {
        let distill = &point.study.distill;
        let mut settings = json!({ "ddof": distill.ddof });
        if distill.label_members != LabelMembers::All {
            settings["label_members"] = json!(distill.label_members);
        }
        Ok(KeyFields {
            settings: value(&settings)?,
            ..KeyFields::new("predict", REVISION)
        })
    }

    /// Writes the mean and the spread of all members on all rows.
    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let members = member_predictions(context)?;
        let distill = &point.study.distill;
        let ddof = distill.ddof;
        let forecast = combine(members.iter().cloned().map(Ok), ddof)?;
        let output = context.output();
        output.write_bytes(PREDICTIONS, &forecast.to_bytes()?)?;
        if distill.label_members == LabelMembers::HeldOut {
            let labels = labels(point, &members, &forecast, context)?;
            output.write_bytes(LABELS, &labels.to_bytes()?)?;
        }
        Ok(())
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        results.model(ModelId::Ensemble, artifact)
    }
}

/// Labels of the training rows from the members whose bootstrap left them out.
fn labels(
    point: &Point,
    members: &[HostForecast],
    forecast: &HostForecast,
    context: &TaskContext<'_>,
) -> Result<HostForecast> {
    let data = PreparedData::of(context)?;
    let train = data.rows(Split::Train);
    let root = root(point);
    let mut trained = Vec::with_capacity(members.len());
    for k in 0..members.len() {
        let mut seen = vec![false; forecast.rows];
        for row in network::training_rows(&point.study, &root, k, &data)? {
            seen[row] = true;
        }
        trained.push(seen);
    }
    let ddof = point.study.distill.ddof;
    let labels = held_out(members, &trained, forecast, &train, ddof)?;
    let unknown = |values: &[f32]| {
        let missing = |row: &&usize| values[**row * labels.width].is_nan();
        train.iter().filter(missing).count()
    };
    context.note(
        "training rows without a label",
        unknown(&labels.mean).into(),
    );
    if let Some(spread) = &labels.epistemic {
        context.note("training rows without a spread", unknown(spread).into());
    }
    Ok(labels)
}

/// The teacher among the inputs of a student: what it teaches.
pub(super) fn lesson(study: &Study, context: &TaskContext<'_>) -> Result<HostForecast> {
    let artifact = context.inputs_of("predict").next();
    let artifact = artifact.ok_or_else(|| StageError::bug("a student without a teacher"))?;
    let file = match study.distill.label_members {
        LabelMembers::All => PREDICTIONS,
        LabelMembers::HeldOut => LABELS,
    };
    Ok(HostForecast::from_bytes(&artifact.bytes(file)?)?)
}
