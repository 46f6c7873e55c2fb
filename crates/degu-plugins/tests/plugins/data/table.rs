//! Small tables with known contents, and a real one where it is present.

use std::path::Path;

use degu_contract::testing;
use degu_core::{Dataset, Result, Split};
use degu_genome::{decode, replicate_agreement};
use serde_json::{Value, json};

use super::{params, write};

fn open(params: &Value) -> Result<Box<dyn Dataset>> {
    testing::dataset("table", params)
}

fn error(params: &Value) -> String {
    open(params).err().unwrap().to_string()
}

#[test]
fn tasks_replicates_weights_and_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        &folder,
        "t.csv",
        "a title\nid;sequence;chrom;kind;x1;x2;n1;n2;y;w;set;cl\n\
         p;ACGTT;chr1;e;1;2;5;1;0.5;2;train;A\n\
         q;AACGT;chr2;e;3;;5;9;NA;1;dev;B\n\
         r;GGGGG;chr2;f;1;5;7;8;-1;0;;A\n",
    );
    let data = open(&params(
        &path,
        json!({
            "skip_lines": 1, "tasks": ["x", "y"], "replicates": {"x": ["x1", "x2"]},
            "barcodes": {"x": ["n1", "n2"]}, "min_barcodes": 2, "weight": "w",
            "chromosome": "chrom", "category": "kind", "split": "set", "group": "cl"
        }),
    ))
    .unwrap();
    assert_eq!((data.info().length, data.info().replicates), (5, 2));
    let rows = data.rows();
    assert_eq!(rows[1].split, Some(Split::Validation));
    assert_eq!(rows[2].split, None);
    assert_eq!((rows[0].group, rows[1].group, rows[2].group), (0, 1, 0));
    assert_eq!(rows[1].chromosome.as_deref(), Some("chr2"));
    let examples = data.read(&[0, 1, 2]).unwrap();
    assert_eq!(examples.y[..3], [1.0, 0.5, 3.0]);
    assert!(examples.y[3].is_nan());
    assert_eq!(examples.y[4..], [3.0, -1.0]);
    let std = examples.replicate_std.unwrap();
    assert!((std[4] - 8f32.sqrt()).abs() < 1e-6);
    assert!(
        std[0].is_nan() && std[5].is_nan(),
        "one measurement has no spread"
    );
    assert_eq!(examples.weight.unwrap(), [2.0, 1.0, 0.0]);
    assert_eq!(data.column("set").unwrap().unwrap(), ["train", "dev", ""]);
    let by_sequence = open(&params(&path, json!({"skip_lines": 1, "tasks": ["y"]}))).unwrap();
    assert_eq!(by_sequence.rows()[0].group, by_sequence.rows()[1].group);
}

#[test]
fn sequences_of_a_fasta_file() {
    let folder = tempfile::tempdir().unwrap();
    let fasta = write(
        &folder,
        "s.fa",
        ">b first\nACG\nt\n>a\nuuuu\n>c\nCCCC\n>b\nACGT\n",
    );
    let path = write(&folder, "t.tsv", "name\ty\na\t1\nmissing\t2\nb\t3\n");
    let all = json!({"fasta": {"path": fasta}, "tasks": ["y"]});
    let data = open(&params(&path, all.clone())).unwrap();
    let examples = data.read(&[0, 1]).unwrap();
    assert_eq!(decode(&examples.codes), "TTTTACGT");
    assert_eq!(examples.y, [1.0, 3.0]);
    assert_eq!(
        data.column("y").unwrap().unwrap(),
        ["1", "3"],
        "rows left out are left out here too"
    );
    let notes = data.notes().join("\n");
    assert!(
        notes.contains("1 rows have no sequence") && notes.contains("1 sequences of the FASTA"),
        "{notes}"
    );
    write(&folder, "s.fa", ">b\nACGT\n>b\nACGA\n");
    assert!(error(&params(&path, all.clone())).contains("occurs again with another sequence"));
    write(&folder, "s.fa", ">x\nACGT\n");
    assert!(error(&params(&path, all)).contains("is `id` the right column"));
}

