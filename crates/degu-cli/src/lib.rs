//! Commands, progress, diagnostics and exit codes.
