//! Clouds of points: dots colored by how many lie nearby, hexagons above [`BINNED_ABOVE`] points.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::palette::shade;
use crate::panel::Panel;
use crate::svg::{Svg, px};

/// More points than this are drawn as a hexagonal histogram.
pub(crate) const BINNED_ABOVE: usize = 5000;

const CLASSES: usize = 7;

/// Draws the points of a cloud; returns how many had a non-finite coordinate and are not drawn.
pub(crate) fn cloud(svg: &mut Svg, panel: &Panel, points: &[(f64, f64)], color: &str) -> usize {
    let places: Vec<(f64, f64)> = points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|&(x, y)| (panel.px(x), panel.py(y)))
        .collect();
    if places.len() > BINNED_ABOVE {
        hexagons(svg, panel, &places, color);
    } else {
        dots(svg, &places, color);
    }
    points.len() - places.len()
}

/// Class of a count, 0 to `CLASSES - 1`, on a scale that opens the sparse end.
fn class(count: usize, most: usize) -> usize {
    if most <= 1 {
        return CLASSES / 2;
    }
    let t = ((count.max(1) - 1) as f64 / (most - 1) as f64).powf(0.55);
    ((t * CLASSES as f64) as usize).min(CLASSES - 1)
}

fn strength(class: usize) -> f64 {
    0.26 + 0.66 * class as f64 / (CLASSES - 1) as f64
}

fn dots(svg: &mut Svg, places: &[(f64, f64)], color: &str) {
    let cell = 9.0;
    let key = |x: f64, y: f64| ((x / cell).floor() as i64, (y / cell).floor() as i64);
    let mut counts: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for &(x, y) in places {
        *counts.entry(key(x, y)).or_default() += 1;
    }
    // The count of the cell and its neighbors, so that a border between cells does not show.
    let nearby = |x: f64, y: f64| -> usize {
        let (column, row) = key(x, y);
        (-1..=1)
            .flat_map(|dx| (-1..=1).map(move |dy| (column + dx, row + dy)))
            .filter_map(|cell| counts.get(&cell))
            .sum()
    };
    let near: Vec<usize> = places.iter().map(|&(x, y)| nearby(x, y)).collect();
    let most = near.iter().copied().max().unwrap_or(1);
    let size = if places.len() > 1500 {
        2.6
    } else if places.len() > 300 {
        3.4
    } else {
        5.0
    };
    let mut paths = vec![String::new(); CLASSES];
    for (&(x, y), &count) in places.iter().zip(&near) {
        // Few points have no density to speak of: one color.
        let class = if places.len() > 60 {
            class(count, most)
        } else {
            CLASSES / 2
        };
        let _ = write!(paths[class], "M{} {}h0", px(x), px(y));
    }
    for (class, path) in paths
        .iter()
        .enumerate()
        .filter(|(_, path)| !path.is_empty())
    {
        svg.path(path)
            .a("fill", "none")
            .stroke(&shade(color, strength(class)), size)
            .a("stroke-linecap", "round")
            .end();
    }
}

fn hexagons(svg: &mut Svg, panel: &Panel, places: &[(f64, f64)], color: &str) {
    let radius = (panel.width / 75.0).max(3.2);
    let (step_x, step_y) = (radius * 3f64.sqrt(), radius * 1.5);
    let mut counts: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for &(x, y) in places {
        *counts
            .entry(hexagon(x - panel.left, y - panel.top, step_x, step_y))
            .or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(1);
    let mut paths = vec![String::new(); CLASSES];
    let (dx, dy) = (step_x / 2.0, radius / 2.0);
    for (&(column, row), &count) in &counts {
        let x =
            panel.left + (column as f64 + if row.rem_euclid(2) == 1 { 0.5 } else { 0.0 }) * step_x;
        let y = panel.top + row as f64 * step_y;
        let _ = write!(
            paths[class(count, most)],
            "M{} {}l{} {}v{}l{} {}l{} {}v{}Z",
            px(x),
            px(y - radius),
            px(dx),
            px(dy),
            px(radius),
            px(-dx),
            px(dy),
            px(-dx),
            px(-dy),
            px(-radius)
        );
    }
    for (class, path) in paths
        .iter()
        .enumerate()
        .filter(|(_, path)| !path.is_empty())
    {
        svg.path(path).fill(&shade(color, strength(class))).end();
    }
}

/// Column and row of the hexagon that holds a place: the nearer center of the two rows around it.
fn hexagon(x: f64, y: f64, step_x: f64, step_y: f64) -> (i64, i64) {
    let row = (y / step_y).floor() as i64;
    let candidate = |row: i64| {
        let shift = if row.rem_euclid(2) == 1 { 0.5 } else { 0.0 };
        let column = (x / step_x - shift).round();
        let (cx, cy) = ((column + shift) * step_x, row as f64 * step_y);
        ((column as i64, row), (cx - x).hypot(cy - y))
    };
    let (lower, upper) = (candidate(row), candidate(row + 1));
    if lower.1 <= upper.1 { lower.0 } else { upper.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_center_falls_into_its_own_hexagon() {
        let (sx, sy) = (10.0 * 3f64.sqrt(), 15.0);
        for row in -3i64..4 {
            for column in -3i64..4 {
                let shift = if row.rem_euclid(2) == 1 { 0.5 } else { 0.0 };
                let (x, y) = ((column as f64 + shift) * sx, row as f64 * sy);
                for (dx, dy) in [(0.0, 0.0), (8.0, 0.0), (-8.0, 0.0), (0.0, 9.0), (0.0, -9.0)] {
                    assert_eq!(
                        hexagon(x + dx, y + dy, sx, sy),
                        (column, row),
                        "{row} {column} {dx} {dy}"
                    );
                }
            }
        }
    }

    #[test]
    fn classes_cover_their_range() {
        assert_eq!(class(1, 100), 0);
        assert_eq!(class(100, 100), CLASSES - 1);
        assert_eq!(class(1, 1), CLASSES / 2);
    }
}
