//! The format and the columns of a bare file, guessed from its content.

use std::collections::BTreeSet;
use std::path::Path;

use degu_core::{Error, Result, Row, Split};
use degu_genome::{
    BaseAxis, BaseOrder, Column, Fasta, GenomeError, Hdf5File, LineReader, TableReader,
    replicate_agreement, strand_groups,
};

use super::judge::{Judged, SHORTEST};
use super::material::{Material, ReplicatePair};

/// Rows by which columns are judged.
const JUDGED: usize = 500;

/// The error names the file and the place.
fn reading(source: GenomeError) -> Error {
    Error::Io(std::io::Error::other(source))
}

pub(super) fn material(path: &Path) -> Result<(Material, Vec<ReplicatePair>)> {
    use std::io::Read;
    let mut start = Vec::new();
    fs_err::File::open(path)?.take(8).read_to_end(&mut start)?;
    if start == b"\x89HDF\r\n\x1a\n" {
        return hdf5(path).map(|material| (material, Vec::new()));
    }
    let mut lines = LineReader::open(path).map_err(reading)?;
    while lines.advance().map_err(reading)? {
        if !lines.current().is_empty() {
            break;
        }
    }
    if lines.current().first() == Some(&b'>') {
        return fasta(path).map(|material| (material, Vec::new()));
    }
    table(path)
}

fn title(kind: &str, path: &Path) -> String {
    format!(
        "{kind} {}",
        path.file_name().unwrap_or_default().to_string_lossy()
    )
}

fn row(id: String) -> Row {
    Row {
        id,
        group: 0,
        split: None,
        chromosome: None,
        category: None,
    }
}

fn grouped(mut material: Material) -> Material {
    for (row, group) in material
        .rows
        .iter_mut()
        .zip(strand_groups(&material.sequences))
    {
        row.group = u64::from(group);
    }
    material
}

fn fasta(path: &Path) -> Result<Material> {
    let fasta = Fasta::open(path).map_err(reading)?;
    let ambiguous: usize = fasta.records.iter().map(|record| record.ambiguous).sum();
    let (mut rows, mut sequences) = (Vec::new(), Vec::new());
    for record in fasta.records {
        rows.push(row(record.id));
        sequences.push(record.codes);
    }
    Ok(grouped(Material {
        title: title("FASTA file", path),
        guesses: Vec::new(),
        rows,
        sequences,
        targets: Vec::new(),
        replicates: 1,
        notes: ambiguous_note(ambiguous),
    }))
}

fn ambiguous_note(ambiguous: usize) -> Vec<String> {
    if ambiguous == 0 {
        return Vec::new();
    }
    vec![format!(
        "{ambiguous} ambiguous letters of sequences were read as N"
    )]
}

fn hdf5(path: &Path) -> Result<Material> {
    let file = Hdf5File::open(path).map_err(reading)?;
    let infos = file.datasets().map_err(reading)?;
    let one_hot: Vec<_> = infos
        .iter()
        .filter(|info| BaseAxis::of_shape(&info.name, &info.shape).is_ok())
        .collect();
    let mut material = Material {
        title: title("HDF5 file", path),
        guesses: infos
            .iter()
            .map(|info| format!("`{}` is {} {:?}", info.name, info.kind, info.shape))
            .collect(),
        rows: Vec::new(),
        sequences: Vec::new(),
        targets: Vec::new(),
        replicates: 2,
        notes: Vec::new(),
    };
    if one_hot.is_empty() {
        return Err(Error::Data {
            path: path.to_path_buf(),
            at: None,
            problem: format!(
                "expected a dataset of shape [N, L, 4] or [N, 4, L]; {}",
                material.guesses.join(", ")
            ),
        });
    }
    for info in one_hot {
        let rows = file.dataset(&info.name).map_err(reading)?;
        let (codes, length) = rows.codes(BaseOrder::ACGT).map_err(reading)?;
        material
            .sequences
            .extend(codes.chunks_exact(length.max(1)).map(<[u8]>::to_vec));
        let split = info.name.split(['/', '_']).find_map(Split::parse);
        material.rows.extend((0..rows.len()).map(|i| Row {
            split,
            ..row(format!("{}/{i}", info.name))
        }));
        // The labels are named as the sequences, with y for x.
        let Some(at) = info.name.rfind(['x', 'X']) else {
            continue;
        };
        let labels = format!("{}y{}", &info.name[..at], &info.name[at + 1..]);
        if file.has(&labels) {
            let labels = file.dataset(&labels).map_err(reading)?;
            columns_of(&labels, rows.len(), &mut material)?;
        }
    }
    let n = material.rows.len();
    material.targets.retain(|(_, values, _)| values.len() == n);
    Ok(grouped(material))
}

