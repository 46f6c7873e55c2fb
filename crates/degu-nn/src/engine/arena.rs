//! The buffers of one chunk of the batch.
//!
//! A batch is cut into a fixed number of chunks, whatever the number of threads, and each chunk
//! owns every buffer of its sequences and its own partial sums. Workers take whole chunks, and
//! partial sums are added in the order of chunks: any number of threads gives the same bits.

use super::operators::OperatorBuffers;
use super::plan::{Block, Linear, Plan, Root, Source, Value};
use degu_kernels::{CodeCounts, Moments};
use std::ops::Range;

/// Chunks of a training batch.
pub(super) const CHUNKS: usize = 8;

/// The buffers of one chunk; allocated once ([`Self::work`] in the first pass), zeroed once (halo
/// rows are never written).
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// First sequence of the chunk in its batch.
    pub(super) first: usize,
    /// Sequences in the chunk.
    pub(super) count: usize,
    /// Matrices between blocks, and the distance of two sequences in each.
    pub(super) data: Vec<Vec<f32>>,
    pub(super) step: Vec<usize>,
    /// Outputs of the linear parts, turned into their gradients by the backward pass.
    pub(super) y: Vec<Vec<f32>>,
    /// Whether linear outputs are left out where their signs, or less, will do.
    pub(super) light: bool,
    /// The linear output of one sequence of a block that does not keep it, halo included.
    pub(super) line: Vec<f32>,
    /// Signs of the activation's input, of blocks that keep no more.
    pub(super) signs: Vec<Vec<u16>>,
    /// What other layers than convolutions keep.
    pub(super) operator: Vec<OperatorBuffers>,
    /// Base pairs under the first layer, by block, and a band of the gradient at its batch norm's
    /// output.
    pub(super) counts: Vec<CodeCounts>,
    pub(super) band: Vec<f32>,
    /// Gradients of the matrices, by place.
    pub(super) gradients: Vec<Vec<f32>>,
    /// A band of a look-up layer, or one sequence's linear output in inference.
    pub(super) scratch: Vec<f32>,
    /// Batch-norm statistics and backward sums, by block.
    pub(super) moments: Vec<Moments>,
    pub(super) sums: Vec<[Vec<f32>; 2]>,
    /// One sequence's gradient at a look-up layer, with halo, and the gradients of the one-hot
    /// inputs `[count, L, 4]`; made when they are first asked for.
    pub(super) code_gradient: Vec<f32>,
    pub(super) input_gradient: Vec<f32>,
    /// Scratch of the products.
    pub(super) work: Vec<f32>,
    /// Partial gradients of the tensors that [`Partials`] lists.
    pub(super) partial: Vec<f32>,
}

impl Arena {
    /// Buffers to train on up to `capacity` sequences.
    ///
    /// Where tensors get gradients, linear outputs are left out of which the backward pass needs
    /// less ([`super::keep`]). Without any partials the arena is for a pass with rules of its own,
    /// and keeps them all.
    pub(super) fn for_training(plan: &Plan, partials: &Partials, capacity: usize) -> Self {
        let light = partials.len > 0;
        let kept = |b: &Block| b.stored() && !(light && b.line() > 0);
        let if_light = |n: usize| if light { n } else { 0 };
        let line = plan.blocks.iter().map(Block::line).max().unwrap_or(0);
        let channels = |b: &Block| if b.norm.is_some() { b.channels } else { 0 };
        Self {
            data: plan
                .roots
                .iter()
                .map(|r| vec![0.0; r.stride() * capacity])
                .collect(),
            step: plan.roots.iter().map(Root::stride).collect(),
            y: plan
                .blocks
                .iter()
                .map(|b| vec![0.0; if kept(b) { b.stride() * capacity } else { 0 }])
                .collect(),
            light,
            line: vec![0.0; if_light(line)],
            signs: plan
                .blocks
                .iter()
                .map(|b| vec![0; if_light(b.signs() * capacity)])
                .collect(),
            operator: plan
                .blocks
                .iter()
                .map(|b| OperatorBuffers::for_training(b.operator(), b.rows, capacity))
                .collect(),
            counts: plan.blocks.iter().map(Block::counts).collect(),
            band: vec![
                0.0;
                plan.blocks
                    .iter()
                    .map(|b| b.table().map_or(0, |_| b.band() * b.channels))
                    .max()
                    .unwrap_or(0)
            ],
            gradients: plan.slots.iter().map(|n| vec![0.0; n * capacity]).collect(),
            scratch: vec![
                0.0;
                plan.blocks
                    .iter()
                    .map(|b| b.band() * b.channels)
                    .max()
                    .unwrap_or(0)
            ],
            moments: plan
                .blocks
                .iter()
                .map(|b| Moments::new(channels(b)))
                .collect(),
            sums: plan
                .blocks
                .iter()
                .map(|b| [vec![0.0; channels(b)], vec![0.0; channels(b)]])
                .collect(),
            partial: vec![0.0; partials.len],
            ..Self::default()
        }
    }

