//! Combines the members into the teacher.

use degu_core::Split;
use degu_train::{HostForecast, combine, held_out};

use super::{PreparedData, Result, StageError, network, plan::Assigned};
use degu_config::LabelMembers;
use degu_workflow::execute::{TaskContext, TaskError};

/// What the ensemble says of every row.
const FORECAST: &str = "predictions.safetensors";
/// What it teaches, where that differs.
const LABELS: &str = "labels.safetensors";

/// Mean and spread of all members on all rows.
pub(crate) fn predict(assigned: &Assigned, context: &TaskContext<'_>) -> Result<(), TaskError> {
    let mut members = Vec::new();
    for artifact in context.inputs_of("train") {
        members.push(network::predictions(artifact)?);
    }
    let ddof = assigned.study.distill.ddof;
    let forecast = combine(members.iter().cloned().map(Ok), ddof).map_err(stage)?;
    let bytes = forecast.to_bytes().map_err(stage)?;
    context.output().write_bytes(FORECAST, &bytes)?;
    if assigned.study.distill.label_members == LabelMembers::HeldOut {
        let labels = labels(assigned, &members, &forecast, context)?;
        let bytes = labels.to_bytes().map_err(stage)?;
        context.output().write_bytes(LABELS, &bytes)?;
    }
    Ok(())
}

/// Labels of the training rows from the members whose bootstrap left them out.
fn labels(
    assigned: &Assigned,
    members: &[HostForecast],
    forecast: &HostForecast,
    context: &TaskContext<'_>,
) -> Result<HostForecast, TaskError> {
    let data = PreparedData::of(context)?;
    let train = data.rows(Split::Train);
    let study = &assigned.study;
    let root = network::replicate(study, assigned.replicate);
    let mut trained = Vec::with_capacity(members.len());
    for k in 0..members.len() {
        let mut seen = vec![false; forecast.rows];
        let rows = network::training_rows(study, &root, k, &data).map_err(StageError::into_task)?;
        for row in rows {
            seen[row] = true;
        }
        trained.push(seen);
    }
    let ddof = assigned.study.distill.ddof;
    let labels = held_out(members, &trained, forecast, &train, ddof).map_err(stage)?;
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

fn stage(error: degu_train::TrainError) -> TaskError {
    StageError::from(error).into_task()
}

/// The teacher among the inputs of a task: what it predicts.
pub(crate) fn forecast(context: &TaskContext<'_>) -> Result<HostForecast, TaskError> {
    read(context, FORECAST)
}

/// The teacher among the inputs of a student: what it teaches.
pub(crate) fn lesson(
    assigned: &Assigned,
    context: &TaskContext<'_>,
) -> Result<HostForecast, TaskError> {
    match assigned.study.distill.label_members {
        LabelMembers::All => read(context, FORECAST),
        LabelMembers::HeldOut => read(context, LABELS),
    }
}

fn read(context: &TaskContext<'_>, file: &str) -> Result<HostForecast, TaskError> {
    let artifact = context
        .inputs_of("predict")
        .next()
        .ok_or_else(|| TaskError::Bug("a task without the teacher among its inputs".into()))?;
    HostForecast::from_bytes(&artifact.bytes(file)?).map_err(stage)
}
