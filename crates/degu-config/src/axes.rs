//! The points of a sweep.

use std::sync::Arc;

use degu_core::Seed;
use rand_chacha::rand_core::Rng;

use super::{
    error::{Code, ConfigError},
    layer::{Segment, segments_in_key},
    node::{Entry, Node, Table, Value},
    path::KeyPath,
    source::Via,
};

/// A value of an axis at a point.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) segments: Vec<Segment>,
    pub(crate) path: KeyPath,
    pub(crate) node: Node,
}

/// An axis as written.
struct Axis {
    segments: Vec<Segment>,
    path: KeyPath,
    entry: Entry,
    values: Values,
}

enum Values {
    List(Vec<Node>),
    Uniform(f64, f64),
    LogUniform(f64, f64),
    IntUniform(i64, i64),
}

/// Expands a sweep as written in `[sweep.NAME]`, whose table has passed the schema. `seed` is that
/// of the study.
pub(crate) fn expand(
    name: &str,
    table: &Table,
    seed: Seed,
) -> Result<Vec<Vec<Setting>>, Vec<ConfigError>> {
    let at = KeyPath::of(&["sweep", name, "axes"]);
    let kind = table.text("kind").unwrap_or("grid");
    let mut errors = Vec::new();
    let mut axes = Vec::new();
    for entry in table.below("axes") {
        match axis(&at, entry, kind) {
            Ok(axis) => axes.push(axis),
            Err(error) => errors.push(*error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if axes.is_empty() {
        let error = ConfigError::new(Code::Expansion, at, "a sweep needs at least one axis");
        let error = error.at(table.get("axes").map(|node| &node.place));
        return Err(vec![
            error.help("as in axes = { \"ensemble.members\" = [2, 5, 10] }"),
        ]);
    }
    let points = match kind {
        "zip" => zip(&axes).map_err(|error| vec![*error])?,
        "random" => random(name, &axes, table, &seed).map_err(|error| vec![*error])?,
        _ => grid(&axes),
    };
    let kept = exclude(name, points, &axes, table, kind)?;
    let settings = |(point, values): (usize, Vec<Node>)| {
        let via = Arc::new(Via::Sweep(name.to_owned(), point));
        let setting = |(axis, node): (&Axis, Node)| {
            let mut segments = axis.segments.clone();
            for segment in &mut segments {
                segment.place.via = Some(via.clone());
            }
            Setting {
                segments,
                path: axis.path.clone(),
                node: node.through(&via),
            }
        };
        axes.iter().zip(values).map(setting).collect()
    };
    Ok(kept.into_iter().enumerate().map(settings).collect())
}

fn axis(at: &KeyPath, entry: &Entry, kind: &str) -> Result<Axis, Box<ConfigError>> {
    let refuse = |message: String, help: &str| {
        let error = ConfigError::new(Code::Expansion, at.key(&entry.key), message);
        Box::new(error.at(&entry.node.place).label("not an axis").help(help))
    };
    let segments = segments_in_key(entry, &entry.key, 0)?;
    let names: Vec<&str> = segments
        .iter()
        .map(|segment| segment.name.as_str())
        .collect();
    let path = KeyPath::of(&names);
    if names.first().is_some_and(|first| {
        matches!(
            *first,
            "sweep" | "ablation" | "study" | "extends" | "schema"
        )
    }) {
        let message = format!("[{}] cannot be swept", names[0]);
        return Err(refuse(
            message,
            "an axis is a setting of a section that computes something",
        ));
    }
    let values = match &entry.node.value {
        Value::Array(list) if list.is_empty() => {
            return Err(refuse(
                "an axis needs at least one value".to_owned(),
                "list its values",
            ));
        }
        Value::Array(list) => Values::List(list.clone()),
        Value::Table(table) => {
            distribution(table, kind).map_err(|problem| refuse(problem, AXIS_HELP))?
        }
        _ => {
            return Err(refuse(
                format!("expected a list of values, found {}", entry.node.found()),
                AXIS_HELP,
            ));
        }
    };
    Ok(Axis {
        segments,
        path,
        entry: entry.clone(),
        values,
    })
}

const AXIS_HELP: &str = "an axis is a quoted path and its values, \"ensemble.members\" = [2, 5, 10]; with kind = \"random\" also \
     { uniform = [a, b] }, { log_uniform = [a, b] }, { int_uniform = [a, b] } or { choice = [..] }";

fn distribution(table: &Table, kind: &str) -> Result<Values, String> {
    let [Entry { key, node, .. }] = table.entries.as_slice() else {
        return Err("expected a list of values, or one distribution".to_owned());
    };
    let known = ["uniform", "log_uniform", "int_uniform", "choice"].contains(&key.as_str());
    if !known {
        return Err(format!(
            "expected a list of values, found a table with `{key}`: is the path quoted?"
        ));
    }
    if kind != "random" {
        return Err(format!(
            "`{key}` is a distribution, and the kind of this sweep is \"{kind}\""
        ));
    }
    let list = node.as_array().unwrap_or_default();
    if key == "choice" {
        return if list.is_empty() {
            Err("`choice` needs a list of values".to_owned())
        } else {
            Ok(Values::List(list.to_vec()))
        };
    }
    let bounds = match list {
        [a, b] => a.as_f64().zip(b.as_f64()),
        _ => None,
    };
    let Some((a, b)) = bounds.filter(|(a, b)| a < b && a.is_finite() && b.is_finite()) else {
        return Err(format!("`{key}` needs two numbers [a, b] with a < b"));
    };
    match key.as_str() {
        "uniform" => Ok(Values::Uniform(a, b)),
        "log_uniform" if a > 0.0 => Ok(Values::LogUniform(a, b)),
        "log_uniform" => Err("`log_uniform` needs numbers greater than 0".to_owned()),
        _ => match (&list[0].value, &list[1].value) {
            (Value::Int(a), Value::Int(b)) => Ok(Values::IntUniform(*a, *b)),
            _ => Err("`int_uniform` needs whole numbers".to_owned()),
        },
    }
}

fn list(axis: &Axis) -> &[Node] {
    match &axis.values {
        Values::List(list) => list,
        _ => &[],
    }
}

/// Every combination; the last axis changes fastest.
fn grid(axes: &[Axis]) -> Vec<Vec<Node>> {
    axes.iter()
        .fold(vec![Vec::new()], |points: Vec<Vec<Node>>, axis| {
            let longer = |point: &Vec<Node>| {
                list(axis)
                    .iter()
                    .map(|value| point.iter().cloned().chain([value.clone()]).collect())
                    .collect::<Vec<_>>()
            };
            points.iter().flat_map(longer).collect()
        })
}

fn zip(axes: &[Axis]) -> Result<Vec<Vec<Node>>, Box<ConfigError>> {
    let length = axes.first().map_or(0, |axis| list(axis).len());
    if let Some(other) = axes.iter().find(|axis| list(axis).len() != length) {
        let found = list(other).len();
        let message = format!(
            "axes in lock-step have equal lengths: expected {length} values, found {found}"
        );
        let error = ConfigError::new(Code::Expansion, other.path.clone(), message)
            .at(&other.entry.node.place);
        return Err(Box::new(
            error
                .label("another length")
                .help(format!("`{}` has {length}", axes[0].path)),
        ));
    }
    Ok((0..length)
        .map(|i| axes.iter().map(|axis| list(axis)[i].clone()).collect())
        .collect())
}

/// Point `i` and axis `a` have a stream of their own: neither more points nor more axes change what
/// is drawn.
fn random(
    name: &str,
    axes: &[Axis],
    table: &Table,
    seed: &Seed,
) -> Result<Vec<Vec<Node>>, Box<ConfigError>> {
    let n = if let Some(Value::Int(n)) = table.get("n").map(|node| &node.value) {
        usize::try_from(*n).unwrap_or(0)
    } else {
        let path = KeyPath::of(&["sweep", name, "n"]);
        let message = "kind = \"random\" needs `n`, the number of points";
        let error = ConfigError::new(Code::Expansion, path, message).help("add n = 20");
        let kind = table.get("kind").map(|kind| &kind.place);
        return Err(Box::new(error.at(kind)));
    };
    let seed = seed.child("sweep").child(name);
    let draw = |point: usize, axis: &Axis| {
        let mut stream = seed
            .child(point.to_string())
            .child(axis.path.to_string())
            .rng();
        // 53 bits, in [0, 1).
        let u = (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let drawn = |value| Node {
            value,
            place: axis.entry.node.place.clone(),
        };
        match &axis.values {
            Values::List(list) => list[(u * list.len() as f64) as usize].clone(),
            Values::Uniform(a, b) => drawn(Value::Float(a + u * (b - a))),
            Values::LogUniform(a, b) => drawn(Value::Float(
                (a.ln() + u * (b.ln() - a.ln())).exp().clamp(*a, *b),
            )),
            Values::IntUniform(a, b) => {
                let count = b.abs_diff(*a) as f64 + 1.0;
                drawn(Value::Int(a.saturating_add((u * count) as i64).min(*b)))
            }
        }
    };
    Ok((0..n)
        .map(|point| axes.iter().map(|axis| draw(point, axis)).collect())
        .collect())
}

/// Leaves out the points that a table of `exclude` describes.
fn exclude(
    name: &str,
    points: Vec<Vec<Node>>,
    axes: &[Axis],
    table: &Table,
    kind: &str,
) -> Result<Vec<Vec<Node>>, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut rules: Vec<Vec<(usize, serde_json::Value)>> = Vec::new();
    let at = KeyPath::of(&["sweep", name, "exclude"]);
    let tables = table
        .get("exclude")
        .and_then(Node::as_array)
        .unwrap_or_default();
    if let (Some(node), false, false) = (table.get("exclude"), tables.is_empty(), kind == "grid") {
        let message = "`exclude` leaves out points of a grid";
        errors.push(
            ConfigError::new(Code::Expansion, at.clone(), message)
                .at(&node.place)
                .help("remove it"),
        );
    }
    for (i, node) in tables.iter().enumerate() {
        let mut rule = Vec::new();
        for entry in node
            .as_table()
            .map(|table| table.entries.as_slice())
            .unwrap_or_default()
        {
            if let Some(axis) = axes.iter().position(|axis| axis.entry.key == entry.key) {
                rule.push((axis, entry.node.to_json()));
                continue;
            }
            let known: Vec<&str> = axes.iter().map(|axis| axis.entry.key.as_str()).collect();
            let message = format!("`{}` is no axis of this sweep", entry.key);
            let error = ConfigError::new(Code::Expansion, at.index(i), message);
            let help = format!("axes: {}", known.join(", "));
            errors.push(error.at(&entry.key_place).label("no such axis").help(help));
        }
        rules.push(rule);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let excluded = |point: &Vec<Node>| {
        let holds = |rule: &Vec<(usize, serde_json::Value)>| {
            !rule.is_empty()
                && rule
                    .iter()
                    .all(|(axis, value)| equal(&point[*axis].to_json(), value))
        };
        rules.iter().any(holds)
    };
    Ok(points
        .into_iter()
        .filter(|point| !excluded(point))
        .collect())
}

/// Equality in which 1 is 1.0.
fn equal(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}
