//! Why a task has to run: which fields of its key differ from the nearest result that is there.

mod setting;

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;
use serde_json::Value;

use crate::{
    key::{Key, KeyFields, canonical_json},
    plan::{Plan, PlanError},
    store::{Store, StoreError, Summary},
};

pub use setting::settings;

/// A question that has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WhyError {
    /// The task is not in the plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answer to "why does this task run?".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// The task.
    pub task: String,
    /// Its key.
    pub key: Key,
    /// True if its result is in the store.
    pub cached: bool,
    /// The published result of the same stage with the fewest differing fields.
    pub nearest: Option<Nearest>,
    /// For inputs that differ: where the difference began.
    pub upstream: Vec<Upstream>,
}

/// A published result beside a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Its key.
    pub key: Key,
    /// Name of the task that computed it.
    pub task: String,
    /// Study that computed it.
    pub study: String,
    /// When it was started, in seconds since 1970.
    pub started: f64,
    /// The fields that differ.
    pub differences: Vec<Difference>,
    /// The fields of the key that are equal as a whole.
    pub same: Vec<String>,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Dotted path below the key's fields, as in `plugins.architecture.dropout`.
    pub path: String,
    /// Value of the published result; `None` if it had none.
    pub old: Option<Value>,
    /// Value of the task; `None` if it has none.
    pub new: Option<Value>,
}

/// A task upstream whose own fields differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Upstream {
    /// The task.
    pub task: String,
    /// Its fields that differ, inputs left out.
    pub differences: Vec<Difference>,
}

/// Explains a task of a plan.
///
/// # Errors
///
/// [`WhyError::Plan`] for a name that is not in the plan, [`WhyError::Store`] if the store cannot
/// be listed.
pub fn why(plan: &Plan, store: &Store, name: &str) -> Result<Why, WhyError> {
    let place = plan.position(name).ok_or_else(|| PlanError::UnknownTask {
        id: name.to_owned(),
    })?;
    let node = &plan.nodes()[place];
    let summaries = store.summaries()?;
    let by_key: BTreeMap<Key, &Summary> = summaries.iter().map(|s| (s.key, s)).collect();
    let nearest = summaries
        .iter()
        .filter(|summary| summary.fields.stage == node.task.fields.stage)
        .map(|summary| (compare(&summary.fields, &node.task.fields), summary))
        // Ties go to the newest, then to the smaller key: one answer whatever the order of the
        // listing.
        .min_by(|(a, one), (b, two)| {
            let newest = || two.started.total_cmp(&one.started);
            a.len()
                .cmp(&b.len())
                .then_with(newest)
                .then(one.key.cmp(&two.key))
        });
    let mut upstream = Vec::new();
    if let Some((_, summary)) = &nearest {
        roots(plan, place, &summary.fields, &by_key, &mut upstream);
    }
    Ok(Why {
        task: name.to_owned(),
        key: node.key,
        cached: store.contains(&node.key),
        nearest: nearest.map(|(differences, summary)| Nearest {
            key: summary.key,
            task: summary.task.clone(),
            study: summary.study.clone(),
            started: summary.started,
            same: same(&summary.fields, &node.task.fields),
            differences,
        }),
        upstream,
    })
}

/// Follows inputs that differ to the tasks whose own fields differ.
fn roots(
    plan: &Plan,
    place: usize,
    old: &KeyFields,
    by_key: &BTreeMap<Key, &Summary>,
    found: &mut Vec<Upstream>,
) {
    let node = &plan.nodes()[place];
    for (i, &input) in node.inputs.iter().enumerate() {
        let before = old
            .inputs
            .get(i)
            .filter(|key| **key != plan.nodes()[input].key);
        let Some(before) = before.and_then(|key| by_key.get(key)) else {
            continue;
        };
        let task = &plan.nodes()[input].task;
        if found.iter().any(|known| known.task == task.id)
            || before.fields.stage != task.fields.stage
        {
            continue;
        }
        let mut differences = compare(&before.fields, &task.fields);
        differences.retain(|difference| !difference.path.starts_with("inputs["));
        if !differences.is_empty() {
            let task = task.id.clone();
            found.push(Upstream { task, differences });
        }
        roots(plan, input, &before.fields, by_key, found);
    }
}

