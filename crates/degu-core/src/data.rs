//! Where sequences come from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A file that a plugin reads.
///
/// A relative path is relative to the experiment file that contains it. The path never enters an
/// artifact key; the contents do. The schema marks it with `x-file`, which is how the framework
/// knows the files of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-file" = true))]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Path of the file; `.gz` is recognised by content.
    pub path: PathBuf,
    /// SHA-256 of the file in hex; a mismatch stops the run before anything is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What a dataset says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// One line for reports: what was measured, where it comes from.
    pub title: String,
    /// Length `L` in bp.
    pub length: usize,
    /// Names of the `T` tasks.
    pub tasks: Vec<String>,
    /// Unit of the targets, as in "log2 RNA/DNA".
    pub unit: String,
    /// Whether a target is one number or a profile.
    pub output: OutputKind,
    /// Bases that the dataset puts before and after each element (the adaptors of an assay);
    /// whoever predicts new elements with a model of these data puts them there as well.
    #[serde(default)]
    pub flanks: (String, String),
    /// Largest number of replicate measurements per task; 1 if the targets carry no replicate
    /// spread.
    pub replicates: usize,
}

/// Shape of a target, per task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// One number per sequence: `[N, T]`.
    Scalar,
    /// One number per bin: `[N, B, T]`.
    Profile {
        /// Number of bins `B`.
        bins: usize,
    },
}

impl OutputKind {
    /// Bins per task: 1 for a scalar.
    pub fn bins(self) -> usize {
        match self {
            Self::Scalar => 1,
            Self::Profile { bins } => bins,
        }
    }
}

/// Part of a dataset.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Fits parameters.
    Train,
    /// Stops training early and selects models.
    Validation,
    /// Fits calibrators; disjoint from both others, or intervals lose their guarantee.
    Calibration,
    /// Reported numbers.
    Test,
}

impl Split {
    /// All parts, in the order of use.
    pub const ALL: [Self; 4] = [Self::Train, Self::Validation, Self::Calibration, Self::Test];

    /// Name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Calibration => "calibration",
            Self::Test => "test",
        }
    }

    /// Reads the usual spellings, in any case: train, training, val, valid, validation, dev,
    /// calibration, cal, test.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Self::Train,
            "val" | "valid" | "validation" | "dev" => Self::Validation,
            "cal" | "calib" | "calibration" => Self::Calibration,
            "test" | "testing" => Self::Test,
            _ => return None,
        })
    }
}

/// What the framework must know of a row to split the rows and to name them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name in the source, for tables and messages.
    pub id: String,
    /// Rows of one group (both strands, overlapping tiles, alleles) never straddle two parts.
    pub group: u64,
    /// The part that the source itself assigns.
    pub split: Option<Split>,
    /// Chromosome, for splits by chromosome.
    pub chromosome: Option<String>,
    /// Category, for tables by category (kind of element, cell type of origin).
    pub category: Option<String>,
}

/// Rows as read, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// Base codes, row-major `[N, L]`.
    pub codes: Vec<u8>,
    /// Targets, row-major `[N, T]` or `[N, B, T]`; a missing measurement is NaN.
    pub y: Vec<f32>,
    /// Standard deviation between replicates (ddof 1), layout of `y`; NaN where fewer than two
    /// replicates were measured.
    pub replicate_std: Option<Vec<f32>>,
    /// Weight of each row in the loss, `[N]`; 1 if absent.
    pub weight: Option<Vec<f32>>,
}

/// What a simulator knows of its rows; layout of [`Examples::y`].
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Noise-free activity.
    pub mean: Vec<f32>,
    /// Standard deviation of the noise of one replicate.
    pub noise_std: Vec<f32>,
}

/// A source of labelled sequences. Splitting is the framework's work.
pub trait Dataset: Send + Sync {
    /// Shapes and names.
    fn info(&self) -> &DatasetInfo;

    /// All rows, in the order of the source.
    fn rows(&self) -> &[Row];

    /// Reads rows by index, in the order given; memory is bounded by the rows asked for.
    fn read(&self, index: &[usize]) -> Result<Examples>;

    /// Names of the columns that [`Dataset::column`] can give.
    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    /// A column of the source as text, one value per row, for splits and groups by column; `None`
    /// if there is no such column.
    fn column(&self, _name: &str) -> Result<Option<Vec<String>>> {
        Ok(None)
    }

    /// Number of barcodes behind each target, `[N, T]`, NaN where unknown; `None` if the source
    /// does not count them.
    fn barcodes(&self, _index: &[usize]) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }

    /// What only a simulator knows; `None` for measured data.
    fn truth(&self, _index: &[usize]) -> Result<Option<Truth>> {
        Ok(None)
    }

    /// What was converted, dropped or counted while reading, one sentence each, for the report.
    fn notes(&self) -> &[String] {
        &[]
    }
}
