//! A plugin's own parameters, made small: the same layers with few channels, so that checks take
//! seconds.

use degu_core::{Plugin, Resolved, SlotTrait};
use serde_json::{Value, json};

use super::parameters::{Kind, at, of_schema, with};

/// Channels of a shrunk layer.
const CHANNELS: i64 = 6;

/// Sets every whole number above [`CHANNELS`] to it, one parameter at a time, as long as `usable`
/// agrees.
///
/// Widths of kernels and numbers of layers are whole numbers too: `usable` (does the network still
/// build?) decides.
pub(super) fn shrink<T: ?Sized + SlotTrait>(
    plugin: &Plugin<T>,
    resolved: &Resolved<T>,
    usable: impl Fn(&Resolved<T>) -> bool,
) -> Resolved<T> {
    let mut params = super::common::without_nulls(&resolved.params);
    let mut best = resolved.clone();
    for p in of_schema(&(plugin.schema)()) {
        let Some(smaller) = at(&params, &p.path).and_then(|now| smaller(&p.kind, now)) else {
            continue;
        };
        let candidate = with(&params, &p.path, smaller);
        if let Ok(found) = plugin.resolve_json(&candidate)
            && usable(&found)
        {
            params = candidate;
            best = found;
        }
    }
    best
}

/// The plugin with every parameter whose name speaks of dropout at 0.
pub(super) fn without_dropout<T: ?Sized + SlotTrait>(
    plugin: &Plugin<T>,
    resolved: &Resolved<T>,
) -> Resolved<T> {
    let mut params = super::common::without_nulls(&resolved.params);
    let mut best = resolved.clone();
    for p in of_schema(&(plugin.schema)()) {
        let number = matches!(p.kind, Kind::Number { .. });
        if !(number && p.path.contains("dropout")) {
            continue;
        }
        let candidate = with(&params, &p.path, json!(0.0));
        if let Ok(found) = plugin.resolve_json(&candidate) {
            params = candidate;
            best = found;
        }
    }
    best
}

fn smaller(kind: &Kind, now: &Value) -> Option<Value> {
    match kind {
        Kind::Integer { .. } => now
            .as_i64()
            .filter(|n| *n > CHANNELS)
            .map(|_| json!(CHANNELS)),
        Kind::List { of, .. } => {
            let items = now.as_array()?;
            let each: Vec<Value> = items
                .iter()
                .map(|item| smaller(of, item).unwrap_or_else(|| item.clone()))
                .collect();
            (each != *items).then_some(Value::Array(each))
        }
        _ => None,
    }
}