    /// Buffers to predict on up to `capacity` sequences at a time. Matrices that are written and
    /// read for one sequence after another hold one sequence only, which stays in the cache.
    pub(super) fn for_inference(plan: &Plan, capacity: usize) -> Self {
        let mut kept = vec![false; plan.roots.len()];
        kept[plan.output.root] = true;
        // Runs of blocks that work sequence by sequence; a matrix that leaves its run is kept for
        // all sequences.
        let mut run = 0;
        let mut made = vec![usize::MAX; plan.roots.len()];
        for block in &plan.blocks {
            if block.stacked() {
                run += 1;
            }
            for value in block.reads() {
                if made[value.root] != run || block.stacked() {
                    kept[value.root] = true;
                }
            }
            let root = block.output.root;
            if block.stacked() || (made[root] != usize::MAX && made[root] != run) {
                kept[root] = true;
            }
            made[root] = run;
            if block.stacked() {
                run += 1;
            }
        }
        let step: Vec<usize> = plan
            .roots
            .iter()
            .zip(&kept)
            .map(|(r, kept)| if *kept { r.stride() } else { 0 })
            .collect();
        let data = plan
            .roots
            .iter()
            .zip(&kept)
            .map(|(r, kept)| vec![0.0; r.stride() * if *kept { capacity } else { 1 }]);
        let scratch = plan.blocks.iter().map(|b| match b.stored() {
            true if b.stacked() => b.rows * b.channels * capacity,
            true => b.rows * b.channels,
            false => b.band() * b.channels,
        });
        Self {
            data: data.collect(),
            step,
            scratch: vec![0.0; scratch.max().unwrap_or(0)],
            operator: plan
                .blocks
                .iter()
                .map(|b| OperatorBuffers::for_inference(b.operator(), b.rows, capacity))
                .collect(),
            ..Self::default()
        }
    }
}

impl Block {
    /// The matrices that a block reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = Value> {
        let input = match self.input {
            Source::Codes => None,
            Source::Value(v) => Some(v),
        };
        input.into_iter().chain(self.skip).chain(self.add)
    }
}

/// The tensors whose gradients are summed per chunk first: weights of convolutions, biases that no
/// batch norm cancels.
#[derive(Clone, Debug, Default)]
pub(super) struct Partials {
    /// Place in the flat gradient, place in the partial vector; the second may be longer, and
    /// begins with the gradient once it is finished.
    pub(super) ranges: Vec<(Range<usize>, Range<usize>)>,
    /// Weight and bias of each block, in the partial vector.
    pub(super) weight: Vec<Option<Range<usize>>>,
    pub(super) bias: Vec<Option<Range<usize>>>,
    /// Tensors of other layers, in their own order.
    pub(super) operator: Vec<Vec<Range<usize>>>,
    pub(super) len: usize,
}

impl Partials {
    /// Of a plan whose tensors get no gradients.
    pub(super) fn none(plan: &Plan) -> Self {
        Self {
            weight: vec![None; plan.blocks.len()],
            bias: vec![None; plan.blocks.len()],
            ..Self::default()
        }
    }

    pub(super) fn new(plan: &Plan) -> Self {
        let mut all = Self::default();
        for block in &plan.blocks {
            let weights = block.weights();
            let weight = weights
                .filter(|w| !w.stacked)
                .map(|w| all.add_with(&w.weight, w.sums()));
            let bias = weights
                .filter(|_| block.norm.is_none())
                .and_then(|w| w.bias.clone())
                .map(|b| all.add(&b));
            let operator = match &block.linear {
                Linear::Operator(operator) => operator.tensors(),
                _ => vec![],
            };
            let operator = operator.iter().map(|t| all.add(t)).collect();
            all.weight.push(weight);
            all.bias.push(bias);
            all.operator.push(operator);
        }
        all
    }

    fn add(&mut self, flat: &Range<usize>) -> Range<usize> {
        self.add_with(flat, flat.len())
    }

    /// Adds a tensor whose gradient takes the room of `sums` values until it is finished.
    fn add_with(&mut self, flat: &Range<usize>, sums: usize) -> Range<usize> {
        let range = self.len..self.len + sums;
        self.len = range.end;
        self.ranges.push((flat.clone(), range.clone()));
        range
    }
}

/// Calls `work` for every arena: on the calling thread, or on up to `threads` threads of the
/// current rayon pool.
pub(super) fn each(threads: usize, arenas: &mut [Arena], work: impl Fn(&mut Arena) + Sync + Send) {
    use rayon::prelude::*;
    if threads <= 1 {
        arenas.iter_mut().for_each(work);
    } else {
        let share = arenas.len().div_ceil(threads);
        arenas
            .par_chunks_mut(share)
            .with_max_len(1)
            .for_each(|share| share.iter_mut().for_each(&work));
    }
}
