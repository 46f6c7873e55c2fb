//! A frozen network that is asked about its inputs: multipliers of the rescale rule, gradients,
//! single substitutions.
//!
//! The rescale rules are symmetric in a sequence and its reference, so a pair costs one forward
//! pass of the reference and one backward pass of half the width; the sequence itself is passed
//! once for all of its references in a tile.
//!
//! Everything works on the rayon pool that the caller is in. Buffers belong to tiles, not to
//! threads, and every number is one chain of operations whatever its tile: results have the same
//! bits for any number of threads and any cut of the work.

mod back;
mod edits;
mod pairs;

use super::arena::Arena;
use super::pass::{Mode, Pass};
use super::plan::Linear;
use super::predict::{TILE, predict_share};
use super::{Engine, EngineError, Result};
use back::PairBuffers;
use degu_kernels::Packed;
pub use edits::Edit;
use edits::EditBuffers;
pub use pairs::{PairMultipliers, Slopes};
use std::sync::{Mutex, PoisonError};

/// Bytes that the buffers of all threads together may take.
const BUDGET: usize = 96 << 20;

/// Rows of a tile of pairs: a sequence and its references.
const TILE_ROWS: std::ops::RangeInclusive<usize> = 5..=33;

/// What attribution methods ask of a network that the engine covers: values, gradients, multipliers
/// of pairs, substitutions.
#[derive(Debug)]
pub struct Probe {
    engine: Engine,
    /// Weights of look-up layers as a matrix product from output channels to `taps * 4` input
    /// values.
    spread: Vec<Option<Packed>>,
    rows: usize,
    free: Mutex<Vec<Scratch>>,
}

/// Buffers of one worker, made when they are first needed.
#[derive(Debug, Default)]
struct Scratch {
    pairs: Option<PairBuffers>,
    edits: Option<EditBuffers>,
    predict: Option<Arena>,
}

impl Probe {
    /// Freezes an engine whose tensors are loaded and that has no [operator](Engine::operator):
    /// those have no rules here.
    pub fn new(mut engine: Engine) -> Self {
        engine.pack([true, true]);
        engine.refresh_running();
        let spread = engine.plan.blocks.iter().map(|block| {
            let Linear::Lookup(w) = &block.linear else {
                return None;
            };
            let (outer, inner) = (w.taps * 4, w.c_out);
            let table = &engine.parameters[w.weight.clone()];
            let mut turned = vec![0.0; table.len()];
            for (at, value) in table.iter().enumerate() {
                turned[at % inner * outer + at / inner] = *value;
            }
            let mut packed = Packed::new(engine.isa, 1, inner, outer);
            packed.pack(&turned);
            Some(packed)
        });
        let spread = spread.collect();
        let row = PairBuffers::bytes_of_row(&engine.plan).max(1);
        let rows = BUDGET / rayon::current_num_threads().max(1) / row;
        Self {
            spread,
            rows: rows.clamp(*TILE_ROWS.start(), *TILE_ROWS.end()),
            free: Mutex::default(),
            engine,
        }
    }

    /// Length of the sequences in bp.
    pub fn length(&self) -> usize {
        self.engine.plan.length
    }

    /// Numbers that the network gives per sequence.
    pub fn outputs_per_sequence(&self) -> usize {
        self.engine.outputs_per_sequence()
    }

    /// Predicts any number of sequences; as [`Engine::predict`].
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`
    /// * `out` - outputs, `[n, O]`
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`] if a slice does not fit `n`.
    pub fn predict(&self, codes: &[u8], n: usize, out: &mut [f32]) -> Result<()> {
        self.engine.check(codes, n, usize::MAX)?;
        let (length, size) = (self.length(), self.outputs_per_sequence());
        EngineError::length("outputs", n * size, out.len())?;
        let jobs = codes.chunks(TILE * length).zip(out.chunks_mut(TILE * size));
        self.each(jobs.collect(), |scratch, (codes, out)| {
            let plan = &self.engine.plan;
            let arena = scratch
                .predict
                .get_or_insert_with(|| Arena::for_inference(plan, TILE));
            predict_share(self.pass(codes), arena, codes, out, length, size);
            Ok(())
        })
    }

    fn pass<'a>(&'a self, codes: &'a [u8]) -> Pass<'a> {
        Pass {
            codes,
            ..self.engine.pass(Mode::Eval)
        }
    }

    /// Calls `work` for every job, each time with buffers that nobody else has.
    fn each<J: Send>(
        &self,
        jobs: Vec<J>,
        work: impl Fn(&mut Scratch, J) -> Result<()> + Sync + Send,
    ) -> Result<()> {
        use rayon::prelude::*;
        let one = |job: J| {
            let lock = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
            // The guard is gone before the work starts: a worker that waits here never waits for
            // another's work.
            let taken = lock().pop();
            let mut scratch = taken.unwrap_or_default();
            let done = work(&mut scratch, job);
            lock().push(scratch);
            done
        };
        if jobs.len() < 2 || rayon::current_num_threads() == 1 {
            jobs.into_iter().try_for_each(one)
        } else {
            jobs.into_par_iter().with_max_len(1).try_for_each(one)
        }
    }
}
