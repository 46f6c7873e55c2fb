//! A1 to A14: networks.

mod learning;
mod values;

use degu_core::{Architecture, ModelIo, OutputKind, Plugin, Resolved};

use super::{
    Checks, Verdict,
    probe::{Probe, io, root},
    small::shrink,
};

/// Lengths at which a family is tried first, in bp: common assays, and what downsampling networks
/// need.
const LENGTHS: [usize; 12] = [16, 32, 64, 128, 200, 230, 249, 256, 512, 1024, 2048, 2114];

/// A network that can be built.
pub(super) struct Fit {
    /// Smallest length found.
    pub(super) length: usize,
    /// Kind of output that the family makes.
    pub(super) output: OutputKind,
}

impl Fit {
    /// What the network is asked for.
    pub(super) fn io(&self, outputs: usize) -> ModelIo {
        io(self.length, outputs, self.output)
    }
}

pub(super) fn checks(
    plugin: &Plugin<dyn Architecture>,
    resolved: &Resolved<dyn Architecture>,
    checks: &mut Checks,
) {
    let fit = resolved.build().map_err(Verdict::from).and_then(|built| {
        fit(built.as_ref()).ok_or_else(|| {
            Verdict::Fail(format!(
                "no network of 1, 2 or 6 outputs could be built at {LENGTHS:?} bp"
            ))
        })
    });
    let fit = match fit {
        Ok(fit) => fit,
        Err(verdict) => {
            checks.run("A1", values::A1, || Err(verdict));
            return;
        }
    };
    let small = shrink(plugin, resolved, |candidate| {
        candidate
            .build()
            .is_ok_and(|built| builds(built.as_ref(), fit.length, fit.output))
    });
    match small.build() {
        Ok(network) => {
            values::checks(network.as_ref(), &fit, checks);
            learning::checks(plugin, &small, &fit, checks);
        }
        Err(error) => checks.run("A1", values::A1, || Err(error.into())),
    }
}

/// The smallest length at which the family builds, found from [`LENGTHS`] by bisection, and the
/// kind of its output.
fn fit(architecture: &dyn Architecture) -> Option<Fit> {
    for length in LENGTHS {
        let profiles = [1, 2, 4, 8, 16, 32, 64, 128].map(|step| OutputKind::Profile {
            bins: length / step,
        });
        for output in [OutputKind::Scalar].into_iter().chain(profiles) {
            if !builds(architecture, length, output) {
                continue;
            }
            if output != OutputKind::Scalar {
                return Some(Fit { length, output });
            }
            let (mut too_short, mut enough) = (0, length);
            while enough - too_short > 1 {
                let middle = usize::midpoint(enough, too_short);
                if builds(architecture, middle, output) {
                    enough = middle;
                } else {
                    too_short = middle;
                }
            }
            return Some(Fit {
                length: enough,
                output,
            });
        }
    }
    None
}

fn builds(architecture: &dyn Architecture, length: usize, output: OutputKind) -> bool {
    length > 0
        && [1, 2, 6].into_iter().all(|outputs| {
            let io = io(length, outputs, output);
            Probe::new(architecture, &io, candle_core::DType::F32, root()).is_ok()
        })
}
