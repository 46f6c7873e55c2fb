//! Experiment files, plans, artifact store, journal and executors.
//!
//! The machinery is agnostic of stages: [`key`] says what a result depends on, [`plan`] makes a
//! graph of keys, [`store`] holds results, [`execute`](mod@execute) runs what is missing,
//! [`journal`] tells what happened, [`why`](mod@why) explains, [`gc`](mod@gc) cleans up.
//!
//! ```
//! use degu_study::{
//!     execute::{Options, TaskContext, TaskError, execute},
//!     journal::StudyEvent,
//!     key::KeyFields,
//!     plan::{Plan, Task},
//!     store::Store,
//! };
//!
//! let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path())?;
//! let plan = Plan::build(vec![
//!     Task::new("prepare", KeyFields::new("prepare", 1)),
//!     Task::new("train/member-0", KeyFields::new("train", 1)).with_inputs(["prepare"]),
//! ])?;
//! let work = |task: &Task, context: &TaskContext<'_>| -> Result<(), TaskError> {
//!     Ok(context.output().write_json("size.json", &context.inputs().len())?)
//! };
//! let first = execute(&plan, &store, &work, &Options::default(), &|_: &StudyEvent| {});
//! assert_eq!(first.finished.len(), 2);
//! let second = execute(&plan, &store, &work, &Options::default(), &|_: &StudyEvent| {});
//! assert_eq!(second.cached.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod apply;
pub mod config;
mod covariates;
pub mod data;
pub mod execute;
pub mod exit;
pub mod gc;
pub mod import;
pub mod journal;
pub mod key;
mod offered;
pub mod plan;
pub mod run;
pub mod signal;
pub mod stages;
pub mod store;
pub mod why;

pub use covariates::covariates;
