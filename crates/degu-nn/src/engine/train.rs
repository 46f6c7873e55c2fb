//! Training passes.

use super::arena::{Arena, CHUNKS, each};
use super::first;
use super::forward::{self, Op};
use super::pass::{Mode, Pass};
use super::{DropoutSeed, Engine, EngineError, Pending, Result};
use degu_kernels::{CodeCounts, Moments, sum_parts};
use std::mem::take;

/// Values of the flat gradient that one worker sums at a time.
const PIECE: usize = 16 * 1024;
/// Input channels of a stacked weight gradient that one worker computes at a time: whole register
/// tiles.
const CHANNELS: usize = 72;

impl Engine {
    /// A training pass: batch statistics and dropout.
    ///
    /// Running statistics change at the update that follows ([`Engine::adam`],
    /// [`Engine::commit_statistics`]), so that a diverged step changes nothing.
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`; codes above 3 count as N
    /// * returns outputs, `[n, O]` or `[n, B, T]`
    ///
    /// # Errors
    ///
    /// [`EngineError::Batch`] above `max_batch`, [`EngineError::Empty`] for no sequences,
    /// [`EngineError::Length`] for another number of codes.
    pub fn forward_train(
        &mut self,
        codes: &[u8],
        n: usize,
        dropout: DropoutSeed,
    ) -> Result<&[f32]> {
        self.check(codes, n, self.capacity)?;
        if n == 0 {
            return Err(EngineError::Empty {
                operation: "a training pass",
            });
        }
        self.codes[..codes.len()].copy_from_slice(codes);
        self.pack([true, true]);
        let mut arenas = self.training_arenas(n);
        let mode = Mode::Train { seed: dropout.0 };
        self.forward_batch(&mut arenas, mode);
        self.gather(&arenas, mode);
        self.arenas = arenas;
        self.pending = Some(Pending {
            count: n,
            seed: dropout.0,
            differentiated: false,
        });
        Ok(&self.outputs[..n * self.outputs_per_sequence()])
    }

    /// The forward phases on the batch in `codes`, each batch norm computed from the batch's own
    /// statistics.
    pub(super) fn forward_batch(&mut self, arenas: &mut [Arena], mode: Mode) {
        for i in 0..self.forward_phases.len() {
            self.phase(arenas, mode, &self.forward_phases[i].0);
            if let Some(b) = self.forward_phases[i].1
                && let Some(norm) = &self.plan.blocks[b].norm
            {
                let batch = &mut self.batches[b];
                batch.merge(&self.plan.blocks[b], b, arenas, &self.parameters);
                self.norms[b].set_batch(norm, &self.parameters, batch);
            }
        }
    }

    /// The gradient of every trained tensor from the gradient of the outputs of the last training
    /// pass.
    ///
    /// The bias of a linear layer directly before a batch norm has gradient zero, exactly.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoForward`] without a training pass or after it was used,
    /// [`EngineError::Length`], [`EngineError::NonFinite`].
    pub fn backward(&mut self, d_outputs: &[f32]) -> Result<()> {
        let Some(Pending {
            count,
            seed,
            differentiated: false,
        }) = self.pending
        else {
            return Err(EngineError::NoForward);
        };
        EngineError::length(
            "output gradients",
            count * self.outputs_per_sequence(),
            d_outputs.len(),
        )?;
        EngineError::finite("the gradient of the outputs", d_outputs)?;
        let mut arenas = take(&mut self.arenas);
        let mode = Mode::Train { seed };
        self.scatter(&mut arenas, d_outputs);
        for arena in &mut arenas {
            arena.sums.iter_mut().flatten().for_each(|s| s.fill(0.0));
        }
        each(self.threads, &mut arenas, |arena| arena.partial.fill(0.0));
        for i in 0..self.backward_phases.len() {
            self.phase(&mut arenas, mode, &self.backward_phases[i].0);
            if let Some(b) = self.backward_phases[i].1
                && let Some(norm) = &self.plan.blocks[b].norm
            {
                let rows = self.batches[b].count();
                self.norms[b].set_sums(b, norm, &arenas, rows, &mut self.gradients);
            }
        }
        let pass = self.pass(mode);
        each(self.threads, &mut arenas, |arena| pass.fold(arena));
        self.reduce(&arenas, mode);
        self.arenas = arenas;
        self.pending = Some(Pending {
            count,
            seed,
            differentiated: true,
        });
        Ok(())
    }

    /// Buffers for a batch of `n`, made at the first call.
    pub(super) fn training_arenas(&mut self, n: usize) -> Vec<Arena> {
        let mut arenas = take(&mut self.arenas);
        if arenas.is_empty() {
            let capacity = self.capacity.div_ceil(CHUNKS);
            arenas.resize_with(CHUNKS, || {
                Arena::for_training(&self.plan, &self.partials, capacity)
            });
        }
        for (i, arena) in arenas.iter_mut().enumerate() {
            arena.first = i * n / CHUNKS;
            arena.count = (i + 1) * n / CHUNKS - arena.first;
            arena.moments.iter_mut().for_each(Moments::clear);
            arena.counts.iter_mut().for_each(CodeCounts::clear);
        }
        arenas
    }

    fn phase(&self, arenas: &mut [Arena], mode: Mode, ops: &[Op]) {
        let pass = self.pass(mode);
        each(self.threads, arenas, |arena| {
            forward::run(&pass, arena, ops);
        });
    }

    /// Collects the outputs of the chunks.
    fn gather(&mut self, arenas: &[Arena], mode: Mode) {
        let mut outputs = take(&mut self.outputs);
        let size = self.outputs_per_sequence();
        let pass = self.pass(mode);
        for arena in arenas {
            pass.outputs(
                arena,
                &mut outputs[arena.first * size..(arena.first + arena.count) * size],
            );
        }
        self.outputs = outputs;
    }

    /// Hands the gradient of the outputs to the chunks.
    pub(super) fn scatter(&self, arenas: &mut [Arena], d_outputs: &[f32]) {
        let size = self.outputs_per_sequence();
        let slot = self.plan.roots[self.plan.output.root].slot;
        let stride = self.plan.slots[slot];
        for arena in arenas {
            for n in 0..arena.count {
                let source = &d_outputs[(arena.first + n) * size..][..size];
                arena.gradients[slot][n * stride..n * stride + size].copy_from_slice(source);
            }
        }
    }

    /// Adds up the chunks' gradients, and computes those of stacked weights over the whole batch.
    fn reduce(&mut self, arenas: &[Arena], mode: Mode) {
        use rayon::prelude::*;
        let mut gradients = take(&mut self.gradients);
        let (isa, ranges) = (self.isa, &self.partials.ranges);
        let sum = |(i, piece): (usize, &mut [f32])| {
            let (start, end) = (i * PIECE, i * PIECE + piece.len());
            for (flat, partial) in ranges {
                let (from, to) = (flat.start.max(start), flat.end.min(end));
                if from < to {
                    let at = partial.start + from - flat.start;
                    let parts = arenas.iter().map(|a| &a.partial[at..at + to - from]);
                    sum_parts(isa, &mut piece[from - start..to - start], parts);
                }
            }
        };
        let pass: Pass<'_> = self.pass(mode);
        if self.threads == 1 {
            gradients.chunks_mut(PIECE).enumerate().for_each(sum);
        } else {
            gradients.par_chunks_mut(PIECE).enumerate().for_each(sum);
        }
        for (b, block) in self
            .plan
            .blocks
            .iter()
            .enumerate()
            .filter(|(_, block)| block.stacked())
        {
            let Some(w) = block.weights() else { continue };
            let whole = &mut gradients[w.weight.clone()];
            if self.threads == 1 {
                pass.stacked_weight_gradient(arenas, b, 0, whole);
            } else {
                whole
                    .par_chunks_mut(CHANNELS * w.c_out)
                    .enumerate()
                    .for_each(|(i, rows)| {
                        pass.stacked_weight_gradient(arenas, b, i * CHANNELS, rows);
                    });
            }
        }
        for (b, block) in self.plan.blocks.iter().enumerate() {
            let (norm, batch) = (&self.norms[b], &self.batches[b]);
            first::finish(
                block,
                b,
                arenas,
                &self.parameters,
                norm,
                batch,
                &mut gradients,
            );
        }
        self.gradients = gradients;
    }
}
