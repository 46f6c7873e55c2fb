//! Example: a mean per task by Huber's loss.
//!
//! Use it where some measurements are far off and squared errors would chase them. It predicts no
//! spread of its own: members of an ensemble still differ, but a single network says nothing of its
//! uncertainty. Take `gaussian` or `replicate` for that.
//!
//! # Model
//!
//! The loss of an error `e` is `e^2 / 2` up to `delta` and `delta (|e| - delta / 2)` beyond; the
//! mean is taken over measured values.
//!
//! # Parameters
//!
//! See [`Example`].
//!
//! # Citation
//!
//! Huber, Annals of Mathematical Statistics 35:73 (1964).
//!
//! # Differs from the original in
//!
//! Nothing.
//!
//! # Source of golden numbers
//!
//! None yet.

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, PluginConfig, Prediction, Result, Targets, UncertaintyHead,
};
use degu_nn::loss;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A mean per task, robust to outliers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {
    /// Error at which the loss turns from squared to linear, in units of the target.
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub delta: f64,
}

impl Default for Example {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl PluginConfig for Example {}

impl UncertaintyHead for Example {
    // What the data must have beside the activity: nothing.
    fn labels(&self) -> Components {
        Components::default()
    }

    // Which spreads it predicts: none.
    fn components(&self, _labels: Components) -> Components {
        Components::default()
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        Ok(Box::new(Bound {
            tasks: info.tasks.len(),
            delta: self.delta,
        }))
    }
}

struct Bound {
    tasks: usize,
    delta: f64,
}

impl Head for Bound {
    // Columns of the last dense layer: one mean per task. A spread would be another block of
    // columns, kept positive by `degu_nn::ops` in `loss` and `predict` alike.
    fn outputs(&self) -> usize {
        self.tasks
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        loss::huber(raw, &targets.mean, self.delta)
    }

    fn predict(&self, raw: &Tensor, _ctx: &mut Ctx<'_>) -> Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
}

degu_core::register!(UncertaintyHead "example", Example, revision = 1,
    "a mean per task, by Huber's loss");

degu_core::document!("lib.rs");
