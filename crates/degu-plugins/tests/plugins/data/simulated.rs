//! The simulator against its golden numbers and its own properties.

use degu_contract::testing::{self, numbers};
use degu_core::{Dataset, Split};
use degu_data_simulated::{
    Motif, Programme, Programmes, REFERENCE_MOTIFS, REFERENCE_PAIR_WEIGHTS, REFERENCE_WEIGHTS,
    noise,
};
use degu_genome::{encode, reverse_complement};
use serde_json::{Value, json};

fn dataset(params: Value) -> Box<dyn Dataset> {
    testing::dataset("simulated", &params).unwrap()
}

fn pearson(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len() as f64;
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let (mut saa, mut sbb, mut sab) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        saa += x * x;
        sbb += y * y;
        sab += x * y;
    }
    sab / (saa * sbb).sqrt()
}

#[test]
fn golden_occupancies_means_and_noise() {
    let golden: Value = serde_json::from_str(include_str!("golden/simulator.json")).unwrap();
    assert_eq!(golden["consensus"], json!(REFERENCE_MOTIFS));
    for (stored, ours) in numbers(&golden["weights"]).iter().zip(REFERENCE_WEIGHTS) {
        assert!((stored - ours).abs() < 1e-15);
    }
    let motifs: Vec<Motif> = REFERENCE_MOTIFS
        .iter()
        .zip(numbers(&golden["thresholds"]))
        .map(|(consensus, threshold)| Motif::of_consensus(consensus).with_threshold(threshold))
        .collect();
    let programme = Programme::new(
        &REFERENCE_WEIGHTS,
        &REFERENCE_PAIR_WEIGHTS,
        golden["shift"].as_f64().unwrap(),
        golden["scale"].as_f64().unwrap(),
    );
    let programmes = Programmes::new(motifs, vec![programme]);
    for (i, sequence) in golden["sequences"].as_array().unwrap().iter().enumerate() {
        let codes = encode(sequence.as_str().unwrap().as_bytes()).unwrap().codes;
        for (motif, expected) in programmes
            .motifs()
            .iter()
            .zip(numbers(&golden["occupancy"][i]))
        {
            let found = motif.occupancy(&codes);
            assert!(
                (found - expected).abs() < 1e-9,
                "sequence {i}, {}",
                motif.name()
            );
        }
        let mean = programmes.mean(&codes)[0];
        assert!((mean - golden["mu"][i].as_f64().unwrap()).abs() < 1e-9);
        assert!((noise(mean) - golden["sigma"][i].as_f64().unwrap()).abs() < 1e-9);
        let other = programmes.mean(&reverse_complement(&codes))[0];
        assert!((mean - other).abs() < 1e-12, "both strands read the same");
    }
}

#[test]
fn parts_do_not_depend_on_each_other_or_on_the_order_of_reading() {
    let small =
        dataset(json!({"train": 40, "validation": 5, "test": 10, "length": 80, "tasks": 2}));
    let large = dataset(
        json!({"train": 400, "validation": 50, "calibration": 7, "test": 20, "length": 80, "tasks": 2}),
    );
    assert_eq!(small.rows().len(), 55);
    assert_eq!(large.rows()[455].split, Some(Split::Calibration));
    let first = small.read(&(0..40).collect::<Vec<_>>()).unwrap();
    assert_eq!(first, large.read(&(0..40).collect::<Vec<_>>()).unwrap());
    assert_eq!(
        small.read(&[45, 46]).unwrap(),
        large.read(&[457, 458]).unwrap(),
        "test rows"
    );
    let pick = small.read(&[39, 0, 39]).unwrap();
    assert_eq!(pick.codes[80..160], first.codes[..80]);
    assert_eq!(pick.y[..2], first.y[78..]);
    assert_eq!(pick.y[4..], first.y[78..]);
    let other = dataset(json!({"seed": 1, "train": 40, "length": 80, "tasks": 2}));
    assert_ne!(other.read(&[0]).unwrap().codes, first.codes[..80]);
    assert!(
        small
            .read(&[55])
            .unwrap_err()
            .to_string()
            .contains("row 55")
    );
    assert!(small.read(&[]).unwrap().codes.is_empty());
}

