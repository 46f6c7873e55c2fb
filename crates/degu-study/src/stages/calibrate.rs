//! Fits a calibrator on rows that neither trained nor stopped a model, and observes its intervals on the test rows.

//!
//! Profiles are calibrated bin by bin: each bin of each task has its own scores and its own guarantee. Bins of one sequence are not
//! independent, so a band is given to outputs of scalars only, and over random cuts to each bin by itself.

mod coverage;
mod part;
mod resplit;

use std::collections::BTreeMap;

use degu_core::{Calibrator, Seed, Split};
use degu_report::{CalibrationRow, ConditionalRow, ModelKind};
use degu_stats::Alpha;
use degu_train::{HostForecast, model_file::CalibrationCard};
use serde::{Deserialize, Serialize};

use super::{
    PreparedData, Result, StageError,
    models::{self, ModelForecast},
    network,
    plan::Assigned,
};
use crate::execute::{TaskContext, TaskError};
use coverage::{Observation, coverage};
use part::Part;
use resplit::Cut;

pub use resplit::Resplit;

/// File of the artifact.
pub(crate) const FILE: &str = "calibration.json";

/// Level of the beta-binomial band.
const BAND: f64 = 0.9;

/// What `calibrate` writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CalibrationResult {
    /// Coverage and width on the test rows.
    pub rows: Vec<CalibrationRow>,
    /// The same within bins, for the first student (the ensemble without students).
    pub conditional: Vec<ConditionalRow>,
    /// Coverage over random cuts.
    pub resplits: Vec<Resplit>,
    /// The fitted calibrator of each model.
    pub fitted: BTreeMap<String, CalibrationCard>,
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

fn compute(
    assigned: &Assigned,
    name: &str,
    data: &PreparedData,
    models: &[ModelForecast],
) -> Result<CalibrationResult> {
    let block = assigned
        .study
        .calibration
        .get(name)
        .ok_or_else(|| StageError::Study {
            what: format!("no block `[calibration.{name}]`"),
            help: "this is a defect of the planner",
        })?;
    let calibrator = block.plugin.build()?;
    let alphas = block
        .keys
        .alpha
        .iter()
        .map(|a| Alpha::from_f64(*a))
        .collect::<degu_stats::Result<Vec<_>>>()?;
    let calibration = data.rows(Split::Calibration);
    let test = data.rows(Split::Test);
    if calibration.is_empty() {
        return Err(StageError::Study {
            what: "no rows are held out for calibration".to_owned(),
            help: "set `split.calibration` above 0: rows that stopped the training early cannot calibrate",
        });
    }
    let seed = network::replicate(&assigned.study, assigned.replicate)
        .child("calibrate")
        .child(name);
    let mut result = CalibrationResult::default();
    let needs = calibrator.needs();
    let fits = |f: &HostForecast| {
        (!needs.epistemic || f.epistemic.is_some()) && (!needs.aleatoric || f.aleatoric.is_some())
    };
    // Students first: the first model that fits is the one whose bins are shown.
    let mut able: Vec<&ModelForecast> = models
        .iter()
        .filter(|m| m.kind == ModelKind::Student && fits(&m.forecast))
        .collect();
    able.extend(
        models
            .iter()
            .filter(|m| m.kind == ModelKind::Ensemble && fits(&m.forecast)),
    );
    if able.is_empty() {
        return Err(StageError::Core(degu_core::Error::Missing {
            what: "a model that predicts the spread which the calibrator scales by",
            by: "`[calibration]`",
            help: "distil with `targets = [\"mean\", \"epistemic\"]`, use at least 2 members, or set `score = \"absolute\"`",
        }));
    }
    for (number, model) in able.iter().enumerate() {
        let (tune, fit) = tuned(calibrator.as_ref(), &calibration, &data.group, &seed);
        let tune_part = Part::new(data, &model.forecast, &tune);
        let fit_part = Part::new(data, &model.forecast, &fit);
        let test_part = Part::new(data, &model.forecast, &test);
        let tune_set = (!tune.is_empty()).then(|| tune_part.set());
        let fitted = calibrator.fit(
            tune_set.as_ref(),
            &fit_part.set(),
            Some(&test_part.forecast()),
        )?;
        let label = format!("{name} ({})", score_name(&block.plugin.params));
        for &alpha in &alphas {
            let seen = Observation {
                data,
                label: &label,
                model: &model.name,
                fitted: fitted.as_ref(),
                part: &test_part,
                rows: &test,
                alpha,
            };
            result.rows.extend(coverage(&seen)?);
            if number == 0 {
                result.conditional.extend(coverage::conditional(&seen)?);
            }
        }
        let pool: Vec<usize> = calibration.iter().chain(&test).copied().collect();
        let cut = Cut {
            calibrator: calibrator.as_ref(),
            data,
            model,
            pool: &pool,
            share: calibration.len(),
            seed: &seed,
        };
        result.resplits.extend(cut.all(&alphas)?);
        result.fitted.insert(
            model.name.clone(),
            CalibrationCard {
                calibrator: network::plugin_card(&block.plugin),
                state: fitted.state(),
                units: fitted.units(),
                guarantee: alphas
                    .first()
                    .map(|a| fitted.guarantee(*a).to_string())
                    .unwrap_or_default(),
                alpha: alphas.iter().map(ToString::to_string).collect(),
            },
        );
    }
    Ok(result)
}

/// How a block is called in tables.
fn score_name(params: &serde_json::Value) -> String {
    params
        .get("score")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("default")
        .to_owned()
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
