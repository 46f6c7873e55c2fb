//! The training loop.
//!
//! One loop serves members and students, with the fused engine or with autograd. Everything that
//! the next step depends on is in the checkpoint, so a run that was killed and resumed ends with
//! the same bits as one that was not (on the CPU).
//!
//! Streams: `order` / `epoch/E`, `recalibration` / `epoch/E`, `dropout` (per layer, step and
//! element), `augmentation` / `epoch/E` / row.

mod dynamic;
mod evaluation;
pub(crate) mod options;
pub(crate) mod report;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use degu_core::{Augmentation, Seed, SequenceBatch};
use degu_nn::schedule::Rates;

use crate::{
    Backend, ExampleSet, Labels, Result, TrainError,
    backend::StepLoss,
    backend::{Batch, Update},
    checkpoint::{Checkpoint, Progress},
    examples::shuffled,
    stopping::{StoppingState, Watched},
};

pub use dynamic::DynamicLabels;
pub use options::FitOptions;
pub use report::{EpochRecord, FitReport};

/// Steps whose losses may wait on another device than the CPU.
const READ_EVERY: usize = 50;

/// What a network is fitted to.
pub struct FitData<'a> {
    /// Sequences.
    pub examples: &'a ExampleSet,
    /// Labels of the same rows.
    pub labels: &'a Labels,
    /// Rows that are trained on.
    pub train: &'a [usize],
    /// Rows that stop the training.
    pub validation: &'a [usize],
    /// Changes of the training sequences.
    pub augmentation: Option<&'a dyn Augmentation>,
    /// Labels each augmented batch anew.
    pub dynamic: Option<DynamicLabels<'a>>,
}

/// How a call of [`Fitter::run`] ended.
#[derive(Debug)]
pub enum FitOutcome {
    /// Finished; the backend holds the best weights.
    Finished(FitReport),
    /// Asked to stop; the last checkpoint continues the run.
    Interrupted {
        /// Finished epochs.
        epochs: usize,
    },
}

/// Receives progress and checkpoints.
pub trait FitObserver {
    /// After each epoch.
    fn epoch(&mut self, record: &EpochRecord, of: usize, stopping: &StoppingState);
    /// Within an epoch, every few steps: step, steps of the epoch, loss so far.
    fn step(&mut self, _epoch: usize, _step: usize, _of: usize, _loss: f64) {}
    /// A state that continues this run; stores it durably.
    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()>;
}

/// Fits one network.
pub struct Fitter<'a> {
    /// Data and labels.
    pub data: FitData<'a>,
    /// Options.
    pub options: &'a FitOptions,
    /// Phase: 0 for training, 1 for fine-tuning; part of the streams, so that phases draw other
    /// orders.
    pub phase: usize,
    /// Root of the streams of this network.
    pub seed: Seed,
    /// Ends the run at the next batch when set.
    pub interrupt: &'a AtomicBool,
}

