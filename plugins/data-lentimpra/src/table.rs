//! Libraries as tables.

use degu_core::{DatasetInfo, InMemory, OutputKind, Result, Row};
use degu_genome::{
    Column, TableOptions, TableReader, TaskColumns, duplicate_ids, strand_groups, table_column,
};

use crate::config::LentiMpra;
use crate::elements::{Flanks, bare};
use crate::error::{reading, unusable};
use crate::orientation::orientation_pairs;

pub(crate) fn read(config: &LentiMpra) -> Result<InMemory> {
    let path = config.file.path.as_path();
    let mut table = TableReader::open(path).map_err(reading)?;
    let tasks = tasks(config, &table)?;
    let optional = |name: &Option<String>| -> Result<Option<Column>> {
        name.as_ref()
            .map(|name| table.column(name))
            .transpose()
            .map_err(reading)
    };
    let (category, chromosome) = (optional(&config.category)?, optional(&config.chromosome)?);
    let sequence = table.column(&config.sequence).map_err(reading)?;
    let name = table
        .column(&config.name)
        .or_else(|_| table.column_at(0))
        .map_err(reading)?;
    let flanks = Flanks::of(config)?;

    let mut data = InMemory::new(DatasetInfo {
        title: format!(
            "lentiMPRA library {}",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        length: 0,
        tasks: tasks.iter().map(|(name, _)| name.clone()).collect(),
        unit: config.unit.clone(),
        output: OutputKind::Scalar,
        flanks: (config.left_adapter.clone(), config.right_adapter.clone()),
        replicates: config.replicates.len().max(1),
    });
    data.replicate_std = (!config.replicates.is_empty()).then(Vec::new);
    data.columns = table.columns().to_vec();
    let source = path.to_path_buf();
    data.read_column = Some(Box::new(move |name| {
        table_column(&source, &TableOptions::default(), name, None).map_err(reading)
    }));
    let mut elements: Vec<Vec<u8>> = Vec::new();
    let mut barcodes: Vec<f64> = Vec::new();
    let (mut ambiguous, mut set_aside) = (0, 0);
    while let Some(row) = table.next_row().map_err(reading)? {
        let encoded = row.codes(&sequence).map_err(reading)?;
        ambiguous += encoded.ambiguous;
        let number = elements.len();
        let at = || {
            let (line, column) = (row.line(), sequence.name());
            format!("row {number}, line {line}, column `{column}`")
        };
        if encoded.codes.is_empty() {
            return Err(unusable(path, at(), "the sequence is blank".to_owned()));
        }
        let element = flanks.element(&encoded.codes, path, at)?;
        let start = data.codes.len();
        flanks.push(element, &mut data.codes);
        let length = data.codes.len() - start;
        if start > 0 && length != start / elements.len() {
            return Err(unusable(
                path,
                at(),
                format!(
                    "expected {} bp as in the rows before, found {length}; the `table` plugin pads and crops",
                    start / elements.len()
                ),
            ));
        }
        elements.push(bare(element).to_vec());
        let mut total = 0.0;
        for (_, columns) in &tasks {
            let measured = columns.read(&row, config.min_barcodes).map_err(reading)?;
            data.y.push(measured.mean as f32);
            if let Some(std) = &mut data.replicate_std {
                std.push(measured.std as f32);
            }
            total += measured.barcodes;
            set_aside += measured.set_aside;
        }
        barcodes.push(total);
        let text = |column: &Option<Column>| -> Result<Option<String>> {
            let text = column.as_ref().map(|c| row.text(c)).transpose();
            Ok(text.map_err(reading)?.map(str::to_owned))
        };
        data.rows.push(Row {
            id: row.text(&name).map_err(reading)?.to_owned(),
            group: 0,
            split: None,
            chromosome: text(&chromosome)?,
            category: text(&category)?,
        });
    }
    if data.rows.is_empty() {
        return Err(unusable(
            path,
            None,
            "expected at least one row, found none".to_owned(),
        ));
    }
    data.info.length = data.codes.len() / data.rows.len();
    for (row, group) in data.rows.iter_mut().zip(strand_groups(&elements)) {
        row.group = u64::from(group);
    }
    if config.weight_by_barcodes {
        let mean = barcodes.iter().sum::<f64>() / barcodes.len() as f64;
        data.weight = Some(barcodes.iter().map(|n| (n / mean) as f32).collect());
    }
    notes(&mut data, &elements, ambiguous, set_aside, config);
    Ok(data)
}

/// Names of the tasks and where their measurements stand.
fn tasks(config: &LentiMpra, table: &TableReader) -> Result<Vec<(String, TaskColumns)>> {
    if !config.replicates.is_empty() {
        let name = config
            .tasks
            .first()
            .cloned()
            .unwrap_or_else(|| "activity".to_owned());
        let columns = TaskColumns::find(table, &config.replicates, &config.barcodes);
        return Ok(vec![(name, columns.map_err(reading)?)]);
    }
    if config.tasks.is_empty() {
        return Err(unusable(
            &config.file.path,
            None,
            format!(
                "a table needs `tasks`, the columns of activities, or `replicates`; found the columns {}",
                table.columns().join(", ")
            ),
        ));
    }
    config
        .tasks
        .iter()
        .enumerate()
        .map(|(i, task)| {
            let barcodes = config.barcodes.get(i).map_or(&[][..], std::slice::from_ref);
            let columns = TaskColumns::find(table, std::slice::from_ref(task), barcodes);
            Ok((task.clone(), columns.map_err(reading)?))
        })
        .collect()
}

fn notes(
    data: &mut InMemory,
    elements: &[Vec<u8>],
    ambiguous: usize,
    set_aside: usize,
    config: &LentiMpra,
) {
    let names: Vec<&str> = data.rows.iter().map(|row| row.id.as_str()).collect();
    let mut notes = Vec::new();
    if ambiguous > 0 {
        notes.push(format!(
            "{ambiguous} ambiguous letters of sequences were read as N"
        ));
    }
    if set_aside > 0 {
        notes.push(format!(
            "{set_aside} measurements with fewer than {} barcodes count as missing",
            config.min_barcodes
        ));
    }
    let tasks = data.info.tasks.len();
    for (t, task) in data.info.tasks.iter().enumerate() {
        let column = |values: &[f32]| {
            values[t..]
                .iter()
                .step_by(tasks)
                .filter(|v| v.is_nan())
                .count()
        };
        let missing = column(&data.y);
        if missing > 0 {
            notes.push(format!("{missing} rows have no measurement of `{task}`"));
        }
        if let Some(std) = &data.replicate_std {
            let single = column(std) - missing;
            if single > 0 {
                notes.push(format!(
                    "{single} rows have one replicate of `{task}`: a mean, no spread"
                ));
            }
        }
    }
    let repeated = duplicate_ids(&names);
    if let Some((first, _)) = repeated.first_key_value() {
        notes.push(format!(
            "{} names occur more than once, `{first}` among them",
            repeated.len()
        ));
    }
    let pairs = orientation_pairs(&names, elements);
    if !pairs.verified.is_empty() || !pairs.contradicted.is_empty() {
        let contradicted =
            pairs
                .contradicted
                .first()
                .map_or_else(String::new, |(forward, reverse)| {
                    format!(
                        "; {} pairs are so by name alone and were not joined (`{}` and `{}`)",
                        pairs.contradicted.len(),
                        names[*forward],
                        names[*reverse]
                    )
                });
        let note = format!(
            "{} pairs of names are the two orientations of one element by sequence{contradicted}",
            pairs.verified.len()
        );
        notes.push(note);
    }
    data.notes = notes;
}
