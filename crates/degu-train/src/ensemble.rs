//! From members to a teacher.

use degu_stats::moments::{Ddof, EnsembleMoments};

use crate::{Backend, HostForecast, Result, TrainError, backend::Batch};

/// Mean over members and spread between them, by the law of total variance:
///
/// | part | variance |
/// |---|---|
/// | aleatoric | mean of the members' aleatoric variances |
/// | epistemic | variance of the members' means, plus the mean of their own epistemic variances where they predict one |
///
/// All parts are standard deviations in units of the target, so they add as squares; quantiles are
/// averaged level by level. The result does not depend on how members came by their parts (a
/// variance, its logarithm, evidence): heads undo that.
///
/// Members arrive one by one, so only one of them is in memory. A single member is its own
/// ensemble: its forecast is returned as it is, and has an epistemic part only if its head predicts
/// one.
///
/// # Errors
///
/// No members, or members that do not fit each other.
pub fn combine(
    members: impl IntoIterator<Item = Result<HostForecast>>,
    ddof: Ddof,
) -> Result<HostForecast> {
    let mut members = members.into_iter();
    let first = members
        .next()
        .transpose()?
        .ok_or(TrainError::Core(degu_core::Error::Missing {
            what: "at least one member",
            by: "an ensemble",
            help: "set `ensemble.members` to 1 or more",
        }))?;
    let mut sums = Sums::new(&first);
    sums.push(&first)?;
    for member in members {
        sums.push(&member?)?;
    }
    if sums.moments.members() == 1 {
        return Ok(first);
    }
    sums.finish(first.rows, first.width, ddof)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn narrow(values: impl IntoIterator<Item = f64>) -> Vec<f32> {
    values.into_iter().map(|v| v as f32).collect()
}

/// Sums over members.
struct Sums {
    moments: EnsembleMoments,
    /// Sum of the members' own epistemic variances.
    within: Option<Vec<f64>>,
    /// Levels, and sums of the quantiles.
    quantiles: Option<(Vec<f32>, Vec<f64>)>,
}

impl Sums {
    fn new(first: &HostForecast) -> Self {
        let zeros = |v: &Vec<f32>| vec![0.0; v.len()];
        Self {
            moments: EnsembleMoments::new(first.mean.len()),
            within: first.epistemic.as_ref().map(zeros),
            quantiles: first
                .quantiles
                .as_ref()
                .map(|(levels, values)| (levels.clone(), zeros(values))),
        }
    }

    fn push(&mut self, member: &HostForecast) -> Result<()> {
        let aleatoric = member.aleatoric.as_deref().map(wide);
        self.moments
            .push(&wide(&member.mean), aleatoric.as_deref())?;
        match (&mut self.within, &member.epistemic) {
            (None, None) => {}
            (Some(sum), Some(own)) if sum.len() == own.len() => {
                for (sum, own) in sum.iter_mut().zip(own) {
                    *sum += f64::from(*own).powi(2);
                }
            }
            _ => return Err(unlike("an epistemic part in every member, or in none")),
        }
        match (&mut self.quantiles, &member.quantiles) {
            (None, None) => {}
            (Some((levels, sum)), Some((own, values)))
                if levels == own && sum.len() == values.len() =>
            {
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum += f64::from(*value);
                }
            }
            _ => return Err(unlike("quantiles of the same levels in every member")),
        }
        Ok(())
    }

    fn finish(self, rows: usize, width: usize, ddof: Ddof) -> Result<HostForecast> {
        let count = self.moments.members() as f64;
        let mut epistemic = self.moments.epistemic_var(ddof)?;
        for (all, own) in epistemic.iter_mut().zip(self.within.iter().flatten()) {
            *all += own / count;
        }
        Ok(HostForecast {
            rows,
            width,
            mean: narrow(self.moments.mean().iter().copied()),
            epistemic: Some(narrow(epistemic.into_iter().map(f64::sqrt))),
            aleatoric: self.moments.aleatoric().map(narrow),
            quantiles: self
                .quantiles
                .map(|(levels, sum)| (levels, narrow(sum.into_iter().map(|s| s / count)))),
        })
    }
}

fn unlike(expected: &'static str) -> TrainError {
    TrainError::Core(degu_core::Error::Shape {
        name: "forecast of a member",
        expected,
        got: Vec::new(),
    })
}

/// Labels of training rows from the members that did not train on them, as [`combine`]; the other
/// rows as in `all`.
///
/// A spread needs two such members and a mean one; without them the label is NaN, which masks it.
///
/// # Shapes
///
/// * `trained` - for each member and row, whether the member trained on the row, `[M][N]`
/// * `rows` - the training rows
///
/// # Errors
///
/// As [`combine`].
pub fn held_out(
    members: &[HostForecast],
    trained: &[Vec<bool>],
    all: &HostForecast,
    rows: &[usize],
    ddof: Ddof,
) -> Result<HostForecast> {
    let mut labels = all.clone();
    let width = all.width;
    for &row in rows {
        let free: Vec<&HostForecast> = members
            .iter()
            .zip(trained)
            .filter(|(_, trained)| !trained[row])
            .map(|(member, _)| member)
            .collect();
        let one = match free.len() {
            0 => None,
            _ => Some(combine(free.iter().map(|m| Ok(m.select(&[row]))), ddof)?),
        };
        let at = row * width..(row + 1) * width;
        let fill = |to: &mut [f32], from: Option<&Vec<f32>>| match from {
            Some(values) => to.copy_from_slice(values),
            None => to.fill(f32::NAN),
        };
        fill(&mut labels.mean[at.clone()], one.as_ref().map(|o| &o.mean));
        if let Some(to) = &mut labels.epistemic {
            let spread = one.as_ref().filter(|_| free.len() > 1);
            fill(
                &mut to[at.clone()],
                spread.and_then(|o| o.epistemic.as_ref()),
            );
        }
        if let Some(to) = &mut labels.aleatoric {
            fill(&mut to[at], one.as_ref().and_then(|o| o.aleatoric.as_ref()));
        }
    }
    Ok(labels)
}

