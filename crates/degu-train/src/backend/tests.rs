//! Monte Carlo dropout through both backends, and rounded products.

#[cfg(target_os = "linux")]
mod device;

use candle_core::{Device, Tensor};
use degu_core::{
    Architecture, Ctx, Head, Masked, ModelIo, Network, OutputKind, Params, Prediction, Result,
    Seed, Targets,
    graph::{Graph, Init, NormStyle},
};
use degu_nn::{GraphNetwork, loss, optim::OptimizerConfig, schedule::Rates};

use super::{Backend, BackendKind, Batch, Precision, Recipe, Update, open};

const LENGTH: usize = 24;

struct Small {
    dropout: f64,
}

impl Architecture for Small {
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
        let graph = Graph::new(NormStyle::Torch)
            .conv("conv1", 6, 5)
            .batch_norm("bn1")
            .relu()
            .max_pool(2)
            .flatten()
            .dense("dense1", 48)
            .relu()
            .dropout("drop1", self.dropout);
        GraphNetwork::boxed(graph, io, params)
    }

    fn head_init(&self, _: usize, _: usize) -> Init {
        Init::Uniform { bound: 0.2 }
    }
}

struct Sampled;

impl Head for Sampled {
    fn outputs(&self) -> usize {
        1
    }
    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        loss::mse(raw, &targets.mean)
    }
    fn predict(&self, raw: &Tensor, _: &mut Ctx<'_>) -> Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
    fn stochastic_passes(&self) -> usize {
        12
    }
}

fn network(dropout: f64, kind: BackendKind, threads: usize) -> crate::Result<Box<dyn Backend>> {
    rounded(dropout, kind, threads, Precision::F32)
}

fn rounded(
    dropout: f64,
    kind: BackendKind,
    threads: usize,
    precision: Precision,
) -> crate::Result<Box<dyn Backend>> {
    let head = || -> Result<Box<dyn Head>> { Ok(Box::new(Sampled)) };
    let architecture = Small { dropout };
    let recipe = Recipe {
        architecture: &architecture,
        head: &head,
        length: LENGTH,
        output: OutputKind::Scalar,
        seed: Seed::root(2),
        precision,
    };
    open(&recipe, kind, &Device::Cpu, 8, threads)
}

fn codes(n: usize) -> Vec<u8> {
    (0..n * LENGTH)
        .map(|i| ((i * 5 + i / 7 + i * i % 13) % 4) as u8)
        .collect()
}

#[test]
fn samples_depend_on_the_sequence_and_on_nothing_else() {
    let codes = codes(50);
    let mut fused = network(0.3, BackendKind::Fused, 2).unwrap();
    let whole = fused.predict(&codes, 50).unwrap();
    let spread = whole.epistemic.clone().unwrap();
    assert!(spread.iter().all(|s| *s > 0.0), "{spread:?}");
    // Batches of 7, of which the last is smaller.
    let mut cut = crate::HostForecast::default();
    for piece in codes.chunks(7 * LENGTH) {
        cut.extend(fused.predict(piece, piece.len() / LENGTH).unwrap());
    }
    assert_eq!(cut, whole);
    let mut slow = network(0.3, BackendKind::Autograd, 1).unwrap();
    let other = slow.predict(&codes, 50).unwrap();
    for (a, b) in whole.mean.iter().zip(&other.mean) {
        assert!((a - b).abs() < 1e-5, "means {a} and {b}");
    }
    for (a, b) in spread.iter().zip(other.epistemic.as_ref().unwrap()) {
        assert!((a - b).abs() < 1e-5, "spreads {a} and {b}");
    }
    // Two sequences differ in more than their outputs: each draws its own masks.
    let raw = |masks: &[u64], fused: &mut dyn Backend| {
        fused
            .sample(&Batch::plain(&codes[..2 * LENGTH], 2), masks)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap()
    };
    let (one, two) = (raw(&[1, 1], fused.as_mut()), raw(&[1, 2], fused.as_mut()));
    assert_eq!(one[0], two[0]);
    assert_ne!(one[1], two[1]);
}

