//! The gradient itself.

use candle_core::Tensor;
use degu_core::{
    Attribution, Attributor, Form, PluginConfig, Predictor, Result, Seed, Sequences, Target,
    explain,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::corrected;

/// Gradient of a predicted number with respect to the sequence.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Saliency {
    /// Subtract the mean over the four bases at each position.
    pub gradient_correction: bool,
    /// Absolute values.
    pub magnitude: bool,
}

impl Default for Saliency {
    fn default() -> Self {
        Self {
            gradient_correction: true,
            magnitude: false,
        }
    }
}

impl PluginConfig for Saliency {}

impl Attributor for Saliency {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        _seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        explain::check_codes(model, codes)?;
        let mut maps = Vec::with_capacity(targets.len());
        for mut values in model.gradients(&Sequences::codes(codes.clone())?, targets)? {
            if self.gradient_correction {
                values = corrected(&values)?;
            }
            if self.magnitude {
                values = values.abs()?;
            }
            maps.push(Attribution::new(Form::Hypothetical, values));
        }
        Ok(maps)
    }
}

degu_core::register!(Attributor "saliency", Saliency, revision = 2,
    "gradient of a prediction with respect to the sequence",
    cite = "doi:10.1186/s13059-023-02956-3");

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use degu_core::{Component, Ctx, Prediction};

    /// Sum over positions and bases of weights times input.
    struct Linear(Tensor);

    impl Predictor for Linear {
        fn forward(&self, x: &Sequences, _ctx: &mut Ctx<'_>) -> Result<Prediction> {
            let x = x.one_hot(DType::F32)?;
            let y = x.broadcast_mul(&self.0)?.sum(2)?.sum_keepdim(1)?;
            Ok(Prediction::of_mean(y))
        }
    }

    fn largest(t: &Tensor) -> f32 {
        t.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn a_linear_model_is_its_own_map() {
        let weights: Vec<f32> = (0..20).map(|i| (i as f32 * 0.7).sin()).collect();
        let weights = Tensor::from_vec(weights, (1, 5, 4), &Device::Cpu).unwrap();
        let codes =
            Tensor::from_vec(vec![0u8, 1, 2, 3, 4, 3, 3, 0, 1, 2], (2, 5), &Device::Cpu).unwrap();
        let target = Target {
            task: 0,
            part: Component::Mean,
        };
        let map = |method: Saliency| {
            let map = method.attribute(&Linear(weights.clone()), &codes, &[target], &[]);
            map.unwrap().remove(0).values
        };
        let plain = map(Saliency {
            gradient_correction: false,
            magnitude: false,
        });
        assert_eq!(plain.dims(), [2, 5, 4]);
        assert!(largest(&plain.broadcast_sub(&weights).unwrap()) < 1e-6);
        let corrected = map(Saliency::default());
        assert!(largest(&corrected.sum(2).unwrap()) < 1e-6);
        let magnitude = map(Saliency {
            magnitude: true,
            ..Saliency::default()
        });
        assert!(largest(&(magnitude - corrected.abs().unwrap()).unwrap()) == 0.0);
    }

    #[test]
    fn a_part_that_is_not_predicted_is_an_error() {
        let weights = Tensor::zeros((1, 2, 4), DType::F32, &Device::Cpu).unwrap();
        let codes = Tensor::zeros((1, 2), DType::U8, &Device::Cpu).unwrap();
        let target = |task, part| Target { task, part };
        for (target, says) in [
            (target(0, Component::Epistemic), "epistemic"),
            (target(1, Component::Mean), "task 1 of a model of 1"),
        ] {
            let found =
                Saliency::default().attribute(&Linear(weights.clone()), &codes, &[target], &[]);
            let error = found.unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
