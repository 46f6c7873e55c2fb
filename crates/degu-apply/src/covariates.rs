//! Properties of sequences that calibrators ask for: the same numbers for calibration rows and for
//! new sequences.

use degu_core::calibration::Covariate;
use degu_genome::{gc_content, kmer_shares};

/// Columns of `wanted` for sequences of `length` bp (codes, row-major `[N, L]`), side by side; with
/// their number.
///
/// GC content is a share of the known bases, 0 without one.
pub fn covariates(codes: &[u8], length: usize, wanted: &[Covariate]) -> (Vec<f64>, usize) {
    let parts: Vec<(Vec<f64>, usize)> = wanted
        .iter()
        .map(|covariate| match *covariate {
            Covariate::Gc => {
                let rows = codes.chunks_exact(length.max(1));
                (rows.map(|r| gc_content(r).unwrap_or(0.0)).collect(), 1)
            }
            Covariate::Kmers { k } => kmer_shares(codes, length, k),
        })
        .collect();
    let width = parts.iter().map(|p| p.1).sum();
    let rows = codes.len() / length.max(1);
    let all = (0..rows)
        .flat_map(|row| {
            parts
                .iter()
                .flat_map(move |(v, w)| v[row * w..(row + 1) * w].iter().copied())
        })
        .collect();
    (all, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_side_by_side() {
        let codes = [1, 2, 0, 3, 0, 0, 0, 0];
        let wanted = [Covariate::Gc, Covariate::Kmers { k: 1 }];
        let (values, width) = covariates(&codes, 4, &wanted);
        assert_eq!((values, width), (vec![0.5, 0.5, 0.5, 0.0, 1.0, 0.0], 3));
    }
}
