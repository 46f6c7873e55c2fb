//! The weight gradient of convolutions and dense layers.

use super::buffer::{Buffer, Matrix};
use super::columns::Parts;
use super::driver::DeviceError;
use super::launch::{Arguments, Device, cut, int};
use super::product::DeviceWindow;
use super::source::{Products, Tile, tile};

/// Rows that a part has at least.
const GRAIN: usize = 64;

#[repr(C)]
#[derive(Clone, Copy)]
struct WeightGradientArgs {
    x: u64,
    dy: u64,
    part: u64,
    x_step: i64,
    dy_step: i64,
    count: i32,
    rows: i32,
    c_in: i32,
    c_out: i32,
    taps: i32,
    x_pitch: i32,
    x_stride: i32,
    dilation: i32,
    dy_pitch: i32,
    per_split: i32,
}
// SAFETY: the fields of `WeightGradientArgs` in weight_gradient.cu.
unsafe impl Arguments for WeightGradientArgs {}

/// Tiles of a gradient `[terms, c_out]`.
fn tiles(tile: &Tile, terms: usize, c_out: usize) -> [usize; 2] {
    [terms.div_ceil(tile.rows), c_out.div_ceil(tile.columns)]
}

impl Device {
    /// Values that the parts of a weight gradient of `terms = taps * c_in` by `c_out` over `rows`
    /// rows take, if they have the room they want; with less there are fewer parts.
    pub fn weight_gradient_parts(&self, rows: usize, terms: usize, c_out: usize) -> usize {
        // Tiles are alike for all roundings.
        let [a, b] = tiles(tile(c_out, Products::F32), terms, c_out);
        cut(rows, GRAIN, a * b, self.blocks(), usize::MAX).0 * terms * c_out
    }

    /// `dw(t, c, o) = sum over n, m of x(n, m * stride + t * dilation, c) * dy(n, m, o)`, `[taps,
    /// c_in, c_out]`, to the place `at` of `gradients`.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shapes say.
    pub fn weight_gradient(
        &self,
        x: Matrix<'_>,
        window: DeviceWindow,
        (c_in, c_out): (usize, usize),
        dy: Matrix<'_>,
        count: usize,
        products: Products,
        parts: &Parts,
        gradients: &Buffer<f32>,
        at: usize,
    ) -> Result<(), DeviceError> {
        let size = window.taps * c_in * c_out;
        let tile = tile(c_out, products);
        let grid = tiles(tile, window.taps * c_in, c_out);
        let most = parts.len() / size.max(1);
        let (splits, per_split) = cut(
            count * window.rows,
            GRAIN,
            grid[0] * grid[1],
            self.blocks(),
            most,
        );
        int(count * window.rows);
        int(window.taps * c_in);
        let arguments = WeightGradientArgs {
            x: x.address(count, window.reach(), c_in),
            dy: dy.address(count, window.rows, c_out),
            part: if splits == 1 {
                gradients.address(at, size)
            } else {
                parts.address(splits * size)
            },
            x_step: x.step as i64,
            dy_step: dy.step as i64,
            count: int(count),
            rows: int(window.rows),
            c_in: int(c_in),
            c_out: int(c_out),
            taps: int(window.taps),
            x_pitch: int(x.pitch),
            x_stride: int(window.stride),
            dilation: int(window.dilation),
            dy_pitch: int(dy.pitch),
            per_split: int(per_split),
        };
        // SAFETY: input, gradient and result or parts were checked for the shapes.
        unsafe {
            self.launch(tile.weight_gradient, [grid[0], grid[1], splits], &arguments)?;
        }
        if splits > 1 {
            self.sum_parts(parts, splits, size, gradients, at)?;
        }
        Ok(())
    }
}
