//! A supplement with a title above its header, made by `tests/data/make_fixtures.py`.

use degu_genome::{GenomeError, Sheet, sheet_names};

use crate::fixture;

#[test]
fn the_header_is_found_by_content() {
    let path = fixture("supplement.xlsx");
    assert_eq!(sheet_names(&path).unwrap(), ["K562", "HepG2"]);
    let table = Sheet::open(&path, "K562")
        .unwrap()
        .table(&["name", "Replicate 1", "sequence"])
        .unwrap();
    assert_eq!(table.columns[1], "replicate 1 [log2(rna/dna)]");
    let rows: Vec<u64> = table.rows.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [4, 5, 7], "rows of the sheet, the blank one left out");
    let name = table.column("name").unwrap();
    assert_eq!(table.rows[2].1[name], "seq3_F");
    let first = table.column("replicate 1").unwrap();
    let second = table.column("replicate 2 [log2(rna/dna)]").unwrap();
    assert_eq!(
        table.number(0, second).unwrap(),
        Some(0.75),
        "a number stored as text"
    );
    assert_eq!(table.number(1, first).unwrap(), None, "a blank cell");
    assert_eq!(
        table.rows[2].1[first], "1",
        "a whole number has no decimal point"
    );
    let error = table.number(2, name).unwrap_err().to_string();
    assert!(
        error.contains("supplement.xlsx:7, `K562: name`: expected a number"),
        "{error}"
    );
}

#[test]
fn missing_sheets_and_columns_are_named() {
    let path = fixture("supplement.xlsx");
    let error = Sheet::open(&path, "K526").unwrap_err().to_string();
    assert!(
        error.contains("no sheet `K526` (did you mean `K562`?)"),
        "{error}"
    );
    let sheet = Sheet::open(&path, "K562").unwrap();
    let error = sheet.table(&["name", "sequense"]).unwrap_err();
    assert!(
        matches!(&error, GenomeError::MissingColumn { column, nearest: Some(near), .. }
            if column == "sequense" && near == "sequence"),
        "{error}"
    );
    // `replicate` alone starts two cells: not a name.
    assert!(sheet.table(&["replicate"]).is_err());
    assert!(sheet_names(fixture("layouts.h5")).is_err());
}
