//! Several networks as one predictor.

use candle_core::{D, DType, Tensor};
use degu_core::{
    Component, Ctx, Error, Multipliers, Prediction, Predictor, Result, Sequences, Substitution,
    Target,
};

use crate::ops;

/// An ensemble whose mean is the members' and whose epistemic spread is their standard deviation.
///
/// Multipliers of the mean and of the spread are combined from the members': `sum_m w_m
/// multiplier(f_m)` with `w_m = 1 / M` for the mean and, per pair, `(d_m + d_mr) / (M (u + u_r))`
/// for the spread, `d` being the deviations from the mean and `u` the spread at the sequence and at
/// its reference. This is the chain of the square's, the mean's and the root's rule, so both are
/// complete, and members keep their kernels.
pub struct Ensemble<'a> {
    members: Vec<&'a dyn Predictor>,
    ddof: usize,
}

impl<'a> Ensemble<'a> {
    /// The ensemble of `members`, which predict the same tasks; the spread divides by `members -
    /// ddof`.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] with no more members than `ddof`.
    pub fn new(members: Vec<&'a dyn Predictor>, ddof: usize) -> Result<Self> {
        if members.len() <= ddof {
            return Err(Error::Missing {
                what: "a further member",
                by: "the spread of an ensemble",
                help: "train at least two members, or use ddof 0",
            });
        }
        Ok(Self { members, ddof })
    }

    fn count(&self) -> f64 {
        self.members.len() as f64
    }

    /// By target and member: the member's answer to the question that the target of the ensemble
    /// leads to.
    fn ask<T>(
        &self,
        targets: &[Target],
        question: impl Fn(&dyn Predictor, &[Target]) -> Result<Vec<T>>,
    ) -> Result<Vec<Vec<T>>> {
        let asked: Vec<Target> = targets.iter().copied().map(member_target).collect();
        let mut all: Vec<Vec<T>> = targets.iter().map(|_| Vec::new()).collect();
        for member in &self.members {
            for (all, one) in all.iter_mut().zip(question(*member, &asked)?) {
                all.push(one);
            }
        }
        Ok(all)
    }

    /// A part of the ensemble from one value of each member.
    fn combine(&self, part: Component, values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / self.count();
        match part {
            Component::Mean => mean,
            Component::Epistemic => {
                let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
                (squares / (self.count() - self.ddof as f64)).sqrt()
            }
            Component::Aleatoric => {
                (values.iter().map(|v| v * v).sum::<f64>() / self.count()).sqrt()
            }
        }
    }

    /// Multipliers of the members' values, given those at the sequence and at the reference.
    fn weights(&self, part: Component, own: &[f64], reference: &[f64]) -> Vec<f64> {
        let (u, u_r) = (self.combine(part, own), self.combine(part, reference));
        let centre = |values: &[f64]| match part {
            Component::Epistemic => values.iter().sum::<f64>() / self.count(),
            _ => 0.0,
        };
        let (mean, mean_r) = (centre(own), centre(reference));
        let divisor = match part {
            Component::Epistemic => self.count() - self.ddof as f64,
            _ => self.count(),
        };
        let weight = |(f, r): (&f64, &f64)| match part {
            Component::Mean => 1.0 / self.count(),
            _ if u + u_r > 0.0 => ((f - mean) + (r - mean_r)) / (divisor * (u + u_r)),
            _ => 0.0,
        };
        own.iter().zip(reference).map(weight).collect()
    }

    fn combined(&self, part: Component, members: &[Vec<f64>]) -> Vec<f64> {
        let rows = members.first().map_or(0, Vec::len);
        (0..rows)
            .map(|i| {
                let values: Vec<f64> = members.iter().map(|m| m[i]).collect();
                self.combine(part, &values)
            })
            .collect()
    }
}

/// What a member is asked for when the ensemble is asked for `target`.
fn member_target(target: Target) -> Target {
    Target {
        part: match target.part {
            Component::Mean | Component::Epistemic => Component::Mean,
            Component::Aleatoric => Component::Aleatoric,
        },
        ..target
    }
}

