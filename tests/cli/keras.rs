//! Parity with published Keras weights, and negative controls that would pass if parity were luck.

use std::{io::Write as _, path::Path};

use degu_genome::{TableOptions, TableReader};

use crate::support::{columns, ok, run, shared};

/// Where the weights are.
const WEIGHTS: &str = "models/pkoo_deepstarr_1_0.h5";
/// Sample files with the Pearson correlations of the original, developmental and housekeeping.
const SAMPLES: [(&str, f64, f64); 3] = [
    ("deepstarr_sample/sample_train.txt.gz", 0.730, 0.787),
    ("deepstarr_sample/sample_val.txt.gz", 0.762, 0.795),
    ("deepstarr_sample/sample_test.txt.gz", 0.756, 0.772),
];

/// Pearson correlation of predictions and measurements, Dev and Hk.
fn correlations(model: &Path, table: &Path) -> [f64; 2] {
    let text = ok(&[
        "predict",
        model.to_str().unwrap(),
        "--table",
        table.to_str().unwrap(),
        "--sequence-column",
        "Sequence",
        "--id-column",
        "ID",
    ]);
    let predicted = columns(&text);
    let mut reader = TableReader::open_with(table, &TableOptions::default()).unwrap();
    let names =
        ["Dev_log2_enrichment", "Hk_log2_enrichment"].map(|name| reader.column(name).unwrap());
    let mut measured = [Vec::new(), Vec::new()];
    while let Some(row) = reader.next_row().unwrap() {
        for (task, column) in names.iter().enumerate() {
            measured[task].push(row.required_number(column).unwrap());
        }
    }
    [0, 1].map(|task| {
        let name = ["Dev", "Hk"][task];
        let means: Vec<f64> = predicted["task"]
            .iter()
            .zip(&predicted["mean"])
            .filter(|(t, _)| *t == name)
            .map(|(_, mean)| mean.parse().unwrap())
            .collect();
        degu_stats::metrics::pearson(&measured[task], &means)
            .unwrap()
            .unwrap()
    })
}

fn import(weights: &Path, model: &Path, more: &[&str]) {
    let mut arguments = vec![
        "import",
        "keras",
        weights.to_str().unwrap(),
        "-o",
        model.to_str().unwrap(),
    ];
    arguments.extend(more);
    ok(&arguments);
}

#[test]
fn published_weights_predict_as_they_did() {
    let Some(weights) = shared(WEIGHTS) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    import(&weights, &model, &[]);
    for (sample, dev, hk) in SAMPLES {
        let Some(sample) = shared(sample) else { return };
        let [found_dev, found_hk] = correlations(&model, &sample);
        eprintln!("{}: Dev {found_dev:.4}, Hk {found_hk:.4}", sample.display());
        // The published values have three decimals.
        assert!(
            (found_dev - dev).abs() < 1e-3,
            "Dev {found_dev:.5}, expected {dev}"
        );
        assert!(
            (found_hk - hk).abs() < 1e-3,
            "Hk {found_hk:.5}, expected {hk}"
        );
    }
}

#[test]
fn wrong_alphabets_and_a_wrong_flattening_predict_nothing() {
    let (Some(weights), Some(sample)) = (shared(WEIGHTS), shared(SAMPLES[1].0)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let first_rows = folder.path().join("first.txt");
    let mut kept = fs_err::File::create(&first_rows).unwrap();
    let mut text = String::new();
    let file = fs_err::File::open(&sample).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
    for line in text.lines().take(401) {
        writeln!(kept, "{line}").unwrap();
    }
    drop(kept);
    let controls: [(&[&str], [f64; 2]); 5] = [
        (&[], [0.787, 0.802]),
        (&["--alphabet", "ACTG"], [0.085, -0.019]),
        (&["--alphabet", "AGCT"], [0.248, 0.083]),
        (&["--alphabet", "TGCA"], [0.202, 0.200]),
        (&["--channels-first"], [0.089, 0.242]),
    ];
    for (i, (options, expected)) in controls.into_iter().enumerate() {
        let model = folder.path().join(format!("model-{i}"));
        import(&weights, &model, options);
        let found = correlations(&model, &first_rows);
        eprintln!("{options:?}: {found:.4?}, the original {expected:?}");
        if options.is_empty() {
            assert!(
                found
                    .iter()
                    .zip(expected)
                    .all(|(f, e)| (f - e).abs() < 1.5e-3),
                "{found:?}"
            );
        } else {
            assert!(found.iter().all(|r| *r < 0.3), "{options:?}: {found:?}");
        }
    }
}

#[test]
fn weights_of_another_network_are_refused_with_both_sides() {
    let Some(weights) = shared(WEIGHTS) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let base = [
        "import",
        "keras",
        weights.to_str().unwrap(),
        "-o",
        model.to_str().unwrap(),
    ];
    let length = run(&[&base[..], &["--length", "230"]].concat());
    assert_eq!(length.code, 4);
    assert!(
        length.stderr.contains("[1800, 256]") && length.stderr.contains("[1680, 256]"),
        "{}",
        length.stderr
    );
    let tasks = run(&[&base[..], &["--tasks", "one"]].concat());
    assert_eq!(tasks.code, 4);
    assert!(tasks.stderr.contains("head.weight"), "{}", tasks.stderr);
    let unknown = run(&[&base[..], &["--architecture", "deepstar"]].concat());
    assert_eq!(unknown.code, 3);
    let alphabet = run(&[&base[..], &["--alphabet", "ACG"]].concat());
    assert_eq!(alphabet.code, 3);
    assert!(!model.exists(), "nothing is written after an error");
}
