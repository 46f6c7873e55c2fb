//! The rows that each member trains on.

use std::collections::BTreeMap;

use degu_config::{Study, Vary};
use degu_core::{Seed, Split};

use crate::{error::Result, results::PreparedData};

/// The rows that member `k` of a replicate trains on; a row that was drawn twice stands there
/// twice.
pub(crate) fn training_rows(
    study: &Study,
    root: &Seed,
    k: usize,
    data: &PreparedData,
) -> Result<Vec<usize>> {
    let train = data.rows(Split::Train);
    if study.ensemble.vary.contains(&Vary::Bootstrap) {
        let seed = root.child(format!("member/{k}")).child("bootstrap");
        return Ok(bootstrap(&train, &data.group, &seed));
    }
    if study.ensemble.vary.contains(&Vary::Folds) {
        let members = study.ensemble.members;
        let groups: Vec<u64> = train.iter().map(|r| data.group[*r]).collect();
        let equal = vec![1.0 / members as f64; members];
        let fold = degu_genome::split_groups(&groups, &equal, root.child("folds").bytes())?;
        let rows = train.into_iter().zip(fold);
        return Ok(rows.filter(|(_, f)| *f != k).map(|(r, _)| r).collect());
    }
    Ok(train)
}

/// Groups drawn with replacement, as many as there are.
fn bootstrap(rows: &[usize], group: &[u64], seed: &Seed) -> Vec<usize> {
    use rand::RngExt as _;
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for row in rows {
        groups.entry(group[*row]).or_default().push(*row);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let mut rng = seed.rng();
    (0..groups.len())
        .flat_map(|_| groups[rng.random_range(0..groups.len())].clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_draws_whole_groups() {
        let rows: Vec<usize> = (0..40).collect();
        let group: Vec<u64> = (0..40).map(|i| i / 2).collect();
        let drawn = bootstrap(&rows, &group, &Seed::root(3));
        assert_eq!(drawn.len(), 40);
        for pair in drawn.chunks(2) {
            assert_eq!(pair[0] + 1, pair[1]);
        }
        assert_ne!(drawn, rows);
    }
}
