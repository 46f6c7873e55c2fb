//! What holds for every network: independence of batches, order and threads; completeness; one call
//! for many maps.

use candle_core::{DType, Device, Tensor};
use degu_core::{
    Architecture, Attribution, Component, Form, LabelInfo, ModelIo, OutputKind, Predictor, Seed,
    Sequences, Spread, Target, UncertaintyHead, Wanted,
    graph::{Graph, Layer, NormStyle},
};
use degu_nn::{Model, ParamStore, gradcheck::irregular};
use degu_train::{Backend as _, backend::Autograd};
use serde_json::{Value, json};

use super::{
    golden_model::{Golden, Plain, Trunk},
    support::{apart, codes, fused, method, numbers, row, seeds, target},
};

/// Every method, with parameters that keep it quick.
fn methods() -> Vec<(&'static str, Value)> {
    vec![
        ("saliency", json!({})),
        ("input-x-gradient", json!({})),
        ("smoothgrad", json!({ "samples": 3 })),
        (
            "integrated-gradients",
            json!({ "references": 2, "steps": 4 }),
        ),
        ("expected-gradients", json!({ "references": 3 })),
        ("deepshap", json!({ "references": 37 })),
        ("ism", json!({})),
        ("window-shuffle", json!({ "shuffles": 2 })),
    ]
}

/// Batches, order and threads change no bit, with candle's kernels as with ours.
#[test]
fn maps_are_a_function_of_the_sequence_and_its_seed() {
    let golden = Golden::load("deepstarr_small");
    let n = 4;
    let codes = codes(n, golden.length());
    let seeds = seeds(n);
    let reversed: Vec<u32> = (0..n as u32).rev().collect();
    let reversed = Tensor::from_vec(reversed, n, &Device::Cpu).unwrap();
    let back = codes.index_select(&reversed, 0).unwrap();
    let back_seeds: Vec<Seed> = seeds.iter().rev().copied().collect();
    for (name, params) in methods() {
        let method = method(name, &params);
        let run = |codes: &Tensor, seeds: &[Seed], threads: usize| -> Vec<Vec<f64>> {
            let model = fused(&golden);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let map: Attribution = pool
                .unwrap()
                .install(|| method.attribute_one(&model, codes, target(1), seeds))
                .unwrap();
            let size = golden.length() * 4;
            numbers(&map.values)
                .chunks(size)
                .map(<[f64]>::to_vec)
                .collect()
        };
        let whole = run(&codes, &seeds, 1);
        assert!(whole == run(&codes, &seeds, 3), "{name}: threads");
        let mut turned = run(&back, &back_seeds, 1);
        turned.reverse();
        assert!(whole == turned, "{name}: order");
        for i in 0..n {
            let alone = run(&row(&codes, i), &seeds[i..=i], 2);
            assert!(alone[0] == whole[i], "{name}: sequence {i} alone");
        }
        assert!(whole[0] != whole[1], "{name}");
    }
}

/// A student with three parts in units of the target, one of them the logarithm of a variance.
fn student(spread: Spread) -> Model {
    let golden = Golden::load("residual_silu");
    let head = degu_core::find::<dyn UncertaintyHead>("distilled").unwrap();
    let head = head
        .resolve_json(&json!({ "positivity": "softplus" }))
        .unwrap();
    let info = LabelInfo {
        tasks: vec!["a".into(), "b".into()],
        mean: vec![0.0; 2],
        std: vec![1.0, 2.0],
        epistemic: true,
        aleatoric: true,
        spread,
    };
    let head = head.build().unwrap().bind(&info).unwrap();
    let io = ModelIo {
        outputs: head.outputs(),
        ..golden.io()
    };
    let store = ParamStore::new(Seed::root(4), DType::F64, &Device::Cpu);
    Model::new(&golden.trunk(), head, &io, &store.params()).unwrap()
}

#[test]
fn many_maps_in_one_call_are_the_maps_one_by_one() {
    let model = student(Spread::LogVar);
    let codes = codes(2, model.length().unwrap());
    let seeds = seeds(2);
    let targets = [
        (0, Component::Mean),
        (1, Component::Epistemic),
        (1, Component::Aleatoric),
    ]
    .map(|(task, part)| Target { task, part });
    for (name, params) in methods() {
        let method = method(name, &params);
        let one = method
            .attribute_one(&model, &codes, targets[1], &seeds)
            .unwrap();
        let wanted: Vec<Wanted> = targets
            .iter()
            .map(|target| Wanted {
                target: *target,
                form: one.form,
            })
            .collect();
        let many = method
            .attribute_forms(&model, &codes, &wanted, &seeds)
            .unwrap();
        assert_eq!(many.len(), 3, "{name}");
        assert!(
            apart(&numbers(&many[1].values), &numbers(&one.values)) < 1e-12,
            "{name}"
        );
        assert!(
            apart(&numbers(&many[0].values), &numbers(&one.values)) > 1e-3,
            "{name}"
        );
        let shap = Wanted {
            target: targets[0],
            form: Form::ShapValues,
        };
        let found = method.attribute_forms(&model, &codes, &[shap], &seeds);
        let gives = ["deepshap", "integrated-gradients", "expected-gradients"].contains(&name);
        assert_eq!(found.is_ok(), gives, "{name}");
    }
}

