//! Training with a compiled network: its passes, under a head that candle differentiates.

use candle_core::{Device, Tensor, Var};
use degu_core::{Error, Head, ModelIo, OutputKind, Seed, Targets};
use degu_nn::{
    engine::{AdamStep, DropoutSeed, TensorSpec},
    optim::OptimizerConfig,
};

use super::{Backend, BackendState, Batch, StepLoss, Update, Weights, flat::FlatNetwork};
use crate::{Result, TrainError};

/// A compiled network under its head.
pub(super) struct Fused<N> {
    network: N,
    head: Box<dyn Head>,
    io: ModelIo,
    /// Where the head is computed.
    device: Device,
}

impl<N: FlatNetwork> Fused<N> {
    /// A network whose last layer is the head's, with these weights; its head is computed on
    /// `device`.
    ///
    /// # Errors
    ///
    /// A tensor that `weights` lacks or that has another length.
    pub(super) fn new(
        network: N,
        io: &ModelIo,
        head: Box<dyn Head>,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self> {
        let mut fused = Self {
            network,
            head,
            io: *io,
            device: device.clone(),
        };
        fused.set_weights(weights)?;
        Ok(fused)
    }

    /// The compiled network.
    #[cfg(any(feature = "cuda", test))]
    pub(super) fn network(&mut self) -> &mut N {
        &mut self.network
    }

    fn trained(&self) -> impl Iterator<Item = &TensorSpec> + Clone {
        self.network.tensors().iter().filter(|s| s.trained)
    }

    /// A flat vector by names.
    fn named(&self, flat: &[f32]) -> Weights {
        self.trained()
            .map(|s| {
                let values = flat[s.range.clone()].to_vec();
                (s.name.clone(), (s.shape.clone(), values))
            })
            .collect()
    }

    /// A flat vector of zeros.
    fn zeros(&self) -> Vec<f32> {
        vec![0.0; self.trained().map(|s| s.range.len()).sum()]
    }

    /// Named values as a flat vector.
    fn flat(&self, named: &Weights) -> Result<Vec<f32>> {
        let mut flat = self.zeros();
        for spec in self.trained() {
            match named.get(&spec.name) {
                Some((_, values)) if values.len() == spec.range.len() => {
                    flat[spec.range.clone()].copy_from_slice(values);
                }
                _ => return Err(mismatch(spec)),
            }
        }
        Ok(flat)
    }

    /// Shape of the raw outputs of `rows` sequences.
    fn shape(&self, rows: usize) -> Vec<usize> {
        match self.io.output {
            OutputKind::Scalar => vec![rows, self.io.outputs],
            OutputKind::Profile { bins } => vec![rows, bins, self.io.outputs],
        }
    }

    fn outputs(&mut self, batch: &Batch<'_>, masks: Option<&[u64]>) -> Result<Tensor> {
        refuse_noise(batch)?;
        let shape = self.shape(batch.rows);
        let mut out = vec![0.0; shape.iter().product()];
        self.network
            .predict(batch.codes, batch.rows, masks, &mut out)?;
        Ok(Tensor::from_vec(out, shape, &self.device)?)
    }
}

impl<N: FlatNetwork> Backend for Fused<N> {
    fn describe(&self) -> String {
        format!("fused ({})", self.network.kernels())
    }

    fn tensor_device(&self) -> &Device {
        &self.device
    }

