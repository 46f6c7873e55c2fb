//! Convolutions, dense layers and their input gradients.

use super::buffer::{Buffer, Matrix};
use super::columns::Parts;
use super::driver::DeviceError;
use super::launch::{Arguments, Device, cut, int};
use super::source::{Products, Tile, tile};
use crate::matrix::Shape;

/// Terms that a block fetches at a time, `DEEP` of the kernels; a part of a product has eight times
/// as many at least.
const DEEP: usize = 16;
/// Most parts of a product.
const MOST: usize = 16;

/// How output rows read the rows of a matrix: row `m` reads rows `m * stride + t * dilation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceWindow {
    /// Output rows of a sequence.
    pub rows: usize,
    /// Input rows from one output row to the next.
    pub stride: usize,
    /// Input rows from one tap to the next.
    pub dilation: usize,
    /// Taps.
    pub taps: usize,
}

impl DeviceWindow {
    /// Input rows that all output rows read.
    pub(super) fn reach(&self) -> usize {
        if self.rows == 0 || self.taps == 0 {
            return 0;
        }
        (self.rows - 1) * self.stride + (self.taps - 1) * self.dilation + 1
    }
}

/// Weights `w(t, c, o)` of a product in a vector of parameters: at `first + t * tap + c * row + o *
/// column`.
#[derive(Clone, Copy, Debug)]
pub struct WeightView<'a> {
    /// The vector.
    pub parameters: &'a Buffer<f32>,
    /// Place of the weight of the first tap, input and output channel.
    pub first: usize,
    /// Distance from one tap to the next.
    pub tap: isize,
    /// Distance from one input channel to the next.
    pub row: usize,
    /// Distance from one output channel to the next.
    pub column: usize,
}

impl<'a> WeightView<'a> {
    /// Weights `[taps, c_in, c_out]` at `first`.
    pub fn forward(parameters: &'a Buffer<f32>, first: usize, c_in: usize, c_out: usize) -> Self {
        Self {
            parameters,
            first,
            tap: (c_in * c_out) as isize,
            row: c_out,
            column: 1,
        }
    }

    /// The taps `tap`, `tap + tap_step`, .. of them in reverse, transposed, for the input gradient:
    /// `[taps, c_out, c_in]`.
    pub fn reversed(
        parameters: &'a Buffer<f32>,
        first: usize,
        (c_in, c_out): (usize, usize),
        (tap, tap_step, taps): (usize, usize, usize),
    ) -> Self {
        Self {
            parameters,
            first: first + (tap + taps.saturating_sub(1) * tap_step) * c_in * c_out,
            tap: -((tap_step * c_in * c_out) as isize),
            row: 1,
            column: c_out,
        }
    }

    /// Address of the first weight, after a check of all of them.
    fn address(&self, taps: usize, c_in: usize, c_out: usize) -> u64 {
        if taps * c_in * c_out == 0 {
            return self.parameters.address(0, 0);
        }
        let end = |n: usize, d: isize| (n - 1) as isize * d;
        let far = end(c_in, self.row as isize) + end(c_out, self.column as isize);
        let taps = end(taps, self.tap);
        let low = self.first.checked_add_signed(taps.min(0));
        let high = self.first.checked_add_signed(taps.max(0) + far);
        let inside = low.is_some() && high.is_some_and(|h| h < self.parameters.len());
        assert!(inside, "weights inside the parameters");
        self.parameters.address(self.first, 1)
    }
}

