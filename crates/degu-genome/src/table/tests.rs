//! Layouts of tables, and what is said of broken ones.

use super::*;

fn table(text: &str) -> TableReader {
    TableReader::from_reader(
        "t.tsv",
        std::io::Cursor::new(text.as_bytes().to_vec()),
        &TableOptions::default(),
    )
    .unwrap()
}

#[test]
fn errors_name_file_line_and_column() {
    let mut t = table("name\tsequence\tK562\r\n\r\na\tACGT\t1\r\nb\tAC-T\tinf\r\n");
    let sequence = t.column("sequence").unwrap();
    let activity = t.column("K562").unwrap();
    assert_eq!(
        t.next_row().unwrap().unwrap().line(),
        3,
        "a blank line counts"
    );
    let row = t.next_row().unwrap().unwrap();
    assert_eq!(
        row.codes(&sequence).unwrap_err().to_string(),
        "t.tsv:4, `sequence`: expected a nucleotide letter (A, C, G, T, U, N or an IUPAC code), \
         found `-` at position 2 of the sequence (counted from 0)"
    );
    assert_eq!(
        row.number(&activity).unwrap_err().to_string(),
        "t.tsv:4, `K562`: expected a finite number (leave the cell blank or write NA if it is missing), found `inf`"
    );
    assert!(row.integer::<u32>(&activity).is_err());
    let message = t.column("K526").unwrap_err().to_string();
    assert_eq!(
        message,
        "t.tsv: no column `K526` (did you mean `K562`?); found `name`, `sequence`, `K562`"
    );
}

#[test]
fn ragged_rows_and_repeated_columns() {
    let mut t = table("a\tb\ta\n1\t2\t3\n1\t2\n");
    assert!(matches!(
        t.column("a"),
        Err(GenomeError::AmbiguousColumn { count: 2, .. })
    ));
    assert!(t.next_row().unwrap().is_some());
    let error = t.next_row().err().unwrap();
    assert_eq!(
        error.to_string(),
        "t.tsv:3: expected 3 fields as in the header, found 2"
    );
}

#[test]
fn quoted_fields_may_hold_anything() {
    let mut t = table("name,\"value, log2\"\n\"a \"\"b\"\"\",\"1\"\n\"two\nlines\",2\nlast,3\n");
    let name = t.column("name").unwrap();
    let value = t.column("value, log2").unwrap();
    let mut rows = Vec::new();
    while let Some(row) = t.next_row().unwrap() {
        let text = row.text(&name).unwrap().to_owned();
        rows.push((row.line(), text, row.required_number(&value).unwrap()));
    }
    assert_eq!(
        rows,
        [
            (2, "a \"b\"".to_owned(), 1.0),
            (3, "two\nlines".to_owned(), 2.0),
            (5, "last".to_owned(), 3.0)
        ]
    );
    let mut open = table("a,b\n\"never closed,1\n");
    assert!(open.next_row().is_err());
}

#[test]
fn tables_without_header_and_with_leading_lines() {
    let options = TableOptions {
        skip_lines: 2,
        columns: Some(vec!["chromosome".into(), "position".into()]),
        ..TableOptions::default()
    };
    let mut t = TableReader::from_reader(
        "c.tsv",
        std::io::Cursor::new(b"title\nmore\n1\t155271119\n".to_vec()),
        &options,
    )
    .unwrap();
    let position = t.column("position").unwrap();
    let row = t.next_row().unwrap().unwrap();
    assert_eq!(row.integer::<u64>(&position).unwrap(), 155_271_119);
    assert_eq!(row.line(), 3);
    assert!(t.next_row().unwrap().is_none());
    assert!(TableReader::from_reader("e", std::io::empty(), &TableOptions::default()).is_err());
}
