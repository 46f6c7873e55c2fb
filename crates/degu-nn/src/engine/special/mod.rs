//! Layers that are neither convolutions of all channels nor part of a tail: bidirectional LSTM,
//! self-attention, layer norm, channel softmax, grouped convolution, pools whose windows overlap or
//! leave gaps, crops.
//!
//! Each takes the place of a block's linear part: it computes `[rows, channels]` from the block's
//! input, the tail follows, and its backward pass starts from the gradient that the tail leaves in
//! the same place. What it needs of its own input it reads again.

mod attention;
mod groups;
mod lstm;
mod rowwise;

pub(super) use attention::Attention;
pub(super) use groups::Groups;
pub(super) use lstm::BiLstm;

use super::arena::Arena;
use super::pass::Pass;
use super::plan::{Block, Linear, Source, Value};
use attention::AttentionBuffers;
use degu_kernels::{Diagonals, Isa, Packed, Pool, Rows, RowsMut, Start};
use std::ops::Range;

/// One such layer.
#[derive(Clone, Debug)]
pub(super) enum Special {
    BiLstm(BiLstm),
    Attention(Attention),
    LayerNorm {
        gamma: Range<usize>,
        beta: Range<usize>,
        epsilon: f64,
    },
    Softmax,
    Groups(Groups),
    Windows {
        pool: Pool,
        stride: usize,
    },
    Crop {
        left: usize,
    },
}

impl Special {
    /// Whether all sequences of a chunk are computed together.
    pub(super) fn stacked(&self) -> bool {
        matches!(self, Self::BiLstm(_))
    }

    /// What messages call it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::BiLstm(_) => "bidirectional LSTM",
            Self::Attention(_) => "multi-head self-attention",
            Self::LayerNorm { .. } => "layer norm",
            Self::Softmax => "softmax over channels",
            Self::Groups(_) => "grouped convolution",
            Self::Windows { .. } => "pool whose windows overlap or leave gaps",
            Self::Crop { .. } => "crop",
        }
    }

    /// Tensors whose gradients the layer sums per chunk itself, in its own order.
    pub(super) fn tensors(&self) -> Vec<Range<usize>> {
        match self {
            Self::BiLstm(l) => l.tensors(),
            Self::Attention(a) => a.tensors(),
            Self::LayerNorm { gamma, beta, .. } => vec![gamma.clone(), beta.clone()],
            _ => vec![],
        }
    }
}

/// Packed weights.
#[derive(Debug, Default)]
pub(super) struct SpecialWeights {
    pub(super) forward: Vec<Packed<f32>>,
    pub(super) backward: Vec<Packed<f32>>,
    /// Of small groups: for the forward pass, and for the backward pass by phases of the stride.
    pub(super) diagonals: Option<(Diagonals<f32>, Vec<Diagonals<f32>>)>,
}

impl SpecialWeights {
    /// Room for the weights of a block.
    pub(super) fn new(isa: Isa, block: &Block) -> Self {
        match &block.linear {
            Linear::Special(Special::BiLstm(l)) => l.weights(isa),
            Linear::Special(Special::Attention(a)) => a.weights(isa),
            Linear::Special(Special::Groups(g)) => g.weights(isa),
            _ => Self::default(),
        }
    }

    /// Packs the weights for the passes named.
    pub(super) fn pack(&mut self, block: &Block, parameters: &[f32], passes: [bool; 2]) {
        match &block.linear {
            Linear::Special(Special::BiLstm(l)) => l.pack(self, parameters, passes),
            Linear::Special(Special::Attention(a)) => a.pack(self, parameters, passes),
            Linear::Special(Special::Groups(g)) => g.pack(self, parameters, passes),
            _ => {}
        }
    }
}

/// Buffers of one block in one arena.
#[derive(Debug, Default)]
pub(super) struct SpecialBuffers {
    /// Gates of an LSTM, turned into the gradients of their arguments.
    pub(super) gates: Vec<f32>,
    pub(super) cells: Vec<f32>,
    /// Gradient of the cell state that is carried from step to step.
    pub(super) carry: Vec<f32>,
    pub(super) attention: AttentionBuffers,
}

impl SpecialBuffers {
    /// To train on up to `capacity` sequences.
    pub(super) fn for_training(block: &Block, capacity: usize) -> Self {
        match &block.linear {
            Linear::Special(Special::BiLstm(l)) => l.training_buffers(block.rows, capacity),
            Linear::Special(Special::Attention(a)) => a.training_buffers(block.rows, capacity),
            _ => Self::default(),
        }
    }

    /// To predict on up to `capacity` sequences.
    pub(super) fn for_inference(block: &Block, capacity: usize) -> Self {
        match &block.linear {
            Linear::Special(Special::BiLstm(l)) => l.inference_buffers(block.rows, capacity),
            Linear::Special(Special::Attention(a)) => a.inference_buffers(block.rows),
            _ => Self::default(),
        }
    }
}

impl Pass<'_> {
    /// The layer in place of the linear part of block `b`, for `count` sequences from `n` on;
    /// `keep` for a backward pass to follow.
    pub(super) fn special(
        &self,
        arena: &mut Arena,
        b: usize,
        n: usize,
        count: usize,
        y: &mut [f32],
        keep: bool,
    ) {
        let block = &self.plan.blocks[b];
        let (Linear::Special(special), Source::Value(x)) = (&block.linear, block.input) else {
            return;
        };
        match special {
            Special::BiLstm(l) => self.lstm(arena, b, l, &x, count, y, keep),
            Special::Attention(a) => self.attention(arena, b, a, &x, n, y, keep),
            Special::Groups(g) => self.groups(arena, b, g, &x, n, y),
            _ => self.rowwise(arena, block, special, &x, n, y),
        }
    }

    /// Gradients of its input and, per chunk, of its tensors.
    pub(super) fn special_back(&self, arena: &mut Arena, b: usize, n: usize, count: usize) {
        let block = &self.plan.blocks[b];
        let (Linear::Special(special), Source::Value(x)) = (&block.linear, block.input) else {
            return;
        };
        match special {
            Special::BiLstm(l) => self.lstm_back(arena, b, l, &x, count),
            Special::Attention(a) => self.attention_back(arena, b, a, &x, n),
            Special::Groups(g) => self.groups_back(arena, b, g, &x, n),
            _ => self.rowwise_back(arena, b, special, &x, n),
        }
    }
}

/// A view of `values` from `at` on.
fn rows(values: &[f32], at: usize, pitch: usize) -> Rows<'_, f32> {
    Rows {
        values: &values[at..],
        pitch,
    }
}

/// The same, to write to.
pub(super) fn rows_mut(
    values: &mut [f32],
    at: usize,
    pitch: usize,
    accumulate: bool,
) -> RowsMut<'_, f32> {
    RowsMut {
        values: &mut values[at..],
        pitch,
        accumulate,
    }
}

/// Where the products of an input gradient start.
fn start(accumulate: bool) -> Start<'static, f32> {
    if accumulate {
        Start::Accumulate
    } else {
        Start::Zero
    }
}

/// The matrix of a view, for sequence `n`.
fn input<'a>(pass: &Pass<'_>, arena: &'a Arena, x: &Value, n: usize) -> Rows<'a, f32> {
    pass.rows(arena, x, n, 0)
}
