//! One interface over the fused engine and candle's autograd.

mod autograd;
// Made by the GPU's part of `choose`, and by tests on a device made of the CPU.
#[cfg(any(feature = "cuda", test))]
mod device;
mod fused;

use std::collections::BTreeMap;

use candle_core::Tensor;
use degu_core::{Architecture, Head, ModelIo, Prediction, Seed, Targets, graph::Graph};
use degu_nn::{
    ops::{self, Rounding},
    optim::OptimizerConfig,
    schedule::Rates,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HostForecast, Result, TrainError};

pub use autograd::Autograd;
pub use fused::Fused;

/// Sequences that pass through a network at once in each sample of Monte Carlo dropout.
const SAMPLE_ROWS: usize = 1024;

/// Samples that look for dropout in a network.
const PROBES: u64 = 16;

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

/// Makes the network of a recipe.
///
/// # Errors
///
/// [`BackendKind::Fused`] with a network that the engine does not cover, or whatever the plugins fail with.
pub fn open(
    recipe: &Recipe<'_>,
    kind: BackendKind,
    device: &candle_core::Device,
    max_batch: usize,
    threads: usize,
) -> Result<Box<dyn Backend>> {
    Ok(choose(recipe, kind, device, max_batch, threads)?.backend)
}

/// A backend, and why it is this one.
pub struct Chosen {
    /// The network.
    pub backend: Box<dyn Backend>,
    /// Why, as a clause for logs: "the engine has a kernel for every layer".
    pub why: String,
}

/// As [`open`], with the reason of the choice.
///
/// # Errors
///
/// As [`open`].
pub fn choose(
    recipe: &Recipe<'_>,
    kind: BackendKind,
    device: &candle_core::Device,
    max_batch: usize,
    threads: usize,
) -> Result<Chosen> {
    let head = (recipe.head)()?;
    let io = ModelIo {
        length: recipe.length,
        outputs: head.outputs(),
        output: recipe.output,
    };
    let passes = head.stochastic_passes();
    let mut autograd = Autograd::new(recipe.architecture, head, &io, &recipe.seed, device)?
        .rounding(recipe.precision.rounding());
    if passes > 0 {
        require_dropout(&mut autograd, recipe.length)?;
    }
    if kind == BackendKind::Autograd {
        return Ok(taped(autograd, "asked for".to_owned()));
    }
    let fused = fuse(recipe, &autograd, &io, device, max_batch, threads)?;
    match fused {
        Ok(backend) => Ok(Chosen {
            backend,
            why: "the engine has a kernel for every layer".to_owned(),
        }),
        Err(obstacle) if kind == BackendKind::Fused => Err(obstacle.error),
        Err(obstacle) => {
            tracing::info!(reason = %obstacle.why, "training with autograd instead of the fused engine");
            Ok(taped(autograd, obstacle.why))
        }
    }
}

fn taped(autograd: Autograd, why: String) -> Chosen {
    Chosen {
        backend: Box::new(autograd),
        why,
    }
}

/// Why the fused engine cannot train a network.
struct Obstacle {
    /// As a clause for logs.
    why: String,
    /// For whoever asked for the engine.
    error: TrainError,
}

impl Obstacle {
    fn new(why: &str, operation: &str, rule: &'static str) -> Self {
        Self {
            why: why.to_owned(),
            error: TrainError::Core(degu_core::Error::Unsupported {
                operation: operation.to_owned(),
                rule,
                help: "use `backend = \"auto\"`",
            }),
        }
    }
}

impl From<TrainError> for Obstacle {
    fn from(error: TrainError) -> Self {
        Self {
            why: error.to_string(),
            error,
        }
    }
}

