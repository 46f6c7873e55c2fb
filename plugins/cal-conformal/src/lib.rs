//! Calibrator plugin: split conformal.
