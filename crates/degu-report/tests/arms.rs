//! Methods side by side.

use degu_report::{
    ArmCost, ArmCurve, ArmScore, ArmSource, ModelKind, ReportData, Task, figures, html, tables,
};

fn source(arm: &str, calibration: &str, spread: &str, split: &str) -> ArmSource {
    ArmSource {
        arm: arm.to_owned(),
        calibration: calibration.to_owned(),
        spread: spread.to_owned(),
        split: split.to_owned(),
        task: "K562".to_owned(),
    }
}

/// Ten arms, so that colors come around; the last one predicts no spread.
fn data() -> ReportData {
    let mut data = ReportData::new("arms", "Arms", "degu-lab");
    data.tasks.push(Task {
        name: "K562".to_owned(),
        unit: "log2".to_owned(),
    });
    let levels: Vec<f64> = (1..20).map(|i| f64::from(i) / 20.0).collect();
    for i in 0..10 {
        let arm = format!("arm_{i}");
        let last = i == 9;
        data.arms.costs.push(ArmCost {
            arm: arm.clone(),
            title: format!("method <{i}>"),
            kind: ModelKind::Ensemble,
            replicates: 2,
            networks: 5,
            epochs: 60.0,
            steps: 4500.0,
            passes: 5 * (i + 1),
        });
        let mut add = |of: ArmSource, metric: &str, value: f64| {
            data.arms.scores.push(ArmScore {
                source: of,
                metric: metric.to_owned(),
                value,
                sd: Some(0.01),
                unit: String::new(),
            });
        };
        let at = 0.5 + 0.02 * i as f64;
        add(source(&arm, "", "", "test"), "pearson", at);
        if !last {
            let raw = || source(&arm, "", "total", "test");
            add(raw(), "nll", 1.0 + at);
            add(raw(), "crps", 0.125 + at);
            add(raw(), "interval_coverage@0.1", 0.75);
            add(raw(), "interval_width@0.1", 1.5);
            let shifted = source(&arm, "", "total", "shift mutated 0.25");
            add(shifted, "ood_auroc", 0.8125);
        }
        let fitted = || source(&arm, "absolute", "", "test");
        add(fitted(), "interval_coverage@0.1", 0.9);
        add(fitted(), "interval_width@0.1", 2.25);
        add(fitted(), "winkler@0.1", 3.0);
        add(fitted(), "coverage_gap@0.1 by GC content", 0.035);
        for (calibration, spread, factor) in [("", "total", 0.8), ("absolute", "", 1.0)] {
            if last && calibration.is_empty() {
                continue;
            }
            data.arms.curves.push(ArmCurve {
                source: source(&arm, calibration, spread, "test"),
                nominal: levels.clone(),
                observed: levels.iter().map(|l| l * factor).collect(),
                // One of them absurdly wide.
                width: levels
                    .iter()
                    .map(|l| l * if i == 3 { 1e6 } else { 4.0 })
                    .collect(),
            });
        }
    }
    data
}

#[test]
fn every_method_is_in_both_figures_and_one_absurd_width_hides_none() {
    let drawn = figures(&data());
    let named = |name: &str| -> String {
        let found = drawn.iter().find(|(file, _)| file == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.clone()
    };
    let sizes = named("arms-coverage-and-size-test-k562.svg");
    let accuracy = named("arms-accuracy-and-coverage-test-k562.svg");
    for i in 0..10 {
        let title = format!("method &lt;{i}&gt;");
        assert!(sizes.contains(&title) && accuracy.contains(&title), "{i}");
    }
    // A panel of the spread as predicted and one of the calibration.
    for svg in [&sizes, &accuracy] {
        assert!(svg.contains("total sd, as predicted") && svg.contains("intervals of “absolute”"));
    }
    assert!(sizes.contains("4→"), "the line that leaves the panel");
    assert!(!sizes.contains("NaN") && !sizes.contains("inf"));
    assert_eq!(accuracy.matches("<circle").count(), 19);
}

#[test]
fn tables_have_every_number_and_gaps_where_there_is_none() {
    let data = data();
    let all = tables(&data).unwrap();
    let named = |name: &str| -> &str { &all.iter().find(|(file, _)| file == name).unwrap().1 };
    let long = named("arms.csv");
    assert_eq!(long.lines().count(), 1 + data.arms.scores.len());
    assert!(long.contains("arm_3,method <3>,absolute,,test,K562,winkler@0.1,3,0.01,"));
    assert!(named("arm_costs.csv").contains("arm_1,method <1>,ensemble (teacher),2,5,60,4500,10"));
    assert_eq!(named("arm_reliability.csv").lines().count(), 1 + 19 * 19);
    let page = html(&data).unwrap();
    for text in [
        "Methods side by side",
        "AUROC, mutated 0.25",
        "gap by GC content, 90 %",
        "passes per prediction",
        "method &lt;9&gt;",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn a_study_without_arms_has_no_such_section() {
    let page = html(&ReportData::new("none", "None", "degu-lab")).unwrap();
    assert!(!page.contains("Methods side by side"));
}
