//! Running statistics computed anew.

use super::pass::Mode;
use super::{Engine, EngineError, Result};
use crate::statistics::PooledStatistics;

impl Engine {
    /// Replaces the running statistics of every batch norm by those of `n` sequences, passed
    /// through the network in batches of up to `batch` with dropout off. What a training pass left
    /// behind is given up.
    ///
    /// Running averages of training steps lag behind the weights, and they are of activations under
    /// dropout, whose variance is larger than that of the same activations without it: a network
    /// with dropout before a batch norm is then evaluated with a variance that its activations do
    /// not have (Li et al., CVPR 2019, arXiv 1801.05134).
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`
    ///
    /// # Errors
    ///
    /// [`EngineError::Empty`] for no sequences, [`EngineError::Length`] for another number of
    /// codes.
    pub fn recalibrate(&mut self, codes: &[u8], n: usize, batch: usize) -> Result<()> {
        EngineError::length("base codes", n * self.plan.length, codes.len())?;
        if n == 0 {
            return Err(EngineError::Empty {
                operation: "the statistics of batch norms",
            });
        }
        let norms = self.plan.blocks.iter().filter(|b| b.norm.is_some()).count();
        if norms == 0 {
            return Ok(());
        }
        self.pack([true, false]);
        self.pending = None;
        let size = batch.clamp(1, self.capacity.max(1));
        let mut pooled = vec![PooledStatistics::default(); self.plan.blocks.len()];
        for piece in codes.chunks(size * self.plan.length) {
            let rows = piece.len() / self.plan.length;
            self.codes[..piece.len()].copy_from_slice(piece);
            let mut arenas = self.training_arenas(rows);
            self.forward_batch(&mut arenas, Mode::Statistics);
            self.arenas = arenas;
            for ((block, batch), pooled) in
                self.plan.blocks.iter().zip(&self.batches).zip(&mut pooled)
            {
                if let Some(norm) = &block.norm {
                    batch.add_to(norm, pooled, rows as f64);
                }
            }
        }
        for (block, pooled) in self.plan.blocks.iter().zip(&pooled) {
            if let Some(norm) = &block.norm {
                pooled.write(&mut self.buffers, norm.mean.clone(), norm.var.clone());
            }
        }
        self.running_fresh = false;
        Ok(())
    }
}
