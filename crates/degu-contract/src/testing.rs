//! What the tests of plugins set up and take apart. A call that fails panics: these are for tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use candle_core::{Device, Tensor};
use degu_core::{
    Dataset, Head, LabelInfo, Masked, Result, Spread, Targets, UncertaintyHead, registry,
};
use serde_json::Value;

/// Labels of `tasks` tasks without replicates: mean 0 and spread `std` each.
pub fn label_info(tasks: usize, std: f64) -> LabelInfo {
    LabelInfo {
        tasks: (0..tasks).map(|t| t.to_string()).collect(),
        mean: vec![0.0; tasks],
        std: vec![std; tasks],
        epistemic: false,
        aleatoric: false,
        spread: Spread::Std,
    }
}

/// The head `name` with `params`, bound to labels.
pub fn head(name: &str, params: &Value, info: &LabelInfo) -> Box<dyn Head> {
    let plugin = registry::find::<dyn UncertaintyHead>(name).unwrap();
    let family = plugin.resolve_json(params).unwrap().build().unwrap();
    family.bind(info).unwrap()
}

/// The data set `name` with `params`, opened.
pub fn dataset(name: &str, params: &Value) -> Result<Box<dyn Dataset>> {
    registry::find::<dyn Dataset>(name)?
        .resolve_json(params)?
        .build()
}

/// The message of an error and of its sources, each once.
pub fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}

/// Mean labels alone.
pub fn targets(value: Tensor, mask: Tensor) -> Targets {
    Targets {
        mean: Masked { value, mask },
        epistemic: None,
        aleatoric: None,
    }
}

/// One column of a matrix, in f64.
pub fn column(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, (values.len(), 1), &Device::Cpu).unwrap()
}

/// All values of an f64 tensor, row after row.
pub fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// All numbers of nested JSON arrays, in order.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(items) => items.iter().flat_map(numbers).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}
