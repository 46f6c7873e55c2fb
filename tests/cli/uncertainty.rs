//! A study with every calibrator, a held-out kind of rows and a shift, from its file to intervals
//! of new sequences.

use std::{collections::BTreeMap, path::Path};

use crate::support::{columns, run_in};

const STUDY: &str = r#"
[study]
name = "trust"
seed = 7

[dataset]
plugin = "table"
file = { path = "rows.tsv" }
tasks = ["activity"]
category = "kind"

[split]
kind = "column"
column = "part"
calibration = 0.6

[split.hold_out]
column = "kind"
keep = ["peak"]
sets = { promoters = ["promoter"] }

[architecture]
plugin = "deepstarr"
filters = [4, 4, 4, 4]
units = [8, 8]

[ensemble]
members = 3
head = { plugin = "point" }
vary = ["init", "order", "folds"]

[training]
epochs = 2
batch_size = 64

[distill]
students = 1
targets = ["mean", "epistemic"]
head = { plugin = "distilled" }

[calibration.plain]
plugin = "split-conformal"
alpha = [0.1, 0.2]
score = "absolute"

[calibration.repaired]
plugin = "split-conformal"
alpha = [0.1]
recalibrate = "one_factor"

[calibration.by_kind]
plugin = "mondrian"
alpha = [0.1]
by = "category"

[calibration.by_gc]
plugin = "mondrian"
alpha = [0.1]
by = "gc"
bins = 2

[calibration.bags]
plugin = "cv-plus"
alpha = [0.1]

[calibration.weighted]
plugin = "weighted-conformal"
alpha = [0.1]
features = ["gc"]

[calibration.scaled]
plugin = "variance-scaling"
alpha = [0.1]

[calibration.mapped]
plugin = "isotonic"
alpha = [0.1]

[shift.mutated]
plugin = "mutagenesis"
severities = [0.25]

[evaluation]
metrics = ["pearson", "rmse", "interval_coverage", "interval_width"]
bootstrap = { n = 0 }
"#;

const LENGTH: usize = 24;

fn sequence(i: u64) -> String {
    let mut state = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    (0..LENGTH)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b"ACGT"[(state >> 33) as usize % 4])
        })
        .collect()
}

/// Activity follows GC content, with an error that a small network cannot know.
fn table(path: &Path) {
    let mut text = "id\tsequence\tkind\tpart\tactivity\n".to_owned();
    for i in 1..=640_u64 {
        let sequence = sequence(i);
        let gc = sequence.bytes().filter(|b| b"GC".contains(b)).count() as f64;
        let noise = ((i * 7919) % 1009) as f64 / 504.5 - 1.0;
        let kind = if i > 600 { "promoter" } else { "peak" };
        let part = match i % 6 {
            0 => "test",
            1 | 2 => "val",
            _ => "train",
        };
        let activity = gc / 8.0 + noise;
        text.push_str(&format!("s{i}\t{sequence}\t{kind}\t{part}\t{activity}\n"));
    }
    fs_err::write(path, text).unwrap();
}

fn csv(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs_err::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    // Good enough here: only the last column holds commas, in quotes.
    lines
        .map(|line| {
            let cells = line.splitn(header.len(), ',').map(str::to_owned);
            header.iter().map(|h| (*h).to_owned()).zip(cells).collect()
        })
        .collect()
}

