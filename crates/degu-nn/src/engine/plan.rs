//! The compiled network: a list of blocks over matrices.
//!
//! A block is a linear layer and what follows it up to the next one: batch norm, skip connection,
//! activation, dropout, pooling, dropout, in this order, each optional. Each runs as one pass over
//! a sequence ([`degu_kernels::Epilogue`]).

use super::convolution::Weights;
use super::operators::Operator;
use degu_kernels::{Activation, CodeCounts, Pool};
use std::ops::Range;

/// A matrix `[rows, cols]` per sequence, with rows of zeros before and after for the convolutions
/// that read it.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) front: usize,
    pub(super) back: usize,
    /// Read as one vector: must stay without halo.
    pub(super) flat: bool,
    /// Place of its gradient.
    pub(super) slot: usize,
}

impl Root {
    /// Values of one sequence, halo included.
    pub(super) fn stride(&self) -> usize {
        (self.front + self.rows + self.back) * self.cols
    }

    /// Values of one sequence without halo.
    pub(super) fn elements(&self) -> usize {
        self.rows * self.cols
    }
}

/// A view of a matrix: a range of its columns or of its rows, or all of it as one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) root: usize,
    pub(super) rows: usize,
    /// First row in the root.
    pub(super) row: usize,
    pub(super) cols: usize,
    /// First column in the root.
    pub(super) col: usize,
    /// Values from one row to the next.
    pub(super) pitch: usize,
}

impl Value {
    /// Which rows of this view are among `rows` of its root (first and last).
    pub(super) fn overlap(&self, rows: Option<(usize, usize)>) -> Option<(usize, usize)> {
        let ((low, high), last) = (rows?, self.rows.checked_sub(1)?);
        let meets = high >= self.row && low <= self.row + last;
        meets.then(|| (low.saturating_sub(self.row), (high - self.row).min(last)))
    }
}

/// Where a block reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Codes,
    Value(Value),
}

/// The linear part of a block.
#[derive(Clone, Debug)]
pub(super) enum Linear {
    /// None: the block works on its input.
    None,
    /// Convolution over one-hot rows, from codes.
    Lookup(Weights),
    /// Convolution or dense layer.
    Conv(Weights),
    /// Another layer in their place.
    Operator(Operator),
}

/// A batch norm's tensors.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) gamma: Range<usize>,
    pub(super) beta: Range<usize>,
    pub(super) mean: Range<usize>,
    pub(super) var: Range<usize>,
    pub(super) epsilon: f64,
    pub(super) momentum: f64,
    pub(super) unbiased: bool,
}

/// A dropout: the stream of its masks and its rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drop {
    pub(super) stream: u64,
    pub(super) rate: f64,
}

/// How much of a linear output the backward pass needs ([`super::keep`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The values.
    All,
    /// Which values enter the activation above zero.
    Signs,
    /// Nothing.
    Nothing,
}

/// One block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) input: Source,
    pub(super) linear: Linear,
    /// Rows and channels between the linear part and the rest.
    pub(super) rows: usize,
    pub(super) channels: usize,
    /// Zero rows around the linear part's output, which the input gradient needs.
    pub(super) front: usize,
    pub(super) back: usize,
    pub(super) norm: Option<Norm>,
    /// Added before the activation.
    pub(super) skip: Option<Value>,
    pub(super) activation: Activation,
    pub(super) before: Option<Drop>,
    pub(super) pool: Pool,
    pub(super) after: Option<Drop>,
    /// Added to the result.
    pub(super) add: Option<Value>,
    pub(super) output: Value,
    /// What the backward pass needs of the linear part's output.
    pub(super) keep: Keep,
    /// Whether its batch norm works from counts of base pairs instead of the output
    /// ([`super::first`]).
    pub(super) counted: bool,
    /// Whether the gradients this block sends back meet others that came before, in the order of
    /// the backward pass.
    pub(super) input_accumulates: bool,
    pub(super) skip_accumulates: bool,
    pub(super) add_accumulates: bool,
}

