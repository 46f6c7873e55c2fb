//! Splits that never cut a group: random by group, nested subsets, by chromosome.

use degu_core::suggest::nearest;
use std::collections::BTreeMap;

use crate::draws::Draws;
use crate::error::{GenomeError, Result};

/// Assigns rows to parts by a random split of their groups.
///
/// The groups (clusters, element pairs, regions) are sorted, permuted by the seed and dealt out in
/// that order: a group goes to the part in whose share of the rows its middle row falls. So the
/// result depends on the set of groups and their sizes, not on the order of rows, and each part
/// differs from its share by less than one group at either end.
///
/// # Shapes
///
/// * `groups` - group of each row, `[N]`
/// * `fractions` - share of the rows for each part, at least 0, summing to 1
/// * returns the part of each row, `[N]`, as an index into `fractions`
///
/// # Errors
///
/// [`GenomeError::Argument`] for fractions that are negative or do not sum to 1 (within 1e-6).
///
/// # Examples
///
/// ```
/// let clusters = ["a", "a", "b", "c", "c", "d", "e", "f", "g", "h"];
/// let parts = degu_genome::split_groups(&clusters, &[0.8, 0.1, 0.1], [0; 32])?;
/// assert_eq!(parts[0], parts[1]);
/// assert_eq!(parts[3], parts[4]);
/// # Ok::<(), degu_genome::GenomeError>(())
/// ```
pub fn split_groups<G: Ord>(groups: &[G], fractions: &[f64], seed: [u8; 32]) -> Result<Vec<usize>> {
    let total: f64 = fractions.iter().sum();
    if fractions.is_empty()
        || fractions
            .iter()
            .any(|fraction| *fraction < 0.0 || fraction.is_nan())
        || (total - 1.0).abs() > 1e-6
    {
        return Err(GenomeError::argument(
            "fractions",
            "shares of at least 0 that sum to 1",
            format_args!("{fractions:?}"),
        ));
    }
    let mut bounds = Vec::with_capacity(fractions.len());
    let mut sum = 0.0;
    for fraction in fractions {
        sum += fraction / total * groups.len() as f64;
        bounds.push(sum);
    }
    let last = fractions
        .iter()
        .rposition(|fraction| *fraction > 0.0)
        .unwrap_or(0);
    let mut parts = vec![0; groups.len()];
    let mut dealt = 0;
    for rows in permuted_groups(groups, seed) {
        let middle = dealt as f64 + rows.len() as f64 / 2.0;
        let part = bounds
            .iter()
            .position(|bound| middle < *bound)
            .unwrap_or(last);
        dealt += rows.len();
        for row in rows {
            parts[row] = part;
        }
    }
    Ok(parts)
}

/// Rows of a nested random subset: for one seed the rows of a smaller fraction are among those of a
/// larger one.
///
/// Groups are taken whole, in the order of one seeded permutation, while the middle of the next
/// group lies within the share. Rows come back in ascending order.
///
/// # Errors
///
/// [`GenomeError::Argument`] unless `0 < fraction <= 1`, or if not even one group falls within it.
pub fn nested_subset<G: Ord>(groups: &[G], fraction: f64, seed: [u8; 32]) -> Result<Vec<usize>> {
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(GenomeError::argument(
            "train_fraction",
            "a number above 0 and at most 1",
            fraction,
        ));
    }
    let target = fraction * groups.len() as f64;
    let mut subset: Vec<usize> = Vec::new();
    for rows in permuted_groups(groups, seed) {
        if subset.len() as f64 + rows.len() as f64 / 2.0 > target {
            break;
        }
        subset.extend(rows);
    }
    if subset.is_empty() && !groups.is_empty() {
        return Err(GenomeError::argument(
            "train_fraction",
            "a share large enough for at least one group",
            format_args!("{fraction} of {} rows", groups.len()),
        ));
    }
    subset.sort_unstable();
    Ok(subset)
}

/// Rows of each group; the sorted groups in the order of a seeded permutation.
fn permuted_groups<G: Ord>(groups: &[G], seed: [u8; 32]) -> Vec<Vec<usize>> {
    let mut rows: BTreeMap<&G, Vec<usize>> = BTreeMap::new();
    for (row, group) in groups.iter().enumerate() {
        rows.entry(group).or_default().push(row);
    }
    let mut rows: Vec<Vec<usize>> = rows.into_values().collect();
    Draws::new(seed).shuffle(&mut rows);
    rows
}

