//! The engine of a GPU: weights, activations, gradients and the optimizer stay there, and the loss
//! as well.

use candle_core::{Device, Tensor};
use degu_nn::engine::{AdamStep, DropoutSeed, EngineError, TensorSpec, device::DeviceEngine};

use super::flat::{FlatNetwork, Moments};

type Result<T> = std::result::Result<T, EngineError>;

impl FlatNetwork for DeviceEngine {
    fn kernels(&self) -> String {
        self.device().driver().name()
    }

    fn tensors(&self) -> &[TensorSpec] {
        self.parameters()
    }

    fn load(&mut self, name: &str, values: &[f32]) -> Result<()> {
        DeviceEngine::load(self, name, values)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        DeviceEngine::read(self, name)
    }

    fn moments(&self) -> Result<Moments> {
        DeviceEngine::moments(self)
    }

    fn set_moments(&mut self, (first, second, steps): &Moments) -> Result<()> {
        DeviceEngine::set_moments(self, first, second, *steps)
    }

    fn forward(
        &mut self,
        codes: &[u8],
        rows: usize,
        dropout: DropoutSeed,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        self.forward_train(codes, rows, dropout)?;
        self.outputs_tensor(device, shape)
    }

    fn backward(&mut self, gradient: &Tensor) -> Result<()> {
        self.backward_tensor(gradient)
    }

    fn adam(&mut self, step: &AdamStep, clip: Option<f64>) -> Result<()> {
        DeviceEngine::adam(self, step, clip)
    }

    fn predict(
        &mut self,
        codes: &[u8],
        rows: usize,
        masks: Option<&[u64]>,
        out: &mut [f32],
    ) -> Result<()> {
        match masks {
            None => DeviceEngine::predict(self, codes, rows, out),
            Some(masks) => self.sample(codes, rows, masks, out),
        }
    }

    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()> {
        DeviceEngine::recalibrate(self, codes, rows, batch)
    }
}
