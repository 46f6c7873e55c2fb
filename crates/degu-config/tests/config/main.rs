//! Experiment files: layers, diagnostics, the typed study, variants.

mod common;
mod diagnostics;
mod editors;
mod layers;
mod locked;
mod plugins;
mod variants;
