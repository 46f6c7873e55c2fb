//! Values that may be one of several.

use serde_json::Value as Json;

use super::{At, Validator, has_type};
use crate::{
    error::{Code, ConfigError, suggestion},
    expect::{describe, list},
    node::{Node, Value},
    path::{KeyPath, Step},
};

impl<'a> Validator<'a> {
    /// A value that may be one of several: by its constants, by the key that says its kind, or by
    /// its type.
    pub(super) fn choose(&mut self, node: &Node, branches: &[At<'a>], path: &KeyPath) {
        let constants: Vec<&Json> = branches
            .iter()
            .flat_map(|branch| constants(branch.schema))
            .collect();
        if constants.len() >= branches.len() && branches.iter().all(|b| !constants_of(b).is_empty())
        {
            let known: Vec<Json> = constants.into_iter().cloned().collect();
            return self.constant(node, &known, path);
        }
        if let Some(tag) = tag(branches) {
            return self.tagged(node, branches, tag, path);
        }
        let fitting: Vec<&At<'a>> = branches
            .iter()
            .filter(|branch| has_type(node, branch.schema))
            .collect();
        let named = |branch: &&&At<'a>| match (
            &node.value,
            branch.get("required").and_then(Json::as_array),
        ) {
            (Value::Table(table), Some(keys)) => keys
                .iter()
                .filter_map(Json::as_str)
                .all(|key| table.entry(key).is_some()),
            _ => true,
        };
        if let Some(branch) = fitting.iter().find(named).or(fitting.first()) {
            if self.no_such_word(node, branch, branches, path) {
                return;
            }
            return self.node(node, **branch, path);
        }
        let expected: Vec<String> = branches
            .iter()
            .map(|branch| describe(branch.schema))
            .collect();
        let message = format!("expected {}, found {}", expected.join(" or "), node.found());
        self.report(Code::Type, path, &node.place, "wrong type", message);
    }

    /// Reports a word that is none of a branch's, naming the tables that could stand there instead.
    fn no_such_word(
        &mut self,
        node: &Node,
        branch: &At<'a>,
        branches: &[At<'a>],
        path: &KeyPath,
    ) -> bool {
        let known = constants_of(branch);
        let Some(word) = node.as_str() else {
            return false;
        };
        if known.is_empty() || known.iter().any(|k| k.as_str() == Some(word)) {
            return false;
        }
        let tables: Vec<String> = branches
            .iter()
            .filter_map(|b| b.get("required")?.as_array()?.first()?.as_str())
            .map(|key| format!("{{ {key} = \"..\" }}"))
            .collect();
        let mut expected: Vec<String> = known.iter().map(ToString::to_string).collect();
        expected.extend(tables.iter().cloned());
        let words: Vec<&str> = known.iter().filter_map(|k| k.as_str()).collect();
        let label = suggestion(word, words, '"', "not known");
        let message = format!("expected {}, found {}", expected.join(", "), node.found());
        let mut error = ConfigError::new(Code::Value, path.clone(), message)
            .at(&node.place)
            .label(label);
        if let (Some(Step::Key(key)), Some(table)) = (path.0.last(), tables.first()) {
            let written = table.replace("..", word);
            error = error.help(format!("if `{word}` is meant as such: {key} = {written}"));
        }
        self.errors.push(error);
        true
    }

    pub(super) fn tagged(
        &mut self,
        node: &Node,
        branches: &[At<'a>],
        tag: &'a str,
        path: &KeyPath,
    ) {
        let constant = |branch: &At<'a>| branch.properties()?.get(tag)?.get("const")?.as_str();
        let known: Vec<&str> = branches.iter().filter_map(constant).collect();
        let Value::Table(table) = &node.value else {
            let message = format!("expected a table with `{tag}`, found {}", node.found());
            let error = ConfigError::new(Code::Type, path.clone(), message)
                .at(&node.place)
                .label("wrong type");
            let example = known.first().unwrap_or(&"..");
            self.errors
                .push(error.help(format!("write {{ {tag} = \"{example}\" }}")));
            return;
        };
        match table.get(tag) {
            None => self.missing(
                tag,
                &node.place,
                path,
                &format!("; known: {}", known.join(", ")),
            ),
            Some(kind) => {
                let named = |b: &&At<'a>| constant(b).is_some() && constant(b) == kind.as_str();
                if let Some(branch) = branches.iter().find(named) {
                    return self.table(table, &node.place, *branch, path);
                }
                let known: Vec<Json> = known.into_iter().map(Json::from).collect();
                self.constant(kind, &known, &path.key(tag));
            }
        }
    }

    pub(super) fn constant(&mut self, node: &Node, known: &[Json], path: &KeyPath) {
        if known.contains(&node.to_json()) {
            return;
        }
        let texts: Vec<&str> = known.iter().filter_map(Json::as_str).collect();
        let message = format!("expected {}, found {}", list(known), node.found());
        let code = if node.as_str().is_some() || texts.len() < known.len() {
            Code::Value
        } else {
            Code::Type
        };
        let label = node.as_str().map_or_else(
            || "not known".to_owned(),
            |text| suggestion(text, texts, '"', "not known"),
        );
        self.report(code, path, &node.place, label, message);
    }
}

fn constants_of<'a>(at: &At<'a>) -> Vec<&'a Json> {
    constants(at.schema)
}

/// The values that a schema lists.
fn constants(schema: &Json) -> Vec<&Json> {
    match (
        schema.get("const"),
        schema.get("enum").and_then(Json::as_array),
    ) {
        (Some(constant), _) => vec![constant],
        (None, Some(known)) => known.iter().collect(),
        _ => Vec::new(),
    }
}

/// The key whose constant tells the branches apart.
fn tag<'a>(branches: &[At<'a>]) -> Option<&'a str> {
    let properties = branches.first()?.properties()?;
    let candidate = |key: &&'a String| {
        branches.iter().all(|branch| {
            branch
                .properties()
                .and_then(|p| p.get(*key)?.get("const"))
                .is_some()
        })
    };
    properties.keys().find(candidate).map(String::as_str)
}
