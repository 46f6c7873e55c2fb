//! Sweeps and ablations: the points of a study.

use std::{collections::BTreeMap, sync::Arc};

use degu_core::Seed;
use serde_json::Value as Json;

use super::{
    check::{Scope, check},
    error::{Code, ConfigError, ConfigErrors},
    merged::{Config, leaves},
    node::Node,
    path::{self, KeyPath},
    source::SourceKind,
    study::Study,
    variants::{Selection, Sweeps, Variant, variants},
};

/// One variant of a study, once.
#[derive(Debug, Clone)]
pub struct Point {
    /// Name, unique within the study: `base`, `low_data/train_fraction=0.1`, `evoaug/replicate-3`.
    pub name: String,
    /// Arm of the ablation, the baseline among them.
    pub arm: Option<String>,
    /// Whether the arm is the baseline.
    pub baseline: bool,
    /// Sweep, and number of its point from 0.
    pub sweep: Option<(String, usize)>,
    /// What differs: `arm`, and the values of the axes by path.
    pub coordinates: BTreeMap<String, Json>,
    /// Number of the repetition, from 0; replicate 0 has the seeds of the study without replicates.
    pub replicate: usize,
    /// The study of this point, without ablation and sweeps; shared between replicates.
    pub study: Arc<Study>,
}

impl Point {
    /// A setting by the name that `report.compare_by` has for it: the arm, or the value at the path
    /// of an axis, whether this point varies it or has it from its configuration. Null where there
    /// is none.
    pub fn setting(&self, name: &str) -> Json {
        if name == "arm" {
            return self.arm.clone().into();
        }
        let segments = path::parse(name).unwrap_or_default();
        let steps = segments.iter().map(|segment| segment.name.as_str());
        steps.fold(self.study.to_json(), |mut value, step| {
            value.get_mut(step).map(Json::take).unwrap_or_default()
        })
    }
}

impl Study {
    /// The points that a run is made of. The study itself is the point `base`; with the ablation,
    /// its baseline takes that place.
    ///
    /// # Errors
    ///
    /// Unknown sweeps, and values that a variable or argument sets although a running sweep or arm
    /// sets them too.
    pub fn points(&self, selection: &Selection) -> Result<Vec<Point>, ConfigErrors> {
        let layers = self.config().layers();
        let mut errors = Vec::new();
        if let Sweeps::Named(names) = &selection.sweeps {
            for name in names.iter().filter(|name| !self.sweep.contains_key(*name)) {
                let known: Vec<&str> = self.sweep.keys().map(String::as_str).collect();
                let message = format!("there is no sweep `{name}`; known: {}", known.join(", "));
                errors.push(ConfigError::new(
                    Code::Expansion,
                    KeyPath::of(&["sweep", name]),
                    message,
                ));
            }
        }
        if selection.ablation && self.ablation.is_none() {
            let error = ConfigError::new(
                Code::Expansion,
                KeyPath::of(&["ablation"]),
                "the study has no ablation",
            );
            errors.push(error.help("add [ablation] with at least one arm"));
        }
        let (variants, more) = variants(self.config(), selection, Seed::root(self.identity.seed));
        errors.extend(more);
        errors.extend(
            variants
                .iter()
                .flat_map(|variant| overridden(self.config(), variant)),
        );
        let mut points = Vec::new();
        for variant in variants {
            let (config, more) = self.config().variant(variant.ops);
            let (sections, invalid) = check(&config, Scope::Variant);
            errors.extend(more);
            errors.extend(invalid);
            let Some(sections) = sections else { continue };
            let study = Arc::new(Study::new(sections, config));
            for replicate in 0..variant.replicates {
                let suffix = if variant.replicates > 1 {
                    format!("/replicate-{replicate}")
                } else {
                    String::new()
                };
                points.push(Point {
                    name: format!("{}{suffix}", variant.name),
                    arm: variant.arm.clone(),
                    baseline: variant.baseline,
                    sweep: variant.sweep.clone(),
                    coordinates: variant.coordinates.clone(),
                    replicate,
                    study: study.clone(),
                });
            }
        }
        if errors.is_empty() {
            Ok(points)
        } else {
            Err(ConfigErrors::new(errors, layers))
        }
    }
}

/// Variables and arguments that set what a running variant sets.
fn overridden(config: &Config, variant: &Variant) -> Vec<ConfigError> {
    let who = match (&variant.sweep, &variant.arm) {
        (_, Some(arm)) => format!("set by the arm `{arm}`"),
        (Some((sweep, _)), None) => format!("swept in `{sweep}`"),
        (None, None) => return Vec::new(),
    };
    let mut errors = Vec::new();
    for op in &variant.ops {
        let path = op.path();
        let Some(node) = config.raw.at(&path) else {
            continue;
        };
        let mut refuse = |path: &KeyPath, node: &Node| {
            if matches!(
                node.place.source.kind,
                SourceKind::Set(_) | SourceKind::Environment(_)
            ) {
                let message =
                    format!("`{path}` is {who}: an argument or variable cannot set it as well");
                let error = ConfigError::new(Code::Override, path.clone(), message).at(&node.place);
                errors.push(
                    error
                        .label("set here")
                        .help("choose points with `--sweep NAME`, or change the sweep or the arm"),
                );
            }
        };
        match node.as_table() {
            Some(table) => leaves(table, &path, &mut refuse),
            None => refuse(&path, node),
        }
    }
    errors
}
