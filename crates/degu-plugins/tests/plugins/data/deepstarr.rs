//! Small files in every layout, and the sample of the published table where it is present.

use std::path::Path;

use degu_contract::testing;
use degu_core::{Dataset, Result, Split};
use degu_genome::{decode, reverse_complement};
use serde_json::{Value, json};

use super::write;

fn open(params: &Value) -> Result<Box<dyn Dataset>> {
    testing::dataset("deepstarr", params)
}

fn error(params: &Value) -> String {
    open(params).err().unwrap().to_string()
}

#[test]
fn tables_with_sequences_and_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        &folder,
        "t.txt",
        "seqnames\tstart\tend\tID\tset\tSequence\tDev_log2_enrichment\tHk_log2_enrichment\n\
         chr2L\t5\t8\tchr2L_5_8_+_peak\tTrain\tAACG\t1.5\t-2\n\
         chr2L\t5\t8\tchr2L_5_8_-_peak\tTrain\tCGTT\t1.5\t-2\n\
         chrX\t9\t12\tchrX_9_12_+_inactive\tVal\tnnac\tNA\t0\n",
    );
    let data = open(&json!({"files": [{"path": path}]})).unwrap();
    assert_eq!(data.info().tasks, ["Dev", "Hk"]);
    let rows = data.rows();
    assert_eq!((rows[0].group, rows[1].group, rows[2].group), (0, 0, 1));
    assert_eq!(rows[2].split, Some(Split::Validation));
    assert_eq!(rows[2].chromosome.as_deref(), Some("chrX"));
    let examples = data.read(&[2, 0]).unwrap();
    assert_eq!(decode(&examples.codes), "NNACAACG");
    assert!(examples.y[0].is_nan());
    assert_eq!(examples.y[1..], [0.0, 1.5, -2.0]);
    assert!(
        data.notes()
            .iter()
            .any(|note| note.contains("2 regions, 1 rows"))
    );
    // The part of each file instead of the column.
    let data =
        open(&json!({"files": [{"path": path}, {"path": path}], "splits": ["test", "validation"]}))
            .unwrap();
    assert_eq!(data.rows()[0].split, Some(Split::Test));
    assert_eq!(data.rows()[5].split, Some(Split::Validation));
    assert_eq!(data.column("set").unwrap().unwrap().len(), 6);
}

#[test]
fn fasta_beside_activities_must_agree_in_number() {
    let folder = tempfile::tempdir().unwrap();
    let table = write(
        &folder,
        "a.txt",
        "ID\tDev_log2_enrichment\tHk_log2_enrichment\nchr2L_5_8_+_p\t1\t2\nchr2L_9_12_+_p\t3\t4\n",
    );
    let fasta = write(&folder, "s.fa", ">x\nACGT\n>y\nTTTT\n");
    let params =
        json!({"files": [{"path": table}], "sequences": [{"path": fasta}], "splits": ["train"]});
    let data = open(&params).unwrap();
    assert_eq!(decode(&data.read(&[1]).unwrap().codes), "TTTT");
    assert_eq!(data.rows()[1].chromosome.as_deref(), Some("chr2L"));
    write(&folder, "s.fa", ">x\nACGT\n");
    assert!(
        error(&params).contains("ends after 1 sequences"),
        "{}",
        error(&params)
    );
    write(&folder, "s.fa", ">x\nACGT\n>y\nTTTT\n>z\nAAAA\n");
    assert!(
        error(&params).contains("`z` is sequence 3"),
        "{}",
        error(&params)
    );
    write(&folder, "s.fa", ">x\nACGT\n>y\nTTT\n");
    assert!(
        error(&params).contains("expected a sequence of 4 bp"),
        "{}",
        error(&params)
    );
}

/// One-hot `[N, L, 4]` or `[N, 4, L]` of base (i + p) mod 4.
fn one_hot(n: usize, length: usize, first: bool) -> Vec<f32> {
    let mut x = vec![0f32; n * length * 4];
    for i in 0..n {
        for p in 0..length {
            let base = (i + p) % 4;
            x[if first {
                (i * 4 + base) * length + p
            } else {
                (i * length + p) * 4 + base
            }] = 1.0;
        }
    }
    x
}

