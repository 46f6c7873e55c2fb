//! The points of the interactive plot as JSON, few enough to keep the page small.

use serde::Serialize;

use crate::Result;
use crate::data::{ReportData, Scatter};
use crate::palette;

/// Points over all models and tasks; about 40 bytes each.
const BUDGET: usize = 40_000;
/// Points of one plot.
const MOST: usize = 5_000;

#[derive(Serialize)]
struct Series<'a> {
    model: &'a str,
    split: &'a str,
    task: &'a str,
    unit: &'a str,
    color: &'a str,
    /// Sequences before thinning.
    total: usize,
    id: Vec<&'a str>,
    x: Vec<Option<f32>>,
    y: Vec<Option<f32>>,
    epistemic: Vec<Option<f32>>,
    aleatoric: Vec<Option<f32>>,
}

/// JSON for a script element (`<` escaped), or nothing without points.
pub(super) fn json(data: &ReportData) -> Result<Option<String>> {
    let shown: Vec<&Scatter> = data
        .scatter
        .iter()
        .filter(|s| !s.points.is_empty())
        .collect();
    if shown.is_empty() {
        return Ok(None);
    }
    let most = (BUDGET / shown.len()).clamp(50, MOST);
    // Beyond that many series even the smallest share would not fit.
    let series: Vec<Series<'_>> = shown
        .into_iter()
        .take(BUDGET / 50)
        .map(|s| thin(data, s, most))
        .collect();
    Ok(Some(
        serde_json::to_string(&series)?.replace('<', "\\u003c"),
    ))
}

/// Every k-th point, so that the same rows are taken for each model and task.
fn thin<'a>(data: &'a ReportData, scatter: &'a Scatter, most: usize) -> Series<'a> {
    let stride = scatter.points.len().div_ceil(most).max(1);
    let taken: Vec<_> = scatter
        .points
        .iter()
        .filter(|p| p.measured.is_finite() && p.mean.is_finite())
        .step_by(stride)
        .collect();
    // Four decimals are more than a screen shows, and halve the size of the text.
    let short = |v: f64| v.is_finite().then(|| ((v * 1e4).round() / 1e4) as f32);
    Series {
        model: &scatter.model,
        split: &scatter.split,
        task: &scatter.task,
        unit: data.unit(&scatter.task),
        color: palette::kind(scatter.kind),
        total: scatter.points.len(),
        id: taken.iter().map(|p| p.id.as_str()).collect(),
        x: taken.iter().map(|p| short(p.measured)).collect(),
        y: taken.iter().map(|p| short(p.mean)).collect(),
        epistemic: taken.iter().map(|p| p.epistemic.and_then(short)).collect(),
        aleatoric: taken.iter().map(|p| p.aleatoric.and_then(short)).collect(),
    }
}
