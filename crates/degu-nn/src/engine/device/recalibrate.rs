//! Running statistics computed anew.

use super::super::pass::Mode;
use super::super::{EngineError, Result};
use super::DeviceEngine;
use crate::statistics::PooledStatistics;
use std::ops::Range;

impl DeviceEngine {
    /// As [`Engine::recalibrate`](super::super::Engine::recalibrate).
    ///
    /// # Errors
    ///
    /// As there, and [`EngineError::Device`].
    pub fn recalibrate(&mut self, codes: &[u8], n: usize, batch: usize) -> Result<()> {
        self.check_codes(codes, n, usize::MAX)?;
        if n == 0 {
            return Err(EngineError::Empty {
                operation: "the statistics of batch norms",
            });
        }
        self.pending = None;
        let size = batch.clamp(1, self.capacity.max(1));
        let mut pooled = vec![PooledStatistics::default(); self.plan.blocks.len()];
        for piece in codes.chunks(size * self.plan.length) {
            let count = piece.len() / self.plan.length;
            self.memory.codes.upload(0, piece)?;
            self.run(count, Mode::Statistics)?;
            for ((block, buffers), pooled) in self
                .plan
                .blocks
                .iter()
                .zip(&self.memory.norms)
                .zip(&mut pooled)
            {
                let (Some(norm), Some(buffers)) = (&block.norm, buffers) else {
                    continue;
                };
                // The batch takes the whole place of the running statistics, in their convention;
                // they are read from there.
                self.device.norm_commit(
                    buffers,
                    &self.buffers,
                    (norm.mean.start, norm.var.start),
                    1.0,
                    norm.unbiased,
                    count * block.rows,
                )?;
                let (mean, variance) = (self.range(&norm.mean)?, self.range(&norm.var)?);
                pooled.add(count as f64, &mean, &variance);
            }
        }
        for (block, pooled) in self.plan.blocks.iter().zip(&pooled) {
            if let Some(norm) = &block.norm {
                let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
                self.buffers
                    .upload(norm.mean.start, &single(pooled.mean()))?;
                self.buffers
                    .upload(norm.var.start, &single(&pooled.variance()))?;
            }
        }
        self.running_fresh = false;
        Ok(())
    }

    fn range(&self, range: &Range<usize>) -> Result<Vec<f64>> {
        let mut values = vec![0.0; range.len()];
        self.buffers.download(range.start, &mut values)?;
        Ok(values.into_iter().map(f64::from).collect())
    }
}
