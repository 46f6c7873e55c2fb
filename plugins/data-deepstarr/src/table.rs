use std::{collections::BTreeMap, path::PathBuf};

use degu_core::{DatasetInfo, InMemory, OutputKind, Result, Row, Split};
use degu_genome::{
    FastaReader, TableOptions, TableReader, duplicate_ids, strand_groups, table_column,
};

use crate::config::DeepStarr;
use crate::error::{reading, unusable};
use crate::pairing::Pairing;

/// The region of a tile: its `ID` without the strand field, as in
/// `chrX_100_348_-_peak_849bp_region`; `None` if there is none.
///
/// ```
/// let region = degu_data_deepstarr::region_of("chrX_100_348_-_peak_849bp_region");
/// assert_eq!(region.as_deref(), Some("chrX_100_348_peak_849bp_region"));
/// ```
pub fn region_of(id: &str) -> Option<String> {
    let mut fields: Vec<&str> = id.split('_').collect();
    let strand = fields
        .iter()
        .position(|field| *field == "+" || *field == "-")?;
    fields.remove(strand);
    Some(fields.join("_"))
}

/// The chromosome of an `ID`: what stands before two numbers (names of scaffolds hold underscores);
/// `None` if there is none.
///
/// ```
/// assert_eq!(degu_data_deepstarr::chromosome_of("chrUn_DS483562v1_5_253_+_inactive"), Some("chrUn_DS483562v1"));
/// ```
pub fn chromosome_of(id: &str) -> Option<&str> {
    let number = |field: &str| !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit());
    let ends: Vec<usize> = id.match_indices('_').map(|(at, _)| at).collect();
    ends.windows(3)
        .find(|ends| number(&id[ends[0] + 1..ends[1]]) && number(&id[ends[1] + 1..ends[2]]))
        .map(|ends| &id[..ends[0]])
}

pub(crate) fn read(config: &DeepStarr) -> Result<InMemory> {
    let mut data = InMemory::new(DatasetInfo {
        title: format!(
            "DeepSTARR tables {}",
            config.files[0]
                .path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
        ),
        length: 0,
        tasks: config.tasks.clone(),
        unit: "log2 enrichment".to_owned(),
        output: OutputKind::Scalar,
        flanks: Default::default(),
        replicates: 1,
    });
    let tables: Vec<PathBuf> = config.files.iter().map(|file| file.path.clone()).collect();
    data.read_column = Some(Box::new(move |name| {
        let mut values = Vec::new();
        for path in &tables {
            let of_table = table_column(path, &TableOptions::default(), name, None);
            values.extend(of_table.map_err(reading)?);
        }
        Ok(values)
    }));
    let mut ambiguous = 0;
    for part in 0..config.files.len() {
        read_table(config, part, &mut data, &mut ambiguous)?;
    }
    if data.rows.is_empty() {
        return Err(unusable(
            &config.files[0].path,
            None,
            "expected at least one row, found none".to_owned(),
        ));
    }
    group(&mut data);
    if ambiguous > 0 {
        data.notes.push(format!(
            "{ambiguous} ambiguous letters of sequences were read as N"
        ));
    }
    let tasks = config.tasks.len();
    for (t, task) in config.tasks.iter().enumerate() {
        let missing = data.y[t..].iter().step_by(tasks).filter(|v| v.is_nan());
        let missing = missing.count();
        if missing > 0 {
            data.notes
                .push(format!("{missing} rows have no measurement of `{task}`"));
        }
    }
    Ok(data)
}

