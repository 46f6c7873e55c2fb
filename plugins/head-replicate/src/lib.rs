//! Head `replicate`: the mean, and the spread between biological replicates, of each target.
//!
//! Use it where each sequence has several replicates: it learns how they differ instead of guessing
//! the noise from residuals. The spread between two or three replicates is a noisy label, so it
//! needs many sequences; without replicates take `gaussian`.
//!
//! # Model
//!
//! Columns mean x T, then spread x T. The mean is learned by squared error. The spread is learned
//! from the standard deviation between replicates (ddof 1), which the dataset provides; a target
//! with fewer than two replicates keeps its mean and masks its spread.
//!
//! - `loss = "squared"` for a spread `s`: `(s - p)^2`, as the members of DEGU's aleatoric students;
//!   predicts `E[s]`, which is c4(n) times the true one: 0.798 for two replicates;
//! - `loss = "likelihood"` for a spread `s`: `ln p + s^2 / (2 p^2)`, the likelihood of a variance
//!   with any number of degrees of freedom; predicts the root of the mean variance, unbiased.
//!
//! The spread of two or three replicates is itself noisy (coefficient of variation 0.76 and 0.52
//! for normal values), which bounds every correlation with it: compare binned spreads as well. It
//! is the spread of *one* replicate; the mean of n of them has the n-th part of the variance.
//!
//! # Parameters
//!
//! See [`Replicate`].
//!
//! # Citation
//!
//! Zhou et al., npj Artificial Intelligence 2:3 (2026), doi:10.1101/2024.11.13.623485.
//!
//! # Differs from the original in
//!
//! - rows that lack a replicate are masked instead of dropped;
//! - the likelihood, a floor of the spread, positive spreads and weights by barcodes are options
//!   that the original does not have.
//!
//! # Source of golden numbers
//!
//! Closed forms in the tests: the constant that minimises each loss.

use candle_core::{D, Tensor};
use degu_core::{
    Components, Ctx, Error, Head, LabelInfo, LabelWeights, Masked, PluginConfig, Prediction,
    Result, Targets, UncertaintyHead,
};
use degu_nn::{
    columns::{block, in_units, per_task, scales},
    loss, ops,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Mean and standard deviation between replicates.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replicate {
    /// How the spread between replicates is learned.
    pub loss: SpreadLoss,
    /// Weight of the spreads beside the means, above 0: a spread that nothing trains must not be
    /// predicted.
    #[schemars(range(min = 1e-6, max = 1e6))]
    pub spread_weight: f64,
    /// With `loss = "likelihood"`: smallest standard deviation, as a fraction of the task's own in
    /// the training rows.
    #[schemars(range(min = 1e-6, max = 1.0))]
    pub floor: f64,
    /// How much a row counts.
    pub weights: Weights,
    /// With `weights = "barcodes"`: number of barcodes at which a row counts half, `n / (n +
    /// half)`.
    #[schemars(range(min = 0.001))]
    pub half: f64,
}

/// How the spread between replicates is learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpreadLoss {
    /// By its squared error, in one mean over all columns as published; a linear output, clamped at
    /// 0 on prediction.
    #[default]
    Squared,
    /// By the likelihood of the variance between replicates; `ln(1 + exp(raw))` above a floor.
    Likelihood,
}

/// How much a row counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// All rows alike, but for the weights of the dataset.
    #[default]
    Rows,
    /// By the number of barcodes behind the target, which the dataset must provide.
    Barcodes,
}

impl Default for Replicate {
    fn default() -> Self {
        Self {
            loss: SpreadLoss::Squared,
            spread_weight: 1.0,
            floor: 1e-3,
            weights: Weights::Rows,
            half: 10.0,
        }
    }
}

impl PluginConfig for Replicate {}

impl UncertaintyHead for Replicate {
    fn labels(&self) -> Components {
        Components {
            aleatoric: true,
            ..Components::default()
        }
    }

    fn components(&self, labels: Components) -> Components {
        Components {
            aleatoric: labels.aleatoric,
            ..Components::default()
        }
    }

    fn weights(&self) -> LabelWeights {
        match self.weights {
            Weights::Rows => LabelWeights::Rows,
            Weights::Barcodes => LabelWeights::Barcodes { half: self.half },
        }
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        if !info.aleatoric {
            return Err(missing());
        }
        Ok(Box::new(Bound {
            config: self.clone(),
            scales: scales(info),
        }))
    }
}

fn missing() -> Error {
    Error::Missing {
        what: "a standard deviation between replicates",
        by: "the `replicate` head",
        help: "name at least 2 replicate columns in `[dataset]`, or use `gaussian`",
    }
}

struct Bound {
    config: Replicate,
    scales: Vec<f64>,
}

impl Bound {
    fn block(&self, raw: &Tensor, k: usize) -> Result<Tensor> {
        block(raw, k, self.scales.len())
    }

    fn unit(&self, like: &Tensor) -> Result<Tensor> {
        per_task(like, &self.scales)
    }

    /// Spread in units of the task's standard deviation, for the likelihood.
    fn relative(&self, raw: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
        Ok((ops::softplus(&self.block(raw, 1)?, ctx)? + self.config.floor)?)
    }

    fn likelihood(&self, raw: &Tensor, mean: &Masked, spread: &Masked) -> Result<Tensor> {
        let (mean, spread) = (
            in_units(mean, &self.scales)?,
            in_units(spread, &self.scales)?,
        );
        let predicted = self.block(raw, 0)?.broadcast_div(&self.unit(raw)?)?;
        let std = self.relative(raw, &Ctx::eval())?;
        let terms = (std.log()? + ((spread.value.sqr()? / std.sqr()?)? * 0.5)?)?;
        let of_spread = loss::masked_mean(&terms, &spread.mask)?;
        Ok((loss::mse(&predicted, &mean)? + (of_spread * self.config.spread_weight)?)?)
    }
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        2 * self.scales.len()
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let spread = targets.aleatoric.as_ref().ok_or_else(missing)?;
        if self.config.loss == SpreadLoss::Likelihood {
            return self.likelihood(raw, &targets.mean, spread);
        }
        let weighed = (&spread.mask * self.config.spread_weight)?;
        let both = Masked {
            value: Tensor::cat(&[&targets.mean.value, &spread.value], D::Minus1)?,
            mask: Tensor::cat(&[&targets.mean.mask, &weighed], D::Minus1)?,
        };
        loss::mse(raw, &both)
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut prediction = Prediction::of_mean(self.block(raw, 0)?);
        prediction.aleatoric = Some(match self.config.loss {
            SpreadLoss::Squared => ops::relu(&self.block(raw, 1)?, ctx)?,
            SpreadLoss::Likelihood => self.relative(raw, ctx)?.broadcast_mul(&self.unit(raw)?)?,
        });
        Ok(prediction)
    }
}

degu_core::register!(UncertaintyHead "replicate", Replicate, revision = 1,
    "mean and standard deviation between replicates, masked where one is missing",
    cite = "doi:10.1101/2024.11.13.623485");

degu_core::document!("lib.rs");
