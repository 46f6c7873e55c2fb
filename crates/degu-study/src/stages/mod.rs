//! The stages of a study, and the plan that a study is.
//!
//! `prepare -> train member x M -> predict (teacher) -> distill x S -> evaluate -> calibrate ->
//! attribute -> shift`
//!
//! [`plan`] turns a validated study into tasks with keys; [`StageRunner`] does the work of a task;
//! [`summary`] collects what a study has produced for the report. What a stage may read decides its
//! key: a member does not see `[distill]`, nothing sees `[report]`.

mod arms;
mod attribute;
mod by_setting;
mod calibrate;
mod compare;
mod error;
mod evaluate;
mod hold_out;
mod map_figures;
mod models;
mod network;
pub(crate) mod options;
mod plan;
mod prepare;
mod prepared;
mod produced;
mod resampled;
mod runner;
mod shift;
mod shift_watch;
mod sources;
mod split;
mod spread;
mod spread_correlations;
pub mod summary;
mod teacher;
mod test_metrics;
mod trust;
mod uncertainty;

pub use attribute::{AttributionSummary, MapFile};
pub use calibrate::{CalibrationResult, Resplit};
pub use error::{Result, StageError};
pub use evaluate::Evaluation;
pub use hold_out::HoldOutSpec;
pub use plan::{Assigned, StudyPlan, Work, plan};
pub(crate) use prepare::refuse_stored_leakage;
pub use prepared::{LeakageNote, PreparedData};
pub use runner::StageRunner;
pub use split::{Assignment, GroupRule, SplitRule, SplitSpec, assign};

/// Raised when the code of a stage gives other numbers.
pub(crate) const REVISION: u32 = 1;
