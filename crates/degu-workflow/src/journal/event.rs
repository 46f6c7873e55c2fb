//! What can happen in a study.

use serde::{Deserialize, Serialize};

use crate::plan::Counts;

/// How far a task has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs, chunks or whatever the task counts, finished.
    pub epoch: u64,
    /// How many there are at most.
    pub of: u64,
    /// Training loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Validation loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Best validation loss so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<f64>,
    /// Sequences per second, measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

/// How loud a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the curious.
    Info,
    /// Something to look at; the study goes on.
    Warning,
    /// Something failed.
    Error,
}

/// One thing that happened. Tasks are called by their first name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StudyEvent {
    /// A process began to run the study.
    StudyStarted {
        /// Name of the study.
        study: String,
        /// Host of the process.
        host: String,
        /// Its id.
        pid: u32,
        /// Version of the program.
        version: String,
    },
    /// The plan was compared with the store.
    Planned {
        /// Names in the plan.
        named: usize,
        /// Distinct tasks.
        distinct: usize,
        /// Results in the store.
        cached: usize,
        /// Everything else.
        to_run: usize,
    },
    /// A task began, or was continued.
    TaskStarted {
        /// The task.
        task: String,
        /// Key of its result, 16 digits.
        key: String,
        /// Threads given to it.
        threads: usize,
        /// True if it continues from a checkpoint.
        resumed: bool,
        /// 1, or more after a retry.
        attempt: u32,
    },
    /// A task came further.
    TaskProgress {
        /// The task.
        task: String,
        /// How far.
        #[serde(flatten)]
        progress: Progress,
    },
    /// A task's result was published.
    TaskFinished {
        /// The task.
        task: String,
        /// Key of its result, 16 digits.
        key: String,
        /// Wall time in seconds.
        seconds: f64,
        /// Size of its files in bytes.
        bytes: u64,
    },
    /// A task failed.
    TaskFailed {
        /// The task.
        task: String,
        /// Key of its result, 16 digits.
        key: String,
        /// Exit code of its class.
        exit: u8,
        /// What went wrong, causes included.
        message: String,
        /// True if it is tried again.
        retried: bool,
    },
    /// A task cannot run because something it reads failed.
    TaskBlocked {
        /// The task.
        task: String,
        /// What failed.
        by: String,
    },
    /// A task's result was in the store already.
    TaskCached {
        /// The task.
        task: String,
        /// Key of its result, 16 digits.
        key: String,
    },
    /// Another process works on a task; its result is waited for.
    TaskWaiting {
        /// The task.
        task: String,
        /// Host of the other process.
        host: String,
        /// Its id.
        pid: u32,
    },
    /// Tasks are about to be submitted to a scheduler.
    Intent {
        /// Marks the submission, so that it can be found again.
        nonce: String,
        /// The tasks.
        tasks: Vec<String>,
    },
    /// A scheduler took a submission.
    Submitted {
        /// Mark of the submission.
        nonce: String,
        /// The scheduler's name for it.
        job: String,
    },
    /// The scheduler's word and the store were compared.
    Reconciled {
        /// The scheduler's name for the submission.
        job: String,
        /// Outcome.
        text: String,
    },
    /// A signal came and the run has ended.
    Interrupted {
        /// Tasks that were running and ended for it, with a checkpoint if they save any.
        running: Vec<String>,
    },
    /// The run is over.
    StudyFinished {
        /// Exit code.
        exit: u8,
        /// Wall time in seconds.
        seconds: f64,
        /// Tasks computed.
        finished: usize,
        /// Tasks found in the store.
        cached: usize,
        /// Tasks failed.
        failed: usize,
        /// Tasks blocked.
        blocked: usize,
    },
    /// Anything else worth a line.
    Message {
        /// How loud.
        level: Level,
        /// The task it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
        /// The line.
        text: String,
    },
    /// An event of a newer version.
    #[serde(other)]
    Unknown,
}

impl From<&Counts> for StudyEvent {
    fn from(counts: &Counts) -> Self {
        Self::Planned {
            named: counts.named,
            distinct: counts.distinct,
            cached: counts.cached,
            to_run: counts.to_run,
        }
    }
}

/// Somebody who wants to know. Called from several threads at once.
pub trait Observer: Sync {
    /// Takes note of an event. Must not block for long: a task waits.
    fn observe(&self, event: &StudyEvent);
}

impl<F: Fn(&StudyEvent) + Sync> Observer for F {
    fn observe(&self, event: &StudyEvent) {
        self(event);
    }
}

/// Several observers as one.
#[derive(Default)]
pub struct Observers<'a>(pub Vec<&'a dyn Observer>);

impl Observer for Observers<'_> {
    fn observe(&self, event: &StudyEvent) {
        for observer in &self.0 {
            observer.observe(event);
        }
    }
}