#[test]
fn noise_has_the_spread_that_the_truth_states() {
    let data = dataset(json!({
        "train": 4000, "length": 120, "programme": "reference", "noise": 1.0
    }));
    let index: Vec<usize> = (0..4000).collect();
    let examples = data.read(&index).unwrap();
    let truth = data.truth(&index).unwrap().unwrap();
    let std = examples.replicate_std.as_ref().unwrap();
    // y - mean has the standard deviation noise_std / sqrt(3): its square, normalised, has mean 1
    // and sd sqrt(2 / 4000) = 0.022.
    let ratio: f64 = (0..4000)
        .map(|i| {
            let z = f64::from((examples.y[i] - truth.mean[i]) / truth.noise_std[i]);
            3.0 * z * z
        })
        .sum::<f64>()
        / 4000.0;
    assert!((ratio - 1.0).abs() < 0.09, "{ratio}");
    // The replicate variance is unbiased: mean of s^2 / sigma^2 is 1, sd sqrt(1 / 4000) = 0.016.
    let ratio: f64 = (0..4000)
        .map(|i| f64::from(std[i] / truth.noise_std[i]).powi(2))
        .sum::<f64>()
        / 4000.0;
    assert!((ratio - 1.0).abs() < 0.065, "{ratio}");
    // Heteroscedastic: active rows are noisier, and the replicates show it.
    let r = pearson(std, &truth.noise_std);
    assert!(r > 0.3, "{r}");
    // Signal: the mean has unit variance on these (reference-like) rows, the best attainable
    // Pearson is about 0.9.
    let mean = truth.mean.iter().map(|v| f64::from(*v)).sum::<f64>() / 4000.0;
    let var = truth
        .mean
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        / 4000.0;
    assert!(
        mean.abs() < 0.08 && (var - 1.0).abs() < 0.12,
        "{mean} {var}"
    );
    let ceiling = pearson(&examples.y, &truth.mean);
    assert!((0.85..0.95).contains(&ceiling), "{ceiling}");
}

#[test]
fn missing_replicates_leave_no_spread_and_then_no_mean() {
    let data = dataset(json!({"train": 3000, "length": 40, "replicates": 2, "missing": 0.3}));
    let examples = data.read(&(0..3000).collect::<Vec<_>>()).unwrap();
    let std = examples.replicate_std.unwrap();
    let without_mean = examples.y.iter().filter(|v| v.is_nan()).count();
    let without_std = std.iter().filter(|v| v.is_nan()).count();
    // Binomial(3000, 0.09) and binomial(3000, 0.51), five standard deviations each.
    assert!(without_mean.abs_diff(270) < 79, "{without_mean}");
    assert!(without_std.abs_diff(1530) < 137, "{without_std}");
    let one = dataset(json!({"train": 3, "replicates": 1}));
    assert_eq!(one.info().replicates, 1);
    assert!(one.read(&[0]).unwrap().replicate_std.is_none());
}

#[test]
fn columns_describe_the_sequence() {
    let data = dataset(json!({"train": 200, "gc": 0.7, "density": 2.0, "length": 150}));
    assert_eq!(data.columns(), ["gc", "instances"]);
    let gc = data.column("gc").unwrap().unwrap();
    let mean = gc.iter().map(|v| v.parse::<f64>().unwrap()).sum::<f64>() / gc.len() as f64;
    assert!((0.62..0.72).contains(&mean), "{mean}");
    let instances = data.column("instances").unwrap().unwrap();
    let row = instances
        .iter()
        .position(|text| !text.is_empty() && !text.contains(';'))
        .unwrap();
    let parts: Vec<&str> = instances[row].split(':').collect();
    let start: usize = parts[1].parse().unwrap();
    let codes = data.read(&[row]).unwrap().codes;
    let mut site = codes[start..start + parts[0].len()].to_vec();
    if parts[2] == "-" {
        site = reverse_complement(&site);
    }
    let consensus = encode(parts[0].as_bytes()).unwrap().codes;
    let mismatches = site.iter().zip(&consensus).filter(|(a, b)| a != b).count();
    assert!(mismatches <= 4, "{mismatches} of {}", consensus.len());
    assert!(data.column("sequence").unwrap().is_none());
}

#[test]
fn parameters_out_of_range_are_named() {
    let plugin = degu_core::find::<dyn Dataset>("simulated").unwrap();
    for (params, expected) in [
        (json!({"length": 8}), "[9, 1000000], found 8"),
        (
            json!({"length": 10, "programme": "reference"}),
            "[11, 1000000], found 10",
        ),
        (json!({"gc": 1.5}), "[0, 1], found 1.5"),
        (json!({"replicates": 0}), "[1, 100], found 0"),
        (json!({"motifs": ["ACGT"]}), "must be empty unless"),
        (
            json!({"motifs": ["ACNT"], "programme": "random"}),
            "found ACNT",
        ),
        (
            json!({"train": 0, "validation": 0, "test": 0}),
            "must be above 0",
        ),
        (json!({"rows": 3}), "rows"),
    ] {
        let error = plugin.resolve_json(&params).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let own = dataset(json!({"motifs": ["TTACGT", "GGATTA"], "programme": "random", "train": 4}));
    assert_eq!(own.truth(&[0, 1]).unwrap().unwrap().mean.len(), 2);
}
