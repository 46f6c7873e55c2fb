//! `train`, `distill`, `attribute` and `shift` with networks of a few weights.

use degu_core::ModelId;
use degu_report::ModelKind;
use degu_study::Depth;
use degu_train::ModelCard;

use crate::helpers::{Bench, ROWS};

#[test]
fn networks_are_trained_explained_and_followed() {
    let bench = Bench::new();
    let train = |_| None;
    let artifact = bench.ok("distill/student-0", train);
    let card: ModelCard = artifact.json("card.json").unwrap();
    assert_eq!(card.model, Some(ModelId::Student(0)));
    assert!(card.labels.epistemic, "the student learns the spread");
    let tasks = ["train/member-0", "train/member-1", "distill/student-0"];
    let results = bench.results(&tasks, Depth::Everything);
    let ids: Vec<ModelId> = results.models.iter().map(|m| m.id).collect();
    assert_eq!(
        ids,
        [ModelId::Member(0), ModelId::Member(1), ModelId::Student(0)]
    );
    assert!(
        results
            .models
            .iter()
            .all(|m| m.forecast.rows == ROWS && m.saved.is_some())
    );
    assert_eq!(results.fits.len(), 3);
    assert_eq!(results.final_kind(), ModelKind::Student);
    assert!(results.labels.as_ref().unwrap().epistemic);

    bench.ok("attribute/saliency", train);
    let results = bench.results(&["attribute/saliency"], Depth::Everything);
    let (summary, maps) = &results.attribution[0];
    // The test rows with the highest measurements.
    assert_eq!(summary.ids, ["row-60", "row-68", "row-76"]);
    let tensors: Vec<&str> = summary.maps.iter().map(|m| m.tensor.as_str()).collect();
    for tensor in tensors {
        assert_eq!(maps[tensor].0, [3, 32, 4], "{tensor}");
    }

    bench.ok("shift/mutated", train);
    let results = bench.results(&["shift/mutated"], Depth::Numbers);
    let curves = &results.shift[0].curves;
    let curve = |kind: ModelKind, metric: &str| {
        let mut all = curves.iter();
        all.find(|c| c.kind == kind && c.metric == metric).unwrap()
    };
    let spread = curve(ModelKind::Ensemble, "mean epistemic sd");
    assert_eq!(
        spread.points.len(),
        2,
        "unchanged sequences and one severity"
    );
    let error = curve(ModelKind::Student, "MSE to the ensemble");
    assert!(error.points.iter().all(|p| p.value >= 0.0));
}
