//! Adam, AdamW and SGD with momentum, whose state is plain named vectors.

mod device;

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};
use degu_core::{Invalid, check};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Array, Error, Result, array, schedule::Rates};

pub use device::DeviceOptimizer;

/// Gradients by name, row-major, on the host.
pub type NamedGradients = BTreeMap<String, Vec<f32>>;

/// Which optimizer, and its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Kingma and Ba 2015.
    Adam(Adam),
    /// Loshchilov and Hutter 2019: Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW(AdamW),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

/// Constants of Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the first moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta1: f64,
    /// Decay of the second moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta2: f64,
    /// Added to the corrected root of the second moment, as in PyTorch (1e-8 there; Keras uses 1e-7).
    #[schemars(range(min = 0.0))]
    pub eps: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
        }
    }
}

/// Constants of AdamW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the first moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta1: f64,
    /// Decay of the second moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta2: f64,
    /// Added to the corrected root of the second moment.
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// A parameter loses this part of itself, times the learning rate, before each step.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: Decay,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            decay: Decay::default(),
        }
    }
}

/// Constants of SGD: `v = momentum v + g + weight_decay w`, `w -= lr v` as in PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Part of the velocity that a step keeps.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Whether the step looks ahead along the velocity (Nesterov).
    pub nesterov: bool,
    /// Coupled decay (an L2 penalty of half this factor).
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: Decay,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            lr: 1e-2,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            decay: Decay::default(),
        }
    }
}

/// Which parameters lose weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Kernels and matrices: tensors of rank 2 and above.
    #[default]
    Matrices,
    /// Biases and norms too, as PyTorch does unless told otherwise.
    All,
}

impl Decay {
    /// Whether a tensor of this rank decays.
    pub fn includes(self, rank: usize) -> bool {
        match self {
            Self::All => true,
            Self::Matrices => rank >= 2,
        }
    }
}

impl OptimizerConfig {
    /// The learning rate that a schedule starts from.
    pub fn lr(&self) -> f64 {
        match self {
            Self::Adam(o) => o.lr,
            Self::AdamW(o) => o.lr,
            Self::Sgd(o) => o.lr,
        }
    }

    /// Checks the ranges of the parameters.
    ///
    /// # Errors
    ///
    /// [`Invalid`], naming the parameter.
    pub fn check(&self) -> Result<(), Invalid> {
        check::range("lr", self.lr(), 0.0..)?;
        match self {
            Self::Adam(Adam {
                beta1, beta2, eps, ..
            })
            | Self::AdamW(AdamW {
                beta1, beta2, eps, ..
            }) => {
                check::range("beta1", *beta1, 0.0..1.0)?;
                check::range("beta2", *beta2, 0.0..1.0)?;
                check::range("eps", *eps, 0.0..)?;
            }
            Self::Sgd(o) => {
                check::range("momentum", o.momentum, 0.0..1.0)?;
                check::range("weight_decay", o.weight_decay, 0.0..)?;
            }
        }
        match self {
            Self::AdamW(o) => check::range("weight_decay", o.weight_decay, 0.0..),
            _ => Ok(()),
        }
    }

    fn update(&self) -> Update {
        match self {
            Self::Adam(o) => Update {
                beta1: o.beta1,
                beta2: o.beta2,
                eps: o.eps,
                ..Update::default()
            },
            Self::AdamW(o) => Update {
                beta1: o.beta1,
                beta2: o.beta2,
                eps: o.eps,
                weight_decay: o.weight_decay,
                decay: o.decay,
                ..Update::default()
            },
            Self::Sgd(o) => Update {
                adaptive: false,
                nesterov: o.nesterov,
                beta1: o.momentum,
                weight_decay: o.weight_decay,
                decay: o.decay,
                ..Update::default()
            },
        }
    }
}

/// Constants of one step.
#[derive(Debug, Clone, Copy)]
struct Update {
    adaptive: bool,
    nesterov: bool,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decay: Decay,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            adaptive: true,
            nesterov: false,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            decay: Decay::All,
        }
    }
}

/// The state of an optimizer: everything but its constants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimizerState {
    /// Steps done.
    pub step: u64,
    /// First moments (velocities of SGD), by name of the parameter.
    pub first: BTreeMap<String, Vec<f32>>,
    /// Second moments; empty for SGD.
    pub second: BTreeMap<String, Vec<f32>>,
}

const FIRST: &str = "first/";
const SECOND: &str = "second/";
const STEP: &str = "step";

impl OptimizerState {
    /// The state as a safetensors file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let named = |prefix: &'static str, all: &BTreeMap<String, Vec<f32>>| {
            all.iter()
                .map(move |(k, v)| (format!("{prefix}{k}"), Array::vector(v.clone())))
                .collect::<Vec<_>>()
        };
        let arrays = named(FIRST, &self.first)
            .into_iter()
            .chain(named(SECOND, &self.second))
            .collect();
        array::to_bytes(
            &arrays,
            &BTreeMap::from([(STEP.to_owned(), self.step.to_string())]),
        )
    }

    /// Reads a state.
    ///
    /// # Errors
    ///
    /// [`Error::Safetensors`] or [`Error::State`] if `bytes` is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (arrays, metadata) = array::from_bytes(bytes)?;
        let bad = |entry: &str| Error::State {
            of: "optimizer",
            entry: entry.to_owned(),
        };
        let step = metadata
            .get(STEP)
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| bad(STEP))?;
        let mut state = Self {
            step,
            ..Self::default()
        };
        for (name, array) in arrays {
            if let Some(name) = name.strip_prefix(FIRST) {
                state.first.insert(name.to_owned(), array.to_f32());
            } else if let Some(name) = name.strip_prefix(SECOND) {
                state.second.insert(name.to_owned(), array.to_f32());
            } else {
                return Err(bad(&name));
            }
        }
        Ok(state)
    }
}

