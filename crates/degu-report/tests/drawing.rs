//! Figures: snapshots of small ones, and inputs that break drawing code.

use crate::common::{elements, small};
use degu_report::{
    Arm, Comparison, ConditionalRow, ConsistencyRow, CurvePoint, Epoch, LearningCurve, Logo,
    MapAgreement, MetricRow, ModelKind, Point, ReportData, Scatter, Setting, SettingRow,
    SettingScore, Settings, ShiftCurve, Sweep, SweepLine, Transfer, figures, html,
};

/// Checks markup and that no coordinate is a non-number.
fn check(data: &ReportData) -> usize {
    let drawn = figures(data);
    for (name, svg) in &drawn {
        for (tag, attributes) in elements(svg) {
            for (key, value) in attributes {
                let text = matches!(key.as_str(), "aria-label" | "font-family");
                assert!(
                    text || !(value.contains("NaN") || value.contains("inf")),
                    "{name}: <{tag} {key}={value:?}>"
                );
            }
        }
    }
    let mut names: Vec<&str> = drawn.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), drawn.len(), "file names are unique");
    assert!(names.iter().all(|n| {
        n.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    }));
    elements(&html(data).unwrap());
    drawn.len()
}

#[test]
fn small_figures_look_as_they_did() {
    let drawn = figures(&small());
    for wanted in [
        "accuracy-test-pearson",
        "coverage-test-dev",
        "logo-s0-deepshap-dev-activity",
        "scatter-test-dev",
    ] {
        let svg = &drawn
            .iter()
            .find(|(name, _)| *name == format!("{wanted}.svg"))
            .unwrap()
            .1;
        insta::assert_snapshot!(wanted, svg);
    }
}

/// One of everything with the same number everywhere.
fn everything(value: f64, n: usize) -> ReportData {
    let mut data = small();
    data.metrics.push(MetricRow {
        value,
        ci_low: Some(value),
        ci_high: Some(value),
        ..MetricRow::default()
    });
    for row in &mut data.calibration {
        (row.coverage, row.mean_width, row.winkler) = (value, value, Some(value));
        (row.band_low, row.band_high) = (Some(value), Some(value));
    }
    data.conditional.push(ConditionalRow {
        coverage: value,
        band_low: Some(value),
        band_high: Some(value),
        alpha: 0.1,
        ..ConditionalRow::default()
    });
    data.learning.push(LearningCurve {
        epochs: (0..n)
            .map(|_| Epoch {
                epoch: 1,
                train_loss: value,
                validation_loss: Some(value),
                learning_rate: Some(value),
            })
            .collect(),
        best_epoch: Some(1),
        ..LearningCurve::default()
    });
    let point = Point {
        measured: value,
        mean: value,
        epistemic: Some(value),
        aleatoric: Some(value),
        ..Point::default()
    };
    data.scatter.push(Scatter {
        points: vec![point; n],
        pearson: Some(value),
        rmse: Some(value),
        ..Scatter::default()
    });
    data.transfer.push(Transfer {
        teacher: vec![value; n],
        student: vec![value; n],
        correlation: Some(value),
        ceiling: Some(value),
        ..Transfer::default()
    });
    data.logos.push(Logo {
        heights: vec![[value; 4]; n],
        sd: vec![value; n],
        ..Logo::default()
    });
    data.map_agreement.push(MapAgreement {
        sequences: vec![String::new(); n],
        members: vec![value; n],
        students: vec![value; n],
        difference: value,
        better: value,
        wilcoxon_p: Some(value),
        ..MapAgreement::default()
    });
    data.consistency.push(ConsistencyRow {
        value,
        ci_low: Some(value),
        ci_high: Some(value),
        ..ConsistencyRow::default()
    });
    let points = vec![
        CurvePoint {
            x: value,
            value,
            low: Some(value),
            high: Some(value)
        };
        n
    ];
    data.shift.push(ShiftCurve {
        points: points.clone(),
        ..ShiftCurve::default()
    });
    for log_axis in [false, true] {
        let lines = vec![SweepLine {
            points: points.clone(),
            ..SweepLine::default()
        }];
        data.sweeps.push(Sweep {
            log_axis,
            lines,
            ..Sweep::default()
        });
    }
    let row = SettingRow {
        values: vec![
            Setting::Number(value),
            Setting::Text("a <b>".into()),
            Setting::Absent,
        ],
        points: n,
        scores: vec![SettingScore {
            mean: Some(value),
            sd: Some(value),
        }],
    };
    data.settings = Settings {
        names: vec!["a.b".into(), "arm".into(), "c".into()],
        metrics: vec!["test/pearson".into()],
        rows: vec![row; n],
    };
    data.comparisons.push(Comparison {
        arms: vec![Arm {
            difference: value,
            differences: vec![value; n],
            ci_low: Some(value),
            ci_high: Some(value),
            ..Arm::default()
        }],
        ..Comparison::default()
    });
    data
}

