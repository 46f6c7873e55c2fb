//! `[ablation]` and `[sweep.NAME]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MetricKey;

/// `[ablation]`: one change at a time against a baseline, paired by replicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ablation {
    /// Name of the unchanged study.
    pub baseline: String,
    /// Repetitions of every arm from other seeds; with fewer than 6 no two-sided p-value can
    /// reach 0.05.
    #[schemars(range(min = 1))]
    pub replicates: usize,
    /// The number that decides, declared before the run; all others are exploratory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_metric: Option<MetricKey>,
    /// Sweeps that every arm is repeated over.
    #[schemars(extend("uniqueItems" = true))]
    pub over: Vec<String>,
    /// Changes of all arms and of the baseline: `{ "distill.students" = 2 }`.
    pub set: BTreeMap<String, Value>,
    /// The arms.
    pub arm: BTreeMap<String, Arm>,
}

impl Default for Ablation {
    fn default() -> Self {
        Self {
            baseline: "full".to_owned(),
            replicates: 6,
            primary_metric: None,
            over: Vec::new(),
            set: BTreeMap::new(),
            arm: BTreeMap::new(),
        }
    }
}

/// `[ablation.arm.NAME]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Title in tables and figures; the name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What differs from the baseline: paths and values.
    pub set: BTreeMap<String, Value>,
}

/// `[sweep.NAME]`: variants of the study along axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// How points are made of axes.
    #[serde(default)]
    pub kind: SweepKind,
    /// Paths and their values: `{ "ensemble.members" = [2, 5, 10] }`; for `kind = "random"` also
    /// distributions, `{ uniform = [a, b] }`, `{ log_uniform = [a, b] }`, `{ int_uniform = [a, b]
    /// }`, `{ choice = [..] }`.
    pub axes: BTreeMap<String, Value>,
    /// `kind = "grid"`: points that are left out, `{ "ensemble.members" = 2 }`.
    #[serde(default)]
    pub exclude: Vec<BTreeMap<String, Value>>,
    /// `kind = "random"`: number of points. More points keep the first ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub n: Option<usize>,
    /// Repetitions of every point from other seeds.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub replicates: usize,
}

fn one() -> usize {
    1
}

/// How the points of a sweep are made of its axes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SweepKind {
    /// Every combination.
    #[default]
    Grid,
    /// In lock-step: the first value of each axis, then the second.
    Zip,
    /// Drawn at random.
    Random,
}
