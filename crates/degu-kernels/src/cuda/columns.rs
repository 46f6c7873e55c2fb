//! Sums over parts, over rows, and of matrices.

use super::buffer::{Buffer, Matrix};
use super::driver::DeviceError;
use super::launch::{Arguments, Device, cut, int, one_each};
use crate::matrix::Shape;

/// `LANES` and rows that a part has at least.
pub(super) const LANES: usize = 32;
pub(super) const GRAIN: usize = 64;
/// Most parts of a sum over rows.
pub(super) const MOST: usize = 256;

/// Room for the parts of sums; one operation after the other uses it.
#[derive(Debug)]
pub struct Parts(Buffer<f32>);

impl Parts {
    /// Room for `values` values.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`] without enough memory.
    pub fn new(device: &Device, values: usize) -> Result<Self, DeviceError> {
        device.buffer(values).map(Self)
    }

    /// Values that the per-channel sums of `channels` channels need at most, in up to three
    /// quantities.
    pub fn for_channels(channels: usize) -> usize {
        3 * MOST * channels
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no room.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn address(&self, values: usize) -> u64 {
        self.0.address(0, values)
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
struct SumPartsArgs {
    part: u64,
    out: u64,
    length: i32,
    parts: i32,
}
// SAFETY: the fields of `SumPartsArgs` in sums.cu.
unsafe impl Arguments for SumPartsArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct SumRowsArgs {
    part: u64,
    bias: u64,
    out: u64,
    out_step: i64,
    count: i32,
    rows: i32,
    channels: i32,
    out_pitch: i32,
    parts: i32,
    accumulate: i32,
}
// SAFETY: the fields of `SumRowsArgs` in sums.cu.
unsafe impl Arguments for SumRowsArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct AddRowsArgs {
    source: u64,
    target: u64,
    source_step: i64,
    target_step: i64,
    count: i32,
    rows: i32,
    channels: i32,
    source_pitch: i32,
    target_pitch: i32,
    accumulate: i32,
}
// SAFETY: the fields of `AddRowsArgs` in sums.cu.
unsafe impl Arguments for AddRowsArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct ColumnsArgs {
    y: u64,
    part: u64,
    y_step: i64,
    count: i32,
    rows: i32,
    channels: i32,
    y_pitch: i32,
    per_split: i32,
    reserved: i32,
}
// SAFETY: the fields of `ColumnsArgs` in sums.cu.
unsafe impl Arguments for ColumnsArgs {}

impl Device {
    /// `out[at + i]` = sum over `parts` of the values `i` of each, `[parts, length]`, in their
    /// order.
    pub(super) fn sum_parts(
        &self,
        part: &Parts,
        parts: usize,
        length: usize,
        out: &Buffer<f32>,
        at: usize,
    ) -> Result<(), DeviceError> {
        let arguments = SumPartsArgs {
            part: part.address(parts * length),
            out: out.address(at, length),
            length: int(length),
            parts: int(parts),
        };
        // SAFETY: parts and result were checked for their lengths.
        unsafe { self.launch("sum_parts", one_each(length), &arguments) }
    }

    /// The parts of a product, `[parts, count * rows, channels]`, summed to where its rows belong.
    pub(super) fn sum_rows(
        &self,
        (part, parts): (&Parts, usize),
        count: usize,
        shape: Shape,
        bias: u64,
        out: Matrix<'_>,
        accumulate: bool,
    ) -> Result<(), DeviceError> {
        let total = count * shape.rows * shape.channels;
        let arguments = SumRowsArgs {
            part: part.address(parts * total),
            bias,
            out: out.address(count, shape.rows, shape.channels),
            out_step: out.step as i64,
            count: int(count),
            rows: int(shape.rows),
            channels: int(shape.channels),
            out_pitch: int(out.pitch),
            parts: int(parts),
            accumulate: i32::from(accumulate),
        };
        // SAFETY: parts and result were checked for the shapes.
        unsafe { self.launch("sum_rows", one_each(total), &arguments) }
    }

    /// `target = source`, or `target += source`, for `count` matrices of one shape.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shape says.
    pub fn add_rows(
        &self,
        count: usize,
        shape: Shape,
        source: Matrix<'_>,
        target: Matrix<'_>,
        accumulate: bool,
    ) -> Result<(), DeviceError> {
        let arguments = AddRowsArgs {
            source: source.address(count, shape.rows, shape.channels),
            target: target.address(count, shape.rows, shape.channels),
            source_step: source.step as i64,
            target_step: target.step as i64,
            count: int(count),
            rows: int(shape.rows),
            channels: int(shape.channels),
            source_pitch: int(source.pitch),
            target_pitch: int(target.pitch),
            accumulate: i32::from(accumulate),
        };
        let total = count * shape.rows * shape.channels;
        // SAFETY: both matrices were checked for the shape.
        unsafe { self.launch("add_rows", one_each(total), &arguments) }
    }

    /// `target = 0` for `count` matrices.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If the buffer is shorter than the shape says.
    pub fn zero_rows(
        &self,
        count: usize,
        shape: Shape,
        target: Matrix<'_>,
    ) -> Result<(), DeviceError> {
        let arguments = AddRowsArgs {
            source: 0,
            target: target.address(count, shape.rows, shape.channels),
            source_step: 0,
            target_step: target.step as i64,
            count: int(count),
            rows: int(shape.rows),
            channels: int(shape.channels),
            source_pitch: 0,
            target_pitch: int(target.pitch),
            accumulate: 0,
        };
        let total = count * shape.rows * shape.channels;
        // SAFETY: the matrix was checked for the shape.
        unsafe { self.launch("add_rows", one_each(total), &arguments) }
    }

    /// The sum of each channel over all rows of `count` matrices, to the place `at` of `out`: the
    /// gradient of a bias.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shape says.
    pub fn column_sums(
        &self,
        count: usize,
        shape: Shape,
        y: Matrix<'_>,
        parts: &Parts,
        out: &Buffer<f32>,
        at: usize,
    ) -> Result<(), DeviceError> {
        let (splits, _) = self.columns("column_sums", 1, count, shape, y, parts)?;
        self.sum_parts(parts, splits, shape.channels, out, at)
    }

    /// The statistics of parts of the rows, `[parts, 3, channels]`; returns the number of parts and
    /// the rows of each.
    pub(super) fn column_moments(
        &self,
        count: usize,
        shape: Shape,
        y: Matrix<'_>,
        parts: &Parts,
    ) -> Result<(usize, usize), DeviceError> {
        self.columns("column_moments", 3, count, shape, y, parts)
    }

    fn columns(
        &self,
        kernel: &'static str,
        quantities: usize,
        count: usize,
        shape: Shape,
        y: Matrix<'_>,
        parts: &Parts,
    ) -> Result<(usize, usize), DeviceError> {
        let tiles = shape.channels.div_ceil(LANES);
        let (splits, per_split) = cut(
            count * shape.rows,
            GRAIN,
            tiles,
            self.loading_blocks(),
            MOST,
        );
        int(count * shape.rows);
        let arguments = ColumnsArgs {
            y: y.address(count, shape.rows, shape.channels),
            part: parts.address(splits * quantities * shape.channels),
            y_step: y.step as i64,
            count: int(count),
            rows: int(shape.rows),
            channels: int(shape.channels),
            y_pitch: int(y.pitch),
            per_split: int(per_split),
            reserved: 0,
        };
        // SAFETY: the rows were checked for the shape, and the parts hold all splits.
        unsafe { self.launch(kernel, [tiles, splits, 1], &arguments)? };
        Ok((splits, per_split))
    }
}
