//! Attribution maps.

use serde::{Deserialize, Serialize};

use super::{ModelKind, Part};
use crate::number;

/// What the heights of a logo are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogoForm {
    /// One letter per position: the base that is there.
    #[default]
    Observed,
    /// A value for each of the four bases.
    Hypothetical,
}

/// A named stretch of a sequence, such as a motif instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogoSpan {
    /// First position, 0-based.
    pub start: usize,
    /// One past the last position.
    pub end: usize,
    /// Name.
    pub label: String,
}

/// One attribution map as a sequence logo.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logo {
    /// Identifier of the sequence; maps of one sequence, task, part and method share a figure and its scale.
    pub sequence: String,
    /// Name of the map within its figure, such as `ensemble`.
    pub title: String,
    /// What the model is.
    #[serde(default)]
    pub kind: ModelKind,
    /// Attribution method.
    #[serde(default)]
    pub method: String,
    /// Task.
    #[serde(default)]
    pub task: String,
    /// Part of the prediction that is explained.
    #[serde(default)]
    pub part: Part,
    /// What the heights are.
    #[serde(default)]
    pub form: LogoForm,
    /// Heights `[L, 4]` in the order A C G T, in the unit of the task; 0 draws nothing.
    #[serde(with = "number::quads")]
    pub heights: Vec<[f64; 4]>,
    /// Standard deviation per position `[L]` of the map over models; empty for none.
    #[serde(default, with = "number::many")]
    pub sd: Vec<f64>,
    /// Boxes over stretches of the sequence.
    #[serde(default)]
    pub spans: Vec<LogoSpan>,
    /// Draws negative letters upright instead of upside down.
    #[serde(default)]
    pub upright_negative: bool,
}

/// One number on the agreement of maps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyRow {
    /// Attribution method.
    pub method: String,
    /// Task.
    pub task: String,
    /// Part of the prediction that is explained.
    #[serde(default)]
    pub part: Part,
    /// Whose maps are compared: members or students.
    pub kind: ModelKind,
    /// What was measured, such as `RMSE to the teacher's map` or `variability`.
    pub metric: String,
    /// Mean over sequences.
    #[serde(with = "number::one")]
    pub value: f64,
    /// Lower end of its confidence interval.
    #[serde(default)]
    pub ci_low: Option<f64>,
    /// Upper end of its confidence interval.
    #[serde(default)]
    pub ci_high: Option<f64>,
    /// Sequences.
    #[serde(default)]
    pub n: usize,
}
