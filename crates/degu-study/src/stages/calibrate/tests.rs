//! Which rows may calibrate.

use std::{collections::BTreeMap, sync::Arc};

use super::rows::held_out;
use crate::results::PreparedData;

use degu_core::{DatasetInfo, OutputKind, Split};
use degu_train::{ExampleSet, Labels};

fn prepared(part: [Split; 4], group: [u64; 4]) -> PreparedData {
    let info = DatasetInfo {
        title: "test".to_owned(),
        length: 2,
        tasks: vec!["a".to_owned()],
        unit: String::new(),
        output: OutputKind::Scalar,
        flanks: Default::default(),
        replicates: 1,
    };
    PreparedData {
        flanked: true,
        examples: ExampleSet::new(Arc::new(vec![0; 8]), 2, 1, OutputKind::Scalar).unwrap(),
        info,
        measured: Labels::measured(1, vec![0.0; 4], None, None),
        truth: None,
        barcodes: None,
        ids: ["w", "x", "y", "z"].map(str::to_owned).to_vec(),
        category: None,
        part: part.map(Some).to_vec(),
        group: group.to_vec(),
        sets: BTreeMap::new(),
        notes: Vec::new(),
        leakage: Vec::new(),
    }
}

#[test]
fn rows_that_trained_or_stopped_a_model_cannot_calibrate() {
    use Split::{Calibration, Test, Train, Validation};
    let apart = prepared([Train, Validation, Calibration, Test], [1, 2, 3, 4]);
    assert_eq!(held_out(&apart).unwrap(), [2]);
    for shared in [1, 2] {
        let mixed = prepared([Train, Validation, Calibration, Test], [1, 2, shared, 4]);
        let error = held_out(&mixed).unwrap_err().to_string();
        assert!(
            error.contains("`y`") && error.contains("too much"),
            "{error}"
        );
    }
    let none = prepared([Train, Validation, Validation, Test], [1, 2, 3, 4]);
    assert!(
        held_out(&none)
            .unwrap_err()
            .to_string()
            .contains("held out")
    );
}
