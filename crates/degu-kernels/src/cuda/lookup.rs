//! The first layer on base codes.

use super::buffer::{Buffer, Matrix};
use super::columns::Parts;
use super::driver::DeviceError;
use super::launch::{Arguments, Device, cut, int, one_each};
use crate::lookup::CodeWindow;

/// `LOOKUP_TAPS` and `LANES` of the kernels.
const TAPS: usize = 8;
const LANES: usize = 32;

#[repr(C)]
#[derive(Clone, Copy)]
struct Window {
    length: i32,
    rows: i32,
    taps: i32,
    stride: i32,
    dilation: i32,
    left: i32,
    c_out: i32,
    count: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct LookupArgs {
    codes: u64,
    table: u64,
    bias: u64,
    y: u64,
    y_step: i64,
    window: Window,
    y_pitch: i32,
    reserved: i32,
}
// SAFETY: the fields of `LookupArgs` in lookup.cu.
unsafe impl Arguments for LookupArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct LookupGradientArgs {
    codes: u64,
    dy: u64,
    part: u64,
    dy_step: i64,
    window: Window,
    dy_pitch: i32,
    per_split: i32,
}
// SAFETY: the fields of `LookupGradientArgs` in lookup.cu.
unsafe impl Arguments for LookupGradientArgs {}

/// The kernels' form of a window over whole sequences.
fn window(w: CodeWindow, length: usize, c_out: usize, count: usize) -> Window {
    assert!(w.first_row == 0, "devices compute whole sequences");
    assert!(w.stride > 0, "a stride of at least 1");
    // Positions are computed in 32 bits.
    int((w.rows * w.stride + w.taps * w.dilation).max(length));
    Window {
        length: int(length),
        rows: int(w.rows),
        taps: int(w.taps),
        stride: int(w.stride),
        dilation: int(w.dilation),
        left: int(w.left),
        c_out: int(c_out),
        count: int(count),
    }
}

/// Rows that a part of the table's gradient has at least: eight for each stripe of a block.
const GRAIN: usize = 64;

/// Tiles of a table's gradient.
fn tiles(taps: usize, c_out: usize) -> [usize; 2] {
    [c_out.div_ceil(LANES), taps.div_ceil(TAPS)]
}

impl Device {
    /// Values that the parts of the gradient of a table `[taps, 4, c_out]` over `rows` rows take,
    /// if they have the room they want; with less there are fewer parts.
    pub fn lookup_gradient_parts(&self, rows: usize, taps: usize, c_out: usize) -> usize {
        let [a, b] = tiles(taps, c_out);
        cut(rows, GRAIN, a * b, self.blocks(), usize::MAX).0 * taps * 4 * c_out
    }

    /// `y[n][m][o] = bias[o] + sum over taps of table[tap][codes[n][..]][o]` for `count` sequences
    /// of `length` codes.
    ///
    /// `table` is a place in `parameters`, `[taps, 4, c_out]`; `bias` another.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shapes say.
    pub fn lookup_forward(
        &self,
        codes: &Buffer<u8>,
        length: usize,
        count: usize,
        w: CodeWindow,
        c_out: usize,
        parameters: &Buffer<f32>,
        table: usize,
        bias: Option<usize>,
        y: Matrix<'_>,
    ) -> Result<(), DeviceError> {
        let arguments = LookupArgs {
            codes: codes.address(0, count * length),
            table: parameters.address(table, w.taps * 4 * c_out),
            bias: bias.map_or(0, |b| parameters.address(b, c_out)),
            y: y.address(count, w.rows, c_out),
            y_step: y.step as i64,
            window: window(w, length, c_out, count),
            y_pitch: int(y.pitch),
            reserved: 0,
        };
        // SAFETY: codes, table, bias and outputs were checked for the shapes.
        unsafe {
            self.launch(
                "lookup_forward",
                one_each(count * w.rows * c_out),
                &arguments,
            )
        }
    }

    /// The gradient of the table to the place `table` of `gradients`: row `[tap][code]` is the sum
    /// of `dy` over the rows that read it.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shapes say.
    pub fn lookup_gradient(
        &self,
        codes: &Buffer<u8>,
        length: usize,
        count: usize,
        w: CodeWindow,
        c_out: usize,
        dy: Matrix<'_>,
        parts: &Parts,
        gradients: &Buffer<f32>,
        table: usize,
    ) -> Result<(), DeviceError> {
        let size = w.taps * 4 * c_out;
        let rows = count * w.rows;
        let tiles = tiles(w.taps, c_out);
        let most = parts.len() / size.max(1);
        let (splits, per_split) = cut(rows, GRAIN, tiles[0] * tiles[1], self.blocks(), most);
        let arguments = LookupGradientArgs {
            codes: codes.address(0, count * length),
            dy: dy.address(count, w.rows, c_out),
            part: parts.address(splits * size),
            dy_step: dy.step as i64,
            window: window(w, length, c_out, count),
            dy_pitch: int(dy.pitch),
            per_split: int(per_split),
        };
        int(rows);
        // SAFETY: codes and gradients were checked for the shapes, and the parts hold all splits.
        unsafe {
            self.launch("lookup_gradient", [tiles[0], tiles[1], splits], &arguments)?;
        }
        self.sum_parts(parts, splits, size, gradients, table)
    }
}
