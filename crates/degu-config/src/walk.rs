//! Pass one of the validation: the merged tree against the schemas. Reports everything, each with
//! its place.

mod choice;
mod plugin;

use std::{cell::OnceCell, collections::BTreeMap};

use degu_core::{Slot, suggest::nearest};
use serde_json::{Map, Value as Json};

use super::{
    book::{Book, variant},
    error::{Code, ConfigError},
    expect::{describe, outside},
    node::{Node, Table, Value},
    path::KeyPath,
    slot::SLOT,
    source::Place,
};

/// The table of a plugin that is known, found on the way.
#[derive(Debug)]
pub(crate) struct SlotUse {
    pub(crate) slot: Slot,
    pub(crate) path: KeyPath,
    pub(crate) place: Place,
    pub(crate) table: Table,
}

/// Walks the tree of a study.
pub(crate) struct Walker<'a> {
    book: &'a Book,
    tree: &'a Table,
    homes: OnceCell<BTreeMap<String, Vec<String>>>,
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) slots: Vec<SlotUse>,
}

/// A schema, and the document that its references point into.
#[derive(Clone, Copy)]
struct At<'a> {
    schema: &'a Json,
    root: &'a Json,
}

impl<'a> At<'a> {
    fn new(schema: &'a Json, root: &'a Json) -> Self {
        Self {
            schema: variant(schema, root),
            root,
        }
    }

    fn to(self, schema: &'a Json) -> Self {
        Self::new(schema, self.root)
    }

    fn get(self, keyword: &str) -> Option<&'a Json> {
        self.schema.get(keyword)
    }

    fn properties(self) -> Option<&'a Map<String, Json>> {
        self.get("properties")?.as_object()
    }

    fn branches(self) -> Option<Vec<Self>> {
        let branches = self
            .get("oneOf")
            .or_else(|| self.get("anyOf"))?
            .as_array()?;
        let real = branches.iter().map(|branch| self.to(branch));
        Some(
            real.filter(|branch| branch.get("type").and_then(Json::as_str) != Some("null"))
                .collect(),
        )
    }
}

impl<'a> Walker<'a> {
    /// Walks a whole study. `file` stands for sections that are missing.
    pub(crate) fn study(book: &'a Book, tree: &'a Table, file: &Place) -> Self {
        let (errors, slots) = (Vec::new(), Vec::new());
        let homes = OnceCell::new();
        let mut walker = Self {
            book,
            tree,
            homes,
            errors,
            slots,
        };
        let root = At::new(book.root(), book.root());
        walker.table(tree, file, root, &KeyPath::default());
        walker
    }

    fn node(&mut self, node: &Node, at: At<'a>, path: &KeyPath) {
        if let Some(slot) = at.get(SLOT).and_then(Json::as_str) {
            return self.slot(node, at, slot, path);
        }
        if let Some(branches) = at.branches() {
            return self.choose(node, &branches, path);
        }
        if let Some(known) = at.get("enum").and_then(Json::as_array) {
            return self.constant(node, known, path);
        }
        if let Some(constant) = at.get("const") {
            return self.constant(node, std::slice::from_ref(constant), path);
        }
        if !has_type(node, at.schema) {
            let message = format!("expected {}, found {}", describe(at.schema), node.found());
            return self.report(
                ConfigError::new(Code::Type, path.clone(), message)
                    .at(&node.place)
                    .label("wrong type"),
            );
        }
        match &node.value {
            Value::Int(_) | Value::Float(_) => self.range(node, at, path),
            Value::Str(text) => {
                let least = at.get("minLength").and_then(Json::as_u64).unwrap_or(0);
                if (text.chars().count() as u64) < least {
                    let error = ConfigError::new(Code::Range, path.clone(), "must not be empty")
                        .at(&node.place);
                    self.report(error.label("empty"));
                }
            }
            Value::Array(array) => self.array(node, array, at, path),
            Value::Table(table) => self.table(table, &node.place, at, path),
            Value::Bool(_) => {}
        }
    }

    fn range(&mut self, node: &Node, at: At<'a>, path: &KeyPath) {
        if let Some(value) = node.as_f64()
            && let Some(range) = outside(value, at.schema)
        {
            let found = node.found();
            let found = found.rsplit(' ').next().unwrap_or_default();
            let message = format!("must be {range}, found {found}");
            self.report(
                ConfigError::new(Code::Range, path.clone(), message)
                    .at(&node.place)
                    .label("out of range"),
            );
        }
    }

