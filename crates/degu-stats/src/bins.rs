//! Bins of equal width or equal count, and histograms.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::order::argsort;

/// How rows are cut into bins by a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binning {
    /// Equal-width bins between the smallest and the largest value; a bin may be empty.
    EqualWidth,
    /// Bins of equal count in stable order; the first `n mod bins` hold one row more.
    #[default]
    EqualCount,
}

impl Binning {
    /// Row indices of each bin, in ascending order of `values`; empty bins are kept.
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`] for no rows or no bins, [`StatsError::NotFinite`] for a NaN or an
    /// infinity.
    pub fn rows(self, values: &[f64], bins: usize) -> Result<Vec<Vec<usize>>> {
        check::at_least("bins", 1, bins)?;
        check::at_least("values", 1, values.len())?;
        check::finite("values", values)?;
        Ok(match self {
            Self::EqualCount => {
                let order = argsort(values);
                equal_parts(values.len(), bins)
                    .map(|part| order[part].to_vec())
                    .collect()
            }
            Self::EqualWidth => {
                let edges = equal_width_edges(values, bins);
                let mut rows = vec![Vec::new(); bins];
                for (row, &value) in values.iter().enumerate() {
                    rows[bin_of(value, &edges)].push(row);
                }
                rows
            }
        })
    }
}

/// `n` rows cut into `parts` consecutive ranges whose lengths differ by at most one, the longer
/// ones first.
pub(crate) fn equal_parts(n: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let (size, longer) = (n / parts, n % parts);
    (0..parts).map(move |part| {
        let start = part * size + part.min(longer);
        start..start + size + usize::from(part < longer)
    })
}

/// `bins + 1` equally spaced edges from the smallest to the largest value.
fn equal_width_edges(values: &[f64], bins: usize) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..=bins).map(|i| i as f64 * step + low).collect();
    edges[bins] = high;
    edges
}

/// The bin i with `edges[i] <= value < edges[i + 1]`; values beyond the ends belong to the first
/// and last bin.
///
/// `edges` must be sorted and hold at least two values.
///
/// # Examples
///
/// ```
/// use degu_stats::bin_of;
/// let gc = [0.0, 0.35, 0.45, 1.0];
/// assert_eq!((bin_of(0.35, &gc), bin_of(0.449, &gc), bin_of(2.0, &gc)), (1, 1, 2));
/// ```
pub fn bin_of(value: f64, edges: &[f64]) -> usize {
    let inner = if edges.len() < 2 {
        &[]
    } else {
        &edges[1..edges.len() - 1]
    };
    inner.partition_point(|&edge| edge <= value)
}

/// Counts of `values` in bins between sorted `edges`, the last bin closed on both sides.
///
/// Returns the counts and the number of values outside.
///
/// # Errors
///
/// [`StatsError::NotFinite`] for a NaN, [`StatsError::TooFew`] for fewer than two edges,
/// [`StatsError::Parameter`] for edges that are not strictly ascending.
pub fn histogram(values: &[f64], edges: &[f64]) -> Result<(Vec<u64>, u64)> {
    check::not_nan("values", values)?;
    check::at_least("edges", 2, edges.len())?;
    if let Some(pair) = edges
        .windows(2)
        .find(|pair| pair[0].partial_cmp(&pair[1]) != Some(std::cmp::Ordering::Less))
    {
        return Err(StatsError::Parameter {
            name: "edges",
            expected: "strictly ascending",
            found: pair[1],
        });
    }
    let (first, last) = (edges[0], edges[edges.len() - 1]);
    let mut counts = vec![0; edges.len() - 1];
    let mut outside = 0;
    for &value in values {
        if value < first || value > last {
            outside += 1;
        } else {
            counts[bin_of(value, edges)] += 1;
        }
    }
    Ok((counts, outside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_counts_give_the_first_bins_the_spare_rows() {
        let rows = Binning::EqualCount
            .rows(&[5.0, 4.0, 3.0, 2.0, 1.0], 3)
            .unwrap();
        assert_eq!(rows, [vec![4, 3], vec![2, 1], vec![0]]);
    }

    #[test]
    fn equal_widths_keep_empty_bins_and_take_a_constant_column() {
        let rows = Binning::EqualWidth.rows(&[0.0, 0.1, 1.0], 4).unwrap();
        assert_eq!(rows, [vec![0, 1], vec![], vec![], vec![2]]);
        assert_eq!(
            Binning::EqualWidth
                .rows(&[1.0, 1.0], 2)
                .unwrap()
                .iter()
                .map(Vec::len)
                .sum::<usize>(),
            2
        );
    }

    #[test]
    fn histogram_closes_the_last_bin_and_counts_the_rest() {
        assert_eq!(
            histogram(&[0.0, 0.5, 1.0, 2.0, -1.0], &[0.0, 0.5, 1.0]).unwrap(),
            (vec![1, 2], 2)
        );
        assert!(histogram(&[0.0], &[0.0, 0.0]).is_err());
    }
}
