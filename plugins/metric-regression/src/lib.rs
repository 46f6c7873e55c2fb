//! Metric plugins for means: correlation and error.
