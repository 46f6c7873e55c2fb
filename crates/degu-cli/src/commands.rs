//! One file a command.

pub(crate) mod ablate;
mod applied;
pub(crate) mod attribute;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod doctor;
pub(crate) mod help;
pub(crate) mod import;
pub(crate) mod marginalize;
pub(crate) mod plan;
pub(crate) mod plugins;
pub(crate) mod predict;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod variants;
