//! Rows to train, validation, calibration and test; groups straddle two parts only where the file
//! allows it by name.

use std::collections::BTreeMap;

use degu_config::{Group, SplitConfig, SplitKind};
use degu_core::{Dataset, Row, Seed, Split};
use degu_genome::{NearDuplicates, nested_subset, split_chromosomes, split_groups};

use super::hold_out::{self, HeldOut};
use crate::error::{Result, StageError};

/// Parts and groups of all rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assignment {
    /// Part of each row; `None` for rows that are left out (a fraction of the training rows,
    /// chromosomes that no part names).
    pub(super) part: Vec<Option<Split>>,
    /// Exchange group of each row.
    pub(super) group: Vec<u64>,
    /// Rows of the sets that were held out, by name.
    pub(super) sets: BTreeMap<String, Vec<usize>>,
    /// What was left out of them, one sentence each.
    pub(super) notes: Vec<String>,
}

/// Assigns every row.
///
/// # Errors
///
/// A column that does not exist, a value that names no part, a group that straddles two parts.
pub(super) fn assign(
    dataset: &dyn Dataset,
    codes: &[u8],
    config: &SplitConfig,
    seed: &Seed,
) -> Result<Assignment> {
    let rows = dataset.rows();
    let length = dataset.info().length;
    let sequences: Vec<&[u8]> = codes.chunks(length).collect();
    let clusters = || -> Vec<u64> {
        NearDuplicates::default()
            .clusters(&sequences)
            .into_iter()
            .map(u64::from)
            .collect()
    };
    let group: Vec<u64> = match (config.kind, &config.group) {
        (SplitKind::Cluster, _) | (_, Group::NearDuplicates) => clusters(),
        (_, Group::Sequence) => rows.iter().map(|r| r.group).collect(),
        (_, Group::None) => (0..rows.len() as u64).collect(),
        (_, Group::Column(name)) => numbered(&column(dataset, name)?),
    };
    let mut part = match config.kind {
        SplitKind::Files => declared(rows)?,
        SplitKind::Column => {
            let what = "`split.kind = \"column\"` needs `split.column`";
            let help = "name the column that says train, val or test";
            by_column(dataset, needed(config.column.as_ref(), what, help)?)?
        }
        SplitKind::Random | SplitKind::Cluster => {
            let (validation, test) = (config.fractions.validation, config.fractions.test);
            let fractions = [1.0 - validation - test, validation, test];
            let parts = split_groups(&group, &fractions, seed.child("split").bytes())?;
            let names = [Split::Train, Split::Validation, Split::Test];
            parts.into_iter().map(|p| Some(names[p])).collect()
        }
        SplitKind::Chromosome => {
            let what = "`split.kind = \"chromosome\"` needs `split.chromosomes`";
            let help = "name the chromosomes of validation and test";
            let parts = needed(config.chromosomes.as_ref(), what, help)?;
            by_chromosome(rows, &parts.validation, &parts.test)?
        }
    };
    let mut notes = straddling(rows, &part, &group, config)?;
    let mut held = HeldOut::default();
    if let Some(hold_out) = &config.hold_out {
        let related = match &hold_out.related {
            Some(name) => numbered(&column(dataset, name)?),
            None => group.clone(),
        };
        let kinds = column(dataset, &hold_out.column)?;
        held = hold_out::apply(hold_out, &kinds, &mut part, &related)?;
    }
    subset_train(&mut part, &group, config.train_fraction, seed)?;
    hold_out_calibration(&mut part, &group, config.calibration, seed)?;
    notes.extend(held.notes);
    Ok(Assignment {
        part,
        group,
        sets: held.sets,
        notes,
    })
}

/// Whether leakage between two parts is accepted by name, in either order.
pub(super) fn allows(config: &SplitConfig, a: Split, b: Split) -> bool {
    let pairs = config.allow_leakage.iter();
    let mut named = pairs.filter_map(|pair| SplitConfig::leakage_pair(pair));
    named.any(|pair| pair == [a, b] || pair == [b, a])
}

fn needed<'a, T>(value: Option<&'a T>, what: &str, help: &'static str) -> Result<&'a T> {
    value.ok_or_else(|| StageError::Study {
        what: what.to_owned(),
        help,
    })
}

fn column(dataset: &dyn Dataset, name: &str) -> Result<Vec<String>> {
    dataset.column(name)?.ok_or_else(|| {
        let known = dataset.columns();
        let nearest =
            degu_core::suggest::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        StageError::Column {
            name: name.to_owned(),
            nearest,
            known,
        }
    })
}

fn numbered(values: &[String]) -> Vec<u64> {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    values
        .iter()
        .map(|v| {
            let next = seen.len() as u64;
            *seen.entry(v).or_insert(next)
        })
        .collect()
}

