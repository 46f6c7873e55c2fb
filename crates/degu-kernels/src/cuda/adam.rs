//! Updates of the parameters.

use super::buffer::Buffer;
use super::driver::DeviceError;
use super::launch::{Arguments, Device, cut, int, one_each};
use super::source::THREADS;
use crate::adam::AdamStep;

/// Parts of the gradient's norm.
const MOST: usize = 64;

#[repr(C)]
#[derive(Clone, Copy)]
struct AdamArgs {
    w: u64,
    m: u64,
    v: u64,
    g: u64,
    factor: u64,
    lr: f32,
    root: f32,
    eps: f32,
    decay: f32,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    length: i32,
    reserved: i32,
}
// SAFETY: the fields of `AdamArgs` in adam.cu.
unsafe impl Arguments for AdamArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct SquaresArgs {
    g: u64,
    part: u64,
    length: i32,
    per_split: i32,
}
// SAFETY: the fields of `SquaresArgs` in adam.cu.
unsafe impl Arguments for SquaresArgs {}

#[repr(C)]
#[derive(Clone, Copy)]
struct ClipArgs {
    part: u64,
    factor: u64,
    limit: f64,
    parts: i32,
    reserved: i32,
}
// SAFETY: the fields of `ClipArgs` in adam.cu.
unsafe impl Arguments for ClipArgs {}

/// Room for the norm of a gradient and the factor that clips it.
#[derive(Debug)]
pub struct Clip {
    part: Buffer<f64>,
    factor: Buffer<f32>,
}

impl Clip {
    /// Room on a device.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`] without enough memory.
    pub fn new(device: &Device) -> Result<Self, DeviceError> {
        Ok(Self {
            part: device.buffer(MOST)?,
            factor: device.buffer(1)?,
        })
    }
}

impl Device {
    /// The factor that brings the norm of `gradient` to at most `limit`, for [`adam`](Self::adam);
    /// 1 for a norm below it, or one that is not finite.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub fn clip_factor(
        &self,
        gradient: &Buffer<f32>,
        limit: f64,
        clip: &Clip,
    ) -> Result<(), DeviceError> {
        let length = gradient.len();
        let (parts, per_split) = cut(length, 4 * THREADS, 1, self.loading_blocks(), MOST);
        let squares = SquaresArgs {
            g: gradient.address(0, length),
            part: clip.part.address(0, parts),
            length: int(length),
            per_split: int(per_split),
        };
        let factor = ClipArgs {
            part: squares.part,
            factor: clip.factor.address(0, 1),
            limit,
            parts: int(parts),
            reserved: 0,
        };
        // SAFETY: gradient, parts and factor were checked for their lengths.
        unsafe {
            self.launch("squares", [parts, 1, 1], &squares)?;
            self.launch("clip_factor", [1, 1, 1], &factor)
        }
    }

    /// One update of `weights` with moments `m` and `v`, as [`adam`](crate::adam()) does it; `t`
    /// counts steps from 1. With `clip` the gradient is scaled by its factor first.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    ///
    /// # Panics
    ///
    /// If the vectors differ in length.
    pub fn adam(
        &self,
        step: &AdamStep,
        t: u64,
        weights: &Buffer<f32>,
        gradient: &Buffer<f32>,
        [m, v]: [&Buffer<f32>; 2],
        clip: Option<&Clip>,
    ) -> Result<(), DeviceError> {
        let n = weights.len();
        let exponent = i32::try_from(t).unwrap_or(i32::MAX);
        let arguments = AdamArgs {
            w: weights.address(0, n),
            m: m.address(0, n),
            v: v.address(0, n),
            g: gradient.address(0, n),
            factor: clip.map_or(0, |c| c.factor.address(0, 1)),
            lr: (step.lr / (1.0 - step.beta1.powi(exponent))) as f32,
            root: (1.0 / (1.0 - step.beta2.powi(exponent))).sqrt() as f32,
            eps: step.eps as f32,
            decay: (1.0 - step.lr * step.weight_decay) as f32,
            beta1: step.beta1 as f32,
            rest1: (1.0 - step.beta1) as f32,
            beta2: step.beta2 as f32,
            rest2: (1.0 - step.beta2) as f32,
            length: int(n),
            reserved: 0,
        };
        // SAFETY: the four vectors have `n` values.
        unsafe { self.launch("adam", one_each(n), &arguments) }
    }
}
