//! Every method on three networks whose maps are known, in f64, in f32 and through the fused
//! engine.

use candle_core::{DType, Tensor};
use degu_core::{Form, Predictor, Sequences, Wanted};
use degu_genome::decode;
use serde_json::{Value, json};

use super::{
    golden_model::Golden,
    support::{apart, method, models, numbers, pearson, row, seeds, target},
};

const NETWORKS: [&str; 3] = ["deepstarr_small", "residual_silu", "channel_softmax"];

/// Documented tolerance of multipliers and maps: f64, f32 (the channel softmax is ill-conditioned
/// in single precision).
fn tolerance(network: &str, kind: &str) -> Option<f64> {
    Some(match (network, kind) {
        ("channel_softmax", "f64") => 1e-7,
        ("channel_softmax", _) => return None,
        (_, "f64") => 1e-9,
        ("deepstarr_small", _) => 5e-5,
        _ => 3e-3,
    })
}

/// Of gradients and mutagenesis.
fn loose(network: &str, kind: &str) -> Option<f64> {
    Some(match kind {
        "f64" => 1e-9,
        _ if network == "channel_softmax" => return None,
        _ => 1e-3,
    })
}

fn close(what: &str, kind: &str, found: &Tensor, expected: &Tensor, limit: f64) {
    let (found, expected) = (numbers(found), numbers(expected));
    let off = apart(&found, &expected);
    println!("{what}, {kind}: {off:.1e}");
    assert!(off <= limit, "{what}, {kind}: off by {off:e}");
    if kind != "f64" {
        let r = pearson(&found, &expected);
        assert!(r >= 0.99999, "{what}, {kind}: r = {r}");
    }
}

fn each(check: impl Fn(&str, &Golden, &str, &dyn Predictor, usize)) {
    for network in NETWORKS {
        let golden = Golden::load(network);
        for (kind, model) in models(&golden) {
            for t in golden.file["targets"].as_array().unwrap() {
                check(
                    network,
                    &golden,
                    kind,
                    model.as_ref(),
                    t.as_u64().unwrap() as usize,
                );
            }
        }
    }
}

/// A FASTA file of the references of sequence `i`.
fn references(golden: &Golden, i: usize, folder: &tempfile::TempDir) -> Value {
    let all = golden.array("references").to_vec3::<u8>().unwrap();
    let records: String = all[i]
        .iter()
        .enumerate()
        .map(|(k, codes)| format!(">r{k}\n{}\n", decode(codes)))
        .collect();
    let path = folder.path().join("references.fa");
    fs_err::write(&path, records).unwrap();
    json!({ "path": path })
}

#[test]
fn deepshap() {
    let folder = tempfile::tempdir().unwrap();
    each(|network, golden, kind, model, t| {
        let Some(limit) = tolerance(network, kind) else {
            return;
        };
        let codes = golden.array("sequences");
        let wanted = [Form::Hypothetical, Form::Observed, Form::ShapValues].map(|form| Wanted {
            target: target(t),
            form,
        });
        let n = codes.dims()[0];
        let mut maps: Vec<Vec<Tensor>> = vec![Vec::new(); 3];
        let (mut delta, mut change) = (0.0, 0.0);
        for i in 0..n {
            let file = references(golden, i, &folder);
            let method = method("deepshap", &json!({ "baseline": "file", "file": file }));
            let found = method
                .attribute_forms(model, &row(&codes, i), &wanted, &seeds(1))
                .unwrap();
            for (maps, map) in maps.iter_mut().zip(&found) {
                maps.push(map.values.clone());
            }
            delta += found[0].delta.as_ref().unwrap()[0];
            change += found[0].change.as_ref().unwrap()[0];
        }
        let cat = |maps: &[Tensor]| Tensor::cat(maps, 0).unwrap();
        for (form, maps) in ["hypothetical", "observed"].iter().zip(&maps) {
            let expected = golden.array(&format!("t{t}.{form}"));
            close(
                &format!("{network} t{t} {form}"),
                kind,
                &cat(maps),
                &expected,
                limit,
            );
        }
        let complete = match (network, kind) {
            ("channel_softmax", _) => 1e-8,
            (_, "f64") => 1e-10,
            _ => 1e-3,
        };
        println!(
            "{network} t{t}, {kind}: completeness {:.1e}",
            delta / change
        );
        assert!(delta <= complete * change, "{network} t{t}, {kind}");
        // The values of the third form add up to the mean change, whatever the references.
        let dy = numbers(&golden.array(&format!("t{t}.dy")).mean(1).unwrap());
        let sums = numbers(&cat(&maps[2]).sum((1, 2)).unwrap());
        assert!(apart(&sums, &dy) < if kind == "f64" { 1e-8 } else { 2e-3 });
    });
}