/// Appends labels `[N]`, `[N, T]` or `[T, N]` to the targets.
fn columns_of(labels: &degu_genome::Rows, n: usize, material: &mut Material) -> Result<()> {
    let (tasks, by_row) = match *labels.shape() {
        [rows] if rows as usize == n => (1, true),
        [rows, tasks] if rows as usize == n => (tasks as usize, true),
        [tasks, rows] if rows as usize == n => (tasks as usize, false),
        _ => return Ok(()),
    };
    let values = labels.f32(0, labels.len()).map_err(reading)?;
    while material.targets.len() < tasks {
        let name = format!("column {}", material.targets.len());
        material.targets.push((name, Vec::new(), None));
    }
    for (t, (_, column, _)) in material.targets.iter_mut().enumerate().take(tasks) {
        column.extend((0..n).map(|i| values[if by_row { i * tasks + t } else { t * n + i }]));
    }
    Ok(())
}

/// Columns and what they were taken for.
struct Roles {
    id: Option<Column>,
    sequence: Column,
    split: Option<Column>,
    category: Option<Column>,
    targets: Vec<Column>,
}

fn roles(path: &Path) -> Result<Roles> {
    let mut table = TableReader::open(path).map_err(reading)?;
    let columns: Vec<Column> = (0..table.columns().len())
        .map(|i| table.column_at(i))
        .collect::<Result<_, _>>()
        .map_err(reading)?;
    let mut judged: Vec<Judged> = columns.iter().map(|_| Judged::default()).collect();
    for _ in 0..JUDGED {
        let Some(row) = table.next_row().map_err(reading)? else {
            break;
        };
        for (column, judged) in columns.iter().zip(&mut judged) {
            judged.see(row.bytes(column));
        }
    }
    let take = |rule: &dyn Fn(&Judged) -> bool| {
        let place = judged.iter().position(rule);
        place.map(|i| columns[i].clone())
    };
    let sequence = (0..columns.len())
        .filter(|i| judged[*i].is_sequence())
        .max_by_key(|i| judged[*i].bases)
        .map(|i| columns[i].clone());
    let Some(sequence) = sequence else {
        if judged.first().is_none_or(|column| column.rows == 0) {
            return Err(Error::Data {
                path: path.to_path_buf(),
                at: None,
                problem: format!(
                    "expected at least one row below the header {}, found none",
                    table.columns().join(", ")
                ),
            });
        }
        return Err(Error::Data {
            path: path.to_path_buf(),
            at: None,
            problem: format!(
                "expected a FASTA file, an HDF5 file with one-hot sequences, or a table with a column of sequences of at least \
                 {SHORTEST} bp; found the columns {}",
                table.columns().join(", ")
            ),
        });
    };
    let split = take(&Judged::is_split);
    let is_split = |column: &Column| split.as_ref() == Some(column) || *column == sequence;
    let category = (0..columns.len())
        .find(|i| judged[*i].is_category() && !is_split(&columns[*i]))
        .map(|i| columns[i].clone());
    let targets = (0..columns.len())
        .filter(|i| judged[*i].is_target())
        .map(|i| columns[i].clone())
        .collect();
    let id = take(&Judged::is_name);
    Ok(Roles {
        id,
        sequence,
        split,
        category,
        targets,
    })
}

