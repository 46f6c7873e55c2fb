//! Effects of motifs on a model's predictions: marginalization places them in background sequences,
//! ablation replaces them in the sequences where they occur.

mod ablate;
mod marginalize;
mod source;

pub use ablate::{Ablation, AblationOptions, HitEffect, Replacement, ablate};
pub use marginalize::{Background, Marginal, MarginalOptions, backgrounds, marginalize};
pub use source::motifs;

use degu_stats::bootstrap::{Bootstrap, BootstrapInterval, Units};

use crate::{Result, scorer::mean_and_sd};

/// Mean of effects over backgrounds or hits, and how sure it is.
struct Summary {
    effect: f64,
    /// Standard deviation over backgrounds or hits (ddof 1).
    sd: Option<f64>,
    /// Bootstrap interval of the mean; `None` of fewer than two effects.
    interval: Option<BootstrapInterval>,
    /// Standard deviation over members of their mean effects (ddof 1).
    member_sd: Option<f64>,
}

impl Summary {
    /// `by_member` holds the mean effect of each member.
    fn of(effects: &[f64], by_member: &[f64], seed: u64, level: f64) -> Result<Self> {
        let (effect, sd) = mean_and_sd(effects);
        let bootstrap = Bootstrap {
            level,
            ..Bootstrap::from_u64(seed)
        };
        let interval = (effects.len() > 1)
            .then(|| bootstrap.mean(&Units::rows(effects.len()), effects))
            .transpose()?;
        Ok(Self {
            effect,
            sd,
            interval,
            member_sd: mean_and_sd(by_member).1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn one_effect_has_no_interval_and_one_member_no_standard_deviation() {
        let one = Summary::of(&[2.0], &[2.0], 1, 0.95).unwrap();
        assert_eq!((one.effect, one.sd, one.member_sd), (2.0, None, None));
        assert!(one.interval.is_none());
        let three = Summary::of(&[1.0, 2.0, 3.0], &[1.0, 3.0], 1, 0.9).unwrap();
        assert_eq!((three.effect, three.sd), (2.0, Some(1.0)));
        assert!((three.member_sd.unwrap() - 2f64.sqrt()).abs() < 1e-12);
        let interval = three.interval.unwrap();
        assert!(interval.lower >= 1.0 && interval.lower <= 2.0 && interval.upper <= 3.0);
    }
}
