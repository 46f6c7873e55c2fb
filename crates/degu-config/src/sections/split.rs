//! `[split]`.

use std::{borrow::Cow, collections::BTreeMap};

use degu_core::Split;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// `[split]`: which rows train, stop training early, calibrate and test. Rows of one group never
/// straddle two parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// Where the parts come from.
    pub kind: SplitKind,
    /// `kind = "column"`: the column of the source that names the part of a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// `kind = "random"` and `kind = "cluster"`: shares of all groups; the rest trains.
    pub fractions: Fractions,
    /// `kind = "chromosome"`: chromosomes of validation and test; the rest trains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chromosomes: Option<Chromosomes>,
    /// Share of the training groups that is used, the first ones of one permutation: smaller sets
    /// are subsets of larger ones.
    #[schemars(extend("exclusiveMinimum" = 0.0, "maximum" = 1.0))]
    pub train_fraction: f64,
    /// Share of the validation groups that calibrates intervals and does nothing else; 0 if the
    /// source brings its own calibration part.
    #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub calibration: f64,
    /// What makes rows a group: "sequence" (a sequence and its reverse complement),
    /// "near_duplicates" (found in the sequences), "none", or { column = "NAME" } of the source.
    pub group: Group,
    /// Rows of other kinds that take no part in the split: named sets that models are only
    /// evaluated on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<HoldOut>,
    /// Pairs of parts that may have rows of one group, or the same sequence, as in "train/test";
    /// the report counts them.
    pub allow_leakage: Vec<String>,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            kind: SplitKind::Files,
            column: None,
            fractions: Fractions::default(),
            chromosomes: None,
            train_fraction: 1.0,
            calibration: 0.5,
            group: Group::Sequence,
            hold_out: None,
            allow_leakage: Vec::new(),
        }
    }
}

impl SplitConfig {
    /// Two different parts from a pair such as "train/test".
    pub fn leakage_pair(text: &str) -> Option<[Split; 2]> {
        let (a, b) = text.split_once('/')?;
        let (a, b) = (Split::parse(a)?, Split::parse(b)?);
        (a != b).then_some([a, b])
    }
}

/// Whole categories that are kept out of training, stopping, calibration and test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldOut {
    /// Column of the source that names the kind of a row.
    pub column: String,
    /// Kinds that the split is made of; all that no set names if left out. Rows of any other kind
    /// are not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("uniqueItems" = true))]
    pub keep: Vec<String>,
    /// Column of near-duplicates: a row of a set that shares its value with a row of the split is
    /// left out. `split.group` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<String>,
    /// Named sets of kinds, as in `{ promoter = ["promoter"] }`.
    pub sets: BTreeMap<String, Vec<String>>,
}

/// Where the parts of a data set come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// A column of the source.
    Column,
    /// Groups at random.
    Random,
    /// Clusters of similar sequences at random.
    Cluster,
    /// Whole chromosomes.
    Chromosome,
    /// The parts that the source itself is made of.
    Files,
}

/// Shares of the groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fractions {
    /// Share of validation (and calibration).
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub validation: f64,
    /// Share of the test set.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub test: f64,
}

impl Default for Fractions {
    fn default() -> Self {
        Self {
            validation: 0.1,
            test: 0.1,
        }
    }
}

/// Chromosomes of the parts that do not train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chromosomes {
    /// Chromosomes of validation (and calibration), as in "chr8".
    #[schemars(length(min = 1))]
    pub validation: Vec<String>,
    /// Chromosomes of the test set.
    #[schemars(length(min = 1))]
    pub test: Vec<String>,
}

/// What makes rows a group: a word, or a table with the name of a column, so that no column can be
/// mistaken for a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The groups of the data set: a sequence and its reverse complement, as a rule.
    Sequence,
    /// Sequences that share a quarter or more of their 16-mers, on either strand; found anew in the
    /// sequences.
    NearDuplicates,
    /// Every row is its own group.
    None,
    /// A column of the source: rows with the same value.
    Column(String),
}

impl JsonSchema for Group {
    fn schema_name() -> Cow<'static, str> {
        "Group".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            {
                "type": "string",
                "enum": ["sequence", "near_duplicates", "none"],
                "description": "sequence: the groups of the data set, as a rule a sequence and its reverse complement; \
                    near_duplicates: sequences that share a quarter or more of their 16-mers on either strand, found anew; \
                    none: every row is its own group.",
            },
            {
                "type": "object",
                "description": "Rows with the same value in a column of the source.",
                "properties": { "column": { "type": "string", "minLength": 1, "description": "Name of the column." } },
                "required": ["column"],
                "additionalProperties": false,
            },
        ] })
    }
}
