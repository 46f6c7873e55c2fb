//! What a task sees while it runs.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Map, Value};

use super::TaskError;
use crate::{
    journal::{Level, Observer, Progress, StudyEvent},
    plan::Task,
    store::{Artifact, Partial, Position, Publication, Store},
};

/// Inputs, output, checkpoints and surroundings of a running task.
pub struct TaskContext<'a> {
    pub(super) store: &'a Store,
    pub(super) task: &'a Task,
    pub(super) inputs: Vec<Artifact<'a>>,
    pub(super) publication: Publication<'a>,
    pub(super) partial: Partial,
    pub(super) threads: usize,
    pub(super) interrupt: Arc<AtomicBool>,
    pub(super) observer: &'a dyn Observer,
    pub(super) notes: Mutex<Map<String, Value>>,
}

impl<'a> TaskContext<'a> {
    /// The results it reads, in the order of [`Task::inputs`]; every byte was compared with its
    /// digest.
    pub fn inputs(&self) -> &[Artifact<'a>] {
        &self.inputs
    }

    /// The input of a given name.
    ///
    /// # Errors
    ///
    /// [`TaskError::Bug`] if the task does not name it.
    pub fn input(&self, name: &str) -> Result<&Artifact<'a>, TaskError> {
        let place = self.task.inputs.iter().position(|input| input == name);
        let found = place.and_then(|place| self.inputs.get(place));
        found.ok_or_else(|| {
            let task = &self.task.id;
            TaskError::Bug(format!("task `{task}` has no input named `{name}`").into())
        })
    }

    /// Inputs made by a stage, in order.
    pub fn inputs_of(&self, stage: &str) -> impl Iterator<Item = &Artifact<'a>> {
        let inputs = self.inputs.iter();
        inputs.filter(move |input| input.manifest().fields.stage == stage)
    }

    /// Where the task writes its files. Everything in it is published when the task succeeds.
    pub fn output(&self) -> &Publication<'a> {
        &self.publication
    }

    /// Its checkpoints; they outlive the process.
    pub fn partial(&self) -> &Partial {
        &self.partial
    }

    /// The store, for what is not an input.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Threads that the task may use. No number depends on it.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// True once the task should save a checkpoint and return [`TaskError::Interrupted`]. Cheap:
    /// ask between batches.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// [`TaskError::Interrupted`] once the task should end, for `?`.
    ///
    /// # Errors
    ///
    /// That one.
    pub fn check(&self) -> Result<(), TaskError> {
        if self.interrupted() {
            Err(TaskError::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Tells how far the task has come. Plans and other processes see it too once there is a
    /// checkpoint.
    pub fn progress(&self, progress: Progress) {
        if self.partial.exists() {
            // Only shown; a full disk will be reported by what matters.
            let _ = self.partial.note(Position {
                epoch: progress.epoch,
                of: progress.of,
            });
        }
        self.observer.observe(&StudyEvent::TaskProgress {
            task: self.task.id.clone(),
            progress,
        });
    }

    /// Tells something.
    pub fn message(&self, level: Level, text: impl Into<String>) {
        self.observer.observe(&StudyEvent::Message {
            level,
            task: Some(self.task.id.clone()),
            text: text.into(),
        });
    }

    /// Adds something to the provenance in the manifest. Not part of the key or the content.
    pub fn note(&self, name: impl Into<String>, value: Value) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.insert(name.into(), value);
    }

    /// A copy of the flag behind [`TaskContext::interrupted`], for loops that take one.
    pub fn interrupt_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }
}

impl std::fmt::Debug for TaskContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskContext")
            .field("task", &self.task.id)
            .field("threads", &self.threads)
            .field("thread", &thread::current().name())
            .finish_non_exhaustive()
    }
}
