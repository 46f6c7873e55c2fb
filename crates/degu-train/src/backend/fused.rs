//! Training with the fused engine: f32 on the CPU, no tape.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use degu_core::{Error, Head, ModelIo, OutputKind, Seed, Targets, graph::Graph};
use degu_nn::{
    engine::{AdamStep, DropoutSeed, Engine, EngineError},
    optim::OptimizerConfig,
};

use super::{Backend, BackendState, Batch, StepLoss, Update, Weights, scalar};
use crate::{Result, TrainError};

/// A network compiled by [`degu_nn::engine`], under its head.
pub struct Fused {
    engine: Engine,
    head: Box<dyn Head>,
    io: ModelIo,
    pool: Option<rayon::ThreadPool>,
}

impl Fused {
    /// Compiles a network whose last layer is the head's.
    ///
    /// # Errors
    ///
    /// A layer that the engine does not cover, or a tensor that `weights` lacks.
    pub fn new(
        graph: &Graph,
        io: &ModelIo,
        weights: &Weights,
        head: Box<dyn Head>,
        max_batch: usize,
        threads: usize,
    ) -> Result<Self> {
        let engine = Engine::new(graph, io.length, max_batch, threads).map_err(engine_error)?;
        let pool = if threads > 1 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            Some(pool.map_err(|e| TrainError::Engine(Box::new(e)))?)
        } else {
            None
        };
        let mut fused = Self {
            engine,
            head,
            io: *io,
            pool,
        };
        fused.set_weights(weights)?;
        Ok(fused)
    }

    fn named(&self, flat: &[f32]) -> Weights {
        let specs = self.engine.parameters().iter().filter(|s| s.trained);
        specs
            .map(|s| {
                (
                    s.name.clone(),
                    (s.shape.clone(), flat[s.range.clone()].to_vec()),
                )
            })
            .collect()
    }

    fn flat(&self, named: &Weights) -> Result<Vec<f32>> {
        let mut flat = vec![0.0; self.engine.values().len()];
        for spec in self.engine.parameters().iter().filter(|s| s.trained) {
            match named.get(&spec.name) {
                Some((_, values)) if values.len() == spec.range.len() => {
                    flat[spec.range.clone()].copy_from_slice(values);
                }
                _ => return Err(mismatch(&spec.name, &spec.shape)),
            }
        }
        Ok(flat)
    }
}

/// Shape of the raw outputs of `rows` sequences.
pub(super) fn shape(io: &ModelIo, rows: usize) -> Vec<usize> {
    match io.output {
        OutputKind::Scalar => vec![rows, io.outputs],
        OutputKind::Profile { bins } => vec![rows, bins, io.outputs],
    }
}

/// Refuses noise on the one-hot input.
pub(super) fn no_noise(batch: &Batch<'_>) -> Result<()> {
    if batch.noise.is_some() {
        return Err(TrainError::Core(Error::Unsupported {
            operation: "noise on the one-hot input".to_owned(),
            rule: "kernel in the fused engine",
            help: "set `training.backend = \"autograd\"` or leave noise out of the augmentation",
        }));
    }
    Ok(())
}

/// The gradient of a loss with respect to the raw outputs.
pub(super) fn output_gradient(loss: &Tensor, raw: &Var) -> Result<Tensor> {
    loss.backward()?.remove(raw.as_tensor()).ok_or_else(|| {
        TrainError::Core(Error::Unsupported {
            operation: "the loss of this head".to_owned(),
            rule: "gradient with respect to the raw outputs",
            help: "use operations that candle differentiates",
        })
    })
}

/// Runs `f` on the pool, where there is one.
fn on_pool<T: Send>(pool: Option<&rayon::ThreadPool>, f: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(f),
        None => f(),
    }
}

/// Scales a flat gradient so that its norm is at most `limit`.
fn clip(gradients: &mut [f32], limit: f64) {
    let norm = degu_nn::clip::global_norm([&*gradients]);
    if norm.is_finite() && norm > limit {
        let scale = (limit / norm) as f32;
        for g in gradients {
            *g *= scale;
        }
    }
}

pub(super) fn engine_error(error: EngineError) -> TrainError {
    TrainError::Engine(Box::new(error))
}

pub(super) fn mismatch(name: &str, shape: &[usize]) -> TrainError {
    TrainError::File {
        path: "weights".into(),
        problem: format!("expected a tensor `{name}` of shape {shape:?}"),
    }
}

impl Backend for Fused {
    fn describe(&self) -> String {
        format!("fused ({})", self.engine.isa().name())
    }

    fn tensor_device(&self) -> &Device {
        &Device::Cpu
    }

