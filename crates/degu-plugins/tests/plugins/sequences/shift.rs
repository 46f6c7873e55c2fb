//! The rules of the shifts.

use degu_core::{Seed, SequenceBatch, Shift};
use serde_json::json;

fn apply(name: &str, severity: f64, rows: &[u8], length: usize) -> degu_core::Result<Vec<u8>> {
    let plugin = degu_core::find::<dyn Shift>(name)?
        .resolve_json(&json!({}))?
        .build()?;
    let mut batch = SequenceBatch::new(rows.to_vec(), length)?;
    let seeds: Vec<Seed> = (0..batch.len())
        .map(|i| Seed::root(3).child(i.to_string()))
        .collect();
    plugin.apply(&mut batch, severity, &seeds)?;
    Ok(batch.codes)
}

fn rows(n: usize, length: usize) -> Vec<u8> {
    (0..n * length).map(|i| (i * i / 3 % 4) as u8).collect()
}

fn counts(row: &[u8], width: usize) -> std::collections::BTreeMap<Vec<u8>, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for word in row.windows(width) {
        *counts.entry(word.to_vec()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn severity_zero_changes_nothing_and_severities_are_checked() {
    let x = rows(20, 40);
    for name in ["mutagenesis", "shuffle", "dinucleotide-shuffle"] {
        assert_eq!(apply(name, 0.0, &x, 40).unwrap(), x, "{name}");
        for bad in [-0.1, 1.1, f64::NAN] {
            let error = apply(name, bad, &x, 40).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
    assert!(apply("mutagenesis", 0.8, &x, 40).is_err());
}

#[test]
fn mutagenesis_changes_its_share() {
    let x = rows(500, 60);
    for severity in [0.05, 0.25, 0.75] {
        let y = apply("mutagenesis", severity, &x, 60).unwrap();
        let share = x.iter().zip(&y).filter(|(a, b)| a != b).count() as f64 / x.len() as f64;
        assert!((share - severity).abs() < 0.02, "{severity}: {share}");
    }
}

#[test]
fn shuffles_keep_composition_and_pairs() {
    let x = rows(200, 60);
    for severity in [0.3, 1.0] {
        let y = apply("shuffle", severity, &x, 60).unwrap();
        let z = apply("dinucleotide-shuffle", severity, &x, 60).unwrap();
        assert_ne!(x, y);
        assert_ne!(x, z);
        for ((a, b), c) in x.chunks(60).zip(y.chunks(60)).zip(z.chunks(60)) {
            assert_eq!(counts(a, 1), counts(b, 1));
            assert_eq!(counts(a, 2), counts(c, 2));
            let moved = a.iter().zip(b).filter(|(p, q)| p != q).count();
            assert!(moved as f64 <= severity * 60.0);
        }
    }
}
