//! The variants of a file: which there are, and their validation.

use std::{collections::BTreeMap, sync::Arc};

use degu_core::Seed;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    axes::{self, Setting},
    check::{self, Scope},
    error::{Code, ConfigError},
    layer::{self, Op},
    merged::Config,
    node::{Entry, Node, Table, Value},
    path::KeyPath,
    sections::Sections,
    source::{Place, Via},
};

/// Which sweeps are run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweeps {
    /// None.
    #[default]
    None,
    /// All of the file.
    All,
    /// Some, by name.
    Named(Vec<String>),
}

/// Which points of a study are run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Sweeps.
    pub sweeps: Sweeps,
    /// The ablation: its baseline and arms, crossed with the sweeps that it names in `over`.
    pub ablation: bool,
}

impl Selection {
    /// The ablation and all sweeps.
    pub fn all() -> Self {
        Self {
            sweeps: Sweeps::All,
            ablation: true,
        }
    }

    pub(crate) fn has(&self, sweep: &str) -> bool {
        match &self.sweeps {
            Sweeps::None => false,
            Sweeps::All => true,
            Sweeps::Named(names) => names.iter().any(|name| name == sweep),
        }
    }
}

/// A variant before it is validated.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) arm: Option<String>,
    pub(crate) baseline: bool,
    pub(crate) sweep: Option<(String, usize)>,
    pub(crate) coordinates: BTreeMap<String, Json>,
    pub(crate) replicates: usize,
    pub(crate) ops: Vec<Op>,
    /// For errors of the variant as a whole.
    pub(crate) place: Option<Place>,
}

/// All variants of a selection, as operations on the merged configuration.
pub(crate) fn variants(
    config: &Config,
    selection: &Selection,
    seed: Seed,
) -> (Vec<Variant>, Vec<ConfigError>) {
    let mut errors = Vec::new();
    let mut found = Vec::new();
    let empty = Table::default();
    let sweeps = config.raw.table("sweep").unwrap_or(&empty);
    let mut expanded: BTreeMap<&str, (&Entry, Vec<Vec<Setting>>)> = BTreeMap::new();
    for entry in &sweeps.entries {
        if let Some(table) = entry.node.as_table() {
            match axes::expand(&entry.key, table, seed) {
                Ok(points) => {
                    expanded.insert(&entry.key, (entry, points));
                }
                Err(more) => errors.extend(more),
            }
        }
    }
    let ablation = config
        .raw
        .get("ablation")
        .filter(|_| selection.ablation)
        .and_then(Node::as_table);
    if let Some(ablation) = ablation {
        arms(ablation, &expanded, &mut found, &mut errors);
    } else {
        found.push(Variant::base());
    }
    for (name, (entry, points)) in expanded.iter().filter(|(name, _)| selection.has(name)) {
        let replicates = entry
            .node
            .as_table()
            .and_then(|table| whole(table, "replicates"))
            .unwrap_or(1);
        for (number, settings) in points.iter().enumerate() {
            let mut variant = Variant::base();
            variant.name = format!("{name}/{}", label(settings));
            variant.replicates = replicates;
            variant.cross(name, number, settings);
            found.push(variant);
        }
    }
    (found, errors)
}

fn whole(table: &Table, key: &str) -> Option<usize> {
    match table.get(key)?.value {
        Value::Int(value) => usize::try_from(value).ok(),
        _ => None,
    }
}

/// The baseline and the arms, each crossed with the points of the sweeps in `over`.
fn arms(
    ablation: &Table,
    sweeps: &BTreeMap<&str, (&Entry, Vec<Vec<Setting>>)>,
    found: &mut Vec<Variant>,
    errors: &mut Vec<ConfigError>,
) {
    let baseline = ablation.text("baseline").unwrap_or("full");
    let replicates = whole(ablation, "replicates").unwrap_or(6);
    let mut read =
        |table: Option<&Table>, via: Via| match table.map_or(Ok(Vec::new()), layer::set_table) {
            Ok(ops) => mark(ops, &Arc::new(via)),
            Err(error) => {
                errors.push(*error);
                Vec::new()
            }
        };
    let shared = read(ablation.table("set"), Via::Arm(String::new()));
    let mut arms = vec![(baseline.to_owned(), true, None, Vec::new())];
    for entry in ablation.below("arm") {
        let set = entry.node.as_table().and_then(|arm| arm.table("set"));
        let ops = read(set, Via::Arm(entry.key.clone()));
        arms.push((entry.key.clone(), false, Some(entry.key_place.clone()), ops));
    }
    let over = ablation
        .get("over")
        .and_then(Node::as_array)
        .unwrap_or_default();
    let over: Vec<&str> = over
        .iter()
        .filter_map(Node::as_str)
        .filter(|name| sweeps.contains_key(name))
        .collect();
    for (name, is_baseline, place, ops) in arms {
        let variant = || {
            let coordinates = BTreeMap::from([("arm".to_owned(), Json::from(name.as_str()))]);
            Variant {
                name: name.clone(),
                arm: Some(name.clone()),
                baseline: is_baseline,
                replicates,
                coordinates,
                ops: shared.iter().chain(&ops).cloned().collect(),
                place: place.clone(),
                ..Variant::base()
            }
        };
        if over.is_empty() {
            found.push(variant());
        }
        for sweep in &over {
            let points = sweeps
                .get(sweep)
                .map(|(_, points)| points.as_slice())
                .unwrap_or_default();
            errors.extend(
                points
                    .first()
                    .into_iter()
                    .flat_map(|point| clashes(&name, &ops, sweep, point)),
            );
            for (number, settings) in points.iter().enumerate() {
                let mut variant = variant();
                variant.name = format!("{name}/{sweep}/{}", label(settings));
                variant.cross(sweep, number, settings);
                found.push(variant);
            }
        }
    }
}

