//! A student's head: mean, aleatoric and epistemic spread per task.

use candle_core::{D, Tensor};
use degu_core::{
    Components, Ctx, Error, Head, LabelInfo, Masked, PluginConfig, Prediction, Result, Spread,
    Targets, UncertaintyHead,
};
use degu_nn::{loss, ops};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Floor of a log-variance target, as a fraction of the task's standard deviation.
const LOG_VAR_FLOOR: f64 = 1e-3;

/// Mean and spreads by mean squared error, as an ensemble is distilled.
///
/// Which spreads it learns follows from `distill.targets`, and whether as standard deviation or
/// logarithm of the variance from `distill.spread`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Distilled {
    /// Units in which the squared errors of the columns are compared.
    pub target_scale: TargetScale,
    /// How a standard deviation is kept from being negative.
    pub positivity: Positivity,
    /// Weights of the columns in the loss.
    pub weights: Weights,
}

/// Units of the loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetScale {
    /// Units of the target, as published.
    #[default]
    None,
    /// Standard deviations of each task: the mean is centred and divided, spreads are divided (log
    /// variances shifted).
    Standardise,
}

/// How a standard deviation stays positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Positivity {
    /// A linear output, as published, clamped at 0 on prediction.
    #[default]
    Linear,
    /// `ln(1 + exp(raw))`, in training as on prediction.
    Softplus,
}

/// Weights of the columns in the loss.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Weight of the means.
    #[schemars(range(min = 0.0))]
    pub mean: f64,
    /// Weight of the aleatoric spreads.
    #[schemars(range(min = 0.0))]
    pub aleatoric: f64,
    /// Weight of the epistemic spreads.
    #[schemars(range(min = 0.0))]
    pub epistemic: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            mean: 1.0,
            aleatoric: 1.0,
            epistemic: 1.0,
        }
    }
}

impl PluginConfig for Distilled {}

impl UncertaintyHead for Distilled {
    fn labels(&self) -> Components {
        Components::default()
    }

    fn components(&self, labels: Components) -> Components {
        labels
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        let bound = Bound {
            config: self.clone(),
            info: info.clone(),
        };
        if bound.columns().iter().any(|c| bound.weight(*c) <= 0.0) {
            // A column of weight 0 is never trained, and would be predicted all the same.
            return Err(Error::Missing {
                what: "a weight above 0 of every part that students learn",
                by: "the `distilled` head",
                help: "leave the part out of `distill.targets` instead of setting its weight to 0",
            });
        }
        Ok(Box::new(bound))
    }
}

/// A block of columns of the raw outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Mean,
    Aleatoric,
    Epistemic,
}

struct Bound {
    config: Distilled,
    info: LabelInfo,
}

