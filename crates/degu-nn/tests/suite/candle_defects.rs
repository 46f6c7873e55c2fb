//! Defects of candle 0.11.1 on the CPU that this crate steps around.
//!
//! Each test asserts that the defect IS there. When one fails after an upgrade of candle, the ban
//! on that operation may be lifted; until then `clippy.toml` disallows it.
#![expect(clippy::disallowed_methods, reason = "the defects are what is tested")]

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Module;
use degu_nn::gradcheck::gradient_errors;

use crate::common::difference;

/// The defects that are pinned here are those of the CPU.
fn values(name: &str, shape: &[usize]) -> Tensor {
    degu_nn::gradcheck::irregular(name, shape).unwrap()
}

/// Channels-first, as candle wants it.
fn conv1d_errors(n: usize, pad: usize) -> Vec<f64> {
    let inputs = [values("x", &[n, 4, 20]), values("kernel", &[6, 4, 3])];
    gradient_errors(&|v: &[Var]| Ok(v[0].conv1d(&v[1], pad, 1, 1, 1)?), &inputs).unwrap()
}

#[test]
fn the_weight_gradient_of_conv1d_is_wrong_for_batches() {
    for pad in [0, 1] {
        let error = conv1d_errors(3, pad)[1];
        assert!(error > 0.1, "repaired? dw is off by {error:e}");
    }
}

#[test]
fn the_input_gradient_of_conv1d_without_padding_is_wrong_for_batches() {
    let error = conv1d_errors(3, 0)[0];
    assert!(error > 0.1, "repaired? dx is off by {error:e}");
}

#[test]
fn conv_transpose1d_is_wrong_for_batches() {
    let (x, kernel) = (values("x", &[3, 6, 18]), values("kernel", &[6, 4, 3]));
    let run = |x: &Tensor| x.conv_transpose1d(&kernel, 0, 0, 1, 1, 1).unwrap();
    let batched = run(&x);
    let mut worst = 0f64;
    for n in 0..3 {
        let single = run(&x.narrow(0, n, 1).unwrap().contiguous().unwrap());
        worst = worst.max(difference(&single, &batched.narrow(0, n, 1).unwrap()));
    }
    assert!(worst > 0.1, "repaired? off by {worst:e}");
}

#[test]
fn candles_linear_is_wrong_on_a_transposed_batch() {
    let layer = candle_nn::Linear::new(values("weight", &[12, 6]), None);
    let x = values("x", &[3, 6, 18]).transpose(1, 2).unwrap();
    let error = difference(
        &layer.forward(&x).unwrap(),
        &layer.forward(&x.contiguous().unwrap()).unwrap(),
    );
    assert!(error > 0.1, "repaired? off by {error:e}");
}

#[test]
fn pools_have_wrong_gradients() {
    let inputs = [values("x", &[3, 4, 1, 8])];
    let error = gradient_errors(&|v: &[Var]| Ok(v[0].max_pool2d((1, 2))?), &inputs).unwrap()[0];
    assert!(error > 0.1, "repaired? max_pool2d is off by {error:e}");
    let inputs = [values("x", &[3, 4, 1, 9])];
    let error = gradient_errors(&|v: &[Var]| Ok(v[0].avg_pool2d((1, 2))?), &inputs).unwrap()[0];
    assert!(error > 0.1, "repaired? avg_pool2d is off by {error:e}");
}

#[test]
fn no_gradient_flows_through_fused_softmax_and_norms() {
    let x = Var::from_tensor(&values("x", &[3, 5]).to_dtype(DType::F32).unwrap()).unwrap();
    let ones = Tensor::ones(5, DType::F32, &Device::Cpu).unwrap();
    let zeros = ones.zeros_like().unwrap();
    let outputs = [
        candle_nn::ops::softmax_last_dim(&x).unwrap(),
        candle_nn::ops::layer_norm(&x, &ones, &zeros, 1e-5).unwrap(),
        candle_nn::ops::rms_norm(&x, &ones, 1e-5).unwrap(),
        candle_nn::LayerNorm::new(ones.clone(), zeros.clone(), 1e-5)
            .forward(&x)
            .unwrap(),
    ];
    for y in outputs {
        let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        assert!(gradients.get(&x).is_none(), "repaired?");
    }
}

#[test]
fn the_cpu_generator_cannot_be_seeded() {
    assert!(Device::Cpu.set_seed(1).is_err(), "repaired?");
}

/// Not wrong, but not 0 as elsewhere: `ops::relu` brings its own derivative.
#[test]
fn relu_has_derivative_one_at_zero() {
    let x = Var::zeros(3, DType::F64, &Device::Cpu).unwrap();
    let gradients = x.relu().unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(
        gradients.get(&x).unwrap().to_vec1::<f64>().unwrap(),
        [1.0; 3]
    );
}