/// Spreads are explained in units of the target, through softplus and through half of a logarithm.
#[test]
fn every_part_of_a_student_is_complete() {
    for spread in [Spread::Std, Spread::LogVar] {
        let model = student(spread);
        let codes = codes(3, model.length().unwrap());
        for part in [Component::Mean, Component::Epistemic, Component::Aleatoric] {
            let target = Target { task: 1, part };
            let map = method("deepshap", &json!({ "references": 5 }))
                .attribute_one(&model, &codes, target, &seeds(3))
                .unwrap();
            let sum = |v: &Option<Vec<f64>>| v.as_ref().unwrap().iter().sum::<f64>();
            assert!(sum(&map.change) > 1e-3, "{part:?}: nothing to explain");
            assert!(sum(&map.delta) < 1e-10 * sum(&map.change), "{part:?}");
        }
    }
}

/// A network of every registered architecture with irregular statistics, its last layer scaled to
/// changes of about 1.
fn built(architecture: &dyn Architecture, length: usize, seed: u64) -> Option<Autograd> {
    let io = ModelIo {
        length,
        outputs: 1,
        output: OutputKind::Scalar,
    };
    let seed = Seed::root(seed);
    let mut model =
        Autograd::new(architecture, Box::new(Plain(1)), &io, &seed, &Device::Cpu).ok()?;
    let mut weights = model.weights().unwrap();
    for (name, (shape, values)) in &mut weights {
        let noise = numbers(&irregular(name, shape).unwrap());
        let part = name.rsplit('.').next().unwrap();
        for (value, noise) in values.iter_mut().zip(noise) {
            match part {
                "running_var" => *value = 1.0 + 0.5 * noise as f32,
                "running_mean" => *value = 0.2 * noise as f32,
                _ => {}
            }
        }
    }
    model.set_weights(&weights).unwrap();
    let y = model.values(&codes(4, length), &[target(0)]).unwrap();
    let mean = y[0].iter().sum::<f64>() / 4.0;
    let size = y[0].iter().map(|v| (v - mean).abs()).sum::<f64>() / 4.0;
    for (name, (_, values)) in &mut weights {
        if name.starts_with("head.") {
            for v in values {
                *v /= size as f32;
            }
        }
    }
    model.set_weights(&weights).unwrap();
    Some(model)
}

/// In single precision, as a command runs it; architectures with a channel softmax are
/// ill-conditioned there.
#[test]
fn every_architecture_is_complete() {
    for entry in degu_core::Slot::Architecture.entries().unwrap() {
        let plugin = degu_core::find::<dyn Architecture>(entry.name).unwrap();
        let architecture = plugin.resolve_json(&json!({})).unwrap().build().unwrap();
        if entry.name == "mprann" {
            println!(
                "{}: single precision does not hold its gradients",
                entry.name
            );
            continue;
        }
        let Some(model) = built(architecture.as_ref(), 249, 2) else {
            println!("{}: no scalar output", entry.name);
            continue;
        };
        let codes = codes(1, 249);
        let map = method("deepshap", &json!({ "references": 2 }))
            .attribute_one(&model, &codes, target(0), &seeds(1))
            .unwrap();
        let (delta, change) = (map.delta.unwrap()[0], map.change.unwrap()[0]);
        println!("{}: {:.1e} of {change:.2}", entry.name, delta / change);
        assert!(
            delta < 1e-3 * change,
            "{}: {delta:e} of {change:e}",
            entry.name
        );
    }
}

