//! The engine on a GPU: the same compiled network, every pass as a sequence of kernels over the
//! whole batch.
//!
//! *For*: networks of convolutions, dense layers, batch norms, activations, dropout, pools, skip
//! connections, branches and crops, in f32 or with products of TF32. *Not for*: the layers that
//! [`Engine`](super::Engine) has beyond these ([`EngineError::Unsupported`] names the first),
//! attribution.
//!
//! Weights, optimizer state and every intermediate result stay on the device; memory is taken once.
//! Calls return before their work is done, in order, except those that copy numbers back. Numbers
//! agree with the CPU's within rounding, masks of dropout in every bit; [`DeviceEngine::check`]
//! compares both before a training relies on it.
//!
//! The kernels run through a [`Driver`](degu_kernels::cuda::Driver): a GPU, or the CPU in tests.

mod backward;
mod check;
mod forward;
mod memory;
mod recalibrate;
mod tensors;
#[cfg(test)]
mod tests;
mod update;

pub use degu_kernels::cuda::{Device, DeviceError, Products};
#[cfg(feature = "cuda")]
pub use tensors::on_cuda;

use super::compile;
use super::filters::Rule;
use super::layout::{Layout, TensorSpec};
use super::operators::Operator;
use super::plan::{Linear, Plan};
use super::{EngineError, Pending, Result};
use degu_core::graph::Graph;
use degu_kernels::cuda::{Buffer, Clip};
use memory::DeviceMemory;

/// A network that trains and predicts on a device. See the [module](self).
#[derive(Debug)]
pub struct DeviceEngine {
    device: Device,
    capacity: usize,
    products: Products,
    plan: Plan,
    layout: Layout,
    parameters: Buffer<f32>,
    buffers: Buffer<f32>,
    gradients: Buffer<f32>,
    first_moment: Buffer<f32>,
    second_moment: Buffer<f32>,
    clip: Clip,
    steps: u64,
    memory: DeviceMemory,
    running_fresh: bool,
    pending: Option<Pending>,
}

impl DeviceEngine {
    /// Compiles `graph` for sequences of `length` bp and batches of up to `max_batch`, on `device`.
    ///
    /// Tensors start as those of [`Engine::new`](super::Engine::new).
    ///
    /// # Errors
    ///
    /// [`EngineError::Unsupported`] for a layer without kernel on devices, [`EngineError::Graph`]
    /// if the graph does not fit the length, [`EngineError::Device`] without enough memory.
    pub fn new(graph: &Graph, length: usize, max_batch: usize, device: &Device) -> Result<Self> {
        let layout = Layout::new(graph, length)?;
        let plan = compile::compile(graph, length, &layout, Rule::NOWHERE)?;
        for block in &plan.blocks {
            if let Linear::Operator(operator) = &block.linear
                && !matches!(operator, Operator::Crop { .. })
            {
                let what = "kernel for this kind of layer on a GPU";
                return Err(EngineError::unsupported(operator.kind(), what));
            }
        }
        let engine = Self {
            parameters: device.buffer(layout.trained)?,
            buffers: device.buffer(layout.buffers)?,
            gradients: device.buffer(layout.trained)?,
            first_moment: device.buffer(layout.trained)?,
            second_moment: device.buffer(layout.trained)?,
            clip: Clip::new(device)?,
            steps: 0,
            memory: DeviceMemory::new(device, &plan, max_batch)?,
            running_fresh: false,
            pending: None,
            device: device.clone(),
            capacity: max_batch,
            products: Products::F32,
            plan,
            layout,
        };
        for norm in engine.plan.blocks.iter().filter_map(|b| b.norm.as_ref()) {
            let ones = vec![1.0; norm.gamma.len()];
            engine.parameters.upload(norm.gamma.start, &ones)?;
            engine.buffers.upload(norm.var.start, &ones)?;
        }
        Ok(engine)
    }

    /// Rounds the factors of products in training passes; predictions are not rounded.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unsupported`] on a device without tensor cores for it.
    pub fn rounding(self, products: Products) -> Result<Self> {
        if products == Products::Tf32 && !self.device.driver().has_tf32() {
            let what = "TF32 arithmetic on this GPU (Ampere or newer has it)";
            return Err(EngineError::unsupported("every product", what));
        }
        Ok(Self { products, ..self })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Every tensor, sorted by name.
    pub fn parameters(&self) -> &[TensorSpec] {
        &self.layout.tensors
    }

    /// Sequences of a batch at most.
    pub fn max_batch(&self) -> usize {
        self.capacity
    }

    /// Numbers that the network gives per sequence: outputs are `[N, O]`, or `[N, B, T]` flattened.
    pub fn outputs_per_sequence(&self) -> usize {
        self.plan.output.rows * self.plan.output.cols
    }

    /// Sets a tensor, trained or buffer.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownTensor`], [`EngineError::Length`], [`EngineError::NonFinite`],
    /// [`EngineError::Device`].
    pub fn load(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let spec = self.layout.find(name)?;
        EngineError::length("a tensor", spec.range.len(), values.len())?;
        EngineError::finite(&format!("tensor `{name}`"), values)?;
        let flat = if spec.trained {
            &self.parameters
        } else {
            &self.buffers
        };
        flat.upload(spec.range.start, values)?;
        self.running_fresh = false;
        Ok(())
    }

    /// The values of a tensor, trained or buffer, copied from the device.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownTensor`], [`EngineError::Device`].
    pub fn read(&self, name: &str) -> Result<Vec<f32>> {
        let spec = self.layout.find(name)?;
        let flat = if spec.trained {
            &self.parameters
        } else {
            &self.buffers
        };
        let mut values = vec![0.0; spec.range.len()];
        flat.download(spec.range.start, &mut values)?;
        Ok(values)
    }

    fn check_codes(&self, codes: &[u8], n: usize, capacity: usize) -> Result<()> {
        if n > capacity {
            return Err(EngineError::Batch { found: n, capacity });
        }
        EngineError::length("base codes", n * self.plan.length, codes.len())
    }
}
