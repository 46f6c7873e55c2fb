//! D1 to D6: data sets.

use std::collections::{BTreeMap, BTreeSet};

use degu_core::{Dataset, Examples, Plugin, Resolved, Split};

use super::{Checked, Checks, Verdict, ensure};

/// Rows that are read; more are not needed to find a rule broken.
const ROWS: usize = 300;

pub(super) fn checks(
    _plugin: &Plugin<dyn Dataset>,
    resolved: &Resolved<dyn Dataset>,
    checks: &mut Checks,
) {
    let data = match resolved.build() {
        Ok(data) => data,
        Err(error) => {
            return checks.run("D1", "opens", || {
                Err(Verdict::Skip(format!(
                    "not opened ({error}); name its files with `--set`"
                )))
            });
        }
    };
    let data = data.as_ref();
    checks.run(
        "D1",
        "has a title, a length, tasks with names of their own, and rows",
        || {
            let info = data.info();
            let names: BTreeSet<&String> = info.tasks.iter().collect();
            let sound = !info.title.is_empty()
                && info.length > 0
                && !info.tasks.is_empty()
                && names.len() == info.tasks.len()
                && info.replicates >= 1
                && !data.rows().is_empty();
            ensure(sound, || {
                format!("found {info:?} with {} rows", data.rows().len())
            })
        },
    );
    checks.run(
        "D2",
        "rows read in any order and in pieces are the same rows",
        || order(data),
    );
    checks.run(
        "D3",
        "codes are 0 to 4, shapes are as announced, spreads are not negative",
        || shapes(data),
    );
    checks.run("D4", "no group straddles two declared parts", || {
        groups(data)
    });
    checks.run(
        "D5",
        "columns and the truth have one value per row; a row that is not there is an error",
        || columns(data),
    );
    checks.run(
        "D6",
        "flanks are of the letters A, C, G and T, and shorter than a sequence",
        || {
            let (left, right) = &data.info().flanks;
            let mut letters = left.bytes().chain(right.bytes());
            let short = left.len() + right.len() < data.info().length;
            let sound = letters.all(|b| b"ACGT".contains(&b.to_ascii_uppercase()));
            ensure(sound && short, || format!("found `{left}` and `{right}`"))
        },
    );
}

fn some_rows(data: &dyn Dataset) -> Vec<usize> {
    let n = data.rows().len();
    let step = (n / ROWS).max(1);
    (0..n).step_by(step).take(ROWS).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn order(data: &dyn Dataset) -> Checked {
    let index = some_rows(data);
    let at_once = data.read(&index)?;
    let info = data.info();
    let per_row = info.tasks.len() * info.output.bins();
    let rows = index.len();
    let row_of = |all: &Examples, i: usize| {
        let slice = |v: &[f32]| bits(&v[i * per_row..(i + 1) * per_row]);
        (
            all.codes[i * info.length..(i + 1) * info.length].to_vec(),
            slice(&all.y),
            all.replicate_std.as_deref().map(slice),
        )
    };
    let reversed: Vec<usize> = index.iter().rev().copied().collect();
    let backwards = data.read(&reversed)?;
    for (i, row) in index.iter().enumerate().take(rows) {
        ensure(
            row_of(&at_once, i) == row_of(&backwards, rows - 1 - i),
            || format!("row {row} differs when rows are read backwards"),
        )?;
    }
    for (piece, chunk) in index.chunks(7).enumerate() {
        let part = data.read(chunk)?;
        for (i, row) in chunk.iter().enumerate() {
            ensure(row_of(&at_once, piece * 7 + i) == row_of(&part, i), || {
                format!("row {row} differs when rows are read in pieces")
            })?;
        }
    }
    let twice = data.read(&[index[0], index[0]])?;
    ensure(row_of(&twice, 0) == row_of(&twice, 1), || {
        "a row asked for twice differs from itself".to_owned()
    })
}

fn shapes(data: &dyn Dataset) -> Checked {
    let index = some_rows(data);
    let all = data.read(&index)?;
    let info = data.info();
    let values = index.len() * info.tasks.len() * info.output.bins();
    ensure(all.codes.len() == index.len() * info.length, || {
        format!(
            "{} codes for {} rows of {} bp",
            all.codes.len(),
            index.len(),
            info.length
        )
    })?;
    ensure(all.codes.iter().all(|c| *c <= 4), || {
        "a code above 4".to_owned()
    })?;
    ensure(all.y.len() == values, || {
        format!("{} targets instead of {values}", all.y.len())
    })?;
    ensure(all.y.iter().all(|y| !y.is_infinite()), || {
        "an infinite target".to_owned()
    })?;
    if let Some(spread) = &all.replicate_std {
        let sound = spread.len() == values && spread.iter().all(|s| s.is_nan() || *s >= 0.0);
        ensure(sound, || {
            "replicate spreads have another layout than the targets, or are negative".to_owned()
        })?;
        ensure(info.replicates >= 2, || {
            format!("replicate spreads with {} replicates", info.replicates)
        })?;
    }
    if let Some(weight) = &all.weight {
        let sound =
            weight.len() == index.len() && weight.iter().all(|w| w.is_finite() && *w >= 0.0);
        ensure(sound, || {
            "weights are not one finite number per row".to_owned()
        })?;
    }
    let none = data.read(&[])?;
    ensure(none.codes.is_empty() && none.y.is_empty(), || {
        "no rows asked for, and some read".to_owned()
    })
}

fn groups(data: &dyn Dataset) -> Checked {
    let mut home: BTreeMap<u64, (Split, &str)> = BTreeMap::new();
    for row in data.rows() {
        let Some(split) = row.split else { continue };
        let (first, id) = *home.entry(row.group).or_insert((split, &row.id));
        ensure(first == split, || {
            format!(
                "`{id}` ({}) and `{}` ({}) are of one group",
                first.name(),
                row.id,
                split.name()
            )
        })?;
    }
    Ok(())
}

fn columns(data: &dyn Dataset) -> Checked {
    let rows = data.rows().len();
    for name in data.columns() {
        let found = data.column(&name)?.map(|values| values.len());
        ensure(found == Some(rows), || {
            format!("column `{name}` has {found:?} values for {rows} rows")
        })?;
    }
    let index = some_rows(data);
    if let Some(truth) = data.truth(&index)? {
        let values = index.len() * data.info().tasks.len() * data.info().output.bins();
        let sound = truth.mean.len() == values
            && truth.noise_std.len() == values
            && truth.noise_std.iter().all(|s| *s >= 0.0);
        ensure(sound, || {
            "the truth has another layout than the targets".to_owned()
        })?;
    }
    ensure(data.read(&[rows]).is_err(), || {
        format!("row {rows} of {rows} was read")
    })
}
