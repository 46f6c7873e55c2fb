//! Multi-head self-attention of one sequence: for each head `softmax(Q K^T / sqrt(D)) V`, and its
//! backward pass.
//!
//! The matrix products are those of the dense layers, over keys and values that are packed for each
//! head; the rows of the softmax are computed in blocks that stay in the cache, and again in the
//! backward pass, so that nothing of the size `[L, L]` is stored. Each score, result and gradient
//! is one chain of multiply-adds in the order of channels, keys or queries: a block's size changes
//! no bit.

mod rows;

use crate::conv::{Start, Window, conv_forward, conv_weight_gradient_columns};
use crate::isa::Isa;
use crate::matrix::{Rows, RowsMut};
use crate::pack::Packed;
use rows::{softmax_rows, softmax_rows_backward};

/// Rows of a block of scores.
const BLOCK: usize = 48;

/// Sizes of self-attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Positions `L`.
    pub length: usize,
    /// Heads `H`.
    pub heads: usize,
    /// Channels of a head `D`.
    pub width: usize,
}

impl Heads {
    /// Channels of all heads.
    pub fn inner(self) -> usize {
        self.heads * self.width
    }

    fn empty(self) -> bool {
        self.length * self.inner() == 0
    }

    /// First columns of the queries, keys and values of head `h`.
    fn columns(self, h: usize) -> [usize; 3] {
        [0, 1, 2].map(|part| part * self.inner() + h * self.width)
    }

    fn check(self, name: &str, len: usize, pitch: usize, columns: usize) {
        assert!(
            pitch >= columns,
            "row stride {pitch} of `{name}` below {columns} channels"
        );
        let need = (self.length - 1) * pitch + columns;
        assert!(
            len >= need,
            "`{name}` has {len} values where {self:?} at stride {pitch} needs {need}"
        );
    }
}

/// Buffers of attention, made for the first sizes that they meet and kept as long as these stay.
#[derive(Debug, Default)]
pub struct AttentionWork(Option<Buffers>);

#[derive(Debug)]
struct Buffers {
    isa: Isa,
    shape: Heads,
    /// Keys and values of a head, transposed and as they are.
    keys_transposed: Packed,
    keys: Packed,
    values_transposed: Packed,
    values: Packed,
    /// Rows of the softmax and of their gradients.
    weights: Vec<f32>,
    gradients: Vec<f32>,
}

impl AttentionWork {
    fn fit(&mut self, isa: Isa, shape: Heads) -> &mut Buffers {
        let fits = |b: &Buffers| b.isa == isa && b.shape == shape;
        if !self.0.as_ref().is_some_and(fits) {
            self.0 = None;
        }
        self.0.get_or_insert_with(|| {
            let (length, width) = (shape.length, shape.width);
            let transposed = || Packed::new(isa, 1, width, length);
            let plain = || Packed::new(isa, 1, length, width);
            let rows = || vec![0.0; BLOCK.min(length) * length];
            Buffers {
                isa,
                shape,
                keys_transposed: transposed(),
                keys: plain(),
                values_transposed: transposed(),
                values: plain(),
                weights: rows(),
                gradients: rows(),
            }
        })
    }
}

impl Buffers {
    /// The rows of the softmax for `rows` queries from `q` on.
    fn softmax(&mut self, q: &[f32], window: Window) {
        let length = self.shape.length;
        let weights = &mut self.weights;
        conv_forward(
            &self.keys_transposed,
            q,
            window,
            Start::Zero,
            weights,
            length,
        );
        let scale = 1.0 / (self.shape.width as f64).sqrt();
        softmax_rows(self.isa, [window.rows, length], scale, weights);
    }
}

/// First rows of the blocks and their numbers of rows.
fn blocks(length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..length)
        .step_by(BLOCK)
        .map(move |first| (first, BLOCK.min(length - first)))
}

fn window(rows: usize, pitch: usize) -> Window {
    Window {
        rows,
        pitch,
        stride: 1,
        dilation: 1,
    }
}

