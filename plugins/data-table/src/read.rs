//! From files to rows.

use std::collections::BTreeMap;

use degu_core::{DatasetInfo, InMemory, OutputKind, Result, Row, Split};
use degu_genome::{
    Column, TableOptions, TableReader, TaskColumns, duplicate_ids, strand_groups, table_column,
};

use crate::config::Table;
use crate::error::{reading, unusable};
use crate::sequences::{by_name, fit};

/// The columns that say what a row is.
struct Columns {
    id: Column,
    sequence: Option<Column>,
    tasks: Vec<TaskColumns>,
    weight: Option<Column>,
    chromosome: Option<Column>,
    category: Option<Column>,
    group: Option<Column>,
    split: Option<Column>,
}

impl Columns {
    fn find(config: &Table, table: &TableReader) -> Result<Self, degu_genome::GenomeError> {
        let optional = |name: &Option<String>| name.as_ref().map(|n| table.column(n)).transpose();
        Ok(Self {
            id: match &config.id {
                Some(name) => table.column(name)?,
                None => table.column_at(0)?,
            },
            sequence: match config.fasta {
                Some(_) => None,
                None => Some(table.column(&config.sequence)?),
            },
            tasks: config
                .tasks
                .iter()
                .map(|task| {
                    let barcodes = config.barcodes.get(task).map_or(&[][..], Vec::as_slice);
                    TaskColumns::find(table, &config.measurements(task), barcodes)
                })
                .collect::<Result<_, _>>()?,
            weight: optional(&config.weight)?,
            chromosome: optional(&config.chromosome)?,
            category: optional(&config.category)?,
            group: optional(&config.group)?,
            split: optional(&config.split)?,
        })
    }
}

