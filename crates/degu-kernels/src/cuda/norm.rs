//! Batch norm between the passes.

use super::buffer::{Buffer, Matrix};
use super::columns::Parts;
use super::driver::DeviceError;
use super::launch::{Arguments, Device, int, one_each};
use crate::matrix::Shape;

/// What a batch norm keeps on the device.
#[derive(Debug)]
pub struct NormBuffers {
    /// Mean, 1 / sd, scale, shift, and the terms constant and slope of the gradient, of every
    /// channel.
    pub(super) coefficients: Buffer<f32>,
    /// Mean and biased variance of the batch.
    pub(super) statistics: Buffer<f64>,
    pub(super) channels: usize,
}

impl NormBuffers {
    /// For `channels` channels.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`] without enough memory.
    pub fn new(device: &Device, channels: usize) -> Result<Self, DeviceError> {
        Ok(Self {
            coefficients: device.buffer(6 * channels)?,
            statistics: device.buffer(2 * channels)?,
            channels,
        })
    }

    /// Mean and biased variance of the last batch, of every channel.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn statistics(&self) -> Result<(Vec<f64>, Vec<f64>), DeviceError> {
        let mut mean = self.statistics.to_vec()?;
        let variance = mean.split_off(self.channels);
        Ok((mean, variance))
    }

    /// Address of the values `i` of every channel.
    pub(super) fn coefficient(&self, i: usize) -> u64 {
        self.coefficients.address(i * self.channels, self.channels)
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
struct NormBatchArgs {
    part: u64,
    gamma: u64,
    beta: u64,
    coefficients: u64,
    statistics: u64,
    epsilon: f64,
    channels: i32,
    parts: i32,
    rows: i32,
    per_split: i32,
}
// SAFETY: the fields of `NormBatchArgs` in norm.cu.
unsafe impl Arguments for NormBatchArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct NormRunningArgs {
    mean: u64,
    variance: u64,
    gamma: u64,
    beta: u64,
    coefficients: u64,
    epsilon: f64,
    channels: i32,
    reserved: i32,
}
// SAFETY: the fields of `NormRunningArgs` in norm.cu.
unsafe impl Arguments for NormRunningArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct NormGradientArgs {
    part: u64,
    coefficients: u64,
    d_gamma: u64,
    d_beta: u64,
    count: f64,
    channels: i32,
    parts: i32,
}
// SAFETY: the fields of `NormGradientArgs` in norm.cu.
unsafe impl Arguments for NormGradientArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct NormCommitArgs {
    statistics: u64,
    mean: u64,
    variance: u64,
    momentum: f64,
    correction: f64,
    channels: i32,
    reserved: i32,
}
// SAFETY: the fields of `NormCommitArgs` in norm.cu.
unsafe impl Arguments for NormCommitArgs {}

impl Device {
    /// Statistics over all rows of `count` matrices, and the scale and shift that they make with
    /// gamma and beta (places in `parameters`).
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shape says.
    pub fn norm_batch(
        &self,
        norm: &NormBuffers,
        count: usize,
        shape: Shape,
        y: Matrix<'_>,
        parts: &Parts,
        parameters: &Buffer<f32>,
        (gamma, beta): (usize, usize),
        epsilon: f64,
    ) -> Result<(), DeviceError> {
        assert_eq!(norm.channels, shape.channels, "channels");
        let (splits, per_split) = self.column_moments(count, shape, y, parts)?;
        let arguments = NormBatchArgs {
            part: parts.address(splits * 3 * shape.channels),
            gamma: parameters.address(gamma, shape.channels),
            beta: parameters.address(beta, shape.channels),
            coefficients: norm.coefficients.address(0, 6 * shape.channels),
            statistics: norm.statistics.address(0, 2 * shape.channels),
            epsilon,
            channels: int(shape.channels),
            parts: int(splits),
            rows: int(count * shape.rows),
            per_split: int(per_split),
        };
        // SAFETY: the parts hold all splits, and every vector has a value per channel.
        unsafe { self.launch("norm_batch", one_each(shape.channels), &arguments) }
    }

    /// Scale and shift from running statistics: `mean` and `variance` are places in `buffers`,
    /// gamma and beta in `parameters`.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer has not a value per channel.
    pub fn norm_running(
        &self,
        norm: &NormBuffers,
        buffers: &Buffer<f32>,
        (mean, variance): (usize, usize),
        parameters: &Buffer<f32>,
        (gamma, beta): (usize, usize),
        epsilon: f64,
    ) -> Result<(), DeviceError> {
        let channels = norm.channels;
        let arguments = NormRunningArgs {
            mean: buffers.address(mean, channels),
            variance: buffers.address(variance, channels),
            gamma: parameters.address(gamma, channels),
            beta: parameters.address(beta, channels),
            coefficients: norm.coefficients.address(0, 6 * channels),
            epsilon,
            channels: int(channels),
            reserved: 0,
        };
        // SAFETY: every vector has a value per channel.
        unsafe { self.launch("norm_running", one_each(channels), &arguments) }
    }

    /// Gradients of gamma and beta (places in `gradients`) and the norm's terms of the second
    /// backward pass, from the sums of the first: `[splits, 2, channels]` in `parts`, over `rows`
    /// rows.
    pub(super) fn norm_gradient(
        &self,
        norm: &NormBuffers,
        parts: &Parts,
        splits: usize,
        rows: usize,
        gradients: &Buffer<f32>,
        (gamma, beta): (usize, usize),
    ) -> Result<(), DeviceError> {
        let channels = norm.channels;
        let arguments = NormGradientArgs {
            part: parts.address(splits * 2 * channels),
            coefficients: norm.coefficients.address(0, 6 * channels),
            d_gamma: gradients.address(gamma, channels),
            d_beta: gradients.address(beta, channels),
            count: rows as f64,
            channels: int(channels),
            parts: int(splits),
        };
        // SAFETY: the parts hold all splits, and every vector has a value per channel.
        unsafe { self.launch("norm_gradient", one_each(channels), &arguments) }
    }

    /// Folds the statistics of a batch of `rows` rows into the running ones, places in `buffers`.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If a buffer has not a value per channel.
    pub fn norm_commit(
        &self,
        norm: &NormBuffers,
        buffers: &Buffer<f32>,
        (mean, variance): (usize, usize),
        momentum: f64,
        unbiased: bool,
        rows: usize,
    ) -> Result<(), DeviceError> {
        let channels = norm.channels;
        let correction = if unbiased && rows > 1 {
            rows as f64 / (rows as f64 - 1.0)
        } else {
            1.0
        };
        let arguments = NormCommitArgs {
            statistics: norm.statistics.address(0, 2 * channels),
            mean: buffers.address(mean, channels),
            variance: buffers.address(variance, channels),
            momentum,
            correction,
            channels: int(channels),
            reserved: 0,
        };
        // SAFETY: every vector has a value per channel.
        unsafe { self.launch("norm_commit", one_each(channels), &arguments) }
    }
}