impl Fitter<'_> {
    /// Trains until the epochs are over, early stopping ends it, or it is interrupted; the best
    /// weights are restored.
    ///
    /// # Errors
    ///
    /// [`TrainError::Diverged`], [`TrainError::EmptySplit`], or whatever the backend fails with.
    pub fn run(
        &self,
        backend: &mut dyn Backend,
        resume: Option<Checkpoint>,
        observer: &mut dyn FitObserver,
    ) -> Result<FitOutcome> {
        let labels = self.data.labels;
        let known = |rows: &[usize]| -> Vec<usize> {
            rows.iter()
                .copied()
                .filter(|r| labels.has_activity(*r))
                .collect()
        };
        let (train, validation) = (known(self.data.train), known(self.data.validation));
        if train.len() < 2 {
            return Err(TrainError::EmptySplit {
                split: "train",
                help: "check `[split]` and the targets with `degu-lab data inspect`",
            });
        }
        if validation.is_empty() {
            return Err(TrainError::EmptySplit {
                split: "validation",
                help: "early stopping needs validation rows; see `[split]`",
            });
        }
        let batch_size = self.options.batch_size.max(2);
        let mut progress = match resume {
            Some(checkpoint) => {
                backend.restore(&checkpoint.state)?;
                checkpoint.progress
            }
            None => Progress::new(self.options),
        };
        while progress.epoch < self.options.epochs && !progress.stopping.should_stop() {
            if !self.epoch(
                backend,
                &train,
                &validation,
                batch_size,
                &mut progress,
                observer,
            )? {
                return Ok(FitOutcome::Interrupted {
                    epochs: progress.epoch,
                });
            }
        }
        if let Some(best) = &progress.best {
            backend.set_weights(best)?;
        }
        Ok(FitOutcome::Finished(FitReport {
            best_epoch: progress.stopping.best_epoch(),
            best_value: progress.stopping.best().unwrap_or(f64::NAN),
            steps: progress.step,
            stopped_early: progress.stopping.should_stop(),
            epochs: progress.records,
        }))
    }

    /// One epoch from where `progress` stands; `false` if it was interrupted.
    fn epoch(
        &self,
        backend: &mut dyn Backend,
        train: &[usize],
        validation: &[usize],
        batch_size: usize,
        progress: &mut Progress,
        observer: &mut dyn FitObserver,
    ) -> Result<bool> {
        let epoch = progress.epoch + 1;
        let order = shuffled(train, &self.stream("order").child(format!("epoch/{epoch}")));
        let of = steps(train.len(), batch_size);
        let mut codes = Vec::new();
        let mut pending = Vec::new();
        while progress.step_in_epoch < of {
            if self.interrupt.load(Ordering::Relaxed) {
                drain_losses(&mut pending, epoch, progress)?;
                observer.checkpoint(&Checkpoint::take(backend, progress)?)?;
                return Ok(false);
            }
            let step = progress.step_in_epoch;
            // A last batch of one row has no batch statistics: it joins the batch before.
            let end = if step + 1 == of {
                order.len()
            } else {
                (step + 1) * batch_size
            };
            let index = &order[step * batch_size..end];
            self.data.examples.gather(index, &mut codes);
            let loss = self.step(backend, index, &codes, epoch, progress)?;
            progress.step_in_epoch += 1;
            progress.step += 1;
            let every = self.options.checkpoint_steps;
            let save =
                every > 0 && progress.step.is_multiple_of(every) && progress.step_in_epoch < of;
            let known = matches!(loss, StepLoss::Known(_));
            pending.push((loss, index.len(), progress.step));
            if known || save || pending.len() >= READ_EVERY || progress.step_in_epoch == of {
                drain_losses(&mut pending, epoch, progress)?;
            }
            observer.step(
                epoch,
                progress.step_in_epoch,
                of,
                progress.loss_sum / progress.rows_seen.max(1) as f64,
            );
            if save {
                observer.checkpoint(&Checkpoint::take(backend, progress)?)?;
            }
        }
        self.recalibrate(backend, train, epoch, batch_size)?;
        self.finish_epoch(backend, validation, epoch, progress, observer)?;
        Ok(true)
    }

    fn finish_epoch(
        &self,
        backend: &mut dyn Backend,
        validation: &[usize],
        epoch: usize,
        progress: &mut Progress,
        observer: &mut dyn FitObserver,
    ) -> Result<()> {
        let (validation_loss, validation_pearson) = self.validate(backend, validation)?;
        if !validation_loss.is_finite() {
            return Err(TrainError::Diverged {
                epoch,
                step: progress.step,
                what: "the validation loss",
                value: validation_loss,
            });
        }
        let watched = match self.options.early_stopping.unwrap_or_default().metric {
            Watched::Loss => validation_loss,
            Watched::Pearson => validation_pearson.unwrap_or(f64::NAN),
        };
        let best = progress.stopping.observe(epoch, watched);
        if best {
            progress.best = Some(Arc::new(backend.weights()?));
        }
        let learning_rate = self.rates(progress).lr;
        self.options
            .schedule
            .end_epoch(&mut progress.schedule, validation_loss);
        let record = EpochRecord {
            epoch,
            loss: progress.loss_sum / progress.rows_seen.max(1) as f64,
            validation_loss,
            validation_pearson,
            learning_rate,
            best,
            phase: self.phase,
        };
        progress.records.push(record.clone());
        progress.epoch = epoch;
        progress.step_in_epoch = 0;
        progress.loss_sum = 0.0;
        progress.rows_seen = 0;
        observer.checkpoint(&Checkpoint::take(backend, progress)?)?;
        observer.epoch(&record, self.options.epochs, &progress.stopping);
        Ok(())
    }

    fn step(
        &self,
        backend: &mut dyn Backend,
        index: &[usize],
        codes: &[u8],
        epoch: usize,
        progress: &mut Progress,
    ) -> Result<StepLoss> {
        let (tasks, output) = (self.data.examples.tasks, self.data.examples.output);
        let update = Update {
            optimizer: self.options.optimizer,
            rates: self.rates(progress),
            clip: self.options.gradient_clip,
        };
        let dropout = self.stream("dropout");
        let mut batch = SequenceBatch::new(codes.to_vec(), self.data.examples.length)?;
        if let Some(augmentation) = self.data.augmentation {
            let root = self.stream("augmentation").child(format!("epoch/{epoch}"));
            let seeds: Vec<Seed> = index
                .iter()
                .map(|row| root.child(row.to_string()))
                .collect();
            augmentation.apply(&mut batch, &seeds)?;
        }
        let Some(dynamic) = &self.data.dynamic else {
            let targets =
                self.data
                    .labels
                    .targets(index, tasks, output, backend.tensor_device())?;
            let batch = Batch {
                codes: &batch.codes,
                noise: batch.noise.as_deref(),
                rows: index.len(),
            };
            return backend.step(&batch, &targets, &dropout, progress.step, &update);
        };
        let (all, labels) = dynamic.label(&self.data, index, codes, batch)?;
        let everything: Vec<usize> = (0..all.len()).collect();
        let targets = labels.targets(&everything, tasks, output, backend.tensor_device())?;
        let batch = Batch {
            codes: &all.codes,
            noise: all.noise.as_deref(),
            rows: all.len(),
        };
        backend.step(&batch, &targets, &dropout, progress.step, &update)
    }

    /// Rates of the step that comes next.
    fn rates(&self, progress: &Progress) -> Rates {
        let rows = self
            .data
            .train
            .iter()
            .filter(|r| self.data.labels.has_activity(**r))
            .count();
        let total = steps(rows, self.options.batch_size.max(2)) * self.options.epochs;
        self.options
            .schedule
            .rates(&progress.schedule, progress.step, total as u64)
    }

    fn stream(&self, name: &str) -> Seed {
        let seed = self.seed.child(name);
        if self.phase == 0 {
            seed
        } else {
            seed.child(format!("phase/{}", self.phase))
        }
    }
}

/// Adds losses, row counts and numbers of steps to `progress`, waiting for those that are still
/// computed.
fn drain_losses(
    pending: &mut Vec<(StepLoss, usize, u64)>,
    epoch: usize,
    progress: &mut Progress,
) -> Result<()> {
    for (loss, rows, step) in pending.drain(..) {
        let loss = loss.wait()?;
        progress.loss_sum += loss * rows as f64;
        progress.rows_seen += rows;
        if !loss.is_finite() {
            return Err(TrainError::Diverged {
                epoch,
                step,
                what: "the training loss",
                value: loss,
            });
        }
    }
    Ok(())
}

/// Steps of an epoch: whole batches, and the rest unless it is a single row.
fn steps(rows: usize, batch_size: usize) -> usize {
    let whole = rows / batch_size;
    (whole + usize::from(rows % batch_size > 1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn a_single_left_over_row_joins_the_last_batch() {
        assert_eq!(steps(128, 64), 2);
        assert_eq!(steps(129, 64), 2);
        assert_eq!(steps(130, 64), 3);
        assert_eq!(steps(3, 64), 1);
    }
}
