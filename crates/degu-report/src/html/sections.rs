//! The sections of the page in their order; one without data is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::blocks::{folded, switch, table};
use super::record::{configuration, notes, provenance, reproduce};
use super::trust;
use crate::data::ReportData;
use crate::figures::{self, Figure, Section};
use crate::tables;
use crate::text::{escape, metric_label, number, percent};

/// One section.
pub(super) struct Part {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// Name in the navigation.
    pub(super) short: String,
    pub(super) body: String,
    pub(super) alert: bool,
}

fn part(id: &'static str, short: &str, title: &str, body: String) -> Part {
    Part {
        id,
        title: title.into(),
        short: short.into(),
        body,
        alert: false,
    }
}

/// Takes the figures of a section out of those that are drawn.
type Take<'a> = &'a mut dyn FnMut(Section) -> Vec<Figure>;

/// All sections with content.
pub(super) fn all(data: &ReportData, explorer: bool) -> Vec<Part> {
    let mut figures = figures::all(data);
    let take: Take<'_> = &mut |section| figures.remove(&section).unwrap_or_default();
    let mut parts = about_predictions(data, explorer, take);
    parts.extend(about_uncertainty(data, take));
    parts.extend(about_settings(data, take));
    parts.retain(|part| !part.body.is_empty());
    parts.push(holes(data, &parts));
    parts.extend(about_the_run(data));
    parts.retain(|part| !part.body.is_empty());
    parts
}

/// Data, accuracy, training, and what distillation costs.
fn about_predictions(data: &ReportData, explorer: bool, take: Take<'_>) -> Vec<Part> {
    vec![
        part(
            "data",
            "Data and provenance",
            "Data and provenance",
            provenance(data),
        ),
        part(
            "metrics",
            "Accuracy",
            "Accuracy by kind of model",
            metrics(data, &take(Section::Metrics)),
        ),
        part(
            "predictions",
            "Predictions",
            "Predicted against measured",
            explorer_body(explorer) + &switch("scatter", &take(Section::Scatter)),
        ),
        part(
            "learning",
            "Learning curves",
            "Learning curves",
            switch("learning", &take(Section::Learning))
                + &folded("Training by network", &tables::training(data)),
        ),
        part(
            "transfer",
            "Teacher → student",
            "From the ensemble to one network",
            switch("transfer", &take(Section::Transfer)) + &table(&tables::transfer(data), ""),
        ),
    ]
}

/// Intervals, uncertainty, attribution and shifts.
fn about_uncertainty(data: &ReportData, take: Take<'_>) -> Vec<Part> {
    vec![
        part("calibration", "Intervals", "Do the intervals hold?", {
            let mut body = switch("coverage", &take(Section::Calibration)) + &calibration(data);
            let bins = take(Section::Conditional);
            if !bins.is_empty() {
                body.push_str("<h3>Within groups of sequences</h3>\n");
                body.push_str(&switch("bins", &bins));
                body.push_str(&folded(
                    "Interval coverage by group",
                    &tables::conditional(data),
                ));
            }
            body
        }),
        part(
            "uncertainty",
            "Uncertainty and error",
            "Does it know what it does not know?",
            trust::body(
                data,
                &switch("selective", &take(Section::Selective)),
                &switch("trust", &take(Section::Trust)),
                &switch("reliability", &take(Section::Reliability)),
                &switch("kept", &take(Section::Kept)),
            ),
        ),
        part(
            "attribution",
            "Attribution",
            "What drives the predictions",
            {
                let consistency = take(Section::Consistency);
                let mut body = switch("logos", &take(Section::Logos));
                if !consistency.is_empty() {
                    body.push_str("<h3>Agreement among networks</h3>\n");
                }
                body + &switch("consistency", &consistency)
                    + &table(&tables::consistency(data), "")
                    + &agreement_tables(data)
            },
        ),
        part(
            "shift",
            "Shifts",
            "On unfamiliar sequences",
            switch("shift", &take(Section::Shift)) + &folded("All values", &tables::shift(data)),
        ),
    ]
}

