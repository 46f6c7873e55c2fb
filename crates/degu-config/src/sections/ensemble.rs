//! `[ensemble]`.

use degu_core::UncertaintyHead;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Slotted;

/// `[ensemble]`: the teacher.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// Number of members; the first members of a larger ensemble are the members of a smaller one.
    #[serde(default = "ten")]
    #[schemars(range(min = 1))]
    pub members: usize,
    /// What a member's outputs mean.
    pub head: Slotted<dyn UncertaintyHead>,
    /// What differs between members.
    #[serde(default = "vary")]
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub vary: Vec<Vary>,
}

fn ten() -> usize {
    10
}

fn vary() -> Vec<Vary> {
    vec![Vary::Init, Vary::Order]
}

/// What differs between the members of an ensemble.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Vary {
    /// Initial weights.
    Init,
    /// Order of the training rows.
    Order,
    /// The training rows themselves, drawn with replacement by group.
    Bootstrap,
    /// The training rows themselves: member k leaves out fold k of as many folds as there are
    /// members, by group.
    Folds,
}