#[test]
fn odd_numbers_do_not_break_drawing() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        1.0,
        -3.5,
        1e-320,
        f64::MAX,
        f64::MIN,
        1e16,
    ];
    for value in odd {
        for n in [0, 1, 2, 100] {
            let drawn = check(&everything(value, n));
            assert!(drawn >= 8, "{value} {n}: {drawn}");
        }
    }
    check(&ReportData::new("", "", ""));
}

#[test]
fn infinite_widths_are_shown_as_such() {
    let drawn = figures(&small());
    let coverage = &drawn
        .iter()
        .find(|(name, _)| name == "coverage-test-dev.svg")
        .unwrap()
        .1;
    assert!(coverage.contains(">∞</text>") && coverage.contains("100 % are ∞"));
}

#[test]
fn huge_clouds_become_hexagons_within_the_size_limit() {
    let mut data = small();
    data.scatter.clear();
    for model in ["ensemble", "student-0", "student-1"] {
        let points: Vec<Point> = (0..60_000u32)
            .map(|i| {
                // A fixed, even filling of the square.
                let (x, y) = (
                    f64::from(i) * 0.618_033_988_75 % 1.0,
                    f64::from(i) * 0.414_213_562_37 % 1.0,
                );
                Point {
                    id: format!("sequence_{i}"),
                    measured: x,
                    mean: y,
                    epistemic: Some(0.1 + x),
                    aleatoric: None,
                }
            })
            .collect();
        data.scatter.push(Scatter {
            kind: ModelKind::Student,
            model: model.into(),
            points,
            ..Scatter::default()
        });
    }
    check(&data);
    let page = html(&data).unwrap();
    assert!(page.len() < 3_000_000, "{}", page.len());
    assert!(page.contains("Each hexagon counts"));
    assert!(page.contains("n = 60,000") && page.contains("\"total\":60000"));
}

#[test]
fn equal_input_gives_equal_text() {
    assert_eq!(html(&small()).unwrap(), html(&small()).unwrap());
    assert_eq!(figures(&small()), figures(&small()));
}

#[test]
fn many_networks_and_tasks_fit() {
    let mut data = ReportData::new("many", "Many", "x");
    for task in 0..12 {
        for model in 0..30 {
            data.metrics.push(MetricRow {
                model: format!("member-{model}"),
                split: "test".into(),
                task: format!("task with a rather long name {task}"),
                metric: "pearson".into(),
                value: f64::from(model) / 30.0,
                ..MetricRow::default()
            });
        }
    }
    assert_eq!(check(&data), 1);
}

/// The enlarged stretch has wide letters wherever it lies.
#[test]
fn letters_of_an_enlarged_stretch_are_as_wide_as_their_positions() {
    for peak in [10, 100, 190] {
        let mut logo = Logo {
            sequence: "s0".to_owned(),
            title: "ensemble".to_owned(),
            heights: vec![[0.01, 0.0, 0.0, 0.0]; 200],
            ..Logo::default()
        };
        for height in &mut logo.heights[peak - 5..peak + 5] {
            *height = [0.0, 0.0, 1.0, 0.0];
        }
        let mut data = ReportData::new("wide", "Wide", "degu-lab");
        data.logos.push(logo);
        let drawn = figures(&data);
        let svg = &drawn
            .iter()
            .find(|(name, _)| name.starts_with("logo"))
            .unwrap()
            .1;
        let widths: Vec<f64> = svg
            .split("matrix(")
            .skip(1)
            .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
            .collect();
        // In hundredths of a pixel: four pixels a base in the whole, and more than ten in the
        // stretch.
        let widest = widths.iter().copied().fold(0.0, f64::max);
        let narrowest = widths.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(
            widest > 0.1 && narrowest > 0.03,
            "{peak}: {narrowest} to {widest}"
        );
    }
}
