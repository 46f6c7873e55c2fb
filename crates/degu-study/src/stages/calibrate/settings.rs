//! What a block `[calibration.NAME]` says.

use degu_config::{CalibrationKeys, Slotted, Study};
use degu_core::Calibrator;
use degu_stats::Alpha;

use crate::error::{Result, StageError};

/// A block of a study.
pub(in crate::stages) fn block<'a>(
    study: &'a Study,
    name: &str,
) -> Result<&'a Slotted<dyn Calibrator, CalibrationKeys>> {
    let block = study.calibration.get(name);
    block.ok_or_else(|| StageError::bug(format!("no block `[calibration.{name}]`")))
}

/// The error rates of a block.
pub(in crate::stages) fn alphas(values: &[f64]) -> Result<Vec<Alpha>> {
    let alphas: degu_stats::Result<_> = values.iter().map(|a| Alpha::from_f64(*a)).collect();
    Ok(alphas?)
}

/// How a block is called in tables.
pub(in crate::stages) fn label(name: &str, plugin: &str, calibrator: &dyn Calibrator) -> String {
    let variant = calibrator.variant();
    format!("{name} ({})", variant.as_deref().unwrap_or(plugin))
}
