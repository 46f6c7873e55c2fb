//! One interface over the fused engine and candle's autograd.
//!
//! A network is a body, described by a graph, and a head: the loss and the meaning of the raw
//! outputs. The fused engine computes the body, forward and backward, in passes that are compiled
//! for the network. The head stays a plain function of candle tensors, so that an author of heads
//! writes a loss in a few lines and candle differentiates it. The price is a border that each step
//! crosses twice: the raw outputs `[N, O]` become a candle variable, and the gradient of the loss
//! with respect to them goes back to the engine. That is the right trade: these are a few numbers
//! per sequence (on a GPU they stay there), while the body has thousands of values per position.
//!
//! | backend | body | head |
//! |---|---|---|
//! | `Fused` over a `FlatNetwork`: the engine of the CPU or of a GPU | compiled passes, flat parameters | candle |
//! | [`Autograd`] | candle: any network, any device | candle |

mod autograd;
mod choose;
mod cpu;
mod device;
mod flat;
mod fused;
// Made by the GPU's part of `choose`, and by tests on a device made of the CPU.
#[cfg(any(feature = "cuda", test))]
mod gpu;
mod stepper;

use std::collections::BTreeMap;

use candle_core::Tensor;
use degu_core::{Architecture, Head, Prediction, Seed, Targets};
use degu_nn::{ops, optim::OptimizerConfig, schedule::Rates};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HostForecast, Result};

pub use autograd::Autograd;
pub use choose::{Chosen, choose, open};
pub use device::{Device, Precision};

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

impl<'a> Batch<'a> {
    /// Sequences as they are.
    pub fn plain(codes: &'a [u8], rows: usize) -> Self {
        Self {
            codes,
            noise: None,
            rows,
        }
    }

    /// The same in pieces of up to `most` rows (at least one), each with its first row.
    pub fn pieces(self, most: usize) -> impl Iterator<Item = (usize, Self)> {
        let length = (self.codes.len() / self.rows.max(1)).max(1);
        let most = most.max(1);
        (0..self.rows).step_by(most).map(move |first| {
            let rows = most.min(self.rows - first);
            let piece = Self {
                codes: &self.codes[first * length..(first + rows) * length],
                noise: self
                    .noise
                    .map(|noise| &noise[first * length * 4..(first + rows) * length * 4]),
                rows,
            };
            (first, piece)
        })
    }
}

/// One optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Optimizer; its own learning rate is replaced by that of `rates`.
    pub optimizer: OptimizerConfig,
    /// Learning rate and momentum of this step.
    pub rates: Rates,
    /// Largest norm of the gradient; `None` does not clip.
    pub clip: Option<f64>,
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
    /// The loss that a scalar holds: read where that waits for nothing.
    fn of(loss: &Tensor) -> Result<Self> {
        if loss.device().is_cpu() {
            Ok(Self::Known(scalar(loss)?))
        } else {
            Ok(Self::Pending(loss.detach()))
        }
    }

    /// Whether it is known not to be finite.
    fn diverged(&self) -> bool {
        matches!(self, Self::Known(value) if !value.is_finite())
    }

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

    /// Forward, backward and one optimizer step; returns the loss before the step. A loss that is
    /// not finite has not changed the weights where it is [known](StepLoss::Known) at once.
    fn step(
        &mut self,
        batch: &Batch<'_>,
        targets: &Targets,
        dropout: &Seed,
        step: u64,
        update: &Update,
    ) -> Result<StepLoss>;

    /// Raw outputs in evaluation mode, `[n, O]` or `[n, B, O]`.
    fn raw(&mut self, batch: &Batch<'_>) -> Result<Tensor>;

    /// The head.
    fn head(&self) -> &dyn Head;

    /// Raw outputs of one pass with dropout on and running statistics; `masks` are the bits that
    /// fix the masks of each sequence.
    fn sample(&mut self, batch: &Batch<'_>, masks: &[u64]) -> Result<Tensor>;

    /// Replaces running statistics by those of `rows` sequences, passed in batches of `batch` with
    /// dropout off.
    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()>;

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
        let raw = self.raw(&Batch::plain(codes, rows))?;
        let loss = scalar(&self.head().loss(&raw, targets)?)?;
        Ok((
            loss,
            to_host(&self.head().predict(&raw, &mut degu_core::Ctx::eval())?)?,
        ))
    }

    /// Forecast in evaluation mode.
    fn predict(&mut self, codes: &[u8], rows: usize) -> Result<HostForecast> {
        self.predict_batch(&Batch::plain(codes, rows))
    }

    /// Forecast in evaluation mode; a head of Monte Carlo dropout averages its passes.
    fn predict_batch(&mut self, batch: &Batch<'_>) -> Result<HostForecast> {
        let passes = self.head().stochastic_passes();
        if passes == 0 {
            let raw = self.raw(batch)?;
            return to_host(&self.head().predict(&raw, &mut degu_core::Ctx::eval())?);
        }
        // The masks of a prediction are a function of the sequence alone, so that batches do not
        // matter.
        let length = (batch.codes.len() / batch.rows.max(1)).max(1);
        let mut all = HostForecast::default();
        for (_, piece) in batch.pieces(SAMPLE_ROWS) {
            let rows = piece.codes.chunks(length);
            let streams: Vec<Seed> = rows.map(ops::sequence_stream).collect();
            let samples = (0..passes).map(|pass| {
                let masks = ops::sequence_masks(&streams, pass);
                let raw = self.sample(&piece, &masks)?;
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

/// The kernels that the fused engine uses on this processor: `avx512`, `avx2` or `portable`.
pub fn kernels() -> String {
    degu_nn::engine::Isa::available()
        .last()
        .map_or_else(|| "portable".to_owned(), |isa| isa.name().to_owned())
}

#[cfg(test)]
mod tests;