impl Predictor for Ensemble<'_> {
    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut all = Vec::with_capacity(self.members.len());
        for member in &self.members {
            all.push(member.forward(x, &mut Ctx::new(ctx.mode()))?);
        }
        let stack = |parts: Vec<&Tensor>| Tensor::stack(&parts, D::Minus1);
        let means = stack(all.iter().map(|p| &p.mean).collect())?;
        let mean = (means.sum(D::Minus1)? / self.count())?;
        let mut prediction = Prediction::of_mean(mean.clone());
        let deviations = means.broadcast_sub(&mean.unsqueeze(D::Minus1)?)?;
        let root = |x: &Tensor, divisor: f64, ctx: &Ctx<'_>| {
            let squares = (ops::square(x, ctx)?.sum(D::Minus1)? / divisor)?;
            ops::sqrt(&squares, ctx)
        };
        let divisor = self.count() - self.ddof as f64;
        prediction.epistemic = Some(root(&deviations, divisor, ctx)?);
        let aleatoric: Vec<&Tensor> = all.iter().filter_map(|p| p.aleatoric.as_ref()).collect();
        if aleatoric.len() == all.len() {
            prediction.aleatoric = Some(root(&stack(aleatoric)?, self.count(), ctx)?);
        }
        Ok(prediction)
    }

    fn dtype(&self) -> DType {
        self.members.first().map_or(DType::F32, |m| m.dtype())
    }

    fn length(&self) -> Option<usize> {
        self.members.first().and_then(|m| m.length())
    }

    fn values(&self, codes: &Tensor, targets: &[Target]) -> Result<Vec<Vec<f64>>> {
        let all = self.ask(targets, |m, t| m.values(codes, t))?;
        let parts = targets.iter().zip(&all);
        Ok(parts.map(|(t, m)| self.combined(t.part, m)).collect())
    }

    fn gradients(&self, x: &Sequences, targets: &[Target]) -> Result<Vec<Tensor>> {
        let gradients = self.ask(targets, |m, t| m.gradients(x, t))?;
        let own = self.ask(targets, |m, t| {
            let prediction = m.predict(x)?;
            let values = |t: &Target| {
                let y = degu_core::explain::select(&prediction, *t)?;
                Ok(y.detach().to_dtype(DType::F64)?.to_vec1::<f64>()?)
            };
            t.iter().map(values).collect()
        })?;
        let mut maps = Vec::new();
        for ((target, gradients), own) in targets.iter().zip(gradients).zip(own) {
            // At one point the weights of a pair of equal sequences are the derivatives.
            maps.push(self.mix(target.part, &gradients, &own, &own, 1)?);
        }
        Ok(maps)
    }

    fn rescale(
        &self,
        codes: &Tensor,
        references: &Tensor,
        targets: &[Target],
    ) -> Result<Vec<Multipliers>> {
        let all = self.ask(targets, |m, t| m.rescale(codes, references, t))?;
        let k = references.dim(1)?;
        let mut maps = Vec::new();
        for (target, members) in targets.iter().zip(all) {
            let own: Vec<Vec<f64>> = members.iter().map(|m| m.own.clone()).collect();
            let other: Vec<Vec<f64>> = members.iter().map(|m| m.references.clone()).collect();
            let values: Vec<Tensor> = members.into_iter().map(|m| m.values).collect();
            maps.push(Multipliers {
                values: self.mix(target.part, &values, &own, &other, k)?,
                own: self.combined(target.part, &own),
                references: self.combined(target.part, &other),
            });
        }
        Ok(maps)
    }

    fn substitutions(
        &self,
        codes: &[u8],
        edits: &[Substitution],
        targets: &[Target],
    ) -> Result<Option<Vec<Vec<f64>>>> {
        let asked: Vec<Target> = targets.iter().copied().map(member_target).collect();
        let mut all: Vec<Vec<Vec<f64>>> = targets.iter().map(|_| Vec::new()).collect();
        for member in &self.members {
            let Some(values) = member.substitutions(codes, edits, &asked)? else {
                return Ok(None);
            };
            for (all, one) in all.iter_mut().zip(values) {
                all.push(one);
            }
        }
        let parts = targets.iter().zip(&all);
        Ok(Some(parts.map(|(t, m)| self.combined(t.part, m)).collect()))
    }
}

impl Ensemble<'_> {
    /// The weighted sum of the members' maps, `[N, ..]` with `k` pairs in each row.
    fn mix(
        &self,
        part: Component,
        maps: &[Tensor],
        own: &[Vec<f64>],
        other: &[Vec<f64>],
        k: usize,
    ) -> Result<Tensor> {
        let pairs = other.first().map_or(0, Vec::len);
        let mut weights = vec![Vec::with_capacity(pairs); self.members.len()];
        for p in 0..pairs {
            let at = |values: &[Vec<f64>], i: usize| -> Vec<f64> {
                values.iter().map(|m| m[i]).collect()
            };
            let w = self.weights(part, &at(own, p / k), &at(other, p));
            for (all, w) in weights.iter_mut().zip(w) {
                all.push(w);
            }
        }
        let mut sum: Option<Tensor> = None;
        for (map, weights) in maps.iter().zip(weights) {
            let flat = map.reshape((pairs, map.elem_count() / pairs.max(1)))?;
            let weights = Tensor::from_vec(weights, (pairs, 1), map.device())?;
            let part = flat.to_dtype(DType::F64)?.broadcast_mul(&weights)?;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        let Some((sum, first)) = sum.zip(maps.first()) else {
            return Err(Error::Missing {
                what: "a member",
                by: "an ensemble",
                help: "give at least one",
            });
        };
        Ok(sum.to_dtype(first.dtype())?.reshape(first.shape())?)
    }
}
