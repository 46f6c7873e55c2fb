//! What operators hold: packed weights, and the buffers of an arena.

use degu_kernels::{AttentionWork, GroupedConv, Packed};

/// Packed weights.
#[derive(Debug, Default)]
pub(in crate::engine) struct OperatorWeights {
    pub(in crate::engine) forward: Vec<Packed>,
    pub(in crate::engine) backward: Vec<Packed>,
    /// Of small groups: for the forward pass, and for the backward pass by phases of the stride.
    pub(in crate::engine) grouped: Option<(GroupedConv, Vec<GroupedConv>)>,
}

/// Buffers of one block in one arena.
#[derive(Debug, Default)]
pub(in crate::engine) struct OperatorBuffers {
    /// Gates of an LSTM, turned into the gradients of their arguments.
    pub(in crate::engine) gates: Vec<f32>,
    pub(in crate::engine) cells: Vec<f32>,
    /// Gradient of the cell state that is carried from step to step.
    pub(in crate::engine) carry: Vec<f32>,
    pub(in crate::engine) attention: AttentionBuffers,
}

/// Buffers of self-attention.
#[derive(Debug, Default)]
pub(in crate::engine) struct AttentionBuffers {
    /// Queries, keys and values, `[sequences, L, 3 A]`.
    pub(in crate::engine) projected: Vec<f32>,
    /// Results of the heads, `[sequences, L, A]`.
    pub(in crate::engine) mixed: Vec<f32>,
    /// Gradients of both for one sequence.
    pub(in crate::engine) d_projected: Vec<f32>,
    pub(in crate::engine) d_mixed: Vec<f32>,
    pub(in crate::engine) work: AttentionWork,
}
