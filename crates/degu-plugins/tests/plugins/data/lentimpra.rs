//! Small tables and archives with known contents, and the real tables where they are present.

use std::io::Write as _;
use std::path::Path;

use degu_contract::testing;
use degu_core::{Dataset, Result, Split};
use degu_genome::{decode, encode, replicate_agreement, reverse_complement};
use serde_json::{Value, json};

use super::{params, shared, write};

fn open(params: &Value) -> Result<Box<dyn Dataset>> {
    testing::dataset("lentimpra", params)
}

fn error(params: &Value) -> String {
    testing::message(&open(params).err().unwrap())
}

const TABLE: &str = "name\tsequence\tr1\tr2\tn1\tn2\tkind\n\
    a_F\tacgtTGCAAG\t1.0\t3.0\t12.0\t8\tenhancer\n\
    a_Reversed:\tCTTGCAACGU\t2.0\tNA\t5\t\tenhancer\n\
    b\tACGRNACGAC\t\t\t0\t0\tpromoter\n\
    c\tTTTTTACGAC\t4.0\t-1\t3\t40\tpromoter\n";

#[test]
fn replicates_barcodes_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(TABLE.as_bytes()).unwrap();
    let path = write(&folder, "library.anything", gz.finish().unwrap());
    let all = json!({
        "tasks": ["K562"], "replicates": ["r1", "r2"], "barcodes": ["n1", "n2"], "min_barcodes": 4,
        "weight_by_barcodes": true, "category": "kind",
        "left_adapter": "AGG", "right_adapter": "tt"
    });
    let data = open(&params(&path, all)).unwrap();
    let info = data.info();
    assert_eq!((info.length, info.replicates), (15, 2));
    assert_eq!(info.tasks, ["K562"]);
    let rows = data.rows();
    assert_eq!(rows[0].group, rows[1].group, "two orientations");
    assert_ne!(rows[0].group, rows[2].group);
    assert_eq!(rows[3].category.as_deref(), Some("promoter"));
    let examples = data.read(&[3, 0, 1, 2]).unwrap();
    assert_eq!(decode(&examples.codes[15..30]), "AGGACGTTGCAAGTT");
    assert_eq!(decode(&examples.codes[45..]), "AGGACGNNACGACTT");
    assert_eq!(examples.y[..3], [-1.0, 2.0, 2.0], "3 barcodes are too few");
    assert!(examples.y[3].is_nan());
    let std = examples.replicate_std.unwrap();
    assert!((std[1] - 2f32.sqrt()).abs() < 1e-6);
    assert!(std[0].is_nan() && std[2].is_nan() && std[3].is_nan());
    // 40, 20, 5 and 0 barcodes: mean 16.25.
    let weight = examples.weight.unwrap();
    assert!((weight[0] - 40.0 / 16.25).abs() < 1e-6 && weight[3].abs() < 1e-9);
    assert_eq!(
        data.column("kind").unwrap().unwrap(),
        ["enhancer", "enhancer", "promoter", "promoter"]
    );
    assert!(data.columns().contains(&"n1".to_owned()));
    assert!(data.column("nothing").unwrap().is_none());
    let notes = data.notes().join("\n");
    for expected in [
        "1 ambiguous letters",
        "1 measurements with fewer than 4 barcodes",
        "1 rows have no measurement of `K562`",
        "2 rows have one replicate",
        "1 pairs of names are the two orientations",
    ] {
        assert!(notes.contains(expected), "{expected}: {notes}");
    }
    assert!(data.read(&[4]).is_err());
}

