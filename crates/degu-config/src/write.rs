//! A tree as TOML text.

use super::{
    node::{Entry, Node, Table, Value},
    path::quoted,
    sections::Sections,
    variables::escape,
};

/// Writes a tree so that reading it gives the same tree: dollars are escaped, tables with a name of
/// their own get a header.
pub(crate) fn to_toml(tree: &Table) -> String {
    let mut entries: Vec<&Entry> = tree.entries.iter().collect();
    entries.sort_by_key(|entry| Sections::rank(&entry.key));
    let mut text = String::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.node.as_table().is_none())
    {
        text.push_str(&pair(entry));
        text.push('\n');
    }
    for entry in entries {
        if let Some(table) = entry
            .node
            .as_table()
            .filter(|table| !table.entries.is_empty())
        {
            section(table, &[entry.key.as_str()], &mut text);
        }
    }
    text
}

/// Whether a table gets a header instead of braces.
fn has_header(path: &[&str]) -> bool {
    matches!(
        path,
        [_] | ["attribute" | "calibration" | "shift" | "sweep", _]
            | ["ablation", "arm"]
            | ["ablation", "arm", _]
            | ["distill", "training"]
            | ["executor", "slurm"]
    )
}

fn section(table: &Table, path: &[&str], text: &mut String) {
    let has_section = |entry: &&Entry| {
        entry.node.as_table().is_some() && has_header(&below(path, entry.key.as_str()))
    };
    let plain: Vec<_> = table
        .entries
        .iter()
        .filter(|entry| !has_section(entry))
        .collect();
    if !plain.is_empty() || table.entries.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let header: Vec<String> = path.iter().map(|key| quoted(key)).collect();
        text.extend(["[", &header.join("."), "]\n"]);
        for entry in plain {
            text.push_str(&pair(entry));
            text.push('\n');
        }
    }
    for entry in table.entries.iter().filter(has_section) {
        if let Some(inner) = entry.node.as_table() {
            section(inner, &below(path, &entry.key), text);
        }
    }
}

fn below<'a>(path: &[&'a str], key: &'a str) -> Vec<&'a str> {
    path.iter().copied().chain([key]).collect()
}

/// A key and its value on one line.
fn pair(entry: &Entry) -> String {
    format!("{} = {}", quoted(&entry.key), inline(&entry.node))
}

/// A value on one line.
pub(crate) fn inline(node: &Node) -> String {
    match &node.value {
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) if f.is_nan() => "nan".to_owned(),
        Value::Float(f) => format!("{f:?}"),
        Value::Str(s) => toml_edit::Value::from(escape(s)).to_string(),
        Value::Array(a) => format!("[{}]", a.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(t) if t.entries.is_empty() => "{}".to_owned(),
        Value::Table(t) => {
            let pairs = t.entries.iter().map(pair);
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}
