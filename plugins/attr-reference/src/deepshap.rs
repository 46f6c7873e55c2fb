//! DeepLIFT multipliers against many references.

use candle_core::{DType, Tensor, Var};
use degu_core::{
    Attribution, Attributor, Build, Ctx, Error, FileRef, Invalid, Mode, Multipliers, PluginConfig,
    Predictor, Result, Seed, Sequences, Tap, Target, explain,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::references::{Baseline, Reference, References, Sums, maps};

/// Bytes of multipliers that are held at once.
const BYTES: usize = 16 << 20;

/// DeepLIFT multipliers by the rescale rules of the layers, averaged over references.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeepShap {
    /// What sequences are compared with.
    pub baseline: Baseline,
    /// References per sequence, for shuffles: 20 to look at, 100 for figures.
    #[schemars(range(min = 1))]
    pub references: usize,
    /// FASTA file of references, for `baseline = "file"`.
    pub file: Option<FileRef>,
    /// Subtract the mean over the four bases at each position. The hypothetical form needs it not;
    /// with the form `shap_values` it gives the maps that the consistency scores of DEGU were
    /// computed of.
    pub gradient_correction: bool,
    /// Largest completeness error of a sequence, relative to the change that is explained; more is
    /// an error that names the layer.
    #[schemars(range(min = 0.0))]
    pub tolerance: f64,
}

impl Default for DeepShap {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            references: 20,
            file: None,
            gradient_correction: false,
            tolerance: 1e-2,
        }
    }
}

impl PluginConfig for DeepShap {
    fn check(&self) -> Result<(), Invalid> {
        if self.baseline == Baseline::Uniform {
            return Err(Invalid {
                field: "baseline",
                message: "must be a kind of sequence (or `zeros`) for deepshap, found `uniform`; integrated-gradients takes it"
                    .to_owned(),
            });
        }
        References::check(self.baseline, self.file.as_ref())
    }
}

impl Build<dyn Attributor> for DeepShap {
    fn build(self) -> Result<Box<dyn Attributor>> {
        let references = References::new(self.baseline, self.references, self.file.as_ref())?;
        Ok(Box::new(Built {
            references,
            gradient_correction: self.gradient_correction,
            tolerance: self.tolerance,
        }))
    }
}

struct Built {
    references: References,
    gradient_correction: bool,
    tolerance: f64,
}

impl Attributor for Built {
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
        let rows = codes.to_vec2::<u8>()?;
        let k = self.references.count();
        let together = (BYTES / (16 * length.max(1) * k * targets.len().max(1))).clamp(1, 64);
        let mut sums = vec![Vec::with_capacity(n); targets.len()];
        for first in (0..n).step_by(together) {
            let end = (first + together).min(n);
            let references = self.drawn(&rows[first..end], &seeds[first..end]);
            let x = codes.narrow(0, first, end - first)?.contiguous()?;
            let r = Tensor::from_vec(references, (end - first, k, length), codes.device())?;
            for ((target, sums), found) in targets
                .iter()
                .zip(&mut sums)
                .zip(model.rescale(&x, &r, targets)?)
            {
                self.collect(model, &rows[first..end], first, &r, *target, &found, sums)?;
            }
        }
        let correct = self.gradient_correction;
        maps::finish(&sums, codes, model.dtype(), correct)
    }
}

impl Built {
    /// The references of some sequences, `[n, K, L]`.
    fn drawn(&self, rows: &[Vec<u8>], seeds: &[Seed]) -> Vec<u8> {
        let mut all = Vec::new();
        for (codes, seed) in rows.iter().zip(seeds) {
            for reference in self.references.of(codes, seed) {
                if let Reference::Codes(codes) = reference {
                    all.extend(codes);
                }
            }
        }
        all
    }

