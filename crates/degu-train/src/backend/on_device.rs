//! Training with the fused engine of a GPU: weights, activations, gradients and the optimizer stay
//! there, and the loss as well.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use degu_core::{Head, ModelIo, Seed, Targets, graph::Graph};
use degu_nn::engine::{
    DropoutSeed,
    device::{Device as Gpu, DeviceEngine, Products},
};

use super::fused::{adam_step, engine_error, mismatch, no_noise, output_gradient, shape};
use super::{Backend, BackendState, Batch, StepLoss, Update, Weights, scalar};
use crate::Result;

/// A network compiled by [`degu_nn::engine::device`], under its head.
pub(super) struct OnDevice {
    engine: DeviceEngine,
    head: Box<dyn Head>,
    io: ModelIo,
    /// Where the loss is computed: the same GPU.
    place: Device,
}

impl OnDevice {
    /// Compiles a network whose last layer is the head's for `gpu`, and compares its numbers with
    /// the CPU's; `place` is the same device for tensors.
    ///
    /// # Errors
    ///
    /// A layer that the engine does not cover, a tensor that `weights` lacks, a device that fails
    /// or that computes something else than the CPU.
    pub(super) fn new(
        graph: &Graph,
        io: &ModelIo,
        weights: &Weights,
        head: Box<dyn Head>,
        max_batch: usize,
        products: Products,
        gpu: &Gpu,
        place: &Device,
    ) -> Result<Self> {
        let engine = DeviceEngine::new(graph, io.length, max_batch, gpu)
            .and_then(|engine| engine.rounding(products))
            .map_err(engine_error)?;
        let mut network = Self {
            engine,
            head,
            io: *io,
            place: place.clone(),
        };
        network.set_weights(weights)?;
        network.engine.check(graph).map_err(engine_error)?;
        Ok(network)
    }

    fn named(&self, flat: &[f32]) -> Weights {
        let specs = self.engine.parameters().iter().filter(|s| s.trained);
        let one = |values: &[f32], shape: &[usize]| (shape.to_vec(), values.to_vec());
        specs
            .map(|s| (s.name.clone(), one(&flat[s.range.clone()], &s.shape)))
            .collect()
    }

    fn flat(&self, named: &Weights) -> Result<Vec<f32>> {
        let trained = self.engine.parameters().iter().filter(|s| s.trained);
        let mut flat = vec![0.0; trained.clone().map(|s| s.range.len()).sum()];
        for spec in trained {
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

impl Backend for OnDevice {
    fn describe(&self) -> String {
        format!("fused ({})", self.engine.device().driver().name())
    }

    fn tensor_device(&self) -> &Device {
        &self.place
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
        let adam = adam_step(update)?;
        let stream = DropoutSeed(dropout.child(step.to_string()).first_u64());
        let engine = &mut self.engine;
        engine
            .forward_train(batch.codes, batch.rows, stream)
            .map_err(engine_error)?;
        let raw = engine
            .outputs_tensor(&self.place, &shape(&self.io, batch.rows))
            .map_err(engine_error)?;
        let raw = Var::from_tensor(&raw)?;
        let loss = self.head.loss(raw.as_tensor(), targets)?;
        let value = if self.place.is_cpu() {
            StepLoss::Known(scalar(&loss)?)
        } else {
            StepLoss::Pending(loss.detach())
        };
        if matches!(value, StepLoss::Known(v) if !v.is_finite()) {
            // The caller reports the divergence; weights and running statistics stay as they were.
            return Ok(value);
        }
        let gradient = output_gradient(&loss, &raw)?;
        engine.backward_tensor(&gradient).map_err(engine_error)?;
        engine.adam(&adam, update.clip).map_err(engine_error)?;
        Ok(value)
    }

    fn raw(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        no_noise(batch)?;
        let shape = shape(&self.io, batch.rows);
        let mut out = vec![0.0; shape.iter().product()];
        self.engine
            .predict(batch.codes, batch.rows, &mut out)
            .map_err(engine_error)?;
        Ok(Tensor::from_vec(out, shape.as_slice(), &self.place)?)
    }

    fn head(&self) -> &dyn Head {
        self.head.as_ref()
    }

    fn sample(&mut self, batch: &Batch<'_>, masks: &[u64]) -> Result<Tensor> {
        no_noise(batch)?;
        let shape = shape(&self.io, batch.rows);
        let mut out = vec![0.0; shape.iter().product()];
        self.engine
            .sample(batch.codes, batch.rows, masks, &mut out)
            .map_err(engine_error)?;
        Ok(Tensor::from_vec(out, shape.as_slice(), &self.place)?)
    }

    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()> {
        self.engine
            .recalibrate(codes, rows, batch)
            .map_err(engine_error)
    }

    fn weights(&self) -> Result<Weights> {
        let mut all = BTreeMap::new();
        for spec in self.engine.parameters() {
            let values = self.engine.read(&spec.name).map_err(engine_error)?;
            all.insert(spec.name.clone(), (spec.shape.clone(), values));
        }
        Ok(all)
    }

    fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        for spec in self.engine.parameters().to_vec() {
            let Some((_, values)) = weights.get(&spec.name) else {
                return Err(mismatch(&spec.name, &spec.shape));
            };
            self.engine.load(&spec.name, values).map_err(engine_error)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<BackendState> {
        let (first, second, updates) = self.engine.moments().map_err(engine_error)?;
        Ok(BackendState {
            weights: self.weights()?,
            first: self.named(&first),
            second: self.named(&second),
            updates,
        })
    }

    fn restore(&mut self, state: &BackendState) -> Result<()> {
        self.set_weights(&state.weights)?;
        let (first, second) = if state.updates == 0 {
            let trained = self.engine.parameters().iter().filter(|s| s.trained);
            let zeros = vec![0.0; trained.map(|s| s.range.len()).sum()];
            (zeros.clone(), zeros)
        } else {
            (self.flat(&state.first)?, self.flat(&state.second)?)
        };
        self.engine
            .set_moments(&first, &second, state.updates)
            .map_err(engine_error)
    }
}
