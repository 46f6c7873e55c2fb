//! Values with the place where they were written.

use std::sync::Arc;

use figment::value::{Dict, Empty, Num, Tag, Value as Merged};
use serde_json::json;
use toml_edit::{Document, Item, TableLike};

use super::{
    error::{Code, ConfigError},
    path::{KeyPath, Step},
    source::{Place, Source, Via},
};

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// A TOML value; dates are strings.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Array(Vec<Node>),
    Table(Table),
}

/// Keys in the order in which they were first written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries
            .iter_mut()
            .find(|entry| entry.key == key)
            .map(|entry| &mut entry.node)
    }

    /// The entries of the table at a key; none where there is no table.
    pub(crate) fn below(&self, key: &str) -> &[Entry] {
        self.table(key).map_or(&[], |table| &table.entries)
    }

    pub(crate) fn table(&self, key: &str) -> Option<&Table> {
        self.get(key)?.as_table()
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Replaces the value of a key, or appends it.
    pub(crate) fn put(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// The value at a path.
    pub(crate) fn at(&self, path: &KeyPath) -> Option<&Node> {
        self.entry_at(path).map(|(_, node)| node)
    }

    /// The value at a path, with the place of its key where it has one.
    pub(crate) fn entry_at(&self, path: &KeyPath) -> Option<(Option<&Place>, &Node)> {
        let (Step::Key(first), rest) = path.0.split_first()? else {
            return None;
        };
        let entry = self.entry(first)?;
        let mut found = (Some(&entry.key_place), &entry.node);
        for step in rest {
            found = match (step, &found.1.value) {
                (Step::Key(key), Value::Table(table)) => {
                    let entry = table.entry(key)?;
                    (Some(&entry.key_place), &entry.node)
                }
                (Step::Index(index), Value::Array(array)) => (None, array.get(*index)?),
                _ => return None,
            };
        }
        Some(found)
    }

    /// The plain values, for figment.
    pub(crate) fn to_dict(&self) -> Dict {
        self.entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.node.to_figment()))
            .collect()
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        self.entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.node.to_json()))
            .collect()
    }
}

impl Node {
    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn as_table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self.value {
            Value::Int(i) => Some(i as f64),
            Value::Float(f) => Some(f),
            _ => None,
        }
    }

    /// Calls `change` on this place and on all below.
    pub(crate) fn each_place(&mut self, change: &mut impl FnMut(&mut Place)) {
        change(&mut self.place);
        match &mut self.value {
            Value::Array(array) => array.iter_mut().for_each(|node| node.each_place(change)),
            Value::Table(table) => {
                for entry in &mut table.entries {
                    change(&mut entry.key_place);
                    entry.node.each_place(change);
                }
            }
            _ => {}
        }
    }

    /// The same value, marked as set by a variant.
    pub(crate) fn through(mut self, via: &Arc<Via>) -> Self {
        self.each_place(&mut |place| place.via = Some(via.clone()));
        self
    }

    pub(crate) fn to_figment(&self) -> Merged {
        match &self.value {
            Value::Bool(b) => Merged::Bool(Tag::Default, *b),
            Value::Int(i) => Merged::Num(Tag::Default, Num::I64(*i)),
            Value::Float(f) => Merged::Num(Tag::Default, Num::F64(*f)),
            Value::Str(s) => Merged::String(Tag::Default, s.clone()),
            Value::Array(a) => {
                Merged::Array(Tag::Default, a.iter().map(Self::to_figment).collect())
            }
            Value::Table(t) => Merged::Dict(Tag::Default, t.to_dict()),
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Bool(b) => json!(b),
            Value::Int(i) => json!(i),
            Value::Float(f) if f.is_finite() => json!(f),
            Value::Float(f) => json!(f.to_string()),
            Value::Str(s) => json!(s),
            Value::Array(a) => a.iter().map(Self::to_json).collect(),
            Value::Table(t) => t.to_json(),
        }
    }

    /// A value that was computed, with the place that stands for it. Nulls vanish.
    pub(crate) fn from_json(json: &serde_json::Value, place: &Place) -> Option<Self> {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => return None,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => match n.as_i64() {
                Some(i) => Value::Int(i),
                None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(s) => Value::Str(s.clone()),
            Json::Array(a) => {
                Value::Array(a.iter().filter_map(|v| Self::from_json(v, place)).collect())
            }
            Json::Object(o) => {
                // Names first: they say what the other keys are.
                let mut keys: Vec<&String> = o.keys().collect();
                keys.sort_by_key(|key| (!matches!(key.as_str(), "plugin" | "kind" | "name"), *key));
                let entry = |key: &String| {
                    let node = Self::from_json(o.get(key)?, place)?;
                    Some(Entry {
                        key: key.clone(),
                        key_place: place.clone(),
                        node,
                    })
                };
                Value::Table(Table {
                    entries: keys.into_iter().filter_map(entry).collect(),
                })
            }
        };
        Some(Self {
            value,
            place: place.clone(),
        })
    }

    /// "the string "ten"", for messages.
    pub(crate) fn found(&self) -> String {
        match &self.value {
            Value::Bool(b) => b.to_string(),
            Value::Int(i) => format!("the whole number {i}"),
            Value::Float(f) => format!("the number {f:?}"),
            Value::Str(s) => format!("the string {s:?}"),
            Value::Array(_) => "an array".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// figment's empty value: what an absent optional table deserializes from.
pub(crate) fn absent() -> Merged {
    Merged::Empty(Tag::Default, Empty::None)
}

/// Reads TOML text.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Table, Box<ConfigError>> {
    match Document::parse(source.text()) {
        Ok(document) => Ok(table(document.as_table(), source, 0)),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            let message = error.message().trim_end().replace('\n', ", ");
            Err(Box::new(
                ConfigError::new(Code::Syntax, KeyPath::default(), message)
                    .at(&Place::new(source, span))
                    .label("here"),
            ))
        }
    }
}