/// A name without the number of the replicate, if it is the name of one: `tobacco_rep2` gives
/// `tobacco_rep`.
fn replicate_stem(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let at = ["replicate", "rep", "log2."]
        .iter()
        .find_map(|word| lower.find(word).map(|at| at + word.len()))?;
    let rest = lower[at..].trim_start_matches([' ', '_', '.', '-']);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| format!("{}#{}", &lower[..at], &rest[digits..]))
}

fn table(path: &Path) -> Result<(Material, Vec<ReplicatePair>)> {
    let roles = roles(path)?;
    let mut table = TableReader::open(path).map_err(reading)?;
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); roles.targets.len()];
    let (mut rows, mut sequences, mut ambiguous) = (Vec::new(), Vec::new(), 0);
    let mut no_part: Option<(usize, String)> = None;
    while let Some(line) = table.next_row().map_err(reading)? {
        let encoded = line.codes(&roles.sequence).map_err(reading)?;
        ambiguous += encoded.ambiguous;
        sequences.push(encoded.codes);
        for (column, values) in roles.targets.iter().zip(&mut values) {
            values.push(line.number(column).map_err(reading)?.unwrap_or(f64::NAN));
        }
        let text = |column: &Option<Column>| -> Result<Option<String>> {
            let text = column.as_ref().map(|c| line.text(c)).transpose();
            Ok(text.map_err(reading)?.map(str::to_owned))
        };
        let id = text(&roles.id)?.unwrap_or_else(|| format!("line {}", line.line()));
        let part = text(&roles.split)?.unwrap_or_default();
        let split = Split::parse(&part);
        if split.is_none() && !part.is_empty() {
            no_part
                .get_or_insert_with(|| (0, format!("`{part}` on line {}", line.line())))
                .0 += 1;
        }
        rows.push(Row {
            split,
            category: text(&roles.category)?,
            ..row(id)
        });
    }
    let (guesses, pairs) = guesses(&roles, &values);
    let targets = roles
        .targets
        .iter()
        .zip(values)
        .map(|(column, values)| {
            let values = values.into_iter().map(|v| v as f32).collect();
            (column.name().to_owned(), values, None)
        })
        .collect();
    let mut notes = ambiguous_note(ambiguous);
    if let (Some((count, first)), Some(column)) = (no_part, &roles.split) {
        notes.push(format!(
            "{count} cells of `{}` name no part, {first} the first",
            column.name()
        ));
    }
    let material = Material {
        title: title("table", path),
        guesses,
        rows,
        sequences,
        targets,
        replicates: 1,
        notes,
    };
    Ok((grouped(material), pairs))
}

/// What the columns were taken for, one sentence each, and how replicate columns agree.
fn guesses(roles: &Roles, values: &[Vec<f64>]) -> (Vec<String>, Vec<ReplicatePair>) {
    let mut guesses = vec![format!("`{}` is the sequence", roles.sequence.name())];
    for (column, role) in [
        (&roles.id, "the name"),
        (&roles.split, "the part"),
        (&roles.category, "the category"),
    ] {
        guesses.extend(column.as_ref().map(|c| format!("`{}` is {role}", c.name())));
    }
    let stems: Vec<Option<String>> = roles
        .targets
        .iter()
        .map(|column| replicate_stem(column.name()))
        .collect();
    let mut pairs = Vec::new();
    let distinct: BTreeSet<&String> = stems.iter().flatten().collect();
    for stem in distinct {
        let members: Vec<usize> = (0..stems.len())
            .filter(|i| stems[*i].as_ref() == Some(stem))
            .collect();
        if members.len() > 1 {
            let names: Vec<&str> = members.iter().map(|i| roles.targets[*i].name()).collect();
            guesses.push(format!("{} are replicates of one task", names.join(", ")));
        }
        let columns: Vec<&[f64]> = members.iter().map(|i| values[*i].as_slice()).collect();
        for pair in replicate_agreement(&columns) {
            pairs.push(ReplicatePair {
                first: roles.targets[members[pair.first]].name().to_owned(),
                second: roles.targets[members[pair.second]].name().to_owned(),
                rows: pair.rows,
                pearson: pair.pearson.is_finite().then_some(pair.pearson),
            });
        }
    }
    (guesses, pairs)
}
