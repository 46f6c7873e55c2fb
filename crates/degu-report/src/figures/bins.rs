//! Error by predicted uncertainty: the numbers behind the figures of selective prediction.

use crate::data::Scatter;

/// Sequences with a similar predicted uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bin {
    /// Mean predicted standard deviation.
    pub(super) sd: f64,
    /// Mean absolute error.
    pub(super) error: f64,
    /// Standard error of that mean.
    pub(super) standard_error: f64,
    /// Sequences.
    pub(super) n: usize,
}

/// Pairs of predicted standard deviation and absolute error that are finite, sorted by the former.
pub(super) fn pairs(scatter: &Scatter) -> Vec<(f64, f64)> {
    let mut pairs: Vec<(f64, f64)> = scatter
        .points
        .iter()
        .filter_map(|p| {
            Some((
                p.epistemic.or_else(|| p.total())?,
                (p.mean - p.measured).abs(),
            ))
        })
        .filter(|(sd, error)| sd.is_finite() && error.is_finite())
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs
}

/// Cuts sorted pairs into at most ten bins of equal size, each of at least five sequences.
pub(super) fn bins(pairs: &[(f64, f64)]) -> Vec<Bin> {
    let wanted = (pairs.len() / 5).clamp(1, 10);
    (0..wanted)
        .map(|i| &pairs[i * pairs.len() / wanted..(i + 1) * pairs.len() / wanted])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let n = part.len() as f64;
            let error = part.iter().map(|p| p.1).sum::<f64>() / n;
            let variance =
                part.iter().map(|p| (p.1 - error).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
            Bin {
                sd: part.iter().map(|p| p.0).sum::<f64>() / n,
                error,
                standard_error: (variance / n).sqrt(),
                n: part.len(),
            }
        })
        .collect()
}

/// Root mean square error of the first share of the sequences in the order given, for shares from
/// 10 % to 100 %.
pub(super) fn risk(errors: &[f64]) -> Vec<(f64, f64)> {
    if errors.is_empty() {
        return Vec::new();
    }
    (2..=20)
        .map(|i| {
            let share = f64::from(i) / 20.0;
            let kept = ((share * errors.len() as f64).round() as usize).clamp(1, errors.len());
            let square = errors[..kept].iter().map(|e| e * e).sum::<f64>() / kept as f64;
            (share, square.sqrt())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Point;

    #[test]
    fn bins_hold_all_sequences_once_and_know_their_mean() {
        let points = (0..103)
            .map(|i| Point {
                measured: 0.0,
                mean: f64::from(i),
                epistemic: Some(f64::from(i) / 10.0),
                ..Point::default()
            })
            .chain([Point {
                measured: f64::NAN,
                epistemic: Some(1.0),
                ..Point::default()
            }])
            .collect();
        let pairs = pairs(&Scatter {
            points,
            ..Scatter::default()
        });
        let bins = bins(&pairs);
        assert_eq!(bins.len(), 10);
        assert_eq!(bins.iter().map(|b| b.n).sum::<usize>(), 103);
        // 0 to 9: mean 4.5, variance 55/6, standard error sqrt(55/60).
        assert!((bins[0].error - 4.5).abs() < 1e-12);
        assert!((bins[0].standard_error - (55.0f64 / 60.0).sqrt()).abs() < 1e-12);
        assert!((bins[0].sd - 0.45).abs() < 1e-12);
    }

    #[test]
    fn risk_of_sorted_errors_rises_to_the_rmse() {
        let risk = risk(&[1.0, 1.0, 2.0, 2.0]);
        assert!((risk[8].0 - 0.5).abs() < 1e-12 && (risk[8].1 - 1.0).abs() < 1e-12);
        assert!((risk[18].1 - 2.5f64.sqrt()).abs() < 1e-12);
        assert!(super::risk(&[]).is_empty() && bins(&[]).is_empty());
    }
}
