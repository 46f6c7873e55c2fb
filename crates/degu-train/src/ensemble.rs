//! From members to a teacher.

use degu_stats::moments::{Ddof, EnsembleMoments};

use crate::{Backend, HostForecast, Result, TrainError};

/// Mean over members and spread between them; the aleatoric part is the root of the mean of the members' variances.
///
/// Members arrive one by one, so only one of them is in memory. A single member is its own ensemble: its forecast is returned as
/// it is, and has an epistemic part only if its head predicts one.
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
    let wide = |v: &[f32]| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
    let narrow = |v: &[f64]| -> Vec<f32> { v.iter().map(|v| *v as f32).collect() };
    let mut moments = EnsembleMoments::new(first.mean.len());
    let mut push = |f: &HostForecast| {
        moments.push(&wide(&f.mean), f.aleatoric.as_deref().map(wide).as_deref())
    };
    push(&first)?;
    let mut count = 1;
    for member in members {
        push(&member?)?;
        count += 1;
    }
    if count == 1 {
        return Ok(first);
    }
    Ok(HostForecast {
        rows: first.rows,
        width: first.width,
        mean: narrow(moments.mean()),
        epistemic: Some(narrow(&moments.epistemic(ddof)?)),
        aleatoric: moments.aleatoric().map(|v| narrow(&v)),
        quantiles: None,
    })
}

/// Members that label sequences on the fly.
pub struct Teacher {
    /// The members, in evaluation mode.
    pub members: Vec<Box<dyn Backend>>,
    /// Divisor of the spread.
    pub ddof: Ddof,
}

impl Teacher {
    /// What the ensemble says of `n` sequences of base codes.
    ///
    /// # Errors
    ///
    /// Whatever a member fails with.
    pub fn label(&mut self, codes: &[u8], n: usize) -> Result<HostForecast> {
        let ddof = self.ddof;
        combine(self.members.iter_mut().map(|m| m.predict(codes, n)), ddof)
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