/// A product: `out(n, m, o) = bias(o) + sum over t, c of x(n, m * stride + t * dilation, c) * w(t,
/// c, o)`.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// Input from the row on that tap 0 of output row 0 reads.
    pub x: Matrix<'a>,
    /// How its rows are read.
    pub window: DeviceWindow,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Weights.
    pub weights: WeightView<'a>,
    /// Place of the bias in the parameters.
    pub bias: Option<usize>,
    /// Results.
    pub out: Matrix<'a>,
    /// Whether to add to what `out` holds.
    pub accumulate: bool,
    /// Rounding of the factors.
    pub products: Products,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct ProductArgs {
    x: u64,
    w: u64,
    bias: u64,
    out: u64,
    x_step: i64,
    out_step: i64,
    count: i32,
    rows: i32,
    c_in: i32,
    c_out: i32,
    taps: i32,
    x_pitch: i32,
    x_stride: i32,
    dilation: i32,
    out_pitch: i32,
    w_tap: i32,
    w_row: i32,
    w_column: i32,
    accumulate: i32,
    per_split: i32,
    split: i32,
    dense: i32,
}
// SAFETY: the fields of `ProductArgs` in product.cu.
unsafe impl Arguments for ProductArgs {}

/// Parts of a product of `terms` terms for a batch of up to `capacity` sequences: (parts, terms of
/// each).
fn parts_of(
    tile: &Tile,
    capacity: usize,
    shape: Shape,
    terms: usize,
    blocks: usize,
) -> (usize, usize) {
    let tiles = (capacity * shape.rows).div_ceil(tile.rows) * shape.channels.div_ceil(tile.columns);
    cut(terms, 8 * DEEP, tiles, blocks, MOST)
}

impl Device {
    /// Values that the parts of a product need, for a batch of up to `capacity` sequences.
    pub fn product_parts(&self, capacity: usize, shape: Shape, terms: usize) -> usize {
        // Tiles are alike for all roundings.
        let tile = tile(shape.channels, Products::F32);
        match parts_of(tile, capacity, shape, terms, self.blocks()) {
            (1, _) => 0,
            (parts, _) => parts * capacity * shape.rows * shape.channels,
        }
    }

    /// Computes a product for `count` of up to `capacity` sequences. How its sums are cut follows
    /// from `capacity`, so that a sequence's results have the same bits in any batch.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shapes say.
    pub fn product(
        &self,
        p: &Product<'_>,
        count: usize,
        capacity: usize,
        parts: &Parts,
    ) -> Result<(), DeviceError> {
        let shape = Shape {
            rows: p.window.rows,
            channels: p.c_out,
        };
        let terms = p.window.taps * p.c_in;
        let tile = tile(p.c_out, p.products);
        let (splits, per_split) = parts_of(tile, capacity.max(count), shape, terms, self.blocks());
        let bias = p
            .bias
            .map_or(0, |b| p.weights.parameters.address(b, p.c_out));
        let split = splits > 1;
        let arguments = ProductArgs {
            x: p.x.address(count, p.window.reach(), p.c_in),
            w: p.weights.address(p.window.taps, p.c_in, p.c_out),
            bias,
            out: if split {
                parts.address(splits * count * shape.rows * p.c_out)
            } else {
                p.out.address(count, shape.rows, p.c_out)
            },
            x_step: p.x.step as i64,
            out_step: p.out.step as i64,
            count: int(count),
            rows: int(shape.rows),
            c_in: int(p.c_in),
            c_out: int(p.c_out),
            taps: int(p.window.taps),
            x_pitch: int(p.x.pitch),
            x_stride: int(p.window.stride),
            dilation: int(p.window.dilation),
            out_pitch: int(p.out.pitch),
            w_tap: i32::try_from(p.weights.tap).unwrap_or_else(|_| int(usize::MAX)),
            w_row: int(p.weights.row),
            w_column: int(p.weights.column),
            accumulate: i32::from(p.accumulate),
            per_split: int(per_split),
            split: i32::from(split),
            dense: i32::from(
                p.weights.column == 1 && p.weights.tap == (p.c_in * p.weights.row) as isize,
            ),
        };
        int(terms);
        int(count * shape.rows);
        let grid = [
            (count * shape.rows).div_ceil(tile.rows),
            p.c_out.div_ceil(tile.columns),
            splits,
        ];
        // SAFETY: input, weights, bias and output or parts were checked for the shapes.
        unsafe { self.launch(tile.product, grid, &arguments)? };
        if split {
            self.sum_rows((parts, splits), count, shape, bias, p.out, p.accumulate)?;
        }
        Ok(())
    }
}
