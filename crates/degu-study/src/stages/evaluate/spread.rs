//! The predicted spreads of every model, as they are: scores, calibration, selective prediction,
//! detection of held-out sets.

use degu_core::{ModelId, Seed, Split};
use degu_report::{Uncertainty, UncertaintySource};

use crate::{
    error::Result,
    forecasts::{ModelForecast, TaskRows},
    results::PreparedData,
    uncertainty::{self, Rows},
};

/// Numbers and curves of all spreads on `parts` and held-out sets.
pub(super) fn of_models(
    data: &PreparedData,
    models: &[ModelForecast],
    parts: &[Split],
    root: &Seed,
) -> Result<Uncertainty> {
    let mut all = Uncertainty::default();
    let seed = root.child("uncertainty").first_u64();
    let test = data.rows(Split::Test);
    for (split, rows) in data.evaluated(parts) {
        let held_out = data.sets.contains_key(&split);
        for (task, name) in data.info.tasks.iter().enumerate() {
            for model in models.iter().filter(|m| shown(m.id)) {
                let source = UncertaintySource {
                    kind: model.kind(),
                    model: model.id.to_string(),
                    split: split.clone(),
                    task: name.clone(),
                    ..UncertaintySource::default()
                };
                let of = |rows: &[usize]| {
                    let (measured, tasks) = (&data.measured.mean, data.tasks());
                    TaskRows::new(&model.forecast, measured, rows, task, tasks)
                };
                let unchanged = held_out.then(|| of(&test));
                let unit = &data.info.unit;
                all.extend(of_model(
                    &source,
                    &of(&rows),
                    unchanged.as_ref(),
                    unit,
                    seed,
                )?);
            }
        }
    }
    Ok(all)
}

/// Every spread of one model on the rows of a task; against those of `test` rows where there are
/// such.
fn of_model(
    source: &UncertaintySource,
    rows: &TaskRows,
    test: Option<&TaskRows>,
    unit: &str,
    seed: u64,
) -> Result<Uncertainty> {
    let mut all = Uncertainty::default();
    let spreads =
        |rows: &TaskRows| uncertainty::parts(rows.epistemic.as_deref(), rows.aleatoric.as_deref());
    let measured = Rows {
        y: &rows.y,
        mean: &rows.mean,
        unit,
    };
    let test = test.map(spreads).unwrap_or_default();
    for (spread, values) in spreads(rows) {
        let source = UncertaintySource {
            spread: spread.to_owned(),
            ..source.clone()
        };
        all.extend(uncertainty::of_spread(&source, measured, &values, seed)?);
        if let Some((_, inside)) = test.iter().find(|(s, _)| *s == spread) {
            let rows = uncertainty::of_detection(&source, inside, &values)?;
            all.rows.extend(rows);
        }
    }
    Ok(all)
}

/// Models that a user would take, and controls; single members are many and alike.
fn shown(model: ModelId) -> bool {
    !matches!(model, ModelId::Member(k) if k > 0)
}