    /// Adds the sums of every sequence, and stops at one whose multipliers do not explain its
    /// change.
    fn collect(
        &self,
        model: &dyn Predictor,
        rows: &[Vec<u8>],
        first: usize,
        references: &Tensor,
        target: Target,
        found: &Multipliers,
        sums: &mut Vec<Sums>,
    ) -> Result<()> {
        let k = self.references.count();
        for (i, codes) in rows.iter().enumerate() {
            let mut all = Sums::new(codes.len());
            let values = found.values.narrow(0, i, 1)?.flatten_all()?;
            let values: Vec<f64> = values.to_dtype(DType::F64)?.to_vec1()?;
            let others = references.narrow(0, i, 1)?.squeeze(0)?.to_vec2::<u8>()?;
            let y_r = &found.references[i * k..(i + 1) * k];
            let pairs = values.chunks(codes.len() * 4).zip(others).zip(y_r);
            for ((m, reference), y_r) in pairs {
                let reference = Reference::Codes(reference);
                all.add(codes, &reference, m.iter().copied(), found.own[i] - y_r);
            }
            let size = y_r.iter().fold(found.own[i].abs(), |m, v| m.max(v.abs()));
            // What rounding leaves of a change near zero says nothing about the rules.
            let rounding = size
                * if model.dtype() == DType::F64 {
                    1e-9
                } else {
                    1e-4
                };
            if all.delta() > self.tolerance * all.change() && all.delta() > rounding {
                let reference = references.narrow(0, i, 1)?.narrow(1, 0, 1)?.flatten_all()?;
                let culprit = self.culprit(model, codes, &reference.to_vec1()?)?;
                return Err(incomplete(&culprit, first + i, target, &all));
            }
            sums.push(all);
        }
        Ok(())
    }

    /// The first layer whose change its multipliers do not explain.
    fn culprit(&self, model: &dyn Predictor, codes: &[u8], reference: &[u8]) -> Result<String> {
        let both = Tensor::from_vec(
            [codes, reference].concat(),
            (2, codes.len()),
            &candle_core::Device::Cpu,
        )?;
        let x = Var::from_tensor(&Sequences::Codes(both).one_hot(model.dtype())?)?;
        let mut layers = Layers::default();
        model.forward(
            &Sequences::OneHot(x.as_tensor().clone()),
            &mut Ctx::new(Mode::Rescale).with_tap(&mut layers),
        )?;
        let difference = (x.narrow(0, 0, 1)? - x.narrow(0, 1, 1)?)?.detach();
        for (path, value) in &layers.seen {
            let flat = value.flatten_from(1)?;
            // Irregular weights: a plain sum would hide errors that cancel.
            let weights: Vec<f64> = (0..flat.dim(1)?).map(|i| (i as f64 * 1.7).sin()).collect();
            let weights = Tensor::new(weights, flat.device())?.to_dtype(flat.dtype())?;
            let scalar = |row: usize| flat.narrow(0, row, 1)?.squeeze(0)?.mul(&weights)?.sum_all();
            let (own, other) = (scalar(0)?, scalar(1)?);
            let explained = match own.backward()?.get(x.as_tensor()) {
                Some(g) => number(&(g.narrow(0, 0, 1)? * &difference)?.sum_all()?)?,
                None => 0.0,
            };
            let (own, other) = (number(&own)?, number(&other)?);
            let size = own.abs().max(other.abs());
            if (explained - (own - other)).abs()
                > self.tolerance * (own - other).abs() + 1e-4 * size
            {
                return Ok(path.clone());
            }
        }
        Ok("head".to_owned())
    }
}

fn number(scalar: &Tensor) -> Result<f64> {
    Ok(scalar.detach().to_dtype(DType::F64)?.to_scalar()?)
}

fn incomplete(layer: &str, row: usize, target: Target, sums: &Sums) -> Error {
    Error::Layer {
        layer: layer.to_owned(),
        rule: "the multipliers of DeepLIFT explain the change that a layer makes",
        found: format!(
            "a completeness error of {:.2e} of a change of {:.2e} (row {row}, task {}, {}); an operation here has no rescale rule: \
             use those of `degu_nn::ops`, choose another method, or raise `tolerance`",
            sums.delta(),
            sums.change(),
            target.task,
            target.part.name()
        ),
    }
}

/// What layers give, in their order.
#[derive(Default)]
struct Layers {
    seen: Vec<(String, Tensor)>,
}

impl Tap for Layers {
    fn activation(&mut self, path: &str, value: &Tensor) {
        self.seen.push((path.to_owned(), value.clone()));
    }
}

degu_core::register!(Attributor "deepshap", DeepShap, revision = 1,
    "DeepLIFT multipliers averaged over shuffled references",
    cite = "arXiv:1704.02685");
