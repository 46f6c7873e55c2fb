//! `[distill]`.

use std::borrow::Cow;

use degu_core::{Architecture, Augmentation, Component, Spread, UncertaintyHead};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Training;
use crate::{Optional, Slotted};

/// `[distill]`: students, each of which learns the teacher's predictions and their spread.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distill {
    /// Whether there are students at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Number of students.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub students: usize,
    /// What a student learns of its teacher.
    #[serde(default = "targets")]
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub targets: Vec<Component>,
    /// How a student learns a spread.
    #[serde(default)]
    pub spread: Spread,
    /// Divisor of the spread between members.
    #[serde(default)]
    pub ddof: Ddof,
    /// Which members label a training row.
    #[serde(default)]
    pub label_members: LabelMembers,
    /// The network of students (and of controls); that of the members if absent.
    #[serde(default, skip_serializing_if = "Optional::is_none")]
    pub architecture: Optional<dyn Architecture>,
    /// What a student's outputs mean.
    pub head: Slotted<dyn UncertaintyHead>,
    /// Who labels augmented sequences.
    #[serde(default)]
    pub labels: Labels,
    /// `labels = "dynamic"`: what is labelled.
    #[serde(default)]
    pub dynamic: DynamicLabels,
    /// Applied while training students.
    pub augmentation: Optional<dyn Augmentation>,
    /// What differs from `[training]`; here already merged with it.
    #[serde(default)]
    pub training: Training,
    /// Further students that learn the mean alone: a control for what the spread adds.
    #[serde(default)]
    pub mean_only_control: usize,
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn targets() -> Vec<Component> {
    vec![Component::Mean, Component::Epistemic]
}

/// Which members label a training row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelMembers {
    /// All, as published: members have seen the rows that they disagree on, which makes the spread
    /// of these rows too small.
    #[default]
    All,
    /// Those that did not train on the row (`ensemble.vary` with "bootstrap"). A spread needs two
    /// of them and is masked without.
    HeldOut,
}

/// Who labels augmented sequences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// Nobody: they keep the labels of the sequence that they come from.
    #[default]
    Static,
    /// The teacher, batch by batch.
    Dynamic,
}

/// What the teacher labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DynamicLabels {
    /// Whether augmented sequences join or replace the originals.
    pub mode: DynamicMode,
}

/// Whether augmented sequences join or replace the originals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DynamicMode {
    /// A batch has the originals and the augmented sequences.
    #[default]
    Append,
    /// A batch has the augmented sequences alone.
    Replace,
}

/// Divisor of a variance over `M` members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ddof {
    /// `M`.
    #[default]
    Zero,
    /// `M - 1`.
    One,
    /// `M - 1`, and the standard deviation divided by c4(M), which makes it unbiased for normal
    /// values.
    C4,
}

impl Serialize for Ddof {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Zero => serializer.serialize_u8(0),
            Self::One => serializer.serialize_u8(1),
            Self::C4 => serializer.serialize_str("c4"),
        }
    }
}

impl<'de> Deserialize<'de> for Ddof {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <figment::value::Value as Deserialize>::deserialize(deserializer)?;
        // figment keeps whether a number was signed; TOML's are.
        let signed = value.to_i128().and_then(|v| u128::try_from(v).ok());
        match (value.to_u128().or(signed), value.as_str()) {
            (Some(0), _) => Ok(Self::Zero),
            (Some(1), _) => Ok(Self::One),
            (_, Some("c4")) => Ok(Self::C4),
            _ => Err(serde::de::Error::custom("expected 0, 1 or \"c4\"")),
        }
    }
}

impl JsonSchema for Ddof {
    fn schema_name() -> Cow<'static, str> {
        "Ddof".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [0, 1, "c4"] })
    }
}
