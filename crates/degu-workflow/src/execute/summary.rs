//! What a run came to.

use crate::exit::ExitCode;

use super::TaskError;

/// A task that failed.
#[derive(Debug)]
pub struct Failure {
    /// Its first name.
    pub task: String,
    /// Why.
    pub error: TaskError,
}

/// Outcome of a run, tasks by their first names in the order of the plan.
#[derive(Debug, Default)]
pub struct RunSummary {
    /// Published by this run.
    pub finished: Vec<String>,
    /// Found in the store, or published by another process meanwhile.
    pub cached: Vec<String>,
    /// Failed.
    pub failed: Vec<Failure>,
    /// Not run because something upstream failed: task and what failed.
    pub blocked: Vec<(String, String)>,
    /// Saved a checkpoint and ended.
    pub interrupted: Vec<String>,
    /// Not started because the run was interrupted or stopped at a failure.
    pub not_started: Vec<String>,
    /// Damaged objects that were moved aside and computed again.
    pub recomputed: Vec<String>,
    /// True if the run was interrupted.
    pub was_interrupted: bool,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl RunSummary {
    /// Exit code of the run: the most severe failure, or 130 if it was interrupted before
    /// everything was done, or 0.
    pub fn exit_code(&self) -> u8 {
        let failed = self.failed.iter().map(|failure| failure.error.exit_code());
        let open = !self.interrupted.is_empty() || !self.not_started.is_empty();
        let interrupted = (self.was_interrupted && open).then_some(ExitCode::INTERRUPTED);
        ExitCode::most_severe(failed.chain(interrupted))
    }
}
