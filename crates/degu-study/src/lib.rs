//! The stages of a study, and the run from plan to report.
//!
//! [`run`](mod@run) plans a study, executes it, and writes what it leaves behind. [`plan()`] turns
//! the points of a study into tasks with keys; a [`Stage`] does the work of a task, and reads what
//! it has written for the tables and the report.

mod compare;
mod error;
mod forecasts;
mod network;
mod options;
mod plan;
mod results;
pub mod run;
mod stage;
mod stages;
mod summary;
mod tasks;
mod uncertainty;
mod unsupported;

pub use error::{Result, StageError};
pub use plan::{StudyPlan, digests::FileDigests, plan};
pub use results::{
    AttributionSummary, CalibrationResult, Depth, Evaluation, LeakageNote, MapFile, PointResults,
    PreparedData, Resplit, ShiftResult, TrainedModel,
};
pub use stage::{PlannedStage, Stage};