fn start(accumulate: bool) -> Start<'static> {
    if accumulate {
        Start::Accumulate
    } else {
        Start::Zero
    }
}

/// `softmax(q k^T / sqrt(D)) v` for each head of self-attention: `projected` `[L, 3 H D]` holds
/// queries, keys and values of all heads side by side, `out` `[L, H D]` gains the results of
/// all heads.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn attention_forward(
    isa: Isa,
    shape: Heads,
    projected: Rows<'_>,
    out: RowsMut<'_>,
    work: &mut AttentionWork,
) {
    if shape.empty() {
        return;
    }
    let (x, pitch, inner) = (projected.values, projected.pitch, shape.inner());
    shape.check("projected", x.len(), pitch, 3 * inner);
    shape.check("out", out.values.len(), out.pitch, inner);
    let work = work.fit(isa, shape);
    for h in 0..shape.heads {
        let [q, k, v] = shape.columns(h);
        work.keys_transposed.pack_transposed(&x[k..], pitch);
        work.values.pack_rows(&x[v..], pitch);
        for (first, rows) in blocks(shape.length) {
            work.softmax(&x[first * pitch + q..], window(rows, pitch));
            conv_forward(
                &work.values,
                &work.weights,
                window(rows, shape.length),
                start(out.accumulate),
                &mut out.values[first * out.pitch + h * shape.width..],
                out.pitch,
            );
        }
    }
}

/// The gradients of queries, keys and values, `[L, 3 H D]`, from `dy` `[L, H D]`, that of the
/// results; the softmax is computed again.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a view to write through is given away"
)]
pub fn attention_backward(
    isa: Isa,
    shape: Heads,
    projected: Rows<'_>,
    dy: Rows<'_>,
    dx: RowsMut<'_>,
    work: &mut AttentionWork,
) {
    if shape.empty() {
        return;
    }
    let (x, pitch, inner) = (projected.values, projected.pitch, shape.inner());
    let (length, width) = (shape.length, shape.width);
    shape.check("projected", x.len(), pitch, 3 * inner);
    shape.check("dy", dy.values.len(), dy.pitch, inner);
    shape.check("dx", dx.values.len(), dx.pitch, 3 * inner);
    if !dx.accumulate {
        // Those of keys and values are sums over the blocks.
        for row in dx.values.chunks_mut(dx.pitch).take(length) {
            row[inner..3 * inner].fill(0.0);
        }
    }
    let work = work.fit(isa, shape);
    let scale = 1.0 / (width as f64).sqrt();
    for h in 0..shape.heads {
        let [q, k, v] = shape.columns(h);
        work.keys_transposed.pack_transposed(&x[k..], pitch);
        work.keys.pack_rows(&x[k..], pitch);
        work.values_transposed.pack_transposed(&x[v..], pitch);
        for (first, rows) in blocks(length) {
            let queries = &x[first * pitch + q..];
            let upstream = &dy.values[first * dy.pitch + h * width..];
            let (of_weights, size) = (window(rows, length), [1, length, width]);
            work.softmax(queries, window(rows, pitch));
            let (weights, gradients) = (&work.weights, &mut work.gradients);
            conv_weight_gradient_columns(
                isa,
                size,
                weights,
                of_weights,
                upstream,
                dy.pitch,
                &mut dx.values[v..],
                dx.pitch,
            );
            conv_forward(
                &work.values_transposed,
                upstream,
                window(rows, dy.pitch),
                Start::Zero,
                gradients,
                length,
            );
            softmax_rows_backward(isa, [rows, length], scale, weights, gradients);
            conv_forward(
                &work.keys,
                gradients,
                of_weights,
                start(dx.accumulate),
                &mut dx.values[first * dx.pitch + q..],
                dx.pitch,
            );
            conv_weight_gradient_columns(
                isa,
                size,
                gradients,
                of_weights,
                queries,
                pitch,
                &mut dx.values[k..],
                dx.pitch,
            );
        }
    }
}
