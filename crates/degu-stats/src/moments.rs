//! Moments over the members of an ensemble: mean, epistemic and aleatoric standard deviation, their
//! ceiling.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::metrics::pearson;
use crate::special::ln_gamma;

/// Divisor of a variance over `M` members: 0, 1 or "c4".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Ddof {
    /// `M`, as published; shrinks the spread by .564 at M = 2 and .923 at M = 10.
    #[default]
    Zero,
    /// `M - 1`.
    One,
    /// `M - 1`, and the standard deviation divided by c4(M), which makes it unbiased for normal
    /// values.
    C4,
}

/// A divisor as files have it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u8),
    Word(String),
}

impl From<Ddof> for Written {
    fn from(ddof: Ddof) -> Self {
        match ddof {
            Ddof::Zero => Self::Number(0),
            Ddof::One => Self::Number(1),
            Ddof::C4 => Self::Word("c4".to_owned()),
        }
    }
}

impl TryFrom<Written> for Ddof {
    type Error = &'static str;

    fn try_from(written: Written) -> std::result::Result<Self, Self::Error> {
        match written {
            Written::Number(0) => Ok(Self::Zero),
            Written::Number(1) => Ok(Self::One),
            Written::Word(word) if word == "c4" => Ok(Self::C4),
            _ => Err("expected 0, 1 or \"c4\""),
        }
    }
}

impl JsonSchema for Ddof {
    fn schema_name() -> Cow<'static, str> {
        "Ddof".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [0, 1, "c4"] })
    }
}

impl Ddof {
    /// Fewest members for which the spread is defined.
    pub const fn fewest_members(self) -> usize {
        match self {
            Self::Zero => 1,
            Self::One | Self::C4 => 2,
        }
    }
}

/// c4(M) = E[sd with M − 1]/σ of M normal values, √(2/(M−1))·Γ(M/2)/Γ((M−1)/2).
///
/// # Errors
///
/// [`StatsError::TooFew`] below two members.
///
/// # Examples
///
/// ```
/// assert!((degu_stats::moments::c4(10)? - 0.972659).abs() < 1e-6);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
pub fn c4(members: usize) -> Result<f64> {
    check::at_least("members", 2, members)?;
    let m = members as f64;
    Ok((2.0 / (m - 1.0)).sqrt() * (ln_gamma(m / 2.0) - ln_gamma((m - 1.0) / 2.0)).exp())
}

/// Streaming moments over members (Welford), one value for each cell (row × task).
///
/// Members arrive one by one and are never all in memory. Feed them in a fixed order and the result
/// is the same to the last bit.
///
/// # Examples
///
/// ```
/// use degu_stats::moments::{Ddof, EnsembleMoments};
///
/// let mut teacher = EnsembleMoments::new(2);
/// teacher.push(&[1.0, 4.0], None)?;
/// teacher.push(&[3.0, 4.0], None)?;
/// assert_eq!(teacher.mean(), [2.0, 4.0]);
/// assert_eq!(teacher.epistemic(Ddof::Zero)?, [1.0, 0.0]);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnsembleMoments {
    members: usize,
    members_with_aleatoric: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
    aleatoric_var: Vec<f64>,
}

impl EnsembleMoments {
    /// No members yet, `cells` values each.
    pub fn new(cells: usize) -> Self {
        Self {
            members: 0,
            members_with_aleatoric: 0,
            mean: vec![0.0; cells],
            squares: vec![0.0; cells],
            aleatoric_var: vec![0.0; cells],
        }
    }

    /// Adds one member: its means and, where it has them, its aleatoric standard deviations.
    ///
    /// # Errors
    ///
    /// [`StatsError::Length`] for another number of cells, [`StatsError::NotFinite`] for a value
    /// that is not finite, [`StatsError::Scale`] for a negative standard deviation,
    /// [`StatsError::Missing`] if only some members bring an aleatoric part. The state is unchanged
    /// after an error.
    pub fn push(&mut self, mean: &[f64], aleatoric: Option<&[f64]>) -> Result<()> {
        check::column("member mean", mean, self.mean.len())?;
        if self.members > 0 && aleatoric.is_some() != (self.members_with_aleatoric > 0) {
            return Err(StatsError::Missing {
                name: "member aleatoric",
                wanted_by: "every member or none",
            });
        }
        if let Some(aleatoric) = aleatoric {
            check::column("member aleatoric", aleatoric, self.mean.len())?;
            if let Some(row) = aleatoric.iter().position(|s| *s < 0.0) {
                return Err(StatsError::Scale {
                    name: "member aleatoric",
                    row,
                    value: aleatoric[row],
                });
            }
            self.members_with_aleatoric += 1;
            let count = self.members_with_aleatoric as f64;
            for (var, s) in self.aleatoric_var.iter_mut().zip(aleatoric) {
                *var += (s * s - *var) / count;
            }
        }
        self.members += 1;
        let count = self.members as f64;
        for ((centre, squares), value) in self.mean.iter_mut().zip(&mut self.squares).zip(mean) {
            let before = value - *centre;
            *centre += before / count;
            *squares += before * (value - *centre);
        }
        Ok(())
    }

