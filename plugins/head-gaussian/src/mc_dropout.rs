//! `mc-dropout`: predictions that average passes with dropout.

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, PluginConfig, Prediction, Result, Targets, UncertaintyHead,
};
use degu_nn::loss;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Gaussian,
    normal::{Normal, Output},
};

/// Mean over passes with dropout, and their spread as the epistemic part.
///
/// Only dropout is active while predicting; batch normalisation uses its running statistics. The
/// masks of a sequence are a function of its bases alone, so predictions do not depend on batches,
/// threads or engines. Needs an architecture with dropout.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct McDropout {
    /// Passes that a prediction averages; it costs as many times one prediction.
    #[schemars(range(min = 2, max = 10000))]
    pub samples: usize,
    /// Whether each pass predicts the spread of the measurement as well.
    pub aleatoric: Aleatoric,
}

/// What a pass predicts beside the mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aleatoric {
    /// Nothing; trained by squared error.
    #[default]
    None,
    /// A standard deviation, trained and floored as that of the head `gaussian` with its defaults.
    Gaussian,
}

impl Default for McDropout {
    fn default() -> Self {
        Self {
            samples: 30,
            aleatoric: Aleatoric::None,
        }
    }
}

impl PluginConfig for McDropout {}

impl UncertaintyHead for McDropout {
    fn labels(&self) -> Components {
        Components::default()
    }

    fn components(&self, _labels: Components) -> Components {
        Components {
            epistemic: true,
            aleatoric: self.aleatoric == Aleatoric::Gaussian,
        }
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        let Gaussian { floor, clamp, .. } = Gaussian::default();
        Ok(Box::new(Bound {
            tasks: info.tasks.len(),
            samples: self.samples,
            normal: (self.aleatoric == Aleatoric::Gaussian)
                .then(|| Normal::new(info, Output::LogVar, floor, clamp)),
        }))
    }
}

struct Bound {
    tasks: usize,
    samples: usize,
    normal: Option<Normal>,
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        self.tasks * if self.normal.is_some() { 2 } else { 1 }
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        match &self.normal {
            None => loss::mse(raw, &targets.mean),
            Some(normal) => normal.loss(raw, targets, 0.0),
        }
    }

    /// One pass.
    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        match &self.normal {
            None => Ok(Prediction::of_mean(raw.clone())),
            Some(normal) => normal.predict(raw, ctx),
        }
    }

    fn stochastic_passes(&self) -> usize {
        self.samples
    }
}

degu_core::register!(UncertaintyHead "mc-dropout", McDropout, revision = 1,
    "mean and spread over passes with dropout, of one network",
    cite = "arXiv:1506.02142");
