//! The schemas of all sections and plugins, side by side.

use std::collections::BTreeMap;

use degu_core::{Slot, registry};
use serde_json::{Map, Value, json};

use super::{
    node::Table,
    path::{KeyPath, Step, quoted},
    sections::Sections,
    slot::{BARE, NONE, OPTIONAL, SLOT},
};

/// The schema of an experiment file, and of every plugin that is linked.
#[derive(Debug)]
pub(crate) struct SchemaSet {
    root: Value,
    slots: BTreeMap<String, (Slot, BTreeMap<&'static str, Value>)>,
}

impl SchemaSet {
    /// Reads the registry.
    ///
    /// # Errors
    ///
    /// Those of [`registry::validate`].
    pub(crate) fn new() -> degu_core::Result<Self> {
        registry::validate()?;
        let mut slots: BTreeMap<String, (Slot, BTreeMap<&'static str, Value>)> = Slot::ALL
            .iter()
            .map(|slot| (slot.to_string(), (*slot, BTreeMap::new())))
            .collect();
        for entry in registry::all()? {
            if let Some((_, plugins)) = slots.get_mut(&entry.slot.to_string()) {
                plugins.insert(entry.name, Value::from((entry.schema)()));
            }
        }
        let mut root = Value::from(schemars::schema_for!(Sections));
        if let Some(root) = root.as_object_mut() {
            root.insert(
                "required".to_owned(),
                json!(["study", "dataset", "architecture"]),
            );
        }
        // What the built-in layer always provides is not asked for.
        for section in ["Ensemble", "Distill"] {
            if let Some(definition) = root
                .pointer_mut(&format!("/$defs/{section}"))
                .and_then(Value::as_object_mut)
            {
                definition.remove("required");
            }
        }
        Ok(Self { root, slots })
    }

    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    pub(crate) fn slot(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).map(|(slot, _)| *slot)
    }

    pub(crate) fn plugin(&self, slot: &str, name: &str) -> Option<&Value> {
        self.slots.get(slot)?.1.get(name)
    }

    pub(crate) fn names(&self, slot: &str) -> Vec<&'static str> {
        self.slots
            .get(slot)
            .map(|(_, plugins)| plugins.keys().copied().collect())
            .unwrap_or_default()
    }

    /// The schema at a path of framework keys.
    fn at(&self, path: &KeyPath) -> Option<&Value> {
        path.0.iter().try_fold(&self.root, |schema, step| {
            let schema = variant(schema, &self.root);
            match step {
                Step::Key(key) => schema
                    .get("properties")
                    .and_then(|properties| properties.get(key))
                    .or_else(|| {
                        schema
                            .get("additionalProperties")
                            .filter(|more| more.is_object())
                    }),
                Step::Index(_) => schema.get("items"),
            }
        })
    }

    /// The default at a path of framework keys: of the key itself, or of the table that holds it.
    pub(crate) fn default_at(&self, path: &KeyPath) -> Option<Value> {
        self.at(path)?.get("default").cloned()
    }

    /// Where each known key belongs: `dropout` to `[architecture]`. Of plugins, those that the tree
    /// names.
    pub(crate) fn tables_with_key(&self, tree: &Table) -> BTreeMap<String, Vec<String>> {
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        self.collect(
            &self.root,
            &self.root,
            Some(tree),
            &mut Vec::new(),
            &mut tables,
        );
        for list in tables.values_mut() {
            // The table that others inherit from comes first.
            list.sort_by_key(|table| table.matches('.').count());
        }
        tables
    }

    fn collect(
        &self,
        schema: &Value,
        root: &Value,
        tree: Option<&Table>,
        path: &mut Vec<String>,
        tables: &mut BTreeMap<String, Vec<String>>,
    ) {
        const DEPTH: usize = 3;
        if path.len() > DEPTH {
            return;
        }
        let schema = variant(schema, root);
        let mut add = |properties: &Map<String, Value>, path: &[String]| {
            for key in properties.keys().filter(|_| !path.is_empty()) {
                let table = format!("[{}]", path.join("."));
                let list: &mut Vec<String> = tables.entry(key.clone()).or_default();
                if !list.contains(&table) {
                    list.push(table);
                }
            }
        };
        if let Some(slot) = schema.get(SLOT).and_then(Value::as_str)
            && let Some(name) = tree.and_then(|tree| tree.text("plugin"))
            && let Some(properties) = self
                .plugin(slot, name)
                .and_then(|p| p.get("properties")?.as_object())
        {
            add(properties, path);
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            add(properties, path);
            for (key, inner) in properties {
                path.push(quoted(key));
                self.collect(
                    inner,
                    root,
                    tree.and_then(|tree| tree.table(key)),
                    path,
                    tables,
                );
                path.pop();
            }
        }
        if let Some(inner) = schema
            .get("additionalProperties")
            .filter(|inner| inner.is_object())
        {
            for entry in tree.map(|tree| tree.entries.as_slice()).unwrap_or_default() {
                path.push(quoted(&entry.key));
                self.collect(inner, root, entry.node.as_table(), path, tables);
                path.pop();
            }
        }
    }

