//! The optimizer of networks that candle differentiates.

use candle_core::{Device, Tensor, Var};
use degu_nn::{
    clip::clip_global_norm,
    optim::{DeviceOptimizer, Optimizer, OptimizerConfig, OptimizerState, gradients},
};

use super::Update;
use crate::Result;

/// The optimizer, beside the parameters or on the host.
pub(super) enum Stepper {
    /// On the CPU: f64, the same bits everywhere.
    Host(Optimizer),
    /// On another device: nothing comes to the host.
    Device(DeviceOptimizer),
}

impl Stepper {
    /// Goes on from `state`, on the device of the parameters.
    pub(super) fn new(
        config: &OptimizerConfig,
        state: OptimizerState,
        parameters: &[(String, Var)],
        device: &Device,
    ) -> Result<Self> {
        Ok(if device.is_cpu() {
            Self::Host(Optimizer::resume(*config, state))
        } else {
            Self::Device(DeviceOptimizer::new(*config, &state, parameters, device)?)
        })
    }

    pub(super) fn config(&self) -> &OptimizerConfig {
        match self {
            Self::Host(o) => o.config(),
            Self::Device(o) => o.config(),
        }
    }

    pub(super) fn state(&self) -> Result<OptimizerState> {
        match self {
            Self::Host(o) => Ok(o.state().clone()),
            Self::Device(o) => Ok(o.state()?),
        }
    }

    /// One step with the gradients of `loss`.
    pub(super) fn step(
        &mut self,
        loss: &Tensor,
        parameters: &[(String, Var)],
        update: &Update,
    ) -> Result<()> {
        match self {
            Self::Host(optimizer) => {
                let mut gradients = gradients(loss, parameters)?;
                if let Some(limit) = update.clip {
                    clip_global_norm(&mut gradients, limit);
                }
                optimizer.step(parameters, &gradients, update.rates)?;
            }
            Self::Device(optimizer) => {
                let gradients = loss.backward()?;
                optimizer.step(parameters, &gradients, update.rates, update.clip)?;
            }
        }
        Ok(())
    }
}
