//! The engine of a GPU: weights, activations, gradients and the optimizer stay there, and the loss
//! as well.

use candle_core::{Device, Tensor};
use degu_core::graph::Graph;
use degu_nn::engine::{
    AdamStep, DropoutSeed, EngineError, TensorSpec,
    device::{Device as Gpu, DeviceEngine, Products},
};

use super::flat::{FlatNetwork, Moments};

type Result<T> = std::result::Result<T, EngineError>;

/// A network compiled by [`degu_nn::engine::device`].
pub(super) struct GpuNetwork {
    engine: DeviceEngine,
    /// Where the loss is computed: the same GPU.
    place: Device,
}

impl GpuNetwork {
    /// Compiles a network for `gpu`; `place` is the same device for tensors.
    ///
    /// # Errors
    ///
    /// A layer that the engine does not cover, or a device that fails.
    pub(super) fn new(
        graph: &Graph,
        length: usize,
        max_batch: usize,
        products: Products,
        gpu: &Gpu,
        place: &Device,
    ) -> Result<Self> {
        let engine = DeviceEngine::new(graph, length, max_batch, gpu)?.rounding(products)?;
        let place = place.clone();
        Ok(Self { engine, place })
    }

    /// Compares the numbers of this device with the CPU's.
    ///
    /// # Errors
    ///
    /// A device that fails, or that computes something else.
    pub(super) fn check(&mut self, graph: &Graph) -> Result<()> {
        self.engine.check(graph)
    }
}

impl FlatNetwork for GpuNetwork {
    fn kernels(&self) -> String {
        self.engine.device().driver().name()
    }

    fn tensor_device(&self) -> &Device {
        &self.place
    }

    fn tensors(&self) -> &[TensorSpec] {
        self.engine.parameters()
    }

    fn load(&mut self, name: &str, values: &[f32]) -> Result<()> {
        self.engine.load(name, values)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.engine.read(name)
    }

    fn moments(&self) -> Result<Moments> {
        self.engine.moments()
    }

    fn set_moments(&mut self, (first, second, steps): &Moments) -> Result<()> {
        self.engine.set_moments(first, second, *steps)
    }

    fn forward(
        &mut self,
        codes: &[u8],
        rows: usize,
        dropout: DropoutSeed,
        shape: &[usize],
    ) -> Result<Tensor> {
        self.engine.forward_train(codes, rows, dropout)?;
        self.engine.outputs_tensor(&self.place, shape)
    }

    fn backward(&mut self, gradient: &Tensor) -> Result<()> {
        self.engine.backward_tensor(gradient)
    }

    fn adam(&mut self, step: &AdamStep, clip: Option<f64>) -> Result<()> {
        self.engine.adam(step, clip)
    }

    fn predict(
        &mut self,
        codes: &[u8],
        rows: usize,
        masks: Option<&[u64]>,
        out: &mut [f32],
    ) -> Result<()> {
        match masks {
            None => self.engine.predict(codes, rows, out),
            Some(masks) => self.engine.sample(codes, rows, masks, out),
        }
    }

    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()> {
        self.engine.recalibrate(codes, rows, batch)
    }
}
