//! Adam, AdamW and SGD with momentum, whose state is plain named vectors.

mod config;
mod device;
mod state;
mod update;

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};

use crate::{Error, Result, schedule::Rates};

pub use config::{Adam, AdamW, OptimizerConfig, Sgd};
pub use device::DeviceOptimizer;
pub use state::OptimizerState;

/// Gradients by name, row-major, on the host.
pub type NamedGradients = BTreeMap<String, Vec<f32>>;

/// An optimizer over named tensors.
///
/// Updates run on the host in f64 and are rounded once per step to the type of the parameter;
/// moments are f32. The result depends on neither device nor threads.
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
    /// [`Error::NoGradient`] naming the parameters without one, [`Error::Length`] if sizes differ
    /// from those of the state. Nothing has changed then.
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
            if update.adaptive {
                let second = self
                    .state
                    .second
                    .entry(name.clone())
                    .or_insert_with(|| vec![0.0; n]);
                update.adam(self.state.step, rates.lr, &mut values, g, first, second);
            } else {
                update.sgd(self.state.step, rates.lr, &mut values, g, first);
            }
            let tensor = Tensor::from_vec(values, var.shape(), &candle_core::Device::Cpu)?;
            var.set(&tensor.to_dtype(var.dtype())?.to_device(var.device())?)?;
        }
        Ok(())
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
