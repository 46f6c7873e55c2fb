//! Attribution by gradients: `saliency`.
//!
//! # Model
//!
//! The gradient of one predicted number with respect to the one-hot sequence, in evaluation mode: a hypothetical value for each of
//! the four bases at each position. The gradient correction subtracts the mean over the bases, which removes the part of the
//! gradient that points out of the space of sequences.
//!
//! # Parameters
//!
//! See [`Saliency`].
//!
//! # Citation
//!
//! Simonyan et al. 2013, arXiv:1312.6034; correction: Majdandzic et al., Genome Biology 24:109 (2023),
//! doi:10.1186/s13059-023-02956-3.
//!
//! # Differs from the original in
//!
//! Nothing.
//!
//! # Source of golden numbers
//!
//! On a linear model the map is its weights (contract suite).

use candle_core::{DType, Tensor, Var};
use degu_core::{
    Attribution, Attributor, Build, Ctx, Error, Form, Part, PluginConfig, Predictor, Result, Seed,
    Sequences, Target,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gradient of a predicted number with respect to the sequence.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Saliency {
    /// Subtract the mean over the four bases at each position.
    pub gradient_correction: bool,
}

impl Default for Saliency {
    fn default() -> Self {
        Self {
            gradient_correction: true,
        }
    }
}

impl PluginConfig for Saliency {}

impl Build<dyn Attributor> for Saliency {
    fn build(self) -> Result<Box<dyn Attributor>> {
        Ok(Box::new(self))
    }
}

impl Attributor for Saliency {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        target: Target,
        _seeds: &[Seed],
    ) -> Result<Attribution> {
        let one_hot = Sequences::codes(codes.clone())?.one_hot(DType::F32)?;
        let x = Var::from_tensor(&one_hot)?;
        let prediction =
            model.forward(&Sequences::OneHot(x.as_tensor().clone()), &mut Ctx::eval())?;
        let part = match target.part {
            Part::Mean => Some(prediction.mean),
            Part::Epistemic => prediction.epistemic,
            Part::Aleatoric => prediction.aleatoric,
        };
        let part = part.ok_or(Error::Missing {
            what: "the part of the prediction that is to be explained",
            by: "saliency",
            help: "this model's head does not predict it; see `degu-lab plugins show`",
        })?;
        // Rows are independent, so the gradient of the sum holds the gradient of each.
        let task = part.narrow(candle_core::D::Minus1, target.task, 1)?;
        let gradients = task.sum_all()?.backward()?;
        let mut values = match gradients.get(x.as_tensor()) {
            Some(gradient) => gradient.detach(),
            None => one_hot.zeros_like()?,
        };
        if self.gradient_correction {
            values = values.broadcast_sub(&values.mean_keepdim(2)?)?;
        }
        Ok(Attribution {
            form: Form::Hypothetical,
            values,
            delta: None,
        })
    }
}

degu_core::register!(Attributor "saliency", Saliency, revision = 1,
    "gradient of a prediction with respect to the sequence",
    cite = "doi:10.1186/s13059-023-02956-3");

degu_core::document!("lib.rs");

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use degu_core::Prediction;

    /// Sum over positions and bases of weights times input.
    struct Linear(Tensor);

    impl Predictor for Linear {
        fn forward(&self, x: &Sequences, _ctx: &mut Ctx<'_>) -> Result<Prediction> {
            let x = x.one_hot(DType::F32)?;
            let y = x.broadcast_mul(&self.0)?.sum(2)?.sum_keepdim(1)?;
            Ok(Prediction::of_mean(y))
        }
    }

    #[test]
    fn a_linear_model_is_its_own_map() {
        let weights: Vec<f32> = (0..20).map(|i| (i as f32 * 0.7).sin()).collect();
        let weights = Tensor::from_vec(weights, (1, 5, 4), &Device::Cpu).unwrap();
        let codes =
            Tensor::from_vec(vec![0u8, 1, 2, 3, 4, 3, 3, 0, 1, 2], (2, 5), &Device::Cpu).unwrap();
        let target = Target {
            task: 0,
            part: Part::Mean,
        };
        let plain = Saliency {
            gradient_correction: false,
        };
        let map = plain
            .attribute(&Linear(weights.clone()), &codes, target, &[])
            .unwrap();
        assert_eq!(map.values.dims(), [2, 5, 4]);
        let difference = map
            .values
            .broadcast_sub(&weights)
            .unwrap()
            .abs()
            .unwrap()
            .max_all()
            .unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-6);
        let corrected = Saliency::default()
            .attribute(&Linear(weights), &codes, target, &[])
            .unwrap();
        let sums = corrected
            .values
            .sum(2)
            .unwrap()
            .abs()
            .unwrap()
            .max_all()
            .unwrap();
        assert!(sums.to_scalar::<f32>().unwrap() < 1e-6);
    }

    #[test]
    fn a_part_that_is_not_predicted_is_an_error() {
        let weights = Tensor::zeros((1, 2, 4), DType::F32, &Device::Cpu).unwrap();
        let codes = Tensor::zeros((1, 2), DType::U8, &Device::Cpu).unwrap();
        let target = Target {
            task: 0,
            part: Part::Epistemic,
        };
        assert!(
            Saliency::default()
                .attribute(&Linear(weights), &codes, target, &[])
                .is_err()
        );
    }
}
