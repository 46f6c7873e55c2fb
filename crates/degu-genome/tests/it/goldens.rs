//! Golden values of `../shared/fixtures/attribution`.

use std::collections::BTreeMap;

use degu_genome::{
    Draws, Seqlet, SeqletCaller, decode, dinucleotide_shuffle, encode, fixed_exit_shuffle,
};
use serde_json::Value;

use crate::shared;

pub(crate) fn json(name: &str) -> Option<Value> {
    let path = shared(&format!("fixtures/attribution/{name}"))?;
    Some(serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap())
}

fn orderings(
    sequence: &str,
    draws: usize,
    shuffle: fn(&[u8], &mut Draws) -> Vec<u8>,
) -> BTreeMap<String, usize> {
    let codes = encode(sequence.as_bytes()).unwrap().codes;
    let mut random = Draws::new([11; 32]);
    let mut counts = BTreeMap::new();
    for _ in 0..draws {
        *counts
            .entry(decode(&shuffle(&codes, &mut random)))
            .or_insert(0) += 1;
    }
    counts
}

/// Upper tail of chi-square by the Wilson-Hilferty cube-root normal approximation.
fn chi_square_z(statistic: f64, degrees: f64) -> f64 {
    let spread = 2.0 / (9.0 * degrees);
    ((statistic / degrees).cbrt() - (1.0 - spread)) / spread.sqrt()
}

#[test]
fn dinucleotide_shuffles_reach_every_ordering_equally() {
    let Some(golden) = json("dinucleotide_shuffles.json") else {
        return;
    };
    for case in golden["cases"].as_array().unwrap() {
        let sequence = case["sequence"].as_str().unwrap();
        let all: Vec<&str> = case["orderings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_str().unwrap())
            .collect();
        let draws = 40_000.max(2_000 * all.len()).min(400_000);
        let counts = orderings(sequence, draws, dinucleotide_shuffle);
        assert_eq!(counts.keys().collect::<Vec<_>>(), all, "{sequence}");
        if all.len() > 1 {
            let expected = draws as f64 / all.len() as f64;
            let statistic: f64 = counts
                .values()
                .map(|count| (*count as f64 - expected).powi(2) / expected)
                .sum();
            let z = chi_square_z(statistic, all.len() as f64 - 1.0);
            // p > 1e-4 is z < 3.72; very small statistics would be wrong as well.
            assert!(z.abs() < 3.72, "{sequence}: z = {z}");
        }
    }
}

#[test]
fn fixed_exits_reach_a_part_only() {
    for (sequence, reached) in [
        ("ACCCACGATGATG", 9),
        ("ACGTACGGTCATTGCA", 54),
        ("AACCGGTTACGT", 8),
    ] {
        let counts = orderings(sequence, 20_000, fixed_exit_shuffle);
        assert_eq!(counts.len(), reached, "{sequence}");
    }
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let row = row.as_array().unwrap().iter();
            row.map(|value| value.as_f64().unwrap()).collect()
        })
        .collect()
}

fn assert_seqlets(found: &[Seqlet], expected: &Value) {
    let expected = rows(expected);
    assert_eq!(found.len(), expected.len());
    for (seqlet, row) in found.iter().zip(expected) {
        let place = [
            seqlet.example as f64,
            seqlet.start as f64,
            seqlet.end as f64,
        ];
        assert_eq!(place[..], row[..3], "{seqlet:?}");
        assert!((seqlet.attribution - row[3]).abs() < 1e-12, "{seqlet:?}");
        assert!(
            (seqlet.p_value / row[4] - 1.0).abs() < 1e-9,
            "{seqlet:?} {row:?}"
        );
    }
}

#[test]
fn seqlets() {
    let Some(golden) = json("seqlets.json") else {
        return;
    };
    let (track, control) = (rows(&golden["track"]), rows(&golden["control"]));
    let caller = SeqletCaller::default();
    assert_seqlets(&caller.call(&track).unwrap(), &golden["at_threshold"]);
    let (called, curve) = caller.call_at_fdr(&track, &control, 0.1).unwrap();
    assert_seqlets(&called, &golden["at_fdr"]);
    let expected = rows(&golden["fdr_curve"]);
    assert_eq!(curve.len(), expected.len());
    for (point, row) in curve.iter().zip(expected) {
        assert!((point.threshold / row[0] - 1.0).abs() < 1e-12);
        assert_eq!(
            [point.calls as f64, point.control_calls as f64][..],
            row[1..3]
        );
        assert!((point.fdr - row[3]).abs() < 1e-12);
    }
}
