//! Attribution maps.

use serde::{Deserialize, Serialize};

use super::{ModelKind, Part};
use crate::number;

/// What the heights of a logo are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogoForm {
    /// One letter per position: the base that is there.
    #[default]
    Observed,
    /// A value for each of the four bases.
    Hypothetical,
    /// Probabilities of the four bases times the information of the position, in bits: a motif.
    Information,
}

/// A named stretch of a sequence, such as a motif instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogoSpan {
    /// First position, 0-based.
    pub start: usize,
    /// One past the last position.
    pub end: usize,
    /// Name.
    pub label: String,
}

/// One attribution map as a sequence logo.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logo {
    /// Identifier of the sequence; maps of one sequence, task, part and method share a figure and
    /// its scale.
    pub sequence: String,
    /// Name of the map within its figure, such as `ensemble`.
    pub title: String,
    /// What the model is.
    #[serde(default)]
    pub kind: ModelKind,
    /// Attribution method.
    #[serde(default)]
    pub method: String,
    /// Task.
    #[serde(default)]
    pub task: String,
    /// Part of the prediction that is explained.
    #[serde(default)]
    pub part: Part,
    /// What the heights are.
    #[serde(default)]
    pub form: LogoForm,
    /// Heights `[L, 4]` in the order A C G T, in the unit of the task; 0 draws nothing.
    #[serde(with = "number::quads")]
    pub heights: Vec<[f64; 4]>,
    /// Standard deviation per position `[L]` of the map over models; empty for none.
    #[serde(default, with = "number::many")]
    pub sd: Vec<f64>,
    /// Boxes over stretches of the sequence.
    #[serde(default)]
    pub spans: Vec<LogoSpan>,
    /// Draws negative letters upright instead of upside down.
    #[serde(default)]
    pub upright_negative: bool,
}

impl Logo {
    /// The information logo of a motif, given its probabilities `[W, 4]` in the order A C G T,
    /// against uniform bases: each position is `2 - entropy` bits high, and each letter its share
    /// of it.
    pub fn information(name: impl Into<String>, probabilities: &[[f64; 4]]) -> Self {
        let name = name.into();
        let heights = probabilities
            .iter()
            .map(|row| {
                let bits: f64 = row
                    .iter()
                    .filter(|p| **p > 0.0)
                    .map(|p| p * (4.0 * p).log2())
                    .sum();
                row.map(|p| p * bits)
            })
            .collect();
        Self {
            sequence: name.clone(),
            title: name,
            form: LogoForm::Information,
            heights,
            ..Self::default()
        }
    }

    /// The same map read along the other strand: positions turned around, A with T and C with G
    /// exchanged.
    pub fn reverse_complement(&self) -> Self {
        let length = self.heights.len();
        let heights = self.heights.iter().rev();
        let turned = |span: &LogoSpan| LogoSpan {
            start: length.saturating_sub(span.end),
            end: length.saturating_sub(span.start),
            label: span.label.clone(),
        };
        Self {
            sequence: format!("{} (reverse complement)", self.sequence),
            heights: heights.map(|[a, c, g, t]| [*t, *g, *c, *a]).collect(),
            sd: self.sd.iter().rev().copied().collect(),
            spans: self.spans.iter().rev().map(turned).collect(),
            ..self.clone()
        }
    }
}

/// One number on the agreement of maps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyRow {
    /// Attribution method.
    pub method: String,
    /// Task.
    pub task: String,
    /// Part of the prediction that is explained.
    #[serde(default)]
    pub part: Part,
    /// Whose maps are compared: members or students.
    pub kind: ModelKind,
    /// What was measured, such as `RMSE to the teacher's map` or `variability`.
    pub metric: String,
    /// Mean over sequences.
    #[serde(with = "number::one")]
    pub value: f64,
    /// Lower end of its confidence interval.
    #[serde(default)]
    pub ci_low: Option<f64>,
    /// Upper end of its confidence interval.
    #[serde(default)]
    pub ci_high: Option<f64>,
    /// Sequences.
    #[serde(default)]
    pub n: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_is_shared_among_letters() {
        let logo = Logo::information(
            "m",
            &[[1.0, 0.0, 0.0, 0.0], [0.25; 4], [0.0, 0.5, 0.5, 0.0]],
        );
        let expected = vec![[2.0, 0.0, 0.0, 0.0], [0.0; 4], [0.0, 0.5, 0.5, 0.0]];
        assert_eq!(logo.heights, expected);
    }

    #[test]
    fn turning_twice_changes_nothing_but_the_name() {
        let logo = Logo {
            sequence: "s".to_owned(),
            heights: vec![[1.0, 2.0, 3.0, 4.0], [0.0, 0.5, 0.0, 0.0]],
            sd: vec![0.1, 0.2],
            spans: vec![LogoSpan {
                start: 0,
                end: 1,
                label: "GATA1".to_owned(),
            }],
            ..Logo::default()
        };
        let turned = logo.reverse_complement();
        let expected = vec![[0.0, 0.0, 0.5, 0.0], [4.0, 3.0, 2.0, 1.0]];
        assert_eq!(turned.heights, expected);
        assert_eq!((turned.spans[0].start, turned.spans[0].end), (1, 2));
        let back = turned.reverse_complement();
        assert_eq!(back.heights, logo.heights);
        assert_eq!((back.sd, back.spans), (logo.sd, logo.spans));
    }
}
