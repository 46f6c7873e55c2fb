//! In-silico mutagenesis.

use candle_core::{DType, Tensor};
use degu_core::{
    Attribution, Attributor, Form, PluginConfig, Predictor, Result, Seed, Substitution, Target,
    explain,
};
use degu_genome::Draws;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Edited sequences that are predicted at once.
const TOGETHER: usize = 1024;

/// Change of a predicted number with every single substitution.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ism {
    /// Compute only what a substitution reaches, where the network allows it.
    pub fast: bool,
    /// Substitutions of each sequence that are predicted in full as well, the first and the last
    /// among them; a difference makes the sequence be computed in full, with a warning.
    #[schemars(range(min = 0))]
    pub verify: usize,
}

impl Default for Ism {
    fn default() -> Self {
        Self {
            fast: true,
            verify: 4,
        }
    }
}

impl PluginConfig for Ism {}

impl Attributor for Ism {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        let (n, length) = explain::check_codes(model, codes)?;
        if self.fast && self.verify > 0 {
            explain::check_seeds(seeds, n)?;
        }
        let own = model.values(codes, targets)?;
        let mut maps = vec![Vec::with_capacity(n * length * 4); targets.len()];
        for (i, row) in codes.to_vec2::<u8>()?.iter().enumerate() {
            let edits = substitutions(row);
            let values = self.values(model, row, i, &edits, targets, seeds.get(i))?;
            for ((map, values), own) in maps.iter_mut().zip(values).zip(&own) {
                map.extend(centred(row, &edits, &values, own[i]));
            }
        }
        let finish = |values: Vec<f64>| -> Result<Attribution> {
            let values = Tensor::from_vec(values, (n, length, 4), codes.device())?;
            let values = values.to_dtype(model.dtype())?;
            Ok(Attribution::new(Form::Hypothetical, values))
        };
        maps.into_iter().map(finish).collect()
    }
}

impl Ism {
    /// The values of the targets after each edit, by target.
    fn values(
        &self,
        model: &dyn Predictor,
        codes: &[u8],
        row: usize,
        edits: &[Substitution],
        targets: &[Target],
        seed: Option<&Seed>,
    ) -> Result<Vec<Vec<f64>>> {
        let fast = if self.fast {
            model.substitutions(codes, edits, targets)?
        } else {
            None
        };
        let Some(fast) = fast else {
            return plain(model, codes, edits, targets);
        };
        let checked = self.checked(codes, edits.len(), seed);
        let some: Vec<Substitution> = checked.iter().map(|e| edits[*e]).collect();
        let limit = if model.dtype() == DType::F64 {
            1e-10
        } else {
            1e-4
        };
        for (fast, plain) in fast.iter().zip(plain(model, codes, &some, targets)?) {
            let size = plain.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let off = checked
                .iter()
                .zip(&plain)
                .fold(0.0, |m: f64, (e, v)| m.max((fast[*e] - v).abs()));
            if off > limit * size {
                tracing::warn!(
                    row,
                    off,
                    size,
                    "substitutions computed in part differ from whole predictions; computing this sequence in full"
                );
                return self::plain(model, codes, edits, targets);
            }
        }
        Ok(fast)
    }

    /// Numbers of the edits that are verified: the first, the last, and some between.
    fn checked(&self, codes: &[u8], edits: usize, seed: Option<&Seed>) -> Vec<usize> {
        let Some(seed) = seed.filter(|_| self.verify > 0 && edits > 0) else {
            return Vec::new();
        };
        let mut draws = Draws::of_sequence(seed.child("verify").bytes(), codes, 0);
        let mut all = vec![0, edits - 1];
        all.truncate(self.verify);
        while all.len() < self.verify.min(edits) {
            all.push(draws.below(edits));
        }
        all
    }
}

