//! `heteroscedastic-broadcast`.

use std::f64::consts::PI;

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, Masked, PluginConfig, Prediction, Result, Targets,
    UncertaintyHead,
};
use degu_nn::{columns::block, loss, ops};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The published heteroscedastic baseline of ResidualBind: errors and variances are averaged over
/// rows before they meet.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeteroscedasticBroadcast {}

impl PluginConfig for HeteroscedasticBroadcast {}

impl UncertaintyHead for HeteroscedasticBroadcast {
    fn labels(&self) -> Components {
        Components::default()
    }

    fn components(&self, _labels: Components) -> Components {
        Components {
            aleatoric: true,
            ..Components::default()
        }
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        Ok(Box::new(Bound {
            tasks: info.tasks.len(),
        }))
    }
}

struct Bound {
    tasks: usize,
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        2 * self.tasks
    }

    /// The mean over all pairs `(i, j)` of `(ln 2 pi + s_j + e_i^2 exp(-s_j)) / 2`, which is a
    /// product of two means.
    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let (mean, log_variance) = (block(raw, 0, self.tasks)?, block(raw, 1, self.tasks)?);
        let mut sum: Option<Tensor> = None;
        for task in 0..self.tasks {
            let one = |t: &Tensor| block(t, task, 1);
            let target = Masked {
                value: one(&targets.mean.value)?,
                mask: one(&targets.mean.mask)?,
            };
            let (s, m) = (one(&log_variance)?, one(&mean)?);
            let errors = loss::mse(&m, &target)?;
            let precisions = loss::masked_mean(&s.neg()?.exp()?, &target.mask)?;
            let of_variance = loss::masked_mean(&(s + (2.0 * PI).ln())?, &target.mask)?;
            let term = ((of_variance + (errors * precisions)?)? * (0.5 / self.tasks as f64))?;
            sum = Some(match sum {
                None => term,
                Some(sum) => (sum + term)?,
            });
        }
        match sum {
            Some(sum) => Ok(sum),
            None => loss::mse(raw, &targets.mean),
        }
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut prediction = Prediction::of_mean(block(raw, 0, self.tasks)?);
        let half = (block(raw, 1, self.tasks)? * 0.5)?;
        prediction.aleatoric = Some(ops::exp(&half, ctx)?);
        Ok(prediction)
    }
}

degu_core::register!(UncertaintyHead "heteroscedastic-broadcast", HeteroscedasticBroadcast, revision = 1,
    "DEGU's published heteroscedastic baseline: each variance meets the errors of all rows",
    cite = "doi:10.1101/2024.11.13.623485");
