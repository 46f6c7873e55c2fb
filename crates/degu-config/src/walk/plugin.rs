//! The tables of plugins.

use degu_core::suggest::nearest;
use serde_json::{Map, Value as Json};

use super::{At, SlotUse, Walker};
use crate::{
    error::{Code, ConfigError},
    node::{Node, Value},
    path::KeyPath,
    slot::{BARE, NONE, OPTIONAL},
    source::Place,
};

impl<'a> Walker<'a> {
    /// The table of a plugin: the framework's keys, and the plugin's own.
    pub(super) fn slot(&mut self, node: &Node, at: At<'a>, slot: &str, path: &KeyPath) {
        let names = self.book.names(slot);
        let table = match (&node.value, at.get(BARE)) {
            (Value::Table(table), _) => table,
            (Value::Str(name), Some(more)) => {
                let more: Vec<&str> = more
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .collect();
                if self.book.plugin(slot, name).is_none() && !more.contains(&name.as_str()) {
                    let all: Vec<&str> = names.iter().copied().chain(more).collect();
                    self.unknown_plugin(slot, name, &node.place, path.clone(), &all);
                }
                return;
            }
            (_, bare) => {
                let name = if bare.is_some() {
                    "the name of a plugin or a"
                } else {
                    "a"
                };
                let message = format!(
                    "expected {name} table with `plugin`, found {}",
                    node.found()
                );
                let error = ConfigError::new(Code::Type, path.clone(), message)
                    .at(&node.place)
                    .label("wrong type");
                return self.report(error.help(format!(
                    "write {{ plugin = \"{}\" }}",
                    names.first().unwrap_or(&"..")
                )));
            }
        };
        let framework = at.properties();
        let plugin = match table.get("plugin") {
            None => {
                let known = if names.is_empty() {
                    String::new()
                } else {
                    format!("; known: {}", names.join(", "))
                };
                self.missing("plugin", &node.place, path, &known);
                None
            }
            Some(Node {
                value: Value::Str(name),
                place,
            }) => {
                let plugin = self
                    .book
                    .plugin(slot, name)
                    .map(|schema| (name.as_str(), schema));
                if name == NONE && at.get(OPTIONAL).is_some() {
                    Some((NONE, &Json::Null))
                } else {
                    if plugin.is_none() {
                        self.unknown_plugin(slot, name, place, path.key("plugin"), &names);
                    }
                    plugin
                }
            }
            Some(other) => {
                let message = format!("expected the name of a plugin, found {}", other.found());
                let error =
                    ConfigError::new(Code::Type, path.key("plugin"), message).at(&other.place);
                self.report(error.label("wrong type"));
                None
            }
        };
        let own = plugin.map(|(_, schema)| At::new(schema, schema));
        for entry in table.entries.iter().filter(|entry| entry.key != "plugin") {
            let below = path.key(&entry.key);
            if let Some(schema) = framework.and_then(|framework| framework.get(&entry.key)) {
                self.node(&entry.node, at.to(schema), &below);
            } else if let (Some((name, _)), Some(own)) = (plugin, own) {
                if let Some(schema) = own.properties().and_then(|own| own.get(&entry.key)) {
                    self.node(&entry.node, own.to(schema), &below);
                    continue;
                }
                let known = own
                    .properties()
                    .into_iter()
                    .chain(framework)
                    .flat_map(Map::keys);
                let known = known.map(String::as_str).filter(|key| *key != "plugin");
                let known: Vec<&str> = known.collect();
                let message = format!("`{name}` has no parameter `{}`", entry.key);
                let owner = format!("parameters of {name}");
                self.unknown(&entry.key, &entry.key_place, path, message, &known, &owner);
            }
        }
        if let (Some((name, _)), Some(own)) = (plugin, own) {
            self.required(table, &node.place, own, path);
            if let Some(slot) = self.book.slot(slot).filter(|_| name != NONE) {
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

    pub(super) fn unknown_plugin(
        &mut self,
        slot: &str,
        name: &str,
        place: &Place,
        path: KeyPath,
        known: &[&str],
    ) {
        let message = format!("no {slot} plugin is named `{name}`");
        let label = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "not known".to_owned(),
        };
        let all = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        let help = format!(
            "known: {all}; is its crate linked? (`use degu_{}_x as _;`)",
            short(slot)
        );
        self.report(
            ConfigError::new(Code::UnknownPlugin, path, message)
                .at(place)
                .label(label)
                .help(help),
        );
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
