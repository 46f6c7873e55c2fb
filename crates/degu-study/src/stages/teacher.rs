//! Combines the members into the teacher.

use degu_train::{HostForecast, combine};

use super::{StageError, network, options, plan::Assigned};
use crate::execute::{TaskContext, TaskError};

const FORECAST: &str = "predictions.safetensors";

/// Mean and spread of all members on all rows.
pub(crate) fn predict(assigned: &Assigned, context: &TaskContext<'_>) -> Result<(), TaskError> {
    let mut members = Vec::new();
    for artifact in context.inputs_of("train") {
        members.push(network::predictions(artifact)?);
    }
    let ddof = options::ddof(assigned.study.distill.ddof);
    let forecast =
        combine(members.into_iter().map(Ok), ddof).map_err(|e| StageError::from(e).into_task())?;
    let bytes = forecast
        .to_bytes()
        .map_err(|e| StageError::from(e).into_task())?;
    context.output().write_bytes(FORECAST, &bytes)?;
    Ok(())
}

/// The teacher among the inputs of a task.
pub(crate) fn forecast(context: &TaskContext<'_>) -> Result<HostForecast, TaskError> {
    let artifact = context
        .inputs_of("predict")
        .next()
        .ok_or_else(|| TaskError::Bug("a task without the teacher among its inputs".into()))?;
    HostForecast::from_bytes(&artifact.bytes(FORECAST)?)
        .map_err(|e| StageError::from(e).into_task())
}
