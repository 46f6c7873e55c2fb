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

use super::Result;

/// Bootstrap interval of a mean over backgrounds or sequences; `None` of fewer than two.
fn interval(values: &[f64], seed: u64, level: f64) -> Result<Option<BootstrapInterval>> {
    if values.len() < 2 {
        return Ok(None);
    }
    let bootstrap = Bootstrap {
        level,
        ..Bootstrap::from_u64(seed)
    };
    Ok(Some(bootstrap.mean(&Units::rows(values.len()), values)?))
}
