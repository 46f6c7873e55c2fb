//! Rounding of the factors of matrix products.

use std::{cell::Cell, marker::PhantomData};

use candle_core::{DType, Result as TensorResult, Tensor};

/// What convolutions, affine maps and other matrix products of this thread round their factors and
/// results to; biases, norms, activations, losses and parameters keep their own type.
///
/// With [`Bf16`](Self::Bf16) the products of a CUDA device run on its tensor cores, which sum in 32
/// bits. On the CPU the same rounding is emulated: exact in what it shows, and slower than no
/// rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rounding {
    /// To the type of the tensors.
    #[default]
    None,
    /// To 8 bits of mantissa, a relative error of up to 0.4 % of each factor.
    Bf16,
}

thread_local! {
    static CURRENT: Cell<Rounding> = const { Cell::new(Rounding::None) };
}

/// Until it is dropped, products of its thread round as it was made for; then as before.
#[derive(Debug)]
#[must_use]
pub struct RoundingScope {
    before: Rounding,
    /// Of the thread that made it.
    thread: PhantomData<*const ()>,
}

impl Rounding {
    /// Rounds so until the scope ends.
    pub fn enter(self) -> RoundingScope {
        RoundingScope {
            before: CURRENT.replace(self),
            thread: PhantomData,
        }
    }
}

impl Drop for RoundingScope {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Matrix product, rounded as the scope says.
pub(super) fn multiply(a: &Tensor, b: &Tensor) -> TensorResult<Tensor> {
    match CURRENT.get() {
        Rounding::None => a.matmul(b),
        Rounding::Bf16 => {
            let dtype = a.dtype();
            let (a, b) = (a.to_dtype(DType::BF16)?, b.to_dtype(DType::BF16)?);
            let y = if a.device().is_cpu() {
                a.to_dtype(dtype)?
                    .matmul(&b.to_dtype(dtype)?)?
                    .to_dtype(DType::BF16)?
            } else {
                a.matmul(&b)?
            };
            y.to_dtype(dtype)
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn products_round_inside_the_scope_alone() {
        let device = Device::Cpu;
        // 1 + 2^-9 is halfway between two neighbours of 8 bits and goes to the even one; 3 + 2^-6
        // is one of them.
        let a = Tensor::new(&[[1.0f32 + 1.0 / 512.0, 3.0 + 1.0 / 64.0]], &device).unwrap();
        let b = Tensor::new(&[[1.0f32], [0.0]], &device).unwrap();
        let value = |a: &Tensor| {
            multiply(a, &b)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        };
        let second = Tensor::new(&[[3.0f32 + 1.0 / 64.0, 1.0]], &device).unwrap();
        {
            let _scope = Rounding::Bf16.enter();
            assert_eq!(value(&a), [1.0]);
            assert_eq!(value(&second), [3.015_625]);
            {
                let _inner = Rounding::None.enter();
                assert_eq!(value(&a), [1.001_953_1]);
            }
            assert_eq!(value(&a), [1.0]);
        }
        assert_eq!(value(&a), [1.001_953_1]);
    }
}
