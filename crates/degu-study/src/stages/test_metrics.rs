//! The metrics of the test split that points of a study are compared in.

use degu_config::{IntervalMetric, MetricSpec, Study};

/// What a metric is a number of.
pub(super) enum Of {
    /// Predictions: a metric plugin, by name.
    Predictions(String),
    /// Intervals at an error rate.
    Intervals(IntervalMetric, f64),
}

/// A metric of the test split.
pub(super) struct TestMetric {
    pub(super) of: Of,
    /// Whether larger is better; `None` where neither direction is.
    pub(super) higher_is_better: Option<bool>,
}

impl TestMetric {
    /// Name and error rate, as `ablation.primary_metric` has them.
    pub(super) fn parts(&self) -> (&str, Option<f64>) {
        match &self.of {
            Of::Predictions(name) => (name, None),
            Of::Intervals(interval, alpha) => (interval.name(), Some(*alpha)),
        }
    }

    /// Name in tables: `test/pearson`, `test/interval_width@0.1`.
    pub(super) fn label(&self) -> String {
        match self.parts() {
            (name, None) => format!("test/{name}"),
            (name, Some(alpha)) => format!("test/{name}@{alpha}"),
        }
    }
}

/// The metrics of a study; those of intervals at every error rate of its main calibration.
pub(super) fn test_metrics(study: &Study) -> Vec<TestMetric> {
    let mut all = Vec::new();
    for spec in &study.evaluation.metrics {
        match spec {
            MetricSpec::Plugin(slotted) => {
                if let Ok(metric) = slotted.plugin.build() {
                    all.push(TestMetric {
                        of: Of::Predictions(slotted.plugin.name.to_owned()),
                        higher_is_better: metric.higher_is_better(),
                    });
                }
            }
            MetricSpec::Interval(interval) => {
                let main = study.report.calibration(study.calibration.keys());
                let block = main.and_then(|m| study.calibration.get(m));
                let alphas = block.into_iter().flat_map(|block| &block.keys.alpha);
                // Coverage is best where it was promised.
                let better = (*interval != IntervalMetric::Coverage).then_some(false);
                all.extend(alphas.map(|alpha| TestMetric {
                    of: Of::Intervals(*interval, *alpha),
                    higher_is_better: better,
                }));
            }
        }
    }
    all
}