impl Bound {
    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![Column::Mean];
        columns.extend(self.info.aleatoric.then_some(Column::Aleatoric));
        columns.extend(self.info.epistemic.then_some(Column::Epistemic));
        columns
    }

    fn weight(&self, column: Column) -> f64 {
        let weights = &self.config.weights;
        match column {
            Column::Mean => weights.mean,
            Column::Aleatoric => weights.aleatoric,
            Column::Epistemic => weights.epistemic,
        }
    }

    fn tasks(&self) -> usize {
        self.info.tasks.len()
    }

    /// The raw outputs of a column block, `[.., T]`.
    fn raw_of(&self, raw: &Tensor, block: usize) -> Result<Tensor> {
        Ok(raw.narrow(D::Minus1, block * self.tasks(), self.tasks())?)
    }

    /// A row vector of one number per task, ready to broadcast.
    fn per_task(&self, like: &Tensor, value: impl Fn(usize) -> f64) -> Result<Tensor> {
        let values: Vec<f64> = (0..self.tasks()).map(value).collect();
        Ok(Tensor::new(values, like.device())?.to_dtype(like.dtype())?)
    }

    fn scale(&self, task: usize) -> f64 {
        match self.config.target_scale {
            TargetScale::None => 1.0,
            TargetScale::Standardise => self.info.std[task].max(f64::MIN_POSITIVE),
        }
    }

    fn centre(&self, task: usize) -> f64 {
        match self.config.target_scale {
            TargetScale::None => 0.0,
            TargetScale::Standardise => self.info.mean[task],
        }
    }

    /// The target of a column in the units of the raw output.
    fn target(&self, column: Column, target: &Masked) -> Result<Tensor> {
        let value = &target.value;
        let scale = self.per_task(value, |t| self.scale(t))?;
        if column == Column::Mean {
            let centre = self.per_task(value, |t| self.centre(t))?;
            return Ok(value.broadcast_sub(&centre)?.broadcast_div(&scale)?);
        }
        let spread = value.broadcast_div(&scale)?;
        Ok(match self.info.spread {
            Spread::Std => spread,
            Spread::LogVar => {
                let floor = self.per_task(value, |t| {
                    (LOG_VAR_FLOOR * self.info.std[t] / self.scale(t)).powi(2)
                })?;
                spread.sqr()?.broadcast_add(&floor)?.log()?
            }
        })
    }

    /// A spread in units of the target from its raw column.
    fn spread(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        let spread = match (self.info.spread, self.config.positivity) {
            (Spread::LogVar, _) => ops::exp(&(raw * 0.5)?, ctx)?,
            (Spread::Std, Positivity::Softplus) => ops::softplus(raw, ctx)?,
            (Spread::Std, Positivity::Linear) => ops::relu(raw, ctx)?,
        };
        Ok(spread.broadcast_mul(&self.per_task(raw, |t| self.scale(t))?)?)
    }
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        self.columns().len() * self.tasks()
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let missing = || Error::Missing {
            what: "a label of every part that students learn",
            by: "the `distilled` head",
            help: "see `distill.targets`",
        };
        let mut predictions = Vec::new();
        let mut values = Vec::new();
        let mut masks = Vec::new();
        for (block, column) in self.columns().into_iter().enumerate() {
            let target = match column {
                Column::Mean => Some(&targets.mean),
                Column::Aleatoric => targets.aleatoric.as_ref(),
                Column::Epistemic => targets.epistemic.as_ref(),
            };
            let target = target.ok_or_else(missing)?;
            let raw = self.raw_of(raw, block)?;
            let softplus = column != Column::Mean
                && self.info.spread == Spread::Std
                && self.config.positivity == Positivity::Softplus;
            predictions.push(if softplus {
                ops::softplus(&raw, &Ctx::eval())?
            } else {
                raw
            });
            values.push(self.target(column, target)?);
            masks.push((&target.mask * self.weight(column))?);
        }
        let cat = |parts: &[Tensor]| Tensor::cat(parts, D::Minus1);
        loss::mse(
            &cat(&predictions)?,
            &Masked {
                value: cat(&values)?,
                mask: cat(&masks)?,
            },
        )
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut prediction = Prediction::of_mean(raw.clone());
        for (block, column) in self.columns().into_iter().enumerate() {
            let raw = self.raw_of(raw, block)?;
            match column {
                Column::Mean => {
                    let scale = self.per_task(&raw, |t| self.scale(t))?;
                    let centre = self.per_task(&raw, |t| self.centre(t))?;
                    prediction.mean = raw.broadcast_mul(&scale)?.broadcast_add(&centre)?;
                }
                Column::Aleatoric => prediction.aleatoric = Some(self.spread(&raw, ctx)?),
                Column::Epistemic => prediction.epistemic = Some(self.spread(&raw, ctx)?),
            }
        }
        Ok(prediction)
    }
}

degu_core::register!(UncertaintyHead "distilled", Distilled, revision = 1,
    "a student's mean, epistemic and aleatoric spread",
    cite = "doi:10.1101/2024.11.13.623485");

#[cfg(test)]
mod tests;
