//! Fits a calibrator on rows that neither trained nor stopped a model, and observes its intervals
//! on the test rows and on every held-out set.
//!
//! Profiles are calibrated bin by bin: each bin of each task has its own scores and its own
//! guarantee. Bins of one sequence are not independent, so a band is given to outputs of scalars
//! only, and over random cuts to each bin by itself.

mod conditional;
mod inputs;
mod observe;
mod resplit;
mod truth;

use std::collections::BTreeMap;

use degu_core::{Calibration, Calibrator, Seed, Split};
use degu_report::{CalibrationNote, CalibrationRow, ConditionalRow, ModelKind, Uncertainty};
use degu_stats::{Alpha, Guarantee};
use degu_train::{HostForecast, model_file::CalibrationCard};
use serde::{Deserialize, Serialize};

use super::{
    PreparedData, Result, StageError,
    models::{self, ModelForecast},
    network,
    plan::Assigned,
};
use degu_workflow::execute::{TaskContext, TaskError};

use inputs::{Inputs, Part};
pub use resplit::Resplit;

/// File of the artifact.
pub(crate) const FILE: &str = "calibration.json";

/// Raised when the code of this stage gives other numbers.
pub(crate) const REVISION: u32 = 3;

/// Name in tables of all tasks of a row together.
pub(crate) const ALL_TASKS: &str = "all tasks";

/// Level of the beta-binomial band.
pub(crate) const BAND: f64 = 0.9;

/// What `calibrate` writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CalibrationResult {
    /// Name of the block.
    #[serde(default)]
    pub name: String,
    /// Coverage and width on the test rows and on held-out sets.
    pub rows: Vec<CalibrationRow>,
    /// The same within bins, for the first student (the ensemble without students).
    pub conditional: Vec<ConditionalRow>,
    /// Coverage over random cuts.
    pub resplits: Vec<Resplit>,
    /// The fitted calibrator of each model.
    pub fitted: BTreeMap<String, CalibrationCard>,
    /// The same fitted for a held-out set, for calibrators that weigh by their target.
    #[serde(default)]
    pub fitted_for: BTreeMap<String, BTreeMap<String, CalibrationCard>>,
    /// Numbers and curves.
    #[serde(default)]
    pub uncertainty: Uncertainty,
}

/// Runs the stage.
pub(crate) fn calibrate(
    assigned: &Assigned,
    name: &str,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let data = PreparedData::of(context)?;
    let models = models::of(context)?;
    let result = compute(assigned, name, &data, &models).map_err(StageError::into_task)?;
    context.output().write_json(FILE, &result)?;
    Ok(())
}

/// The rows that calibrate, after a check that they are what they must be.
///
/// # Errors
///
/// No such rows; a row whose group also trains or stops a model.
fn held_out(data: &PreparedData) -> Result<Vec<usize>> {
    let rows = data.rows(Split::Calibration);
    if rows.is_empty() {
        return Err(StageError::Study {
            what: "no rows are held out for calibration".to_owned(),
            help: "set `split.calibration` above 0: rows that stopped the training early cannot calibrate",
        });
    }
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for row in data
        .rows(Split::Train)
        .into_iter()
        .chain(data.rows(Split::Validation))
    {
        seen.entry(data.group[row]).or_insert(row);
    }
    for row in &rows {
        if let Some(other) = seen.get(&data.group[*row]) {
            let part = data.part[*other].map_or("none", Split::name);
            return Err(StageError::Study {
                what: format!(
                    "calibration row `{}` belongs to the group of `{}`, which is in the {part} part: its intervals would promise too much",
                    data.ids[*row], data.ids[*other]
                ),
                help: "choose another `split.group`, or `split.kind = \"cluster\"`",
            });
        }
    }
    Ok(rows)
}

/// How a block is called in tables.
pub(crate) fn label(name: &str, plugin: &str, calibrator: &dyn Calibrator) -> String {
    let variant = calibrator.variant();
    format!("{name} ({})", variant.as_deref().unwrap_or(plugin))
}