/// Points of the study side by side.
fn about_settings(data: &ReportData, take: Take<'_>) -> Vec<Part> {
    vec![
        part(
            "ablation",
            "Ablation",
            "What each ingredient contributes",
            switch("comparison", &take(Section::Comparison)) + &comparisons(data),
        ),
        part(
            "arms",
            "Methods side by side",
            "Methods side by side",
            switch("arms", &take(Section::Arms)) + &arms(data),
        ),
        part(
            "sweeps",
            "Sweeps",
            "Sweeps",
            switch("sweep", &take(Section::Sweep)) + &folded("All values", &tables::sweeps(data)),
        ),
        part(
            "settings",
            "By setting",
            "Metrics by setting",
            switch("settings", &take(Section::Settings))
                + &table(
                    &tables::by_setting_for_people(data),
                    "Test split, mean over the final models (students, or the ensemble without them) of n points of the study that have these settings, and over tasks. \
                     With several points: in brackets one standard deviation to either side.",
                ),
        ),
    ]
}

/// How the run was made, and how to make it again.
fn about_the_run(data: &ReportData) -> Vec<Part> {
    vec![
        part(
            "configuration",
            "Configuration",
            "Configuration",
            configuration(data),
        ),
        part(
            "differs",
            "Differs from the original",
            "Differs from the original",
            notes(data),
        ),
        part(
            "reproduce",
            "Reproduce",
            "How to reproduce",
            reproduce(data),
        ),
    ]
}

/// Paired tests of the maps, and how well maps add up.
fn agreement_tables(data: &ReportData) -> String {
    let mut out = String::new();
    let tests = tables::map_agreement(data);
    if !tests.rows.is_empty() {
        out.push_str(&tests.html("Students less members, paired by sequence. Wilcoxon and sign flips take sequences as replicates; Welch takes networks, and is the claim about training."));
    }
    let completeness = tables::completeness(data);
    if !completeness.rows.is_empty() {
        out.push_str("<h3>Do maps add up?</h3>\n");
        out.push_str(&completeness.html("Error of the sum of a map against the difference in prediction that it explains; 1e-3 is usual in single precision"));
    }
    out
}

fn explorer_body(explorer: bool) -> String {
    if !explorer {
        return String::new();
    }
    "<div id=\"explorer\" hidden><div class=\"controls\"></div><canvas role=\"img\" aria-label=\"Interactive scatter plot of predicted against measured activity\"></canvas>\
     <p class=\"hint\">Point at a dot for its sequence, measured and predicted value (± total predicted standard deviation). Type part of an identifier to find it. <span class=\"shown\"></span></p></div>\n"
        .into()
}

fn metrics(data: &ReportData, figures: &[Figure]) -> String {
    let mut splits: Vec<&str> = Vec::new();
    for row in &data.metrics {
        if !splits.contains(&row.split.as_str()) {
            splits.push(&row.split);
        }
    }
    let mut out = switch("accuracy", figures);
    for split in splits {
        out.push_str(&table(
            &tables::metrics_by_model(data, split),
            &format!("{split} split; in brackets the confidence interval"),
        ));
    }
    let gap = tables::gap_closed(data);
    if !gap.rows.is_empty() {
        out.push_str("<h3>Share of the gap that the student closes</h3>\n<p class=\"note\">0 % is as good as a mean member, 100 % as good as the whole ensemble.</p>\n");
        out.push_str(&gap.html(""));
    }
    out
}

fn calibration(data: &ReportData) -> String {
    // The promises stand below the table: once, not in every row.
    let mut out = table(&tables::calibration(data).without("guarantee"), "");
    let mut promises: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in data.calibration.iter().filter(|r| !r.guarantee.is_empty()) {
        let list = promises.entry(&row.calibrator).or_default();
        if !list.contains(&row.guarantee.as_str()) {
            list.push(&row.guarantee);
        }
    }
    if !promises.is_empty() {
        out.push_str("<h3>What is promised</h3>\n<ul>\n");
        for (calibrator, guarantees) in promises {
            let _ = writeln!(
                out,
                "<li><b>{}</b>: {}</li>",
                escape(calibrator),
                escape(&guarantees.join(" "))
            );
        }
        out.push_str("</ul>\n");
    }
    out.push_str(&trust::notes(data));
    let infinite = data
        .calibration
        .iter()
        .map(|r| r.infinite_fraction)
        .fold(0.0, f64::max);
    if infinite > 0.0 {
        let _ = writeln!(
            out,
            "<p class=\"note\">Up to {} of the intervals are unbounded (∞): too few calibration sequences for the promise. They count as covering; mean widths leave them out.</p>",
            percent(infinite)
        );
    }
    out
}

