//! Methods by name, models of three kinds, numbers.

use candle_core::{DType, Device, Tensor};
use degu_core::{Attributor, Component, Predictor, Seed, Target};
use degu_train::{Backend as _, backend::Autograd, backend::Weights};
use serde_json::Value;

use super::golden_model::{Golden, Plain};

pub(crate) fn method(name: &str, params: &Value) -> Box<dyn Attributor> {
    degu_core::find::<dyn Attributor>(name)
        .unwrap()
        .resolve_json(params)
        .unwrap()
        .build()
        .unwrap()
}

pub(crate) fn target(task: usize) -> Target {
    Target {
        task,
        part: Component::Mean,
    }
}

pub(crate) fn seeds(n: usize) -> Vec<Seed> {
    let root = Seed::root(3).child("references");
    (0..n).map(|i| root.child(i.to_string())).collect()
}

/// A golden network in double precision, in single precision, and as the fused engine explains it.
pub(crate) fn models(golden: &Golden) -> Vec<(&'static str, Box<dyn Predictor>)> {
    vec![
        ("f64", Box::new(golden.model(DType::F64))),
        ("f32", Box::new(golden.model(DType::F32))),
        ("fused", Box::new(fused(golden))),
    ]
}

pub(crate) fn fused(golden: &Golden) -> Autograd {
    let head = Box::new(Plain(golden.outputs()));
    let seed = Seed::root(0);
    let mut model =
        Autograd::new(&golden.trunk(), head, &golden.io(), &seed, &Device::Cpu).unwrap();
    let weights: Weights = model
        .weights()
        .unwrap()
        .into_iter()
        .map(|(name, (shape, _))| {
            let values = numbers(&golden.tensor(&name));
            let values = values.into_iter().map(|v| v as f32).collect();
            (name, (shape, values))
        })
        .collect();
    model.set_weights(&weights).unwrap();
    model
}

pub(crate) fn numbers(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// Largest difference relative to the largest expected value.
pub(crate) fn apart(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(1e-300, |m: f64, v| m.max(v.abs()));
    let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    far.fold(
        0.0,
        |m: f64, v| if v.is_nan() { f64::NAN } else { m.max(v) },
    ) / size
}

pub(crate) fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum =
        |f: fn(f64, f64) -> f64| -> f64 { a.iter().zip(b).map(|(a, b)| f(a - ma, b - mb)).sum() };
    sum(|a, b| a * b) / (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt()
}

/// Irregular codes, `[n, length]`, without N.
pub(crate) fn codes(n: usize, length: usize) -> Tensor {
    let codes: Vec<u8> = (0..n * length)
        .map(|i| ((i.wrapping_mul(2_654_435_761) >> 9) % 4) as u8)
        .collect();
    Tensor::from_vec(codes, (n, length), &Device::Cpu).unwrap()
}

pub(crate) fn row(t: &Tensor, i: usize) -> Tensor {
    t.narrow(0, i, 1).unwrap().contiguous().unwrap()
}
