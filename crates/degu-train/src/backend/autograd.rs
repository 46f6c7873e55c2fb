//! Training with candle's autograd: any network, any device.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use candle_core::{DType, Device, Tensor, Var};
use degu_core::{
    Architecture, Ctx, Head, Mode, ModelIo, Multipliers, Prediction, Predictor, Seed, Sequences,
    Substitution, Target, Targets, explain, graph::Graph,
};
use degu_nn::{
    Explainer, Model, ParamStore,
    clip::clip_global_norm,
    ops::Rounding,
    optim::{DeviceOptimizer, Optimizer, OptimizerConfig, OptimizerState, gradients},
    statistics::PooledStatistics,
};

use super::{Backend, BackendState, Batch, StepLoss, Update, Weights, scalar};
use crate::{Result, TrainError, forecast::host};

/// Rows that a prediction passes through the network at once.
const PREDICT_ROWS: usize = 256;

/// A network with its parameters as candle variables.
pub struct Autograd {
    model: Model,
    store: Arc<ParamStore>,
    optimizer: Option<Stepper>,
    restored: OptimizerState,
    length: usize,
    device: Device,
    rounding: Rounding,
    /// The network as the fused engine explains it, made of the weights of the moment when it is
    /// first asked; `None` where it does not cover the network.
    explainer: OnceLock<Option<Explainer>>,
}

/// The optimizer, beside the parameters or on the host.
enum Stepper {
    /// On the CPU: f64, the same bits everywhere.
    Host(Optimizer),
    /// On another device: nothing comes to the host.
    Device(DeviceOptimizer),
}

impl Stepper {
    fn config(&self) -> &OptimizerConfig {
        match self {
            Self::Host(o) => o.config(),
            Self::Device(o) => o.config(),
        }
    }

    fn state(&self) -> Result<OptimizerState> {
        match self {
            Self::Host(o) => Ok(o.state().clone()),
            Self::Device(o) => o.state().map_err(nn_error),
        }
    }

    /// One step with the gradients of `loss`.
    fn step(&mut self, loss: &Tensor, parameters: &[(String, Var)], update: &Update) -> Result<()> {
        match self {
            Self::Host(optimizer) => {
                let mut gradients = gradients(loss, parameters).map_err(nn_error)?;
                if let Some(limit) = update.clip {
                    clip_global_norm(&mut gradients, limit);
                }
                optimizer.step(parameters, &gradients, update.rates)
            }
            Self::Device(optimizer) => {
                let gradients = loss.backward()?;
                optimizer.step(parameters, &gradients, update.rates, update.clip)
            }
        }
        .map_err(nn_error)
    }
}

impl Autograd {
    /// Builds the network with initial values from the child `init` of `seed`.
    ///
    /// # Errors
    ///
    /// Whatever the architecture fails with.
    pub fn new(
        architecture: &dyn Architecture,
        head: Box<dyn Head>,
        io: &ModelIo,
        seed: &Seed,
        device: &Device,
    ) -> Result<Self> {
        let store = ParamStore::new(seed.child("init"), DType::F32, device);
        let model = Model::new(architecture, head, io, &store.params())?;
        Ok(Self {
            model,
            store: Arc::new(store),
            optimizer: None,
            restored: OptimizerState::default(),
            length: io.length,
            device: device.clone(),
            rounding: Rounding::None,
            explainer: OnceLock::new(),
        })
    }

    /// Rounds the products of training steps.
    #[must_use]
    pub fn rounding(self, rounding: Rounding) -> Self {
        Self { rounding, ..self }
    }

    /// The fused engine for attribution, where it covers the network: f32 on the CPU.
    fn explainer(&self) -> Option<&Explainer> {
        let make = || {
            let graph = self.graph().filter(|_| self.device.is_cpu())?;
            let tensors = self.store.values_f32().ok()?;
            match Explainer::new(&graph, self.length, &tensors) {
                Ok(explainer) => Some(explainer).filter(|e| e.serves(self.model.head())),
                Err(error) => {
                    tracing::info!(%error, "the fused engine does not cover this network; explaining it with autograd");
                    None
                }
            }
        };
        self.explainer.get_or_init(make).as_ref()
    }

    /// The description of the whole network, head included.
    pub fn graph(&self) -> Option<Graph> {
        self.model.graph().cloned()
    }