/// Assigns rows to parts by their chromosome; `None` for chromosomes that no part names.
///
/// # Shapes
///
/// * `chromosomes` - chromosome of each row, `[N]`
/// * `parts` - the chromosomes of each part
/// * returns the part of each row, `[N]`
///
/// # Errors
///
/// [`GenomeError::Argument`] if two parts name a chromosome, or a named chromosome has no row (a
/// misspelled `2L` would otherwise give an empty test set).
pub fn split_chromosomes<S: AsRef<str>>(
    chromosomes: &[S],
    parts: &[Vec<String>],
) -> Result<Vec<Option<usize>>> {
    let mut part_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (part, names) in parts.iter().enumerate() {
        for name in names {
            if part_of
                .insert(name, part)
                .is_some_and(|other| other != part)
            {
                return Err(GenomeError::argument(
                    "chromosomes",
                    "each chromosome in one part only",
                    format_args!("`{name}` in two parts"),
                ));
            }
        }
    }
    let present: std::collections::BTreeSet<&str> = chromosomes.iter().map(AsRef::as_ref).collect();
    for name in part_of.keys() {
        if !present.contains(name) {
            let hint = nearest(name, present.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(GenomeError::argument(
                "chromosomes",
                "chromosomes that occur in the data",
                format_args!("`{name}`, which has no row{hint}"),
            ));
        }
    }
    Ok(chromosomes
        .iter()
        .map(|name| part_of.get(name.as_ref()).copied())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_are_met_and_groups_stay_whole() {
        let groups: Vec<u32> = (0..10_000).map(|row| row / 3).collect();
        let parts = split_groups(&groups, &[0.8, 0.1, 0.1], [5; 32]).unwrap();
        for (part, share) in [(0, 8000), (1, 1000), (2, 1000)] {
            let count = parts.iter().filter(|found| **found == part).count();
            assert!(count.abs_diff(share) <= 3, "part {part} has {count}");
        }
        assert!(groups.chunks(3).enumerate().all(|(chunk, _)| {
            let rows = &parts[3 * chunk..(3 * chunk + 3).min(parts.len())];
            rows.iter().all(|part| part == &rows[0])
        }));
        assert_ne!(
            parts,
            split_groups(&groups, &[0.8, 0.1, 0.1], [6; 32]).unwrap()
        );
    }

    #[test]
    fn row_order_makes_no_difference() {
        let groups: Vec<String> = (0..200).map(|row| format!("g{}", row % 37)).collect();
        let reversed: Vec<String> = groups.iter().rev().cloned().collect();
        let a = split_groups(&groups, &[0.5, 0.3, 0.2], [1; 32]).unwrap();
        let mut b = split_groups(&reversed, &[0.5, 0.3, 0.2], [1; 32]).unwrap();
        b.reverse();
        assert_eq!(a, b);
    }

    #[test]
    fn subset_sizes() {
        let groups: Vec<usize> = (0..1000).collect();
        for (fraction, count) in [(0.1, 100), (0.25, 250), (1.0, 1000)] {
            assert_eq!(
                nested_subset(&groups, fraction, [2; 32]).unwrap().len(),
                count
            );
        }
        assert!(nested_subset(&groups, 0.0, [2; 32]).is_err());
        assert!(nested_subset(&groups, f64::NAN, [2; 32]).is_err());
        assert!(nested_subset(&[0, 0, 0], 0.1, [2; 32]).is_err());
        assert!(split_groups(&groups, &[0.5, 0.4], [2; 32]).is_err());
        assert!(split_groups(&groups, &[1.5, -0.5], [2; 32]).is_err());
        assert!(split_groups::<u8>(&[], &[1.0], [2; 32]).unwrap().is_empty());
    }

    #[test]
    fn chromosomes_are_checked() {
        let rows = ["chr2L", "chr2R", "chrX", "chr2L"];
        let parts = [vec!["chrX".to_owned()], vec!["chr2L".to_owned()]];
        assert_eq!(
            split_chromosomes(&rows, &parts).unwrap(),
            [Some(1), None, Some(0), Some(1)]
        );
        let error = split_chromosomes(&rows, &[vec!["chr2l".to_owned()]])
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean `chr2L`?"), "{error}");
        let twice = [vec!["chrX".to_owned()], vec!["chrX".to_owned()]];
        assert!(split_chromosomes(&rows, &twice).is_err());
    }

    proptest! {
        #[test]
        fn subsets_are_nested(
            groups in proptest::collection::vec(0u8..20, 40..120),
            seed: [u8; 32],
            a in 0.3f64..1.0,
            b in 0.3f64..1.0,
        ) {
            let (small, large) = (a.min(b), a.max(b));
            if let Ok(small) = nested_subset(&groups, small, seed) {
                let large = nested_subset(&groups, large, seed).unwrap();
                prop_assert!(small.iter().all(|row| large.binary_search(row).is_ok()));
            }
        }
    }
}
