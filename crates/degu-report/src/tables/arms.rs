//! The arms of an ablation side by side.

use crate::data::{ArmScore, ArmSource, Arms, ReportData};
use crate::table::{Cell, Table};
use crate::text::metric_label;

/// Columns that name a source.
const SOURCE: [&str; 6] = ["arm", "title", "calibration", "spread", "split", "task"];

/// Scores of a spread that are set side by side.
const SPREAD: [&str; 7] = [
    "nll",
    "crps",
    "ence",
    "miscalibration_area",
    "aurc",
    "excess_aurc",
    "spread_error_spearman",
];

/// Scores of means.
const MEANS: [&str; 3] = ["pearson", "spearman", "rmse"];

fn cells(arms: &Arms, source: &ArmSource) -> Vec<Cell> {
    let texts = [
        source.arm.as_str(),
        arms.title(&source.arm),
        if source.calibration.is_empty() {
            "raw"
        } else {
            &source.calibration
        },
        &source.spread,
        &source.split,
        &source.task,
    ];
    texts.into_iter().map(Cell::text).collect()
}

/// All numbers, long form.
pub(super) fn scores(data: &ReportData) -> Table {
    let columns = ["metric", "value", "sd", "unit"];
    let all: Vec<&str> = SOURCE.iter().chain(&columns).copied().collect();
    let mut table = Table::new("arms", &all);
    for score in &data.arms.scores {
        let mut row = cells(&data.arms, &score.source);
        row.extend([
            Cell::text(&score.metric),
            Cell::Number(score.value),
            Cell::maybe(score.sd),
            Cell::text(&score.unit),
        ]);
        table.push(row);
    }
    table
}

/// Coverage and width over levels.
pub(super) fn reliability(data: &ReportData) -> Table {
    let columns = ["level", "interval_coverage", "mean_width"];
    let all: Vec<&str> = SOURCE.iter().chain(&columns).copied().collect();
    let mut table = Table::new("arm_reliability", &all);
    for curve in &data.arms.curves {
        let points = curve.nominal.iter().zip(&curve.observed).zip(&curve.width);
        for ((nominal, observed), width) in points {
            let mut row = cells(&data.arms, &curve.source);
            row.extend([
                Cell::Setting(*nominal),
                Cell::Share(*observed),
                Cell::Number(*width),
            ]);
            table.push(row);
        }
    }
    table
}

/// What arms cost.
pub(crate) fn costs(data: &ReportData) -> Table {
    let mut table = Table::new(
        "arm_costs",
        &[
            "arm",
            "title",
            "ends_with",
            "replicates",
            "networks_trained",
            "epochs_of_all",
            "steps_of_all",
            "passes_per_prediction",
        ],
    );
    for cost in &data.arms.costs {
        table.push(vec![
            Cell::text(&cost.arm),
            Cell::text(&cost.title),
            Cell::text(cost.kind.label()),
            Cell::Count(cost.replicates),
            Cell::Count(cost.networks),
            Cell::Number(cost.epochs),
            Cell::Number(cost.steps),
            Cell::Count(cost.passes),
        ]);
    }
    table
}

/// Splits and tasks with numbers that are not of a shift.
pub(crate) fn places(arms: &Arms) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for score in arms
        .scores
        .iter()
        .filter(|s| !s.source.calibration.is_empty() || s.metric == "pearson")
    {
        let place = (score.source.split.clone(), score.source.task.clone());
        if !place.0.starts_with("shift ") && !all.contains(&place) {
            all.push(place);
        }
    }
    all
}

/// Sources of an arm on some rows, in the order of their first number.
fn sources<'a>(arms: &'a Arms, arm: &str, split: &str, task: &str) -> Vec<&'a ArmSource> {
    let mut all: Vec<&ArmSource> = Vec::new();
    for ArmScore { source, .. } in &arms.scores {
        let own = source.arm == arm && source.split == split && source.task == task;
        if own && !all.contains(&source) {
            all.push(source);
        }
    }
    all
}

fn cell(score: Option<&ArmScore>) -> Cell {
    score.map_or(Cell::Empty, |s| {
        let bounds = s.sd.map(|sd| (s.value - sd, s.value + sd));
        Cell::Interval(s.value, bounds.map(|b| b.0), bounds.map(|b| b.1))
    })
}

