//! Whole networks on a device made of the CPU, against the engine of the CPU.
#![cfg(target_os = "linux")]

use super::super::tests::{Noise, deepstarr, tensors};
use super::super::{AdamStep, DropoutSeed, Engine, EngineError};
use super::{Device, DeviceEngine, Products};
use degu_core::graph::{Activation, Graph, Layer, NormStyle, Padding};
use degu_kernels::cuda::{HostDriver, Order};
use std::sync::Arc;

fn device(processors: usize, order: Order) -> Device {
    Device::new(Arc::new(HostDriver::new(processors, order).unwrap()))
}

/// Largest difference relative to the largest reference value.
fn close(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let top = want.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    let error = got
        .iter()
        .zip(want)
        .map(|(g, w)| {
            if g.is_nan() {
                f32::INFINITY
            } else {
                (g - w).abs()
            }
        })
        .fold(0.0, f32::max)
        / top;
    assert!(error <= 2e-5, "{what} differ by {error:.1e}");
}

fn both(graph: &Graph, length: usize, batch: usize, device: &Device) -> (Engine, DeviceEngine) {
    let mut cpu = Engine::new(graph, length, batch, 1).unwrap();
    let mut on_device = DeviceEngine::new(graph, length, batch, device).unwrap();
    for (name, values) in tensors(graph, length, 11) {
        cpu.load(&name, &values).unwrap();
        on_device.load(&name, &values).unwrap();
    }
    (cpu, on_device)
}

/// `eps` is large, so that a gradient of rounding moves no weight.
const STEP: AdamStep = AdamStep {
    lr: 3e-3,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-2,
    weight_decay: 0.01,
};

/// Three steps: outputs, every gradient, weights, moments, running statistics and predictions; then
/// the same bits in another order of threads and blocks.
fn check(graph: &Graph, length: usize, n: usize) {
    let mut bits: Vec<Vec<u32>> = vec![];
    for order in [Order::Forward, Order::Reversed] {
        let (mut cpu, mut engine) = both(graph, length, n + 2, &device(3, order));
        let mut noise = Noise(5);
        let mut seen = vec![];
        for step in 0..3 {
            // The batch after the first has another size.
            let n = n - usize::try_from(step).unwrap() % 2;
            let codes = noise.codes(n * length);
            let seed = DropoutSeed(step);
            let outputs = cpu.forward_train(&codes, n, seed).unwrap().to_vec();
            engine.forward_train(&codes, n, seed).unwrap();
            let got = engine.outputs().unwrap();
            close("outputs", &got, &outputs);
            let d: Vec<f32> = outputs
                .iter()
                .enumerate()
                .map(|(i, o)| 0.1 * o + ((i * 37 % 23) as f32 - 11.0) / 7.0)
                .collect();
            cpu.backward(&d).unwrap();
            engine.backward(&d).unwrap();
            let gradients = engine.gradients().unwrap();
            for spec in engine.parameters().iter().filter(|s| s.trained) {
                let range = spec.range.clone();
                let what = format!("step {step}: gradients of {}", spec.name);
                close(&what, &gradients[range.clone()], &cpu.gradients()[range]);
            }
            seen.extend([got, gradients]);
            cpu.adam(&STEP);
            engine.adam(&STEP, None).unwrap();
        }
        for spec in engine.parameters() {
            let name = &spec.name;
            close(name, &engine.read(name).unwrap(), cpu.read(name).unwrap());
        }
        let (first, second, steps) = engine.moments().unwrap();
        assert_eq!(steps, 3);
        close("first moments", &first, cpu.moments().0);
        close("second moments", &second, cpu.moments().1);
        // More sequences than fit at once.
        let n = 2 * n + 3;
        let codes = noise.codes(n * length);
        let size = n * engine.outputs_per_sequence();
        let (mut got, mut want) = (vec![0.0; size], vec![0.0; size]);
        engine.predict(&codes, n, &mut got).unwrap();
        cpu.predict(&codes, n, &mut want).unwrap();
        close("predictions", &got, &want);
        seen.push(got.clone());
        let masks: Vec<u64> = (0..n as u64).map(|i| i * i + 7).collect();
        engine.sample(&codes, n, &masks, &mut got).unwrap();
        cpu.sample(&codes, n, &masks, &mut want).unwrap();
        close("samples", &got, &want);
        seen.extend([got, engine.values().unwrap()]);
        bits.push(seen.iter().flatten().map(|v| v.to_bits()).collect());
    }
    assert!(bits[0] == bits[1], "other bits in the other order");
}