#[test]
fn adaptors_are_added_kept_or_stripped() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        &folder,
        "t.csv",
        b"name,sequence,K562\nx,AGGACGTACTT,1\ny,AGGCCGTACTT,2\n",
    );
    let with = |adapters: &str| {
        params(
            &path,
            json!({"tasks": ["K562"], "left_adapter": "AGG", "right_adapter": "TT", "adapters": adapters}),
        )
    };
    assert_eq!(open(&with("keep")).unwrap().info().length, 11);
    let stripped = open(&with("strip")).unwrap();
    assert_eq!(decode(&stripped.read(&[1]).unwrap().codes), "CCGTAC");
    let message = error(&with("add"));
    assert!(
        message.contains("line 2") && message.contains("keep"),
        "{message}"
    );
    let wrong = params(
        &path,
        json!({"tasks": ["K562"], "left_adapter": "CCC", "adapters": "keep"}),
    );
    assert!(
        error(&wrong).contains("found `AGGACGTACTT`"),
        "{}",
        error(&wrong)
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let case = |text: &[u8], more: Value, expected: &[&str]| {
        let path = write(&folder, "t.tsv", text);
        let message = error(&params(&path, more));
        for part in expected {
            assert!(message.contains(part), "{part}: {message}");
        }
    };
    let k562 = || json!({"tasks": ["K562"]});
    case(
        b"name\tsequence\tK562\na\tACGT\t1\nb\tACG\t1\n",
        k562(),
        &["row 1", "line 3", "expected 4 bp", "found 3"],
    );
    case(
        b"name\tsequence\tK562\na\tACGT\tinf\n",
        k562(),
        &["t.tsv:2", "K562", "inf"],
    );
    case(
        b"name\tsequence\tK562\na\tACGT\tx\n",
        k562(),
        &["t.tsv:2", "K562"],
    );
    case(
        b"name\tsequence\tK562\na\tAC-T\t1\n",
        k562(),
        &["t.tsv:2", "sequence", "`-`"],
    );
    case(
        b"name\tsequence\tK562\na\t\t1\n",
        k562(),
        &["line 2", "blank"],
    );
    case(
        b"name\tsequence\tK562\na\tACGT\n",
        k562(),
        &["t.tsv:2", "3 fields", "found 2"],
    );
    case(
        b"name\tsequence\tK562\n\xFFa\tACGT\t1\n",
        k562(),
        &["t.tsv:2", "UTF-8"],
    );
    case(b"name\tsequence\tK562\n", k562(), &["at least one row"]);
    case(
        b"name\tseq\tK562\na\tACGT\t1\n",
        k562(),
        &["no column `sequence`", "`seq`"],
    );
    case(
        b"name\tsequence\tK562\na\tACGT\t1\n",
        json!({}),
        &["tasks", "K562"],
    );
    case(
        b"name\tsequence\tr\ts\tn\tm\na\tACGT\t1\t1\t-2\t1\n",
        json!({"replicates": ["r", "s"], "barcodes": ["n", "m"]}),
        &["t.tsv:2", "`n`", "-2"],
    );
    let path = folder.path().join("absent.tsv");
    assert!(error(&params(&path, k562())).contains("absent.tsv"));
    for (bad, expected) in [
        (
            json!({"tasks": ["a", "b"], "replicates": ["c", "d"]}),
            "one task",
        ),
        (json!({"replicates": ["c"]}), "at least 2"),
        (
            json!({"tasks": ["a"], "barcodes": ["n", "m"]}),
            "each of the 1",
        ),
        (json!({"tasks": ["a", "a"]}), "twice"),
        (json!({"min_barcodes": 3}), "barcodes"),
        (json!({"adapters": "strip"}), "left_adapter"),
        (json!({"left_adapter": "AXG"}), "found `X`"),
    ] {
        let message = error(&params(&path, bad));
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

fn archive(path: &Path, columns: usize, first: bool) {
    let mut file = hdf5_pure::FileBuilder::new();
    for (g, (group, n)) in [("Test", 2usize), ("Train", 3), ("Val", 2)]
        .iter()
        .enumerate()
    {
        let length = 6;
        let mut x = vec![0f64; n * length * 4];
        for i in 0..*n {
            for p in 0..length {
                let base = (i + p + g) % 4;
                let at = if first {
                    (i * 4 + base) * length + p
                } else {
                    (i * length + p) * 4 + base
                };
                x[at] = 1.0;
            }
        }
        let y: Vec<f64> = (0..n * columns)
            .map(|v| v as f64 + 10.0 * g as f64)
            .collect();
        let mut builder = file.create_group(group);
        let shape = if first {
            [*n as u64, 4, 6]
        } else {
            [*n as u64, 6, 4]
        };
        builder
            .create_dataset("X")
            .with_f64_data(&x)
            .with_shape(&shape);
        let shape: Vec<u64> = if columns == 0 {
            vec![*n as u64]
        } else {
            vec![*n as u64, columns as u64]
        };
        builder
            .create_dataset("y")
            .with_f64_data(&y)
            .with_shape(&shape);
        file.add_group(builder.finish());
    }
    file.write(path).unwrap();
}

/// Writes an archive with flat names: `x_train` `[N, L, 4]` of one repeated base, and `y_train` of
/// the given shape.
fn flat(path: &Path, y: &[(&str, Vec<u64>, Vec<f64>)]) {
    let mut file = hdf5_pure::FileBuilder::new();
    for (part, shape, values) in y {
        let n = if shape.len() == 2 { shape[1] } else { shape[0] } as usize;
        let mut x = vec![0f64; n * 6 * 4];
        for (i, one_hot) in x.chunks_exact_mut(4).enumerate() {
            one_hot[(i / 6 + i % 6) % 4] = 1.0;
        }
        file.create_dataset(&format!("x_{part}"))
            .with_f64_data(&x)
            .with_shape(&[n as u64, 6, 4]);
        file.create_dataset(&format!("y_{part}"))
            .with_f64_data(values)
            .with_shape(shape);
    }
    file.write(path).unwrap();
}

#[test]
fn flat_archives_and_labels_by_task() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flat.h5");
    let part = |name: &'static str, n: u64| {
        let values: Vec<f64> = (0..2 * n).map(|v| v as f64).collect();
        (name, vec![2, n], values)
    };
    // Two rows and two columns: the other parts tell which axis is which.
    flat(
        &path,
        &[part("train", 5), part("valid", 2), part("test", 3)],
    );
    let data = open(&params(&path, json!({}))).unwrap();
    assert_eq!(data.rows().len(), 10);
    assert_eq!(data.rows()[5].split, Some(Split::Validation));
    let examples = data.read(&[1, 6, 9]).unwrap();
    assert_eq!(examples.y, [1.0, 1.0, 2.0]);
    assert_eq!(examples.replicate_std.unwrap(), [6.0, 3.0, 5.0]);

    flat(
        &path,
        &[("train", vec![2, 3], vec![1.0, 2.0, 3.0, 0.1, -0.2, 0.3])],
    );
    let error = error(&params(&path, json!({})));
    assert!(
        error.contains("row 1, column 1") && error.contains("`deepstarr`"),
        "{error}"
    );
}

