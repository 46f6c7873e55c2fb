//! Names of the tasks that other tasks read.

use degu_config::Study;
use degu_core::{ModelId, TaskId};

/// A task at the base point.
pub(crate) fn task(stage: &'static str, unit: Option<String>) -> TaskId {
    TaskId {
        point: None,
        stage,
        unit,
    }
}

/// The task that makes a model.
pub(crate) fn task_of(model: ModelId) -> TaskId {
    match model {
        ModelId::Member(_) => task("train", Some(model.to_string())),
        ModelId::Ensemble => task("predict", Some("teacher".to_owned())),
        ModelId::Student(_) | ModelId::Control(_) => task("distill", Some(model.to_string())),
    }
}

/// The model that a task makes, if it makes one.
pub(crate) fn model_of(task: &TaskId) -> Option<ModelId> {
    match task.stage {
        "predict" => Some(ModelId::Ensemble),
        "train" | "distill" => task.unit.as_ref()?.parse().ok(),
        _ => None,
    }
}

/// The task that prepares the data.
pub(crate) fn prepare() -> TaskId {
    task("prepare", None)
}

/// The tasks of all members of a study.
pub(crate) fn members(study: &Study) -> impl Iterator<Item = TaskId> + use<> {
    (0..study.ensemble.members).map(|k| task_of(ModelId::Member(k)))
}

/// The students of a study, then its controls.
pub(crate) fn distilled(study: &Study) -> impl Iterator<Item = ModelId> + use<> {
    let distill = &study.distill;
    let (students, controls) = if distill.enabled {
        (distill.students, distill.mean_only_control)
    } else {
        (0, 0)
    };
    let students = (0..students).map(ModelId::Student);
    students.chain((0..controls).map(ModelId::Control))
}

/// The tasks of all students of a study, and those of its controls if they are asked for.
pub(crate) fn students(study: &Study, controls: bool) -> impl Iterator<Item = TaskId> + use<> {
    distilled(study)
        .filter(move |model| controls || matches!(model, ModelId::Student(_)))
        .map(task_of)
}
