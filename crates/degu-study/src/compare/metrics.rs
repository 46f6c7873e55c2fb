//! The metrics of the test split that points of a study are compared in.

use degu_config::{IntervalMetric, MetricSpec, Study};
use degu_core::Split;
use degu_report::ModelKind;
use degu_stats::Alpha;

use super::table::{Table, mean};

/// A metric of the test split.
pub(super) struct TestMetric {
    /// Its name in the long table.
    name: String,
    /// Name and error rate, as `ablation.primary_metric` has them.
    pub(super) parts: (String, Option<f64>),
    /// The calibration whose intervals it is about; empty for predictions.
    calibration: String,
    /// Whether larger is better; `None` where neither direction is.
    pub(super) higher_is_better: Option<bool>,
}

impl TestMetric {
    /// Name in tables: `test/pearson`, `test/interval_width@0.1`.
    pub(super) fn label(&self) -> String {
        match &self.parts {
            (name, None) => format!("test/{name}"),
            (name, Some(alpha)) => format!("test/{name}@{alpha}"),
        }
    }

    /// The metric of one kind of model at a point: the mean over its models and tasks; none where a
    /// value is missing or not finite.
    pub(super) fn value(&self, table: &Table<'_>, point: usize, kind: ModelKind) -> Option<f64> {
        let own = table.scores[point].iter().filter(|s| {
            s.kind == kind
                && s.metric == self.name
                && s.subject.calibration == self.calibration
                && s.subject.spread.is_empty()
                && s.subject.split == Split::Test.name()
        });
        let values: Vec<f64> = own.map(|s| s.value).collect();
        let finite = values.iter().all(|v| v.is_finite());
        (!values.is_empty() && finite).then(|| mean(&values))
    }

    /// The metric of what a point ends with.
    pub(super) fn final_value(&self, table: &Table<'_>, point: usize) -> Option<f64> {
        self.value(table, point, table.points[point].final_kind())
    }

    fn of_intervals(interval: IntervalMetric, alpha: f64, calibration: &str) -> Self {
        let name = match interval {
            IntervalMetric::Width => "interval_width",
            IntervalMetric::Coverage => "interval_coverage",
            IntervalMetric::Score => "winkler",
        };
        // Tables name an error rate by the fraction that it was read as.
        let exact = Alpha::from_f64(alpha).map_or(alpha, Alpha::value);
        // Coverage is best where it was promised.
        let better = (interval != IntervalMetric::Coverage).then_some(false);
        Self {
            name: format!("{name}@{exact}"),
            parts: (interval.name().to_owned(), Some(alpha)),
            calibration: calibration.to_owned(),
            higher_is_better: better,
        }
    }
}

/// The metrics of a study; those of intervals at every error rate of its main calibration.
pub(super) fn test_metrics(study: &Study) -> Vec<TestMetric> {
    let mut all = Vec::new();
    for spec in &study.evaluation.metrics {
        match spec {
            MetricSpec::Plugin(slotted) => {
                let name = slotted.plugin.name;
                if let Ok(metric) = slotted.plugin.build() {
                    all.push(TestMetric {
                        name: name.to_owned(),
                        parts: (name.to_owned(), None),
                        calibration: String::new(),
                        higher_is_better: metric.higher_is_better(),
                    });
                }
            }
            MetricSpec::Interval(interval) => {
                let Some(main) = study.report.calibration(study.calibration.keys()) else {
                    continue;
                };
                let block = study.calibration.get(main);
                let alphas = block.into_iter().flat_map(|block| &block.keys.alpha);
                all.extend(alphas.map(|a| TestMetric::of_intervals(*interval, *a, main)));
            }
        }
    }
    all
}
