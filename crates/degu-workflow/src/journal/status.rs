//! A ledger folded into where things stand, for `status` and `watch`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Progress, Record, StudyEvent};

/// Where one task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatusKind {
    /// Another process works on it.
    Waiting,
    /// It runs, or ran when the ledger ends.
    Running,
    /// Its result was published in this run.
    Finished,
    /// Its result was there.
    Cached,
    /// It failed.
    Failed,
    /// Something it reads failed.
    Blocked,
    /// It saved a checkpoint and ended.
    Interrupted,
}

/// What the ledger knows of one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskStatus {
    /// Where it stands.
    pub kind: TaskStatusKind,
    /// When that was last heard of, in seconds since 1970.
    pub at: f64,
    /// How far it came.
    pub progress: Option<Progress>,
    /// Wall time in seconds, of a finished one.
    pub seconds: Option<f64>,
    /// Message of a failure, or the task that blocks it.
    pub text: Option<String>,
}

/// A run, as its ledger tells: the last `study_started` and what came after.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StudyStatus {
    /// Name of the study.
    pub study: String,
    /// When the run started, in seconds since 1970.
    pub started: Option<f64>,
    /// Distinct tasks of its plan.
    pub distinct: Option<usize>,
    /// When and with which exit code it ended.
    pub finished: Option<(f64, u8)>,
    /// What is known of each task.
    pub tasks: BTreeMap<String, TaskStatus>,
}

impl StudyStatus {
    /// Folds the records of a ledger.
    pub fn of(records: &[Record]) -> Self {
        let mut status = Self::default();
        for record in records {
            status.apply(record);
        }
        status
    }

    /// Takes note of one more record.
    pub fn apply(&mut self, record: &Record) {
        use TaskStatusKind as Kind;
        let at = record.at;
        match &record.event {
            StudyEvent::StudyStarted { study, .. } => {
                *self = Self {
                    study: study.clone(),
                    started: Some(at),
                    ..Self::default()
                };
            }
            StudyEvent::Planned { distinct, .. } => self.distinct = Some(*distinct),
            StudyEvent::TaskStarted { task, .. } => {
                self.set(task, Kind::Running, at);
            }
            StudyEvent::TaskProgress { task, progress } => {
                self.set(task, Kind::Running, at).progress = Some(*progress);
            }
            StudyEvent::TaskFinished { task, seconds, .. } => {
                self.set(task, Kind::Finished, at).seconds = Some(*seconds);
            }
            StudyEvent::TaskFailed { task, message, .. } => {
                self.set(task, Kind::Failed, at).text = Some(message.clone());
            }
            StudyEvent::TaskBlocked { task, by } => {
                self.set(task, Kind::Blocked, at).text = Some(by.clone());
            }
            StudyEvent::TaskCached { task, .. } => {
                self.set(task, Kind::Cached, at);
            }
            StudyEvent::TaskWaiting { task, .. } => {
                self.set(task, Kind::Waiting, at);
            }
            StudyEvent::Interrupted { running } => {
                for task in running {
                    self.set(task, Kind::Interrupted, at);
                }
            }
            StudyEvent::StudyFinished { exit, .. } => self.finished = Some((at, *exit)),
            _ => {}
        }
    }

    /// Number of tasks that stand so.
    pub fn count(&self, kind: TaskStatusKind) -> usize {
        self.tasks.values().filter(|task| task.kind == kind).count()
    }

    /// Tasks that failed, with their messages, as [`Plan::survey`](crate::plan::Plan::survey) takes
    /// them.
    pub fn failures(&self) -> BTreeMap<String, String> {
        let failed = self
            .tasks
            .iter()
            .filter(|(_, task)| task.kind == TaskStatusKind::Failed);
        failed
            .map(|(name, task)| (name.clone(), task.text.clone().unwrap_or_default()))
            .collect()
    }

    fn set(&mut self, task: &str, kind: TaskStatusKind, at: f64) -> &mut TaskStatus {
        let entry = self.tasks.entry(task.to_owned()).or_insert(TaskStatus {
            kind,
            at,
            progress: None,
            seconds: None,
            text: None,
        });
        entry.kind = kind;
        entry.at = at;
        entry
    }
}
