//! Gradients of outputs with respect to the one-hot input, in evaluation mode.

use super::arena::{Arena, CHUNKS, each};
use super::backward;
use super::forward::{self, Op};
use super::pass::{Mode, Pass, rows_mut};
use super::plan::Linear;
use super::{Engine, EngineError, Result};
use std::mem::take;

impl Engine {
    /// The gradient of `sum(outputs * d_outputs)` with respect to the one-hot input: running
    /// statistics, no dropout.
    ///
    /// All four bases of a position get their gradient, whichever the sequence has, and those of N
    /// as well. Uses the buffers of training: a training pass that waits for its backward pass is
    /// forgotten.
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`
    /// * `d_outputs` - weights of the outputs, `[n, O]` or `[n, B, T]`
    /// * `gradient` - `[n, L, 4]`, overwritten
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`] if a slice does not fit `n`.
    pub fn input_gradient(
        &mut self,
        codes: &[u8],
        n: usize,
        d_outputs: &[f32],
        gradient: &mut [f32],
    ) -> Result<()> {
        self.check(codes, n, usize::MAX)?;
        let (length, size) = (self.plan.length, self.outputs_per_sequence());
        EngineError::length("output gradients", n * size, d_outputs.len())?;
        EngineError::length("input gradients", n * length * 4, gradient.len())?;
        self.pack([true, true]);
        self.refresh_running();
        self.pending = None;
        let forward = evaluation(&self.plan);
        let backward: Vec<Op> = backward::phases(&self.plan, false)
            .into_iter()
            .flat_map(|(ops, _)| ops)
            .collect();
        let capacity = self.capacity.max(1);
        let parts = codes
            .chunks(capacity * length)
            .zip(d_outputs.chunks(capacity * size));
        for ((codes, d_outputs), gradient) in parts.zip(gradient.chunks_mut(capacity * length * 4))
        {
            self.codes[..codes.len()].copy_from_slice(codes);
            let mut arenas = self.training_arenas(codes.len() / length);
            self.scatter(&mut arenas, d_outputs);
            let pass = self.pass(Mode::Eval);
            each(self.threads, &mut arenas, |arena| {
                pass.start_input_gradient(arena, capacity.div_ceil(CHUNKS));
                forward::run(&pass, arena, &forward);
                forward::run(&pass, arena, &backward);
            });
            for arena in &arenas {
                let part = arena.first * length * 4..(arena.first + arena.count) * length * 4;
                let values = &arena.input_gradient[..part.len()];
                gradient[part].copy_from_slice(values);
            }
            self.arenas = arenas;
        }
        Ok(())
    }
}

/// The forward pass without statistics.
pub(super) fn evaluation(plan: &super::plan::Plan) -> Vec<Op> {
    let all = forward::phases(plan).into_iter().flat_map(|(ops, _)| ops);
    all.filter(|op| !matches!(op, Op::Moments(_))).collect()
}

impl Pass<'_> {
    /// Zeroes the input gradients of a chunk of up to `capacity` sequences.
    fn start_input_gradient(&self, arena: &mut Arena, capacity: usize) {
        let halo = |b: &super::plan::Block| {
            if matches!(b.linear, Linear::Lookup(_)) {
                b.stride()
            } else {
                0
            }
        };
        arena
            .code_gradient
            .resize(self.plan.blocks.iter().map(halo).max().unwrap_or(0), 0.0);
        arena
            .input_gradient
            .resize(capacity * self.plan.length * 4, 0.0);
        arena.input_gradient.fill(0.0);
    }

    /// Keeps a band of the gradient at a look-up layer.
    pub(super) fn keep_code_gradient(&self, arena: &mut Arena, b: usize, first: usize, dy: &[f32]) {
        let block = &self.plan.blocks[b];
        if matches!(block.linear, Linear::Lookup(_)) {
            if first == 0 {
                arena.code_gradient.fill(0.0);
            }
            let at = (block.front + first) * block.channels;
            arena.code_gradient[at..at + dy.len()].copy_from_slice(dy);
        }
    }

    /// Adds the gradient of the one-hot rows of sequence `n`.
    pub(super) fn codes_back(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        let Linear::Lookup(w) = &block.linear else {
            return;
        };
        let at = n * self.plan.length * 4;
        let mut work = take(&mut arena.work);
        w.input_gradient(
            &self.weights[b].backward,
            (&arena.code_gradient, block.front),
            1,
            rows_mut(&mut arena.input_gradient, at, 4, true),
            &mut work,
        );
        arena.work = work;
    }
}