/// Members that label sequences on the fly.
pub struct Teacher {
    /// The members, in evaluation mode.
    pub members: Vec<Box<dyn Backend>>,
    /// Divisor of the spread.
    pub ddof: Ddof,
}

impl Teacher {
    /// What the ensemble says of the sequences of a batch.
    ///
    /// # Errors
    ///
    /// Whatever a member fails with.
    pub fn label(&mut self, batch: &Batch<'_>) -> Result<HostForecast> {
        let ddof = self.ddof;
        combine(
            self.members.iter_mut().map(|m| m.predict_batch(batch)),
            ddof,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what `combine` takes")]
    fn member(mean: &[f32]) -> Result<HostForecast> {
        Ok(HostForecast {
            rows: mean.len(),
            width: 1,
            mean: mean.to_vec(),
            ..HostForecast::default()
        })
    }

    #[test]
    fn the_spread_is_that_between_members() {
        let teacher = combine([member(&[1.0, 4.0]), member(&[3.0, 4.0])], Ddof::Zero).unwrap();
        assert_eq!(teacher.mean, [2.0, 4.0]);
        assert_eq!(teacher.epistemic.unwrap(), [1.0, 0.0]);
    }

    /// Two heteroscedastic members with evidence and quantiles of their own.
    fn rich(mean: f32, aleatoric: f32, epistemic: f32, quantiles: [f32; 2]) -> HostForecast {
        HostForecast {
            rows: 1,
            width: 1,
            mean: vec![mean],
            aleatoric: Some(vec![aleatoric]),
            epistemic: Some(vec![epistemic]),
            quantiles: Some((vec![0.1, 0.9], quantiles.to_vec())),
        }
    }

    #[test]
    fn the_law_of_total_variance_keeps_the_parts_apart() {
        let members = [
            rich(1.0, 3.0, 2.0, [0.0, 2.0]),
            rich(3.0, 4.0, 1.0, [1.0, 5.0]),
        ];
        let teacher = combine(members.map(Ok), Ddof::Zero).unwrap();
        // Aleatoric: (9 + 16) / 2. Epistemic: variance 1 of the means plus (4 + 1) / 2.
        assert!((teacher.aleatoric.unwrap()[0] - 12.5f32.sqrt()).abs() < 1e-6);
        assert!((teacher.epistemic.unwrap()[0] - 3.5f32.sqrt()).abs() < 1e-6);
        assert_eq!(teacher.quantiles.unwrap(), (vec![0.1, 0.9], vec![0.5, 3.5]));
    }

    #[test]
    fn members_of_other_parts_are_refused() {
        let plain = HostForecast {
            epistemic: None,
            ..rich(0.0, 1.0, 1.0, [0.0, 1.0])
        };
        let other = HostForecast {
            quantiles: Some((vec![0.2, 0.8], vec![0.0, 1.0])),
            ..rich(0.0, 1.0, 1.0, [0.0, 1.0])
        };
        for odd in [plain, other] {
            let error = combine([Ok(rich(0.0, 1.0, 1.0, [0.0, 1.0])), Ok(odd)], Ddof::Zero);
            assert!(error.unwrap_err().to_string().contains("every member"));
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "means of small whole numbers are exact")]
    fn held_out_labels_use_the_members_that_did_not_see_the_row() {
        let members: Vec<HostForecast> = [[1.0, 1.0, 1.0], [3.0, 5.0, 7.0], [5.0, 6.0, 9.0]]
            .iter()
            .map(|m| member(m).unwrap())
            .collect();
        let all = combine(members.iter().cloned().map(Ok), Ddof::Zero).unwrap();
        // Row 0 was seen by member 0, row 1 by 0 and 1, row 2 by all.
        let trained = [
            vec![true, true, true],
            vec![false, true, true],
            vec![false, false, true],
        ];
        let labels = held_out(&members, &trained, &all, &[0, 1], Ddof::Zero).unwrap();
        assert_eq!(labels.mean, [4.0, 6.0, all.mean[2]]);
        let spread = labels.epistemic.unwrap();
        assert!(spread[1].is_nan(), "one member has no spread");
        assert_eq!(
            [spread[0], spread[2]],
            [1.0, all.epistemic.as_ref().unwrap()[2]]
        );
        let none = held_out(&members, &trained, &all, &[2], Ddof::Zero).unwrap();
        assert!(none.mean[2].is_nan());
    }

    #[test]
    fn one_member_has_no_spread() {
        assert!(
            combine([member(&[1.0])], Ddof::Zero)
                .unwrap()
                .epistemic
                .is_none()
        );
        assert!(combine([], Ddof::Zero).is_err());
    }
}
