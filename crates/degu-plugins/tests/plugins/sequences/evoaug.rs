//! EvoAug as a plugin.

use degu_core::{Augmentation, Seed, SequenceBatch};
use serde_json::{Value, json};

fn build(params: &Value) -> degu_core::Result<Box<dyn Augmentation>> {
    degu_core::find::<dyn Augmentation>("evoaug")?
        .resolve_json(params)?
        .build()
}

fn batch(n: usize, length: usize) -> SequenceBatch {
    let codes = (0..n * length).map(|i| (i * i / 3 % 4) as u8).collect();
    SequenceBatch::new(codes, length).unwrap()
}

fn seeds(n: usize) -> Vec<Seed> {
    (0..n).map(|i| Seed::root(7).child(i.to_string())).collect()
}

const ALL: [&str; 7] = [
    "deletion",
    "insertion",
    "translocation",
    "inversion",
    "mutation",
    "reverse-complement",
    "noise",
];

#[test]
fn cuts_into_batches_change_nothing() {
    let augmentation = build(&json!({"operations": ALL, "max_augs": 4, "hard": false})).unwrap();
    let mut whole = batch(32, 50);
    augmentation.apply(&mut whole, &seeds(32)).unwrap();
    let noise = whole.noise.as_ref().unwrap();
    for i in 0..32 {
        let mut one = batch(32, 50);
        one.codes = one.row_mut(i).to_vec();
        augmentation.apply(&mut one, &seeds(32)[i..=i]).unwrap();
        assert_eq!(one.codes, whole.codes[i * 50..(i + 1) * 50]);
        let part = &noise[i * 200..(i + 1) * 200];
        match one.noise {
            Some(noise) => assert_eq!(noise, part),
            None => assert!(part.iter().all(|v| v.abs() < f32::MIN_POSITIVE)),
        }
    }
    assert_ne!(whole.codes, batch(32, 50).codes);
}

#[test]
fn hard_and_soft_counts() {
    // Noise tells whether it was chosen: with one hard operation of four, in a quarter of the rows.
    let share = |params: Value| {
        let mut rows = batch(2000, 30);
        build(&params)
            .unwrap()
            .apply(&mut rows, &seeds(2000))
            .unwrap();
        let noise = rows.noise.unwrap();
        let chosen = noise
            .chunks(120)
            .filter(|row| row.iter().any(|v| v.abs() > 0.0))
            .count();
        chosen as f64 / 2000.0
    };
    // Standard errors below 0.0112.
    assert!((share(json!({})) - 0.25).abs() < 0.05);
    assert!((share(json!({"max_augs": 2})) - 0.5).abs() < 0.05);
    assert!((share(json!({"max_augs": 2, "hard": false})) - 0.375).abs() < 0.05);
    assert!((share(json!({"max_augs": 4})) - 1.0).abs() < 1e-12);
}

#[test]
fn fine_tuning_and_refusals() {
    let tune = build(&json!({})).unwrap().fine_tune().unwrap();
    assert_eq!(tune.epochs, 30);
    assert!(
        build(&json!({"fine_tune_epochs": 0}))
            .unwrap()
            .fine_tune()
            .is_none()
    );
    for (params, expected) in [
        (json!({"operations": ["noise", "mutation"]}), "last"),
        (json!({"operations": ["mutation", "mutation"]}), "distinct"),
        (
            json!({"operations": ["mutation"], "max_augs": 2}),
            "[1, 1], found 2",
        ),
        (json!({"deletion": [5, 2]}), "[least, most]"),
        (json!({"mutation": 0.9}), "0.75"),
        (json!({"operations": ["crossover"]}), "crossover"),
    ] {
        let error = build(&params).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let augmentation = build(&json!({})).unwrap();
    let error = augmentation
        .apply(&mut batch(2, 10), &seeds(2))
        .unwrap_err();
    assert!(error.to_string().contains("20 bp"), "{error}");
    assert!(augmentation.apply(&mut batch(2, 30), &seeds(1)).is_err());
    let mut noisy = batch(1, 30);
    noisy.noise = Some(vec![0.0; 120]);
    assert!(augmentation.apply(&mut noisy, &seeds(1)).is_err());
    assert!(
        augmentation
            .apply(&mut SequenceBatch::new(Vec::new(), 30).unwrap(), &[])
            .is_ok()
    );
}
