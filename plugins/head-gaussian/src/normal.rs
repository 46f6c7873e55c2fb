//! A normal distribution per task: raw outputs to mean and standard deviation, and its likelihood.

use candle_core::Tensor;
use degu_core::{Ctx, LabelInfo, Prediction, Result, Targets};
use degu_nn::{
    columns::{block, in_units, per_task, scales},
    loss, ops,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the second block of raw outputs is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The logarithm of the variance.
    #[default]
    LogVar,
    /// The standard deviation, through `ln(1 + exp(raw))`.
    Softplus,
}

/// The distribution of a head that is bound to its labels. Variances are computed in units of each
/// task's own variance.
pub(crate) struct Normal {
    pub(crate) output: Output,
    pub(crate) floor: f64,
    pub(crate) clamp: f64,
    pub(crate) scales: Vec<f64>,
}

impl Normal {
    pub(crate) fn new(info: &LabelInfo, output: Output, floor: f64, clamp: f64) -> Self {
        Self {
            output,
            floor,
            clamp,
            scales: scales(info),
        }
    }

    pub(crate) fn tasks(&self) -> usize {
        self.scales.len()
    }

    /// Standard deviation in units of the task's, from the raw outputs of the second block.
    fn relative_std(&self, raw: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
        match self.output {
            Output::Softplus => Ok((ops::softplus(raw, ctx)? + self.floor)?),
            // sqrt(exp(s) + floor^2), as one function of the clamped s.
            Output::LogVar => {
                let floor = self.floor * self.floor;
                let s = ops::clamp(raw, -self.clamp, self.clamp, ctx)?;
                ops::pointwise(
                    "floored standard deviation",
                    &s,
                    ctx,
                    move |s| (s.exp()? + floor)?.sqrt(),
                    |s, y| (s.exp()? * 0.5)? / y,
                )
            }
        }
    }

    /// Likelihood, or the likelihood weighed by `variance^beta`, in nats per target in units of the
    /// task's standard deviation.
    pub(crate) fn loss(&self, raw: &Tensor, targets: &Targets, beta: f64) -> Result<Tensor> {
        let target = in_units(&targets.mean, &self.scales)?;
        let mean = block(raw, 0, self.tasks())?;
        let mean = mean.broadcast_div(&per_task(raw, &self.scales)?)?;
        let std = self.relative_std(&block(raw, 1, self.tasks())?, &Ctx::eval())?;
        let variance = std.sqr()?;
        if beta > 0.0 {
            loss::beta_nll(&mean, &variance, &target, beta)
        } else {
            loss::gaussian_nll(&mean, &variance, &target)
        }
    }

    pub(crate) fn predict(&self, raw: &Tensor, ctx: &Ctx<'_>) -> Result<Prediction> {
        let mut prediction = Prediction::of_mean(block(raw, 0, self.tasks())?);
        let std = self.relative_std(&block(raw, 1, self.tasks())?, ctx)?;
        prediction.aleatoric = Some(std.broadcast_mul(&per_task(raw, &self.scales)?)?);
        Ok(prediction)
    }
}