#[test]
fn a_small_deepstarr() {
    check(&deepstarr(), 53, 7);
}

#[test]
fn a_small_bpnet() {
    let mut g = Graph::new(NormStyle::Torch).conv("stem", 17, 21).relu();
    for i in 1..=4 {
        g = g.residual(|g| {
            g.conv_with(&format!("dilated{i}"), 17, 3, |c| c.dilation = 1 << i)
                .relu()
        });
    }
    let profile = Graph::new(NormStyle::Torch)
        .conv_with("profile", 1, 25, |c| c.padding = Padding::Valid)
        .flatten();
    let count = Graph::new(NormStyle::Torch).global_mean().dense("count", 1);
    check(&g.crop(13, 11).parallel(vec![profile, count]), 83, 4);
}

#[test]
fn strides_branches_and_every_activation() {
    use Activation::{Elu, Exp, Gelu, Sigmoid, Softplus, Tanh};
    let branch = |name: &str, width: usize| {
        Graph::new(NormStyle::Torch)
            .conv_strided(name, 5, width, 2)
            .relu()
            .dropout(&format!("{name}d"), 0.2)
    };
    let inner = Graph::new(NormStyle::Torch)
        .conv("inner", 4, 3)
        .activation(Gelu);
    let graph = Graph::new(NormStyle::Torch)
        .parallel(vec![branch("a", 3), branch("b", 5)])
        .batch_norm("norm")
        .activation(Elu)
        .parallel(vec![Graph::new(NormStyle::Torch), inner])
        .conv_strided("c", 6, 4, 3)
        .activation(Tanh)
        .batch_norm("norm2")
        .avg_pool(2)
        .residual(|g| g.batch_norm("norm3").activation(Softplus))
        .dense("e", 5)
        .activation(Sigmoid)
        .conv("f", 4, 1)
        .activation(Exp)
        .dropout("late", 0.3)
        .layer(Layer::GlobalMax)
        .dense("head", 2);
    check(&graph, 49, 6);
}

#[test]
fn gradients_are_clipped_like_on_the_cpu() {
    let (mut cpu, mut engine) = both(&deepstarr(), 40, 6, &device(4, Order::Forward));
    let codes = Noise(3).codes(6 * 40);
    let d = [
        0.5, -1.0, 0.25, 1.0, -0.75, 2.0, 0.1, 0.3, -0.2, 0.4, -1.1, 0.9,
    ];
    cpu.forward_train(&codes, 6, DropoutSeed(1)).unwrap();
    engine.forward_train(&codes, 6, DropoutSeed(1)).unwrap();
    cpu.backward(&d).unwrap();
    engine.backward(&d).unwrap();
    let norm = crate::clip::global_norm([cpu.gradients()]);
    let scale = (0.1 / norm) as f32;
    cpu.gradients_mut().iter_mut().for_each(|g| *g *= scale);
    cpu.adam(&STEP);
    engine.adam(&STEP, Some(0.1)).unwrap();
    close("weights", &engine.values().unwrap(), cpu.values());
    close("moments", &engine.moments().unwrap().1, cpu.moments().1);
}

#[test]
fn predictions_do_not_depend_on_the_batch() {
    let (_, mut engine) = both(&deepstarr(), 40, 9, &device(30, Order::Forward));
    let codes = Noise(3).codes(25 * 40);
    let mut whole = vec![0.0; 50];
    engine.predict(&codes, 25, &mut whole).unwrap();
    for (i, want) in whole.chunks(2).enumerate() {
        let mut one = vec![0.0; 2];
        engine
            .predict(&codes[i * 40..(i + 1) * 40], 1, &mut one)
            .unwrap();
        assert_eq!(one, want);
    }
}

