//! Colors: Okabe and Ito's set, which survives the common kinds of color blindness. One color per
//! kind of model in every figure.

use crate::data::{ModelKind, Part};

/// Text.
pub(crate) const INK: &str = "#1d2733";
/// Secondary text.
pub(crate) const MUTED: &str = "#5d6b7a";
/// Axis lines.
pub(crate) const AXIS: &str = "#8c98a5";
/// Grid lines.
pub(crate) const GRID: &str = "#e7ebef";
/// Where a valid method stays.
pub(crate) const BAND: &str = "#dbe4ec";
/// Something that needs attention.
pub(crate) const ALERT: &str = "#b3261e";

/// Colors of series that are not kinds of models.
pub(crate) const SERIES: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#a6761d", "#5d6b7a",
];

/// Colors of A, C, G, T: distinguishable under the common kinds of color blindness.
pub(crate) const BASES: [&str; 4] = ["#009e73", "#0072b2", "#e69f00", "#d55e00"];

/// Color of a kind of model.
pub(crate) fn kind(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Member | ModelKind::MeanMember => "#7b8794",
        ModelKind::Ensemble => "#0072b2",
        ModelKind::Student | ModelKind::MeanStudent => "#d55e00",
        ModelKind::Baseline => "#009e73",
        ModelKind::Ceiling => "#1d2733",
    }
}

/// Color of a part of a prediction.
pub(crate) fn part(part: Part) -> &'static str {
    match part {
        Part::Mean => "#d55e00",
        Part::Epistemic => "#8e4585",
        Part::Aleatoric => "#009e73",
    }
}

/// A color between white (0) and dark (1) in the hue of `base`; `base` itself is at 0.65.
pub(crate) fn shade(base: &str, strength: f64) -> String {
    let channel = |at: usize| {
        base.get(at..at + 2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .map_or(0.0, f64::from)
    };
    let t = strength.clamp(0.0, 1.0);
    let mix = |value: f64| {
        let mixed = if t < 0.65 {
            255.0 + (value - 255.0) * (t / 0.65)
        } else {
            value * (1.0 - 0.6 * (t - 0.65) / 0.35)
        };
        mixed.round() as u8
    };
    format!(
        "#{:02x}{:02x}{:02x}",
        mix(channel(1)),
        mix(channel(3)),
        mix(channel(5))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_run_from_white_through_the_base() {
        assert_eq!(shade("#0072b2", 0.0), "#ffffff");
        assert_eq!(shade("#0072b2", 0.65), "#0072b2");
        assert_eq!(shade("#0072b2", 1.0), "#002e47");
    }
}