    /// The schema of an experiment file for editors: the parameters of a table follow from its
    /// `plugin`.
    pub(crate) fn for_editors(&self) -> Value {
        let mut definitions = Map::new();
        let mut root = self.root.clone();
        if let Some(Value::Object(sections)) =
            root.as_object_mut().and_then(|root| root.remove("$defs"))
        {
            definitions.extend(sections);
        }
        for (slot, (_, plugins)) in &self.slots {
            for (name, schema) in plugins {
                let inner = schema.get("$defs").and_then(Value::as_object);
                for (definition, schema) in inner.into_iter().flatten() {
                    let mut schema = schema.clone();
                    rename_references(&mut schema, slot, name);
                    definitions.insert(format!("{slot}.{name}.{definition}"), schema);
                }
            }
        }
        self.open_slots(&mut root);
        definitions
            .values_mut()
            .for_each(|definition| self.open_slots(definition));
        if let Some(root) = root.as_object_mut() {
            root.remove("required");
            root.insert("title".to_owned(), json!("degu-lab experiment"));
            root.insert("$defs".to_owned(), Value::Object(definitions));
            if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
                let extends = json!({
                    "type": "array", "items": { "type": "string" },
                    "description": "Files that this one extends, relative to it; merged left to right, this file last.",
                });
                properties.insert("extends".to_owned(), extends);
            }
        }
        root
    }

    /// Replaces the marks of slots by one `if`/`then` per plugin.
    fn open_slots(&self, schema: &mut Value) {
        match schema {
            Value::Array(array) => array.iter_mut().for_each(|inner| self.open_slots(inner)),
            Value::Object(object) => {
                object.values_mut().for_each(|inner| self.open_slots(inner));
                let Some(Value::String(slot)) = object.remove(SLOT) else {
                    return;
                };
                let optional = object.remove(OPTIONAL).is_some();
                let bare = object.remove(BARE);
                let table = self.open_slot(&slot, object, optional);
                let description = object.get("description").cloned();
                *object = match bare {
                    None => table,
                    Some(more) => {
                        let mut names = json!(self.names(&slot));
                        if let (Value::Array(names), Value::Array(more)) = (&mut names, more) {
                            names.extend(more);
                        }
                        Map::from_iter([("anyOf".to_owned(), json!([{ "enum": names }, table]))])
                    }
                };
                if let Some(description) = description {
                    object.insert("description".to_owned(), description);
                }
            }
            _ => {}
        }
    }

    fn open_slot(
        &self,
        slot: &str,
        object: &Map<String, Value>,
        optional: bool,
    ) -> Map<String, Value> {
        let framework = object
            .get("properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut names: Vec<&str> = self.names(slot);
        let mut cases = Vec::new();
        for name in &names {
            let mut schema = self.plugin(slot, name).cloned().unwrap_or_default();
            rename_references(&mut schema, slot, name);
            let mut properties = framework.clone();
            if let Some(Value::Object(parameters)) = schema.get("properties").cloned() {
                properties.extend(parameters);
            }
            properties.insert(
                "plugin".to_owned(),
                json!({ "const": name, "description": schema.get("description") }),
            );
            cases.push(json!({
                "if": { "properties": { "plugin": { "const": name } }, "required": ["plugin"] },
                "then": { "properties": properties, "additionalProperties": false },
            }));
        }
        if optional {
            names.push(NONE);
        }
        let mut properties = framework;
        properties.insert(
            "plugin".to_owned(),
            json!({ "type": "string", "enum": names }),
        );
        let mut table = Map::new();
        table.insert("type".to_owned(), json!("object"));
        table.insert("properties".to_owned(), Value::Object(properties));
        if !cases.is_empty() {
            table.insert("allOf".to_owned(), Value::Array(cases));
        }
        table
    }
}

/// Follows references, and takes the one branch of an optional value.
pub(crate) fn variant<'a>(mut schema: &'a Value, root: &'a Value) -> &'a Value {
    // Definitions do not refer to themselves in circles without a branch in between; the bound is a
    // guard.
    for _ in 0..16 {
        if let Some(target) = reference(schema, root) {
            schema = target;
        } else if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            let mut real = branches
                .iter()
                .filter(|branch| branch.get("type") != Some(&json!("null")));
            match (real.next(), real.next()) {
                (Some(only), None) => schema = only,
                _ => return schema,
            }
        } else {
            return schema;
        }
    }
    schema
}

/// The target of `$ref`.
fn reference<'a>(schema: &Value, root: &'a Value) -> Option<&'a Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

fn rename_references(schema: &mut Value, slot: &str, name: &str) {
    match schema {
        Value::Array(array) => array
            .iter_mut()
            .for_each(|inner| rename_references(inner, slot, name)),
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get_mut("$ref")
                && let Some(definition) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#/$defs/{slot}.{name}.{definition}");
            }
            object
                .values_mut()
                .for_each(|inner| rename_references(inner, slot, name));
        }
        _ => {}
    }
}
