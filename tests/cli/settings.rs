//! Points of ablations and sweeps in one table, by what `report.compare_by` names.

use std::{collections::BTreeMap, path::Path};

use crate::support::{SMALL_STUDY, columns, run_in};

/// Added to [`SMALL_STUDY`].
const STUDY: &str = r#"
[calibration.absolute]
plugin = "split-conformal"
alpha = [0.1]
score = "absolute"

[calibration.other]
plugin = "split-conformal"
alpha = [0.1]
score = "normalized"
scale = "epistemic"

[evaluation]
metrics = ["pearson", "interval_width"]

[ablation]
baseline = "ensemble"
replicates = 2

[ablation.arm.student]
set = { "distill.enabled" = true }
"#;

/// The arms with half of the rows.
const HALF: &str = r#"
[study]
name = "half"
[report]
compare_by = ["arm"]
"#;

/// The arms with half and with all of the rows, and another number of members without an arm.
const CROSSED: &str = r#"
[study]
name = "crossed"
[sweep.rows]
axes = { "split.train_fraction" = [0.5, 1.0] }
[sweep.size]
axes = { "ensemble.members" = [3, 2] }
[report]
compare_by = ["arm", "split.train_fraction", "ensemble.members"]
"#;

type Columns = BTreeMap<String, Vec<String>>;

const METRICS: [&str; 2] = ["test/pearson", "test/interval_width@0.1"];

/// Runs a study and returns its tables.
fn tables(folder: &Path, name: &str, text: &str, arguments: &[&str]) -> impl Fn(&str) -> Columns {
    let file = format!("{name}.toml");
    fs_err::write(folder.join(&file), text).unwrap();
    let mut all = vec!["run", &file, "--progress", "none"];
    all.extend(arguments);
    let ran = run_in(folder, &all);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let tables = folder.join("runs").join(name).join("tables");
    move |table: &str| {
        let text = fs_err::read_to_string(tables.join(table)).unwrap();
        columns(&text.replace(',', "\t"))
    }
}

/// The values of a column in the one row where others have these values.
fn cell(table: &Columns, of: &[(&str, &str)], column: &str) -> String {
    let rows = table[column].len();
    let fits = |i: &usize| of.iter().all(|(name, value)| table[*name][*i] == *value);
    let found: Vec<usize> = (0..rows).filter(fits).collect();
    assert_eq!(found.len(), 1, "{of:?} in {table:?}");
    table[column][found[0]].clone()
}

fn near(a: &str, b: &str) {
    let (a, b): (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
    assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} and {b}");
}

#[test]
fn points_stand_in_one_table_with_the_values_of_their_own_tables() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let study = format!("{SMALL_STUDY}{STUDY}");
    let half_study = study.replace("[split]", "[split]\ntrain_fraction = 0.5") + HALF;
    let half = tables(folder, "half", &half_study, &["--ablation"]);
    let by_arm = half("metrics_by_setting.csv");
    assert_eq!(by_arm["arm"], ["ensemble", "student"]);
    assert_eq!(by_arm["n"], ["2", "2"]);
    let arms = half("arms.csv");
    for arm in ["ensemble", "student"] {
        for (metric, calibration, own) in [
            (METRICS[0], "raw", "pearson"),
            (METRICS[1], "absolute", "interval_width@0.1"),
        ] {
            let of = [
                ("arm", arm),
                ("calibration", calibration),
                ("spread", ""),
                ("split", "test"),
                ("metric", own),
            ];
            let found = |column: &str| cell(&by_arm, &[("arm", arm)], column);
            near(&found(metric), &cell(&arms, &of, "value"));
            near(&found(&format!("{metric}_sd")), &cell(&arms, &of, "sd"));
        }
    }

    let crossed_study =
        study.replace("replicates = 2", "replicates = 2\nover = [\"rows\"]") + CROSSED;
    let sweep = ["--ablation", "--sweep", "size"];
    let crossed = tables(folder, "crossed", &crossed_study, &sweep);
    let all = crossed("metrics_by_setting.csv");
    assert_eq!(
        all["arm"],
        ["ensemble", "ensemble", "student", "student", "", ""]
    );
    assert_eq!(
        all["split.train_fraction"],
        ["0.5", "1", "0.5", "1", "1", "1"]
    );
    assert_eq!(all["ensemble.members"], ["3", "3", "3", "3", "2", "3"]);
    assert_eq!(all["n"], ["2", "2", "2", "2", "1", "1"]);
    let sweeps = crossed("sweeps.csv");
    for metric in METRICS {
        // What both studies have is the same.
        for arm in ["ensemble", "student"] {
            let here = [("arm", arm), ("split.train_fraction", "0.5")];
            for column in [metric.to_owned(), format!("{metric}_sd")] {
                let there = cell(&by_arm, &[("arm", arm)], &column);
                assert_eq!(cell(&all, &here, &column), there);
            }
        }
        for members in ["2", "3"] {
            let here = [("arm", ""), ("ensemble.members", members)];
            let line = [("metric", metric), ("kind", "ensemble"), ("x", members)];
            near(&cell(&all, &here, metric), &cell(&sweeps, &line, "value"));
            assert_eq!(cell(&all, &here, &format!("{metric}_sd")), "");
        }
    }
    let page = fs_err::read_to_string(folder.join("runs/crossed/report.html")).unwrap();
    assert!(page.contains("Metrics by setting"));
    let figures = folder.join("runs/crossed/figures");
    assert!(
        figures
            .join("settings-split-train_fraction-test-pearson.svg")
            .is_file()
    );

    // Without the arm among the columns, three members on all rows are the baseline's first
    // replicate: counted once.
    let merged = crossed_study.replace("[\"arm\", ", "[");
    let merged = tables(folder, "crossed", &merged, &sweep)("metrics_by_setting.csv");
    assert_eq!(merged["split.train_fraction"], ["0.5", "1", "1"]);
    assert_eq!(merged["ensemble.members"], ["3", "2", "3"]);
    assert_eq!(merged["n"], ["4", "1", "4"]);
    let own = cell(&merged, &[("split.train_fraction", "0.5")], METRICS[0]);
    let of = |arm: &str| {
        cell(&by_arm, &[("arm", arm)], METRICS[0])
            .parse::<f64>()
            .unwrap()
    };
    near(&own, &of("ensemble").midpoint(of("student")).to_string());

    // Nothing is compared where nothing is named.
    let alone = half_study.replace("compare_by = [\"arm\"]", "compare_by = []");
    drop(tables(folder, "half", &alone, &["--ablation"]));
    assert!(
        !folder
            .join("runs/half/tables/metrics_by_setting.csv")
            .exists()
    );
}
