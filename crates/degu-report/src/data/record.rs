//! What stands around the numbers: data, provenance, holes, configuration.

use serde::{Deserialize, Serialize};

/// A name and its value, both for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedValue {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

impl NamedValue {
    /// A pair.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// How a headline number is to be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// A plain fact.
    #[default]
    Neutral,
    /// As it should be.
    Good,
    /// Look closer.
    Caution,
}

/// One number to remember.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is, such as `Student, Pearson`.
    pub label: String,
    /// The number, formatted.
    pub value: String,
    /// Its interval or what it compares to.
    #[serde(default)]
    pub detail: String,
    /// How to take it.
    #[serde(default)]
    pub tone: Tone,
}

/// One split of the data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSummary {
    /// Name: `train`, `validation`, `calibration`, `test`.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Groups (clusters) that never straddle a split.
    #[serde(default)]
    pub groups: Option<usize>,
    /// Mean GC content, 0 to 1.
    #[serde(default)]
    pub gc: Option<f64>,
}

/// The data of the study.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSummary {
    /// Name of the data.
    pub name: String,
    /// Length of the sequences, bp.
    #[serde(default)]
    pub length: Option<usize>,
    /// Digest of the source.
    #[serde(default)]
    pub digest: String,
    /// Splits in order.
    #[serde(default)]
    pub splits: Vec<SplitSummary>,
    /// Anything else worth knowing.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Where the numbers come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Keys, seeds, versions, processor, in order.
    pub entries: Vec<NamedValue>,
    /// Whether another run gives the same bits (CPU) or the same within a tolerance (CUDA).
    #[serde(default)]
    pub bitwise: Option<bool>,
}

/// Why a task of the plan has no result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HoleState {
    /// It failed.
    #[default]
    Failed,
    /// It needs one that failed.
    Blocked,
    /// Its loss or weights became non-finite.
    Diverged,
    /// It was not run.
    Missing,
}

impl HoleState {
    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Diverged => "diverged",
            Self::Missing => "not run",
        }
    }
}

/// A task of the plan without a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hole {
    /// Task of the plan, such as `train/member-7`.
    pub task: String,
    /// Why.
    pub state: HoleState,
    /// What happened.
    #[serde(default)]
    pub reason: String,
    /// What to do next.
    #[serde(default)]
    pub remedy: String,
}

/// One value of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationRow {
    /// Dotted path.
    pub path: String,
    /// The value as TOML.
    pub value: String,
    /// Where it was set, such as `experiments/quickstart.toml:12:9` or `default`.
    #[serde(default)]
    pub origin: String,
}

/// How a plugin differs from its original.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginNote {
    /// Slot, such as `architecture`.
    pub slot: String,
    /// Name of the plugin.
    pub name: String,
    /// Its revision.
    #[serde(default)]
    pub revision: u32,
    /// Citation.
    #[serde(default)]
    pub citation: String,
    /// Differences, one sentence each; empty when there are none.
    #[serde(default)]
    pub differs: Vec<String>,
}