    fn step(
        &mut self,
        batch: &Batch<'_>,
        targets: &Targets,
        dropout: &Seed,
        step: u64,
        update: &Update,
    ) -> Result<StepLoss> {
        refuse_noise(batch)?;
        let adam = adam_step(update)?;
        let stream = DropoutSeed(dropout.child(step.to_string()).first_u64());
        let shape = self.shape(batch.rows);
        let raw = self
            .network
            .forward(batch.codes, batch.rows, stream, &shape, &self.device)?;
        let raw = Var::from_tensor(&raw)?;
        let loss = self.head.loss(raw.as_tensor(), targets)?;
        let value = StepLoss::of(&loss)?;
        if value.diverged() {
            // The caller reports it; weights and running statistics stay as they were.
            return Ok(value);
        }
        let gradient = loss.backward()?.remove(raw.as_tensor()).ok_or_else(|| {
            unsupported(
                "the loss of this head",
                "gradient with respect to the raw outputs",
                "use operations that candle differentiates",
            )
        })?;
        self.network.backward(&gradient)?;
        self.network.adam(&adam, update.clip)?;
        Ok(value)
    }

    fn raw(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        self.outputs(batch, None)
    }

    fn head(&self) -> &dyn Head {
        self.head.as_ref()
    }

    fn sample(&mut self, batch: &Batch<'_>, masks: &[u64]) -> Result<Tensor> {
        self.outputs(batch, Some(masks))
    }

    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()> {
        Ok(self.network.recalibrate(codes, rows, batch)?)
    }

    fn weights(&self) -> Result<Weights> {
        let tensors = self.network.tensors().iter();
        tensors
            .map(|s| {
                let values = self.network.read(&s.name)?;
                Ok((s.name.clone(), (s.shape.clone(), values)))
            })
            .collect()
    }

    fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        for spec in self.network.tensors().to_vec() {
            let (_, values) = weights.get(&spec.name).ok_or_else(|| mismatch(&spec))?;
            self.network.load(&spec.name, values)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<BackendState> {
        let (first, second, updates) = self.network.moments()?;
        Ok(BackendState {
            weights: self.weights()?,
            first: self.named(&first),
            second: self.named(&second),
            updates,
        })
    }

    fn restore(&mut self, state: &BackendState) -> Result<()> {
        self.set_weights(&state.weights)?;
        let moments = match state.updates {
            0 => (self.zeros(), self.zeros(), 0),
            updates => (self.flat(&state.first)?, self.flat(&state.second)?, updates),
        };
        Ok(self.network.set_moments(&moments)?)
    }
}

fn refuse_noise(batch: &Batch<'_>) -> Result<()> {
    match batch.noise {
        None => Ok(()),
        Some(_) => Err(unsupported(
            "noise on the one-hot input",
            "kernel in the fused engine",
            "set `training.backend = \"autograd\"` or leave noise out of the augmentation",
        )),
    }
}

fn adam_step(update: &Update) -> Result<AdamStep> {
    let (beta1, beta2, eps, weight_decay) = match &update.optimizer {
        OptimizerConfig::Adam(adam) if adam.weight_decay > 0.0 => {
            return Err(unsupported(
                "the optimizer `adam` with `weight_decay`",
                "kernel in the fused engine",
                "use `adamw`, or `training.backend = \"autograd\"`",
            ));
        }
        OptimizerConfig::Adam(adam) => (adam.beta1, adam.beta2, adam.eps, 0.0),
        OptimizerConfig::AdamW(adam) => (adam.beta1, adam.beta2, adam.eps, adam.weight_decay),
        OptimizerConfig::Sgd(_) => {
            return Err(unsupported(
                "the optimizer `sgd`",
                "kernel in the fused engine",
                "use `adam` or `adamw`, or `training.backend = \"autograd\"`",
            ));
        }
    };
    Ok(AdamStep {
        lr: update.rates.lr,
        beta1: update.rates.momentum.unwrap_or(beta1),
        beta2,
        eps,
        weight_decay,
    })
}

fn unsupported(operation: &str, rule: &'static str, help: &'static str) -> TrainError {
    TrainError::Core(Error::Unsupported {
        operation: operation.to_owned(),
        rule,
        help,
    })
}

fn mismatch(spec: &TensorSpec) -> TrainError {
    TrainError::File {
        path: "weights".into(),
        problem: format!(
            "expected a tensor `{}` of shape {:?}",
            spec.name, spec.shape
        ),
    }
}
