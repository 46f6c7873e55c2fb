//! How high a logo reaches, and which stretch of it deserves a closer look.

use std::ops::Range;

use crate::data::Logo;

/// Positions of the enlarged stretch.
const ZOOM: usize = 56;

/// Lowest and highest edge of any stack or error bar, with 0 inside.
pub(super) fn extent(maps: &[&Logo], range: Range<usize>) -> (f64, f64) {
    let (mut low, mut high) = (0.0f64, 0.0f64);
    for map in maps {
        for i in range.clone() {
            let Some(heights) = map.heights.get(i) else {
                continue;
            };
            let (down, up) = stack_ends(heights);
            let sd = map
                .sd
                .get(i)
                .copied()
                .filter(|sd| sd.is_finite())
                .unwrap_or(0.0);
            high = high.max(up + if up > 0.0 { sd } else { 0.0 });
            low = low.min(down - if down < 0.0 { sd } else { 0.0 });
        }
    }
    let spread = if high > low { high - low } else { 1.0 };
    (low - 0.04 * spread, high + 0.04 * spread)
}

pub(super) fn stack_ends(heights: &[f64; 4]) -> (f64, f64) {
    let finite = || heights.iter().copied().filter(|h| h.is_finite());
    (
        finite().filter(|h| *h < 0.0).sum(),
        finite().filter(|h| *h > 0.0).sum(),
    )
}

/// The stretch of [`ZOOM`] positions with the largest sum of absolute heights over all maps.
pub(super) fn strongest(maps: &[&Logo], length: usize) -> Range<usize> {
    let weight: Vec<f64> = (0..length)
        .map(|i| {
            maps.iter()
                .filter_map(|m| m.heights.get(i))
                .flatten()
                .filter(|h| h.is_finite())
                .map(|h| h.abs())
                .sum()
        })
        .collect();
    let sum = |start: usize| -> f64 { weight[start..start + ZOOM].iter().sum() };
    let start = (0..=length - ZOOM)
        .map(|start| (start, sum(start)))
        .fold((0, f64::NEG_INFINITY), |best, next| {
            if next.1 > best.1 { next } else { best }
        })
        .0;
    start..start + ZOOM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_stretch_holds_the_peak() {
        let mut heights = vec![[0.0; 4]; 200];
        heights[150][2] = 3.0;
        heights[160][0] = -2.0;
        let map = Logo {
            heights,
            ..Logo::default()
        };
        let range = strongest(&[&map], 200);
        assert!(range.contains(&150) && range.contains(&160) && range.len() == ZOOM);
    }

    #[test]
    fn stacks_reach_their_sums() {
        assert_eq!(stack_ends(&[1.0, -2.0, 0.5, f64::NAN]), (-2.0, 1.5));
    }
}