    /// The parameters.
    pub fn store(&self) -> &ParamStore {
        &self.store
    }

    fn sequences(&self, batch: &Batch<'_>) -> Result<Sequences> {
        let codes = Tensor::from_slice(batch.codes, (batch.rows, self.length), &self.device)?;
        let codes = Sequences::Codes(codes);
        let Some(noise) = batch.noise else {
            return Ok(codes);
        };
        let noise = Tensor::from_slice(noise, (batch.rows, self.length, 4), &self.device)?;
        Ok(Sequences::OneHot((codes.one_hot(DType::F32)? + noise)?))
    }

    fn stepper(
        &self,
        config: &OptimizerConfig,
        state: OptimizerState,
        parameters: &[(String, Var)],
    ) -> Result<Stepper> {
        Ok(if self.device.is_cpu() {
            Stepper::Host(Optimizer::resume(*config, state))
        } else {
            let optimizer = DeviceOptimizer::new(*config, &state, parameters, &self.device);
            Stepper::Device(optimizer.map_err(nn_error)?)
        })
    }

    fn in_pieces(
        &self,
        batch: &Batch<'_>,
        mut one: impl FnMut(usize, &Sequences) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let pieces = batch.pieces(PREDICT_ROWS);
        let parts = pieces.map(|(first, piece)| Ok(one(first, &self.sequences(&piece)?)?.detach()));
        let parts: Vec<Tensor> = parts.collect::<Result<_>>()?;
        if parts.is_empty() {
            return Err(no_rows(self.length));
        }
        Ok(Tensor::cat(&parts, 0)?)
    }
}

impl Predictor for Autograd {
    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> degu_core::Result<Prediction> {
        self.model.forward(x, ctx)
    }

    fn length(&self) -> Option<usize> {
        Some(self.length)
    }

    fn values(&self, codes: &Tensor, targets: &[Target]) -> degu_core::Result<Vec<Vec<f64>>> {
        let Some(explainer) = self.explainer() else {
            return explain::values(self, codes, targets);
        };
        let (n, _) = explain::check_codes(self, codes)?;
        let codes = codes.flatten_all()?.to_vec1::<u8>()?;
        explainer.values(self.model.head(), &codes, n, targets)
    }

    fn gradients(&self, x: &Sequences, targets: &[Target]) -> degu_core::Result<Vec<Tensor>> {
        let (Some(explainer), Sequences::Codes(codes)) = (self.explainer(), x) else {
            return explain::gradients(self, x, targets);
        };
        let (n, _) = explain::check_codes(self, codes)?;
        let codes = codes.flatten_all()?.to_vec1::<u8>()?;
        explainer.gradients(self.model.head(), &codes, n, targets)
    }

    fn rescale(
        &self,
        codes: &Tensor,
        references: &Tensor,
        targets: &[Target],
    ) -> degu_core::Result<Vec<Multipliers>> {
        let Some(explainer) = self.explainer() else {
            return explain::rescale(self, codes, references, targets);
        };
        let (n, length) = explain::check_codes(self, codes)?;
        let k = explain::check_references(references, n, length)?;
        let codes = codes.flatten_all()?.to_vec1::<u8>()?;
        let references = references.flatten_all()?.to_vec1::<u8>()?;
        explainer.rescale(self.model.head(), &codes, n, (&references, k), targets)
    }

    fn substitutions(
        &self,
        codes: &[u8],
        edits: &[Substitution],
        targets: &[Target],
    ) -> degu_core::Result<Option<Vec<Vec<f64>>>> {
        self.explainer()
            .map(|e| e.substitutions(self.model.head(), codes, edits, targets))
            .transpose()
    }
}

