//! `prepare` and `predict`.

use degu_core::Split;
use degu_study::{Depth, PreparedData};
use degu_train::HostForecast;

use crate::helpers::{Bench, PARTS, ROWS, by_hand, measured, sequence, table};

#[test]
fn rows_are_in_the_parts_that_the_table_names() {
    let bench = Bench::new();
    let data = PreparedData::read(&bench.ok("prepare", by_hand)).unwrap();
    let parts = [
        Split::Train,
        Split::Validation,
        Split::Calibration,
        Split::Test,
    ];
    let mut next = 0;
    for (part, (_, count)) in parts.into_iter().zip(PARTS) {
        let rows: Vec<usize> = (next..next + count).collect();
        assert_eq!(data.rows(part), rows);
        next += count;
    }
    assert!((data.measured.mean[5] - measured(5)).abs() < 1e-6);
    let results = bench.results(&["prepare"], Depth::Everything);
    assert_eq!(results.prepared.unwrap().0.ids[7], "row-7");
    let results = bench.results(&["prepare"], Depth::Numbers);
    assert!(
        results.prepared.is_none(),
        "points are compared without their data"
    );
}

#[test]
fn a_test_row_that_trains_as_well_is_refused() {
    // The first test row has the bases of the first training row.
    let leaking = table().replace(&sequence(60), &sequence(0));
    let bench = Bench::of(&leaking);
    let summary = bench.run("prepare", by_hand);
    let error = summary.failed[0].error.to_string();
    // Both belong to one group, which the split may not separate.
    assert!(
        error.contains("row-0") && error.contains("row-60"),
        "{error}"
    );
    assert_eq!(summary.exit_code(), 4);
}

#[test]
fn the_teacher_is_the_mean_and_the_spread_of_its_members() {
    let bench = Bench::new();
    let artifact = bench.ok("predict/teacher", by_hand);
    let bytes = artifact.bytes("predictions.safetensors").unwrap();
    let teacher = HostForecast::from_bytes(&bytes).unwrap();
    let spread = teacher.epistemic.unwrap();
    assert_eq!(spread.len(), ROWS);
    for (row, spread) in spread.iter().enumerate() {
        assert!((teacher.mean[row] - measured(row)).abs() < 1e-5);
        // Two members at a distance of 1 from their mean, ddof 0.
        assert!((spread - 1.0).abs() < 1e-5, "{spread}");
    }
}