fn read_table(
    config: &DeepStarr,
    part: usize,
    data: &mut InMemory,
    ambiguous: &mut usize,
) -> Result<()> {
    let path = config.files[part].path.as_path();
    let mut table = TableReader::open(path).map_err(reading)?;
    let names = table.columns().to_vec();
    if part == 0 {
        data.columns.clone_from(&names);
    } else {
        data.columns.retain(|column| names.contains(column));
    }
    let has = |name: &str| names.iter().any(|column| column == name);
    let optional = |name: &str| has(name).then(|| table.column(name)).transpose();
    let set = if config.splits.is_empty() {
        optional("set").map_err(reading)?
    } else {
        None
    };
    let chromosome = optional("seqnames").map_err(reading)?;
    let id = ["ID", "id", "name"].into_iter().find(|name| has(name));
    let targets: Vec<_> = config
        .columns
        .iter()
        .map(|name| table.column(name))
        .collect::<Result<_, _>>()
        .map_err(reading)?;
    let mut fasta = config
        .sequences
        .get(part)
        .map(|file| FastaReader::open(&file.path))
        .transpose()
        .map_err(reading)?;
    let sequence = match fasta {
        Some(_) => None,
        None => Some(table.column("Sequence").map_err(reading)?),
    };
    // A table without names beside a FASTA file has the names of that.
    let id = match (id, &fasta) {
        (Some(name), _) => Some(table.column(name).map_err(reading)?),
        (None, Some(_)) => None,
        (None, None) => Some(table.column_at(0).map_err(reading)?),
    };
    let mut pairing = Pairing::default();
    let first_row = data.rows.len();
    let mut rows = 0;
    while let Some(row) = table.next_row().map_err(reading)? {
        let mut name = match &id {
            Some(column) => row.text(column).map_err(reading)?.to_owned(),
            None => String::new(),
        };
        let before = data.codes.len();
        if let Some(column) = &sequence {
            *ambiguous += row.codes_into(column, &mut data.codes).map_err(reading)?;
        } else if let Some(reader) = &mut fasta {
            let Some(record) = reader.next_record().map_err(reading)? else {
                return Err(unusable(
                    path,
                    format!("line {}, `{name}`", row.line()),
                    format!(
                        "the FASTA file ends after {rows} sequences; expected one for each row of the table"
                    ),
                ));
            };
            *ambiguous += record.ambiguous;
            data.codes.extend_from_slice(&record.codes);
            if id.is_none() {
                name = record.id;
            } else {
                pairing.see(row.line(), &name, &record.id);
            }
        }
        let at = || format!("line {}, `{name}`", row.line());
        let length = data.codes.len() - before;
        let expected = if data.rows.is_empty() {
            length
        } else {
            before / data.rows.len()
        };
        if length == 0 || length != expected {
            return Err(unusable(
                path,
                at(),
                format!(
                    "expected a sequence of {} bp as in the rows before, found {length}",
                    expected.max(1)
                ),
            ));
        }
        for target in &targets {
            let value = row.number(target).map_err(reading)?;
            data.y.push(value.map_or(f32::NAN, |v| v as f32));
        }
        let split = match &set {
            None => config.splits.get(part).copied(),
            Some(column) => {
                let text = row.text(column).map_err(reading)?;
                let split = Split::parse(text).ok_or_else(|| {
                    unusable(
                        path,
                        format!("line {}, column `set`", row.line()),
                        format!("expected Train, Val or Test, found `{text}`"),
                    )
                })?;
                Some(split)
            }
        };
        let chromosome = match &chromosome {
            Some(column) => Some(row.text(column).map_err(reading)?.to_owned()),
            None => chromosome_of(&name).map(str::to_owned),
        };
        data.info.length = length;
        data.rows.push(Row {
            id: name,
            group: 0,
            split,
            chromosome,
            category: None,
        });
        rows += 1;
    }
    let names = data.rows[first_row..].iter().map(|row| row.id.as_str());
    match pairing.verdict(names) {
        None => {}
        Some(Ok(note)) => data.notes.push(note),
        Some(Err((line, problem))) => {
            return Err(unusable(path, format!("line {line}"), problem));
        }
    }
    if let Some(reader) = &mut fasta
        && let Some(record) = reader.next_record().map_err(reading)?
    {
        return Err(unusable(
            &config.sequences[part].path,
            format!("line {}", record.line),
            format!(
                "`{}` is sequence {}, but the table {} has {rows} rows",
                record.id,
                rows + 1,
                path.display()
            ),
        ));
    }
    Ok(())
}

/// Groups by region where all names have a strand, else by sequence; notes rows of one region that
/// disagree.
fn group(data: &mut InMemory) {
    let regions: Option<Vec<String>> = data.rows.iter().map(|row| region_of(&row.id)).collect();
    let sequences: Vec<&[u8]> = data.codes.chunks_exact(data.info.length).collect();
    let strands = strand_groups(&sequences);
    match regions {
        None => {
            data.notes.push(
                "names without a strand field: rows are grouped by sequence on either strand"
                    .to_owned(),
            );
            for (row, group) in data.rows.iter_mut().zip(strands) {
                row.group = u64::from(group);
            }
        }
        Some(regions) => {
            let mut number: BTreeMap<String, u64> = BTreeMap::new();
            for (row, region) in data.rows.iter_mut().zip(regions) {
                let next = number.len() as u64;
                row.group = *number.entry(region).or_insert(next);
            }
            let pairs = data.rows.len() - number.len();
            data.notes.push(format!(
                "{} regions, {pairs} rows are the other strand of one before",
                number.len()
            ));
        }
    }
    let ids: Vec<&str> = data.rows.iter().map(|row| row.id.as_str()).collect();
    let repeated = duplicate_ids(&ids);
    if let Some((first, _)) = repeated.first_key_value() {
        let note = format!(
            "{} names occur more than once, `{first}` among them",
            repeated.len()
        );
        data.notes.push(note);
    }
}
