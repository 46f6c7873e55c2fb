//! The plan of a study: a set of tasks, each addressed by the key of its result.
//!
//! A plan is a pure function of the study: no clock, no host, no order of files enters. Tasks with
//! equal keys are one task with several names, which is how the arms of an ablation share their
//! teachers.

mod build;
mod estimate;
mod file;
mod render;
mod survey;
mod units;

use std::collections::BTreeMap;

use crate::key::{Key, KeyFields};

pub use build::PlanError;
pub use estimate::{Estimate, History};
pub use file::{PlanFile, PlanFileTask};
pub use survey::{Counts, Survey, TaskState};
pub use units::{show_bytes, show_count, show_seconds};

/// One piece of work, as a study names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Name, unique in the study, as in `train/member-3`.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// What its key is made of; `inputs` are filled in by [`Plan::build`].
    pub fields: KeyFields,
    /// Names of the tasks whose results it reads, in the order in which it reads them.
    pub inputs: Vec<String>,
}

impl Task {
    /// A task without inputs.
    pub fn new(id: impl Into<String>, fields: KeyFields) -> Self {
        Self {
            id: id.into(),
            title: String::new(),
            fields,
            inputs: Vec::new(),
        }
    }

    /// The same task reading these results.
    pub fn with_inputs<T: Into<String>>(mut self, inputs: impl IntoIterator<Item = T>) -> Self {
        self.inputs = inputs.into_iter().map(Into::into).collect();
        self
    }

    /// The same task with a title.
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Name of its stage.
    pub fn stage(&self) -> &str {
        &self.fields.stage
    }
}

/// A task of a plan with its key and its place in the graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Key of its result.
    pub key: Key,
    /// The task under its first name; `fields.inputs` is complete.
    pub task: Task,
    /// All its names, first one first.
    pub names: Vec<String>,
    /// Places in [`Plan::nodes`] of what it reads, in its order; equal keys appear as often as they
    /// are named.
    pub inputs: Vec<usize>,
    /// Places of what reads it, ascending, each once.
    pub dependents: Vec<usize>,
}

/// A study's tasks in an order in which each comes after what it reads.
///
/// # Examples
///
/// ```
/// use degu_workflow::{key::KeyFields, plan::{Plan, Task}};
///
/// let prepare = Task::new("prepare", KeyFields::new("prepare", 1));
/// let arm = |id: &str| Task::new(id, KeyFields::new("train", 1)).with_inputs(["prepare"]);
/// let plan = Plan::build(vec![arm("base/train"), arm("arm/train"), prepare]).unwrap();
/// assert_eq!(plan.named(), 3);
/// assert_eq!(plan.nodes().len(), 2);
/// assert_eq!(plan.node("arm/train").unwrap().names, ["base/train", "arm/train"]);
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    nodes: Vec<Node>,
    by_name: BTreeMap<String, usize>,
}

impl Plan {
    /// Orders tasks, computes keys and merges tasks with equal keys. Tasks may come in any order;
    /// ties keep it.
    ///
    /// # Errors
    ///
    /// [`PlanError::Cycle`], [`PlanError::UnknownInput`], [`PlanError::Duplicate`],
    /// [`PlanError::Inputs`].
    pub fn build(tasks: Vec<Task>) -> Result<Self, PlanError> {
        build::build(tasks)
    }

    /// The distinct tasks, each after what it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Number of names, tasks with equal keys counted as often as they are named.
    pub fn named(&self) -> usize {
        self.by_name.len()
    }

    /// Place of a task by any of its names.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A task by any of its names.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.position(name).map(|place| &self.nodes[place])
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The part of the plan that the given tasks need: they and everything upstream. Keys do not
    /// change.
    ///
    /// # Errors
    ///
    /// [`PlanError::UnknownTask`] for a name that is not in the plan.
    pub fn needed_by<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, PlanError> {
        let mut wanted = vec![false; self.nodes.len()];
        for name in names {
            let place = self.position(name).ok_or_else(|| PlanError::UnknownTask {
                id: name.to_owned(),
            })?;
            wanted[place] = true;
        }
        for place in (0..self.nodes.len()).rev() {
            if wanted[place] {
                for &input in &self.nodes[place].inputs {
                    wanted[input] = true;
                }
            }
        }
        Ok(self.part(&wanted))
    }

    fn part(&self, wanted: &[bool]) -> Self {
        let mut places = vec![0; self.nodes.len()];
        let mut nodes: Vec<Node> = Vec::new();
        for (place, node) in self.nodes.iter().enumerate().filter(|(i, _)| wanted[*i]) {
            places[place] = nodes.len();
            nodes.push(node.clone());
        }
        for node in &mut nodes {
            node.dependents.retain(|&place| wanted[place]);
            for place in node.inputs.iter_mut().chain(&mut node.dependents) {
                *place = places[*place];
            }
        }
        let kept = self.by_name.iter().filter(|(_, place)| wanted[**place]);
        Self {
            by_name: kept
                .map(|(name, &place)| (name.clone(), places[place]))
                .collect(),
            nodes,
        }
    }
}
