//! The gradient, averaged over noise.

use candle_core::{DType, Tensor};
use degu_core::{
    Attribution, Attributor, Form, PluginConfig, Predictor, Result, Seed, Sequences, Target,
    explain,
};
use degu_genome::Draws;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::corrected;

/// Mean gradient over copies of the one-hot sequence with normal noise on all four channels.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SmoothGrad {
    /// Noisy copies.
    #[schemars(range(min = 1))]
    pub samples: usize,
    /// Standard deviation of the noise, in units of the one-hot input.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub sd: f64,
    /// Subtract the mean over the four bases at each position: noise leaves the space of sequences.
    pub gradient_correction: bool,
}

impl Default for SmoothGrad {
    fn default() -> Self {
        Self {
            samples: 50,
            sd: 0.1,
            gradient_correction: true,
        }
    }
}

impl PluginConfig for SmoothGrad {}

impl Attributor for SmoothGrad {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        let (n, length) = explain::check_codes(model, codes)?;
        explain::check_seeds(seeds, n)?;
        let x = Sequences::codes(codes.clone())?.one_hot(model.dtype())?;
        let mut sums =
            vec![Tensor::zeros((n, length, 4), DType::F64, codes.device())?; targets.len()];
        for sample in 0..self.samples {
            let noise: Vec<f64> = seeds
                .iter()
                .flat_map(|seed| normals(seed, sample, length * 4))
                .map(|v| v * self.sd)
                .collect();
            let noise = Tensor::from_vec(noise, (n, length, 4), codes.device())?;
            let noisy = Sequences::OneHot((&x + noise.to_dtype(x.dtype())?)?);
            for (sum, gradient) in sums.iter_mut().zip(model.gradients(&noisy, targets)?) {
                *sum = (&*sum + gradient.to_dtype(DType::F64)?)?;
            }
        }
        let mut maps = Vec::with_capacity(targets.len());
        for sum in sums {
            let mean = (sum / self.samples as f64)?;
            let mean = if self.gradient_correction {
                corrected(&mean)?
            } else {
                mean
            };
            let values = mean.to_dtype(model.dtype())?;
            maps.push(Attribution::new(Form::Hypothetical, values));
        }
        Ok(maps)
    }
}

/// `count` standard normal numbers by the polar form of Box and Muller, from stream `sample` of the
/// seed.
fn normals(seed: &Seed, sample: usize, count: usize) -> Vec<f64> {
    let mut draws = Draws::stream(seed.child("noise").bytes(), sample as u64);
    let mut all = Vec::with_capacity(count + 1);
    while all.len() < count {
        let (u, v) = (2.0 * draws.unit() - 1.0, 2.0 * draws.unit() - 1.0);
        let s = u * u + v * v;
        if s > 0.0 && s < 1.0 {
            let scale = (-2.0 * s.ln() / s).sqrt();
            all.extend([u * scale, v * scale]);
        }
    }
    all.truncate(count);
    all
}

degu_core::register!(Attributor "smoothgrad", SmoothGrad, revision = 1,
    "gradient averaged over noisy copies of the sequence",
    cite = "arXiv:1706.03825");

#[cfg(test)]
mod tests {
    use super::normals;
    use degu_core::Seed;

    #[test]
    fn noise_is_normal_and_fixed() {
        let all = normals(&Seed::root(1), 0, 20_001);
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let var = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let fourth = all.iter().map(|v| (v - mean).powi(4)).sum::<f64>() / n;
        // Five standard errors: 5 / sqrt(n), 5 sqrt(2 / n), 5 sqrt(96 / n).
        assert!(mean.abs() < 0.036 && (var - 1.0).abs() < 0.05 && (fourth - 3.0).abs() < 0.35);
        assert_eq!(all[..8], normals(&Seed::root(1), 0, 8)[..]);
        assert_ne!(all[..8], normals(&Seed::root(1), 1, 8)[..]);
    }
}
