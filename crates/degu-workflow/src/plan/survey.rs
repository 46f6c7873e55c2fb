//! A plan beside a store: what is there, what is to be done.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Estimate, History, Plan, units};
use crate::store::{Partial, Result, Store, Summary};

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskState {
    /// Its result is in the store.
    Cached {
        /// Size of its files in bytes, where the manifest can be read.
        bytes: Option<u64>,
    },
    /// A process works on it.
    Running {
        /// Host of the process.
        host: String,
        /// Its id.
        pid: u32,
        /// Seconds since its last heartbeat.
        age: f64,
        /// Epochs finished, where the task tells.
        epoch: Option<u64>,
        /// Epochs at most.
        of: Option<u64>,
    },
    /// It was interrupted and will continue from its checkpoint.
    Partial {
        /// Epochs finished, where the task tells.
        epoch: Option<u64>,
        /// Epochs at most.
        of: Option<u64>,
    },
    /// It will run.
    ToRun {
        /// What must be made before it.
        after: Vec<String>,
    },
    /// It failed in the last run; it runs again with the next.
    Failed {
        /// Why.
        message: String,
    },
    /// Something it reads failed in the last run.
    Blocked {
        /// What failed.
        by: String,
    },
}

/// How many tasks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Names in the plan.
    pub named: usize,
    /// Distinct tasks.
    pub distinct: usize,
    /// Results in the store.
    pub cached: usize,
    /// Everything else.
    pub to_run: usize,
    /// Of these, with a process working on them.
    pub running: usize,
    /// Of these, with a checkpoint to continue from.
    pub partial: usize,
    /// Of these, failed in the last run.
    pub failed: usize,
    /// Of these, waiting for one that failed.
    pub blocked: usize,
}

impl Counts {
    /// One line: "412 tasks named, 187 distinct, 96 cached, 91 to run".
    pub fn line(&self) -> String {
        let mut line = format!(
            "{} tasks named, {} distinct, {} cached, {} to run",
            units::show_count(self.named),
            units::show_count(self.distinct),
            units::show_count(self.cached),
            units::show_count(self.to_run)
        );
        let parts = [
            (self.partial, "from a checkpoint"),
            (self.running, "running"),
            (self.failed, "failed before"),
            (self.blocked, "blocked"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{} {what}", units::show_count(n)))
            .collect();
        if !parts.is_empty() {
            line = format!("{line} ({})", parts.join(", "));
        }
        line
    }
}

/// A plan with the state of every task.
#[derive(Clone, Debug)]
pub struct Survey<'a> {
    pub(super) plan: &'a Plan,
    /// States in the order of [`Plan::nodes`].
    pub states: Vec<TaskState>,
    /// Time each task that is not cached is expected to take; `None` without history.
    pub estimates: Vec<Option<Estimate>>,
    /// Summary.
    pub counts: Counts,
}

impl Plan {
    /// Looks up every task in the store. Reads only.
    ///
    /// `failed` are tasks that failed in the last run, with their messages, as a ledger tells; they
    /// and what waits for them are shown so.
    ///
    /// # Errors
    ///
    /// Those of listing the store.
    pub fn survey(&self, store: &Store, failed: &BTreeMap<String, String>) -> Result<Survey<'_>> {
        let summaries = store.summaries()?;
        let history = History::new(&summaries);
        let bytes: BTreeMap<String, &Summary> =
            summaries.iter().map(|s| (s.key.short(), s)).collect();
        let published = store.published()?;
        let (live, partials) = (store.live_leases()?, store.partials()?);
        let mut states: Vec<TaskState> = Vec::with_capacity(self.nodes().len());
        let mut estimates = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let name = node.key.short();
            let position = || partials.contains(&name).then(|| store.partial(&node.key));
            let state = if published.contains(&name) {
                let bytes = bytes.get(&name).map(|summary| summary.bytes);
                TaskState::Cached { bytes }
            } else if let Some((holder, age)) = live.get(&name) {
                let position = position().as_ref().and_then(Partial::position);
                TaskState::Running {
                    host: holder.host.clone(),
                    pid: holder.pid,
                    age: age.as_secs_f64(),
                    epoch: position.map(|p| p.epoch),
                    of: position.map(|p| p.of),
                }
            } else if let Some(message) = node.names.iter().find_map(|name| failed.get(name)) {
                TaskState::Failed {
                    message: message.clone(),
                }
            } else if let Some(by) = self.blocked_by(&node.inputs, &states) {
                TaskState::Blocked { by }
            } else if let Some(partial) = position() {
                let position = partial.position();
                TaskState::Partial {
                    epoch: position.map(|p| p.epoch),
                    of: position.map(|p| p.of),
                }
            } else {
                let waits = |place: &&usize| !matches!(states[**place], TaskState::Cached { .. });
                let mut after: Vec<String> = Vec::new();
                for &input in node.inputs.iter().filter(waits) {
                    let id: &String = &self.nodes()[input].task.id;
                    if !after.contains(id) {
                        after.push(id.clone());
                    }
                }
                TaskState::ToRun { after }
            };
            estimates.push(match state {
                TaskState::Cached { .. } => None,
                _ => history.estimate(&node.task.fields),
            });
            states.push(state);
        }
        let counts = self.count(&states);
        Ok(Survey {
            plan: self,
            states,
            estimates,
            counts,
        })
    }

    fn blocked_by(&self, inputs: &[usize], states: &[TaskState]) -> Option<String> {
        inputs.iter().find_map(|&input| match &states[input] {
            TaskState::Failed { .. } => Some(self.nodes()[input].task.id.clone()),
            TaskState::Blocked { by } => Some(by.clone()),
            _ => None,
        })
    }

    fn count(&self, states: &[TaskState]) -> Counts {
        let mut counts = Counts {
            named: self.named(),
            distinct: states.len(),
            ..Counts::default()
        };
        for state in states {
            match state {
                TaskState::Cached { .. } => counts.cached += 1,
                TaskState::Running { .. } => counts.running += 1,
                TaskState::Partial { .. } => counts.partial += 1,
                TaskState::Failed { .. } => counts.failed += 1,
                TaskState::Blocked { .. } => counts.blocked += 1,
                TaskState::ToRun { .. } => {}
            }
        }
        counts.to_run = counts.distinct - counts.cached;
        counts
    }
}

impl Survey<'_> {
    /// Work that is left, in seconds on one worker, with the number of tasks that the sum covers
    /// and leaves out.
    pub fn work(&self) -> (f64, usize, usize) {
        let (mut seconds, mut known, mut unknown) = (0.0, 0, 0);
        for (state, estimate) in self.states.iter().zip(&self.estimates) {
            match (state, estimate) {
                (TaskState::Cached { .. }, _) => {}
                (_, Some(estimate)) => {
                    seconds += estimate.seconds;
                    known += 1;
                }
                (_, None) => unknown += 1,
            }
        }
        (seconds, known, unknown)
    }
}