#[test]
fn every_calibrator_is_fitted_reported_and_serves_new_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    table(&place.join("rows.tsv"));
    fs_err::write(place.join("trust.toml"), STUDY).unwrap();
    let ran = run_in(place, &["run", "trust.toml", "--progress", "plain"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let run = place.join("runs/trust");

    let rows = csv(&run.join("tables/calibration.csv"));
    let at = |calibrator: &str, model: &str, split: &str| -> &BTreeMap<String, String> {
        let fits = |r: &&BTreeMap<String, String>| {
            r["calibrator"].starts_with(calibrator)
                && r["model"] == model
                && r["split"] == split
                && r["alpha"] == "0.1"
        };
        rows.iter()
            .find(fits)
            .unwrap_or_else(|| panic!("no {calibrator} {model} {split} in {rows:#?}"))
    };
    let share = |row: &BTreeMap<String, String>| row["interval_coverage"].parse::<f64>().unwrap();
    for block in ["plain", "repaired", "by_kind", "by_gc"] {
        let found = share(at(block, "student-0", "test"));
        assert!((0.75..=1.0).contains(&found), "{block}: {found}");
    }
    assert!(at("plain", "student-0", "test")["guarantee"].contains("exchangeable"));
    assert!(at("by_kind", "student-0", "test")["guarantee"].contains("within each group"));
    assert!(at("bags", "ensemble", "test")["guarantee"].contains("3 folds"));
    assert!(share(at("bags", "ensemble", "test")) >= 0.8);
    assert!(at("scaled", "student-0", "test")["guarantee"].contains("no guarantee"));
    assert!(at("mapped", "student-0", "test")["guarantee"].contains("no guarantee"));
    assert!(at("weighted", "student-0", "promoters")["guarantee"].contains("effective n"));
    // No promoter has calibrated: their intervals by kind are unbounded, and said to be.
    let unknown = at("by_kind", "student-0", "promoters");
    assert_eq!(unknown["infinite_fraction"], "1");
    // A band is for rows that are exchangeable with the calibration rows.
    assert!(!at("plain", "student-0", "test")["band_low"].is_empty());
    assert!(at("plain", "student-0", "promoters")["band_low"].is_empty());

    let numbers = csv(&run.join("tables/uncertainty.csv"));
    let has = |metric: &str, split: &str, calibrator: &str| {
        let fits = |r: &&BTreeMap<String, String>| {
            r["metric"] == metric && r["split"] == split && r["calibrator"].starts_with(calibrator)
        };
        assert!(
            numbers.iter().any(|r| fits(&r)),
            "no {metric} {split} {calibrator}"
        );
    };
    for metric in [
        "nll",
        "crps",
        "ence",
        "ence_equal_width",
        "miscalibration_area",
        "wis",
        "aurc",
    ] {
        has(metric, "test", "raw");
    }
    for metric in ["nll", "ence", "miscalibration_area", "wis"] {
        has(metric, "test", "scaled");
    }
    for metric in [
        "covgap_GC_content@0.1",
        "covgap_predicted_activity@0.1",
        "ssc_min@0.1",
        "worst_slab@0.1",
    ] {
        has(metric, "test", "plain");
    }
    // Two epochs leave a spread that is far too small for a map of its levels: there are scores of
    // its intervals alone.
    for metric in ["miscalibration_area", "wis"] {
        has(metric, "test", "mapped");
    }
    has("ood_auroc", "promoters", "raw");
    has("ood_fpr95", "shift mutated 0.25", "raw");
    has(
        "interval_coverage_of_ensemble@0.1",
        "shift mutated 0.25",
        "by_gc",
    );
    for file in [
        "reliability.csv",
        "pit.csv",
        "selective.csv",
        "calibration_notes.csv",
    ] {
        assert!(csv(&run.join("tables").join(file)).len() > 3, "{file}");
    }
    let report = fs_err::read_to_string(run.join("report.html")).unwrap();
    for id in [
        "coverage-and-size-test-activity",
        "reliability-promoters-activity",
        "kept-share-activity",
    ] {
        assert!(report.contains(&format!("fig-{id}")), "{id}");
    }

    // The model folder is enough for intervals of new sequences.
    let model = run.join("models/student-0");
    let model = model.to_str().unwrap();
    fs_err::write(
        place.join("new.tsv"),
        format!(
            "id\tsequence\tkind\na\t{}\tpeak\nb\t{}\tenhancer\n",
            sequence(1001),
            sequence(1002)
        ),
    )
    .unwrap();
    let predict = |more: &[&str]| {
        let mut all = vec![
            "predict",
            model,
            "--table",
            "new.tsv",
            "--interval",
            "0.9",
            "--calibration",
        ];
        all.extend(more);
        run_in(place, &all)
    };
    for block in [
        "plain",
        "repaired",
        "by_gc",
        "weighted",
        "weighted@promoters",
        "scaled",
        "mapped",
    ] {
        let ran = predict(&[block]);
        assert_eq!(ran.code, 0, "{block}: {}", ran.stderr);
        let found = columns(&ran.stdout);
        assert_eq!(found["lower"].len(), 2, "{block}");
        assert!(found["upper"].iter().all(|u| !u.is_empty()), "{block}");
    }
    let refused = predict(&["by_kind"]);
    assert_ne!(refused.code, 0);
    assert!(
        refused.stderr.contains("--category-column"),
        "{}",
        refused.stderr
    );
    let found = predict(&["by_kind", "--category-column", "kind"]);
    assert_eq!(found.code, 0, "{}", found.stderr);
    let upper = &columns(&found.stdout)["upper"];
    assert!(upper[0] != "inf" && upper[1] == "inf", "{upper:?}");
}

#[test]
fn calibrating_on_rows_that_every_member_trained_on_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = STUDY.replace(", \"folds\"]", "]");
    fs_err::write(folder.path().join("trust.toml"), text).unwrap();
    let ran = run_in(folder.path(), &["config", "show", "trust.toml"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("calibration.bags"), "{}", ran.stderr);
    assert!(ran.stderr.contains("folds"), "{}", ran.stderr);
}