    fn step(
        &mut self,
        batch: &Batch<'_>,
        targets: &Targets,
        dropout: &Seed,
        step: u64,
        update: &Update,
    ) -> Result<StepLoss> {
        no_noise(batch)?;
        let shape = shape(&self.io, batch.rows);
        let stream = DropoutSeed(dropout.child(step.to_string()).first_u64());
        let (engine, pool) = (&mut self.engine, self.pool.as_ref());
        let raw = on_pool(pool, || {
            engine
                .forward_train(batch.codes, batch.rows, stream)
                .map(<[f32]>::to_vec)
        });
        let raw = Var::from_vec(raw.map_err(engine_error)?, shape.as_slice(), &Device::Cpu)?;
        let loss = self.head.loss(raw.as_tensor(), targets)?;
        let value = scalar(&loss)?;
        if !value.is_finite() {
            // The caller reports the divergence; weights and running statistics stay as they were.
            return Ok(StepLoss::Known(value));
        }
        let gradient = output_gradient(&loss, &raw)?;
        let gradient = gradient.contiguous()?.flatten_all()?.to_vec1::<f32>()?;
        let adam = adam_step(update)?;
        let engine = &mut self.engine;
        on_pool(pool, || {
            engine.backward(&gradient)?;
            if let Some(limit) = update.clip {
                clip(engine.gradients_mut(), limit);
            }
            engine.adam(&adam);
            Ok(())
        })
        .map_err(engine_error)?;
        Ok(StepLoss::Known(value))
    }

    fn raw(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        no_noise(batch)?;
        let shape = shape(&self.io, batch.rows);
        let mut out = vec![0.0; shape.iter().product()];
        let (engine, pool) = (&mut self.engine, self.pool.as_ref());
        on_pool(pool, || engine.predict(batch.codes, batch.rows, &mut out))
            .map_err(engine_error)?;
        Ok(Tensor::from_vec(out, shape.as_slice(), &Device::Cpu)?)
    }

    fn head(&self) -> &dyn Head {
        self.head.as_ref()
    }

    fn sample(&mut self, batch: &Batch<'_>, masks: &[u64]) -> Result<Tensor> {
        no_noise(batch)?;
        let shape = shape(&self.io, batch.rows);
        let mut out = vec![0.0; shape.iter().product()];
        let (engine, pool) = (&mut self.engine, self.pool.as_ref());
        on_pool(pool, || {
            engine.sample(batch.codes, batch.rows, masks, &mut out)
        })
        .map_err(engine_error)?;
        Ok(Tensor::from_vec(out, shape.as_slice(), &Device::Cpu)?)
    }

    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()> {
        let (engine, pool) = (&mut self.engine, self.pool.as_ref());
        on_pool(pool, || engine.recalibrate(codes, rows, batch)).map_err(engine_error)
    }

    fn weights(&self) -> Result<Weights> {
        let mut all = BTreeMap::new();
        for spec in self.engine.parameters() {
            let values = self.engine.read(&spec.name).map_err(engine_error)?.to_vec();
            all.insert(spec.name.clone(), (spec.shape.clone(), values));
        }
        Ok(all)
    }

    fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        let specs: Vec<_> = self.engine.parameters().to_vec();
        for spec in specs {
            let Some((_, values)) = weights.get(&spec.name) else {
                return Err(mismatch(&spec.name, &spec.shape));
            };
            self.engine.load(&spec.name, values).map_err(engine_error)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<BackendState> {
        let (first, second, updates) = self.engine.moments();
        Ok(BackendState {
            weights: self.weights()?,
            first: self.named(first),
            second: self.named(second),
            updates,
        })
    }

    fn restore(&mut self, state: &BackendState) -> Result<()> {
        self.set_weights(&state.weights)?;
        if state.updates == 0 {
            let zeros = vec![0.0; self.engine.values().len()];
            return self
                .engine
                .set_moments(&zeros, &zeros, 0)
                .map_err(engine_error);
        }
        let (first, second) = (self.flat(&state.first)?, self.flat(&state.second)?);
        self.engine
            .set_moments(&first, &second, state.updates)
            .map_err(engine_error)
    }
}

pub(super) fn adam_step(update: &Update) -> Result<AdamStep> {
    let unsupported = |operation: &str| {
        Err(TrainError::Core(Error::Unsupported {
            operation: operation.to_owned(),
            rule: "kernel in the fused engine",
            help: "use `adam` without decay or `adamw`, or `training.backend = \"autograd\"`",
        }))
    };
    let step = match &update.optimizer {
        OptimizerConfig::Adam(adam) if adam.weight_decay > 0.0 => {
            return unsupported("the optimizer `adam` with `weight_decay`");
        }
        OptimizerConfig::Adam(adam) => AdamStep {
            lr: update.rates.lr,
            beta1: update.rates.momentum.unwrap_or(adam.beta1),
            beta2: adam.beta2,
            eps: adam.eps,
            weight_decay: 0.0,
        },
        OptimizerConfig::AdamW(adam) => AdamStep {
            lr: update.rates.lr,
            beta1: update.rates.momentum.unwrap_or(adam.beta1),
            beta2: adam.beta2,
            eps: adam.eps,
            weight_decay: adam.weight_decay,
        },
        OptimizerConfig::Sgd(_) => return unsupported("the optimizer `sgd`"),
    };
    Ok(step)
}
