//! What a compiled network offers to training: flat parameters, their gradient and moments, and
//! the passes over a batch.

use candle_core::{Device, Tensor};
use degu_nn::engine::{AdamStep, DropoutSeed, EngineError, TensorSpec};

type Result<T> = std::result::Result<T, EngineError>;

/// First moments, second moments, and the number of steps so far.
pub(super) type Moments = (Vec<f32>, Vec<f32>, u64);

/// A compiled network. Its trained values, their gradient and the moments of the optimizer are flat
/// vectors in the order of [`tensors`](Self::tensors).
pub(super) trait FlatNetwork: Send {
    /// Name of its kernels, for logs.
    fn kernels(&self) -> String;

    /// Every tensor, trained or buffer, sorted by name.
    fn tensors(&self) -> &[TensorSpec];

    /// Sets a tensor.
    fn load(&mut self, name: &str, values: &[f32]) -> Result<()>;

    /// The values of a tensor.
    fn read(&self, name: &str) -> Result<Vec<f32>>;

    /// The optimizer's state.
    fn moments(&self) -> Result<Moments>;

    /// Replaces the optimizer's state.
    fn set_moments(&mut self, moments: &Moments) -> Result<()>;

    /// A training pass over `rows` sequences; returns the outputs in `shape`, on `device`.
    fn forward(
        &mut self,
        codes: &[u8],
        rows: usize,
        dropout: DropoutSeed,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor>;

    /// The gradient of all trained values, from that of the outputs of the last training pass.
    fn backward(&mut self, gradient: &Tensor) -> Result<()>;

    /// An update by the gradient, whose norm is cut to `clip`; running statistics move with it.
    fn adam(&mut self, step: &AdamStep, clip: Option<f64>) -> Result<()>;

    /// Outputs with running statistics, and with dropout where `masks` fix it.
    fn predict(
        &mut self,
        codes: &[u8],
        rows: usize,
        masks: Option<&[u64]>,
        out: &mut [f32],
    ) -> Result<()>;

    /// Replaces running statistics by those of `rows` sequences, passed in batches of `batch`.
    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()>;
}
