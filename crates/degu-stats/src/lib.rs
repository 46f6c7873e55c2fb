//! Metrics, conformal ranks, scoring rules, bootstrap and tests on f64 slices.
