//! HDF5 files: flat or in groups.

use std::path::Path;

use degu_core::{DatasetInfo, InMemory, OutputKind, Result, Row, Split};
use degu_genome::{BaseOrder, Hdf5File, LabelAxes, Rows, part_names, strand_groups};
use fs_err::File;

use crate::config::DeepStarr;
use crate::error::{reading, unusable};

const PARTS: [(Split, &[&str]); 3] = [
    (Split::Train, &["train"]),
    (Split::Validation, &["val", "valid", "validation"]),
    (Split::Test, &["test"]),
];

/// Whether a file starts as HDF5 does.
pub(crate) fn is_hdf5(path: &Path) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    File::open(path)?.take(8).read_to_end(&mut start)?;
    Ok(start == b"\x89HDF\r\n\x1a\n")
}

pub(crate) fn read(config: &DeepStarr) -> Result<InMemory> {
    let path = config.files[0].path.as_path();
    if config.files.len() > 1 || !config.sequences.is_empty() || !config.splits.is_empty() {
        return Err(unusable(
            path,
            None,
            "an HDF5 file holds sequences, labels and parts; give it alone in `files`, without `sequences` and `splits`"
                .to_owned(),
        ));
    }
    let file = Hdf5File::open(path).map_err(reading)?;
    let order = BaseOrder::parse(&config.base_order).map_err(reading)?;
    let mut data = InMemory::new(DatasetInfo {
        title: format!(
            "DeepSTARR file {}",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        length: 0,
        tasks: config.tasks.clone(),
        unit: "log2 enrichment".to_owned(),
        output: OutputKind::Scalar,
        flanks: Default::default(),
        replicates: 1,
    });
    let mut parts = Vec::new();
    for (split, words) in PARTS {
        let Some((x, y)) = part_names(&file, words) else {
            data.notes
                .push(format!("the file has no {} part", split.name()));
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
    let tasks = config.tasks.len();
    let axes = LabelAxes::of_parts(&shapes, &(tasks..=tasks));
    for ((x, y, split), axes) in parts.into_iter().zip(axes) {
        let (codes, length) = x.codes(order).map_err(reading)?;
        if data.info.length != 0 && length != data.info.length {
            return Err(unusable(
                path,
                format!("`{}`", x.info().name),
                format!(
                    "expected sequences of {} bp as in the other parts, found {length}",
                    data.info.length
                ),
            ));
        }
        data.info.length = length;
        data.codes.extend(codes);
        push_labels(&y, [x.len(), tasks], axes, path, &mut data.y)?;
        data.rows.extend((0..x.len()).map(|i| Row {
            id: format!("{}/{i}", split.name()),
            group: 0,
            split: Some(split),
            chromosome: None,
            category: None,
        }));
        data.notes.push(format!(
            "{} part: `{}` and `{}`",
            split.name(),
            x.info().name,
            y.info().name
        ));
    }
    if data.rows.is_empty() {
        return Err(unusable(
            path,
            None,
            format!(
                "expected `x_train` or `Train/X` and so on, found {}",
                file.names().join(", ")
            ),
        ));
    }
    let sequences: Vec<&[u8]> = data.codes.chunks_exact(data.info.length).collect();
    for (row, group) in data.rows.iter_mut().zip(strand_groups(&sequences)) {
        row.group = u64::from(group);
    }
    Ok(data)
}

/// Appends labels `[N, T]`, whatever the order of the axes in the file.
fn push_labels(
    labels: &Rows,
    [n, tasks]: [usize; 2],
    axes: LabelAxes,
    path: &Path,
    y: &mut Vec<f32>,
) -> Result<()> {
    let shape = labels.shape();
    let wrong = |problem: String| unusable(path, format!("`{}`", labels.info().name), problem);
    match axes {
        LabelAxes::RowsFirst { .. } | LabelAxes::TasksFirst { .. } => {}
        LabelAxes::Ambiguous => {
            return Err(wrong(format!(
                "{n} rows and {n} tasks: it cannot be told which axis is which"
            )));
        }
        LabelAxes::Unknown => {
            return Err(wrong(format!(
                "expected labels of shape [{n}, {tasks}] or [{tasks}, {n}], found {shape:?}; `tasks` and `columns` name what they hold"
            )));
        }
    }
    let values = labels.f32(0, labels.len()).map_err(reading)?;
    if let Some(at) = values.iter().position(|v| v.is_infinite()) {
        return Err(wrong(format!(
            "expected finite numbers, or NaN for a missing one, found {} as value {at}",
            values[at]
        )));
    }
    y.extend(axes.by_row(values));
    Ok(())
}