/// Every substitution of a sequence, by position and base; at N all four bases are substitutions.
fn substitutions(codes: &[u8]) -> Vec<Substitution> {
    let of = |(position, code): (usize, &u8)| {
        let code = *code;
        (0..4)
            .filter(move |base| *base != code)
            .map(move |base| Substitution { position, base })
    };
    codes.iter().enumerate().flat_map(of).collect()
}

/// Predicts every edited sequence.
fn plain(
    model: &dyn Predictor,
    codes: &[u8],
    edits: &[Substitution],
    targets: &[Target],
) -> Result<Vec<Vec<f64>>> {
    let mut all = vec![Vec::with_capacity(edits.len()); targets.len()];
    for some in edits.chunks(TOGETHER) {
        let mut edited = Vec::with_capacity(some.len() * codes.len());
        for edit in some {
            let at = edited.len() + edit.position;
            edited.extend_from_slice(codes);
            edited[at] = edit.base;
        }
        let edited =
            Tensor::from_vec(edited, (some.len(), codes.len()), &candle_core::Device::Cpu)?;
        for (all, values) in all.iter_mut().zip(model.values(&edited, targets)?) {
            all.extend(values);
        }
    }
    Ok(all)
}

/// `f(edited) - f(x)`, 0 at the bases of the sequence, minus the mean over the bases of each
/// position, `[L, 4]`.
fn centred(codes: &[u8], edits: &[Substitution], values: &[f64], own: f64) -> Vec<f64> {
    let mut map = vec![0.0; codes.len() * 4];
    for (edit, value) in edits.iter().zip(values) {
        map[edit.position * 4 + usize::from(edit.base)] = value - own;
    }
    for four in map.chunks_mut(4) {
        let mean = four.iter().sum::<f64>() / 4.0;
        for v in four {
            *v -= mean;
        }
    }
    map
}

degu_core::register!(Attributor "ism", Ism, revision = 1,
    "change of a prediction with every single substitution",
    cite = "doi:10.1038/nmeth.3547");

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use degu_core::{Component, Ctx, Prediction, Sequences};

    /// Counts A, and claims `wrong` of every substitution that it is asked for.
    struct Counts {
        wrong: f64,
    }

    impl Predictor for Counts {
        fn forward(&self, x: &Sequences, _: &mut Ctx<'_>) -> Result<Prediction> {
            let a = x.one_hot(DType::F64)?.narrow(2, 0, 1)?.sum(1)?;
            Ok(Prediction::of_mean(a))
        }
        fn dtype(&self) -> DType {
            DType::F64
        }
        fn substitutions(
            &self,
            codes: &[u8],
            edits: &[Substitution],
            targets: &[Target],
        ) -> Result<Option<Vec<Vec<f64>>>> {
            let mut values = plain(self, codes, edits, targets)?;
            values[0].iter_mut().for_each(|v| *v += self.wrong);
            Ok(Some(values))
        }
    }

    fn map(method: &Ism, wrong: f64) -> Vec<f64> {
        let codes = Tensor::from_vec(vec![0u8, 4, 2], (1, 3), &Device::Cpu).unwrap();
        let target = Target {
            task: 0,
            part: Component::Mean,
        };
        let map = method.attribute(&Counts { wrong }, &codes, &[target], &[Seed::root(1)]);
        map.unwrap()
            .remove(0)
            .values
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    }

    #[test]
    fn substitutions_and_unknown_bases() {
        let expected = [
            0.75, -0.25, -0.25, -0.25, 0.75, -0.25, -0.25, -0.25, 0.75, -0.25, -0.25, -0.25,
        ];
        assert_eq!(map(&Ism::default(), 0.0), expected);
        let slow = Ism {
            fast: false,
            ..Ism::default()
        };
        assert_eq!(map(&slow, 0.0), expected);
        // A fast way that is wrong is found out and not used.
        assert_eq!(map(&Ism::default(), 0.5), expected);
        let trusting = Ism {
            verify: 0,
            ..Ism::default()
        };
        assert_ne!(map(&trusting, 0.5), expected);
    }
}
