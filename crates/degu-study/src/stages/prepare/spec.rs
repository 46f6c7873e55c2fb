//! What `[split]` asks for.

use degu_config::{Group, SplitConfig, SplitKind};
use degu_core::Split;

use super::hold_out::HoldOutSpec;
use crate::error::{Result, StageError};

/// How rows are assigned to parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SplitRule {
    /// A column of the source names the part of each row.
    Column {
        /// Name of the column.
        column: String,
    },
    /// The parts that the source itself declares.
    Files,
    /// Random by group.
    Random {
        /// Share of the rows for validation (before calibration is cut off).
        validation: f64,
        /// Share of the rows for test.
        test: f64,
    },
    /// Random by cluster of near-duplicates and reverse complements.
    Cluster {
        /// Share of the rows for validation.
        validation: f64,
        /// Share of the rows for test.
        test: f64,
    },
    /// By chromosome.
    Chromosome {
        /// Chromosomes of the validation part.
        validation: Vec<String>,
        /// Chromosomes of the test part.
        test: Vec<String>,
    },
}

/// What makes rows belong together.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum GroupRule {
    /// The dataset's own groups (both strands of an element, by default).
    Dataset,
    /// Near-duplicates, found by shared 16-mers.
    Cluster,
    /// A column of the source.
    Column(String),
    /// Every row is a group of its own.
    None,
}

/// Everything that decides the parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SplitSpec {
    /// Assignment.
    pub(super) rule: SplitRule,
    /// Groups.
    pub(super) group: GroupRule,
    /// Share of the training groups that is used; nested by seed.
    pub(super) train_fraction: f64,
    /// Share of the validation groups that calibrates and never stops training.
    pub(super) calibration: f64,
    /// Pairs of parts between which leakage is accepted.
    pub(super) allow_leakage: Vec<[Split; 2]>,
    /// Kinds of rows that take no part.
    pub(super) hold_out: Option<HoldOutSpec>,
}

impl SplitSpec {
    /// Whether leakage between two parts is accepted by name, in either order.
    pub(super) fn allows(&self, a: Split, b: Split) -> bool {
        let named = |pair: &[Split; 2]| *pair == [a, b] || *pair == [b, a];
        self.allow_leakage.iter().any(named)
    }
}

/// Assignment of rows from `[split]`.
pub(super) fn split_spec(config: &SplitConfig) -> Result<SplitSpec> {
    let missing = |what: &str, help| StageError::Study {
        what: what.to_owned(),
        help,
    };
    let (validation, test) = (config.fractions.validation, config.fractions.test);
    let rule = match config.kind {
        SplitKind::Column => SplitRule::Column {
            column: config.column.clone().ok_or_else(|| {
                missing(
                    "`split.kind = \"column\"` needs `split.column`",
                    "name the column that says train, val or test",
                )
            })?,
        },
        SplitKind::Files => SplitRule::Files,
        SplitKind::Random => SplitRule::Random { validation, test },
        SplitKind::Cluster => SplitRule::Cluster { validation, test },
        SplitKind::Chromosome => {
            let parts = config.chromosomes.clone().ok_or_else(|| {
                missing(
                    "`split.kind = \"chromosome\"` needs `split.chromosomes`",
                    "name the chromosomes of validation and test",
                )
            })?;
            SplitRule::Chromosome {
                validation: parts.validation,
                test: parts.test,
            }
        }
    };
    let group = match &config.group {
        Group::Sequence => GroupRule::Dataset,
        Group::NearDuplicates => GroupRule::Cluster,
        Group::None => GroupRule::None,
        Group::Column(name) => GroupRule::Column(name.clone()),
    };
    Ok(SplitSpec {
        rule,
        group,
        train_fraction: config.train_fraction,
        calibration: config.calibration,
        allow_leakage: config
            .allow_leakage
            .iter()
            .filter_map(|pair| SplitConfig::leakage_pair(pair))
            .collect(),
        hold_out: config.hold_out.as_ref().map(|h| HoldOutSpec {
            column: h.column.clone(),
            keep: h.keep.clone(),
            related: h.related.clone(),
            sets: h.sets.clone(),
        }),
    })
}