/// The network in the fused engine of its device, or what stands against it; the outer error is one that autograd must not hide.
fn fuse(
    recipe: &Recipe<'_>,
    autograd: &Autograd,
    io: &ModelIo,
    device: &candle_core::Device,
    max_batch: usize,
    threads: usize,
) -> Result<std::result::Result<Box<dyn Backend>, Obstacle>> {
    if recipe.precision == Precision::Bf16 {
        return Ok(Err(Obstacle::new(
            "the fused engine computes in 32 bits",
            "training with `precision = \"bf16\"`",
            "fused kernel",
        )));
    }
    let Some(graph) = autograd.graph() else {
        return Ok(Err(Obstacle::new(
            "the architecture has no description as a graph",
            "this architecture",
            "description as a graph",
        )));
    };
    if !device.is_cpu() {
        return fuse_on_gpu(recipe, &graph, autograd, io, device, max_batch);
    }
    let (weights, head) = (autograd.weights()?, (recipe.head)()?);
    Ok(
        match Fused::new(&graph, io, &weights, head, max_batch, threads) {
            Ok(fused) => Ok(Box::new(fused)),
            Err(error) => Err(error.into()),
        },
    )
}

/// A network that a GPU computes otherwise than the CPU is an error; without a kernel, or without the compiler of kernels, autograd goes on.
#[cfg(feature = "cuda")]
fn fuse_on_gpu(
    recipe: &Recipe<'_>,
    graph: &Graph,
    autograd: &Autograd,
    io: &ModelIo,
    place: &candle_core::Device,
    max_batch: usize,
) -> Result<std::result::Result<Box<dyn Backend>, Obstacle>> {
    use degu_nn::engine::EngineError;
    use degu_nn::engine::device::{Products, on_cuda};
    let gpu = match on_cuda(place) {
        Ok(gpu) => gpu,
        Err(error) => return Ok(Err(fused::engine_error(error).into())),
    };
    let (weights, head) = (autograd.weights()?, (recipe.head)()?);
    let products = match recipe.precision {
        Precision::Tf32 => Products::Tf32,
        Precision::F32 | Precision::Bf16 => Products::F32,
    };
    let network =
        device::OnDevice::new(graph, io, &weights, head, max_batch, products, &gpu, place);
    match network {
        Ok(network) => Ok(Ok(Box::new(network))),
        Err(TrainError::Engine(error))
            if matches!(error.downcast_ref(), Some(EngineError::Unsupported { .. })) =>
        {
            Ok(Err(TrainError::Engine(error).into()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(feature = "cuda"))]
fn fuse_on_gpu(
    _: &Recipe<'_>,
    _: &Graph,
    _: &Autograd,
    _: &ModelIo,
    _: &candle_core::Device,
    _: usize,
) -> Result<std::result::Result<Box<dyn Backend>, Obstacle>> {
    Ok(Err(Obstacle::new(
        "this binary has the fused engine of the CPU only",
        "this device",
        "fused engine",
    )))
}

/// Refuses a network whose samples are all alike.
fn require_dropout(network: &mut Autograd, length: usize) -> Result<()> {
    // Dropout is looked for where it acts, in the outputs, so that networks without a description are covered as well.
    let codes: Vec<u8> = (0..4 * length)
        .map(|i| ((i * i / 3 + i) % 4) as u8)
        .collect();
    let mut first: Option<Vec<f32>> = None;
    for pass in 0..PROBES {
        let raw = network.sample(&codes, 4, &[pass; 4])?;
        let raw = crate::forecast::host(&raw)?;
        match &first {
            Some(first) if *first != raw => return Ok(()),
            Some(_) => {}
            None => first = Some(raw),
        }
    }
    Err(TrainError::Core(degu_core::Error::Missing {
        what: "dropout in the network",
        by: "the head, which samples it (`mc-dropout`)",
        help: "give the architecture a dropout rate above 0, as in `architecture.dropout = 0.2`, or take another head",
    }))
}

/// The kernels that the fused engine uses on this processor: `avx512`, `avx2` or `portable`.
pub fn kernels() -> String {
    degu_nn::engine::Isa::available()
        .last()
        .map_or_else(|| "portable".to_owned(), |isa| isa.name().to_owned())
}

#[cfg(test)]
mod tests;
