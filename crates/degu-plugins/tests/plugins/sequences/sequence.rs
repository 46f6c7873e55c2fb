//! The rules of the simple augmentations.

use degu_core::{Augmentation, Seed, SequenceBatch};
use degu_genome::reverse_complement;
use serde_json::{Value, json};

fn apply(name: &str, params: &Value, rows: &[u8], length: usize) -> degu_core::Result<Vec<u8>> {
    let plugin = degu_core::find::<dyn Augmentation>(name)?
        .resolve_json(params)?
        .build()?;
    let mut batch = SequenceBatch::new(rows.to_vec(), length)?;
    let seeds: Vec<Seed> = (0..batch.len())
        .map(|i| Seed::root(3).child(i.to_string()))
        .collect();
    plugin.apply(&mut batch, &seeds)?;
    assert!(batch.noise.is_none());
    Ok(batch.codes)
}

fn rows(n: usize, length: usize) -> Vec<u8> {
    (0..n * length).map(|i| (i * i / 3 % 4) as u8).collect()
}

#[test]
fn nothing_and_reverse_complement() {
    let x = rows(1000, 20);
    assert_eq!(apply("none", &json!({}), &x, 20).unwrap(), x);
    let all = apply("reverse-complement", &json!({"p": 1.0}), &x, 20).unwrap();
    assert_eq!(all[20..40], reverse_complement(&x[20..40]));
    let inner = apply(
        "reverse-complement",
        &json!({"p": 1.0, "left": 3, "right": 2}),
        &x,
        20,
    )
    .unwrap();
    assert_eq!(inner[..3], x[..3]);
    assert_eq!(inner[3..18], reverse_complement(&x[3..18]));
    assert_eq!(inner[18..20], x[18..20]);
    let half = apply("reverse-complement", &json!({}), &x, 20).unwrap();
    let turned = half
        .chunks(20)
        .zip(x.chunks(20))
        .filter(|(a, b)| a != b)
        .count();
    assert!(turned.abs_diff(500) < 80, "{turned}");
    assert!(apply("reverse-complement", &json!({"left": 30}), &x, 20).is_err());
    assert!(apply("reverse-complement", &json!({"p": 2.0}), &x, 20).is_err());
}

#[test]
fn mutagenesis_and_random() {
    let x = rows(500, 60);
    let y = apply("mutagenesis", &json!({"rate": 0.25}), &x, 60).unwrap();
    let changed = x.iter().zip(&y).filter(|(a, b)| a != b).count();
    // 20 positions of 60 are drawn and a quarter of them is silent: 500 x 15, binomial sd 43.
    assert!(changed.abs_diff(7500) < 220, "{changed}");
    let y = apply("random", &json!({}), &x, 60).unwrap();
    assert_ne!(x, y);
    for (a, b) in x.chunks(60).zip(y.chunks(60)) {
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        a.sort_unstable();
        b.sort_unstable();
        assert_eq!(a, b);
    }
    assert!(apply("mutagenesis", &json!({"rate": 0.8}), &x, 60).is_err());
    assert!(apply("random", &json!({"rate": 0.1}), &x, 60).is_err());
}
