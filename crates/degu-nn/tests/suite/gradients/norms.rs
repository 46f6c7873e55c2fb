//! Batch norm and layer norm.

use candle_core::{DType, Tensor};
use degu_core::{Ctx, Result};
use degu_nn::ops::{self, BatchNormOptions, BatchNormTensors};

use crate::common::{check, device, train, values};

pub(super) fn norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, training: bool) -> Result<Tensor> {
    let c = gamma.dim(0)?;
    let tensors = BatchNormTensors {
        weight: gamma.clone(),
        bias: beta.clone(),
        running_mean: values("mean", &[c]),
        running_var: values("var", &[c]).affine(0.5, 1.0)?,
    };
    let options = BatchNormOptions {
        epsilon: 1e-3,
        momentum: 0.1,
        unbiased: true,
    };
    let mut ctx = if training { train(0) } else { Ctx::eval() };
    ops::batch_norm(x, &tensors, options, "norm", &mut ctx)
}

#[test]
fn norms() {
    for shape in [&[3, 5][..], &[3, 7, 5]] {
        let inputs = [values("x", shape), values("g", &[5]), values("b", &[5])];
        for training in [true, false] {
            check(
                &format!("batch norm, training {training}"),
                |v| norm(&v[0], &v[1], &v[2], training),
                &inputs,
            );
        }
        check(
            "layer norm",
            |v| ops::layer_norm(&v[0], &v[1], &v[2], 1e-5, &Ctx::eval()),
            &inputs,
        );
    }
}

#[test]
fn batch_statistics_follow_the_convention() {
    let x = values("x", &[3, 7, 2]);
    let rows = x.reshape((21, 2)).unwrap().to_vec2::<f64>().unwrap();
    for unbiased in [true, false] {
        let tensors = BatchNormTensors {
            weight: Tensor::ones(2, DType::F64, &device()).unwrap(),
            bias: Tensor::zeros(2, DType::F64, &device()).unwrap(),
            running_mean: Tensor::zeros(2, DType::F64, &device()).unwrap(),
            running_var: Tensor::ones(2, DType::F64, &device()).unwrap(),
        };
        let options = BatchNormOptions {
            epsilon: 0.0,
            momentum: 0.1,
            unbiased,
        };
        let mut ctx = train(0);
        let y = ops::batch_norm(&x, &tensors, options, "norm", &mut ctx).unwrap();
        let y = y.reshape((21, 2)).unwrap().to_vec2::<f64>().unwrap();
        let statistics = ctx.into_statistics();
        let s = &statistics["norm"];
        for c in 0..2 {
            let mean = rows.iter().map(|r| r[c]).sum::<f64>() / 21.0;
            let sum = rows.iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>();
            let expected = sum / if unbiased { 20.0 } else { 21.0 };
            assert!((s.mean.to_vec1::<f64>().unwrap()[c] - mean).abs() < 1e-14);
            assert!((s.variance.to_vec1::<f64>().unwrap()[c] - expected).abs() < 1e-14);
            for (row, value) in rows.iter().zip(&y) {
                assert!((value[c] - (row[c] - mean) / (sum / 21.0).sqrt()).abs() < 1e-12);
            }
        }
    }
}
