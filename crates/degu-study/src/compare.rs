//! Points of a study side by side: one long table of their scores, and three views of it.
//!
//! | view | answers |
//! |---|---|
//! | `arms` | what does each arm of an ablation reach, in every number that there is? |
//! | `differences` | how much better or worse is an arm than the baseline, pair by pair? |
//! | `sweeps`, `settings` | how does a metric change along an axis, or with several settings? |

mod arms;
mod differences;
mod metrics;
mod settings;
mod sweeps;
mod table;

use degu_config::Study;
use degu_report::{Arms, Comparison, Settings, Sweep};

use crate::{error::Result, results::PointResults};
use table::Table;

/// Every view of the points of a study.
#[derive(Debug, Default)]
pub(crate) struct Views {
    pub(crate) arms: Arms,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) sweeps: Vec<Sweep>,
    pub(crate) settings: Settings,
}

/// Compares the points that have been evaluated.
///
/// # Errors
///
/// A head that cannot be built.
pub(crate) fn views(study: &Study, points: &[PointResults<'_>]) -> Result<Views> {
    let table = Table::new(points);
    Ok(Views {
        arms: arms::arms(study, &table)?,
        comparisons: differences::comparisons(study, &table),
        sweeps: sweeps::sweeps(study, &table),
        settings: settings::by_setting(study, &table),
    })
}
