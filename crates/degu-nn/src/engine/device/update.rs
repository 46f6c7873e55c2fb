//! Updates of the parameters, and the optimizer's state.

use super::super::{AdamStep, EngineError, Result};
use super::DeviceEngine;

impl DeviceEngine {
    /// The flat gradient, in the order of [`parameters`](Self::parameters), copied from the device.
    ///
    /// # Errors
    ///
    /// [`EngineError::Device`].
    pub fn gradients(&self) -> Result<Vec<f32>> {
        Ok(self.gradients.to_vec()?)
    }

    /// All trained values, in the order of [`parameters`](Self::parameters), copied from the
    /// device.
    ///
    /// # Errors
    ///
    /// [`EngineError::Device`].
    pub fn values(&self) -> Result<Vec<f32>> {
        Ok(self.parameters.to_vec()?)
    }

    /// First moments, second moments and the number of steps so far, copied from the device.
    ///
    /// # Errors
    ///
    /// [`EngineError::Device`].
    pub fn moments(&self) -> Result<(Vec<f32>, Vec<f32>, u64)> {
        let (first, second) = (self.first_moment.to_vec()?, self.second_moment.to_vec()?);
        Ok((first, second, self.steps))
    }

    /// Sets the moments and the number of steps, to go on from a checkpoint.
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`], [`EngineError::Device`].
    pub fn set_moments(&mut self, first: &[f32], second: &[f32], steps: u64) -> Result<()> {
        EngineError::length("first moments", self.first_moment.len(), first.len())?;
        EngineError::length("second moments", self.second_moment.len(), second.len())?;
        self.first_moment.upload(0, first)?;
        self.second_moment.upload(0, second)?;
        self.steps = steps;
        Ok(())
    }

    /// One Adam or AdamW update with the current gradient, scaled so that its norm is at most
    /// `clip`; also folds the batch statistics of the training pass into the running ones.
    ///
    /// # Errors
    ///
    /// [`EngineError::Device`].
    pub fn adam(&mut self, step: &AdamStep, clip: Option<f64>) -> Result<()> {
        self.steps += 1;
        if let Some(limit) = clip {
            self.device
                .clip_factor(&self.gradients, limit, &self.clip)?;
        }
        self.device.adam(
            step,
            self.steps,
            &self.parameters,
            &self.gradients,
            [&self.first_moment, &self.second_moment],
            clip.map(|_| &self.clip),
        )?;
        self.running_fresh = false;
        self.commit_statistics()
    }

    /// Folds the batch statistics of the last training pass into the running ones, once.
    ///
    /// # Errors
    ///
    /// [`EngineError::Device`].
    pub fn commit_statistics(&mut self) -> Result<()> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        for (block, buffers) in self.plan.blocks.iter().zip(&self.memory.norms) {
            if let (Some(norm), Some(buffers)) = (&block.norm, buffers) {
                self.device.norm_commit(
                    buffers,
                    &self.buffers,
                    (norm.mean.start, norm.var.start),
                    norm.momentum,
                    norm.unbiased,
                    pending.count * block.rows,
                )?;
            }
        }
        self.running_fresh = false;
        Ok(())
    }
}
