//! Prediction: running statistics, and dropout only where samples are asked for.

use super::arena::Arena;
use super::forward;
use super::pass::{Mode, Pass};
use super::{Engine, EngineError, Result};
use std::mem::take;

/// Sequences that one worker predicts at a time.
pub(super) const TILE: usize = 32;

impl Engine {
    /// Predicts any number of sequences.
    ///
    /// A sequence's outputs have the same bits wherever it stands and whatever the others are.
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`
    /// * `out` - outputs, `[n, O]` or `[n, B, T]`
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`] if a slice does not fit `n`.
    pub fn predict(&mut self, codes: &[u8], n: usize, out: &mut [f32]) -> Result<()> {
        self.infer(codes, n, None, out)
    }

    /// As [`Engine::predict`] with dropout on: one sample of Monte Carlo dropout.
    ///
    /// # Shapes
    ///
    /// * `masks` - the 64 bits that fix the masks of each sequence, `[n]`;
    ///   `degu_nn::ops::dropout_mask` draws the same ones
    ///
    /// # Errors
    ///
    /// As [`Engine::predict`].
    pub fn sample(&mut self, codes: &[u8], n: usize, masks: &[u64], out: &mut [f32]) -> Result<()> {
        EngineError::length("masks", n, masks.len())?;
        self.infer(codes, n, Some(masks), out)
    }

    fn infer(
        &mut self,
        codes: &[u8],
        n: usize,
        masks: Option<&[u64]>,
        out: &mut [f32],
    ) -> Result<()> {
        use rayon::prelude::*;
        self.check(codes, n, usize::MAX)?;
        let size = self.outputs_per_sequence();
        EngineError::length("outputs", n * size, out.len())?;
        if n == 0 {
            return Ok(());
        }
        self.pack([true, false]);
        self.refresh_running();
        let mut arenas = take(&mut self.inference);
        if arenas.is_empty() {
            arenas.resize_with(self.threads, || Arena::for_inference(&self.plan, TILE));
        }
        let length = self.plan.length;
        let pass = match masks {
            None => self.pass(Mode::Eval),
            Some(masks) => Pass {
                masks,
                ..self.pass(Mode::Sample)
            },
        };
        let share = n.div_ceil(arenas.len());
        let work = |(i, ((arena, codes), out)): (usize, ((&mut Arena, &[u8]), &mut [f32]))| {
            let masks = pass.masks.get(i * share..).unwrap_or_default();
            predict_share(Pass { masks, ..pass }, arena, codes, out, length, size);
        };
        if self.threads == 1 {
            arenas
                .iter_mut()
                .zip(codes.chunks(share * length))
                .zip(out.chunks_mut(share * size))
                .enumerate()
                .for_each(work);
        } else {
            arenas
                .par_iter_mut()
                .zip(codes.par_chunks(share * length))
                .zip(out.par_chunks_mut(share * size))
                .enumerate()
                .with_max_len(1)
                .for_each(work);
        }
        self.inference = arenas;
        Ok(())
    }

    /// Batch-norm coefficients from the running statistics.
    pub(super) fn refresh_running(&mut self) {
        if self.running_fresh {
            return;
        }
        for (running, block) in self.running.iter_mut().zip(&self.plan.blocks) {
            if let Some(norm) = &block.norm {
                running.set_running(norm, &self.parameters, &self.buffers);
            }
        }
        self.running_fresh = true;
    }
}

/// Predicts one worker's sequences, tile by tile.
pub(super) fn predict_share(
    pass: Pass<'_>,
    arena: &mut Arena,
    codes: &[u8],
    out: &mut [f32],
    length: usize,
    size: usize,
) {
    let tiles = codes.chunks(TILE * length).zip(out.chunks_mut(TILE * size));
    for (i, (codes, out)) in tiles.enumerate() {
        arena.first = 0;
        arena.count = codes.len() / length;
        let masks = pass.masks.get(i * TILE..).unwrap_or_default();
        let pass = Pass {
            codes,
            masks,
            ..pass
        };
        forward::infer(&pass, arena, 0..pass.plan.blocks.len());
        pass.outputs(arena, out);
    }
}
