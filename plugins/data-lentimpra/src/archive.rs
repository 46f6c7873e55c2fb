//! Libraries as HDF5 archives: one-hot sequences and labels, in groups or flat.

use std::path::Path;

use degu_core::{DatasetInfo, InMemory, OutputKind, Result, Row, Split};
use degu_genome::{BaseOrder, Hdf5File, LabelAxes, Rows, part_names, strand_groups};
use fs_err::File;

use crate::config::{Adapters, LentiMpra};
use crate::elements::{Flanks, bare};
use crate::error::{reading, unusable};

/// Names of the parts, in the order of the rows.
const PARTS: [(&[&str], Split); 3] = [
    (&["Train"], Split::Train),
    (&["Val", "Valid", "Validation"], Split::Validation),
    (&["Test"], Split::Test),
];

/// Whether a file starts as HDF5 does.
pub(crate) fn is_hdf5(path: &Path) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    File::open(path)?.take(8).read_to_end(&mut start)?;
    Ok(start == b"\x89HDF\r\n\x1a\n")
}

pub(crate) fn read(config: &LentiMpra) -> Result<InMemory> {
    let path = config.file.path.as_path();
    if !config.replicates.is_empty() || config.tasks.len() > 1 {
        return Err(unusable(
            path,
            None,
            "an archive holds one task with its spread; leave `replicates` out and name at most one task".to_owned(),
        ));
    }
    if config.adapters == Adapters::Add
        && !(config.left_adapter.is_empty() && config.right_adapter.is_empty())
    {
        return Err(unusable(
            path,
            None,
            "the sequences of an archive have their adaptors; set `adapters = \"keep\"`, or `\"strip\"` for the element alone"
                .to_owned(),
        ));
    }
    let file = Hdf5File::open(path).map_err(reading)?;
    let order = BaseOrder::parse(&config.base_order).map_err(reading)?;
    let flanks = Flanks::of(config)?;
    let mut data = InMemory::new(DatasetInfo {
        title: format!(
            "lentiMPRA archive {}",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        length: 0,
        tasks: vec![
            config
                .tasks
                .first()
                .cloned()
                .unwrap_or_else(|| "activity".to_owned()),
        ],
        unit: config.unit.clone(),
        output: OutputKind::Scalar,
        flanks: (config.left_adapter.clone(), config.right_adapter.clone()),
        replicates: 1,
    });
    let mut elements: Vec<Vec<u8>> = Vec::new();
    let mut stds: Vec<f32> = Vec::new();
    let mut widths = Vec::new();
    let mut parts = Vec::new();
    for (words, split) in PARTS {
        let Some((x, y)) = part_names(&file, words) else {
            data.notes
                .push(format!("the archive has no {} part", split.name()));
            continue;
        };
        let x = file.dataset(&x).map_err(reading)?;
        let y = file.dataset(&y).map_err(reading)?;
        parts.push((x, y, split));
    }
    let shapes: Vec<_> = parts
        .iter()
        .map(|(x, y, _)| (y.shape().to_vec(), x.len()))
        .collect();
    let axes = LabelAxes::of_parts(&shapes, &(1..=4));
    for ((x, y, split), axes) in parts.into_iter().zip(axes) {
        let (codes, length) = x.codes(order).map_err(reading)?;
        let width = push_labels(&y, x.len(), axes, path, &mut data.y, &mut stds)?;
        widths.push(width);
        for (i, sequence) in codes.chunks_exact(length.max(1)).enumerate() {
            let element =
                flanks.element(sequence, path, || format!("`{}`, row {i}", x.info().name))?;
            let start = data.codes.len();
            flanks.push(element, &mut data.codes);
            let length = data.codes.len() - start;
            if start > 0 && length != start / elements.len() {
                return Err(unusable(
                    path,
                    format!("`{}`", x.info().name),
                    format!(
                        "expected sequences of {} bp as in the other parts, found {length}",
                        start / elements.len()
                    ),
                ));
            }
            elements.push(bare(element).to_vec());
            data.rows.push(Row {
                id: format!("{}/{i}", split.name()),
                group: 0,
                split: Some(split),
                chromosome: None,
                category: None,
            });
        }
    }
    if data.rows.is_empty() {
        return Err(unusable(
            path,
            None,
            format!(
                "expected sequences as `Train/X` and labels as `Train/y`, or `x_train` and `y_train`, and so on; found {}",
                file.names().join(", ")
            ),
        ));
    }
    if widths.iter().any(|width| *width != widths[0]) {
        return Err(unusable(
            path,
            None,
            format!("`y` has {widths:?} columns in the parts; expected the same number in all"),
        ));
    }
    if widths[0] > 1 {
        data.info.replicates = 2;
        data.replicate_std = Some(stds);
    }
    if widths[0] > 2 {
        data.notes.push(
            "the archive is one for distillation: labels of training rows are a teacher's, the others are measured; the \
             teacher's spreads were left alone"
                .to_owned(),
        );
    }
    data.info.length = data.codes.len() / data.rows.len();
    for (row, group) in data.rows.iter_mut().zip(strand_groups(&elements)) {
        row.group = u64::from(group);
    }
    Ok(data)
}

/// Appends activities and spreads (NaN if there are none); returns the number of columns.
fn push_labels(
    labels: &Rows,
    n: usize,
    axes: LabelAxes,
    path: &Path,
    y: &mut Vec<f32>,
    stds: &mut Vec<f32>,
) -> Result<usize> {
    let shape = labels.shape();
    let at = || format!("`{}`", labels.info().name);
    let width = match axes {
        LabelAxes::RowsFirst { tasks } | LabelAxes::TasksFirst { tasks } => tasks,
        LabelAxes::Ambiguous => {
            let problem =
                format!("{n} rows and {n} columns: it cannot be told which axis is which");
            return Err(unusable(path, at(), problem));
        }
        LabelAxes::Unknown => {
            return Err(unusable(
                path,
                at(),
                format!(
                    "expected labels of shape [{n}], [{n}, 1 to 4] or [1 to 4, {n}], found {shape:?}"
                ),
            ));
        }
    };
    let values = axes.by_row(labels.f32(0, labels.len()).map_err(reading)?);
    for (i, row) in values.chunks_exact(width).enumerate() {
        if let Some(column) = row.iter().position(|v| v.is_infinite()) {
            return Err(unusable(
                path,
                format!("`{}`, row {i}, column {column}", labels.info().name),
                format!(
                    "expected a finite number, or NaN for a missing one, found {}",
                    row[column]
                ),
            ));
        }
        if let Some(std) = row.get(1).filter(|std| **std < 0.0) {
            return Err(unusable(
                path,
                format!("`{}`, row {i}, column 1", labels.info().name),
                format!(
                    "expected a standard deviation between replicates, found {std}; a file with the activities of two tasks is one for \
                     the plugin `deepstarr`"
                ),
            ));
        }
        y.push(row[0]);
        stds.push(row.get(1).copied().unwrap_or(f32::NAN));
    }
    Ok(width)
}
