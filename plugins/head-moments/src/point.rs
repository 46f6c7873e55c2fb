//! A mean per task.

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, PluginConfig, Prediction, Result, Targets, UncertaintyHead,
};
use degu_nn::loss;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One number per task, by mean squared error.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Point {}

impl PluginConfig for Point {}

impl UncertaintyHead for Point {
    fn labels(&self) -> Components {
        Components::default()
    }

    fn components(&self, _labels: Components) -> Components {
        Components::default()
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
        self.tasks
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        loss::mse(raw, &targets.mean)
    }

    fn predict(&self, raw: &Tensor, _ctx: &mut Ctx<'_>) -> Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
}

degu_core::register!(UncertaintyHead "point", Point, revision = 1, "a mean per task, by mean squared error");