/// Reads the value of an assignment, which starts at byte `start` of the text: TOML, or else a bare
/// string.
pub(crate) fn parse_value(source: &Arc<Source>, start: usize) -> Node {
    const PREFIX: &str = "v=";
    let written = &source.text()[start..];
    let shift = start as isize - PREFIX.len() as isize;
    let text = format!("{PREFIX}{written}");
    let parsed = Document::parse(text.as_str())
        .ok()
        .filter(|document| document.as_table().len() == 1)
        .and_then(|document| item(document.get("v")?, source, 0..text.len(), shift));
    parsed.unwrap_or_else(|| Node {
        value: Value::Str(written.to_owned()),
        place: Place::new(source, start..source.text().len()),
    })
}

fn table(from: &dyn TableLike, source: &Arc<Source>, shift: isize) -> Table {
    let mut table = Table::default();
    for (name, value) in from.iter() {
        let key_span = from.get_key_value(name).and_then(|(key, _)| key.span());
        let fallback = key_span.clone().or_else(|| value.span()).unwrap_or(0..0);
        if let Some(node) = item(value, source, fallback.clone(), shift) {
            let key_place = place(source, key_span.unwrap_or(fallback), shift);
            table.entries.push(Entry {
                key: name.to_owned(),
                key_place,
                node,
            });
        }
    }
    table
}

fn item(
    from: &Item,
    source: &Arc<Source>,
    fallback: std::ops::Range<usize>,
    shift: isize,
) -> Option<Node> {
    let span = from.span().unwrap_or_else(|| fallback.clone());
    let value = match from {
        Item::None => return None,
        Item::Value(value) => return Some(scalar(value, source, fallback, shift)),
        Item::Table(inner) => Value::Table(table(inner, source, shift)),
        Item::ArrayOfTables(tables) => {
            let element = |t: &toml_edit::Table| Node {
                value: Value::Table(table(t, source, shift)),
                place: place(source, t.span().unwrap_or_else(|| span.clone()), shift),
            };
            Value::Array(tables.iter().map(element).collect())
        }
    };
    Some(Node {
        value,
        place: place(source, span, shift),
    })
}

fn scalar(
    from: &toml_edit::Value,
    source: &Arc<Source>,
    fallback: std::ops::Range<usize>,
    shift: isize,
) -> Node {
    use toml_edit::Value as Toml;
    let span = from.span().unwrap_or(fallback);
    let value = match from {
        Toml::String(s) => Value::Str(s.value().clone()),
        Toml::Integer(i) => Value::Int(*i.value()),
        Toml::Float(f) => Value::Float(*f.value()),
        Toml::Boolean(b) => Value::Bool(*b.value()),
        Toml::Datetime(d) => Value::Str(d.value().to_string()),
        Toml::Array(a) => Value::Array(
            a.iter()
                .map(|v| scalar(v, source, span.clone(), shift))
                .collect(),
        ),
        Toml::InlineTable(t) => Value::Table(table(t, source, shift)),
    };
    Node {
        value,
        place: place(source, span, shift),
    }
}

fn place(source: &Arc<Source>, span: std::ops::Range<usize>, shift: isize) -> Place {
    let moved = |byte: usize| byte.saturating_add_signed(shift);
    Place::new(source, moved(span.start)..moved(span.end))
}
