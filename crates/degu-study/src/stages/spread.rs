//! The predicted spreads of every model, as they are: scores, calibration, selective prediction,
//! detection of held-out sets.

use degu_core::{Seed, Split};
use degu_report::{ModelKind, Uncertainty, UncertaintySource};

use super::{
    PreparedData, Result,
    models::{ModelForecast, TaskRows},
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
            for model in models.iter().filter(|m| shown(m)) {
                let source = |spread: &str| UncertaintySource {
                    kind: model.kind,
                    model: model.name.clone(),
                    calibrator: String::new(),
                    spread: spread.to_owned(),
                    split: split.clone(),
                    task: name.clone(),
                };
                let of = |rows: &[usize]| {
                    TaskRows::new(
                        &model.forecast,
                        &data.measured.mean,
                        rows,
                        task,
                        data.tasks(),
                    )
                };
                let own = of(&rows);
                let measured = Rows {
                    y: &own.y,
                    mean: &own.mean,
                    unit: &data.info.unit,
                };
                let inside = held_out.then(|| of(&test));
                let found = uncertainty::parts(own.epistemic.as_deref(), own.aleatoric.as_deref());
                for (spread, values) in found {
                    all.extend(uncertainty::of_spread(
                        &source(spread),
                        measured,
                        &values,
                        seed,
                    )?);
                    let Some(inside) = &inside else { continue };
                    let inside = uncertainty::parts(
                        inside.epistemic.as_deref(),
                        inside.aleatoric.as_deref(),
                    );
                    if let Some((_, inside)) = inside.iter().find(|(s, _)| *s == spread) {
                        let rows = uncertainty::of_detection(&source(spread), inside, &values)?;
                        all.rows.extend(rows);
                    }
                }
            }
        }
    }
    Ok(all)
}

/// Models that a user would take, and controls; single members are many and alike.
fn shown(model: &ModelForecast) -> bool {
    match model.kind {
        ModelKind::Member => model.name == "member-0",
        _ => true,
    }
}
