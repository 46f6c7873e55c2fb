//! Does the work of a task.

use std::collections::BTreeMap;

use degu_core::Seed;

use super::{
    StageError, attribute, calibrate, evaluate, network, options,
    plan::{Assigned, Work},
    prepare, shift, teacher,
};
use degu_workflow::execute::{Runner, TaskContext, TaskError};
use degu_workflow::plan::Task;

/// Runs the stages of a planned study.
#[derive(Debug)]
pub struct StageRunner {
    work: BTreeMap<String, Assigned>,
}

impl StageRunner {
    /// A runner for the tasks of a plan.
    pub fn new(work: BTreeMap<String, Assigned>) -> Self {
        Self { work }
    }
}

impl Runner for StageRunner {
    fn run(&self, task: &Task, context: &TaskContext<'_>) -> Result<(), TaskError> {
        let assigned = self.work.get(&task.id).ok_or_else(|| {
            TaskError::Bug(format!("nobody knows what `{}` does", task.id).into())
        })?;
        match &assigned.work {
            Work::Prepare => run_prepare(assigned, context),
            Work::Member(k) => network::member(assigned, *k, context),
            Work::Teacher => teacher::predict(assigned, context),
            Work::Student(s) => network::student(assigned, *s, false, context),
            Work::Control(s) => network::student(assigned, *s, true, context),
            Work::Evaluate => evaluate::evaluate(assigned, context),
            Work::Calibrate(name) => calibrate::calibrate(assigned, name, context),
            Work::Attribute(name) => attribute::attribute(assigned, name, context),
            Work::Shift(name) => shift::shift(assigned, name, context),
        }
    }
}

fn run_prepare(assigned: &Assigned, context: &TaskContext<'_>) -> Result<(), TaskError> {
    let study = &assigned.study;
    let prepared = (|| {
        let dataset = study.dataset.plugin.build()?;
        let spec = options::split_spec(&study.split)?;
        let prepared = prepare::prepare(dataset.as_ref(), &spec, &Seed::root(study.identity.seed))?;
        prepared.write(context.output())
    })();
    prepared.map_err(StageError::into_task)
}
