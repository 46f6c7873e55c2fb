//! The reference page of one plugin.

use degu_contract::parameters::{Kind, Parameter, description, of_schema};
use degu_core::{Slot, registry::Entry};
use serde::Serialize;
use serde_json::Value;

/// A plugin's own description of itself.
#[derive(Serialize)]
pub(super) struct Page {
    pub(super) slot: Slot,
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: String,
    /// Why one would use it, and when not, in paragraphs.
    pub(super) about: Vec<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) cite: Option<&'static str>,
    pub(super) revision: u32,
    pub(super) package: &'static str,
    pub(super) version: &'static str,
    pub(super) file: &'static str,
    pub(super) line: u32,
    pub(super) json_schema: Value,
}

impl Page {
    pub(super) fn of(entry: &Entry) -> Self {
        let schema = (entry.schema)();
        Self {
            slot: entry.slot,
            name: entry.name,
            summary: entry.summary,
            description: description(&schema),
            about: degu_core::docs::introduction(entry),
            parameters: of_schema(&schema),
            cite: entry.cite,
            revision: entry.revision,
            package: entry.origin.package,
            version: entry.origin.version,
            file: entry.origin.file,
            line: entry.origin.line,
            json_schema: schema.as_value().clone(),
        }
    }
}

/// A default as an experiment file writes it.
pub(super) fn default(parameter: &Parameter) -> String {
    match &parameter.default {
        None | Some(Value::Null) => "-".to_owned(),
        Some(value) => toml(value),
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(table) => {
            let pairs: Vec<String> = table
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| format!("{k} = {}", toml(v)))
                .collect();
            if pairs.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", pairs.join(", "))
            }
        }
        other => other.to_string(),
    }
}

/// The meaning on one line, with that of each word of a choice.
pub(super) fn meaning(parameter: &Parameter) -> String {
    let mut text = parameter.description.replace('\n', " ");
    let kind = match &parameter.kind {
        Kind::Optional { of } | Kind::List { of, .. } => of.as_ref(),
        kind => kind,
    };
    if let Kind::Choice { words } = kind {
        for (word, meaning) in words.iter().filter(|(_, meaning)| !meaning.is_empty()) {
            text.push_str(&format!(" `{word}`: {}", meaning.replace('\n', " ")));
        }
    }
    text
}

/// Where a citation leads.
pub(super) fn link(cite: &str) -> String {
    if let Some(doi) = cite.strip_prefix("doi:") {
        format!("https://doi.org/{doi}")
    } else if let Some(id) = cite.strip_prefix("arXiv:") {
        format!("https://arxiv.org/abs/{id}")
    } else {
        cite.to_owned()
    }
}
