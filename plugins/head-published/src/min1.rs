//! `gaussian-logvar-min1`.

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, PluginConfig, Prediction, Result, Targets, UncertaintyHead,
};
use degu_nn::{columns::block, loss, ops};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Added to the softplus by the published layer.
const OFFSET: f64 = 1e-6;

/// The published "evidential" baseline: a normal likelihood whose variance is never below 1, in
/// units of the target.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GaussianLogvarMin1 {}

impl PluginConfig for GaussianLogvarMin1 {}

impl UncertaintyHead for GaussianLogvarMin1 {
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

impl Bound {
    fn log_variance(&self, raw: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
        Ok((ops::softplus(&block(raw, 1, self.tasks)?, ctx)? + OFFSET)?)
    }
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        2 * self.tasks
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let variance = self.log_variance(raw, &Ctx::eval())?.exp()?;
        loss::gaussian_nll(&block(raw, 0, self.tasks)?, &variance, &targets.mean)
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut prediction = Prediction::of_mean(block(raw, 0, self.tasks)?);
        let half = (self.log_variance(raw, ctx)? * 0.5)?;
        prediction.aleatoric = Some(ops::exp(&half, ctx)?);
        Ok(prediction)
    }
}

degu_core::register!(UncertaintyHead "gaussian-logvar-min1", GaussianLogvarMin1, revision = 1,
    "DEGU's published \"evidential\" baseline: a normal likelihood with a variance of at least 1",
    cite = "doi:10.1101/2024.11.13.623485");
