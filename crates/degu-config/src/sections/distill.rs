//! `[distill]`.

use degu_core::{Architecture, Augmentation, Component, Spread, UncertaintyHead};
use degu_stats::moments::Ddof;
use schemars::JsonSchema;
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