#[test]
fn hdf5_in_three_layouts() {
    let folder = tempfile::tempdir().unwrap();
    // Flat with lower case and [T, N] labels; flat with upper case and the base axis first; groups.
    for (k, (words, grouped, first)) in [
        (["train", "valid", "test"], false, false),
        (["Train", "Val", "Test"], false, true),
        (["Train", "Val", "Test"], true, false),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{k}"));
        let mut file = hdf5_pure::FileBuilder::new();
        for (n, word) in [(5usize, words[0]), (3, words[1]), (4, words[2])] {
            let x = one_hot(n, 6, first);
            let x_shape = if first {
                [n as u64, 4, 6]
            } else {
                [n as u64, 6, 4]
            };
            let transposed = k == 0;
            let y: Vec<f64> = (0..2 * n)
                .map(|v| {
                    if transposed {
                        (v % n) as f64 + 0.5 * (v / n) as f64
                    } else {
                        (v / 2) as f64 + 0.5 * (v % 2) as f64
                    }
                })
                .collect();
            let y_shape = if transposed {
                [2, n as u64]
            } else {
                [n as u64, 2]
            };
            if grouped {
                let mut group = file.create_group(word);
                group
                    .create_dataset("X")
                    .with_f32_data(&x)
                    .with_shape(&x_shape);
                group
                    .create_dataset("y")
                    .with_f64_data(&y)
                    .with_shape(&y_shape);
                group
                    .create_dataset("std")
                    .with_f64_data(&y)
                    .with_shape(&y_shape);
                file.add_group(group.finish());
            } else {
                let (x_name, y_name) = if k == 0 {
                    (format!("x_{word}"), format!("y_{word}"))
                } else {
                    (format!("X_{word}"), format!("Y_{word}"))
                };
                file.create_dataset(&x_name)
                    .with_f32_data(&x)
                    .with_shape(&x_shape);
                file.create_dataset(&y_name)
                    .with_f64_data(&y)
                    .with_shape(&y_shape);
            }
        }
        file.write(&path).unwrap();
        let data = open(&json!({"files": [{"path": path}]})).unwrap();
        assert_eq!(data.rows().len(), 12, "layout {k}");
        let counts = Split::ALL.map(|split| {
            data.rows()
                .iter()
                .filter(|r| r.split == Some(split))
                .count()
        });
        assert_eq!(counts, [5, 3, 0, 4]);
        let examples = data.read(&[1, 7]).unwrap();
        assert_eq!(decode(&examples.codes), "CGTACGGTACGT", "layout {k}");
        assert_eq!(examples.y, [1.0, 1.5, 2.0, 2.5], "layout {k}");
        let other = open(&json!({"files": [{"path": path}], "base_order": "ACTG"})).unwrap();
        assert_eq!(decode(&other.read(&[1]).unwrap().codes), "CTGACT");
        assert!(
            error(&json!({"files": [{"path": path}], "columns": ["a"], "tasks": ["a"]}))
                .contains("[5, 1]")
        );
    }
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(error(&json!({})).contains("`files`"));
    let bad = write(
        &folder,
        "t.txt",
        "ID\tset\tSequence\tDev_log2_enrichment\tHk_log2_enrichment\nx\tother\tACGT\t1\t2\n",
    );
    assert!(error(&json!({"files": [{"path": bad}]})).contains("found `other`"));
    let params = json!({"files": [{"path": bad}], "splits": ["train", "test"]});
    let plugin = degu_core::find::<dyn Dataset>("deepstarr").unwrap();
    assert!(
        plugin
            .resolve_json(&params)
            .err()
            .unwrap()
            .to_string()
            .contains("each of the 1")
    );
    let path = folder.path().join("other.h5");
    let mut file = hdf5_pure::FileBuilder::new();
    file.create_dataset("random")
        .with_f32_data(&one_hot(2, 6, false))
        .with_shape(&[2, 6, 4]);
    file.write(&path).unwrap();
    assert!(error(&json!({"files": [{"path": path}]})).contains("found random"));
}

#[test]
fn the_published_table() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/deepstarr_sample");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let files: Vec<Value> = ["train", "val", "test"]
        .iter()
        .map(|part| json!({"path": folder.join(format!("sample_{part}.txt.gz"))}))
        .collect();
    let data = open(&json!({"files": files, "splits": ["train", "validation", "test"]})).unwrap();
    assert_eq!((data.rows().len(), data.info().length), (3_000, 249));
    let on_x = |row: &degu_core::Row| {
        let chromosome = row.chromosome.as_deref();
        chromosome == Some("chrX") || chromosome == Some("chrXHet")
    };
    assert!(data.rows().iter().all(on_x));
    // The two strands of a region share their labels, and are reverse complements.
    let examples = data.read(&(0..3_000).collect::<Vec<_>>()).unwrap();
    let mut first: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
    let mut pairs = 0;
    for (i, row) in data.rows().iter().enumerate() {
        let Some(j) = first.insert(row.group, i) else {
            continue;
        };
        pairs += 1;
        assert_eq!(examples.y[2 * i..2 * i + 2], examples.y[2 * j..2 * j + 2]);
        // The three samples overlap: a row may stand in two of them.
        let (one, two) = (
            &examples.codes[249 * i..249 * (i + 1)],
            &examples.codes[249 * j..249 * (j + 1)],
        );
        assert!(one == two || one == reverse_complement(two));
    }
    assert_eq!(pairs, 78);
    let own = open(&json!({"files": [{"path": folder.join("sample_test.txt.gz")}]})).unwrap();
    assert!(
        own.rows().iter().all(|row| row.split == Some(Split::Train)),
        "the column says Train"
    );
}

#[test]
fn sequences_of_other_rows_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = write(
        &folder,
        "a.txt",
        "ID\tDev_log2_enrichment\tHk_log2_enrichment\nchr2L_5_8_+_p\t1\t2\nchr2L_9_12_+_p\t3\t4\n",
    );
    let fasta = write(
        &folder,
        "s.fa",
        ">chr2L_9_12_+_p\nACGT\n>chr2L_5_8_+_p\nTTTT\n",
    );
    let params =
        json!({"files": [{"path": table}], "sequences": [{"path": fasta}], "splits": ["train"]});
    let error = error(&params);
    assert!(
        error.contains("line 2") && error.contains("`chr2L_9_12_+_p`"),
        "{error}"
    );
}

#[test]
fn a_table_without_names_has_those_of_its_fasta_file() {
    let folder = tempfile::tempdir().unwrap();
    let table = write(
        &folder,
        "a.txt",
        "Dev_log2_enrichment\tHk_log2_enrichment\n1\t2\n3\t4\n",
    );
    let fasta = write(
        &folder,
        "s.fa",
        ">chr2L_5_8_+_p\nACGA\n>chr2L_5_8_-_p\nTCGT\n",
    );
    let params =
        json!({"files": [{"path": table}], "sequences": [{"path": fasta}], "splits": ["train"]});
    let data = open(&params).unwrap();
    assert_eq!(data.rows()[0].id, "chr2L_5_8_+_p");
    assert_eq!(data.rows()[1].chromosome.as_deref(), Some("chr2L"));
    assert_eq!(data.rows()[0].group, data.rows()[1].group);
}
