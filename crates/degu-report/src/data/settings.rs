//! Metrics of the points of a study, grouped by what differs between them.

use serde::{Deserialize, Serialize};

/// Value of a setting at a point.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// A number.
    Number(f64),
    /// A name, or anything else as text.
    Text(String),
    /// The point does not have this setting: it belongs to no arm, or to another plugin.
    #[default]
    Absent,
}

/// A metric over the points of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingScore {
    /// Mean over points; `None` if one of them does not have the metric.
    #[serde(default)]
    pub mean: Option<f64>,
    /// Standard deviation over points (ddof 1); `None` with one.
    #[serde(default)]
    pub sd: Option<f64>,
}

/// The points that agree in every named setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingRow {
    /// Values of the named settings.
    pub values: Vec<Setting>,
    /// Points; two that are the same computation count once.
    pub points: usize,
    /// Metrics of their final models, in the order of [`Settings::metrics`].
    pub scores: Vec<SettingScore>,
}

/// Metrics by setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What points are grouped by: `arm`, or paths such as `split.train_fraction`.
    pub names: Vec<String>,
    /// Metrics, such as `test/pearson`.
    pub metrics: Vec<String>,
    /// The groups.
    pub rows: Vec<SettingRow>,
}

impl Settings {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