/// Fields of two keys that differ, leaf by leaf, sorted by path.
pub fn compare(old: &KeyFields, new: &KeyFields) -> Vec<Difference> {
    let mut differences = Vec::new();
    walk("", Some(&old.value()), Some(&new.value()), &mut differences);
    differences
}

fn same(old: &KeyFields, new: &KeyFields) -> Vec<String> {
    let (old, new) = (old.value(), new.value());
    let fields = old.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| {
            let other = new.get(name.as_str());
            !value.is_null() && other.is_some_and(|other| equal(value, other))
        })
        .map(|(name, _)| name.clone())
        .collect()
}

fn equal(a: &Value, b: &Value) -> bool {
    a == b || canonical_json(a) == canonical_json(b)
}

fn walk(path: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Difference>) {
    match (old, new) {
        (Some(old), Some(new)) if equal(old, new) => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let dot = if path.is_empty() { "" } else { "." };
                walk(
                    &format!("{path}{dot}{}", segment(name)),
                    old.get(name),
                    new.get(name),
                    found,
                );
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if old.len() == new.len() || path == "inputs" =>
        {
            for i in 0..old.len().max(new.len()) {
                walk(&format!("{path}[{i}]"), old.get(i), new.get(i), found);
            }
        }
        _ => found.push(Difference {
            path: path.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

/// A name with a dot in it is quoted, as everywhere.
fn segment(name: &str) -> String {
    if name.contains('.') {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

impl Why {
    /// The answer as text. `place` says where a field of a task was set, as in `study.toml:29:11`,
    /// for whoever knows.
    pub fn text(&self, place: impl Fn(&str, &str) -> Option<String>) -> String {
        let state = if self.cached { "cached" } else { "to run" };
        let mut text = format!("{}  key {}  {state}\n", self.task, self.key);
        if self.cached {
            return text;
        }
        let Some(nearest) = &self.nearest else {
            text.push_str("  nothing of this stage is in the store\n");
            return text;
        };
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "  nearest cached: {}  ({} of {})",
            nearest.key, nearest.task, nearest.study
        );
        let here = |path: &str| place(&self.task, path);
        write_differences(&mut text, "  differs in  ", &nearest.differences, &here);
        for upstream in &self.upstream {
            let head = format!("  because {} differs in  ", upstream.task);
            let there = |path: &str| place(&upstream.task, path);
            write_differences(&mut text, &head, &upstream.differences, &there);
        }
        if !nearest.same.is_empty() {
            let _ = writeln!(text, "  same: {}", nearest.same.join(", "));
        }
        text
    }
}

fn write_differences(
    text: &mut String,
    head: &str,
    differences: &[Difference],
    place: &impl Fn(&str) -> Option<String>,
) {
    let width = differences.iter().map(|d| d.path.len()).max().unwrap_or(0);
    let indent = " ".repeat(head.chars().count());
    for (i, difference) in differences.iter().enumerate() {
        let lead = if i == 0 { head } else { &indent };
        let (old, new) = (
            show(difference, difference.old.as_ref()),
            show(difference, difference.new.as_ref()),
        );
        let line = format!("{lead}{:width$}   {old} -> {new}", difference.path);
        let origin = place(&difference.path).map(|origin| format!("      {origin}"));
        let _ = writeln!(text, "{line}{}", origin.unwrap_or_default());
    }
}

fn show(difference: &Difference, value: Option<&Value>) -> String {
    match value {
        None => "(none)".to_owned(),
        // Keys are shown as everywhere, by 16 digits.
        Some(Value::String(key)) if difference.path.starts_with("inputs[") => {
            key.chars().take(16).collect()
        }
        Some(value) => {
            let text = value.to_string();
            if text.chars().count() > 60 {
                text.chars().take(57).chain("...".chars()).collect()
            } else {
                text
            }
        }
    }
}
