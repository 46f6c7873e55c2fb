//! A conformal quantile for each group of rows (Mondrian): the guarantee holds within every group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scores::SortedScores;
use crate::alpha::Alpha;
use crate::check;
use crate::error::Result;

/// Scores of the calibration rows, apart for each group.
///
/// Groups come from sequence features, predictions or fixed edges ([`bin_of`](crate::bin_of)),
/// never from the labels of the calibration rows. A group too small for its level, or never seen in
/// calibration, has an infinite quantile.
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::mondrian::Mondrian;
///
/// let scores: Vec<f64> = (0..20).map(f64::from).collect();
/// let group: Vec<u32> = (0..20).map(|i| u32::from(i >= 10)).collect();
/// let fitted = Mondrian::fit(&scores, &group)?;
/// assert_eq!(fitted.quantiles_for(&[0, 1, 7], "0.1".parse()?), [9.0, 19.0, f64::INFINITY]);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mondrian {
    groups: BTreeMap<u32, SortedScores>,
}

impl Mondrian {
    /// Sorts the scores of each group.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for no rows, different lengths or a score that is not
    /// finite.
    pub fn fit(scores: &[f64], group: &[u32]) -> Result<Self> {
        check::at_least("scores", 1, scores.len())?;
        check::finite("scores", scores)?;
        check::length("group", scores.len(), group.len())?;
        let mut apart: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for (score, group) in scores.iter().zip(group) {
            apart.entry(*group).or_default().push(*score);
        }
        let sorted = apart
            .into_iter()
            .map(|(group, scores)| Ok((group, SortedScores::new(&scores)?)));
        Ok(Self {
            groups: sorted.collect::<Result<_>>()?,
        })
    }

    /// The groups seen in calibration with their scores.
    pub const fn groups(&self) -> &BTreeMap<u32, SortedScores> {
        &self.groups
    }

    /// The quantile of one group; +∞ if it is too small or unknown.
    pub fn quantile(&self, group: u32, alpha: Alpha) -> f64 {
        self.groups
            .get(&group)
            .map_or(f64::INFINITY, |scores| scores.quantile(alpha))
    }

    /// The quantile of each row's group; multiply by the row's scale and hand it to
    /// [`Intervals::around`](super::Intervals::around).
    pub fn quantiles_for(&self, group: &[u32], alpha: Alpha) -> Vec<f64> {
        group.iter().map(|g| self.quantile(*g, alpha)).collect()
    }

    /// Rows whose group was never seen in calibration, for the warning that their intervals are
    /// infinite.
    pub fn unknown(&self, group: &[u32]) -> usize {
        group
            .iter()
            .filter(|g| !self.groups.contains_key(g))
            .count()
    }
}

/// Joins small neighbouring bins until each has a finite quantile at `alpha`; returns the new bin
/// of each old one.
///
/// For ordered (numeric) bins only: categories have no neighbours. The decision rests on counts
/// alone, so that the guarantee holds within each merged bin. The smallest bin is joined with the
/// smaller of its neighbours (the lower one on ties) until all have at least
/// [`Alpha::smallest_calibration`] rows or one bin is left, which may still be too small. With
/// several levels, pass the smallest.
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::mondrian::merge_small;
/// assert_eq!(merge_small(&[4, 30, 5, 7, 12], "0.1".parse()?), [0, 0, 1, 1, 2]);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn merge_small(counts: &[usize], alpha: Alpha) -> Vec<u32> {
    let needed = alpha.smallest_calibration();
    // (rows, old bins) of each merged bin, in order.
    let mut merged: Vec<(usize, usize)> = counts.iter().map(|count| (*count, 1)).collect();
    while merged.len() > 1 {
        let Some(small) = (0..merged.len())
            .filter(|&b| merged[b].0 < needed)
            .min_by_key(|&b| merged[b].0)
        else {
            break;
        };
        let lower = small.checked_sub(1);
        let upper = (small + 1 < merged.len()).then_some(small + 1);
        let left = match (lower, upper) {
            (Some(l), Some(u)) if merged[u].0 < merged[l].0 => small,
            (Some(l), _) => l,
            (None, _) => small,
        };
        let (rows, bins) = merged.remove(left + 1);
        merged[left].0 += rows;
        merged[left].1 += bins;
    }
    merged
        .iter()
        .zip(0..)
        .flat_map(|((_, bins), new)| std::iter::repeat_n(new, *bins))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformal::conformal_quantile;

    #[test]
    fn one_group_is_the_plain_quantile() {
        let scores: Vec<f64> = (0..57).map(|i| f64::from(i * 31 % 57)).collect();
        let alpha = "0.13".parse().unwrap();
        let fitted = Mondrian::fit(&scores, &[3; 57]).unwrap();
        assert_eq!(
            fitted.quantile(3, alpha),
            conformal_quantile(&scores, alpha).unwrap()
        );
        assert_eq!(fitted.unknown(&[3, 4, 3]), 1);
        let read: Mondrian =
            serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        assert_eq!(read, fitted);
    }

    #[test]
    fn merging_stops_when_all_are_large_enough_or_one_is_left() {
        let alpha: Alpha = "0.1".parse().unwrap();
        assert_eq!(merge_small(&[9, 9, 9], alpha), [0, 1, 2]);
        assert_eq!(merge_small(&[2, 2, 2], alpha), [0, 0, 0]);
        assert_eq!(merge_small(&[0, 20, 3, 20, 0], alpha), [0, 0, 0, 1, 1]);
        assert!(merge_small(&[], alpha).is_empty());
    }
}
