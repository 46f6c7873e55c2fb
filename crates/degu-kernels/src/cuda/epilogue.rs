//! What follows a linear layer.

use super::buffer::{Buffer, Matrix};
use super::columns::{GRAIN, LANES, MOST, Parts};
use super::driver::DeviceError;
use super::launch::{Arguments, Device, cut, int, one_each};
use super::norm::NormBuffers;
use crate::activation::Activation;
use crate::dropout::DropoutMask;
use crate::epilogue::Pool;
use crate::matrix::Shape;
use crate::scalar::mix;

/// Where the masks of the sequences come from.
#[derive(Clone, Copy, Debug)]
pub enum Seeds<'a> {
    /// One seed for the step; a sequence's mask depends on its place in the batch.
    Step(u64),
    /// A seed for each sequence.
    Sequences(&'a Buffer<u64>),
}

/// A dropout: the masks of [`DropoutMask`].
#[derive(Clone, Copy, Debug)]
pub struct DeviceDropout<'a> {
    /// Where the masks come from.
    pub seeds: Seeds<'a>,
    /// Stream of the layer.
    pub layer: u64,
    /// Probability of zero.
    pub rate: f64,
}

/// The operations after a linear layer, as [`Epilogue`](crate::Epilogue) has them, for `count`
/// sequences.
#[derive(Clone, Copy, Debug)]
pub struct DeviceEpilogue<'a> {
    /// Sequences.
    pub count: usize,
    /// Rows and channels of the linear layer's output.
    pub shape: Shape,
    /// That output.
    pub y: Matrix<'a>,
    /// Scale and shift of a batch norm.
    pub norm: Option<&'a NormBuffers>,
    /// Added before the activation.
    pub skip: Option<Matrix<'a>>,
    /// The nonlinearity.
    pub activation: Activation,
    /// Dropout of the rows that enter the pool.
    pub before: Option<DeviceDropout<'a>>,
    /// Pooling.
    pub pool: Pool,
    /// Dropout of the pooled rows.
    pub after: Option<DeviceDropout<'a>>,
}

/// Where a batch norm's terms of the gradient come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormTerms {
    /// Statistics of the batch: the terms of [`Device::epilogue_sums`] are added.
    Batch,
    /// Constant scale and shift, or no batch norm: there are none.
    None,
}

