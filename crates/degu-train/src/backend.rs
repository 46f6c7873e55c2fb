//! One interface over the fused engine and candle's autograd.

mod autograd;
mod choose;
// Made by the GPU's part of `choose`, and by tests on a device made of the CPU.
#[cfg(any(feature = "cuda", test))]
mod device;
mod fused;

use std::collections::BTreeMap;

use candle_core::Tensor;
use degu_core::{Architecture, Head, Prediction, Seed, Targets};
use degu_nn::{
    ops::{self, Rounding},
    optim::OptimizerConfig,
    schedule::Rates,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HostForecast, Result, TrainError};

pub use autograd::Autograd;
pub use choose::{Chosen, choose, open};
pub use fused::Fused;

/// Sequences that pass through a network at once in each sample of Monte Carlo dropout.
const SAMPLE_ROWS: usize = 1024;

/// Named tensors on the host: shape and values.
pub type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Weights and optimizer state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BackendState {
    /// Parameters and running statistics.
    pub weights: Weights,
    /// First moments, by parameter; empty before the first step.
    pub first: Weights,
    /// Second moments, by parameter.
    pub second: Weights,
    /// Optimizer steps done.
    pub updates: u64,
}

/// Sequences of one step.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Base codes, row-major `[n, L]`.
    pub codes: &'a [u8],
    /// Added to the one-hot tensor, `[n, L, 4]`.
    pub noise: Option<&'a [f32]>,
    /// Rows `n`.
    pub rows: usize,
}

/// One optimizer step.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Optimizer; its own learning rate is replaced by that of `rates`.
    pub optimizer: OptimizerConfig,
    /// Learning rate and momentum of this step.
    pub rates: Rates,
    /// Largest norm of the gradient; `None` does not clip.
    pub clip: Option<f64>,
}

impl Update {
    /// The step for a rate of the schedule.
    pub fn new(optimizer: &OptimizerConfig, rates: Rates, clip: f64) -> Self {
        Self {
            optimizer: optimizer.clone(),
            rates,
            clip: (clip > 0.0).then_some(clip),
        }
    }
}

/// The loss of a step.
#[derive(Debug, Clone)]
pub enum StepLoss {
    /// Its value.
    Known(f64),
    /// A scalar that may still be computed on its device: reading it waits for the step to end.
    Pending(Tensor),
}

impl StepLoss {
    /// The value, waited for if need be.
    ///
    /// # Errors
    ///
    /// If the value cannot be copied from the device.
    pub fn wait(&self) -> Result<f64> {
        match self {
            Self::Known(value) => Ok(*value),
            Self::Pending(tensor) => scalar(tensor),
        }
    }
}

/// How a network computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// The fused engine where the network has a description that it covers, autograd otherwise.
    #[default]
    Auto,
    /// The fused engine, or an error that names the layer it lacks.
    Fused,
    /// candle's autograd.
    Autograd,
}

/// A network with its weights that trains and predicts.
pub trait Backend: Send {
    /// Name for logs: `fused (avx512)`, `autograd (cpu)`.
    fn describe(&self) -> String;

    /// Where targets are wanted.
    fn tensor_device(&self) -> &candle_core::Device;

    /// Forward, backward and one optimizer step; returns the loss before the step. A loss that is not finite has not changed the
    /// weights where it is [known](StepLoss::Known) at once.
    fn step(
        &mut self,
        batch: &Batch<'_>,
        targets: &Targets,
        dropout: &Seed,
        step: u64,
        update: &Update,
    ) -> Result<StepLoss>;

    /// Raw outputs in evaluation mode, `[n, O]` or `[n, B, O]`.
    fn raw(&mut self, codes: &[u8], rows: usize) -> Result<Tensor>;

    /// The head.
    fn head(&self) -> &dyn Head;

    /// Raw outputs of one pass with dropout on and running statistics; `masks` are the bits that fix the masks of each sequence.
    fn sample(&mut self, codes: &[u8], rows: usize, masks: &[u64]) -> Result<Tensor>;

    /// All weights and running statistics.
    fn weights(&self) -> Result<Weights>;

    /// Replaces all weights; the optimizer state stays.
    fn set_weights(&mut self, weights: &Weights) -> Result<()>;

    /// Weights and optimizer state.
    fn state(&self) -> Result<BackendState>;

    /// Replaces weights and optimizer state.
    fn restore(&mut self, state: &BackendState) -> Result<()>;

    /// Loss and forecast in evaluation mode.
    fn evaluate(
        &mut self,
        codes: &[u8],
        rows: usize,
        targets: &Targets,
    ) -> Result<(f64, HostForecast)> {
        let raw = self.raw(codes, rows)?;
        let loss = scalar(&self.head().loss(&raw, targets)?)?;
        Ok((
            loss,
            to_host(&self.head().predict(&raw, &mut degu_core::Ctx::eval())?)?,
        ))
    }