/// An optimizer over named tensors.
///
/// Updates run on the host in f64 and are rounded once per step to the type of the parameter; moments are f32. The result depends
/// on neither device nor threads.
#[derive(Debug, Clone)]
pub struct Optimizer {
    config: OptimizerConfig,
    state: OptimizerState,
}

impl Optimizer {
    /// An optimizer before its first step.
    pub fn new(config: OptimizerConfig) -> Self {
        Self {
            config,
            state: OptimizerState::default(),
        }
    }

    /// An optimizer that goes on from a saved state.
    pub fn resume(config: OptimizerConfig, state: OptimizerState) -> Self {
        Self { config, state }
    }

    /// Its constants.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// Its state, to save.
    pub fn state(&self) -> &OptimizerState {
        &self.state
    }

    /// One step on every parameter.
    ///
    /// # Errors
    ///
    /// [`Error::NoGradient`] naming the parameters without one, [`Error::Length`] if sizes differ from those of the state. Nothing
    /// has changed then.
    pub fn step(
        &mut self,
        parameters: &[(String, Var)],
        gradients: &NamedGradients,
        rates: Rates,
    ) -> Result<()> {
        let missing: Vec<_> = parameters
            .iter()
            .filter(|(n, _)| !gradients.contains_key(n))
            .map(|(n, _)| n.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::NoGradient { names: missing });
        }
        for (name, var) in parameters {
            let lengths = [
                gradients.get(name),
                self.state.first.get(name),
                self.state.second.get(name),
            ];
            if let Some(v) = lengths
                .into_iter()
                .flatten()
                .find(|v| v.len() != var.elem_count())
            {
                return Err(Error::Length {
                    name: name.clone(),
                    expected: var.elem_count(),
                    found: v.len(),
                });
            }
        }
        let mut update = self.config.update();
        if let Some(momentum) = rates.momentum {
            update.beta1 = momentum;
        }
        self.state.step += 1;
        for (name, var) in parameters {
            let Some(g) = gradients.get(name) else {
                continue;
            };
            let n = var.elem_count();
            let first = self
                .state
                .first
                .entry(name.clone())
                .or_insert_with(|| vec![0.0; n]);
            let mut values = var
                .as_detached_tensor()
                .flatten_all()?
                .to_dtype(DType::F64)?
                .to_vec1::<f64>()?;
            let decay = if update.decay.includes(var.rank()) {
                update.weight_decay
            } else {
                0.0
            };
            if update.adaptive {
                let second = self
                    .state
                    .second
                    .entry(name.clone())
                    .or_insert_with(|| vec![0.0; n]);
                update.adam(
                    self.state.step,
                    rates.lr,
                    decay,
                    &mut values,
                    g,
                    first,
                    second,
                );
            } else {
                update.sgd(self.state.step, rates.lr, decay, &mut values, g, first);
            }
            let tensor = Tensor::from_vec(values, var.shape(), &candle_core::Device::Cpu)?;
            var.set(&tensor.to_dtype(var.dtype())?.to_device(var.device())?)?;
        }
        Ok(())
    }
}

impl Update {
    fn adam(
        self,
        step: u64,
        lr: f64,
        decay: f64,
        w: &mut [f64],
        g: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let step = i32::try_from(step).unwrap_or(i32::MAX);
        let size = lr / (1.0 - self.beta1.powi(step));
        let root = (1.0 - self.beta2.powi(step)).sqrt();
        let keep = 1.0 - lr * decay;
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(first).zip(second) {
            let g = f64::from(*g);
            let m_new = self.beta1 * f64::from(*m) + (1.0 - self.beta1) * g;
            let v_new = self.beta2 * f64::from(*v) + (1.0 - self.beta2) * g * g;
            (*m, *v) = (m_new as f32, v_new as f32);
            *w = *w * keep - size * m_new / (v_new.sqrt() / root + self.eps);
        }
    }

    fn sgd(self, step: u64, lr: f64, decay: f64, w: &mut [f64], g: &[f32], velocity: &mut [f32]) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(velocity) {
            let g = f64::from(*g) + decay * *w;
            let v_new = if step == 1 {
                g
            } else {
                self.beta1 * f64::from(*v) + g
            };
            *v = v_new as f32;
            *w -= lr
                * if self.nesterov {
                    g + self.beta1 * v_new
                } else {
                    v_new
                };
        }
    }
}

/// Gradients of a scalar loss with respect to every parameter.
///
/// # Errors
///
/// [`Error::NoGradient`] naming all parameters that take no part in the loss.
pub fn gradients(loss: &Tensor, parameters: &[(String, Var)]) -> Result<NamedGradients> {
    let store = loss.backward()?;
    let mut all = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, var) in parameters {
        match store.get(var) {
            Some(g) => {
                all.insert(
                    name.clone(),
                    g.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?,
                );
            }
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() {
        Ok(all)
    } else {
        Err(Error::NoGradient { names: missing })
    }
}
