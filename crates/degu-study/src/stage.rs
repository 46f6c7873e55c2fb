//! What a stage is: the key, the inputs and the work of its tasks, and how their results are read.

use std::{fmt::Debug, sync::Arc};

use degu_config::{Point, Study};
use degu_core::{ModelId, Seed, TaskId};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::{Value, json};

use crate::{
    error::Result,
    plan::digests::FileDigests,
    results::{PointResults, network},
    tasks::model_of,
};

/// One task of a stage: `train` of member 3, or `calibrate` with one block of the study.
///
/// A stage is a folder below `stages` with implementations of this trait and a
/// line in its list. Nothing else knows which stages there are.
pub trait Stage: Debug + Send + Sync {
    /// Name of the task at the base point.
    fn task(&self) -> TaskId;

    /// What the task does, for people.
    ///
    /// # Errors
    ///
    /// Settings that exclude each other.
    fn title(&self, study: &Study) -> Result<String>;

    /// The tasks whose results it reads, at the base point, in the order in which it reads them.
    ///
    /// # Errors
    ///
    /// A plugin that cannot be built.
    fn inputs(&self, study: &Study) -> Result<Vec<TaskId>>;

    /// What decides the result beside the inputs.
    ///
    /// # Errors
    ///
    /// A source file that is missing or has another digest than the one pinned.
    fn fields(&self, point: &Point, digests: &mut FileDigests<'_>) -> Result<KeyFields>;

    /// Does the work: reads inputs and writes files through the context.
    ///
    /// # Errors
    ///
    /// The class of the failure is [`StageError::exit_code`](crate::StageError::exit_code).
    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()>;

    /// Adds what the task has written to the results of its point.
    ///
    /// # Errors
    ///
    /// An artifact that is damaged or does not parse.
    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()>;
}

/// A task of a plan: a stage at a point of the study.
#[derive(Debug, Clone)]
pub struct PlannedStage {
    /// Name of the task.
    pub task: TaskId,
    /// What it does.
    pub stage: Arc<dyn Stage>,
    /// Where.
    pub point: Arc<Point>,
}

/// The models among the inputs of a running task: members, the ensemble, students, controls.
pub(crate) fn models<'c, 'a>(
    stage: &dyn Stage,
    study: &Study,
    context: &'c TaskContext<'a>,
) -> Result<Vec<(ModelId, &'c Artifact<'a>)>> {
    let names = stage.inputs(study)?;
    let mut all: Vec<(ModelId, &Artifact<'_>)> = names
        .iter()
        .zip(context.inputs())
        .filter_map(|(task, artifact)| Some((model_of(task)?, artifact)))
        .collect();
    all.sort_by_key(|(model, _)| *model);
    Ok(all)
}

/// The predictions of the members among the inputs of a running task.
pub(crate) fn member_predictions(
    context: &TaskContext<'_>,
) -> Result<Vec<degu_train::HostForecast>> {
    context
        .inputs_of("train")
        .map(network::predictions)
        .collect()
}

/// The random streams of a point.
pub(crate) fn root(point: &Point) -> Seed {
    Seed::root(point.study.identity.seed).child(format!("replicate/{}", point.replicate))
}

/// A random stream of a point as it enters a key.
pub(crate) fn seed(point: &Point, path: &str) -> Value {
    json!(format!(
        "{}:/replicate/{}/{path}",
        point.study.identity.seed, point.replicate
    ))
}