/// Why a model cannot be calibrated, if it cannot.
fn lacks(
    calibrator: &dyn Calibrator,
    model: &ModelForecast,
    data: &PreparedData,
) -> Option<String> {
    let needs = calibrator.needs();
    let f: &HostForecast = &model.forecast;
    let what = if needs.epistemic && f.epistemic.is_none() {
        "predicts no epistemic spread"
    } else if needs.aleatoric && f.aleatoric.is_none() {
        "predicts no aleatoric spread"
    } else if needs.quantiles && f.quantiles.is_none() {
        "predicts no quantiles"
    } else if needs.members && model.kind != ModelKind::Ensemble {
        "has no members: the method calibrates the ensemble"
    } else if needs.category && data.category.is_none() {
        "has rows without a category: name its column in `[dataset]`"
    } else {
        return None;
    };
    Some(format!("{} {what}, so it is not calibrated", model.name))
}

fn compute(
    assigned: &Assigned,
    name: &str,
    data: &PreparedData,
    models: &[ModelForecast],
) -> Result<CalibrationResult> {
    let study = &assigned.study;
    let block = study
        .calibration
        .get(name)
        .ok_or_else(|| StageError::Study {
            what: format!("no block `[calibration.{name}]`"),
            help: "this is a defect of the planner",
        })?;
    let calibrator = block.plugin.build()?;
    let calibrator = calibrator.as_ref();
    let label = label(name, block.plugin.name, calibrator);
    let alphas = block
        .keys
        .alpha
        .iter()
        .map(|a| Alpha::from_f64(*a))
        .collect::<degu_stats::Result<Vec<_>>>()?;
    let root = network::replicate(study, assigned.replicate);
    let seed = root.child("calibrate").child(name);
    let cross = calibrator.needs().members;
    let calibration = if cross {
        data.rows(Split::Train)
    } else {
        held_out(data)?
    };
    let mut result = CalibrationResult {
        name: name.to_owned(),
        ..CalibrationResult::default()
    };
    let note = |model: &str, text: String| CalibrationNote {
        calibrator: label.clone(),
        model: model.to_owned(),
        text,
    };
    // Students first: the first model that fits is the one whose bins are shown.
    let mut able = Vec::new();
    for kind in [ModelKind::Student, ModelKind::Ensemble] {
        for model in models.iter().filter(|m| m.kind == kind) {
            match lacks(calibrator, model, data) {
                None => able.push(model),
                Some(text) => result.uncertainty.notes.push(note(&model.name, text)),
            }
        }
    }
    if able.is_empty() {
        let why: Vec<&str> = result
            .uncertainty
            .notes
            .iter()
            .map(|n| n.text.as_str())
            .collect();
        return Err(StageError::Study {
            what: format!("[calibration.{name}] fits no model: {}", why.join("; ")),
            help: "distil with `targets = [\"mean\", \"epistemic\"]`, use a head that predicts what is missing, at least 2 members, or `score = \"absolute\"`",
        });
    }
    let drawn = if cross {
        Some(inputs::drawn(study, &root, data, &calibration)?)
    } else {
        None
    };
    let members: Vec<&ModelForecast> = models
        .iter()
        .filter(|m| m.kind == ModelKind::Member)
        .collect();
    for (number, model) in able.iter().enumerate() {
        let inputs = Inputs::new(data, model, if cross { &members } else { &[] }, calibrator);
        let (tune, fit) = tuned(calibrator, &calibration, &data.group, &seed);
        let tune_part = inputs.part(&tune);
        let mut fit_part = inputs.part(&fit);
        fit_part.drawn.clone_from(&drawn);
        let fitting = |target: &Part| -> Result<Box<dyn Calibration>> {
            let tune_set = (!tune.is_empty()).then(|| tune_part.set());
            Ok(calibrator.fit(tune_set.as_ref(), &fit_part.set(), Some(&target.forecast()))?)
        };
        let mut fitted: Option<Box<dyn Calibration>> = None;
        for (split, rows) in data.evaluated(&[Split::Test]) {
            let part = inputs.part(&rows);
            let is_test = split == Split::Test.name();
            let anew = match &fitted {
                Some(_) if !calibrator.needs().target => None,
                _ => match fitting(&part) {
                    Ok(own) => Some(own),
                    // One model's predictions may not fit a method; the others still have
                    // intervals.
                    Err(error) => {
                        let text = format!("not calibrated for the {split} rows: {error}");
                        result.uncertainty.notes.push(note(&model.name, text));
                        fitted = None;
                        continue;
                    }
                },
            };
            if let Some(own) = &anew {
                let on = if is_test {
                    String::new()
                } else {
                    format!("{split}: ")
                };
                let told = own.notes().into_iter();
                let notes = told.map(|t| note(&model.name, format!("{on}{t}")));
                result.uncertainty.notes.extend(notes);
                let card = CalibrationCard {
                    calibrator: network::plugin_card(&block.plugin),
                    state: own.state(),
                    units: own.units(),
                    guarantee: alphas
                        .first()
                        .map(|a| own.guarantee(*a).to_string())
                        .unwrap_or_default(),
                    alpha: alphas.iter().map(ToString::to_string).collect(),
                };
                let cards = if is_test {
                    &mut result.fitted
                } else {
                    result.fitted_for.entry(split.clone()).or_default()
                };
                cards.insert(model.name.clone(), card);
            }
            if anew.is_some() {
                fitted = anew;
            }
            let Some(fitted) = fitted.as_deref() else {
                continue;
            };
            let seen = observe::Seen {
                data,
                label: &label,
                model,
                split: &split,
                fitted,
                part: &part,
                index: &rows,
            };
            for &alpha in &alphas {
                result.rows.extend(seen.coverage(alpha)?);
                if number == 0 && is_test {
                    result.conditional.extend(seen.conditional(alpha)?);
                }
                if is_test {
                    let own = seed.child("slab").child(&model.name).first_u64();
                    result.uncertainty.rows.extend(seen.gaps(alpha, own)?);
                    let known = seen.true_coverage(alpha)?;
                    result.uncertainty.rows.extend(known);
                }
            }
            result.uncertainty.extend(seen.curves(&seed)?);
        }
        // Random cuts of calibration and test rows say something about exchangeable rows alone.
        let marginal = fitted
            .as_ref()
            .zip(alphas.first())
            .is_some_and(|(f, a)| f.guarantee(*a) == Guarantee::Marginal);
        if marginal {
            let pool: Vec<usize> = calibration
                .iter()
                .copied()
                .chain(data.rows(Split::Test))
                .collect();
            let cut = resplit::Cut {
                calibrator,
                inputs: &inputs,
                pool: &pool,
                share: calibration.len(),
                seed: &seed,
            };
            match cut.all(&alphas) {
                Ok(rows) => result.resplits.extend(rows),
                Err(error) => {
                    let text = format!("random cuts of the rows were not made: {error}");
                    result.uncertainty.notes.push(note(&model.name, text));
                }
            }
        }
    }
    if result.rows.is_empty() {
        let why: Vec<&str> = result
            .uncertainty
            .notes
            .iter()
            .map(|n| n.text.as_str())
            .collect();
        return Err(StageError::Study {
            what: format!(
                "[calibration.{name}] could be fitted to no model: {}",
                why.join("; ")
            ),
            help: "raise `split.calibration`, or choose a method that needs less",
        });
    }
    Ok(result)
}

/// Cuts off the rows that a calibrator tunes itself on, by group.
fn tuned(
    calibrator: &dyn Calibrator,
    rows: &[usize],
    group: &[u64],
    seed: &Seed,
) -> (Vec<usize>, Vec<usize>) {
    let fraction = calibrator.tuning_fraction();
    if fraction <= 0.0 {
        return (Vec::new(), rows.to_vec());
    }
    let groups: Vec<u64> = rows.iter().map(|r| group[*r]).collect();
    match degu_genome::split_groups(
        &groups,
        &[1.0 - fraction, fraction],
        seed.child("tune").bytes(),
    ) {
        Ok(parts) => {
            let pick = |part| {
                rows.iter()
                    .zip(&parts)
                    .filter(|(_, p)| **p == part)
                    .map(|(r, _)| *r)
                    .collect()
            };
            (pick(1), pick(0))
        }
        Err(_) => (Vec::new(), rows.to_vec()),
    }
}

#[cfg(test)]
mod tests;
