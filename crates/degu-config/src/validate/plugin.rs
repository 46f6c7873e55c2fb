//! The tables of plugins.

use serde_json::{Map, Value as Json};

use super::{At, SlotUse, Validator};
use crate::{
    error::{Code, ConfigError, suggestion},
    node::{Node, Table, Value},
    path::KeyPath,
    slot::{BARE, NONE, OPTIONAL},
    source::Place,
};

impl<'a> Validator<'a> {
    /// The table of a plugin: the framework's keys, and the plugin's own.
    pub(super) fn slot(&mut self, node: &Node, at: At<'a>, slot: &str, path: &KeyPath) {
        let Value::Table(table) = &node.value else {
            return self.bare_name(node, at, slot, path);
        };
        let plugin = self.plugin(table, node, at, slot, path);
        let framework = at.properties();
        for entry in table.entries.iter().filter(|entry| entry.key != "plugin") {
            let below = path.key(&entry.key);
            if let Some(schema) = framework.and_then(|framework| framework.get(&entry.key)) {
                self.node(&entry.node, at.to(schema), &below);
                continue;
            }
            let Some((name, schema)) = plugin else {
                continue;
            };
            let parameters = schema.properties();
            if let Some(parameter) = parameters.and_then(|known| known.get(&entry.key)) {
                self.node(&entry.node, schema.to(parameter), &below);
                continue;
            }
            let known = parameters.into_iter().chain(framework).flat_map(Map::keys);
            let known = known.map(String::as_str).filter(|key| *key != "plugin");
            let known: Vec<&str> = known.collect();
            let message = format!("`{name}` has no parameter `{}`", entry.key);
            self.unknown(
                entry,
                path,
                &message,
                &known,
                &format!("parameters of {name}"),
            );
        }
        if let Some((name, schema)) = plugin {
            self.required(table, &node.place, schema, path);
            if let Some(slot) = self.schemas.slot(slot).filter(|_| name != NONE) {
                let (path, place) = (path.clone(), node.place.clone());
                self.slots.push(SlotUse {
                    slot,
                    path,
                    place,
                    table: table.clone(),
                });
            }
        }
    }

    /// A slot that is no table: the name of a plugin where that is enough.
    fn bare_name(&mut self, node: &Node, at: At<'a>, slot: &str, path: &KeyPath) {
        let names = self.schemas.names(slot);
        let bare = at.get(BARE);
        if let (Value::Str(name), Some(more)) = (&node.value, bare) {
            let more = more.as_array().into_iter().flatten();
            let known = names.iter().copied().chain(more.filter_map(Json::as_str));
            let known: Vec<&str> = known.collect();
            if !known.contains(&name.as_str()) {
                self.unknown_plugin(slot, name, &node.place, path.clone(), &known);
            }
            return;
        }
        let name = bare.map_or("a", |_| "the name of a plugin or a");
        let message = format!(
            "expected {name} table with `plugin`, found {}",
            node.found()
        );
        let error = ConfigError::new(Code::Type, path.clone(), message).at(&node.place);
        let example = names.first().unwrap_or(&"..");
        let help = format!("write {{ plugin = \"{example}\" }}");
        self.errors.push(error.label("wrong type").help(help));
    }

    /// The plugin that a table names, with the schema of its parameters.
    fn plugin<'n>(
        &mut self,
        table: &'n Table,
        node: &Node,
        at: At<'a>,
        slot: &str,
        path: &KeyPath,
    ) -> Option<(&'n str, At<'a>)> {
        let names = self.schemas.names(slot);
        let Some(given) = table.get("plugin") else {
            let known = if names.is_empty() {
                String::new()
            } else {
                format!("; known: {}", names.join(", "))
            };
            self.missing("plugin", &node.place, path, &known);
            return None;
        };
        let path = path.key("plugin");
        let Some(name) = given.as_str() else {
            let message = format!("expected the name of a plugin, found {}", given.found());
            self.report(Code::Type, &path, &given.place, "wrong type", message);
            return None;
        };
        if name == NONE && at.get(OPTIONAL).is_some() {
            return Some((NONE, At::new(&Json::Null, &Json::Null)));
        }
        let schema = self.schemas.plugin(slot, name);
        if schema.is_none() {
            self.unknown_plugin(slot, name, &given.place, path, &names);
        }
        Some((name, At::new(schema?, schema?)))
    }

    pub(super) fn unknown_plugin(
        &mut self,
        slot: &str,
        name: &str,
        place: &Place,
        path: KeyPath,
        known: &[&str],
    ) {
        let message = format!("no {slot} plugin is named `{name}`");
        let label = suggestion(name, known.iter().copied(), '`', "not known");
        let all = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        let help = format!(
            "known: {all}; is its crate linked? (`use degu_{}_x as _;`)",
            short(slot)
        );
        let error = ConfigError::new(Code::UnknownPlugin, path, message).at(place);
        self.errors.push(error.label(label).help(help));
    }
}

/// How crates of a slot are called.
fn short(slot: &str) -> &str {
    match slot {
        "dataset" => "data",
        "architecture" => "arch",
        "uncertainty-head" => "head",
        "augmentation" => "aug",
        "attributor" => "attr",
        "calibrator" => "cal",
        other => other,
    }
}