impl Variant {
    fn base() -> Self {
        Self {
            name: "base".to_owned(),
            arm: None,
            baseline: false,
            sweep: None,
            coordinates: BTreeMap::new(),
            replicates: 1,
            ops: Vec::new(),
            place: None,
        }
    }

    /// Adds a point of a sweep.
    fn cross(&mut self, sweep: &str, number: usize, settings: &[Setting]) {
        self.sweep = Some((sweep.to_owned(), number));
        let mut ops = Vec::new();
        for setting in settings {
            self.coordinates
                .insert(setting.path.to_string(), setting.node.to_json());
            ops.push(Op::Assign(setting.segments.clone(), setting.node.clone()));
        }
        layer::choices_first(&mut ops);
        self.ops.extend(ops);
    }
}

fn mark(ops: Vec<Op>, via: &Arc<Via>) -> Vec<Op> {
    let marked = |mut segments: Vec<layer::Segment>| {
        for segment in &mut segments {
            segment.place.via = Some(via.clone());
        }
        segments
    };
    let mark = |op| match op {
        Op::Assign(segments, node) => Op::Assign(marked(segments), node.through(via)),
        Op::Remove(segments) => Op::Remove(marked(segments)),
        Op::Append(segments, node) => Op::Append(marked(segments), node.through(via)),
    };
    ops.into_iter().map(mark).collect()
}

/// "train_fraction=0.1,members=5": the last key of each path where that is enough to tell them
/// apart.
fn label(settings: &[Setting]) -> String {
    let last = |setting: &Setting| {
        setting
            .path
            .keys()
            .last()
            .map_or_else(String::new, |key| (*key).to_owned())
    };
    let part = |setting: &Setting| {
        let short = last(setting);
        let unique = settings.iter().filter(|other| last(other) == short).count() == 1;
        let key = if unique {
            short
        } else {
            setting.path.to_string()
        };
        match setting.node.as_str() {
            Some(text) => format!("{key}={text}"),
            None => format!("{key}={}", setting.node.to_json()),
        }
    };
    settings.iter().map(part).collect::<Vec<_>>().join(",")
}

/// Settings of an arm at paths that the crossed sweep sets.
fn clashes(arm: &str, ops: &[Op], sweep: &str, settings: &[Setting]) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for op in ops {
        let path = op.path();
        let axis = settings
            .iter()
            .find(|s| path.is_within(&s.path) || s.path.is_within(&path));
        if let (Some(axis), Some(segment)) = (axis, op.segments().last()) {
            let message = format!(
                "arm `{arm}` sets `{path}`, and so does the sweep `{sweep}` that it is crossed with (`{}`)",
                axis.path
            );
            let error = ConfigError::new(Code::Expansion, path, message)
                .at(&segment.place)
                .label("set twice");
            errors.push(error.help("remove one of them, or take the sweep out of `over`"));
        }
    }
    errors
}

/// Validates every variant of a file. `base` is the study without variants, if it is valid;
/// otherwise only what the variants themselves say is judged.
pub(crate) fn check(config: &Config, base: Option<&Sections>) -> Vec<ConfigError> {
    let seed = base.map_or(0, |base| base.identity.seed);
    let (variants, mut errors) = variants(config, &Selection::all(), Seed::root(seed));
    let mut baseline = None;
    for variant in variants {
        let (changed, more) = config.variant(variant.ops);
        let (sections, invalid) = check::check(&changed, Scope::Variant);
        let found = more.into_iter().chain(invalid);
        let of_variant = |error: &ConfigError| {
            base.is_some() || error.place().is_some_and(|place| place.via.is_some())
        };
        errors.extend(found.filter(of_variant));
        let Some(sections) = sections.filter(|_| variant.arm.is_some() && variant.sweep.is_none())
        else {
            continue;
        };
        let numbers = numbers(&sections);
        if variant.baseline {
            baseline = Some(numbers);
        } else if baseline.as_ref() == Some(&numbers) {
            let path = KeyPath::of(&[
                "ablation",
                "arm",
                variant.arm.as_deref().unwrap_or_default(),
            ]);
            let message = "the arm equals the baseline: nothing that it sets changes a result";
            let error = ConfigError::new(Code::Expansion, path, message).label("changes nothing");
            let help = "remove the arm, or set something else than what the baseline has";
            errors.push(error.help(help).at(variant.place.as_ref()));
        }
    }
    errors
}

/// What results depend on.
fn numbers(sections: &Sections) -> Json {
    let mut json = serde_json::to_value(sections).unwrap_or_default();
    if let Some(sections) = json.as_object_mut() {
        for hint in ["report", "track", "executor"] {
            sections.remove(hint);
        }
        if let Some(study) = sections.get_mut("study").and_then(Json::as_object_mut) {
            study.retain(|key, _| key == "seed");
        }
        // What a study without students says of them changes nothing.
        let off = sections
            .get("distill")
            .is_some_and(|distill| distill.get("enabled") == Some(&Json::Bool(false)));
        if off {
            sections.insert("distill".to_owned(), Json::Bool(false));
        }
    }
    json
}
