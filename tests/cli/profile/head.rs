//! `kit-profile-rate`: expected counts per bin and task, by Poisson likelihood.

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, PluginConfig, Prediction, Result, Targets, UncertaintyHead,
};
use degu_nn::{loss, ops};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Expected counts, `ln(1 + exp(raw))`; their sum over bins is the part `total`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rate {}

impl PluginConfig for Rate {}

impl UncertaintyHead for Rate {
    fn labels(&self) -> Components {
        Components::default()
    }

    fn components(&self, _labels: Components) -> Components {
        Components::default()
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        Ok(Box::new(Bound(info.tasks.len())))
    }
}

struct Bound(usize);

impl Head for Bound {
    fn outputs(&self) -> usize {
        self.0
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let rate = (ops::softplus(raw, &Ctx::eval())? + 1e-6)?;
        loss::poisson(&rate, &targets.mean)
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let rate = ops::softplus(raw, ctx)?;
        let mut prediction = Prediction::of_mean(rate.clone());
        if rate.rank() == 3 {
            prediction.parts.insert("total".to_owned(), rate.sum(1)?);
        }
        Ok(prediction)
    }
}

degu_core::register!(UncertaintyHead "kit-profile-rate", Rate, revision = 1, "expected counts per bin and task");
