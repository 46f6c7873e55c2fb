//! Layers that are neither convolutions of all channels nor part of an epilogue: bidirectional
//! LSTM, self-attention, layer norm, channel softmax, grouped convolution, pools whose windows
//! overlap or leave gaps, crops.
//!
//! Each takes the place of a block's linear part: it computes `[rows, channels]` from the block's
//! input, the epilogue follows, and its backward pass starts from the gradient that the epilogue
//! leaves in the same place. What it needs of its own input it reads again.

mod attention;
mod groups;
mod lstm;
mod state;

pub(super) use attention::{Attention, Map};
pub(super) use groups::Groups;
pub(super) use lstm::{BiLstm, STRETCH};
pub(super) use state::{AttentionBuffers, OperatorBuffers, OperatorWeights};

use degu_kernels::{Isa, Pool};
use std::ops::Range;

/// One such layer.
#[derive(Clone, Debug)]
pub(super) enum Operator {
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

impl Operator {
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

impl OperatorWeights {
    /// Room for the weights of an operator.
    pub(super) fn new(isa: Isa, operator: &Operator) -> Self {
        match operator {
            Operator::BiLstm(l) => l.weights(isa),
            Operator::Attention(a) => a.weights(isa),
            Operator::Groups(g) => g.weights(isa),
            _ => Self::default(),
        }
    }

    /// Packs the weights for the passes named.
    pub(super) fn pack(&mut self, operator: &Operator, parameters: &[f32], passes: [bool; 2]) {
        match operator {
            Operator::BiLstm(l) => l.pack(self, parameters, passes),
            Operator::Attention(a) => a.pack(self, parameters, passes),
            Operator::Groups(g) => g.pack(self, parameters, passes),
            _ => {}
        }
    }
}

impl OperatorBuffers {
    /// To train on up to `capacity` sequences.
    pub(super) fn for_training(operator: Option<&Operator>, rows: usize, capacity: usize) -> Self {
        match operator {
            Some(Operator::BiLstm(l)) => l.training_buffers(rows, capacity),
            Some(Operator::Attention(a)) => a.training_buffers(rows, capacity),
            _ => Self::default(),
        }
    }

    /// To predict on up to `capacity` sequences.
    pub(super) fn for_inference(operator: Option<&Operator>, rows: usize, capacity: usize) -> Self {
        match operator {
            Some(Operator::BiLstm(l)) => l.inference_buffers(rows, capacity),
            Some(Operator::Attention(a)) => a.inference_buffers(rows),
            _ => Self::default(),
        }
    }
}