fn comparisons(data: &ReportData) -> String {
    let (mut out, mut folded) = (String::new(), String::new());
    for comparison in data.comparisons.iter().filter(|c| !c.arms.is_empty()) {
        let role = if comparison.primary {
            "primary metric, declared before the run; adjusted p by Holm over the arms"
        } else {
            "exploratory, p not adjusted"
        };
        let baseline = comparison
            .baseline_mean
            .map_or(String::new(), |mean| format!(" (mean {})", number(mean)));
        let table = tables::arms_of(comparison).html(&format!(
            "{} against “{}”{baseline}: {role}. Differences are turned so that positive is better; p is an exact sign-flip test over replicates.",
            metric_label(&comparison.metric),
            comparison.baseline
        ));
        // The figures show them all; what was declared to count is read first.
        if comparison.primary || data.comparisons.len() == 1 {
            out.push_str(&table);
        } else {
            folded.push_str(&table);
        }
    }
    if !folded.is_empty() {
        let _ = writeln!(
            out,
            "<details><summary>Exploratory metrics, in numbers</summary>\n{folded}</details>"
        );
    }
    if let Some(smallest) = data
        .comparisons
        .iter()
        .filter_map(|c| c.smallest_p)
        .reduce(f64::max)
    {
        let reach = if smallest > 0.05 {
            " A p of 0.05 cannot be reached."
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "<p class=\"note\">The smallest two-sided p that this number of replicates can give is {}.{reach}</p>",
            number(smallest)
        );
    }
    out
}

/// What each arm ends with: its spreads, its intervals, and what it costs.
fn arms(data: &ReportData) -> String {
    let mut out = String::new();
    for (split, task) in tables::arm_places(&data.arms) {
        out.push_str(&table(
            &tables::arm_spreads(data, &split, &task),
            &format!(
                "{task}, {split}: accuracy, and scores of each predicted spread read as a normal distribution; AUROC tells unchanged sequences from changed ones by the spread. \
                 With several replicates: mean, and in brackets one standard deviation to either side."
            ),
        ));
        out.push_str(&table(
            &tables::arm_intervals(data, &split, &task),
            &format!(
                "{task}, {split}: share of measured values inside, mean width and Winkler score of intervals; gap is the mean distance of coverage to the promise over groups of sequences."
            ),
        ));
    }
    out.push_str(&table(
        &tables::arm_costs(data),
        "What each method costs: networks trained for it (teachers included), their epochs and steps together, and passes through a network that one prediction takes",
    ));
    out
}

fn holes(data: &ReportData, present: &[Part]) -> Part {
    let mut body = String::new();
    if data.holes.is_empty() {
        body.push_str("<p>None: no failed, blocked or missing task was recorded.</p>\n");
    } else {
        body.push_str(&tables::holes(data).html(""));
    }
    let expected = [
        ("metrics", "accuracy"),
        ("predictions", "predictions"),
        ("learning", "learning curves"),
        ("transfer", "teacher and student"),
        ("calibration", "prediction intervals"),
        ("attribution", "attribution maps"),
        ("shift", "shifts"),
        ("ablation", "ablation"),
        ("sweeps", "sweeps"),
    ];
    let absent: Vec<&str> = expected
        .iter()
        .filter(|(id, _)| !present.iter().any(|part| part.id == *id))
        .map(|(_, name)| *name)
        .collect();
    if !absent.is_empty() {
        let _ = writeln!(
            body,
            "<p class=\"note\">Not part of this report, as the study has no data for it: {}.</p>",
            absent.join(", ")
        );
    }
    Part {
        id: "holes",
        title: "Holes".into(),
        short: if data.holes.is_empty() {
            "Holes".into()
        } else {
            format!("Holes ({})", data.holes.len())
        },
        body,
        alert: !data.holes.is_empty(),
    }
}
