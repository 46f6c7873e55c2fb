//! Outputs and their gradients as candle tensors: on a GPU they are copied there, without passing
//! through the host.

use super::super::{EngineError, Result};
use super::DeviceEngine;
use candle_core::Tensor;

impl DeviceEngine {
    /// The outputs of the last training pass as a tensor of `shape` on `place`: the GPU of this
    /// engine, or the CPU.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoForward`] without a training pass, [`EngineError::Length`] if the shape
    /// does not fit, [`EngineError::Device`], [`EngineError::Tensor`].
    pub fn outputs_tensor(&self, place: &candle_core::Device, shape: &[usize]) -> Result<Tensor> {
        let pending = self.pending.ok_or(EngineError::NoForward)?;
        let size = pending.count * self.outputs_per_sequence();
        EngineError::length("outputs", size, shape.iter().product())?;
        #[cfg(feature = "cuda")]
        if let Some(tensor) = self.copied_outputs(place, shape, size)? {
            return Ok(tensor);
        }
        Ok(Tensor::from_vec(self.outputs()?, shape, place)?)
    }

    /// As [`backward`](Self::backward), from a tensor. On the GPU of this engine it is not checked
    /// for numbers that are not finite.
    ///
    /// # Errors
    ///
    /// As [`backward`](Self::backward), and [`EngineError::Tensor`].
    pub fn backward_tensor(&mut self, d_outputs: &Tensor) -> Result<()> {
        let size = self.undifferentiated()? * self.outputs_per_sequence();
        EngineError::length("output gradients", size, d_outputs.elem_count())?;
        #[cfg(feature = "cuda")]
        if self.take_gradient(d_outputs)? {
            return self.backward_on_device();
        }
        let values = d_outputs.flatten_all()?.to_vec1::<f32>()?;
        self.backward(&values)
    }
}

#[cfg(feature = "cuda")]
mod on_gpu {
    use super::{DeviceEngine, Result, Tensor};
    use candle_core::{CudaStorage, Storage, op::BackpropOp};
    use degu_kernels::cuda::Nvidia;

    impl DeviceEngine {
        fn nvidia(&self) -> Option<&Nvidia> {
            self.device.driver().as_any().downcast_ref()
        }

        /// The outputs copied to a new tensor, if both are on a GPU.
        pub(super) fn copied_outputs(
            &self,
            place: &candle_core::Device,
            shape: &[usize],
            size: usize,
        ) -> Result<Option<Tensor>> {
            let (Some(nvidia), candle_core::Device::Cuda(cuda)) = (self.nvidia(), place) else {
                return Ok(None);
            };
            let mut slice = cuda.alloc_zeros::<f32>(size)?;
            nvidia.copy_out(self.output_buffer(), &mut slice)?;
            let storage = CudaStorage::wrap_cuda_slice(slice, cuda.clone());
            let storage = Storage::Cuda(storage);
            let tensor = Tensor::from_storage(storage, shape, BackpropOp::none(), false);
            Ok(Some(tensor))
        }

        /// Copies a gradient that lies on a GPU to where the backward pass reads it.
        pub(super) fn take_gradient(&self, gradient: &Tensor) -> Result<bool> {
            let Some(nvidia) = self.nvidia() else {
                return Ok(false);
            };
            let gradient = gradient.contiguous()?;
            let (storage, layout) = gradient.storage_and_layout();
            let (Storage::Cuda(storage), Some((from, to))) =
                (&*storage, layout.contiguous_offsets())
            else {
                return Ok(false);
            };
            let slice = storage.as_cuda_slice::<f32>()?;
            nvidia.copy_in(&slice.slice(from..to), self.output_gradient_buffer())?;
            Ok(true)
        }
    }
}

/// The engine's device for tensors on `place`, whose work is done on the same stream.
///
/// # Errors
///
/// [`EngineError::Device`] if the kernels cannot be compiled or loaded there,
/// [`EngineError::Tensor`] if `place` is not a GPU.
#[cfg(feature = "cuda")]
pub fn on_cuda(place: &candle_core::Device) -> Result<super::Device> {
    let stream = place.as_cuda_device()?.cuda_stream();
    let driver = degu_kernels::cuda::Nvidia::new(stream)?;
    Ok(super::Device::new(std::sync::Arc::new(driver)))
}
