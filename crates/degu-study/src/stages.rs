//! The stages of a study, a folder each.
//!
//! `prepare -> train member x M -> predict (teacher) -> distill x S -> evaluate -> calibrate ->
//! attribute -> shift`
//!
//! A stage decides by its key what it may see: a member does not see `[distill]`, nothing sees
//! `[report]`.

mod attribute;
mod calibrate;
mod distill;
mod evaluate;
pub(crate) mod prepare;
mod shift;
mod teacher;
mod train;

use std::sync::Arc;

use degu_config::Study;

use crate::stage::Stage;

/// The tasks of each stage, in the order of the plan.
const STAGES: [fn(&Study) -> Vec<Arc<dyn Stage>>; 8] = [
    prepare::tasks,
    train::tasks,
    teacher::tasks,
    distill::tasks,
    evaluate::tasks,
    calibrate::tasks,
    attribute::tasks,
    shift::tasks,
];

/// Every task of a study.
pub(crate) fn of(study: &Study) -> impl Iterator<Item = Arc<dyn Stage>> {
    STAGES.iter().flat_map(|tasks| tasks(study))
}