fn declared(rows: &[Row]) -> Result<Vec<Option<Split>>> {
    match rows.iter().position(|r| r.split.is_none()) {
        None => Ok(rows.iter().map(|r| r.split).collect()),
        Some(row) => Err(StageError::Row {
            row: row + 1,
            id: rows[row].id.clone(),
            problem: "the source declares no part for it; use another `split.kind`".to_owned(),
        }),
    }
}

fn by_column(dataset: &dyn Dataset, name: &str) -> Result<Vec<Option<Split>>> {
    let values = column(dataset, name)?;
    let rows = dataset.rows();
    values
        .iter()
        .enumerate()
        .map(|(row, value)| {
            Split::parse(value)
                .map(Some)
                .ok_or_else(|| StageError::Row {
                    row: row + 1,
                    id: rows[row].id.clone(),
                    problem: format!(
                        "column `{name}` is expected to say train, val or test, found `{value}`"
                    ),
                })
        })
        .collect()
}

fn by_chromosome(
    rows: &[Row],
    validation: &[String],
    test: &[String],
) -> Result<Vec<Option<Split>>> {
    let chromosomes: Vec<&str> = rows
        .iter()
        .enumerate()
        .map(|(row, r)| {
            r.chromosome.as_deref().ok_or_else(|| StageError::Row {
                row: row + 1,
                id: r.id.clone(),
                problem: "a split by chromosome needs the chromosome of every row; the source gives none here".to_owned(),
            })
        })
        .collect::<Result<_>>()?;
    let parts = split_chromosomes(&chromosomes, &[validation.to_vec(), test.to_vec()])?;
    Ok(parts
        .into_iter()
        .map(|p| {
            Some(match p {
                Some(0) => Split::Validation,
                Some(_) => Split::Test,
                None => Split::Train,
            })
        })
        .collect())
}

/// Refuses groups with rows in two parts, and notes those that are allowed.
fn straddling(
    rows: &[Row],
    part: &[Option<Split>],
    group: &[u64],
    config: &SplitConfig,
) -> Result<Vec<String>> {
    // The first row of a group in each of its parts.
    let mut first: BTreeMap<u64, BTreeMap<Split, usize>> = BTreeMap::new();
    let mut straddling: BTreeMap<[Split; 2], usize> = BTreeMap::new();
    for row in 0..rows.len() {
        let Some(here) = part[row] else { continue };
        let parts = first.entry(group[row]).or_default();
        if parts.contains_key(&here) {
            continue;
        }
        for (there, earlier) in parts.iter() {
            if !allows(config, *there, here) {
                return Err(StageError::Straddles {
                    first: rows[*earlier].id.clone(),
                    first_part: there.name(),
                    second: rows[row].id.clone(),
                    second_part: here.name(),
                });
            }
            let pair = [*there.min(&here), *there.max(&here)];
            *straddling.entry(pair).or_default() += 1;
        }
        parts.insert(here, row);
    }
    let note = |([a, b], count): ([Split; 2], usize)| {
        let (a, b) = (a.name(), b.name());
        format!(
            "{count} groups have rows in the {a} part and in the {b} part, which `split.allow_leakage` accepts"
        )
    };
    Ok(straddling.into_iter().map(note).collect())
}

fn members(part: &[Option<Split>], of: Split) -> Vec<usize> {
    (0..part.len()).filter(|i| part[*i] == Some(of)).collect()
}

fn subset_train(
    part: &mut [Option<Split>],
    group: &[u64],
    fraction: f64,
    seed: &Seed,
) -> Result<()> {
    if fraction >= 1.0 {
        return Ok(());
    }
    let train = members(part, Split::Train);
    let groups: Vec<u64> = train.iter().map(|i| group[*i]).collect();
    let kept = nested_subset(&groups, fraction, seed.child("subsample").bytes())?;
    let mut keep = vec![false; train.len()];
    for k in kept {
        keep[k] = true;
    }
    for (k, row) in train.into_iter().enumerate() {
        if !keep[k] {
            part[row] = None;
        }
    }
    Ok(())
}

/// Cuts the calibration part off the validation part, unless the source brings one of its own.
fn hold_out_calibration(
    part: &mut [Option<Split>],
    group: &[u64],
    fraction: f64,
    seed: &Seed,
) -> Result<()> {
    if fraction <= 0.0 || part.contains(&Some(Split::Calibration)) {
        return Ok(());
    }
    let validation = members(part, Split::Validation);
    let groups: Vec<u64> = validation.iter().map(|i| group[*i]).collect();
    let held = split_groups(
        &groups,
        &[1.0 - fraction, fraction],
        seed.child("calibration").bytes(),
    )?;
    for (k, row) in validation.into_iter().enumerate() {
        if held[k] == 1 {
            part[row] = Some(Split::Calibration);
        }
    }
    Ok(())
}
