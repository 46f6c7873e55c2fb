//! Inspections of small files with known contents, and of the real ones where they are present.

#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "helpers of tests"
)]

use std::path::{Path, PathBuf};

use degu_apply::data::inspect::{inspect, inspect_file};
use degu_core::{Dataset, DatasetInfo, Examples, OutputKind, Result, Row, Split};

fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_table_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "id,kind,oligo,K562_rep1,K562_rep2,n_bc,part\n".to_owned();
    for i in 0..40u32 {
        // Rows come in pairs of equal sequences; the second of a pair may be in another part.
        let mut state = i / 2 + 1;
        let sequence: String = (0..20)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b"ACGT"[(state >> 30) as usize])
            })
            .collect();
        let kind = if i % 4 == 0 { "promoter" } else { "enhancer" };
        let part = ["train", "val", "test", "train"][(i % 4) as usize];
        let second = if i == 3 {
            "NA".to_owned()
        } else {
            format!("{}", f64::from(i) * 0.5 + 0.25)
        };
        text.push_str(&format!(
            "e{i},{kind},{sequence},{},{second},{i},{part}\n",
            f64::from(i) + 0.5
        ));
    }
    let inspection = inspect_file(&write(&folder, "t.csv", &text)).unwrap();
    assert_eq!(inspection.rows, 40);
    assert_eq!(inspection.lengths, [(20, 40)].into());
    let names: Vec<&str> = inspection.targets.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["K562_rep1", "K562_rep2"], "counts are no targets");
    assert!((inspection.targets[0].mean.unwrap() - 20.0).abs() < 1e-6);
    assert_eq!(
        (
            inspection.targets[1].measured,
            inspection.targets[1].missing
        ),
        (39, 1)
    );
    assert_eq!(inspection.targets[0].histogram.iter().sum::<usize>(), 40);
    assert_eq!(inspection.replicates.len(), 1);
    assert_eq!(inspection.replicates[0].rows, 39);
    assert!((inspection.replicates[0].pearson.unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(inspection.categories["enhancer"], 30);
    assert_eq!(inspection.splits["train"], 20);
    assert_eq!(inspection.leakage.len(), 3);
    assert!(inspection.exact_duplicates > 0 && inspection.leakage[0].exact > 0);
    assert!(inspection.leakage[0].groups > 0);
    let rendered = inspection.to_string();
    for expected in [
        "`oligo` is the sequence",
        "`kind` is the category",
        "20 bp x 40",
        "r 1.000 over 39 rows",
        "part        train: 20",
    ] {
        assert!(rendered.contains(expected), "{expected}\n{rendered}");
    }
    let json = serde_json::to_string(&inspection).unwrap();
    let back: degu_apply::data::inspect::Inspection = serde_json::from_str(&json).unwrap();
    assert_eq!(back, inspection);
}

/// A bad cell does not change what its column is taken for: it is named with line and column.
#[test]
fn a_bad_cell_is_named_with_its_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let row = |i: usize| [format!("e{i}"), "ACGTACGTAC".to_owned(), format!("{i}.5")];
    let inspected = |bad: usize, column: usize, cell: &str| {
        let rows: Vec<String> = (0..20)
            .map(|i| {
                let mut row = row(i);
                if i == bad {
                    row[column] = cell.to_owned();
                }
                row.join("\t")
            })
            .collect();
        let text = format!("name\tsequence\tA\n{}\n", rows.join("\n"));
        inspect_file(&write(&folder, "t.tsv", &text))
    };
    for (column, cell, named) in [
        (1, "ACGTACGTAE", "t.tsv:6, `sequence`"),
        (1, "ACGT ACGTA", "t.tsv:6, `sequence`"),
        (2, "1,5", "t.tsv:6, `A`"),
        (2, "inf", "t.tsv:6, `A`"),
    ] {
        let error = inspected(4, column, cell).unwrap_err().to_string();
        assert!(error.contains(named), "{cell}: {error}");
    }
    let repeated = inspected(4, 0, "e3").unwrap();
    assert_eq!(repeated.duplicate_ids, 1, "still the column of names");
    let header = inspect_file(&write(&folder, "h.tsv", "name\tsequence\tA\n"));
    let error = header.unwrap_err().to_string();
    assert!(error.contains("expected at least one row"), "{error}");
}

