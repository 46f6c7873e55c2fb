//! What follows from the outcome of a task: dependents come closer, are blocked, or wait for a
//! repair.

use super::{
    Failure, TaskError,
    scheduler::{Scheduler, State},
    work::Outcome,
};
use crate::{
    journal::{Level, StudyEvent},
    key::Key,
    store::StoreError,
};

/// How often a damaged object is computed again before the disk is blamed.
const REPAIRS: u32 = 2;

impl Scheduler<'_> {
    pub(super) fn settle(&mut self, place: usize, outcome: Outcome) {
        self.running.remove(&place);
        match outcome {
            Outcome::Finished { seconds, bytes } => {
                self.tell(&StudyEvent::TaskFinished {
                    task: self.id(place),
                    key: self.plan.nodes()[place].key.short(),
                    seconds,
                    bytes,
                });
                self.arrive(place, State::Finished);
            }
            Outcome::Cached => {
                self.tell_cached(place);
                self.arrive(place, State::Cached);
            }
            Outcome::Failed(TaskError::Interrupted) => {
                // Also when the task had reasons of its own: nothing new starts then.
                self.states[place] = State::Interrupted;
                self.interrupted = true;
                self.stop = true;
            }
            Outcome::Failed(TaskError::Store(error)) if self.damaged(&error).is_some() => {
                let source = self.damaged(&error).unwrap_or(place);
                if self.repairs[source] >= REPAIRS {
                    self.fail_and_block(place, TaskError::Store(error));
                    return;
                }
                self.states[place] = State::Open;
                self.repair(source, &error.to_string());
                self.count_missing();
            }
            Outcome::Failed(error)
                if error.is_transient() && self.attempts[place] <= self.options.retries =>
            {
                self.tell_failed(place, &error, true);
                self.states[place] = State::Open;
                self.ready.insert(place);
            }
            Outcome::Failed(error) => self.fail_and_block(place, error),
        }
    }

    /// Place of the task whose published object is damaged.
    fn damaged(&self, error: &StoreError) -> Option<usize> {
        let key: Key = error.corrupt_key()?;
        self.plan.nodes().iter().position(|node| node.key == key)
    }

    /// Moves a damaged object aside and opens its task again.
    pub(super) fn repair(&mut self, place: usize, problem: &str) {
        let node = &self.plan.nodes()[place];
        self.repairs[place] += 1;
        match self.store.set_aside(&node.key) {
            Ok(aside) => {
                self.states[place] = State::Open;
                self.summary.recomputed.push(self.id(place));
                let text = format!("{problem}; moved to `{}`", aside.display());
                self.tell(&StudyEvent::Message {
                    level: Level::Warning,
                    task: Some(self.id(place)),
                    text,
                });
            }
            Err(error) => self.fail_and_block(place, error.into()),
        }
    }

    /// A result is there: dependents come closer.
    pub(super) fn arrive(&mut self, place: usize, state: State) {
        self.states[place] = state;
        for &dependent in &self.plan.nodes()[place].dependents {
            self.missing[dependent] = self.missing[dependent].saturating_sub(1);
            if self.missing[dependent] == 0 && self.states[dependent] == State::Open {
                self.ready.insert(dependent);
            }
        }
    }

    pub(super) fn fail(&mut self, place: usize, error: TaskError) {
        self.tell_failed(place, &error, false);
        self.states[place] = State::Failed;
        let task = self.id(place);
        self.summary.failed.push(Failure { task, error });
        self.stop |= !self.options.keep_going;
    }

    pub(super) fn fail_and_block(&mut self, place: usize, error: TaskError) {
        self.fail(place, error);
        self.block_dependents(place);
    }

    pub(super) fn block_dependents(&mut self, place: usize) {
        let mut open = vec![place];
        while let Some(next) = open.pop() {
            for &dependent in &self.plan.nodes()[next].dependents {
                if self.states[dependent] == State::Open {
                    self.states[dependent] = State::Blocked;
                    self.ready.remove(&dependent);
                    let (task, by) = (self.id(dependent), self.id(place));
                    self.tell(&StudyEvent::TaskBlocked {
                        task: task.clone(),
                        by: by.clone(),
                    });
                    self.summary.blocked.push((task, by));
                    open.push(dependent);
                }
            }
        }
    }

    fn tell_failed(&self, place: usize, error: &TaskError, retried: bool) {
        self.tell(&StudyEvent::TaskFailed {
            task: self.id(place),
            key: self.plan.nodes()[place].key.short(),
            exit: error.exit_code(),
            message: error.chain(),
            retried,
        });
    }
}
