//! Slot traits, registry, typed parameters, seeds and errors of degu-lab.