/// Accuracy, and the scores of every spread as predicted and repaired; shifts say how well spreads
/// notice changed sequences.
pub(crate) fn spreads(data: &ReportData, split: &str, task: &str) -> Table {
    let arms = &data.arms;
    let mut shifts: Vec<&str> = Vec::new();
    for score in &arms.scores {
        let new = score.metric == "ood_auroc"
            && score.source.task == task
            && !shifts.contains(&score.source.split.as_str());
        if new {
            shifts.push(&score.source.split);
        }
    }
    let mut table = Table::new("arm-spreads", &["method", "spread", "state"]);
    let labels = MEANS.iter().chain(&SPREAD).map(|m| metric_label(m));
    table.columns.extend(labels);
    table.columns.extend(
        shifts
            .iter()
            .map(|s| format!("AUROC, {}", s.trim_start_matches("shift "))),
    );
    for cost in &arms.costs {
        let all = sources(arms, &cost.arm, split, task);
        let means = all
            .iter()
            .find(|s| s.spread.is_empty() && s.calibration.is_empty());
        let mut spreads: Vec<&ArmSource> = all
            .iter()
            .copied()
            .filter(|s| arms.value(s, "crps").is_some())
            .collect();
        spreads.sort_by_key(|s| (s.calibration.clone(), s.spread.clone()));
        let mut push = |source: Option<&ArmSource>, minor: bool| {
            let (spread, state) = match source {
                None => ("none", "–"),
                Some(s) if s.calibration.is_empty() => (s.spread.as_str(), "as predicted"),
                Some(s) => (s.spread.as_str(), s.calibration.as_str()),
            };
            let mut row = vec![
                Cell::text(&cost.title),
                Cell::text(spread),
                Cell::text(state),
            ];
            row.extend(
                MEANS
                    .iter()
                    .map(|m| cell(means.and_then(|s| arms.value(s, m)))),
            );
            row.extend(
                SPREAD
                    .iter()
                    .map(|m| cell(source.and_then(|s| arms.value(s, m)))),
            );
            row.extend(shifts.iter().map(|shift| {
                cell(source.and_then(|s| {
                    let mut shifted = s.clone();
                    (*shift).clone_into(&mut shifted.split);
                    arms.value(&shifted, "ood_auroc")
                }))
            }));
            table.push_row(row, minor);
        };
        if spreads.is_empty() {
            push(None, false);
        }
        for (i, source) in spreads.into_iter().enumerate() {
            push(Some(source), i > 0);
        }
    }
    table
}

/// Error rates of the intervals on some rows.
fn alphas(arms: &Arms) -> Vec<String> {
    let mut all: Vec<f64> = Vec::new();
    let found = arms.scores.iter().filter_map(|s| {
        let a = s.metric.strip_prefix("interval_coverage@")?;
        a.parse::<f64>().ok()
    });
    for alpha in found {
        if !all.contains(&alpha) {
            all.push(alpha);
        }
    }
    all.sort_by(f64::total_cmp);
    all.iter().map(f64::to_string).collect()
}

/// Coverage, width and score of all intervals: of spreads as predicted, read as normal
/// distributions, and of each calibration.
pub(crate) fn intervals(data: &ReportData, split: &str, task: &str) -> Table {
    let arms = &data.arms;
    let alphas = alphas(arms);
    let mut groups: Vec<String> = Vec::new();
    for score in &arms.scores {
        if let Some((_, by)) = score
            .metric
            .strip_prefix("coverage_gap@")
            .and_then(|rest| rest.split_once(" by "))
            && !groups.iter().any(|known| known == by)
        {
            groups.push(by.to_owned());
        }
    }
    let middle = alphas.get(alphas.len() / 2).cloned().unwrap_or_default();
    let level = |alpha: &str| -> String {
        let alpha: f64 = alpha.parse().unwrap_or(f64::NAN);
        crate::text::percent(1.0 - alpha)
    };
    let mut table = Table::new("arm-intervals", &["method", "intervals"]);
    for alpha in &alphas {
        table.columns.push(format!("inside, {}", level(alpha)));
        table.columns.push(format!("width, {}", level(alpha)));
    }
    table.columns.push(format!("score, {}", level(&middle)));
    table.columns.extend(
        groups
            .iter()
            .map(|by| format!("gap by {by}, {}", level(&middle))),
    );
    for cost in &arms.costs {
        let mut all = sources(arms, &cost.arm, split, task);
        let first = format!(
            "interval_coverage@{}",
            alphas.first().map_or("", String::as_str)
        );
        all.retain(|s| arms.value(s, &first).is_some());
        all.sort_by_key(|s| (s.calibration.clone(), s.spread.clone()));
        for (i, source) in all.into_iter().enumerate() {
            let words = if source.calibration.is_empty() {
                format!("{} sd, as predicted", source.spread)
            } else {
                source.calibration.clone()
            };
            let mut row = vec![Cell::text(&cost.title), Cell::text(words)];
            for alpha in &alphas {
                let coverage = arms.value(source, &format!("interval_coverage@{alpha}"));
                row.push(coverage.map_or(Cell::Empty, |s| Cell::Share(s.value)));
                row.push(cell(arms.value(source, &format!("interval_width@{alpha}"))));
            }
            row.push(cell(arms.value(source, &format!("winkler@{middle}"))));
            row.extend(groups.iter().map(|by| {
                let gap = arms.value(source, &format!("coverage_gap@{middle} by {by}"));
                gap.map_or(Cell::Empty, |s| Cell::Share(s.value))
            }));
            table.push_row(row, i > 0);
        }
    }
    table
}
