//! From a study to its tasks.

pub(crate) mod digests;
pub(crate) mod fields;
mod sources;

use std::{collections::BTreeMap, sync::Arc};

use degu_config::Point;
use degu_core::TaskId;
use degu_workflow::{
    execute::{Runner, TaskContext, TaskError},
    plan::{Node, Plan, Task},
    store::Store,
};

use crate::{
    error::{Result, StageError},
    stage::PlannedStage,
    stages,
};
use digests::FileDigests;
use sources::Sources;

/// A study as tasks; runs them as well.
#[derive(Debug)]
pub struct StudyPlan {
    /// The graph.
    pub plan: Plan,
    /// What each task does, by its id.
    pub work: BTreeMap<String, PlannedStage>,
    /// The points, in order.
    pub points: Vec<Arc<Point>>,
}

/// The point of a task's name; the base has none.
fn place(point: &Point) -> Option<String> {
    let base = point.arm.is_none() && point.sweep.is_none();
    (!base).then(|| point.name.clone())
}

/// Plans the points of a study.
///
/// # Errors
///
/// A source file that is missing or has another digest than the one pinned, labels that the dataset
/// does not have.
pub fn plan(points: Vec<Point>, store: Option<&Store>) -> Result<StudyPlan> {
    let points: Vec<Arc<Point>> = points.into_iter().map(Arc::new).collect();
    let mut tasks = Vec::new();
    let mut work = BTreeMap::new();
    let mut digests = FileDigests::new(store);
    let mut sources = Sources::default();
    for point in &points {
        let study = &point.study;
        let here = |task: TaskId| TaskId {
            point: place(point),
            ..task
        };
        for stage in stages::of(study) {
            let id = here(stage.task());
            let inputs = stage.inputs(study)?.into_iter().map(here);
            tasks.push(
                Task::new(id.to_string(), stage.fields(point, &mut digests)?)
                    .with_inputs(inputs.map(|input| input.to_string()))
                    .with_title(stage.title(study)?),
            );
            let planned = PlannedStage {
                task: id,
                stage,
                point: Arc::clone(point),
            };
            work.insert(planned.task.to_string(), planned);
        }
        sources.check(study)?;
    }
    let plan = Plan::build(tasks).map_err(|e| StageError::Study {
        what: e.to_string(),
        help: "this is a defect of the planner",
    })?;
    Ok(StudyPlan { plan, work, points })
}

impl StudyPlan {
    /// The tasks of a point with their places in the graph, by name.
    pub(crate) fn of_point<'a>(
        &'a self,
        point: &'a Arc<Point>,
    ) -> impl Iterator<Item = (&'a PlannedStage, &'a Node)> {
        let own = self.work.iter();
        own.filter(|(_, planned)| Arc::ptr_eq(&planned.point, point))
            .filter_map(|(id, planned)| Some((planned, self.plan.node(id)?)))
    }
}

impl Runner for StudyPlan {
    fn run(&self, task: &Task, context: &TaskContext<'_>) -> Result<(), TaskError> {
        let planned = self.work.get(&task.id).ok_or_else(|| {
            TaskError::Bug(format!("no stage of the study does `{}`", task.id).into())
        })?;
        Ok(planned.stage.run(&planned.point, context)?)
    }
}
