//! The framework's keys of `[attribute.NAME]`, `[calibration.NAME]` and `[shift.NAME]`.

use degu_core::{Component, Form, Split};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// `[attribute.NAME]`: what is explained, and for which sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttributeKeys {
    /// Scalars whose attribution is wanted.
    #[schemars(length(min = 1))]
    pub targets: Vec<AttributeTarget>,
    /// Sequences that are explained.
    pub sequences: AttributeSequences,
    /// Forms that are written; the method's own if empty.
    #[schemars(extend("uniqueItems" = true))]
    pub forms: Vec<Form>,
    /// Models that are explained.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub models: Vec<AttributeModels>,
}

impl Default for AttributeKeys {
    fn default() -> Self {
        Self {
            targets: vec![AttributeTarget {
                part: Component::Mean,
                task: None,
            }],
            sequences: AttributeSequences::default(),
            forms: Vec::new(),
            models: vec![
                AttributeModels::Teacher,
                AttributeModels::Students,
                AttributeModels::Members,
            ],
        }
    }
}

/// A scalar whose attribution is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeTarget {
    /// Part of the prediction.
    pub part: Component,
    /// Name of the task; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// Sequences that are explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttributeSequences {
    /// Part of the data set.
    pub split: Split,
    /// Number of sequences; all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub top_n: Option<usize>,
    /// Task by whose measurement sequences are ordered; the first one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Which end of that order is taken.
    pub order: SequenceOrder,
}

impl Default for AttributeSequences {
    fn default() -> Self {
        Self {
            split: Split::Test,
            top_n: None,
            by: None,
            order: SequenceOrder::Highest,
        }
    }
}

/// Which sequences come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SequenceOrder {
    /// The most active.
    Highest,
    /// The least active.
    Lowest,
    /// As the source has them.
    Source,
}

/// Models that are explained.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AttributeModels {
    /// The ensemble as one model.
    Teacher,
    /// Each student.
    Students,
    /// Each member.
    Members,
}

/// `[calibration.NAME]`: intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CalibrationKeys {
    /// Fractions of observations that intervals may miss.
    #[schemars(schema_with = "alphas")]
    pub alpha: Vec<f64>,
}

fn alphas(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "uniqueItems": true,
        "items": { "type": "number", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0 },
    })
}

impl Default for CalibrationKeys {
    fn default() -> Self {
        Self {
            alpha: vec![0.05, 0.1],
        }
    }
}

/// `[shift.NAME]`: a stress set per severity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShiftKeys {
    /// Severities, in the unit of the shift.
    #[schemars(length(min = 1), inner(range(min = 0.0)), extend("uniqueItems" = true))]
    pub severities: Vec<f64>,
}

impl Default for ShiftKeys {
    fn default() -> Self {
        Self {
            severities: vec![0.05, 0.25],
        }
    }
}
