//! Attribution maps.

use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Predictor, Result, Seed};

/// The part of a prediction that is attributed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Mean.
    Mean,
    /// Epistemic standard deviation.
    Epistemic,
    /// Aleatoric standard deviation.
    Aleatoric,
}

impl Part {
    /// Name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Epistemic => "epistemic",
            Self::Aleatoric => "aleatoric",
        }
    }
}

/// The scalar whose attribution is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Index of the task.
    pub task: usize,
    /// Part of its prediction.
    pub part: Part,
}

/// What the numbers of a map are; stored with the map and never guessed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A value for each of the four bases at each position.
    Hypothetical,
    /// The hypothetical value of the observed base, zero elsewhere.
    Observed,
    /// Mean of multiplier times difference, non-zero at observed and at reference bases.
    ShapValues,
}

/// Maps of a batch.
#[derive(Debug, Clone)]
pub struct Attribution {
    /// What the values are.
    pub form: Form,
    /// `[N, L, 4]`, in units of the target.
    pub values: Tensor,
    /// Completeness error per sequence, for the methods that have one.
    pub delta: Option<Vec<f64>>,
}

/// An attribution method.
pub trait Attributor: Send + Sync {
    /// Maps of `codes`, `[N, L]`, u8. `seeds` holds one stream per sequence (references, noise), so that maps do not depend on
    /// how sequences are cut into batches.
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        target: Target,
        seeds: &[Seed],
    ) -> Result<Attribution>;
}
