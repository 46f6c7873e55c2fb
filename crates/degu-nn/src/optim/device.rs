//! The same optimizers where the parameters live: nothing comes to the host in a step.

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};

use super::{OptimizerConfig, OptimizerState, update::Update};
use crate::{Error, Result, schedule::Rates};

/// An optimizer whose moments and arithmetic are on the device of the parameters, in f32.
///
/// All parameters are one flat vector while a step runs, so the number of kernels does not grow
/// with the number of tensors. Results differ from those of [`Optimizer`](super::Optimizer), which
/// computes in f64, by rounding.
#[derive(Debug)]
pub struct DeviceOptimizer {
    config: OptimizerConfig,
    step: u64,
    slots: Vec<Slot>,
    flat: Flat,
}

/// The place of a parameter in the flat vectors.
#[derive(Debug)]
struct Slot {
    name: String,
    start: usize,
    count: usize,
}

/// The moments of all parameters.
#[derive(Debug)]
struct Flat {
    first: Tensor,
    second: Option<Tensor>,
}

impl DeviceOptimizer {
    /// An optimizer of `parameters` that goes on from `state`; moments that it does not have are 0.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if sizes differ from those of the state.
    pub fn new(
        config: OptimizerConfig,
        state: &OptimizerState,
        parameters: &[(String, Var)],
        device: &Device,
    ) -> Result<Self> {
        let update = config.update();
        let (mut slots, mut start) = (Vec::with_capacity(parameters.len()), 0);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (name, var) in parameters {
            let count = var.elem_count();
            for (moments, flat) in [(&state.first, &mut first), (&state.second, &mut second)] {
                match moments.get(name) {
                    Some(own) if own.len() == count => flat.extend_from_slice(own),
                    Some(own) => {
                        return Err(Error::Length {
                            name: name.clone(),
                            expected: count,
                            found: own.len(),
                        });
                    }
                    None => flat.resize(flat.len() + count, 0.0),
                }
            }
            slots.push(Slot {
                name: name.clone(),
                start,
                count,
            });
            start += count;
        }
        let vector = |values: Vec<f32>| Tensor::from_vec(values, start, device);
        let flat = Flat {
            first: vector(first)?,
            second: update.adaptive.then(|| vector(second)).transpose()?,
        };
        Ok(Self {
            step: state.step,
            config,
            slots,
            flat,
        })
    }

    /// Its constants.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// Its state, copied to the host.
    ///
    /// # Errors
    ///
    /// If values cannot be copied from the device.
    pub fn state(&self) -> Result<OptimizerState> {
        let mut state = OptimizerState {
            step: self.step,
            ..OptimizerState::default()
        };
        if self.step == 0 {
            return Ok(state);
        }
        let first = self.flat.first.to_vec1::<f32>()?;
        let second = match &self.flat.second {
            Some(second) => Some(second.to_vec1::<f32>()?),
            None => None,
        };
        for slot in &self.slots {
            let own = slot.start..slot.start + slot.count;
            let cut = |flat: &[f32]| flat[own.clone()].to_vec();
            state.first.insert(slot.name.clone(), cut(&first));
            if let Some(second) = &second {
                state.second.insert(slot.name.clone(), cut(second));
            }
        }
        Ok(state)
    }

    /// One step on every parameter, with the gradient scaled down to the norm `clip` if that is
    /// given.
    ///
    /// # Errors
    ///
    /// [`Error::NoGradient`] naming the parameters without one. Nothing has changed then.
    pub fn step(
        &mut self,
        parameters: &[(String, Var)],
        gradients: &GradStore,
        rates: Rates,
        clip: Option<f64>,
    ) -> Result<()> {
        let (mut g, mut w, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (name, var) in parameters {
            match gradients.get(var) {
                Some(own) => g.push(own.flatten_all()?.to_dtype(DType::F32)?),
                None => missing.push(name.clone()),
            }
            w.push(
                var.as_detached_tensor()
                    .flatten_all()?
                    .to_dtype(DType::F32)?,
            );
        }
        if !missing.is_empty() {
            return Err(Error::NoGradient { names: missing });
        }
        let (g, w) = (Tensor::cat(&g, 0)?, Tensor::cat(&w, 0)?);
        let g = match clip {
            Some(limit) => clipped(&g, limit)?,
            None => g,
        };
        let mut update = self.config.update();
        if let Some(momentum) = rates.momentum {
            update.beta1 = momentum;
        }
        self.step += 1;
        let w = self.flat.apply(update, self.step, rates.lr, &w, g)?;
        for (slot, (_, var)) in self.slots.iter().zip(parameters) {
            let own = w.narrow(0, slot.start, slot.count)?.reshape(var.shape())?;
            var.set(&own.to_dtype(var.dtype())?)?;
        }
        Ok(())
    }
}

impl Flat {
    /// The parameters after a step.
    fn apply(&mut self, u: Update, step: u64, lr: f64, w: &Tensor, g: Tensor) -> Result<Tensor> {
        let g = if u.coupled && u.weight_decay > 0.0 {
            (g + (w * u.weight_decay)?)?
        } else {
            g
        };
        let Some(second) = &self.second else {
            return self.momentum(u, step, lr, w, g);
        };
        let first = ((&self.first * u.beta1)? + (&g * (1.0 - u.beta1))?)?;
        let second = ((second * u.beta2)? + (g.sqr()? * (1.0 - u.beta2))?)?;
        let t = i32::try_from(step).unwrap_or(i32::MAX);
        let size = lr / (1.0 - u.beta1.powi(t));
        let root = (1.0 - u.beta2.powi(t)).sqrt();
        let change = (&first / second.sqrt()?.affine(1.0 / root, u.eps)?)?;
        let kept = if u.coupled || u.weight_decay <= 0.0 {
            w.clone()
        } else {
            (w * w.ones_like()?.affine(-lr * u.weight_decay, 1.0)?)?
        };
        (self.first, self.second) = (first, Some(second));
        Ok((kept - (change * size)?)?)
    }

    fn momentum(&mut self, u: Update, step: u64, lr: f64, w: &Tensor, g: Tensor) -> Result<Tensor> {
        let velocity = if step == 1 {
            g.clone()
        } else {
            ((&self.first * u.beta1)? + &g)?
        };
        let change = if u.nesterov {
            (g + (&velocity * u.beta1)?)?
        } else {
            velocity.clone()
        };
        self.first = velocity;
        Ok((w - (change * lr)?)?)
    }
}

/// The gradient with its norm at most `limit`, without asking for the norm.
fn clipped(g: &Tensor, limit: f64) -> Result<Tensor> {
    // A norm of 0 gives an infinite factor, of which 1 is the smaller.
    let scale = (g.sqr()?.sum_all()?.sqrt()?.recip()? * limit)?;
    Ok(g.broadcast_mul(&scale.minimum(&scale.ones_like()?)?)?)
}
