//! An operation whose value is known and whose backward pass is written by hand, on any device.

use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, MetalStorage, Result, Shape,
    Storage, Tensor, backend::BackendStorage, bail,
};

/// Gradients of the inputs, in their order; `None` where none flows.
pub type Gradients = Vec<Option<Tensor>>;

type Backward = Box<dyn Fn(&Tensor) -> Result<Gradients> + Send + Sync>;

/// Gives `value` a place in the graph: its gradient with respect to `inputs` (1 to 3) is what
/// `backward` makes of the gradient that arrives.
///
/// `value` is computed by the caller from detached inputs, so that no graph is recorded inside.
/// `backward` gets a contiguous gradient of the shape of `value`, may be called more than once, and
/// captures what it needs (detached tensors). Where no input is tracked, `value` is returned as it
/// is.
///
/// # Errors
///
/// For another number of inputs, and later, in the backward pass, if `backward` returns another
/// number of gradients.
pub fn with_gradient(
    name: &'static str,
    inputs: &[&Tensor],
    value: Tensor,
    backward: impl Fn(&Tensor) -> Result<Gradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !inputs.iter().any(|t| t.track_op()) {
        return Ok(value);
    }
    let op = Custom {
        name,
        value: exact(&value.detach())?,
        backward: Box::new(backward),
    };
    match inputs {
        [a] => a.apply_op1(op),
        [a, b] => a.apply_op2(b, op),
        [a, b, c] => a.apply_op3(b, c, op),
        other => bail!("{name}: takes 1 to 3 inputs, found {}", other.len()),
    }
}

/// The same values in a storage that holds nothing else.
fn exact(value: &Tensor) -> Result<Tensor> {
    let fits = {
        let (storage, layout) = value.storage_and_layout();
        let held = match &*storage {
            Storage::Cpu(s) => match s {
                CpuStorage::F32(v) => v.len(),
                CpuStorage::F64(v) => v.len(),
                _ => usize::MAX,
            },
            Storage::Cuda(_) | Storage::Metal(_) => usize::MAX,
        };
        layout.is_contiguous() && layout.start_offset() == 0 && held == value.elem_count()
    };
    if fits {
        Ok(value.clone())
    } else {
        value.force_contiguous()
    }
}

struct Custom {
    name: &'static str,
    value: Tensor,
    backward: Backward,
}

impl Custom {
    fn cpu(&self) -> Result<(CpuStorage, Shape)> {
        match &*self.value.storage_and_layout().0 {
            Storage::Cpu(s) => Ok((s.clone(), self.value.shape().clone())),
            _ => bail!(
                "{}: the value and the inputs are on different devices",
                self.name
            ),
        }
    }

    fn cuda(&self) -> Result<(CudaStorage, Shape)> {
        let (storage, layout) = self.value.storage_and_layout();
        match &*storage {
            Storage::Cuda(s) => Ok((s.try_clone(layout)?, self.value.shape().clone())),
            _ => bail!(
                "{}: the value and the inputs are on different devices",
                self.name
            ),
        }
    }

    fn metal(&self) -> Result<(MetalStorage, Shape)> {
        let (storage, layout) = self.value.storage_and_layout();
        match &*storage {
            Storage::Metal(s) => Ok((s.try_clone(layout)?, self.value.shape().clone())),
            _ => bail!(
                "{}: the value and the inputs are on different devices",
                self.name
            ),
        }
    }

    /// The gradient may be broadcast (stride 0, as after a sum).
    fn gradients<const K: usize>(&self, grad: &Tensor) -> Result<[Option<Tensor>; K]> {
        let all = (self.backward)(&grad.contiguous()?)?;
        match <[Option<Tensor>; K]>::try_from(all) {
            Ok(all) => Ok(all),
            Err(all) => bail!("{}: {K} inputs, {} gradients", self.name, all.len()),
        }
    }
}

impl CustomOp1 for Custom {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }
    fn metal_fwd(&self, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }
    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.gradients(grad)?;
        Ok(a)
    }
}

impl CustomOp2 for Custom {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }
    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }
    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.gradients(grad)?;
        Ok((a, b))
    }
}

impl CustomOp3 for Custom {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.cpu()
    }
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.cuda()
    }
    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.metal()
    }
    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.gradients(grad)?;
        Ok((a, b, c))
    }
}
