//! Plans of tasks, an artifact store, a journal, and the executor that runs what is missing.
//!
//! The machinery is agnostic of stages: [`key`] says what a result depends on, [`plan`] makes a
//! graph of keys, [`store`] holds results, [`execute`](mod@execute) runs what is missing,
//! [`journal`] tells what happened, [`why`](mod@why) explains, [`gc`](mod@gc) cleans up.
//!
//! ```
//! use degu_workflow::{
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

pub mod execute;
pub mod exit;
pub mod gc;
pub mod journal;
pub mod key;
pub mod plan;
pub mod signal;
pub mod store;
pub mod why;
