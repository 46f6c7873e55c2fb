//! An ablation from its file to the tables that set its arms side by side.

use crate::support::{SMALL_STUDY, columns, run_in};

/// Added to [`SMALL_STUDY`].
const STUDY: &str = r#"
[study]
name = "arms"

[calibration.absolute]
plugin = "split-conformal"
alpha = [0.1, 0.2]
score = "absolute"

[calibration.repaired]
plugin = "variance-scaling"
alpha = [0.1, 0.2]

[shift.mutated]
plugin = "mutagenesis"
severities = [0.25]

[evaluation]
metrics = ["pearson", "interval_width"]

[ablation]
baseline = "ensemble"
replicates = 2
primary_metric = "test/interval_width@0.1"

[ablation.arm.student]
title = "one student of three members"
set = { "distill.enabled" = true }

[ablation.arm.dropout]
set = { "ensemble.members" = 1, "ensemble.head.plugin" = "mc-dropout", "ensemble.head.samples" = 4 }
"#;

#[test]
fn arms_are_compared_and_set_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(
        folder.path().join("arms.toml"),
        format!("{SMALL_STUDY}{STUDY}"),
    )
    .unwrap();
    let ran = run_in(
        folder.path(),
        &["run", "arms.toml", "--ablation", "--progress", "none"],
    );
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let tables = folder.path().join("runs/arms/tables");
    let read = |name: &str| fs_err::read_to_string(tables.join(name)).unwrap();

    // Networks, replicates and passes: an ensemble asks each of three, a student is one, dropout
    // asks one four times.
    let costs = read("arm_costs.csv");
    let lines: Vec<&str> = costs.lines().collect();
    assert_eq!(lines.len(), 4, "{costs}");
    assert!(
        lines[1].starts_with("ensemble,ensemble,ensemble (teacher),2,3,6,")
            && lines[1].ends_with(",3")
    );
    assert!(
        lines[2].starts_with("dropout,dropout,ensemble (teacher),2,1,2,")
            && lines[2].ends_with(",4")
    );
    assert!(
        lines[3].starts_with("student,one student of three members,student,2,4,8,")
            && lines[3].ends_with(",1")
    );

    // The numbers are those of the arms' own tables: the baseline's are the report's.
    let arms = columns(&read("arms.csv").replace(',', "\t"));
    let value = |arm: &str, calibration: &str, split: &str, metric: &str| -> Option<f64> {
        let at = (0..arms["arm"].len()).find(|i| {
            arms["arm"][*i] == arm
                && arms["calibration"][*i] == calibration
                && arms["split"][*i] == split
                && arms["metric"][*i] == metric
        })?;
        arms["value"][at].parse().ok()
    };
    for arm in ["ensemble", "student", "dropout"] {
        for (calibration, split, metric) in [
            ("raw", "test", "pearson"),
            ("raw", "test", "nll"),
            ("raw", "test", "aurc"),
            ("raw", "shift mutated 0.25", "ood_auroc"),
            ("repaired", "test", "crps"),
            ("absolute", "test", "interval_coverage@0.1"),
            ("absolute", "test", "coverage_gap@0.1 by GC content"),
        ] {
            let found = value(arm, calibration, split, metric);
            assert!(
                found.is_some_and(f64::is_finite),
                "{arm} {calibration} {split} {metric}"
            );
        }
    }
    // Comparisons take the study's main calibration, the first by name.
    let comparisons = columns(&read("comparisons.csv").replace(',', "\t"));
    let at = (0..comparisons["metric"].len())
        .find(|i| {
            comparisons["metric"][*i] == "test/interval_width@0.1"
                && comparisons["arm"][*i] == "student"
        })
        .unwrap();
    let mean: f64 = comparisons["mean"][at].parse().unwrap();
    let own = value("student", "absolute", "test", "interval_width@0.1").unwrap();
    assert!((mean - own).abs() < 1e-12, "{mean} and {own}");
    let figures = folder.path().join("runs/arms/figures");
    let drawn = fs_err::read_dir(figures).unwrap().filter_map(Result::ok);
    let names: Vec<String> = drawn
        .map(|f| f.file_name().to_string_lossy().into_owned())
        .collect();
    for start in [
        "arms-coverage-and-size-test",
        "arms-accuracy-and-coverage-test",
    ] {
        assert!(
            names.iter().any(|n| n.starts_with(start)),
            "{start}: {names:?}"
        );
    }
}