impl Block {
    /// A block of a linear layer alone, before it has a place to write to.
    pub(super) fn new(input: Source, linear: Linear, rows: usize, channels: usize) -> Self {
        Self {
            input,
            linear,
            rows,
            channels,
            front: 0,
            back: 0,
            norm: None,
            skip: None,
            activation: Activation::Identity,
            before: None,
            pool: Pool::NONE,
            after: None,
            add: None,
            output: Value {
                root: usize::MAX,
                rows: 0,
                row: 0,
                cols: 0,
                col: 0,
                pitch: 0,
            },
            keep: Keep::All,
            counted: false,
            input_accumulates: false,
            skip_accumulates: false,
            add_accumulates: false,
        }
    }

    /// Weights of the linear part.
    pub(super) fn weights(&self) -> Option<&Weights> {
        match &self.linear {
            Linear::Lookup(w) | Linear::Conv(w) => Some(w),
            Linear::Operator(Operator::Groups(g)) => Some(&g.weights),
            Linear::None | Linear::Operator(_) => None,
        }
    }

    /// The operator in place of the linear part.
    pub(super) fn operator(&self) -> Option<&Operator> {
        match &self.linear {
            Linear::Operator(operator) => Some(operator),
            _ => None,
        }
    }

    /// The table of a first layer whose batch norm works from counts ([`super::first`]).
    pub(super) fn table(&self) -> Option<&Weights> {
        match &self.linear {
            Linear::Lookup(w) if self.counted => Some(w),
            _ => None,
        }
    }

    /// No counts yet, for the taps of such a table.
    pub(super) fn counts(&self) -> CodeCounts {
        self.table()
            .map_or_else(CodeCounts::default, |w| CodeCounts::new(w.taps))
    }

    /// Whether the linear part is computed as a whole before the epilogue (a look-up is cheaper to
    /// compute again, band by band).
    pub(super) fn stored(&self) -> bool {
        matches!(self.linear, Linear::Conv(_) | Linear::Operator(_))
    }

    /// Whether all sequences of a chunk are computed together.
    pub(super) fn stacked(&self) -> bool {
        match &self.linear {
            Linear::Operator(operator) => operator.stacked(),
            _ => self.product(),
        }
    }

    /// Whether all sequences of a chunk are the rows of one matrix product.
    pub(super) fn product(&self) -> bool {
        matches!(&self.linear, Linear::Conv(w) if w.stacked)
    }

    /// Values of the stored output of one sequence, halo included.
    pub(super) fn stride(&self) -> usize {
        (self.front + self.rows + self.back) * self.channels
    }

    /// First value of sequence `n` after the halo: in a buffer of all sequences if the block is
    /// stacked, of one if it is not.
    pub(super) fn halo(&self, n: usize) -> usize {
        let n = if self.stacked() { n } else { 0 };
        n * self.stride() + self.front * self.channels
    }

    /// Rows of a band of a look-up layer that stays in the first-level cache: whole pooling
    /// windows.
    pub(super) fn band(&self) -> usize {
        const VALUES: usize = 6144;
        let window = self.pool.size();
        (VALUES / self.channels.max(1) / window).max(1) * window
    }
}

/// The compiled network.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) length: usize,
    pub(super) roots: Vec<Root>,
    pub(super) blocks: Vec<Block>,
    pub(super) output: Value,
    /// Values per sequence of each place for gradients.
    pub(super) slots: Vec<usize>,
}

impl Plan {
    /// First value of a view in the buffer of its root, for sequence `n`; `step` is the distance of
    /// two sequences there.
    pub(super) fn at(&self, value: &Value, n: usize, step: usize) -> usize {
        let root = &self.roots[value.root];
        n * step + (root.front + value.row) * root.cols + value.col
    }

    /// Whether a view covers a matrix without halo, so that the sequences of a chunk are
    /// consecutive rows.
    pub(super) fn contiguous(&self, value: &Value) -> bool {
        let root = &self.roots[value.root];
        root.front + root.back == 0 && value.col == 0 && value.rows * value.cols == root.elements()
    }
}