#[test]
fn lengths_are_refused_padded_or_cropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        &folder,
        "t.tsv",
        "id\tsequence\ty\na\tACGT\t1\nb\tACGTTTG\t2\nc\tA\t3\n",
    );
    let with = |more: Value| {
        let mut all = json!({"tasks": ["y"]});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        params(&path, all)
    };
    let message = error(&with(json!({})));
    assert!(
        message.contains("row 1, line 3") && message.contains("expected 4 bp, found 7"),
        "{message}"
    );
    for (more, expected) in [
        (json!({"fit": "pad"}), "NACGTNNACGTTTGNNNANNN"),
        (json!({"fit": "crop"}), "CTA"),
        (json!({"fit": "both", "length": 4}), "ACGTCGTTNANN"),
    ] {
        let data = open(&with(more)).unwrap();
        assert_eq!(decode(&data.read(&[0, 1, 2]).unwrap().codes), expected);
    }
    assert!(error(&with(json!({"fit": "crop", "length": 4}))).contains("row 2"));
    assert!(error(&with(json!({"fit": "pad", "length": 4}))).contains("row 1"));
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        &folder,
        "t.tsv",
        "id\tsequence\ty\tset\nx\tACGT\t1\tother\n",
    );
    for (more, expected) in [
        (json!({}), "at least one column"),
        (json!({"tasks": ["z"]}), "no column `z`"),
        (json!({"tasks": ["y"], "split": "set"}), "found `other`"),
        (
            json!({"tasks": ["y"], "replicates": {"z": ["a", "b"]}}),
            "none of the `tasks`",
        ),
        (
            json!({"tasks": ["y"], "barcodes": {"y": ["a", "b"]}}),
            "each of the 1",
        ),
        (json!({"tasks": ["y"], "weight": "set"}), "set"),
    ] {
        let error = open(&params(&path, more)).err().unwrap();
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text.push_str(&source.to_string());
        }
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn plant_terminators() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/plant_terminators.tsv.gz");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let data = open(&params(
        &path,
        json!({
            "tasks": ["tobacco", "maize_protoplast"],
            "replicates": {"tobacco": ["tobacco_rep1", "tobacco_rep2"]},
            "barcodes": {"tobacco": ["n_bc_1", "n_bc_2"]},
            "length": 170, "fit": "both", "category": "Species"
        }),
    ))
    .unwrap();
    assert_eq!(data.rows().len(), 53_494);
    let examples = data.read(&(0..53_494).collect::<Vec<_>>()).unwrap();
    let std: Vec<f64> = examples
        .replicate_std
        .unwrap()
        .into_iter()
        .step_by(2)
        .filter(|v| !v.is_nan())
        .map(f64::from)
        .collect();
    assert_eq!(std.len(), 51_434, "rows with both replicates");
    // The first row has 12 and 13 barcodes; nobody counted those of the other task.
    let barcodes = data.barcodes(&[0]).unwrap().unwrap();
    assert!((barcodes[0] - 25.0).abs() < f32::EPSILON && barcodes[1].is_nan());
    let mean = std.iter().sum::<f64>() / std.len() as f64;
    assert!((mean - 0.233).abs() < 5e-4, "mean sd {mean}");
    let column = |name: &str| -> Vec<f64> {
        let text = data.column(name).unwrap().unwrap();
        text.iter().map(|v| v.parse().unwrap_or(f64::NAN)).collect()
    };
    let agreement = replicate_agreement(&[column("tobacco_rep1"), column("tobacco_rep2")])[0];
    assert_eq!(agreement.rows, 51_434);
    assert!(
        (agreement.pearson - 0.918).abs() < 5e-4,
        "{}",
        agreement.pearson
    );
    for (ours, theirs) in examples.y.iter().step_by(2).zip(column("tobacco_mean")) {
        assert!(
            (f64::from(*ours) - theirs).abs() < 1e-4 || theirs.is_nan(),
            "{ours} {theirs}"
        );
    }
    let notes = data.notes().join("\n");
    assert!(
        notes.contains("4 sequences were cropped to 170 bp"),
        "{notes}"
    );
    assert!(
        notes.contains("2060 rows have one replicate of `tobacco`"),
        "{notes}"
    );
}