#[test]
fn archives_with_one_two_and_four_columns() {
    let folder = tempfile::tempdir().unwrap();
    for (columns, first) in [(1, false), (2, true), (4, false)] {
        let path = folder.path().join(format!("{columns}.data"));
        archive(&path, columns, first);
        let data = open(&params(&path, json!({}))).unwrap();
        let splits: Vec<_> = data.rows().iter().map(|row| row.split.unwrap()).collect();
        assert_eq!(
            splits[..4],
            [Split::Train, Split::Train, Split::Train, Split::Validation]
        );
        assert_eq!(splits.len(), 7);
        let examples = data.read(&[1, 5]).unwrap();
        // Group 1 is Train, group 0 Test: base (i + p + g) mod 4.
        assert_eq!(decode(&examples.codes), "GTACGTACGTAC");
        let c = columns as f32;
        assert_eq!(examples.y, [10.0 + c, 0.0]);
        assert_eq!(data.info().replicates, if columns > 1 { 2 } else { 1 });
        if columns > 1 {
            assert_eq!(examples.replicate_std.unwrap(), [11.0 + c, 1.0]);
        }
        assert_eq!(data.notes().is_empty(), columns < 4);
    }
    let path = folder.path().join("5.h5");
    archive(&path, 5, false);
    assert!(error(&params(&path, json!({}))).contains("found [3, 5]"));
    let message = error(&params(&path, json!({"replicates": ["a", "b"]})));
    assert!(message.contains("one task"), "{message}");
}