impl Backend for Autograd {
    fn describe(&self) -> String {
        format!("autograd ({:?})", self.device.location())
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
        self.explainer.take();
        let _scope = self.rounding.enter();
        let x = self.sequences(batch)?;
        let mut ctx = Ctx::new(Mode::Train {
            dropout: *dropout,
            step,
        });
        let raw = self.model.raw(&x, &mut ctx)?;
        let loss = self.model.head().loss(&raw, targets)?;
        let value = if self.device.is_cpu() {
            StepLoss::Known(scalar(&loss)?)
        } else {
            StepLoss::Pending(loss.detach())
        };
        if matches!(value, StepLoss::Known(v) if !v.is_finite()) {
            return Ok(value);
        }
        let parameters = self.store.parameters();
        let fits = self
            .optimizer
            .as_ref()
            .is_some_and(|o| *o.config() == update.optimizer);
        if !fits {
            let state = match self.optimizer.take() {
                Some(optimizer) => optimizer.state()?,
                None => self.restored.clone(),
            };
            self.optimizer = Some(self.stepper(&update.optimizer, state, &parameters)?);
        }
        if let Some(optimizer) = &mut self.optimizer {
            optimizer.step(&loss, &parameters, update)?;
        }
        self.store
            .fold_statistics(&ctx.into_statistics())
            .map_err(nn_error)?;
        Ok(value)
    }

    fn raw(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        self.in_pieces(batch, |_, x| Ok(self.model.raw(x, &mut Ctx::eval())?))
    }

    fn head(&self) -> &dyn Head {
        self.model.head()
    }

    fn sample(&mut self, batch: &Batch<'_>, masks: &[u64]) -> Result<Tensor> {
        // The masks of the sequences take the place of the stream.
        let mode = Mode::Sample {
            dropout: Seed::root(0),
            step: 0,
        };
        self.in_pieces(batch, |from, x| {
            let (n, _) = x.dims()?;
            let masks = masks.get(from..from + n).unwrap_or_default();
            Ok(self.model.raw(x, &mut Ctx::new(mode).with_masks(masks))?)
        })
    }

    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()> {
        if rows == 0 {
            return Err(no_rows(self.length));
        }
        self.explainer.take();
        let mut pooled = BTreeMap::<String, PooledStatistics>::new();
        for (_, piece) in Batch::plain(codes, rows).pieces(batch) {
            let mut ctx = Ctx::new(Mode::Statistics);
            self.model.raw(&self.sequences(&piece)?, &mut ctx)?;
            for (path, s) in ctx.into_statistics() {
                let [mean, variance] = [host_f64(&s.mean)?, host_f64(&s.variance)?];
                pooled
                    .entry(path)
                    .or_default()
                    .add(piece.rows as f64, &mean, &variance);
            }
        }
        self.store.replace_statistics(&pooled).map_err(nn_error)
    }

    fn weights(&self) -> Result<Weights> {
        let mut all = Weights::new();
        for (name, var) in self.store.tensors() {
            all.insert(name, (var.dims().to_vec(), host(var.as_tensor())?));
        }
        Ok(all)
    }

    fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        self.explainer.take();
        for (name, var) in self.store.tensors() {
            let (_, values) = weights.get(&name).ok_or_else(|| TrainError::File {
                path: "weights".into(),
                problem: format!("expected a tensor `{name}` of shape {:?}", var.dims()),
            })?;
            self.store.set(&name, values).map_err(nn_error)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<BackendState> {
        let weights = self.weights()?;
        let state = match &self.optimizer {
            Some(optimizer) => optimizer.state()?,
            None => self.restored.clone(),
        };
        let named = |moments: &BTreeMap<String, Vec<f32>>| -> Weights {
            moments
                .iter()
                .map(|(name, values)| {
                    let shape = weights
                        .get(name)
                        .map_or_else(|| vec![values.len()], |(shape, _)| shape.clone());
                    (name.clone(), (shape, values.clone()))
                })
                .collect()
        };
        Ok(BackendState {
            first: named(&state.first),
            second: named(&state.second),
            updates: state.step,
            weights,
        })
    }

    fn restore(&mut self, state: &BackendState) -> Result<()> {
        self.set_weights(&state.weights)?;
        let values = |moments: &Weights| {
            moments
                .iter()
                .map(|(n, (_, v))| (n.clone(), v.clone()))
                .collect()
        };
        self.restored = OptimizerState {
            step: state.updates,
            first: values(&state.first),
            second: values(&state.second),
        };
        self.optimizer = None;
        Ok(())
    }
}

fn no_rows(length: usize) -> TrainError {
    TrainError::Core(degu_core::Error::Shape {
        name: "codes",
        expected: "at least one sequence",
        got: vec![0, length],
    })
}

fn host_f64(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_dtype(DType::F64)?.to_vec1()?)
}

fn nn_error(error: degu_nn::Error) -> TrainError {
    TrainError::Core(error.into())
}
