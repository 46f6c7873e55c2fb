//! `evaluate` and `calibrate` on predictions made by hand.

use degu_core::ModelId;
use degu_report::ModelKind;
use degu_study::Depth;
use degu_train::HostForecast;

use crate::helpers::{Bench, ROWS, by_hand, measured, off_by};

#[test]
fn metrics_are_those_of_the_known_errors() {
    let bench = Bench::new();
    bench.ok("evaluate", by_hand);
    let results = bench.results(&["evaluate"], Depth::Numbers);
    let value = |kind: ModelKind, metric: &str| {
        let mut rows = results.metrics().iter();
        let row = rows.find(|r| r.kind == kind && r.metric == metric);
        row.unwrap_or_else(|| panic!("no {metric} of {kind:?}"))
            .value
    };
    for (kind, rmse) in [
        (ModelKind::Member, 1.0),
        (ModelKind::MeanMember, 1.0),
        (ModelKind::Ensemble, 0.0),
        (ModelKind::Student, 0.5),
    ] {
        assert!((value(kind, "rmse") - rmse).abs() < 1e-5, "{kind:?}");
        assert!((value(kind, "pearson") - 1.0).abs() < 1e-9, "{kind:?}");
    }
    let evaluation = results.evaluation.as_ref().unwrap();
    let rmse = evaluation.gap_closed.iter().find(|g| g.metric == "rmse");
    assert!((rmse.unwrap().gap_closed - 0.5).abs() < 1e-5);
    // Spreads of the student and the ensemble; members have none.
    let rows = &evaluation.uncertainty.rows;
    assert!(rows.iter().all(|r| r.source.kind != ModelKind::Member));
    assert!(
        rows.iter()
            .any(|r| r.source.model == "student-0" && r.metric == "nll")
    );
}

#[test]
fn an_interval_is_as_wide_as_the_ranked_calibration_error() {
    // The error of calibration row i (39 to 57) is i - 38 tenths; test rows are off by 1.
    let errors = |model| match model {
        ModelId::Student(_) => Some(HostForecast {
            mean: (0..ROWS)
                .map(|row| match row {
                    39..58 => measured(row) + (row - 38) as f32 / 10.0,
                    _ => measured(row) + 1.0,
                })
                .collect(),
            ..off_by(0.0, Some(1.0))
        }),
        _ => by_hand(model),
    };
    let bench = Bench::new();
    bench.ok("calibrate/plain", errors);
    let results = bench.results(&["calibrate/plain"], Depth::Numbers);
    let result = &results.calibration[0];
    assert_eq!(result.name, "plain");
    let row = result.rows.iter().find(|r| r.model == "student-0").unwrap();
    // ceil(0.9 * 20) = 18 of 19 errors, the 18th is 1.8.
    assert_eq!((row.n, row.k), (19, 18));
    assert!((row.mean_width - 3.6).abs() < 1e-4, "{}", row.mean_width);
    assert!((row.coverage - 1.0).abs() < 1e-12);
    let fitted: Vec<ModelId> = result.fitted.keys().copied().collect();
    assert_eq!(fitted, [ModelId::Ensemble, ModelId::Student(0)]);
}

#[test]
fn a_model_without_a_spread_is_not_an_error_of_the_others() {
    let bench = Bench::new();
    let without = |model| match model {
        ModelId::Student(_) => Some(off_by(0.5, None)),
        _ => by_hand(model),
    };
    let summary = bench.run("calibrate/plain", without);
    assert!(summary.failed.is_empty(), "absolute errors need no spread");
}