    fn array(&mut self, node: &Node, array: &[Node], at: At<'a>, path: &KeyPath) {
        let bound = |keyword: &str| at.get(keyword).and_then(Json::as_u64);
        let (least, most) = (bound("minItems"), bound("maxItems"));
        let length = array.len() as u64;
        if least.is_some_and(|least| length < least) || most.is_some_and(|most| length > most) {
            let expected = match (least, most) {
                (Some(least), Some(most)) if least == most => format!("exactly {least}"),
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (_, most) => format!("at most {}", most.unwrap_or_default()),
            };
            let message = format!("expected {expected} elements, found {length}");
            self.report(
                ConfigError::new(Code::Range, path.clone(), message)
                    .at(&node.place)
                    .label("wrong length"),
            );
        }
        let first = at.get("prefixItems").and_then(Json::as_array);
        for (i, element) in array.iter().enumerate() {
            let schema = first
                .and_then(|first| first.get(i))
                .or_else(|| at.get("items"));
            if let Some(schema) = schema.filter(|schema| schema.is_object()) {
                self.node(element, at.to(schema), &path.index(i));
            }
        }
        if at.get("uniqueItems") == Some(&Json::Bool(true)) {
            let values: Vec<Json> = array.iter().map(Node::to_json).collect();
            for (i, element) in array.iter().enumerate() {
                if values[..i].contains(&values[i]) {
                    let message = format!("{} is listed twice", values[i]);
                    let error =
                        ConfigError::new(Code::Value, path.index(i), message).at(&element.place);
                    self.report(error.label("already in the list"));
                }
            }
        }
    }

    fn table(&mut self, table: &Table, place: &Place, at: At<'a>, path: &KeyPath) {
        let empty = Map::new();
        let known = at.properties();
        let more = at.get("additionalProperties");
        for entry in &table.entries {
            let below = path.key(&entry.key);
            match (known.and_then(|known| known.get(&entry.key)), more) {
                (Some(schema), _) => self.node(&entry.node, at.to(schema), &below),
                (None, Some(Json::Object(_))) => {
                    if let Some(schema) = more {
                        self.node(&entry.node, at.to(schema), &below);
                    }
                }
                (None, Some(Json::Bool(false))) => {
                    let keys: Vec<&str> =
                        known.unwrap_or(&empty).keys().map(String::as_str).collect();
                    let message = if path.0.is_empty() {
                        "there is no such section"
                    } else {
                        "unknown key"
                    };
                    let owner = if path.0.is_empty() {
                        "sections".to_owned()
                    } else {
                        format!("keys of [{path}]")
                    };
                    self.unknown(
                        &entry.key,
                        &entry.key_place,
                        path,
                        message.to_owned(),
                        &keys,
                        &owner,
                    );
                }
                (None, _) => {}
            }
        }
        self.required(table, place, at, path);
    }

    fn required(&mut self, table: &Table, place: &Place, at: At<'a>, path: &KeyPath) {
        for key in at
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
        {
            if table.entry(key).is_none() {
                self.missing(key, place, path, "");
            }
        }
    }

    fn missing(&mut self, key: &str, place: &Place, path: &KeyPath, more: &str) {
        let (message, help) = if path.0.is_empty() {
            (
                format!("the section [{key}] is missing"),
                format!("add [{key}]; a file may also extend one that has it"),
            )
        } else {
            (
                format!("`{key}` is missing"),
                format!("add `{key} = ..`{more}"),
            )
        };
        let error = ConfigError::new(Code::MissingKey, path.key(key), message).at(place);
        self.report(
            error
                .label(if path.0.is_empty() {
                    "in this file"
                } else {
                    "in this table"
                })
                .help(help),
        );
    }

    fn unknown(
        &mut self,
        key: &str,
        place: &Place,
        path: &KeyPath,
        message: String,
        known: &[&str],
        owner: &str,
    ) {
        let near = nearest(key, known.iter().copied());
        let here = format!("[{path}]");
        let homes = self.homes.get_or_init(|| self.book.homes(self.tree));
        let elsewhere = homes.get(key).map(|homes| {
            let homes: Vec<&str> = homes
                .iter()
                .map(String::as_str)
                .filter(|home| *home != here)
                .take(3)
                .collect();
            homes.join(" or ")
        });
        let label = match (near, elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(homes)) if !homes.is_empty() => format!("`{key}` belongs to {homes}"),
            _ => "not known here".to_owned(),
        };
        let help = if known.is_empty() {
            format!("{owner}: none")
        } else {
            format!("{owner}: {}", known.join(", "))
        };
        self.report(
            ConfigError::new(Code::UnknownKey, path.key(key), message)
                .at(place)
                .label(label)
                .help(help),
        );
    }

    fn report(&mut self, error: ConfigError) {
        self.errors.push(error);
    }
}

/// Whether a value has the type of a schema; whole numbers are numbers.
fn has_type(node: &Node, schema: &Json) -> bool {
    let fits = |name: &str| {
        matches!(
            (name, &node.value),
            ("boolean", Value::Bool(_))
                | ("integer" | "number", Value::Int(_))
                | ("number", Value::Float(_))
                | ("string", Value::Str(_))
                | ("array", Value::Array(_))
                | ("object", Value::Table(_))
        )
    };
    match schema.get("type") {
        Some(Json::String(name)) => fits(name),
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).any(fits),
        _ => true,
    }
}