#[test]
fn the_joint_library() {
    let Some(path) = shared("agarwal_joint.tsv.gz") else {
        return;
    };
    let data = open(&params(
        &path,
        json!({
            "tasks": ["HepG2", "K562", "WTC11"], "category": "category",
            "left_adapter": "AGGACCGGATCAACT", "right_adapter": "CATTGCGTGAACCGA"
        }),
    ))
    .unwrap();
    assert_eq!(data.rows().len(), 56_975);
    assert_eq!(data.info().length, 230);
    let mut counts = std::collections::BTreeMap::new();
    for split in data.column("split").unwrap().unwrap() {
        *counts.entry(Split::parse(&split).unwrap()).or_insert(0) += 1;
    }
    assert_eq!(
        counts.into_values().collect::<Vec<_>>(),
        [45_695, 5_564, 5_716]
    );
    let promoters = data
        .rows()
        .iter()
        .filter(|row| row.category.as_deref() == Some("promoter"));
    assert_eq!(promoters.count(), 2_311);
    let examples = data.read(&[0]).unwrap();
    assert_eq!(examples.y, [-1.018, -1.018, -1.254]);
    assert_eq!(
        examples.codes[..15],
        encode(b"AGGACCGGATCAACT").unwrap().codes
    );
    // Both orientations of an element are one group, which lies within one cluster.
    let clusters = data.column("cluster").unwrap().unwrap();
    let mut cluster_of = std::collections::BTreeMap::new();
    for (row, cluster) in data.rows().iter().zip(&clusters) {
        assert_eq!(cluster_of.entry(row.group).or_insert(cluster), &cluster);
    }
}

#[test]
fn three_replicates_of_the_workshop_table() {
    let Some(path) = shared("igvf_workshop_hepg2.tsv.gz") else {
        return;
    };
    let data = open(&params(
        &path,
        json!({
            "replicates": ["rep1", "rep2", "rep3"], "barcodes": ["n_bc_1", "n_bc_2", "n_bc_3"],
            "name": "oligo_name", "adapters": "strip",
            "left_adapter": "AGGACCGGATCAACT", "right_adapter": "CATTGCGTGAACCGA"
        }),
    ))
    .unwrap();
    assert_eq!((data.rows().len(), data.info().length), (2_046, 200));
    let all: Vec<usize> = (0..2_046).collect();
    let examples = data.read(&all).unwrap();
    let replicates: Vec<Vec<f64>> = ["rep1", "rep2", "rep3"]
        .iter()
        .map(|name| {
            let column = data.column(name).unwrap().unwrap();
            column
                .iter()
                .map(|v| v.parse().unwrap_or(f64::NAN))
                .collect()
        })
        .collect();
    let agreement = replicate_agreement(&replicates);
    let mean = agreement.iter().map(|pair| pair.pearson).sum::<f64>() / 3.0;
    assert!((mean - 0.51).abs() < 0.03, "{mean}");
    let row: Vec<f64> = replicates.iter().map(|r| r[0]).collect();
    assert!((f64::from(examples.y[0]) - row.iter().sum::<f64>() / 3.0).abs() < 1e-6);
    let first = &examples.codes[..200];
    assert_eq!(reverse_complement(&reverse_complement(first)), first);
}
