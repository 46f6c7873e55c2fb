//! `predict`: input, output, intervals.

use std::{io::Read as _, path::Path};

use serde_json::Value;

use crate::support::{LENGTH, columns, model, ok, run};

/// Length of an element: the input without the flanks.
const ELEMENT: usize = LENGTH - 4;

fn sequence(i: usize, length: usize) -> String {
    (0..length)
        .map(|p| char::from(b"ACGT"[(i * 7 + p * (i + 3) + p * p / 3) % 4]))
        .collect()
}

fn fasta(path: &Path, rows: usize) {
    let text: String = (0..rows)
        .map(|i| format!(">s{i} text\n{}\n", sequence(i, ELEMENT)))
        .collect();
    fs_err::write(path, text).unwrap();
}

fn reverse_complement(text: &str) -> String {
    text.chars()
        .rev()
        .map(|c| match c {
            'A' => 'T',
            'C' => 'G',
            'G' => 'C',
            'T' => 'A',
            other => other,
        })
        .collect()
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        model(&folder.path().join("model"));
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs_err::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }
}

#[test]
fn batches_threads_formats_and_files_give_the_same_numbers() {
    let place = Place::new();
    let input = place.path("x.fa");
    fasta(Path::new(&input), 37);
    let model = place.path("model");
    let whole = ok(&["predict", &model, "--fasta", &input]);
    assert_eq!(whole.lines().count(), 1 + 37 * 2);
    let cut = ok(&[
        "predict",
        &model,
        "--fasta",
        &input,
        "--batch",
        "5",
        "--threads",
        "2",
    ]);
    assert_eq!(whole, cut);
    let gzip = place.path("out.tsv.gz");
    ok(&["predict", &model, "--fasta", &input, "-o", &gzip]);
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs_err::File::open(&gzip).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, whole);
    assert!(!Path::new(&format!("{gzip}.partial")).exists());
    let table: String = (0..37)
        .map(|i| format!("s{i}\t{}\n", sequence(i, ELEMENT)))
        .collect();
    let table = place.write("x.tsv", &format!("name\tseq\n{table}"));
    assert_eq!(ok(&["predict", &model, "--table", &table]), whole);
    let json = ok(&["predict", &model, "--fasta", &input, "--format", "json"]);
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["id"], "s0");
    assert_eq!(first["task"], "Dev");
    assert_eq!(json.lines().count(), 37 * 2);
}

#[test]
fn a_file_named_csv_has_commas() {
    let place = Place::new();
    let (input, model) = (place.path("x.fa"), place.path("model"));
    fasta(Path::new(&input), 3);
    let tabs = ok(&["predict", &model, "--fasta", &input]);
    let csv = place.path("x.csv");
    ok(&["predict", &model, "--fasta", &input, "-o", &csv]);
    assert_eq!(
        fs_err::read_to_string(&csv).unwrap(),
        tabs.replace('\t', ",")
    );
    let lines = ok(&["predict", &model, "--fasta", &input, "--format", "json"]);
    ok(&[
        "predict", &model, "--fasta", &input, "--format", "json", "-o", &csv,
    ]);
    assert_eq!(fs_err::read_to_string(&csv).unwrap(), lines);
}

#[test]
fn weights_that_changed_on_the_way_are_refused() {
    let place = Place::new();
    let (input, model) = (place.path("x.fa"), place.path("model"));
    fasta(Path::new(&input), 1);
    let weights = format!("{model}/model.safetensors");
    let whole = fs_err::read(&weights).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() - 4]] {
        fs_err::write(&weights, damaged).unwrap();
        let ran = run(&["predict", &model, "--fasta", &input]);
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("model.safetensors")
                && ran.stderr.contains("copy the folder again"),
            "{}",
            ran.stderr
        );
    }
    // A folder of an older version has no digest in its card.
    fs_err::write(&weights, &whole).unwrap();
    let card = format!("{model}/card.json");
    let mut old: Value = serde_json::from_str(&fs_err::read_to_string(&card).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("weights").unwrap();
    fs_err::write(&card, old.to_string()).unwrap();
    ok(&["predict", &model, "--fasta", &input]);
}

#[test]
fn elements_get_the_flanks_of_the_card() {
    let place = Place::new();
    let bare = place.write("bare.fa", &format!(">a\n{}\n", sequence(1, ELEMENT)));
    let whole = place.write("whole.fa", &format!(">a\nAC{}GT\n", sequence(1, ELEMENT)));
    let model = place.path("model");
    assert_eq!(
        ok(&["predict", &model, "--fasta", &bare]),
        ok(&["predict", &model, "--fasta", &whole])
    );
}