#[test]
fn multipliers_of_pairs() {
    each(|network, golden, kind, model, t| {
        let Some(limit) = tolerance(network, kind) else {
            return;
        };
        let found = model
            .rescale(
                &golden.array("sequences"),
                &golden.array("references"),
                &[target(t)],
            )
            .unwrap();
        let expected = golden.array(&format!("t{t}.multipliers"));
        close(
            &format!("{network} t{t} multipliers"),
            kind,
            &found[0].values,
            &expected,
            limit,
        );
    });
}

#[test]
fn predictions() {
    each(|network, golden, kind, model, t| {
        let found = model
            .values(&golden.array("sequences"), &[target(t)])
            .unwrap();
        let expected = numbers(&golden.array("predictions").narrow(1, t, 1).unwrap());
        let limit = if kind == "f64" { 1e-10 } else { 1e-4 };
        assert!(
            apart(&found[0], &expected) < limit,
            "{network} t{t}, {kind}"
        );
    });
}

#[test]
fn gradients() {
    each(|network, golden, kind, model, t| {
        let Some(limit) = loose(network, kind) else {
            return;
        };
        let codes = golden.array("sequences");
        let n = codes.dims()[0];
        for (name, params, array) in [
            ("saliency", json!({}), "saliency_hypothetical"),
            (
                "saliency",
                json!({ "gradient_correction": false }),
                "gradient",
            ),
            ("input-x-gradient", json!({}), "gradient"),
        ] {
            let wanted = Wanted {
                target: target(t),
                form: Form::Hypothetical,
            };
            let map = method(name, &params)
                .attribute_forms(model, &codes, &[wanted], &seeds(n))
                .unwrap();
            let expected = golden.array(&format!("t{t}.{array}"));
            close(
                &format!("{network} t{t} {name}"),
                kind,
                &map[0].values,
                &expected,
                limit,
            );
        }
        let Some(noise) = golden.arrays.get(&format!("t{t}.smoothgrad_noise")) else {
            return;
        };
        let x = Sequences::codes(codes)
            .unwrap()
            .one_hot(model.dtype())
            .unwrap();
        let mut sum = Tensor::zeros(x.shape(), DType::F64, x.device()).unwrap();
        for s in 0..4 {
            let noise = noise.get(s).unwrap().to_dtype(x.dtype()).unwrap();
            let noisy = Sequences::OneHot((&x + noise).unwrap());
            let g = model.gradients(&noisy, &[target(t)]).unwrap();
            sum = (sum + g[0].to_dtype(DType::F64).unwrap()).unwrap();
        }
        let expected = golden.array(&format!("t{t}.smoothgrad_gradient"));
        close(
            &format!("{network} t{t} noise"),
            kind,
            &(sum / 4.0).unwrap(),
            &expected,
            limit,
        );
    });
}

#[test]
fn integrated_gradients() {
    let folder = tempfile::tempdir().unwrap();
    each(|network, golden, kind, model, t| {
        let (Some(limit), true) = (
            loose(network, kind),
            golden.arrays.contains_key(&format!("t{t}.ig_hypothetical")),
        ) else {
            return;
        };
        let codes = golden.array("sequences");
        let mut maps = Vec::new();
        for i in 0..codes.dims()[0] {
            let file = references(golden, i, &folder);
            let method = method(
                "integrated-gradients",
                &json!({ "baseline": "file", "file": file, "steps": 16 }),
            );
            let map = method.attribute_one(model, &row(&codes, i), target(t), &seeds(1));
            maps.push(map.unwrap().values);
        }
        let expected = golden.array(&format!("t{t}.ig_hypothetical"));
        let found = Tensor::cat(&maps, 0).unwrap();
        close(
            &format!("{network} t{t} path"),
            kind,
            &found,
            &expected,
            limit,
        );
    });
}

#[test]
fn mutagenesis() {
    each(|network, golden, kind, model, t| {
        let Some(limit) = loose(network, kind) else {
            return;
        };
        let codes = golden.array("sequences");
        let expected = golden.array(&format!("t{t}.ism_hypothetical"));
        let mut maps = Vec::new();
        for fast in [true, false] {
            let map = method("ism", &json!({ "fast": fast }))
                .attribute_one(model, &codes, target(t), &seeds(codes.dims()[0]))
                .unwrap();
            close(
                &format!("{network} t{t} ism {fast}"),
                kind,
                &map.values,
                &expected,
                limit,
            );
            maps.push(numbers(&map.values));
        }
        // The fast way computes less, and the same.
        assert!(maps[0] == maps[1], "{network} t{t}, {kind}");
    });
}