#[test]
fn layers_without_kernel_are_named() {
    let lstm = Graph::new(NormStyle::Torch)
        .conv("a", 4, 3)
        .bi_lstm("lstm", 3)
        .global_mean();
    let pool = Graph::new(NormStyle::Torch)
        .conv("a", 4, 3)
        .layer(Layer::MaxPool(degu_core::graph::Pool {
            size: 3,
            stride: 2,
        }))
        .global_mean();
    for (graph, name) in [(lstm, "LSTM"), (pool, "overlap")] {
        let error = DeviceEngine::new(&graph, 12, 4, &device(2, Order::Forward)).unwrap_err();
        assert!(matches!(&error, EngineError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_backward_pass_belongs_to_a_training_pass() {
    let graph = Graph::new(NormStyle::Torch).conv("a", 4, 3).global_mean();
    let mut engine = DeviceEngine::new(&graph, 9, 4, &device(2, Order::Forward)).unwrap();
    let none = |r: super::Result<()>| matches!(r, Err(EngineError::NoForward));
    assert!(none(engine.backward(&[])));
    engine.forward_train(&[0; 18], 2, DropoutSeed(0)).unwrap();
    assert!(matches!(
        engine.backward(&[f32::NAN; 8]),
        Err(EngineError::NonFinite { .. })
    ));
    engine.backward(&[0.0; 8]).unwrap();
    assert!(none(engine.backward(&[0.0; 8])));
    engine.forward_train(&[0; 18], 2, DropoutSeed(0)).unwrap();
    engine.predict(&[0; 9], 1, &mut [0.0; 4]).unwrap();
    assert!(none(engine.backward(&[0.0; 8])));
    assert!(matches!(
        engine.forward_train(&[0; 45], 5, DropoutSeed(0)),
        Err(EngineError::Batch { .. })
    ));
}

#[test]
fn training_rounds_to_tf32_and_predictions_do_not() {
    let graph = deepstarr();
    let device = device(4, Order::Forward);
    let (_, mut exact) = both(&graph, 40, 6, &device);
    let mut rounded = both(&graph, 40, 6, &device)
        .1
        .rounding(Products::Tf32)
        .unwrap();
    let codes = Noise(3).codes(6 * 40);
    let outputs = |engine: &mut DeviceEngine| {
        engine.forward_train(&codes, 6, DropoutSeed(1)).unwrap();
        let trained = engine.outputs().unwrap();
        let mut predicted = vec![0.0; 12];
        engine.predict(&codes, 6, &mut predicted).unwrap();
        (trained, predicted)
    };
    let ((a, p), (b, q)) = (outputs(&mut exact), outputs(&mut rounded));
    assert_eq!(p, q);
    let top = a.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = a
        .iter()
        .zip(&b)
        .fold(0f32, |m, (a, b)| m.max((a - b).abs()))
        / top;
    assert!(
        worst > 1e-5 && worst < 2e-2,
        "outputs differ by {worst:.1e}"
    );
    rounded.check(&graph).unwrap();
    assert_eq!(rounded.products, Products::Tf32);
}

#[test]
fn the_check_notices_a_wrong_network() {
    let graph = deepstarr();
    let (_, mut engine) = both(&graph, 40, 9, &device(4, Order::Forward));
    engine.forward_train(&[0; 80], 2, DropoutSeed(0)).unwrap();
    let before = engine.values().unwrap();
    engine.check(&graph).unwrap();
    assert_eq!(engine.values().unwrap(), before);
    // The same tensors, another network.
    let other = Graph {
        layers: graph
            .layers
            .iter()
            .map(|layer| match layer {
                Layer::MaxPool(p) => Layer::AvgPool(*p),
                layer => layer.clone(),
            })
            .collect(),
        ..graph
    };
    let error = engine.check(&other).unwrap_err();
    assert!(matches!(&error, EngineError::Disagrees { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("outputs") && text.contains("autograd"),
        "{text}"
    );
}

#[test]
fn recalibrated_statistics_are_those_of_the_cpu() {
    let graph = Graph::new(NormStyle::Torch)
        .conv("a", 6, 5)
        .batch_norm("n1")
        .silu()
        .dropout("d1", 0.5)
        .conv("b", 5, 3)
        .batch_norm("n2")
        .relu()
        .dropout("d2", 0.5)
        .flatten()
        .dense("head", 2);
    let (mut cpu, mut engine) = both(&graph, 17, 4, &device(2, Order::Forward));
    let codes = Noise(9).codes(7 * 17);
    // Batches of 3, 3 and 1.
    cpu.recalibrate(&codes, 7, 3).unwrap();
    engine.recalibrate(&codes, 7, 3).unwrap();
    for spec in engine.parameters().iter().filter(|s| !s.trained) {
        let (got, want) = (engine.read(&spec.name), cpu.read(&spec.name));
        close(&spec.name, &got.unwrap(), want.unwrap());
    }
    let (mut got, mut want) = (vec![0.0; 14], vec![0.0; 14]);
    engine.predict(&codes, 7, &mut got).unwrap();
    cpu.predict(&codes, 7, &mut want).unwrap();
    close("predictions", &got, &want);
    assert!(matches!(
        engine.recalibrate(&[], 0, 3),
        Err(EngineError::Empty { .. })
    ));
}
