//! What the engine keeps on the device besides its tensors.

use super::super::operators::Operator;
use super::super::plan::{Block, Linear, Plan, Source, Value};
use degu_kernels::Shape;
use degu_kernels::cuda::{Buffer, Device, DeviceError, Matrix, NormBuffers, Parts};

/// Values that the parts of one weight gradient take at most.
const MOST_PARTS: usize = 16 << 20;

/// The buffers of a batch; taken once, zeroed once (rows of zeros around matrices are never
/// written).
#[derive(Debug)]
pub(super) struct DeviceMemory {
    /// Base codes, `[capacity, L]`.
    pub(super) codes: Buffer<u8>,
    /// Seeds of the masks of each sequence, where samples are asked for.
    pub(super) seeds: Buffer<u64>,
    /// Matrices between blocks, with the zero rows that their readers need.
    pub(super) data: Vec<Buffer<f32>>,
    /// Outputs of the linear parts, turned into their gradients by the backward pass.
    pub(super) y: Vec<Buffer<f32>>,
    /// Gradients of the matrices, by place.
    pub(super) gradients: Vec<Buffer<f32>>,
    /// Gradients of the outputs, `[capacity, O]`.
    pub(super) d_outputs: Buffer<f32>,
    /// Batch norms by statistics of the batch, and by running ones.
    pub(super) norms: Vec<Option<NormBuffers>>,
    pub(super) running: Vec<Option<NormBuffers>>,
    /// Parts of sums.
    pub(super) parts: Parts,
}

impl DeviceMemory {
    pub(super) fn new(device: &Device, plan: &Plan, capacity: usize) -> Result<Self, DeviceError> {
        let buffers = |sizes: Vec<usize>| {
            let each = sizes.into_iter().map(|n| device.buffer(n * capacity));
            each.collect::<Result<Vec<_>, _>>()
        };
        let norms = || {
            let of = |b: &Block| {
                b.norm
                    .as_ref()
                    .map(|_| NormBuffers::new(device, b.channels))
            };
            let each = plan.blocks.iter().map(|b| of(b).transpose());
            each.collect::<Result<Vec<_>, _>>()
        };
        let y = |b: &Block| b.weights().map_or(0, |_| b.stride());
        let parts = plan.blocks.iter().map(|b| parts(device, b, capacity));
        Ok(Self {
            codes: device.buffer(capacity * plan.length)?,
            seeds: device.buffer(capacity)?,
            data: buffers(
                plan.roots
                    .iter()
                    .map(super::super::plan::Root::stride)
                    .collect(),
            )?,
            y: buffers(plan.blocks.iter().map(y).collect())?,
            gradients: buffers(plan.slots.clone())?,
            d_outputs: device.buffer(capacity * plan.output.rows * plan.output.cols)?,
            norms: norms()?,
            running: norms()?,
            parts: Parts::new(device, parts.max().unwrap_or(0))?,
        })
    }

    /// The matrices of a view.
    pub(super) fn value(&self, plan: &Plan, value: &Value) -> Matrix<'_> {
        let root = &plan.roots[value.root];
        Matrix {
            buffer: &self.data[value.root],
            first: (root.front + value.row) * root.cols + value.col,
            step: root.stride(),
            pitch: value.pitch,
        }
    }

    /// The gradients of a view.
    pub(super) fn gradient(&self, plan: &Plan, value: &Value) -> Matrix<'_> {
        let slot = plan.roots[value.root].slot;
        Matrix {
            buffer: &self.gradients[slot],
            first: value.row * value.pitch + value.col,
            step: plan.slots[slot],
            pitch: value.pitch,
        }
    }

    /// The output of the linear part of block `b`, or its gradient; rows of the block's input where
    /// there is no linear part.
    pub(super) fn linear(&self, plan: &Plan, b: usize) -> Matrix<'_> {
        let block = &plan.blocks[b];
        match rows_of_input(block) {
            Some((x, first)) => self.value(plan, &x).from_row(first),
            None => Matrix {
                buffer: &self.y[b],
                first: block.front * block.channels,
                step: block.stride(),
                pitch: block.channels,
            },
        }
    }
}

/// The input of a block without linear part, and the first of its rows that the block works on.
pub(super) fn rows_of_input(block: &Block) -> Option<(Value, usize)> {
    match (&block.linear, block.input) {
        (Linear::None, Source::Value(x)) => Some((x, 0)),
        (Linear::Operator(Operator::Crop { left }), Source::Value(x)) => Some((x, *left)),
        _ => None,
    }
}

/// Values that the parts of a block's sums need at most.
fn parts(device: &Device, block: &Block, capacity: usize) -> usize {
    let sums = Parts::for_channels(block.channels);
    let Some(w) = block.weights() else {
        return sums;
    };
    let terms = w.taps * w.c_in;
    let rows = capacity * block.rows;
    if matches!(block.linear, Linear::Lookup(_)) {
        let table = device.lookup_gradient_parts(rows, w.taps, w.c_out);
        return sums.max(table.min(MOST_PARTS.max(w.taps * 4 * w.c_out)));
    }
    let shape = Shape {
        rows: block.rows,
        channels: w.c_out,
    };
    let back = w.phases.iter().map(|p| {
        let shape = Shape {
            rows: p.rows,
            channels: w.c_in,
        };
        device.product_parts(capacity, shape, p.taps * w.c_out)
    });
    let forward = device.product_parts(capacity, shape, terms);
    let weights = device.weight_gradient_parts(rows, terms, w.c_out);
    // With less room than they want, weight gradients have fewer parts.
    let weights = weights.min(MOST_PARTS.max(terms * w.c_out));
    sums.max(back.max().unwrap_or(0)).max(forward).max(weights)
}