/// Where the gradients go, and whether they are added there.
#[derive(Clone, Copy, Debug)]
pub struct EpilogueGradients<'a> {
    /// Of the skip connection.
    pub skip: Option<(Matrix<'a>, bool)>,
    /// Of the linear layer's output, which they may replace.
    pub y: (Matrix<'a>, bool),
}

#[repr(C)]
#[derive(Clone, Copy)]
struct DropoutArgs {
    seeds: u64,
    base: u64,
    layer: u64,
    threshold: u32,
    factor: f32,
    on: i32,
    reserved: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct EpilogueArgs {
    y: u64,
    skip: u64,
    scale: u64,
    shift: u64,
    y_step: i64,
    skip_step: i64,
    before: DropoutArgs,
    after: DropoutArgs,
    y_pitch: i32,
    skip_pitch: i32,
    count: i32,
    rows: i32,
    channels: i32,
    activation: i32,
    pool: i32,
    maximum: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct EpilogueForwardArgs {
    epilogue: EpilogueArgs,
    add: u64,
    out: u64,
    add_step: i64,
    out_step: i64,
    add_pitch: i32,
    out_pitch: i32,
}
// SAFETY: the fields of `EpilogueForwardArgs` in epilogue.cu.
unsafe impl Arguments for EpilogueForwardArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct EpilogueSumsArgs {
    epilogue: EpilogueArgs,
    gradient: u64,
    mean: u64,
    part: u64,
    gradient_step: i64,
    gradient_pitch: i32,
    per_split: i32,
}
// SAFETY: the fields of `EpilogueSumsArgs` in epilogue.cu.
unsafe impl Arguments for EpilogueSumsArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct EpilogueBackwardArgs {
    epilogue: EpilogueArgs,
    gradient: u64,
    mean: u64,
    constant: u64,
    slope: u64,
    d_skip: u64,
    d_y: u64,
    gradient_step: i64,
    d_skip_step: i64,
    d_y_step: i64,
    gradient_pitch: i32,
    d_skip_pitch: i32,
    d_y_pitch: i32,
    skip_accumulates: i32,
    y_accumulates: i32,
    reserved: i32,
}
// SAFETY: the fields of `EpilogueBackwardArgs` in epilogue.cu.
unsafe impl Arguments for EpilogueBackwardArgs {}

impl DropoutArgs {
    fn new(dropout: Option<DeviceDropout<'_>>, count: usize) -> Self {
        let Some(d) = dropout else {
            return Self {
                seeds: 0,
                base: 0,
                layer: 0,
                threshold: 0,
                factor: 1.0,
                on: 0,
                reserved: 0,
            };
        };
        let mask = DropoutMask::new(0, d.layer, 0, d.rate);
        let (seeds, base) = match d.seeds {
            Seeds::Step(seed) => (0, mix(mix(seed).wrapping_add(d.layer))),
            Seeds::Sequences(seeds) => (seeds.address(0, count), 0),
        };
        Self {
            seeds,
            base,
            layer: d.layer,
            threshold: mask.threshold(),
            factor: mask.factor() as f32,
            on: 1,
            reserved: 0,
        }
    }
}

impl DeviceEpilogue<'_> {
    /// Results of one sequence.
    fn pooled(&self) -> Shape {
        Shape {
            rows: self.shape.rows / self.pool.size(),
            channels: self.shape.channels,
        }
    }

    fn arguments(&self) -> EpilogueArgs {
        assert!(self.pool.size() > 0, "a pooling window of 0 rows");
        let Shape { rows, channels } = self.shape;
        let maximum = matches!(self.pool, Pool::Max(_));
        if let Some(norm) = self.norm {
            assert_eq!(norm.channels, channels, "channels");
        }
        EpilogueArgs {
            y: self.y.address(self.count, rows, channels),
            skip: self
                .skip
                .map_or(0, |s| s.address(self.count, rows, channels)),
            scale: self.norm.map_or(0, |n| n.coefficient(2)),
            shift: self.norm.map_or(0, |n| n.coefficient(3)),
            y_step: self.y.step as i64,
            skip_step: self.skip.map_or(0, |s| s.step as i64),
            before: DropoutArgs::new(self.before, self.count),
            after: DropoutArgs::new(self.after, self.count),
            y_pitch: int(self.y.pitch),
            skip_pitch: self.skip.map_or(0, |s| int(s.pitch)),
            count: int(self.count),
            rows: int(rows),
            channels: int(channels),
            activation: code(self.activation),
            pool: int(self.pool.size()),
            maximum: i32::from(maximum),
        }
    }
}

/// The number of an activation in activation.cu.
fn code(activation: Activation) -> i32 {
    match activation {
        Activation::Identity => 0,
        Activation::Relu => 1,
        Activation::Silu => 2,
        Activation::Elu => 3,
        Activation::Gelu => 4,
        Activation::Softplus => 5,
        Activation::Sigmoid => 6,
        Activation::Tanh => 7,
        Activation::Exp => 8,
    }
}

impl Device {
    /// Runs an epilogue: the linear output to `out` `[rows / pool, channels]`, plus `add` where
    /// there is one.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shapes say.
    pub fn epilogue_forward(
        &self,
        epilogue: &DeviceEpilogue<'_>,
        add: Option<Matrix<'_>>,
        out: Matrix<'_>,
    ) -> Result<(), DeviceError> {
        let Shape { rows, channels } = epilogue.pooled();
        let arguments = EpilogueForwardArgs {
            epilogue: epilogue.arguments(),
            add: add.map_or(0, |a| a.address(epilogue.count, rows, channels)),
            out: out.address(epilogue.count, rows, channels),
            add_step: add.map_or(0, |a| a.step as i64),
            out_step: out.step as i64,
            add_pitch: add.map_or(0, |a| int(a.pitch)),
            out_pitch: int(out.pitch),
        };
        let total = epilogue.count * rows * channels;
        // SAFETY: every matrix was checked for the shape it has here.
        unsafe { self.launch("epilogue_forward", one_each(total), &arguments) }
    }

    /// First backward pass of the epilogue's batch norm: gradients of gamma and beta, to their
    /// places in `gradients`, and the terms of the second.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If the epilogue has no batch norm, or a buffer is shorter than the shapes say.
    pub fn epilogue_sums(
        &self,
        epilogue: &DeviceEpilogue<'_>,
        gradient: Matrix<'_>,
        parts: &Parts,
        gradients: &Buffer<f32>,
        places: (usize, usize),
    ) -> Result<(), DeviceError> {
        let Some(norm) = epilogue.norm else {
            panic!("an epilogue without batch norm");
        };
        let Shape { rows, channels } = epilogue.pooled();
        let tiles = channels.div_ceil(LANES);
        let grain = (GRAIN / epilogue.pool.size()).max(8);
        let (splits, per_split) = cut(
            epilogue.count * rows,
            grain,
            tiles,
            self.loading_blocks(),
            MOST,
        );
        int(epilogue.count * epilogue.shape.rows * channels);
        let arguments = EpilogueSumsArgs {
            epilogue: epilogue.arguments(),
            gradient: gradient.address(epilogue.count, rows, channels),
            mean: norm.coefficient(0),
            part: parts.address(splits * 2 * channels),
            gradient_step: gradient.step as i64,
            gradient_pitch: int(gradient.pitch),
            per_split: int(per_split),
        };
        // SAFETY: every matrix was checked for the shape it has here, and the parts hold all
        // splits.
        unsafe { self.launch("epilogue_sums", [tiles, splits, 1], &arguments)? };
        let all = epilogue.count * epilogue.shape.rows;
        self.norm_gradient(norm, parts, splits, all, gradients, places)
    }

    /// Second backward pass: the gradients of the linear output and of the skip connection from
    /// that of the result.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shapes say.
    pub fn epilogue_backward(
        &self,
        epilogue: &DeviceEpilogue<'_>,
        gradient: Matrix<'_>,
        terms: NormTerms,
        into: EpilogueGradients<'_>,
    ) -> Result<(), DeviceError> {
        let Shape { rows, channels } = epilogue.shape;
        let term = |i: usize| match (terms, epilogue.norm) {
            (NormTerms::Batch, Some(norm)) => norm.coefficient(i),
            _ => 0,
        };
        let (d_y, y_accumulates) = into.y;
        let (d_skip, skip_accumulates) = match into.skip {
            Some((matrix, accumulate)) => (Some(matrix), accumulate),
            None => (None, false),
        };
        let arguments = EpilogueBackwardArgs {
            epilogue: epilogue.arguments(),
            gradient: gradient.address(epilogue.count, epilogue.pooled().rows, channels),
            mean: term(0),
            constant: term(4),
            slope: term(5),
            d_skip: d_skip.map_or(0, |d| d.address(epilogue.count, rows, channels)),
            d_y: d_y.address(epilogue.count, rows, channels),
            gradient_step: gradient.step as i64,
            d_skip_step: d_skip.map_or(0, |d| d.step as i64),
            d_y_step: d_y.step as i64,
            gradient_pitch: int(gradient.pitch),
            d_skip_pitch: d_skip.map_or(0, |d| int(d.pitch)),
            d_y_pitch: int(d_y.pitch),
            skip_accumulates: i32::from(skip_accumulates),
            y_accumulates: i32::from(y_accumulates),
            reserved: 0,
        };
        let windows = rows.div_ceil(epilogue.pool.size());
        // SAFETY: every matrix was checked for the shape it has here; a thread reads what it
        // replaces before.
        unsafe {
            self.launch(
                "epilogue_backward",
                one_each(epilogue.count * windows * channels),
                &arguments,
            )
        }
    }
}
