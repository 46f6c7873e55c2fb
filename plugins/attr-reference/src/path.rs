//! Gradients between a reference and the sequence: integrated and expected gradients.

use candle_core::{DType, Tensor};
use degu_core::{
    Attribution, Attributor, Build, Ctx, FileRef, Invalid, PluginConfig, Predictor, Result, Seed,
    Sequences, Target, explain,
};
use degu_genome::Draws;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::references::{Baseline, Reference, References, Sums, maps};

/// Where the gradients of a path are taken, and their weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The middles of equal steps.
    #[default]
    Midpoint,
    /// The ends of equal steps, the first and the last with half a weight.
    Trapezoid,
    /// The nodes of Gauss and Legendre.
    GaussLegendre,
}

/// Mean gradient along the straight path from each reference to the sequence.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IntegratedGradients {
    /// What sequences are compared with.
    pub baseline: Baseline,
    /// References per sequence, for shuffles.
    #[schemars(range(min = 1))]
    pub references: usize,
    /// FASTA file of references, for `baseline = "file"`.
    pub file: Option<FileRef>,
    /// Gradients per reference.
    #[schemars(range(min = 1, max = 1000))]
    pub steps: usize,
    /// Where they are taken.
    pub rule: Rule,
}

impl Default for IntegratedGradients {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            references: 20,
            file: None,
            steps: 25,
            rule: Rule::default(),
        }
    }
}

impl PluginConfig for IntegratedGradients {
    fn check(&self) -> Result<(), Invalid> {
        References::check(self.baseline, self.file.as_ref())
    }
}

impl Build<dyn Attributor> for IntegratedGradients {
    fn build(self) -> Result<Box<dyn Attributor>> {
        Ok(Box::new(Path {
            references: References::new(self.baseline, self.references, self.file.as_ref())?,
            points: Points::Fixed(nodes(self.rule, self.steps)),
        }))
    }
}

/// Mean gradient at random points between each reference and the sequence.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedGradients {
    /// What sequences are compared with.
    pub baseline: Baseline,
    /// References per sequence, for shuffles.
    #[schemars(range(min = 1))]
    pub references: usize,
    /// FASTA file of references, for `baseline = "file"`.
    pub file: Option<FileRef>,
    /// Random points per reference.
    #[schemars(range(min = 1, max = 1000))]
    pub samples: usize,
}

impl Default for ExpectedGradients {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            references: 100,
            file: None,
            samples: 1,
        }
    }
}

impl PluginConfig for ExpectedGradients {
    fn check(&self) -> Result<(), Invalid> {
        References::check(self.baseline, self.file.as_ref())
    }
}

impl Build<dyn Attributor> for ExpectedGradients {
    fn build(self) -> Result<Box<dyn Attributor>> {
        Ok(Box::new(Path {
            references: References::new(self.baseline, self.references, self.file.as_ref())?,
            points: Points::Random(self.samples),
        }))
    }
}

/// Points of a path, as shares of the way from the reference, with weights that add up to 1.
enum Points {
    Fixed(Vec<(f64, f64)>),
    /// As many as this, uniform.
    Random(usize),
}

impl Points {
    /// The points towards reference `k` of a sequence.
    fn of(&self, seed: &Seed, k: usize) -> Vec<(f64, f64)> {
        match self {
            Self::Fixed(points) => points.clone(),
            Self::Random(count) => {
                let mut draws = Draws::stream(seed.child("path").bytes(), k as u64);
                (0..*count)
                    .map(|_| (draws.unit(), 1.0 / *count as f64))
                    .collect()
            }
        }
    }
}

struct Path {
    references: References,
    points: Points,
}

impl Attributor for Path {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        let (n, length) = explain::check_codes(model, codes)?;
        explain::check_seeds(seeds, n)?;
        self.references.check_length(length)?;
        let one_hot = Sequences::codes(codes.clone())?.one_hot(model.dtype())?;
        let mut sums = vec![Vec::with_capacity(n); targets.len()];
        for (i, (row, seed)) in codes.to_vec2::<u8>()?.iter().zip(seeds).enumerate() {
            let x = one_hot.narrow(0, i, 1)?;
            for (all, one) in sums
                .iter_mut()
                .zip(self.one(model, row, &x, seed, targets)?)
            {
                all.push(one);
            }
        }
        maps::finish(&sums, codes, model.dtype(), false)
    }
}

