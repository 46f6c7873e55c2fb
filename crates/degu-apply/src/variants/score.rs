//! Predicted against measured effects, element by element.

use std::collections::BTreeMap;

use degu_stats::{detection::detect, metrics};
use serde::Serialize;

use super::Measured;
use crate::Result;

/// Shares of the variants that are kept, the most certain ones.
const KEPT: [f64; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

/// Barcodes from which a measurement counts as precise.
const PRECISE: f64 = 10.0;

/// p below which a variant has an effect.
const EFFECT: f64 = 1e-5;

/// Agreement of predicted and measured effects of one element and task.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ElementScore {
    /// Element; `all` for all of them together.
    pub element: String,
    /// Task.
    pub task: String,
    /// Variants with a measurement and a prediction.
    pub variants: usize,
    /// Pearson correlation of effects.
    pub pearson: Option<f64>,
    /// Spearman correlation of effects.
    pub spearman: Option<f64>,
    /// Variants of ten barcodes or more; 0 if barcodes are not known.
    pub precise_variants: usize,
    /// Pearson correlation over those.
    pub precise_pearson: Option<f64>,
    /// Area under the ROC curve of the size of the predicted effect for measured p < 1e-5.
    pub auroc: Option<f64>,
    /// Share of the variants that is kept, most certain first, with the Pearson correlation over
    /// them.
    pub retained: Vec<(f64, Option<f64>)>,
}

/// One variant of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What was measured.
    pub measured: Measured,
    /// Predicted effect.
    pub effect: f64,
    /// The number that ranks variants.
    pub uncertainty: Option<f64>,
}

/// Pearson correlations over the most certain shares of some variants; ties keep the order of the
/// file.
///
/// # Errors
///
/// Values that are not finite.
pub fn retained(observations: &[&Observation]) -> Result<Vec<(f64, Option<f64>)>> {
    let mut order: Vec<&&Observation> = observations.iter().collect();
    if order.iter().any(|o| o.uncertainty.is_none()) {
        return Ok(Vec::new());
    }
    order.sort_by(|a, b| {
        let rank = |o: &Observation| o.uncertainty.unwrap_or(f64::INFINITY);
        rank(a).total_cmp(&rank(b))
    });
    let mut all = Vec::new();
    for share in KEPT {
        let count = ((share * order.len() as f64).round() as usize).min(order.len());
        let (y, f) = pairs(order[..count].iter().map(|o| **o));
        all.push((share, correlation(&y, &f)?));
    }
    Ok(all)
}

fn pairs<'a>(all: impl Iterator<Item = &'a Observation>) -> (Vec<f64>, Vec<f64>) {
    all.filter_map(|o| Some((o.measured.effect?, o.effect)))
        .unzip()
}

fn correlation(y: &[f64], f: &[f64]) -> Result<Option<f64>> {
    if y.len() < 3 {
        return Ok(None);
    }
    Ok(metrics::pearson(y, f)?)
}

/// Scores by element, in the order of their names, and of all variants together where there are
/// several.
///
/// # Errors
///
/// Values that are not finite.
pub fn scores(task: &str, observations: &[Observation]) -> Result<Vec<ElementScore>> {
    let mut elements: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for o in observations.iter().filter(|o| o.measured.effect.is_some()) {
        elements.entry(&o.measured.element).or_default().push(o);
    }
    let everything: Vec<&Observation> = elements.values().flatten().copied().collect();
    let several = elements.len() > 1;
    let mut all = Vec::new();
    let groups = elements
        .into_iter()
        .chain(several.then_some(("all", everything)));
    for (element, own) in groups {
        let (y, f) = pairs(own.iter().copied());
        let precise: Vec<&Observation> = own
            .iter()
            .copied()
            .filter(|o| o.measured.barcodes.is_some_and(|b| b >= PRECISE))
            .collect();
        let (precise_y, precise_f) = pairs(precise.iter().copied());
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        for o in &own {
            match o.measured.p {
                Some(p) if p < EFFECT => changed.push(o.effect.abs()),
                Some(_) => unchanged.push(o.effect.abs()),
                None => {}
            }
        }
        let auroc = if changed.is_empty() || unchanged.is_empty() {
            None
        } else {
            Some(detect(&unchanged, &changed)?.auroc)
        };
        all.push(ElementScore {
            element: element.to_owned(),
            task: task.to_owned(),
            variants: y.len(),
            pearson: correlation(&y, &f)?,
            spearman: if y.len() < 3 {
                None
            } else {
                metrics::spearman(&y, &f)?
            },
            precise_variants: precise_y.len(),
            precise_pearson: correlation(&precise_y, &precise_f)?,
            auroc,
            retained: retained(&own)?,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(element: &str, measured: f64, effect: f64, uncertainty: f64) -> Observation {
        Observation {
            measured: Measured {
                element: element.to_owned(),
                effect: Some(measured),
                p: Some(if measured.abs() > 1.0 { 1e-9 } else { 0.5 }),
                barcodes: Some(if uncertainty < 0.5 { 20.0 } else { 2.0 }),
            },
            effect,
            uncertainty: Some(uncertainty),
        }
    }

    #[test]
    fn leaving_out_the_uncertain_half_leaves_what_agrees() {
        let mut all: Vec<Observation> = (0..10)
            .map(|i| observation("a", f64::from(i) * 0.3, f64::from(i) * 0.1, 0.1))
            .collect();
        all.extend(
            (0..10).map(|i| observation("a", f64::from(i) * 0.3, f64::from((i * 7) % 5), 0.9)),
        );
        let found = &scores("K562", &all).unwrap()[0];
        assert_eq!((found.variants, found.precise_variants), (20, 10));
        assert!(found.pearson.unwrap() < 0.6);
        assert!((found.precise_pearson.unwrap() - 1.0).abs() < 1e-12);
        let half = found.retained.last().unwrap();
        assert!(
            half.0 < 0.51 && (half.1.unwrap() - 1.0).abs() < 1e-12,
            "{half:?}"
        );
        assert!(found.auroc.unwrap() > 0.5);
    }

    #[test]
    fn elements_are_scored_apart_and_together() {
        let all: Vec<Observation> = (0..12)
            .map(|i| {
                let element = if i % 2 == 0 { "F9" } else { "LDLR" };
                observation(
                    element,
                    f64::from(i),
                    f64::from(if i % 2 == 0 { i } else { -i }),
                    0.1,
                )
            })
            .collect();
        let found = scores("K562", &all).unwrap();
        let names: Vec<&str> = found.iter().map(|s| s.element.as_str()).collect();
        assert_eq!(names, ["F9", "LDLR", "all"]);
        assert!((found[0].pearson.unwrap() - 1.0).abs() < 1e-12);
        assert!((found[1].pearson.unwrap() + 1.0).abs() < 1e-12);
        assert!(scores("K562", &[]).unwrap().is_empty());
    }
}