#[test]
fn fasta_and_files_without_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let inspection =
        inspect_file(&write(&folder, "s.fa", "\n>a\nACGTN\n>b\nNACGT\n>a\nGG\n")).unwrap();
    assert_eq!(
        (
            inspection.rows,
            inspection.with_n,
            inspection.reverse_complements
        ),
        (3, 2, 1)
    );
    assert_eq!(inspection.duplicate_ids, 1);
    assert!(inspection.targets.is_empty());
    let error = inspect_file(&write(&folder, "n.tsv", "a\tb\n1\t2\n"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("found the columns a, b"), "{error}");
    assert!(inspect_file(&folder.path().join("absent")).is_err());
    let empty = inspect_file(&write(&folder, "e.tsv", ""));
    assert!(empty.is_err());
}

/// Twelve rows with spread 0.1 between three replicates.
struct Toy(DatasetInfo, Vec<Row>);

impl Dataset for Toy {
    fn info(&self) -> &DatasetInfo {
        &self.0
    }
    fn rows(&self) -> &[Row] {
        &self.1
    }
    fn read(&self, index: &[usize]) -> Result<Examples> {
        Ok(Examples {
            codes: index
                .iter()
                .flat_map(|i| [*i as u8 % 4, 1, 2, (*i as u8 / 4) % 4])
                .collect(),
            y: index
                .iter()
                .map(|i| if *i == 5 { f32::NAN } else { *i as f32 })
                .collect(),
            replicate_std: Some(
                index
                    .iter()
                    .map(|i| if *i == 4 { f32::NAN } else { 0.1 })
                    .collect(),
            ),
            weight: None,
        })
    }
}

#[test]
fn a_dataset_with_replicates() {
    let info = DatasetInfo {
        title: "toy".into(),
        length: 4,
        tasks: vec!["y".into()],
        unit: String::new(),
        output: OutputKind::Scalar,
        flanks: Default::default(),
        replicates: 3,
    };
    let rows = (0..12)
        .map(|i| Row {
            id: i.to_string(),
            group: i / 6,
            split: Some(if i < 9 { Split::Train } else { Split::Test }),
            chromosome: None,
            category: None,
        })
        .collect();
    let inspection = inspect(&Toy(info, rows)).unwrap();
    let target = &inspection.targets[0];
    assert_eq!(
        (target.measured, target.missing, target.with_replicates),
        (11, 1, 10)
    );
    assert!((target.replicate_std.unwrap() - 0.1).abs() < 1e-6);
    let r = target.replicate_correlation.unwrap();
    assert!((0.999..1.0).contains(&r), "{r}");
    assert_eq!(inspection.leakage[0].groups, 1, "group 1 is in both parts");
    assert!(inspection.to_string().contains("implied correlation"));
}

#[test]
fn real_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let igvf = inspect_file(&folder.join("igvf_workshop_hepg2.tsv.gz")).unwrap();
    assert_eq!(
        (igvf.rows, igvf.targets.len(), igvf.replicates.len()),
        (2_046, 3, 3)
    );
    let r = igvf
        .replicates
        .iter()
        .map(|pair| pair.pearson.unwrap())
        .sum::<f64>()
        / 3.0;
    assert!((r - 0.51).abs() < 0.03, "{r}");
    let deepstarr = inspect_file(&folder.join("deepstarr_sample/sample_val.txt.gz")).unwrap();
    assert_eq!(deepstarr.lengths, [(249, 1_000)].into());
    assert_eq!(deepstarr.targets.len(), 2);
    assert_eq!(deepstarr.splits["train"], 1_000);
    println!("{igvf}\n{deepstarr}");
}
