//! What changes a key and what does not.

use std::collections::BTreeMap;

use degu_workflow::key::{Key, KeyError, KeyFields, canonical_json, to_value};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use crate::helpers::fields;

#[derive(Clone, Serialize)]
struct Parameters {
    dropout: f32,
    lr: f64,
    filters: Vec<u32>,
    head: Head,
    clip: Option<f64>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    Point,
    Gaussian { beta: f64 },
}

fn parameters() -> Parameters {
    Parameters {
        dropout: 0.2,
        lr: 1e-3,
        filters: vec![32, 16],
        head: Head::Gaussian { beta: 1.0 },
        clip: None,
    }
}

#[test]
fn the_canonical_form_is_what_the_page_says() {
    let value = to_value(&parameters()).unwrap();
    assert_eq!(
        canonical_json(&value),
        r#"{"clip":null,"dropout":2e-1,"filters":[32,16],"head":{"gaussian":{"beta":1}},"lr":1e-3}"#
    );
    let point = Parameters {
        head: Head::Point,
        ..parameters()
    };
    assert_eq!(to_value(&point).unwrap()["head"], json!("point"));
    assert_eq!(
        canonical_json(&json!({ "é": -0.0, "Z": 1e300, "a": "\u{1}\"\\é" })),
        "{\"Z\":1e300,\"a\":\"\\u0001\\\"\\\\é\",\"é\":0}"
    );
}

/// A key of the first release. If this fails, every store in the world is out of date: raise the
/// context string on purpose or not at all.
#[test]
fn a_key_stays_what_it_was() {
    let mut input = fields("prepare", 0);
    input.data = json!({ "table": "5e0c" });
    let mut fields = fields("train", 3);
    fields.plugins = json!({ "architecture": { "plugin": "residualbind", "dropout": 0.2 } });
    fields.inputs = vec![input.key()];
    let text = format!(
        concat!(
            r#"{{"data":null,"inputs":["{}"],"numeric":{{"device":"cpu","dtype":"f32"}},"#,
            r#""plugins":{{"architecture":{{"dropout":2e-1,"plugin":"residualbind"}}}},"#,
            r#""seed":"7:/member/0","settings":{{"setting":3}},"stage":"train","stage_revision":1}}"#
        ),
        input.key().full()
    );
    let expected = blake3::derive_key("degu-lab stage v1", text.as_bytes());
    let expected = blake3::Hash::from_bytes(expected).to_string();
    assert_eq!(fields.key().full(), expected);
    assert_eq!(Key::of(&fields.value()), fields.key());
    assert_eq!(fields.key().to_string(), expected[..16]);
    assert_eq!(expected.parse::<Key>().unwrap(), fields.key());
}

#[test]
fn spelling_does_not_change_a_key() {
    let key = |text: &str| {
        let mut fields = fields("train", 0);
        fields.settings = serde_json::from_str(text).unwrap();
        fields.key()
    };
    let one = key(r#"{"lr": 1e-3, "epochs": 10, "zero": 0.0}"#);
    assert_eq!(one, key(r#"{ "zero": -0.0, "epochs": 10.0, "lr": 0.001 }"#));
    assert_eq!(one, key(r#"{"lr": 0.00100, "epochs": 1e1, "zero": 0}"#));
    assert_ne!(one, key(r#"{"lr": 1e-3, "epochs": 11, "zero": 0}"#));
    assert_ne!(one, key(r#"{"lr": 1e-3, "epochs": "10", "zero": 0}"#));
    // f32 and f64 parameters of one file value agree.
    assert_eq!(to_value(&0.2_f32).unwrap(), to_value(&0.2_f64).unwrap());
}

#[test]
fn every_field_counts() {
    let base = fields("train", 0);
    let changes: [fn(&mut KeyFields); 8] = [
        |f| f.stage = "distill".to_owned(),
        |f| f.stage_revision = 2,
        |f| f.plugins = json!({ "head": { "plugin": "point" } }),
        |f| f.settings = json!({}),
        |f| f.inputs.push(fields("prepare", 0).key()),
        |f| f.data = json!("digest"),
        |f| f.seed = json!("7:/member/1"),
        |f| f.numeric = json!({ "dtype": "f64", "device": "cpu" }),
    ];
    let mut keys: Vec<Key> = vec![base.key()];
    for change in changes {
        let mut changed = base.clone();
        change(&mut changed);
        keys.push(changed.key());
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 9);
}

#[test]
fn what_is_not_a_number_is_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut parameters = parameters();
        parameters.lr = value;
        let error = to_value(&parameters).unwrap_err();
        assert!(matches!(error, KeyError::NotFinite { .. }), "{error}");
        assert!(to_value(&[Some(value as f32)]).is_err());
    }
    assert!(matches!(
        to_value(&u128::MAX),
        Err(KeyError::TooLarge { .. })
    ));
    assert!(to_value(&BTreeMap::from([((1, 2), 3)])).is_err());
    assert_eq!(
        to_value(&BTreeMap::from([(7, "x")])).unwrap(),
        json!({ "7": "x" })
    );
}

#[test]
fn fields_survive_a_file() {
    let mut fields = fields("train", 0);
    fields.inputs = vec![fields.key()];
    fields.settings = to_value(&parameters()).unwrap();
    let text = serde_json::to_string(&fields).unwrap();
    let back: KeyFields = serde_json::from_str(&text).unwrap();
    assert_eq!(back.key(), fields.key());
    assert!(serde_json::from_str::<Key>("\"7c1e\"").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn numbers_come_back_as_they_were(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        if float.is_finite() {
            let text = canonical_json(&to_value(&float).unwrap());
            let back: f64 = text.parse().unwrap();
            prop_assert_eq!(back.to_bits(), (float + 0.0).to_bits(), "{}", text);
        }
    }

    /// A manifest is written as JSON and read back: its fields must have the same key then.
    #[test]
    fn a_key_survives_a_file(floats in proptest::collection::vec(any::<f64>(), 1..8)) {
        let mut fields = fields("train", 0);
        let floats: Vec<f64> = floats.into_iter().filter(|float| float.is_finite()).collect();
        fields.settings = to_value(&floats).unwrap();
        let text = serde_json::to_string_pretty(&fields).unwrap();
        let back: KeyFields = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(back.key(), fields.key());
    }

    #[test]
    fn canonical_json_is_json_and_a_fixed_point(
        entries in proptest::collection::btree_map(".{0,6}", (any::<i64>(), -1e6..1e6_f64, ".{0,6}"), 0..6)
    ) {
        let value = to_value(&entries).unwrap();
        let text = canonical_json(&value);
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(canonical_json(&back), text);
        prop_assert_eq!(Key::of(&back), Key::of(&value));
    }
}
