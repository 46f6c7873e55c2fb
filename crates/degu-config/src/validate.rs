//! A JSON-Schema validator for values that know where they were written; it reports all errors.
//!
//! It knows the keywords `type`, `enum`, `const`, `minimum`, `maximum`, `exclusiveMinimum`,
//! `exclusiveMaximum`, `minLength`, `minItems`, `maxItems`, `uniqueItems`, `prefixItems`, `items`,
//! `properties`, `additionalProperties`, `required`, `oneOf`, `anyOf`, local `$ref`s, and the
//! marks of plugin tables (`x-slot`, `x-optional`, `x-bare`). It ignores all others, `pattern`
//! among them.

mod choice;
mod plugin;

use std::{cell::OnceCell, collections::BTreeMap};

use degu_core::{Slot, suggest::nearest};
use serde_json::{Map, Value as Json};

use super::{
    error::{Code, ConfigError},
    expect::{describe, outside},
    node::{Entry, Node, Table, Value},
    path::KeyPath,
    retired,
    schemas::{SchemaSet, variant},
    slot::SLOT,
    source::Place,
    write,
};

/// The table of a plugin that is known, found on the way.
#[derive(Debug)]
pub(crate) struct SlotUse {
    pub(crate) slot: Slot,
    pub(crate) path: KeyPath,
    pub(crate) place: Place,
    pub(crate) table: Table,
}

/// The errors of a tree, and the plugin tables in it.
pub(crate) struct Validator<'a> {
    schemas: &'a SchemaSet,
    tree: &'a Table,
    tables: OnceCell<BTreeMap<String, Vec<String>>>,
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

impl<'a> Validator<'a> {
    /// Validates a whole study. `file` stands for sections that are missing.
    pub(crate) fn validate(schemas: &'a SchemaSet, tree: &'a Table, file: &Place) -> Self {
        let mut validator = Self {
            schemas,
            tree,
            tables: OnceCell::new(),
            errors: Vec::new(),
            slots: Vec::new(),
        };
        let root = At::new(schemas.root(), schemas.root());
        validator.table(tree, file, root, &KeyPath::default());
        validator
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
            return self.report(Code::Type, path, &node.place, "wrong type", message);
        }
        match &node.value {
            Value::Int(_) | Value::Float(_) => self.range(node, at, path),
            Value::Str(text) => {
                let least = at.get("minLength").and_then(Json::as_u64).unwrap_or(0);
                if (text.chars().count() as u64) < least {
                    self.report(Code::Range, path, &node.place, "empty", "must not be empty");
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
            let message = format!("must be {range}, found {}", write::inline(node));
            self.report(Code::Range, path, &node.place, "out of range", message);
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
            self.report(Code::Range, path, &node.place, "wrong length", message);
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
                    let label = "already in the list";
                    self.report(Code::Value, &path.index(i), &element.place, label, message);
                }
            }
        }
    }

    fn table(&mut self, table: &Table, place: &Place, at: At<'a>, path: &KeyPath) {
        let known = at.properties();
        let more = at.get("additionalProperties");
        for entry in &table.entries {
            let schema = known.and_then(|known| known.get(&entry.key));
            match (schema.or(more), path.0.is_empty()) {
                (Some(schema @ Json::Object(_)), _) => {
                    self.node(&entry.node, at.to(schema), &path.key(&entry.key));
                }
                (Some(Json::Bool(false)), top) => {
                    let keys = known.into_iter().flat_map(Map::keys).map(String::as_str);
                    let keys: Vec<&str> = keys.collect();
                    let (message, owner) = if top {
                        ("there is no such section", "sections".to_owned())
                    } else {
                        ("unknown key", format!("keys of [{path}]"))
                    };
                    self.unknown(entry, path, message, &keys, &owner);
                }
                _ => {}
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
        let (message, label, help) = if path.0.is_empty() {
            (
                format!("the section [{key}] is missing"),
                "in this file",
                format!("add [{key}]; a file may also extend one that has it"),
            )
        } else {
            (
                format!("`{key}` is missing"),
                "in this table",
                format!("add `{key} = ..`{more}"),
            )
        };
        let error = ConfigError::new(Code::MissingKey, path.key(key), message).at(place);
        self.errors.push(error.label(label).help(help));
    }

    fn unknown(
        &mut self,
        entry: &Entry,
        path: &KeyPath,
        message: &str,
        known: &[&str],
        owner: &str,
    ) {
        let key = entry.key.as_str();
        let below = path.key(key);
        let here = format!("[{path}]");
        let tables = self
            .tables
            .get_or_init(|| self.schemas.tables_with_key(self.tree));
        let elsewhere = tables.get(key).into_iter().flatten();
        let elsewhere: Vec<&str> = elsewhere
            .map(String::as_str)
            .filter(|table| *table != here)
            .take(3)
            .collect();
        let label = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if elsewhere.is_empty() => "not known here".to_owned(),
            None => format!("`{key}` belongs to {}", elsewhere.join(" or ")),
        };
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        let help = if retired::is_retired(&below) {
            format!("`{key}` had no effect and was removed from the format: leave it out")
        } else {
            format!("{owner}: {known}")
        };
        let error = ConfigError::new(Code::UnknownKey, below, message);
        self.errors
            .push(error.at(&entry.key_place).label(label).help(help));
    }

    fn report(
        &mut self,
        code: Code,
        path: &KeyPath,
        place: &Place,
        label: impl Into<String>,
        message: impl Into<String>,
    ) {
        let error = ConfigError::new(code, path.clone(), message);
        self.errors.push(error.at(place).label(label));
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
