//! Hands progress to the executor and checkpoints to the store.

use degu_train::{
    EpochRecord, TrainError, checkpoint::Checkpoint, fit::FitObserver, stopping::StoppingState,
};

use degu_workflow::execute::TaskContext;
use degu_workflow::journal::Progress;
use degu_workflow::store::{Partial, Position, StoreError};

/// What a training tells.
pub(super) struct Observer<'a, 'c> {
    context: &'a TaskContext<'c>,
    partial: &'a Partial,
    name: &'a str,
    rows: usize,
    last: Option<std::time::Instant>,
    /// Why a checkpoint could not be saved: the store's own error, with its class and its advice.
    pub(super) failed: Option<StoreError>,
}

impl<'a, 'c> Observer<'a, 'c> {
    /// Saves checkpoints of the task as `name`; `rows` pass through the network in an epoch.
    pub(super) fn new(context: &'a TaskContext<'c>, name: &'a str, rows: usize) -> Self {
        Self {
            context,
            partial: context.partial(),
            name,
            rows,
            last: None,
            failed: None,
        }
    }

    fn save(&self, checkpoint: &Checkpoint) -> degu_train::Result<Result<(), StoreError>> {
        let bytes = checkpoint.to_bytes()?;
        let epoch = checkpoint.progress.epoch as u64;
        let position = Position {
            epoch,
            of: checkpoint.progress.records.len().max(1) as u64,
        };
        let saved = self.partial.save(self.name, &bytes);
        Ok(saved.and_then(|()| self.partial.note(position)))
    }
}

impl FitObserver for Observer<'_, '_> {
    fn epoch(&mut self, record: &EpochRecord, of: usize, stopping: &StoppingState) {
        let now = std::time::Instant::now();
        let rate = self
            .last
            .replace(now)
            .map(|last| self.rows as f64 / (now - last).as_secs_f64());
        self.context.progress(Progress {
            epoch: record.epoch as u64,
            of: of as u64,
            loss: Some(record.loss),
            validation: Some(record.validation_loss),
            best: stopping.best(),
            rate,
        });
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> degu_train::Result<()> {
        self.save(checkpoint)?.map_err(|error| {
            let told = TrainError::Io(std::io::Error::other(error.to_string()));
            self.failed = Some(error);
            told
        })
    }
}
