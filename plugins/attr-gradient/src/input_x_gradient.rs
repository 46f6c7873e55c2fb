//! The gradient at the bases that the sequence has.

use candle_core::Tensor;
use degu_core::{
    Attribution, Attributor, Form, PluginConfig, Predictor, Result, Seed, Sequences, Target,
    explain,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::corrected;

/// Gradient of a predicted number times the sequence.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputXGradient {
    /// Subtract the mean over the four bases at each position.
    pub gradient_correction: bool,
}

impl PluginConfig for InputXGradient {}

impl Attributor for InputXGradient {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        _seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        explain::check_codes(model, codes)?;
        let mut maps = Vec::with_capacity(targets.len());
        for values in model.gradients(&Sequences::codes(codes.clone())?, targets)? {
            let values = if self.gradient_correction {
                corrected(&values)?
            } else {
                values
            };
            maps.push(Attribution::new(Form::Hypothetical, values));
        }
        Ok(maps)
    }
}

degu_core::register!(Attributor "input-x-gradient", InputXGradient, revision = 1,
    "gradient of a prediction times the sequence",
    cite = "arXiv:1605.01713");
