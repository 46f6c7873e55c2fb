//! The life of one task on its thread.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::{Map, Value};

use super::{Options, Runner, TaskContext, TaskError};
use crate::{
    journal::{Level, Observer, StudyEvent},
    plan::Node,
    store::{Artifact, Lease, Provenance, Store, clock},
};

/// Everything that a task's thread needs.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) node: &'a Node,
    pub(super) store: &'a Store,
    pub(super) runner: &'a (dyn Runner + Sync),
    pub(super) options: &'a Options,
    pub(super) observer: &'a dyn Observer,
    pub(super) threads: usize,
    pub(super) attempt: u32,
}

/// What became of it.
pub(super) enum Outcome {
    Finished { seconds: f64, bytes: u64 },
    Cached,
    Failed(TaskError),
}

impl<'a> Work<'a> {
    /// Runs and publishes; holds the lease meanwhile. Never panics.
    pub(super) fn run(self, inputs: &[&'a Node], lease: Lease) -> Outcome {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.attempt(inputs)));
        // Released before anybody hears of the outcome, so that whoever starts next finds no lease
        // of ours.
        drop(lease);
        match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Failed(error),
            Err(panic) => Outcome::Failed(TaskError::Panic {
                message: panic_message(panic.as_ref()),
            }),
        }
    }

    fn attempt(self, inputs: &[&'a Node]) -> Result<Outcome, TaskError> {
        let (node, store) = (self.node, self.store);
        // Somebody may have published between our look and our lease.
        if store.get(&node.key)?.is_some() {
            return Ok(Outcome::Cached);
        }
        let inputs = inputs.iter().map(|input| self.input(input));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let partial = store.partial(&node.key);
        let (clock_start, started) = (Instant::now(), clock::unix_seconds());
        self.observer.observe(&StudyEvent::TaskStarted {
            task: node.task.id.clone(),
            key: node.key.short(),
            threads: self.threads,
            resumed: partial.exists(),
            attempt: self.attempt,
        });
        let context = TaskContext {
            store,
            task: &node.task,
            inputs,
            publication: store.begin(&node.key)?,
            partial,
            threads: self.threads,
            interrupt: self.options.interrupt.clone(),
            observer: self.observer,
            notes: Mutex::default(),
        };
        self.runner.run(&node.task, &context)?;
        let seconds = clock_start.elapsed().as_secs_f64();
        let notes = context.notes.into_inner();
        let provenance = Provenance {
            task: node.task.id.clone(),
            study: self.options.study.clone(),
            started,
            seconds,
            threads: self.threads,
            bitwise: node.task.fields.numeric.get("device") != Some(&Value::from("cuda")),
            details: details(
                &self.options.details,
                notes.unwrap_or_else(PoisonError::into_inner),
            ),
        };
        let published = context.publication.publish(&node.task.fields, provenance)?;
        if !published.same_content {
            self.observer.observe(&StudyEvent::Message {
                level: Level::Warning,
                task: Some(node.task.id.clone()),
                text: format!(
                    "another process published {} with other bytes; theirs is kept: this stage is not reproducible here",
                    node.key
                ),
            });
        }
        let bytes = published.artifact.manifest().bytes();
        // The result is safe; checkpoints that cannot be removed now go with the next run or with
        // `gc`.
        let _ = context.partial.remove();
        Ok(if published.ours {
            Outcome::Finished { seconds, bytes }
        } else {
            Outcome::Cached
        })
    }

    fn input(&self, input: &Node) -> Result<Artifact<'a>, TaskError> {
        let artifact = self.store.get(&input.key)?.ok_or_else(|| {
            let (reader, id) = (&self.node.task.id, &input.task.id);
            let text =
                format!("`{id}`, which `{reader}` reads, disappeared from the store; run again");
            TaskError::Transient(text.into())
        })?;
        artifact.check()?;
        Ok(artifact)
    }
}

/// The run's details with the task's notes beside them.
fn details(run: &Value, notes: Map<String, Value>) -> Value {
    if notes.is_empty() {
        return run.clone();
    }
    let mut all = run.as_object().cloned().unwrap_or_default();
    all.extend(notes);
    Value::Object(all)
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