    /// Members so far.
    pub const fn members(&self) -> usize {
        self.members
    }

    /// Mean over members, one a cell.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance over members, one a cell (for `C4` the square of the unbiased standard deviation).
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`] for fewer members than `ddof` needs.
    pub fn epistemic_var(&self, ddof: Ddof) -> Result<Vec<f64>> {
        check::at_least("members", ddof.fewest_members(), self.members)?;
        let m = self.members as f64;
        let divisor = match ddof {
            Ddof::Zero => m,
            Ddof::One => m - 1.0,
            Ddof::C4 => (m - 1.0) * c4(self.members)?.powi(2),
        };
        Ok(self.squares.iter().map(|s| s / divisor).collect())
    }

    /// Epistemic standard deviation, one a cell.
    ///
    /// # Errors
    ///
    /// As [`epistemic_var`](Self::epistemic_var).
    pub fn epistemic(&self, ddof: Ddof) -> Result<Vec<f64>> {
        Ok(self
            .epistemic_var(ddof)?
            .into_iter()
            .map(f64::sqrt)
            .collect())
    }

    /// ln(variance + floor²), the label of a log-variance head.
    ///
    /// # Errors
    ///
    /// As [`epistemic_var`](Self::epistemic_var), and [`StatsError::Parameter`] unless `floor` is
    /// positive: without it members that agree give −∞.
    pub fn log_var(&self, ddof: Ddof, floor: f64) -> Result<Vec<f64>> {
        if !(floor.is_finite() && floor > 0.0) {
            return Err(StatsError::Parameter {
                name: "floor",
                expected: "positive and finite",
                found: floor,
            });
        }
        Ok(self
            .epistemic_var(ddof)?
            .into_iter()
            .map(|v| (v + floor * floor).ln())
            .collect())
    }

    /// Aleatoric standard deviation √(mean of the members' variances); `None` if members have none.
    pub fn aleatoric(&self) -> Option<Vec<f64>> {
        (self.members_with_aleatoric > 0)
            .then(|| self.aleatoric_var.iter().map(|v| v.sqrt()).collect())
    }

    /// Total standard deviation √(epistemic² + aleatoric²); the epistemic one alone if members have
    /// no other.
    ///
    /// # Errors
    ///
    /// As [`epistemic_var`](Self::epistemic_var).
    pub fn total(&self, ddof: Ddof) -> Result<Vec<f64>> {
        let epistemic = self.epistemic_var(ddof)?;
        Ok(epistemic
            .iter()
            .zip(&self.aleatoric_var)
            .map(|(e, a)| (e + a).sqrt())
            .collect())
    }
}

/// How well a student could correlate with the label at all, given the label's own noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpistemicCeiling {
    /// Pearson correlation of the spreads of the two halves of the members.
    pub half: f64,
    /// Reliability of the full label, 2r/(1 + r) (Spearman–Brown); 0 for a negative `half`.
    pub reliability: f64,
    /// √reliability, the largest correlation to expect.
    pub ceiling: f64,
}

/// Ceiling of the epistemic correlation from the spreads of two halves of the members.
///
/// Returns `None` if either spread is constant.
///
/// # Errors
///
/// As [`pearson`].
pub fn epistemic_ceiling(half_a: &[f64], half_b: &[f64]) -> Result<Option<EpistemicCeiling>> {
    Ok(pearson(half_a, half_b)?.map(|half| {
        let reliability = if half > 0.0 {
            2.0 * half / (1.0 + half)
        } else {
            0.0
        };
        EpistemicCeiling {
            half,
            reliability,
            ceiling: reliability.sqrt(),
        }
    }))
}

/// Largest attainable Pearson correlation with a spread of M normal members, when the true spread
/// has coefficient of variation `cv` over sequences: c4·v/√(c4²v² + (1 − c4²)(1 + v²)).
///
/// # Errors
///
/// [`StatsError::TooFew`] below two members, [`StatsError::Parameter`] for a negative `cv`.
pub fn attainable_pearson(members: usize, cv: f64) -> Result<f64> {
    if !(cv.is_finite() && cv >= 0.0) {
        return Err(StatsError::Parameter {
            name: "cv",
            expected: "zero or positive",
            found: cv,
        });
    }
    let c = c4(members)?;
    let signal = c * c * cv * cv;
    Ok((signal / (signal + (1.0 - c * c) * (1.0 + cv * cv))).sqrt())
}

/// Largest attainable Pearson correlation with the standard deviations (ddof 1) of `replicates`
/// normal measurements, of which `spreads` are a sample: the coefficient of variation v of the true
/// spreads follows from E\[s\] = c4 E\[σ\] and E\[s²\] = E\[σ²\], as v² = c4² E\[s²\]/E\[s\]² − 1,
/// and [`attainable_pearson`] from v.
///
/// 0 if the spreads vary no more than those of equal noise would; `None` if all are zero. Tails
/// heavier than normal raise it.
///
/// # Errors
///
/// [`StatsError::TooFew`] below two replicates or without spreads, [`StatsError::NotFinite`].
pub fn replicate_ceiling(spreads: &[f64], replicates: usize) -> Result<Option<f64>> {
    check::at_least("spreads", 1, spreads.len())?;
    check::finite("spreads", spreads)?;
    let c = c4(replicates)?;
    let n = spreads.len() as f64;
    let first = spreads.iter().sum::<f64>() / n;
    let second = spreads.iter().map(|s| s * s).sum::<f64>() / n;
    if first <= 0.0 {
        return Ok(None);
    }
    let cv = (c * c * second / (first * first) - 1.0).max(0.0).sqrt();
    attainable_pearson(replicates, cv).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_match_the_derived_table() {
        for (members, row) in [
            (2, [0.31, 0.51, 0.68]),
            (5, [0.56, 0.78, 0.89]),
            (10, [0.71, 0.88, 0.95]),
        ] {
            for (cv, want) in [0.25, 0.5, 1.0].into_iter().zip(row) {
                assert!(
                    (attainable_pearson(members, cv).unwrap() - want).abs() < 0.0051,
                    "M {members}, cv {cv}"
                );
            }
        }
        let ceiling = epistemic_ceiling(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0])
            .unwrap()
            .unwrap();
        assert!((ceiling.reliability - 2.0 / 3.0).abs() < 1e-15);
        assert!(
            epistemic_ceiling(&[1.0, 1.0], &[1.0, 2.0])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn spreads_of_replicates_tell_their_ceiling() {
        // sigma of 1 and 3 by turns: cv 1/2. Halves of normal quantiles stand for |x1 - x2| / sqrt
        // 2 of two replicates.
        let half_normal: Vec<f64> = (0..4000)
            .map(|i| crate::special::normal_quantile(0.5 + (f64::from(i) + 0.5) / 8000.0))
            .collect();
        let spreads: Vec<f64> = half_normal.iter().flat_map(|z| [*z, 3.0 * z]).collect();
        let found = replicate_ceiling(&spreads, 2).unwrap().unwrap();
        let wanted = attainable_pearson(2, 0.5).unwrap();
        assert!((found - wanted).abs() < 2e-3, "{found} and {wanted}");
        let true_spreads: Vec<f64> = half_normal.iter().flat_map(|_| [1.0, 3.0]).collect();
        let reached = pearson(&true_spreads, &spreads).unwrap().unwrap();
        assert!((found - reached).abs() < 2e-3, "{found} and {reached}");
        let equal = replicate_ceiling(&half_normal, 2).unwrap().unwrap();
        assert!(equal < 0.05, "{equal}");
        assert_eq!(replicate_ceiling(&[0.0, 0.0], 2).unwrap(), None);
        assert!(replicate_ceiling(&[], 2).is_err());
        assert!(replicate_ceiling(&[1.0], 1).is_err());
    }

    #[test]
    fn too_few_members_and_mixed_members_are_errors() {
        let mut one = EnsembleMoments::new(1);
        assert!(one.epistemic(Ddof::Zero).is_err());
        one.push(&[1.0], Some(&[0.5])).unwrap();
        assert_eq!(one.epistemic(Ddof::Zero).unwrap(), [0.0]);
        assert!(one.epistemic(Ddof::C4).is_err() && one.log_var(Ddof::Zero, 0.0).is_err());
        assert!(matches!(
            one.push(&[1.0], None),
            Err(StatsError::Missing { .. })
        ));
        assert!(one.push(&[f64::NAN], Some(&[0.5])).is_err());
        assert_eq!(one.members(), 1);
    }

    #[test]
    fn a_large_offset_costs_no_digits() {
        let mut m = EnsembleMoments::new(1);
        for v in [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0] {
            m.push(&[v], None).unwrap();
        }
        assert!((m.epistemic(Ddof::One).unwrap()[0] - 1.0).abs() < 1e-12);
    }
}
