//! Rules of what is compared.

use super::{Rules, calibrated::alphas};
use crate::{
    error::suggestion,
    path::KeyPath,
    sections::{Ablation, Evaluation, IntervalMetric, MetricSpec, Partial},
};

impl Rules<'_> {
    /// Rules of `[ablation]`, and of the axes that the report groups by.
    pub(super) fn comparisons(&mut self, partial: &Partial) {
        let ablation = partial.ablation.as_ref().and_then(Option::as_ref);
        if let (Some(ablation), Some(evaluation), Some(calibration)) =
            (ablation, &partial.evaluation, &partial.calibration)
        {
            self.primary_metric(ablation, evaluation, &alphas(calibration));
        }
        let Some(sweep) = &partial.sweep else {
            return;
        };
        if let Some(ablation) = ablation {
            let names: Vec<&str> = sweep.keys().map(String::as_str).collect();
            self.ablation(ablation, &names);
        }
        if let Some(report) = &partial.report {
            let axes = sweep.values().flat_map(|sweep| sweep.axes.keys());
            let axes = axes.map(String::as_str);
            let known: Vec<&str> = ["arm"].into_iter().chain(axes).collect();
            self.compare_by(&report.compare_by, &known);
        }
    }

    pub(super) fn intervals(&mut self, evaluation: &Evaluation, alphas: &[f64]) {
        if !alphas.is_empty() {
            return;
        }
        for (i, metric) in evaluation.metrics.iter().enumerate() {
            if let MetricSpec::Interval(metric) = metric {
                let message = format!(
                    "`{}` is a number of intervals, and nothing is calibrated",
                    metric.name()
                );
                let path = KeyPath::of(&["evaluation", "metrics"]).index(i);
                self.refuse_at(
                    &path,
                    message,
                    "no intervals",
                    "add a block such as [calibration.main]",
                );
            }
        }
    }

    fn primary_metric(&mut self, ablation: &Ablation, evaluation: &Evaluation, alphas: &[f64]) {
        let Some(key) = &ablation.primary_metric else {
            return;
        };
        let mut refuse = |message: String, label: &str, help: &str| {
            self.refuse(&["ablation", "primary_metric"], message, label, help);
        };
        let known: Vec<&str> = evaluation.metrics.iter().map(MetricSpec::name).collect();
        if !evaluation.splits.contains(&key.split) {
            let splits: Vec<&str> = evaluation.splits.iter().map(|split| split.name()).collect();
            let message = format!("`{}` is not evaluated", key.split.name());
            return refuse(
                message,
                "no such part",
                &format!("evaluation.splits: {}", splits.join(", ")),
            );
        }
        if !known.contains(&key.metric.as_str()) {
            let message = format!("`{}` is not evaluated", key.metric);
            let label = suggestion(&key.metric, known.iter().copied(), '`', "no such metric");
            return refuse(
                message,
                &label,
                &format!("evaluation.metrics: {}", known.join(", ")),
            );
        }
        let listed: Vec<String> = alphas.iter().map(f64::to_string).collect();
        let help = format!("alphas of the calibration blocks: {}", listed.join(", "));
        let known_alpha = |alpha: f64| alphas.iter().any(|known| (known - alpha).abs() < 1e-12);
        match (IntervalMetric::parse(&key.metric).is_some(), key.alpha) {
            (true, None) if alphas.len() != 1 => {
                let message = format!(
                    "`{}` has one value per alpha: name one, as in `{key}@0.1`",
                    key.metric
                );
                refuse(message, "which alpha?", &help);
            }
            (true, Some(alpha)) if !known_alpha(alpha) => {
                refuse(
                    format!("no calibration block has alpha {alpha}"),
                    "no such alpha",
                    &help,
                );
            }
            (false, Some(_)) => {
                let help = format!("write \"{}/{}\"", key.split.name(), key.metric);
                refuse(
                    format!("`{}` does not depend on alpha", key.metric),
                    "no alpha here",
                    &help,
                );
            }
            _ => {}
        }
    }

    fn ablation(&mut self, ablation: &Ablation, sweeps: &[&str]) {
        if ablation.arm.contains_key(&ablation.baseline) {
            let message = format!(
                "the baseline and an arm are both named `{}`",
                ablation.baseline
            );
            self.refuse(
                &["ablation", "arm", &ablation.baseline],
                message,
                "taken",
                "rename the arm, or `baseline`",
            );
        }
        for (i, name) in ablation.over.iter().enumerate() {
            if !sweeps.contains(&name.as_str()) {
                let label = suggestion(name, sweeps.iter().copied(), '`', "no such sweep");
                let path = KeyPath::of(&["ablation", "over"]).index(i);
                let help = format!(
                    "sweeps: {}",
                    if sweeps.is_empty() {
                        "none".to_owned()
                    } else {
                        sweeps.join(", ")
                    }
                );
                self.refuse_at(&path, format!("there is no sweep `{name}`"), &label, &help);
            }
        }
    }

    fn compare_by(&mut self, compare_by: &[String], known: &[&str]) {
        for (i, name) in compare_by.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let label = suggestion(name, known.iter().copied(), '`', "no such axis");
                let path = KeyPath::of(&["report", "compare_by"]).index(i);
                let help = format!("known: {}", known.join(", "));
                self.refuse_at(&path, format!("nothing differs by `{name}`"), &label, &help);
            }
        }
    }
}
