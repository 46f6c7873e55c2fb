//! From named tasks to a graph of keys.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{Node, Plan, Task};
use crate::key::Key;

/// The tasks of a study do not make a plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Tasks wait for each other.
    #[error("tasks wait for each other: {}", chain.join(" -> "))]
    Cycle {
        /// The names around the cycle; the first one again at the end. An arrow points to what is
        /// needed.
        chain: Vec<String>,
    },
    /// An input that no task makes.
    #[error("task `{id}` reads `{input}`, which no task of the plan makes")]
    UnknownInput {
        /// The reading task.
        id: String,
        /// What it reads.
        input: String,
    },
    /// Two different tasks with one name.
    #[error("two different tasks are named `{id}`: keys {first} and {second}")]
    Duplicate {
        /// The name.
        id: String,
        /// Key of the first.
        first: String,
        /// Key of the second.
        second: String,
    },
    /// Input keys that were given do not belong to the inputs that were named.
    #[error(
        "task `{id}` gives {given} input keys, which are not those of its {named} inputs: leave them empty"
    )]
    Inputs {
        /// The task.
        id: String,
        /// Keys given.
        given: usize,
        /// Inputs named.
        named: usize,
    },
    /// A name that is not in the plan.
    #[error("no task of the plan is named `{id}`; `degu-lab plan` lists them")]
    UnknownTask {
        /// The name.
        id: String,
    },
}

pub(super) fn build(tasks: Vec<Task>) -> Result<Plan, PlanError> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, task) in tasks.iter().enumerate() {
        first.entry(&task.id).or_insert(i);
    }
    let mut inputs: Vec<Vec<usize>> = Vec::with_capacity(tasks.len());
    for task in &tasks {
        let places = task.inputs.iter().map(|input| {
            let place = first.get(input.as_str()).copied();
            place.ok_or_else(|| PlanError::UnknownInput {
                id: task.id.clone(),
                input: input.clone(),
            })
        });
        inputs.push(places.collect::<Result<_, _>>()?);
    }
    let order = order(&tasks, &inputs)?;
    let mut tasks: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    let mut nodes: Vec<Node> = Vec::new();
    let mut by_key: BTreeMap<Key, usize> = BTreeMap::new();
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    let mut place_of = vec![0; tasks.len()];
    for i in order {
        let Some(mut task) = tasks[i].take() else {
            continue;
        };
        let places: Vec<usize> = inputs[i].iter().map(|&input| place_of[input]).collect();
        let keys: Vec<Key> = places.iter().map(|&place| nodes[place].key).collect();
        if !task.fields.inputs.is_empty() && task.fields.inputs != keys {
            return Err(PlanError::Inputs {
                id: task.id,
                given: task.fields.inputs.len(),
                named: keys.len(),
            });
        }
        task.fields.inputs = keys;
        let key = task.fields.key();
        let place = *by_key.entry(key).or_insert(nodes.len());
        place_of[i] = place;
        if let Some(&other) = by_name.get(&task.id) {
            if other != place {
                return Err(PlanError::Duplicate {
                    first: nodes[other].key.to_string(),
                    second: key.to_string(),
                    id: task.id,
                });
            }
            continue;
        }
        by_name.insert(task.id.clone(), place);
        if let Some(node) = nodes.get_mut(place) {
            node.names.push(task.id);
            continue;
        }
        for &input in &places {
            if nodes[input].dependents.last() != Some(&place) {
                nodes[input].dependents.push(place);
            }
        }
        nodes.push(Node {
            key,
            names: vec![task.id.clone()],
            task,
            inputs: places,
            dependents: Vec::new(),
        });
    }
    Ok(Plan { nodes, by_name })
}

/// Each task after its inputs; among those that could come next, the one that was named first.
fn order(tasks: &[Task], inputs: &[Vec<usize>]) -> Result<Vec<usize>, PlanError> {
    let mut missing: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    for (i, list) in inputs.iter().enumerate() {
        for &input in list {
            dependents[input].push(i);
        }
    }
    let ready = missing.iter().enumerate().filter(|(_, n)| **n == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(|(i, _)| Reverse(i)).collect();
    let mut order = Vec::with_capacity(tasks.len());
    while let Some(Reverse(i)) = ready.pop() {
        order.push(i);
        for &dependent in &dependents[i] {
            missing[dependent] -= 1;
            if missing[dependent] == 0 {
                ready.push(Reverse(dependent));
            }
        }
    }
    match missing.iter().position(|&n| n > 0) {
        None => Ok(order),
        Some(start) => Err(cycle(tasks, inputs, &missing, start)),
    }
}

/// Follows unfinished inputs until a task comes back.
fn cycle(tasks: &[Task], inputs: &[Vec<usize>], missing: &[usize], start: usize) -> PlanError {
    let mut path = vec![start];
    let mut seen = vec![false; tasks.len()];
    let mut here = start;
    while !seen[here] {
        seen[here] = true;
        // A task that is not finished has an input that is not finished.
        let Some(&next) = inputs[here].iter().find(|&&input| missing[input] > 0) else {
            break;
        };
        path.push(next);
        here = next;
    }
    let from = path.iter().position(|&i| i == here).unwrap_or(0);
    PlanError::Cycle {
        chain: path[from..].iter().map(|&i| tasks[i].id.clone()).collect(),
    }
}
