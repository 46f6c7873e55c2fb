//! Effects from predictions.

use degu_stats::{compare::t_interval, special::normal_quantile};

use super::{Prepared, rows::Problem};
use crate::{ModelSet, Result, Scorer, scorer::mean_and_sd};

/// How effects are estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffectOptions {
    /// Level of the intervals, as in 0.95.
    pub level: f64,
}

/// The effect of a variant on one task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effect {
    /// Prediction for the reference allele: the mean over members, or the model's.
    pub reference: f64,
    /// Prediction for the alternate allele.
    pub alternate: f64,
    /// `alternate - reference`.
    pub effect: f64,
    /// Standard deviation of the members' effects (ddof 1).
    pub member_sd: Option<f64>,
    /// Lower end: Student t interval of the mean over members, or `effect - z
    /// sqrt(epistemic_ref^2 + epistemic_alt^2)`.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Predicted epistemic standard deviation at the reference allele: the mean over students.
    pub epistemic_reference: Option<f64>,
    /// At the alternate allele.
    pub epistemic_alternate: Option<f64>,
    /// Standard deviation of the effect over strands and shifts (ddof 1), of the mean over models.
    pub placement_sd: Option<f64>,
}

impl Effect {
    /// The number that ranks variants: the standard deviation between members, or the larger
    /// predicted epistemic standard deviation.
    pub fn uncertainty(&self) -> Option<f64> {
        let larger = self
            .epistemic_reference
            .zip(self.epistemic_alternate)
            .map(|(a, b)| a.max(b));
        self.member_sd.or(larger)
    }
}

/// A variant with its effects.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The variant.
    pub prepared: Prepared,
    /// Effects by task, or why there are none.
    pub effects: Result<Vec<Effect>, Problem>,
}

/// Estimates effects, a batch of variants at a time.
pub struct VariantScorer {
    /// One pass over each strand, for the standard deviation between strands.
    scorer: Scorer,
    strands: bool,
    level: f64,
    mean_over: Vec<usize>,
}

impl VariantScorer {
    /// A scorer of `models`, opened without averaging strands; `strands` averages them here.
    ///
    /// # Errors
    ///
    /// Models of profiles.
    pub fn new(
        models: &ModelSet,
        scorer: Scorer,
        strands: bool,
        options: EffectOptions,
    ) -> Result<Self> {
        models.need_scalar("effects of variants")?;
        Ok(Self {
            strands,
            level: options.level,
            // The effect of an ensemble is that of its members; students add their epistemic
            // standard deviation.
            mean_over: scorer.averaged(),
            scorer,
        })
    }

    /// Effects of some variants, in their order.
    ///
    /// # Errors
    ///
    /// Whatever a model fails with.
    pub fn score(&mut self, batch: Vec<Prepared>) -> Result<Vec<Scored>> {
        let window = self.scorer.window().clone();
        let mut codes = Vec::new();
        let mut placements = Vec::new();
        for prepared in &batch {
            let Ok(alleles) = &prepared.alleles else {
                placements.push(0);
                continue;
            };
            let from = codes.len();
            for (reference, alternate) in alleles {
                for allele in [reference, alternate] {
                    // Elements have the window's own length by construction.
                    let _ = window.place(allele, &mut codes);
                }
            }
            let mut count = alleles.len();
            if self.strands {
                let other = window.reverse_strand(&codes[from..]);
                codes.extend(other);
                count *= 2;
            }
            placements.push(count);
        }
        let tasks = self.scorer.tasks();
        let scores = if codes.is_empty() {
            crate::ModelScores::default()
        } else {
            self.scorer.predict(&codes)?
        };
        let mut row = 0;
        let mut all = Vec::with_capacity(batch.len());
        for (prepared, count) in batch.into_iter().zip(placements) {
            let effects = if let Err(problem) = &prepared.alleles {
                Err(*problem)
            } else {
                let effects = (0..tasks)
                    .map(|task| self.effect(&scores, row, count, task, prepared.swapped))
                    .collect::<Result<Vec<Effect>>>()?;
                row += 2 * count;
                Ok(effects)
            };
            all.push(Scored { prepared, effects });
        }
        Ok(all)
    }

    /// The effect in rows `row ..`, alternating reference and alternate, of `count` placements.
    fn effect(
        &self,
        scores: &crate::ModelScores,
        row: usize,
        count: usize,
        task: usize,
        swapped: bool,
    ) -> Result<Effect> {
        let tasks = self.scorer.tasks();
        let at = |values: &[f64], placement: usize, allele: usize| {
            let allele = if swapped { 1 - allele } else { allele };
            values[(row + 2 * placement + allele) * tasks + task]
        };
        let over = |values: &[f64], allele: usize| {
            (0..count).map(|p| at(values, p, allele)).sum::<f64>() / count as f64
        };
        let mean = |allele: usize| {
            let sum: f64 = self
                .mean_over
                .iter()
                .map(|m| over(&scores.mean[*m], allele))
                .sum();
            sum / self.mean_over.len() as f64
        };
        let (reference, alternate) = (mean(0), mean(1));
        let effect = alternate - reference;
        let own: Vec<f64> = self
            .scorer
            .members()
            .iter()
            .map(|m| over(&scores.mean[*m], 1) - over(&scores.mean[*m], 0))
            .collect();
        let spread = |allele: usize| -> Option<f64> {
            let known: Vec<f64> = scores
                .epistemic
                .iter()
                .flatten()
                .map(|e| over(e, allele))
                .collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        let (epistemic_reference, epistemic_alternate) = (spread(0), spread(1));
        let placed: Vec<f64> = (0..count)
            .map(|p| {
                let difference =
                    |m: &usize| at(&scores.mean[*m], p, 1) - at(&scores.mean[*m], p, 0);
                self.mean_over.iter().map(difference).sum::<f64>() / self.mean_over.len() as f64
            })
            .collect();
        let interval = if own.len() > 1 {
            let t = t_interval(&own, self.level)?;
            Some((t.lower, t.upper))
        } else {
            epistemic_reference.zip(epistemic_alternate).map(|(a, b)| {
                let reach = normal_quantile(0.5 + 0.5 * self.level) * a.hypot(b);
                (effect - reach, effect + reach)
            })
        };
        Ok(Effect {
            reference,
            alternate,
            effect,
            member_sd: if own.len() > 1 {
                mean_and_sd(&own).1
            } else {
                None
            },
            lower: interval.map(|i| i.0),
            upper: interval.map(|i| i.1),
            epistemic_reference,
            epistemic_alternate,
            placement_sd: mean_and_sd(&placed).1,
        })
    }
}
