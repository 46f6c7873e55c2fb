//! `gaussian`: mean and standard deviation by maximum likelihood.

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, PluginConfig, Prediction, Result, Targets, UncertaintyHead,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::normal::{Normal, Output};

/// Mean and standard deviation per task, by the likelihood of a normal distribution.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gaussian {
    /// Exponent of the weight `variance^beta` of each likelihood term, through which no gradient
    /// flows: 0 is the likelihood, 0.5 the beta-NLL of Seitzer et al., 1 gives the mean the
    /// gradient of a squared error.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta: f64,
    /// What the second raw output of a task is.
    pub output: Output,
    /// Smallest standard deviation, as a fraction of the task's own in the training rows.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub floor: f64,
    /// With `output = "log_var"`: how far the logarithm of the variance may be from that of the
    /// task's own variance.
    #[schemars(range(min = 1.0, max = 30.0))]
    pub clamp: f64,
}

impl Default for Gaussian {
    fn default() -> Self {
        Self {
            beta: 0.0,
            output: Output::LogVar,
            floor: 1e-3,
            clamp: 10.0,
        }
    }
}

impl PluginConfig for Gaussian {}

impl UncertaintyHead for Gaussian {
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
            normal: Normal::new(info, self.output, self.floor, self.clamp),
            beta: self.beta,
        }))
    }
}

struct Bound {
    normal: Normal,
    beta: f64,
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        2 * self.normal.tasks()
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        self.normal.loss(raw, targets, self.beta)
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        self.normal.predict(raw, ctx)
    }
}

degu_core::register!(UncertaintyHead "gaussian", Gaussian, revision = 1,
    "mean and standard deviation by the likelihood of a normal distribution, or by the beta-NLL",
    cite = "arXiv:2203.09168");
