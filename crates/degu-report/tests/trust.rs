//! Figures and tables of predicted uncertainty.

use degu_report::{
    CalibrationNote, MetricRow, ModelKind, ReliabilityCurve, ReportData, RiskCurve, Task,
    TransformCounts, Uncertainty, UncertaintyRow, UncertaintySource, figures, html, tables,
};

fn source(calibrator: &str, spread: &str, split: &str) -> UncertaintySource {
    UncertaintySource {
        kind: ModelKind::Student,
        model: "student-0".to_owned(),
        calibrator: calibrator.to_owned(),
        spread: spread.to_owned(),
        split: split.to_owned(),
        task: "K562".to_owned(),
    }
}

fn data() -> ReportData {
    let mut data = ReportData::new("trust", "Trust", "degu-lab");
    data.tasks.push(Task {
        name: "K562".to_owned(),
        unit: "log2".to_owned(),
    });
    data.metrics.push(MetricRow {
        kind: ModelKind::Student,
        model: "student-0".to_owned(),
        split: "test".to_owned(),
        task: "K562".to_owned(),
        metric: "pearson".to_owned(),
        value: 0.7,
        ..MetricRow::default()
    });
    let levels: Vec<f64> = (1..20).map(|i| f64::from(i) / 20.0).collect();
    let mut all = Uncertainty::default();
    for (calibrator, spread, factor) in [
        ("", "epistemic", 0.6),
        ("", "aleatoric", 0.8),
        ("", "total", 0.9),
        ("main (absolute)", "", 1.0),
        // Too few rows for the largest level.
        ("few (mondrian)", "", f64::INFINITY),
    ] {
        for split in ["test", "promoters"] {
            let own = source(calibrator, spread, split);
            all.reliability.push(ReliabilityCurve {
                source: own.clone(),
                nominal: levels.clone(),
                observed: levels.iter().map(|l| (l * factor).min(1.0)).collect(),
                width: levels.iter().map(|l| 4.0 * l * factor).collect(),
            });
            if spread.is_empty() {
                continue;
            }
            all.transforms.push(TransformCounts {
                source: own.clone(),
                counts: (0..20).map(|i| 10 + i % 3).collect(),
                low: 5,
                high: 17,
            });
            all.risk.push(RiskCurve {
                source: own,
                kept: levels.clone(),
                rmse: levels.iter().map(|l| 0.3 + 0.4 * l).collect(),
                oracle: levels.iter().map(|l| 0.7 * l).collect(),
            });
        }
    }
    all.rows.push(UncertaintyRow {
        source: source("", "total", "test"),
        metric: "nll".to_owned(),
        value: f64::NAN,
        unit: "nats".to_owned(),
        note: "the predicted spread is 0 in half of the rows or more".to_owned(),
    });
    all.notes.push(CalibrationNote {
        calibrator: "weighted".to_owned(),
        model: "student-0".to_owned(),
        text: "31 effective of 2000 calibration groups <script>".to_owned(),
    });
    data.uncertainty = all;
    data
}

#[test]
fn each_set_of_rows_has_its_figures_and_nothing_is_drawn_at_nan() {
    let drawn = figures(&data());
    let names: Vec<&str> = drawn.iter().map(|(name, _)| name.as_str()).collect();
    for wanted in [
        "coverage-and-size-test-k562.svg",
        "coverage-and-size-promoters-k562.svg",
        "reliability-test-k562.svg",
        "reliability-promoters-k562.svg",
        "kept-share-k562.svg",
    ] {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
    for (name, svg) in &drawn {
        assert!(!svg.contains("NaN") && !svg.contains("=\"inf"), "{name}");
    }
    // Three parts, one calibrator; the infinite one has a curve of coverage but no size.
    let (_, poster) = &drawn[names
        .iter()
        .position(|n| n.starts_with("coverage-and-size-test"))
        .unwrap()];
    for words in [
        "epistemic sd",
        "aleatoric sd",
        "total sd",
        "main (absolute)",
        "Pearson 0.7",
    ] {
        assert!(poster.contains(words), "{words}");
    }
}

#[test]
fn tables_stand_beside_the_figures_and_reasons_beside_missing_numbers() {
    let written = tables(&data()).unwrap();
    let text = |name: &str| {
        let found = written.iter().find(|(file, _)| file == name);
        found.map_or_else(|| panic!("no {name}"), |(_, text)| text.clone())
    };
    assert!(text("uncertainty.csv").contains("NaN,nats,the predicted spread is 0"));
    assert!(text("reliability.csv").contains("inf"));
    assert_eq!(text("pit.csv").lines().count(), 1 + 6 * 20);
    assert_eq!(text("selective.csv").lines().count(), 1 + 6 * 19);
    assert!(text("calibration_notes.csv").contains("31 effective"));
}

#[test]
fn the_page_explains_every_figure_in_words() {
    let page = html(&data()).unwrap();
    for words in [
        "What an interval catches for its size",
        "Does every level hold?",
        "Setting unsure predictions aside",
        "Epistemic is the spread between networks",
        "promises too much",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("groups <script>"), "text is escaped");
}
