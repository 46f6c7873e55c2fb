//! Explains sequences with a network, writes weights, sequences, references and maps for other
//! programs, and times itself.
//!
//!     cargo run --release -p degu-plugins --example attribution -- deepstarr OUT [SEQUENCES [REFERENCES [THREADS]]]
//!     cargo run --release -p degu-plugins --example attribution -- runs/x/models/student-0 OUT 20 20 2
//!
//! The first argument is a model folder, or an architecture whose network gets random weights.
//! `benches/attribution/compare.py` reads `OUT` and compares with tangermeme.

#![expect(clippy::print_stdout, reason = "a program that prints its results")]

use std::{path::Path, time::Instant};

use candle_core::{Device, Tensor};
use degu_attr_reference::{Baseline, Reference, References};
use degu_core::{
    Architecture, Attributor, Component, Ctx, Form, Head, ModelIo, OutputKind, Prediction,
    Predictor, Seed, Target, Targets, Wanted,
};
use degu_genome::{Draws, NpyArray, NpyValues, write_npy};
use degu_nn::loss;
use degu_plugins as _;
use degu_train::{
    Backend as _,
    backend::{Autograd, Weights},
    model_file::{SavedModel, weights_to_bytes},
};
use serde_json::json;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, out, numbers @ ..] = arguments.as_slice() else {
        println!("arguments: MODEL_FOLDER|ARCHITECTURE OUT [SEQUENCES [REFERENCES [THREADS]]]");
        return Ok(());
    };
    let number = |i: usize, default: usize| -> Result<usize, Failure> {
        Ok(numbers.get(i).map_or(Ok(default), |n| n.parse())?)
    };
    let (n, k, threads) = (number(0, 16)?, number(1, 20)?, number(2, 2)?);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    pool.install(|| run(model, Path::new(out), n, k, threads))
}

fn run(model: &str, out: &Path, n: usize, k: usize, threads: usize) -> Result<(), Failure> {
    fs_err::create_dir_all(out)?;
    let opened = open(model)?;
    let length = opened.model.length().unwrap_or_default();
    fs_err::write(
        out.join("weights.safetensors"),
        weights_to_bytes(&opened.model.weights()?)?,
    )?;
    let mut draws = Draws::new(Seed::root(11).bytes());
    let codes: Vec<u8> = (0..n * length).map(|_| draws.below(4) as u8).collect();
    let root = Seed::root(11).child("references");
    let seeds: Vec<Seed> = (0..n).map(|i| root.child(i.to_string())).collect();
    let source = References::new(Baseline::Dinucleotide, k, None)?;
    let mut references = Vec::new();
    for (codes, seed) in codes.chunks(length).zip(&seeds) {
        for reference in source.of(codes, seed) {
            if let Reference::Codes(codes) = reference {
                references.extend(codes);
            }
        }
    }
    let save = |name: &str, shape: Vec<usize>, values: NpyValues| -> Result<(), Failure> {
        Ok(write_npy(out.join(name), &NpyArray::new(shape, values)?)?)
    };
    save(
        "sequences.npy",
        vec![n, length],
        NpyValues::U8(codes.clone()),
    )?;
    save(
        "references.npy",
        vec![n, k, length],
        NpyValues::U8(references),
    )?;
    let codes = Tensor::from_vec(codes, (n, length), &Device::Cpu)?;
    let target = Target {
        task: 0,
        part: Component::Mean,
    };
    save(
        "predictions.npy",
        vec![n],
        NpyValues::F64(opened.model.values(&codes, &[target])?.remove(0)),
    )?;
    let mut report = json!({
        "network": opened.architecture, "length": length, "sequences": n, "references": k, "threads": threads,
    });
    for (name, params, form) in [
        ("deepshap", json!({ "references": k }), Form::Hypothetical),
        ("ism", json!({}), Form::Hypothetical),
    ] {
        let method = degu_core::find::<dyn Attributor>(name)?
            .resolve_json(&params)?
            .build()?;
        let wanted = [Wanted { target, form }];
        let attribute = || method.attribute_forms(&opened.model, &codes, &wanted, &seeds);
        let mut times = Vec::new();
        let mut map = attribute()?.remove(0);
        for _ in 0..3 {
            let start = Instant::now();
            map = attribute()?.remove(0);
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let values = map.values.flatten_all()?.to_vec1::<f32>()?;
        save(
            &format!("{name}.npy"),
            vec![n, length, 4],
            NpyValues::F32(values),
        )?;
        let sum = |v: Option<Vec<f64>>| v.map(|v| v.iter().sum::<f64>());
        let incomplete = sum(map.delta).zip(sum(map.change)).map(|(d, c)| d / c);
        report[name] = json!({
            "seconds": times[1], "seconds_per_sequence": times[1] / n as f64, "completeness": incomplete,
        });
    }
    report["peak_mb"] = json!(peak_mb());
    let text = serde_json::to_string_pretty(&report)?;
    fs_err::write(out.join("report.json"), &text)?;
    println!("{text}");
    Ok(())
}

/// A network and the card's name of its architecture.
struct Opened {
    model: Autograd,
    architecture: serde_json::Value,
}

fn open(model: &str) -> Result<Opened, Failure> {
    if Path::new(model).is_dir() {
        let saved = SavedModel::load(Path::new(model))?;
        let card = serde_json::to_value(&saved.card.architecture)?;
        let outputs = json!({ "outputs": saved.card.labels.tasks.len() });
        return Ok(Opened {
            model: saved.differentiable(&Device::Cpu)?,
            architecture: json!({ "architecture": card, "labels": outputs }),
        });
    }
    let architecture = degu_core::find::<dyn Architecture>(model)?
        .resolve_json(&json!({}))?
        .build()?;
    let io = ModelIo {
        length: if model == "residualbind" { 230 } else { 249 },
        outputs: 2,
        output: OutputKind::Scalar,
    };
    let seed = Seed::root(5);
    let mut built = Autograd::new(
        architecture.as_ref(),
        Box::new(Plain),
        &io,
        &seed,
        &Device::Cpu,
    )?;
    let mut weights: Weights = built.weights()?;
    for (name, (_, values)) in &mut weights {
        let mut draws = Draws::new(seed.child(name).bytes());
        for v in values.iter_mut() {
            match name.rsplit('.').next() {
                Some("running_var") => *v = 0.5 + draws.unit() as f32,
                Some("running_mean") => *v = 0.4 * (draws.unit() as f32 - 0.5),
                _ if name.starts_with("head.") => *v *= 5.0,
                _ => {}
            }
        }
    }
    built.set_weights(&weights)?;
    Ok(Opened {
        model: built,
        architecture: json!({ "architecture": { "plugin": model } }),
    })
}

/// Two outputs as they are.
struct Plain;

impl Head for Plain {
    fn outputs(&self) -> usize {
        2
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> degu_core::Result<Tensor> {
        loss::mse(raw, &targets.mean)
    }

    fn predict(&self, raw: &Tensor, _: &mut Ctx<'_>) -> degu_core::Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
}

/// Largest resident memory of this process, in MB.
fn peak_mb() -> Option<f64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kb: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb / 1024.0)
}