    /// Forecast in evaluation mode; a head of Monte Carlo dropout averages its passes.
    fn predict(&mut self, codes: &[u8], rows: usize) -> Result<HostForecast> {
        let passes = self.head().stochastic_passes();
        if passes == 0 {
            let raw = self.raw(codes, rows)?;
            return to_host(&self.head().predict(&raw, &mut degu_core::Ctx::eval())?);
        }
        // The masks of a prediction are a function of the sequence alone, so that batches do not matter.
        let length = (codes.len() / rows.max(1)).max(1);
        let mut all = HostForecast::default();
        for piece in codes.chunks(SAMPLE_ROWS * length) {
            let streams: Vec<Seed> = piece.chunks(length).map(ops::sequence_stream).collect();
            let samples = (0..passes).map(|pass| {
                let masks = ops::sequence_masks(&streams, pass);
                let raw = self.sample(piece, streams.len(), &masks)?;
                to_host(&self.head().predict(&raw, &mut degu_core::Ctx::eval())?)
            });
            all.extend(crate::combine(samples, degu_stats::moments::Ddof::One)?);
        }
        Ok(all)
    }
}

/// The value of a scalar tensor.
pub(crate) fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(tensor
        .to_dtype(candle_core::DType::F64)?
        .to_scalar::<f64>()?)
}

fn to_host(prediction: &Prediction) -> Result<HostForecast> {
    let dims = prediction.mean.dims();
    let mut forecast = HostForecast::empty(dims[1..].iter().product());
    forecast.append(prediction)?;
    Ok(forecast)
}

/// What a network is made of.
pub struct Recipe<'a> {
    /// Architecture.
    pub architecture: &'a dyn Architecture,
    /// Makes the head anew (each backend owns one).
    pub head: &'a dyn Fn() -> degu_core::Result<Box<dyn Head>>,
    /// Length and kind of output; `outputs` is filled in from the head.
    pub length: usize,
    /// Scalar or profile.
    pub output: degu_core::OutputKind,
    /// Root of the streams of this network; initial values come from its child `init`.
    pub seed: Seed,
    /// Arithmetic of training; [`Bf16`](Precision::Bf16) is emulated on the CPU.
    pub precision: Precision,
}

/// A device as an experiment file names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The first CUDA device if the binary has CUDA and one is there, the CPU otherwise.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by number.
    Cuda(usize),
}

impl TryFrom<String> for Device {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => other
                .strip_prefix("cuda:")
                .and_then(|n| n.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("expected `auto`, `cpu` or `cuda:N`, found `{other}`")),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        match device {
            Device::Auto => "auto".to_owned(),
            Device::Cpu => "cpu".to_owned(),
            Device::Cuda(n) => format!("cuda:{n}"),
        }
    }
}

impl Device {
    /// Opens the device, on CUDA with a stream of its own: networks trained side by side do not wait for each other.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if CUDA was asked for and cannot be had; never a silent CPU run.
    pub fn open(&self) -> Result<candle_core::Device> {
        let cuda = |n: usize| {
            if cfg!(feature = "cuda") {
                candle_core::Device::new_cuda_with_stream(n).map_err(|e| e.to_string())
            } else {
                Err("this binary was built without CUDA (build with `--features cuda`)".to_owned())
            }
        };
        match self {
            Self::Cpu => Ok(candle_core::Device::Cpu),
            Self::Cuda(n) => cuda(*n).map_err(|problem| TrainError::Device {
                device: self.clone().into(),
                problem,
            }),
            Self::Auto => Ok(cuda(0).unwrap_or_else(|reason| {
                tracing::debug!(%reason, "device = \"auto\": using the CPU");
                candle_core::Device::Cpu
            })),
        }
    }
}

/// Arithmetic of matrix products while training; parameters and activations have 32 bits, sums are taken in 32 bits, and
/// predictions, calibration and attribution are not rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// CUDA only: products round their factors to 10 bits of mantissa (a relative error of about 5e-4 each) and are faster for it.
    /// With autograd it is a setting of the process: predictions of its networks on the same device round as well.
    Tf32,
    /// CUDA only: products round their factors and results to 8 bits of mantissa (a relative error of about 4e-3 each).
    Bf16,
}

impl Precision {
    /// Sets what is a setting of the process on a device, before networks are trained there.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if rounding is asked for on the CPU.
    pub fn prepare(self, device: &candle_core::Device) -> Result<()> {
        if device.is_cuda() {
            candle_core::cuda::set_gemm_reduced_precision_f32(self == Self::Tf32);
        } else if self != Self::F32 {
            let name = if self == Self::Tf32 { "tf32" } else { "bf16" };
            return Err(TrainError::Device {
                device: "cpu".to_owned(),
                problem: format!(
                    "`precision = \"{name}\"` is arithmetic of CUDA devices; write \"f32\", or `device = \"cuda:0\"`"
                ),
            });
        }
        Ok(())
    }

    /// What the products of a step round to.
    fn rounding(self) -> Rounding {
        match self {
            Self::F32 | Self::Tf32 => Rounding::None,
            Self::Bf16 => Rounding::Bf16,
        }
    }
}

/// The kernels that the fused engine uses on this processor: `avx512`, `avx2` or `portable`.
pub fn kernels() -> String {
    degu_nn::engine::Isa::available()
        .last()
        .map_or_else(|| "portable".to_owned(), |isa| isa.name().to_owned())
}

#[cfg(test)]
mod tests;
