//! Checks that every plugin passes.