#[test]
fn noise_on_the_input_reaches_predictions_in_every_piece() {
    // More rows than one piece, with noise that differs from row to row.
    let rows = 300;
    let codes = codes(rows);
    let noise: Vec<f32> = (0..rows * LENGTH * 4)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) / 200.0)
        .collect();
    let mut slow = network(0.3, BackendKind::Autograd, 1).unwrap();
    let noisy = |from: usize, to: usize| Batch {
        codes: &codes[from * LENGTH..to * LENGTH],
        noise: Some(&noise[from * LENGTH * 4..to * LENGTH * 4]),
        rows: to - from,
    };
    let whole = slow.predict_batch(&noisy(0, rows)).unwrap();
    for row in [0, 1, 255, 256, 299] {
        let one = slow.predict_batch(&noisy(row, row + 1)).unwrap();
        assert!((one.mean[0] - whole.mean[row]).abs() < 1e-5, "row {row}");
    }
    let plain = slow.predict(&codes, rows).unwrap();
    let moved = plain
        .mean
        .iter()
        .zip(&whole.mean)
        .filter(|(a, b)| (*a - *b).abs() > 0.0);
    assert_eq!(moved.count(), rows);
    let zeros = vec![0.0; noise.len()];
    let silent = Batch {
        noise: Some(&zeros),
        ..Batch::plain(&codes, rows)
    };
    let silent = slow.predict_batch(&silent).unwrap();
    for (a, b) in plain.mean.iter().zip(&silent.mean) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
    let mut fused = network(0.3, BackendKind::Fused, 1).unwrap();
    let error = fused.predict_batch(&noisy(0, 2)).unwrap_err().to_string();
    assert!(error.contains("noise on the one-hot input"), "{error}");
}

/// The head's layer too, whose initial values an architecture may choose.
#[test]
fn both_backends_start_with_the_same_bits() {
    let bits = |kind| -> Vec<(String, Vec<u32>)> {
        let weights = network(0.3, kind, 1).unwrap().weights().unwrap();
        let values = |(_, values): (_, Vec<f32>)| values.iter().map(|v| v.to_bits()).collect();
        weights.into_iter().map(|(n, w)| (n, values(w))).collect()
    };
    let fused = bits(BackendKind::Fused);
    assert_eq!(fused, bits(BackendKind::Autograd));
    assert!(fused.iter().any(|(name, _)| name == "head.weight"));
}

#[test]
fn a_network_without_dropout_is_refused() {
    let error = network(0.0, BackendKind::Auto, 1)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("dropout in the network"), "{error}");
    assert!(error.contains("architecture.dropout"), "{error}");
}

#[test]
fn steps_round_to_bf16_and_predictions_do_not() {
    let codes = codes(8);
    let activity = [0.5f32, -1.0, 0.25, 2.0, 0.0, -0.5, 1.0, 0.75];
    let value = Tensor::from_slice(&activity, (8, 1), &Device::Cpu).unwrap();
    let mask = value.ones_like().unwrap();
    let targets = Targets {
        mean: Masked { value, mask },
        epistemic: None,
        aleatoric: None,
    };
    let rates = Rates {
        lr: 1e-2,
        momentum: None,
    };
    let update = Update {
        optimizer: OptimizerConfig::default(),
        rates,
        clip: None,
    };
    let losses = |precision| {
        let mut network = rounded(0.3, BackendKind::Autograd, 1, precision).unwrap();
        let start = network.predict(&codes, 8).unwrap();
        let losses: Vec<f64> = (0..30)
            .map(|step| {
                let batch = Batch {
                    codes: &codes,
                    noise: None,
                    rows: 8,
                };
                let loss = network
                    .step(&batch, &targets, &Seed::root(4), step, &update)
                    .unwrap();
                loss.wait().unwrap()
            })
            .collect();
        (start, losses)
    };
    let (start, exact) = losses(Precision::F32);
    let (same, rounded_losses) = losses(Precision::Bf16);
    assert_eq!(start, same);
    let first = (rounded_losses[0] - exact[0]).abs() / exact[0];
    assert!(first > 1e-6 && first < 1e-2, "relative error {first}");
    assert!(
        rounded_losses[29] < 0.7 * rounded_losses[0],
        "{rounded_losses:?}"
    );
    assert!((rounded_losses[29] - exact[29]).abs() < 0.1 * exact[0]);

    let error = rounded(0.3, BackendKind::Fused, 1, Precision::Bf16).err();
    let error = error.unwrap().to_string();
    assert!(error.contains("precision = \"bf16\""), "{error}");
    assert!(Precision::Bf16.prepare(&Device::Cpu).is_err());
}

#[test]
fn both_backends_recalibrate_alike_and_training_goes_on() {
    let codes = codes(8);
    let mut backends: Vec<_> = [BackendKind::Fused, BackendKind::Autograd]
        .into_iter()
        .map(|kind| network(0.3, kind, 1).unwrap())
        .collect();
    let predicted: Vec<_> = backends
        .iter_mut()
        .map(|backend| {
            let before = backend.weights().unwrap();
            backend.recalibrate(&codes, 8, 3).unwrap();
            let after = backend.weights().unwrap();
            assert_ne!(before["bn1.running_var"], after["bn1.running_var"]);
            assert_eq!(before["conv1.weight"], after["conv1.weight"]);
            let raw = backend.raw(&Batch::plain(&codes, 8)).unwrap();
            raw.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        })
        .collect();
    for (a, b) in predicted[0].iter().zip(&predicted[1]) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
}
