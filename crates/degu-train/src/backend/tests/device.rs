//! The backend of GPUs on a device made of the CPU, beside the fused engine of the CPU.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use degu_core::{Head, Masked, ModelIo, OutputKind, Seed, Targets};
use degu_kernels::cuda::{HostDriver, Order};
use degu_nn::{
    engine::device::{self, DeviceEngine},
    optim::OptimizerConfig,
    schedule::Rates,
};

use super::super::{Autograd, Backend, Batch, Update, cpu::CpuNetwork, fused::Fused};
use super::{LENGTH, Sampled, Small, codes};

const N: usize = 8;

/// The same network in the engine of the CPU and in that of devices.
fn networks(graph_seed: u64) -> (Fused<CpuNetwork>, Fused<DeviceEngine>) {
    let io = ModelIo {
        length: LENGTH,
        outputs: 1,
        output: OutputKind::Scalar,
    };
    let head = || -> Box<dyn Head> { Box::new(Sampled) };
    let architecture = Small { dropout: 0.3 };
    let seed = Seed::root(graph_seed);
    let start = Autograd::new(&architecture, head(), &io, &seed, &Device::Cpu).unwrap();
    let (graph, weights) = (start.graph().unwrap(), start.weights().unwrap());
    let gpu = device::Device::new(Arc::new(HostDriver::new(4, Order::Forward).unwrap()));
    let cpu = CpuNetwork::new(&graph, LENGTH, N, 1).unwrap();
    let gpu = DeviceEngine::new(&graph, LENGTH, N, &gpu).unwrap();
    let mut gpu = Fused::new(gpu, &io, head(), &weights, &Device::Cpu).unwrap();
    gpu.network().check(&graph).unwrap();
    let cpu = Fused::new(cpu, &io, head(), &weights, &Device::Cpu).unwrap();
    (cpu, gpu)
}

fn targets() -> Targets {
    let activity = [0.5f32, -1.0, 0.25, 2.0, 0.0, -0.5, 1.0, 0.75];
    let value = Tensor::from_slice(&activity, (N, 1), &Device::Cpu).unwrap();
    let mask = value.ones_like().unwrap();
    Targets {
        mean: Masked { value, mask },
        epistemic: None,
        aleatoric: None,
    }
}

/// Losses of steps `from .. to`.
fn train(network: &mut dyn Backend, steps: std::ops::Range<u64>, clip: Option<f64>) -> Vec<f64> {
    let (codes, targets) = (codes(N), targets());
    let rates = Rates {
        lr: 1e-2,
        momentum: None,
    };
    let update = Update {
        optimizer: OptimizerConfig::default(),
        rates,
        clip,
    };
    let batch = Batch {
        codes: &codes,
        noise: None,
        rows: N,
    };
    steps
        .map(|step| {
            let loss = network.step(&batch, &targets, &Seed::root(4), step, &update);
            loss.unwrap().wait().unwrap()
        })
        .collect()
}

#[test]
fn losses_are_those_of_the_cpu() {
    for clip in [None, Some(0.5)] {
        let (mut cpu, mut device) = networks(2);
        let (a, b) = (
            train(&mut cpu, 0..12, clip),
            train(&mut device, 0..12, clip),
        );
        for (step, (a, b)) in a.iter().zip(&b).enumerate() {
            assert!(
                (a - b).abs() < 1e-4 * a.max(1e-2),
                "step {step}: {a} and {b}"
            );
        }
        // Masks differ from step to step, and so do the losses.
        assert!(b.iter().any(|loss| *loss < 0.3 * b[0]), "{b:?}");
        let codes = codes(N);
        let evaluated =
            |network: &mut dyn Backend| network.evaluate(&codes, N, &targets()).unwrap();
        let ((a, _), (b, forecast)) = (evaluated(&mut cpu), evaluated(&mut device));
        assert!((a - b).abs() < 1e-3 * a, "{a} and {b}");
        assert_eq!(forecast.mean.len(), N);
        // Monte Carlo dropout: the same masks.
        let (a, b) = (
            cpu.predict(&codes, N).unwrap(),
            device.predict(&codes, N).unwrap(),
        );
        for (a, b) in a.mean.iter().zip(&b.mean) {
            assert!((a - b).abs() < 1e-3, "{a} and {b}");
        }
    }
}

#[test]
fn a_restored_network_goes_on_with_the_same_bits() {
    let (_, mut whole) = networks(2);
    train(&mut whole, 0..3, None);
    let state = whole.state().unwrap();
    assert_eq!(state.updates, 3);
    let rest = train(&mut whole, 3..6, None);
    let (_, mut resumed) = networks(5);
    resumed.restore(&state).unwrap();
    assert_eq!(train(&mut resumed, 3..6, None), rest);
    assert_eq!(resumed.state().unwrap(), whole.state().unwrap());
    // From the start again.
    let (_, fresh) = networks(2);
    let first = train(&mut networks(2).1, 0..2, None);
    resumed.restore(&fresh.state().unwrap()).unwrap();
    assert_eq!(train(&mut resumed, 0..2, None), first);
}

#[test]
fn weights_that_are_missing_are_named() {
    let (_, mut network) = networks(2);
    let mut weights = network.weights().unwrap();
    weights.remove("bn1.weight");
    let error = network.set_weights(&weights).unwrap_err().to_string();
    assert!(error.contains("bn1.weight"), "{error}");
    let described = network.describe();
    assert!(described.starts_with("fused ("), "{described}");
}
