//! Updates of the parameters.

use super::{AdamStep, Engine, EngineError, Result};
use degu_kernels::adam;

/// Values that one worker updates at a time.
const PIECE: usize = 32 * 1024;

impl Engine {
    /// The flat gradient, in the order of [`Engine::parameters`].
    pub fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// The flat gradient, to clip or to change.
    pub fn gradients_mut(&mut self) -> &mut [f32] {
        &mut self.gradients
    }

    /// All trained values, in the order of [`Engine::parameters`].
    pub fn values(&self) -> &[f32] {
        &self.parameters
    }

    /// First moments, second moments and the number of steps so far.
    pub fn moments(&self) -> (&[f32], &[f32], u64) {
        (&self.first_moment, &self.second_moment, self.steps)
    }

    /// Sets the moments and the number of steps, to go on from a checkpoint.
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`].
    pub fn set_moments(&mut self, first: &[f32], second: &[f32], steps: u64) -> Result<()> {
        EngineError::length("first moments", self.first_moment.len(), first.len())?;
        EngineError::length("second moments", self.second_moment.len(), second.len())?;
        self.first_moment.copy_from_slice(first);
        self.second_moment.copy_from_slice(second);
        self.steps = steps;
        Ok(())
    }

    /// One Adam or AdamW update with the current gradient; also folds the batch statistics of the
    /// training pass into the running ones.
    pub fn adam(&mut self, step: &AdamStep) {
        use rayon::prelude::*;
        self.steps += 1;
        let (isa, t) = (self.isa, self.steps);
        let Self {
            parameters,
            gradients,
            first_moment,
            second_moment,
            ..
        } = self;
        if self.threads == 1 {
            adam(
                isa,
                step,
                t,
                parameters,
                gradients,
                first_moment,
                second_moment,
            );
        } else {
            parameters
                .par_chunks_mut(PIECE)
                .zip(gradients.par_chunks(PIECE))
                .zip(
                    first_moment
                        .par_chunks_mut(PIECE)
                        .zip(second_moment.par_chunks_mut(PIECE)),
                )
                .for_each(|((w, g), (m, v))| adam(isa, step, t, w, g, m, v));
        }
        self.commit_statistics();
        self.changed();
    }

    /// Folds the batch statistics of the last training pass into the running ones, once.
    pub fn commit_statistics(&mut self) {
        if self.pending.take().is_none() {
            return;
        }
        for (block, batch) in self.plan.blocks.iter().zip(&self.batches) {
            if let Some(norm) = &block.norm {
                batch.commit(norm, &mut self.buffers);
            }
        }
        self.running_fresh = false;
    }
}
