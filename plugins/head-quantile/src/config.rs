//! Parameters.

use degu_core::{Components, Head, Invalid, LabelInfo, PluginConfig, Result, UncertaintyHead};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::head::Bound;

/// Quantiles per task, by the pinball loss.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quantile {
    /// Levels, ascending; 0.5 must be among them. For intervals that miss `alpha`, have `alpha / 2`
    /// and `1 - alpha / 2`.
    #[schemars(schema_with = "levels")]
    pub levels: Vec<f64>,
    /// How quantiles are kept from crossing.
    pub crossing: Crossing,
    /// Whether a standard deviation is made of the quantiles.
    pub aleatoric: Aleatoric,
}

fn levels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "uniqueItems": true,
        "items": { "type": "number", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0 },
    })
}

/// How quantiles are kept from crossing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crossing {
    /// By construction: each is the next one towards the median plus or minus `ln(1 + exp(raw))`,
    /// in units of the task's standard deviation.
    #[default]
    Steps,
    /// Outputs are free while training and sorted on prediction; cannot be explained by rescale
    /// rules.
    Sorted,
}

/// A standard deviation made of quantiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aleatoric {
    /// None.
    #[default]
    None,
    /// The one of the normal distribution whose quantiles are nearest to the predicted ones around
    /// the median, by least squares.
    Normal,
}

impl Default for Quantile {
    fn default() -> Self {
        Self {
            levels: vec![0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975],
            crossing: Crossing::Steps,
            aleatoric: Aleatoric::None,
        }
    }
}

impl Quantile {
    /// Place of the median among the levels.
    pub(crate) fn centre(&self) -> Option<usize> {
        self.levels.iter().position(|l| (l - 0.5).abs() < 1e-12)
    }
}

impl PluginConfig for Quantile {
    fn check(&self) -> Result<(), Invalid> {
        let invalid = |message: String| {
            Err(Invalid {
                field: "levels",
                message,
            })
        };
        let mut pairs = self.levels.iter().zip(self.levels.iter().skip(1));
        if let Some((before, after)) = pairs.find(|(before, after)| before >= after) {
            return invalid(format!("must be ascending, found {before} before {after}"));
        }
        if self.centre().is_none() {
            return invalid("must have 0.5, the median, which is the prediction".to_owned());
        }
        if self.aleatoric == Aleatoric::Normal && self.levels.len() < 2 {
            return invalid(
                "must have a level beside the median for `aleatoric = \"normal\"`".to_owned(),
            );
        }
        Ok(())
    }
}

impl UncertaintyHead for Quantile {
    fn labels(&self) -> Components {
        Components::default()
    }

    fn components(&self, _labels: Components) -> Components {
        Components {
            aleatoric: self.aleatoric == Aleatoric::Normal,
            ..Components::default()
        }
    }

    fn has_quantiles(&self) -> bool {
        true
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        Ok(Box::new(Bound::new(self.clone(), info)))
    }
}