#[test]
fn intervals_come_from_the_calibration_and_say_what_they_promise() {
    let place = Place::new();
    let input = place.path("x.fa");
    fasta(Path::new(&input), 3);
    let ran = run(&[
        "predict",
        &place.path("model"),
        "--fasta",
        &input,
        "--interval",
        "0.9",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let table = columns(&ran.stdout);
    let number = |text: &String| text.parse::<f64>().unwrap();
    for row in 0..6 {
        let mean = number(&table["mean"][row]);
        // The 90th of the 99 residuals 0.01, 0.02, ..
        assert!((mean - number(&table["lower"][row]) - 0.9).abs() < 1e-5);
        assert!((number(&table["upper"][row]) - mean - 0.9).abs() < 1e-5);
        assert_eq!(table["epistemic"][row], table["total"][row]);
        assert!(table["aleatoric"][row].is_empty());
    }
    assert!(
        ran.stderr.contains("90 %") && ran.stderr.contains("99 units"),
        "{}",
        ran.stderr
    );
    let unknown = run(&[
        "predict",
        &place.path("model"),
        "--fasta",
        &input,
        "--interval",
        "0.9",
        "--calibration",
        "other",
    ]);
    assert_eq!(unknown.code, 4);
    assert!(
        unknown.stderr.contains("the model has main"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn both_strands_are_averaged_between_unchanged_flanks() {
    let place = Place::new();
    let model = place.path("model");
    let element = sequence(2, ELEMENT);
    let forward = place.write("f.fa", &format!(">a\n{element}\n"));
    let reverse = place.write("r.fa", &format!(">a\n{}\n", reverse_complement(&element)));
    let mean = |arguments: &[&str]| -> Vec<f64> {
        columns(&ok(arguments))["mean"]
            .iter()
            .map(|m| m.parse().unwrap())
            .collect()
    };
    let both = mean(&["predict", &model, "--fasta", &forward, "--average-strands"]);
    let (f, r) = (
        mean(&["predict", &model, "--fasta", &forward]),
        mean(&["predict", &model, "--fasta", &reverse]),
    );
    assert!(
        f.iter().zip(&r).any(|(f, r)| (f - r).abs() > 1e-4),
        "{f:?} {r:?}"
    );
    for task in 0..2 {
        assert!((both[task] - 0.5 * (f[task] + r[task])).abs() < 1e-6);
    }
}

#[test]
fn a_wrong_length_or_letter_is_refused_by_name_or_counted() {
    let place = Place::new();
    let model = place.path("model");
    let good = sequence(0, ELEMENT);
    let short = place.write("short.tsv", &format!("id\tsequence\na\t{good}\nb\tACGT\n"));
    let ran = run(&["predict", &model, "--table", &short]);
    assert_eq!(ran.code, 4);
    for part in [
        "`b`",
        "row 2 (line 3)",
        "expected 20 bp (or 24 bp with the flanks), found 4 bp",
    ] {
        assert!(ran.stderr.contains(part), "`{part}`: {}", ran.stderr);
    }
    let skipped = run(&["predict", &model, "--table", &short, "--skip-invalid"]);
    assert_eq!(skipped.code, 0);
    assert!(
        skipped.stderr.contains("1 sequences predicted, 1 skipped"),
        "{}",
        skipped.stderr
    );
    let letter = place.write("letter.fa", &format!(">a\n{good}\n>b\nAC!T\n>c\n{good}\n"));
    let ran = run(&["predict", &model, "--fasta", &letter]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr.contains("`b`") && ran.stderr.contains("line 4"),
        "{}",
        ran.stderr
    );
    let skipped = run(&["predict", &model, "--fasta", &letter, "--skip-invalid"]);
    assert!(
        skipped.stderr.contains("2 sequences predicted, 1 skipped"),
        "{}",
        skipped.stderr
    );
}

#[test]
fn a_missing_model_column_or_device_has_its_exit_code() {
    let place = Place::new();
    let input = place.path("x.fa");
    fasta(Path::new(&input), 1);
    assert_eq!(
        run(&["predict", &place.path("nothing"), "--fasta", &input]).code,
        4
    );
    let model = place.path("model");
    let table = place.write("x.tsv", "name\tseq\na\tACGT\n");
    let ran = run(&[
        "predict",
        &model,
        "--table",
        &table,
        "--sequence-column",
        "sqe",
    ]);
    assert_eq!(ran.code, 4);
    assert!(ran.stderr.contains("seq"), "{}", ran.stderr);
    if !cfg!(feature = "cuda") {
        let ran = run(&["predict", &model, "--fasta", &input, "--device", "cuda:0"]);
        assert_eq!(ran.code, 8, "{}", ran.stderr);
    }
    assert_eq!(
        run(&["predict", &model, "--fasta", &input, "--device", "gpu"]).code,
        2
    );
}
