//! Clipping of gradients by their global norm.

use std::collections::BTreeMap;

/// Numbers per partial sum; fixed, so the norm does not depend on threads or on how tensors are
/// laid out.
const CHUNK: usize = 4096;

/// Euclidean norm of all gradients together, summed in f64 in the order of the names.
pub fn global_norm<'a>(gradients: impl IntoIterator<Item = &'a [f32]>) -> f64 {
    let mut total = 0.0;
    for values in gradients {
        for chunk in values.chunks(CHUNK) {
            total += chunk
                .iter()
                .map(|g| f64::from(*g) * f64::from(*g))
                .sum::<f64>();
        }
    }
    total.sqrt()
}

/// Scales all gradients so that their global norm is at most `limit`; returns the norm before.
///
/// A norm that is not finite leaves the gradients as they are: the caller decides what a diverged
/// step means.
pub fn clip_global_norm(gradients: &mut BTreeMap<String, Vec<f32>>, limit: f64) -> f64 {
    let norm = global_norm(gradients.values().map(Vec::as_slice));
    if norm.is_finite() && norm > limit {
        let scale = (limit / norm) as f32;
        for g in gradients.values_mut().flatten() {
            *g *= scale;
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_gradient_gets_the_limit_as_norm() {
        let mut gradients = BTreeMap::from([
            ("a".to_owned(), vec![3.0f32; 5000]),
            ("b".to_owned(), vec![-4.0f32; 5000]),
        ]);
        let before = clip_global_norm(&mut gradients, 1.0);
        assert!((before - (5000.0f64 * 25.0).sqrt()).abs() < 1e-9);
        assert!((global_norm(gradients.values().map(Vec::as_slice)) - 1.0).abs() < 1e-6);
        let kept = gradients.clone();
        clip_global_norm(&mut gradients, 2.0);
        assert_eq!(gradients, kept);
    }

    #[test]
    fn a_norm_that_is_not_finite_changes_nothing() {
        let mut gradients = BTreeMap::from([("a".to_owned(), vec![1.0, f32::NAN])]);
        assert!(clip_global_norm(&mut gradients, 1.0).is_nan());
        assert_eq!(gradients["a"][0].to_bits(), 1f32.to_bits());
    }
}
