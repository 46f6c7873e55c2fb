//! Batch norm between the passes: statistics of the batch, coefficients, gradients of gamma and
//! beta, running statistics.

use super::arena::Arena;
use super::pass::Coefficients;
use super::plan::{Block, Norm};
use crate::statistics::PooledStatistics;
use degu_kernels::{CodeCounts, Moments};

/// Statistics of the last training batch of one block, not yet part of the running ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    total: Moments,
    rows: f64,
    pub(super) mean: Vec<f64>,
    /// Biased.
    pub(super) variance: Vec<f64>,
    /// Counts under a first layer that works from them, and their product with its table.
    pub(super) counts: CodeCounts,
    pub(super) product: Vec<f64>,
}

impl Batch {
    pub(super) fn new(block: &Block) -> Self {
        let channels = if block.norm.is_some() {
            block.channels
        } else {
            0
        };
        Self {
            total: Moments::new(channels),
            rows: 0.0,
            mean: vec![0.0; channels],
            variance: vec![0.0; channels],
            counts: block.counts(),
            product: vec![],
        }
    }
}

impl Coefficients {
    pub(super) fn new(block: &Block) -> Self {
        let zeros = || {
            vec![
                0.0;
                if block.norm.is_some() {
                    block.channels
                } else {
                    0
                }
            ]
        };
        Self {
            mean: zeros(),
            inverse_std: zeros(),
            scale: zeros(),
            shift: zeros(),
            constant: zeros(),
            slope: zeros(),
        }
    }

    fn set(&mut self, c: usize, mean: f64, variance: f64, epsilon: f64, gamma: f32, beta: f32) {
        let inverse = 1.0 / (variance + epsilon).sqrt();
        let scale = f64::from(gamma) * inverse;
        self.mean[c] = mean as f32;
        self.inverse_std[c] = inverse as f32;
        self.scale[c] = scale as f32;
        self.shift[c] = (f64::from(beta) - mean * scale) as f32;
    }

    /// From the statistics of the batch.
    pub(super) fn set_batch(&mut self, norm: &Norm, parameters: &[f32], batch: &Batch) {
        for c in 0..self.mean.len() {
            let (gamma, beta) = (
                parameters[norm.gamma.start + c],
                parameters[norm.beta.start + c],
            );
            self.set(
                c,
                batch.mean[c],
                batch.variance[c],
                norm.epsilon,
                gamma,
                beta,
            );
        }
    }

    /// From the running statistics.
    pub(super) fn set_running(&mut self, norm: &Norm, parameters: &[f32], buffers: &[f32]) {
        for c in 0..self.mean.len() {
            let (mean, variance) = (buffers[norm.mean.start + c], buffers[norm.var.start + c]);
            let (gamma, beta) = (
                parameters[norm.gamma.start + c],
                parameters[norm.beta.start + c],
            );
            self.set(
                c,
                f64::from(mean),
                f64::from(variance),
                norm.epsilon,
                gamma,
                beta,
            );
        }
    }

    /// Gradients of gamma and beta, and the terms of the second backward pass, from the sums of the
    /// chunks.
    pub(super) fn set_sums(
        &mut self,
        b: usize,
        norm: &Norm,
        arenas: &[Arena],
        count: f64,
        gradients: &mut [f32],
    ) {
        for c in 0..self.mean.len() {
            let (mut sum_g, mut sum_gy) = (0.0f64, 0.0f64);
            for arena in arenas {
                let [g, gy] = &arena.sums[b];
                sum_g += f64::from(g[c]);
                sum_gy += f64::from(gy[c]);
            }
            let (inverse, scale) = (f64::from(self.inverse_std[c]), f64::from(self.scale[c]));
            gradients[norm.beta.start + c] = sum_g as f32;
            gradients[norm.gamma.start + c] = (sum_gy * inverse) as f32;
            self.constant[c] = (-scale * sum_g / count) as f32;
            self.slope[c] = (-scale * sum_gy * inverse * inverse / count) as f32;
        }
    }
}

impl Batch {
    /// Takes the statistics of the chunks, in their order.
    pub(super) fn merge(&mut self, block: &Block, b: usize, arenas: &[Arena], parameters: &[f32]) {
        if block.counted {
            self.merge_counts(block, b, arenas, parameters);
            self.rows = self.counts.rows() as f64;
        } else {
            self.total.clear();
            for arena in arenas {
                self.total.merge(&arena.moments[b]);
            }
            self.rows = self.total.count();
            self.mean.copy_from_slice(self.total.mean());
            self.variance.copy_from_slice(self.total.m2());
        }
        for square in &mut self.variance {
            *square /= self.rows;
        }
    }

    /// Mean and variance from the counts of the chunks: whole numbers, so their order is none.
    fn merge_counts(&mut self, block: &Block, b: usize, arenas: &[Arena], parameters: &[f32]) {
        let Some(w) = block.table() else { return };
        self.counts.clear();
        for arena in arenas {
            self.counts.merge(&arena.counts[b]);
        }
        let weights = &parameters[w.weight.clone()];
        let bias = w.bias.clone().map(|r| &parameters[r]);
        self.counts.product(weights, w.c_out, &mut self.product);
        let Self {
            counts,
            product,
            mean,
            variance,
            ..
        } = self;
        // Sums of squares, which the caller divides.
        counts.moments(weights, bias, product, mean, variance);
    }

    /// Rows of the batch.
    pub(super) fn count(&self) -> f64 {
        self.rows
    }

    /// What the variance is multiplied by for the running statistics: their convention.
    fn correction(&self, norm: &Norm) -> f64 {
        if norm.unbiased && self.rows > 1.0 {
            self.rows / (self.rows - 1.0)
        } else {
            1.0
        }
    }

    /// Adds the statistics of the batch to those of other batches; `weight` is its number of
    /// sequences.
    pub(super) fn add_to(&self, norm: &Norm, pooled: &mut PooledStatistics, weight: f64) {
        let correction = self.correction(norm);
        let variance: Vec<f64> = self.variance.iter().map(|v| v * correction).collect();
        pooled.add(weight, &self.mean, &variance);
    }

    /// Folds the statistics of the batch into the running ones.
    pub(super) fn commit(&self, norm: &Norm, buffers: &mut [f32]) {
        if self.rows < 1.0 {
            return;
        }
        let correction = self.correction(norm);
        for (c, variance) in self.variance.iter().enumerate() {
            let blend = |old: &mut f32, new: f64| {
                *old = (f64::from(*old) + norm.momentum * (new - f64::from(*old))) as f32;
            };
            blend(&mut buffers[norm.mean.start + c], self.mean[c]);
            blend(&mut buffers[norm.var.start + c], variance * correction);
        }
    }
}