/// Sequences of one base, of N, and equal to their reference: finite, and the plain gradient where
/// nothing differs.
#[test]
fn degenerate_sequences() {
    for network in ["deepstarr_small", "residual_silu", "channel_softmax"] {
        let golden = Golden::load(network);
        let model = golden.model(DType::F64);
        let length = golden.length();
        let rows: Vec<u8> = [0u8, 4].iter().flat_map(|b| vec![*b; length]).collect();
        let rows = Tensor::from_vec(rows, (2, length), &Device::Cpu).unwrap();
        let all = Tensor::cat(
            &[rows, golden.array("sequences").narrow(0, 0, 1).unwrap()],
            0,
        )
        .unwrap();
        let own = all.unsqueeze(1).unwrap();
        let pairs = model.rescale(&all, &own, &[target(0)]).unwrap();
        assert!(pairs[0].own == pairs[0].references);
        let x = Sequences::codes(all.clone()).unwrap();
        let gradient = model.gradients(&x, &[target(0)]).unwrap();
        let off = apart(&numbers(&pairs[0].values), &numbers(&gradient[0]));
        assert!(off < 1e-12, "{network}: {off:e}");
        for baseline in ["dinucleotide", "mononucleotide", "zeros"] {
            let map = method(
                "deepshap",
                &json!({ "baseline": baseline, "references": 3 }),
            )
            .attribute_one(&model, &all, target(0), &seeds(3))
            .unwrap();
            assert!(
                numbers(&map.values).iter().all(|v| v.is_finite()),
                "{network}"
            );
        }
    }
}

/// Saliency sums to zero over the bases.
#[test]
fn corrected_gradients_sum_to_zero() {
    let golden = Golden::load("deepstarr_small");
    let codes = golden.array("sequences");
    let n = codes.dims()[0];
    let map = method("saliency", &json!({}))
        .attribute_one(&golden.model(DType::F64), &codes, target(0), &seeds(n))
        .unwrap();
    let size = numbers(&map.values)
        .iter()
        .fold(0.0, |m: f64, v| m.max(v.abs()));
    let sums = numbers(&map.values.sum(2).unwrap());
    assert!(sums.iter().all(|s| s.abs() < 1e-12 * size.max(1.0)));
}

/// The average precision of ranking positions by `scores`, `planted` being the true ones.
fn average_precision(scores: &[f64], planted: std::ops::Range<usize>) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(b.cmp(a)));
    let (mut found, mut sum) = (0.0, 0.0);
    for (rank, at) in order.iter().enumerate() {
        if planted.contains(at) {
            found += 1.0;
            sum += found / (rank + 1) as f64;
        }
    }
    sum / planted.len() as f64
}

/// A network that knows one motif: every method finds where it was planted.
#[test]
fn a_planted_motif_is_found() {
    const MOTIF: [u8; 8] = [3, 2, 0, 1, 3, 1, 0, 2];
    let length = 80;
    let graph = Graph::new(NormStyle::Torch)
        .conv("motif", 1, MOTIF.len())
        .relu()
        .layer(Layer::GlobalMax);
    let io = ModelIo {
        length,
        outputs: 1,
        output: OutputKind::Scalar,
    };
    let head = Box::new(Plain(1));
    let seed = Seed::root(1);
    let mut model = Autograd::new(&Trunk(graph), head, &io, &seed, &Device::Cpu).unwrap();
    let mut weights = model.weights().unwrap();
    for (name, (_, values)) in &mut weights {
        match name.as_str() {
            // +1 for the base of the motif, -1 for others: 8 with the whole motif, 6 with one
            // mismatch.
            "motif.weight" => {
                for (i, v) in values.iter_mut().enumerate() {
                    *v = if i % 4 == usize::from(MOTIF[i / 4]) {
                        1.0
                    } else {
                        -1.0
                    };
                }
            }
            "motif.bias" => values.fill(-5.0),
            "head.weight" => values.fill(1.0),
            _ => values.fill(0.0),
        }
    }
    model.set_weights(&weights).unwrap();
    let n = 5;
    let mut rows = codes(n, length)
        .flatten_all()
        .unwrap()
        .to_vec1::<u8>()
        .unwrap();
    let start = |i: usize| 7 + 13 * i;
    for (i, row) in rows.chunks_mut(length).enumerate() {
        row[start(i)..start(i) + MOTIF.len()].copy_from_slice(&MOTIF);
    }
    let x = Tensor::from_vec(rows, (n, length), &Device::Cpu).unwrap();
    for (name, _) in methods() {
        // With few references a base that they share with the motif would count for nothing: as
        // many as by default.
        let method = method(name, &json!({}));
        let wanted = Wanted {
            target: target(0),
            form: Form::Observed,
        };
        let map = method
            .attribute_forms(&model, &x, &[wanted], &seeds(n))
            .unwrap();
        let scores = numbers(&map[0].values.sum(2).unwrap());
        let precision: f64 = scores
            .chunks(length)
            .enumerate()
            .map(|(i, scores)| average_precision(scores, start(i)..start(i) + MOTIF.len()))
            .sum::<f64>()
            / n as f64;
        println!("{name}: {precision:.3}");
        let least = match name {
            // Windows are wider than the motif, so their shares reach beyond it.
            "window-shuffle" => 0.6,
            // Along a path from a reference the largest position of the network moves, and those it
            // passes through get a share.
            "integrated-gradients" | "expected-gradients" => 0.8,
            _ => 0.95,
        };
        assert!(precision > least, "{name}: {precision}");
    }
}