pub(crate) fn read(config: &Table) -> Result<InMemory> {
    let path = config.file.path.as_path();
    let options = TableOptions {
        skip_lines: config.skip_lines,
        ..TableOptions::default()
    };
    let mut table = TableReader::open_with(path, &options).map_err(reading)?;
    let columns = Columns::find(config, &table).map_err(reading)?;
    let fasta = config
        .fasta
        .as_ref()
        .map(|f| by_name(&f.path))
        .transpose()?;
    let mut data = InMemory::new(DatasetInfo {
        title: format!(
            "table {}",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        length: 0,
        tasks: config.tasks.clone(),
        unit: config.unit.clone(),
        output: OutputKind::Scalar,
        flanks: Default::default(),
        replicates: config.replicates.values().map(Vec::len).max().unwrap_or(1),
    });
    data.replicate_std = (!config.replicates.is_empty()).then(Vec::new);
    data.weight = columns.weight.as_ref().map(|_| Vec::new());
    data.barcodes = (!config.barcodes.is_empty()).then(Vec::new);
    data.columns = table.columns().to_vec();
    // Lines of the rows in use, ascending.
    let mut lines: Vec<u64> = Vec::new();
    let mut sequences: Vec<Vec<u8>> = Vec::new();
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    let mut ambiguous = fasta.as_ref().map_or(0, |(_, ambiguous)| *ambiguous);
    let mut set_aside = 0;
    let mut unmatched: Vec<String> = Vec::new();
    while let Some(row) = table.next_row().map_err(reading)? {
        let id = row.text(&columns.id).map_err(reading)?.to_owned();
        let sequence = match (&columns.sequence, &fasta) {
            (Some(column), _) => {
                let encoded = row.codes(column).map_err(reading)?;
                ambiguous += encoded.ambiguous;
                encoded.codes
            }
            (None, Some((known, _))) => {
                let Some(codes) = known.get(&id) else {
                    unmatched.push(id);
                    continue;
                };
                codes.clone()
            }
            (None, None) => Vec::new(),
        };
        if sequence.is_empty() {
            return Err(unusable(
                path,
                format!("line {}", row.line()),
                format!("the sequence of `{id}` is blank"),
            ));
        }
        for task in &columns.tasks {
            let measured = task.read(&row, config.min_barcodes).map_err(reading)?;
            data.y.push(measured.mean as f32);
            if let Some(std) = &mut data.replicate_std {
                std.push(measured.std as f32);
            }
            if let Some(barcodes) = &mut data.barcodes {
                barcodes.push(measured.barcodes as f32);
            }
            set_aside += measured.set_aside;
        }
        if let (Some(weights), Some(column)) = (&mut data.weight, &columns.weight) {
            let weight = row.required_number(column).map_err(reading)?;
            if weight < 0.0 {
                return Err(unusable(
                    path,
                    format!("line {}, column `{}`", row.line(), column.name()),
                    format!("expected a weight of at least 0, found {weight}"),
                ));
            }
            weights.push(weight as f32);
        }
        let text = |column: &Option<Column>| -> Result<Option<String>> {
            let text = column.as_ref().map(|c| row.text(c)).transpose();
            Ok(text.map_err(reading)?.map(str::to_owned))
        };
        let group = text(&columns.group)?.map_or(0, |name| {
            let next = groups.len() as u64;
            *groups.entry(name).or_insert(next)
        });
        let split = match text(&columns.split)?.filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(Split::parse(&name).ok_or_else(|| {
                unusable(
                    path,
                    format!("line {}, part of the row", row.line()),
                    format!(
                        "expected train, validation, calibration, test or a blank cell, found `{name}`"
                    ),
                )
            })?),
        };
        data.rows.push(Row {
            id,
            group,
            split,
            chromosome: text(&columns.chromosome)?,
            category: text(&columns.category)?,
        });
        lines.push(row.line());
        sequences.push(sequence);
    }
    if data.rows.is_empty() {
        let problem = match unmatched.first() {
            None => "expected at least one row, found none".to_owned(),
            Some(id) => format!(
                "none of the {} rows has a sequence in the FASTA file, as in `{id}`; is `id` the right column?",
                unmatched.len()
            ),
        };
        return Err(unusable(path, None, problem));
    }
    let (codes, length, [padded, cropped]) =
        fit(&sequences, config.length, config.fit, |row, problem| {
            unusable(path, format!("row {row}, line {}", lines[row]), problem)
        })?;
    data.codes = codes;
    data.info.length = length;
    if columns.group.is_none() {
        for (row, group) in data.rows.iter_mut().zip(strand_groups(&sequences)) {
            row.group = u64::from(group);
        }
    }
    let count = |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}"));
    let mut notes: Vec<String> = [
        count(ambiguous, "ambiguous letters of sequences were read as N"),
        count(
            padded,
            &format!("sequences were padded to {length} bp with N"),
        ),
        count(
            cropped,
            &format!("sequences were cropped to {length} bp around their middle"),
        ),
        count(
            set_aside,
            &format!(
                "measurements with fewer than {} barcodes count as missing",
                config.min_barcodes
            ),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(id) = unmatched.first() {
        notes.push(format!(
            "{} rows have no sequence in the FASTA file and were left out, `{id}` among them",
            unmatched.len()
        ));
    }
    if let Some((known, _)) = &fasta {
        let used = data.rows.iter().map(|row| row.id.as_str());
        let used: std::collections::BTreeSet<&str> = used.collect();
        notes.extend(count(
            known.len() - used.len(),
            "sequences of the FASTA file have no row in the table",
        ));
    }
    let tasks = config.tasks.len();
    for (t, task) in config.tasks.iter().enumerate() {
        let missing = |v: &[f32]| v[t..].iter().step_by(tasks).filter(|v| v.is_nan()).count();
        let without = missing(&data.y);
        notes.extend(count(
            without,
            &format!("rows have no measurement of `{task}`"),
        ));
        if let Some(std) = &data.replicate_std
            && config.replicates.contains_key(task)
        {
            let single = missing(std) - without;
            notes.extend(count(
                single,
                &format!("rows have one replicate of `{task}`: a mean, no spread"),
            ));
        }
    }
    let ids: Vec<&str> = data.rows.iter().map(|row| row.id.as_str()).collect();
    let repeated = duplicate_ids(&ids);
    if let Some((first, _)) = repeated.first_key_value() {
        notes.push(format!(
            "{} names occur more than once, `{first}` among them",
            repeated.len()
        ));
    }
    data.notes = notes;
    let source = path.to_path_buf();
    data.read_column = Some(Box::new(move |name| {
        table_column(&source, &options, name, Some(&lines)).map_err(reading)
    }));
    Ok(data)
}
