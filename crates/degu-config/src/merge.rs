//! Applying layers to the tree.

use degu_core::Slot;

use super::{
    error::{Code, ConfigError, suggestion},
    layer::{Op, Segment},
    node::{Entry, Node, Table, Value},
    path::KeyPath,
    source::SourceKind,
};

/// The key that says what a table is, and the keys that stay when it changes.
pub(crate) fn choice(path: &[String]) -> Option<(&'static str, &'static [&'static str])> {
    const SPLIT: &[&str] = &[
        "kind",
        "train_fraction",
        "calibration",
        "group",
        "allow_leakage",
    ];
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some(slot) = slot(&path) {
        return Some(("plugin", slot.reserved()));
    }
    match path[..] {
        ["split"] => Some(("kind", SPLIT)),
        [.., "training", "optimizer" | "schedule"] => Some(("kind", &["kind"])),
        _ => None,
    }
}

/// The slot whose plugin the table at this path names.
pub(crate) fn slot(path: &[&str]) -> Option<Slot> {
    Some(match path {
        ["dataset"] => Slot::Dataset,
        ["architecture"] | ["distill", "architecture"] => Slot::Architecture,
        ["augmentation"] | ["distill", "augmentation"] => Slot::Augmentation,
        ["ensemble" | "distill", "head"] => Slot::UncertaintyHead,
        ["attribute", _] => Slot::Attributor,
        ["calibration", _] => Slot::Calibrator,
        ["shift", _] => Slot::Shift,
        _ => return None,
    })
}

/// Applies one operation. `default` gives the array that an append to an unset key starts from.
pub(crate) fn apply(
    root: &mut Table,
    op: Op,
    default: &dyn Fn(&KeyPath) -> Option<serde_json::Value>,
) -> Result<(), Box<ConfigError>> {
    let path = op.path();
    match op {
        Op::Assign(segments, node) => {
            let tree = nest(segments, node);
            merge_nodes(root, tree)
        }
        Op::Remove(segments) => remove(root, &segments, &path),
        Op::Append(segments, node) => {
            let Value::Array(new) = node.value else {
                return Err(Box::new(
                    ConfigError::new(
                        Code::Override,
                        path,
                        format!("`+=` appends an array, found {}", node.found()),
                    )
                    .at(&node.place)
                    .help("write `+=[..]`"),
                ));
            };
            let mut elements = match root.at(&path) {
                Some(Node {
                    value: Value::Array(old),
                    ..
                }) => old.clone(),
                Some(other) => {
                    let message = format!(
                        "`+=` appends to an array, but the value is {}",
                        other.found()
                    );
                    return Err(Box::new(
                        ConfigError::new(Code::Override, path, message).at(&node.place),
                    ));
                }
                None => {
                    let start = default(&path).and_then(|json| Node::from_json(&json, &node.place));
                    match start.map(|node| node.value) {
                        Some(Value::Array(old)) => old,
                        _ => Vec::new(),
                    }
                }
            };
            elements.extend(new);
            merge_nodes(
                root,
                nest(
                    segments,
                    Node {
                        value: Value::Array(elements),
                        place: node.place,
                    },
                ),
            )
        }
    }
}

/// Wraps a value into the tables of its path.
fn nest(segments: Vec<Segment>, node: Node) -> Node {
    segments.into_iter().rev().fold(node, |inner, segment| {
        let place = segment.place.clone();
        let entry = Entry {
            key: segment.name,
            key_place: segment.place,
            node: inner,
        };
        Node {
            value: Value::Table(Table {
                entries: vec![entry],
            }),
            place,
        }
    })
}

fn merge_nodes(root: &mut Table, upper: Node) -> Result<(), Box<ConfigError>> {
    match upper.value {
        Value::Table(table) => {
            merge(root, table, &mut Vec::new());
            Ok(())
        }
        _ => Err(Box::new(
            ConfigError::new(
                Code::Override,
                KeyPath::default(),
                format!("expected a table, found {}", upper.found()),
            )
            .at(&upper.place),
        )),
    }
}

/// Merges `upper` over `lower`: tables key by key, everything else replaced. A table that names
/// another plugin (or another kind) than the one below first drops the parameters of the old one;
/// the keys of the framework stay.
pub(crate) fn merge(lower: &mut Table, upper: Table, path: &mut Vec<String>) {
    if let Some((key, keep)) = choice(path)
        && let (Some(old), Some(new)) = (lower.text(key), upper.text(key))
        && old != new
    {
        lower
            .entries
            .retain(|entry| keep.contains(&entry.key.as_str()));
    }
    for Entry {
        key,
        key_place,
        node,
    } in upper.entries
    {
        match (lower.get_mut(&key), node.value) {
            (
                Some(Node {
                    value: Value::Table(below),
                    place,
                }),
                Value::Table(above),
            ) => {
                // A table is where it has a header; built-in defaults give way to any file.
                if place.source.kind == SourceKind::Default
                    || node.place.source.kind == SourceKind::File
                {
                    *place = node.place;
                }
                path.push(key);
                merge(below, above, path);
                path.pop();
            }
            (_, value) => lower.put(Entry {
                key,
                key_place,
                node: Node {
                    value,
                    place: node.place,
                },
            }),
        }
    }
}

fn remove(root: &mut Table, segments: &[Segment], path: &KeyPath) -> Result<(), Box<ConfigError>> {
    let mut table = root;
    for (depth, segment) in segments.iter().enumerate() {
        if table.entry(&segment.name).is_none() {
            let known: Vec<String> = table
                .entries
                .iter()
                .map(|entry| entry.key.clone())
                .collect();
            let names = known.iter().map(String::as_str);
            let label = suggestion(&segment.name, names, '`', "not set");
            let error = ConfigError::new(
                Code::Override,
                path.clone(),
                "there is nothing to remove: it is not set",
            )
            .at(&segment.place)
            .label(label);
            return Err(Box::new(
                error.help(format!("set here: {}", known.join(", "))),
            ));
        }
        if depth + 1 == segments.len() {
            table.remove(&segment.name);
            return Ok(());
        }
        let inner = table.get_mut(&segment.name).map(|node| &mut node.value);
        let Some(Value::Table(inner)) = inner else {
            let message = format!("`{}` is not a table", segment.name);
            let error = ConfigError::new(Code::Override, path.clone(), message);
            return Err(Box::new(error.at(&segment.place)));
        };
        table = inner;
    }
    Ok(())
}
