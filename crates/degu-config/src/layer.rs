//! Layers: what files, variables and arguments say, as operations on a tree.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    error::{Code, ConfigError},
    node::{self, Entry, Node, Table, Value},
    path::{self, KeyPath},
    source::{Place, Source, SourceKind},
};

/// Prefix of the environment variables that set values.
pub const ENVIRONMENT_PREFIX: &str = "DEGU_LAB__";

/// A segment of a path, with the place where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// One change of the tree.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Merges a value in at a path; the empty path is the root.
    Assign(Vec<Segment>, Node),
    /// Removes what is at a path.
    Remove(Vec<Segment>),
    /// Appends the elements of an array.
    Append(Vec<Segment>, Node),
}

impl Op {
    pub(crate) fn segments(&self) -> &[Segment] {
        match self {
            Self::Assign(segments, _) | Self::Remove(segments) | Self::Append(segments, _) => {
                segments
            }
        }
    }

    pub(crate) fn path(&self) -> KeyPath {
        let names: Vec<&str> = self.segments().iter().map(|s| s.name.as_str()).collect();
        KeyPath::of(&names)
    }
}

/// The operation of `a.b=VALUE`, `~a.b` or `a.b+=[..]`.
pub(crate) fn assignment(source: &Arc<Source>) -> Result<Op, Box<ConfigError>> {
    let text = source.text();
    if let Some(removed) = text.strip_prefix('~') {
        return Ok(Op::Remove(segments(source, removed, 1)?));
    }
    let Some(equals) = path::equals_sign(text) else {
        return Err(Box::new(
            ConfigError::new(Code::Override, KeyPath::default(), format!("`{text}` is not of the form `key=value`"))
                .at(&Place::new(source, 0..text.len()))
                .label("no `=` here")
                .help("write `--set ensemble.members=5`, `--set '~attribute.deepshap'` or `--set 'report.show+=[\"x\"]'`"),
        ));
    };
    let value = node::parse_value(source, equals + 1);
    match text[..equals].strip_suffix('+') {
        Some(key) => Ok(Op::Append(segments(source, key, 0)?, value)),
        None => Ok(Op::Assign(segments(source, &text[..equals], 0)?, value)),
    }
}

/// The operations of a `set` table, `{ "a.b" = VALUE, "~c" = true, "d+" = [..] }`: the choice of a
/// plugin first.
pub(crate) fn set_table(table: &Table) -> Result<Vec<Op>, Box<ConfigError>> {
    let op = |entry: &Entry| {
        let key = entry.key.as_str();
        let (key, skipped) = key.strip_prefix('~').map_or((key, 0), |rest| (rest, 1));
        let (key, append) = key
            .strip_suffix('+')
            .map_or((key, false), |rest| (rest, true));
        let segments = segments_in_key(entry, key, skipped)?;
        Ok::<Op, Box<ConfigError>>(match (skipped, append) {
            (1, _) => Op::Remove(segments),
            (_, true) => Op::Append(segments, entry.node.clone()),
            _ => Op::Assign(segments, entry.node.clone()),
        })
    };
    let mut ops = table
        .entries
        .iter()
        .map(op)
        .collect::<Result<Vec<Op>, _>>()?;
    choices_first(&mut ops);
    Ok(ops)
}

/// Orders the operations of one layer so that a changed `plugin` or `kind` does not drop what the
/// same layer says of it.
pub(crate) fn choices_first(ops: &mut [Op]) {
    let choice = |name: &str| name == "plugin" || name == "kind";
    ops.sort_by_key(|op| {
        let chosen = op.segments().last().is_some_and(|last| choice(&last.name));
        let within = match op {
            Op::Assign(
                _,
                Node {
                    value: Value::Table(table),
                    ..
                },
            ) => table.entries.iter().any(|e| choice(&e.key)),
            _ => false,
        };
        !(chosen || within)
    });
}

/// The operations of all `DEGU_LAB__SECTION__KEY` variables, which are one layer.
pub(crate) fn environment(
    environment: &BTreeMap<String, String>,
    folder: &Path,
    errors: &mut Vec<ConfigError>,
) -> (Vec<Op>, Vec<String>) {
    let (mut ops, mut labels) = (Vec::new(), Vec::new());
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let text = format!("{variable}={value}");
        let kind = SourceKind::Environment(variable.clone());
        let source = Source::new(kind, "environment", text, folder.to_owned());
        let mut at = ENVIRONMENT_PREFIX.len();
        let mut segments = Vec::new();
        for part in name.split("__") {
            let place = Place::new(&source, at..at + part.len());
            segments.push(Segment {
                name: part.to_lowercase(),
                place,
            });
            at += part.len() + 2;
        }
        if segments.iter().any(|segment| segment.name.is_empty()) {
            errors.push(
                ConfigError::new(
                    Code::Override,
                    KeyPath::default(),
                    format!("`{variable}` does not name a key"),
                )
                .at(&Place::new(&source, 0..variable.len()))
                .help("write DEGU_LAB__SECTION__KEY, as in DEGU_LAB__ENSEMBLE__MEMBERS=5"),
            );
            continue;
        }
        ops.push(Op::Assign(
            segments,
            node::parse_value(&source, variable.len() + 1),
        ));
        labels.push(variable.clone());
    }
    choices_first(&mut ops);
    (ops, labels)
}

fn segments(
    source: &Arc<Source>,
    key: &str,
    start: usize,
) -> Result<Vec<Segment>, Box<ConfigError>> {
    placed(key, |span| {
        Place::new(source, start + span.start..start + span.end)
    })
}

/// The segments of a path, and their places.
fn placed(
    key: &str,
    place: impl Fn(std::ops::Range<usize>) -> Place,
) -> Result<Vec<Segment>, Box<ConfigError>> {
    let segment = |s: path::Segment| Segment {
        name: s.name,
        place: place(s.span),
    };
    match path::parse(key) {
        Ok(parts) => Ok(parts.into_iter().map(segment).collect()),
        Err(bad) => Err(Box::new(bad_path(key, bad.message, &place(bad.span)))),
    }
}

/// As [`segments`], for a path that is written as a key of a TOML table. The place of a segment is
/// exact where the key has no escapes; otherwise the whole key stands for it.
pub(crate) fn segments_in_key(
    entry: &Entry,
    key: &str,
    skipped: usize,
) -> Result<Vec<Segment>, Box<ConfigError>> {
    let whole = &entry.key_place;
    let written = &whole.source.text()[whole.span.clone()];
    placed(key, |span| match written.find(entry.key.as_str()) {
        Some(offset) => {
            let start = whole.span.start + offset + skipped;
            Place {
                span: start + span.start..start + span.end,
                ..whole.clone()
            }
        }
        None => whole.clone(),
    })
}

fn bad_path(key: &str, label: &str, place: &Place) -> ConfigError {
    ConfigError::new(
        Code::Override,
        KeyPath::default(),
        format!("`{key}` is not a key path"),
    )
    .at(place)
    .label(label)
    .help("keys are joined by dots; a key with a dot is quoted, as in a.\"b.c\"")
}
