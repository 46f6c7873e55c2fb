//! Experiments with motifs: put them into backgrounds, take them out of sequences.
//!
//! Both say what a motif does *to this model*, all else being equal: marginalization in sequences
//! that have nothing else in common, ablation in the sequences where it occurs.

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
