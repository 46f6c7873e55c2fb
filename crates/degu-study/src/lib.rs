//! The stages of a study, and the run from plan to report.
//!
//! [`run`](mod@run) plans a study, executes it, and writes what it leaves behind; [`stages`] does the
//! work of each task.

pub mod run;
pub mod stages;
mod unsupported;