impl Path {
    /// The sums of one sequence, `x` being its one-hot tensor `[1, L, 4]`, for each target.
    fn one(
        &self,
        model: &dyn Predictor,
        codes: &[u8],
        x: &Tensor,
        seed: &Seed,
        targets: &[Target],
    ) -> Result<Vec<Sums>> {
        let references = self.references.of(codes, seed);
        let mut ends = vec![x.clone()];
        for reference in &references {
            ends.push(one_hot(reference, x)?);
        }
        let prediction =
            model.forward(&Sequences::OneHot(Tensor::cat(&ends, 0)?), &mut Ctx::eval())?;
        let mut values = Vec::new();
        for target in targets {
            let y = explain::select(&prediction, *target)?.detach();
            values.push(y.to_dtype(DType::F64)?.to_vec1::<f64>()?);
        }
        let mut sums = vec![Sums::new(codes.len()); targets.len()];
        for (k, reference) in references.iter().enumerate() {
            let r = &ends[k + 1];
            let points = self.points.of(seed, k);
            let way = (x - r)?;
            let mut places = Vec::with_capacity(points.len());
            for (share, _) in &points {
                places.push((r + (&way * *share)?)?);
            }
            let places = Sequences::OneHot(Tensor::cat(&places, 0)?);
            let weights: Vec<f64> = points.iter().map(|(_, weight)| *weight).collect();
            let weights = Tensor::from_vec(weights, (points.len(), 1, 1), x.device())?;
            let gradients = model.gradients(&places, targets)?;
            for ((sums, gradient), y) in sums.iter_mut().zip(gradients).zip(&values) {
                let mean = gradient
                    .to_dtype(DType::F64)?
                    .broadcast_mul(&weights)?
                    .sum(0)?;
                let mean = mean.flatten_all()?.to_vec1::<f64>()?;
                sums.add(codes, reference, mean, y[0] - y[k + 1]);
            }
        }
        Ok(sums)
    }
}

/// A reference as a tensor like `x`, `[1, L, 4]`.
fn one_hot(reference: &Reference, x: &Tensor) -> Result<Tensor> {
    match reference {
        Reference::Codes(codes) => {
            let codes = Tensor::from_slice(codes, (1, codes.len()), x.device())?;
            Sequences::Codes(codes).one_hot(x.dtype())
        }
        Reference::Uniform => Ok((x.ones_like()? * 0.25)?),
    }
}

/// Points and weights of a rule on [0, 1].
fn nodes(rule: Rule, steps: usize) -> Vec<(f64, f64)> {
    let n = steps as f64;
    match rule {
        Rule::Midpoint => (0..steps)
            .map(|s| ((s as f64 + 0.5) / n, 1.0 / n))
            .collect(),
        Rule::Trapezoid => (0..=steps)
            .map(|s| {
                let end = s == 0 || s == steps;
                (s as f64 / n, if end { 0.5 / n } else { 1.0 / n })
            })
            .collect(),
        Rule::GaussLegendre => (0..steps).map(|s| gauss_legendre(steps, s)).collect(),
    }
}

/// Node `s` of `n` on [0, 1] and its weight, by Newton's method on the Legendre polynomial.
fn gauss_legendre(n: usize, s: usize) -> (f64, f64) {
    let mut x = (std::f64::consts::PI * (s as f64 + 0.75) / (n as f64 + 0.5)).cos();
    let mut slope = 1.0;
    for _ in 0..100 {
        let (mut before, mut p) = (1.0, x);
        for k in 2..=n {
            let k = k as f64;
            (before, p) = (p, ((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k);
        }
        slope = n as f64 * (x * p - before) / (x * x - 1.0);
        let step = p / slope;
        x -= step;
        if step.abs() < 1e-15 {
            break;
        }
    }
    ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
}

degu_core::register!(Attributor "integrated-gradients", IntegratedGradients, revision = 1,
    "mean gradient along the path from references to the sequence",
    cite = "arXiv:1703.01365");

degu_core::register!(Attributor "expected-gradients", ExpectedGradients, revision = 1,
    "mean gradient at random points between references and the sequence",
    cite = "doi:10.1038/s42256-021-00343-w");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_integrate_polynomials() {
        for (rule, steps, degree, error) in [
            (Rule::Midpoint, 1, 1, 1e-15),
            (Rule::Midpoint, 1000, 3, 1e-6),
            (Rule::Trapezoid, 1, 1, 1e-15),
            (Rule::Trapezoid, 1000, 3, 1e-6),
            (Rule::GaussLegendre, 1, 1, 1e-14),
            (Rule::GaussLegendre, 5, 9, 1e-14),
            (Rule::GaussLegendre, 40, 30, 1e-13),
        ] {
            let sum: f64 = nodes(rule, steps)
                .iter()
                .map(|(x, w)| w * x.powi(degree))
                .sum();
            let exact = 1.0 / f64::from(degree + 1);
            assert!((sum - exact).abs() < error, "{rule:?} {steps}: {sum}");
        }
    }

    #[test]
    fn random_points_depend_on_the_seed_and_the_reference() {
        let (points, seed) = (Points::Random(3), Seed::root(1));
        assert_eq!(points.of(&seed, 0), points.of(&seed, 0));
        assert_ne!(points.of(&seed, 0), points.of(&seed, 1));
        assert!(
            points
                .of(&seed, 0)
                .iter()
                .all(|(a, _)| (0.0..1.0).contains(a))
        );
    }
}
