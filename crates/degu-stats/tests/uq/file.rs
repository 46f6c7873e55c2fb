//! Reading the fixture and comparing trees of numbers.

use degu_stats::Alpha;
use serde_json::{Map, Value, json};

/// Computes the value of one case.
pub(crate) type Check = fn(&Fixture, &str) -> Value;

pub(crate) struct Fixture {
    root: Value,
}

impl Fixture {
    pub(crate) fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let root: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(root["format"], "degu-lab/uq-fixture/1");
        Self { root }
    }

    pub(crate) fn case_names(&self) -> Vec<&str> {
        self.root["cases"]
            .as_object()
            .map(|cases| cases.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.root["cases"].get(name).is_some()
    }

    pub(crate) fn case(&self, name: &str) -> &Value {
        &self.root["cases"][name]
    }

    pub(crate) fn value(&self, name: &str) -> &Value {
        &self.case(name)["value"]
    }

    /// All numbers of an input array, nested arrays in row-major order.
    pub(crate) fn input(&self, block: &str, array: &str) -> Vec<f64> {
        let input = &self.root["inputs"][block][array];
        assert!(!input.is_null(), "no input {block}/{array}");
        numbers(input)
    }

    pub(crate) fn input_value(&self, block: &str, array: &str) -> &Value {
        &self.root["inputs"][block][array]
    }

    /// Length of the innermost arrays of an input.
    pub(crate) fn columns(&self, block: &str, array: &str) -> usize {
        let mut value = &self.root["inputs"][block][array];
        let mut length = 1;
        while let Some(inner) = value.as_array() {
            length = inner.len();
            value = &inner[0];
        }
        length
    }

    pub(crate) fn groups(&self, block: &str, array: &str) -> Vec<u32> {
        self.input(block, array).iter().map(|g| *g as u32).collect()
    }

    /// One entry for each level that the case holds.
    pub(crate) fn per_alpha(&self, name: &str, f: impl Fn(Alpha) -> Value) -> Value {
        let levels = self.value(name).as_object().expect("a case by level");
        let entry = |text: &String| (text.clone(), f(text.parse().expect("a level")));
        Value::Object(levels.keys().map(entry).collect::<Map<String, Value>>())
    }

    /// Compares leaf by leaf; returns the number of leaves.
    pub(crate) fn compare(
        &self,
        name: &str,
        got: &Value,
        skip: &[&str],
        failures: &mut Vec<String>,
    ) -> usize {
        let tol = &self.case(name)["tol"];
        let (abs, rel) = (number(&tol["abs"]), number(&tol["rel"]));
        let mut count = 0;
        walk(name, self.value(name), got, skip, &mut |at, want, got| {
            count += 1;
            // An infinity equals itself alone: rel * inf would let any number pass.
            let same =
                want == got || (want.is_finite() && (got - want).abs() <= abs + rel * want.abs());
            if !same {
                failures.push(format!(
                    "{at}: expected {want}, found {got}, difference {:e}",
                    got - want
                ));
            }
        });
        count
    }
}

fn walk(at: &str, want: &Value, got: &Value, skip: &[&str], leaf: &mut impl FnMut(&str, f64, f64)) {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (key, want) in want.iter().filter(|(key, _)| !skip.contains(&key.as_str())) {
                let got = got
                    .get(key)
                    .unwrap_or_else(|| panic!("{at}: field {key} was not computed"));
                walk(&format!("{at}.{key}"), want, got, skip, leaf);
            }
            let more = got.keys().find(|key| !want.contains_key(*key));
            assert!(more.is_none(), "{at}: field {more:?} is not in the file");
        }
        (Value::Array(want), Value::Array(got)) => {
            assert_eq!(want.len(), got.len(), "{at}: length");
            for (i, (want, got)) in want.iter().zip(got).enumerate() {
                walk(&format!("{at}[{i}]"), want, got, skip, leaf);
            }
        }
        (Value::String(text), _) if text.parse::<f64>().is_err() => {
            panic!("{at}: unexpected text {text}")
        }
        _ => leaf(at, number(want), number(got)),
    }
}

/// A number, with infinities as text.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{text} is no number")),
        _ => value
            .as_f64()
            .unwrap_or_else(|| panic!("{value} is no number")),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(inner) => inner.iter().flat_map(numbers).collect(),
        _ => vec![number(value)],
    }
}

/// A number as the file writes it.
pub(crate) fn num(value: f64) -> Value {
    if value.is_infinite() {
        json!(if value > 0.0 { "inf" } else { "-inf" })
    } else {
        json!(value)
    }
}

pub(crate) fn nums(values: impl IntoIterator<Item = f64>) -> Value {
    Value::Array(values.into_iter().map(num).collect())
}

/// Rows of pairs.
pub(crate) fn pairs(rows: impl IntoIterator<Item = (f64, f64)>) -> Value {
    Value::Array(rows.into_iter().map(|(a, b)| nums([a, b])).collect())
}
