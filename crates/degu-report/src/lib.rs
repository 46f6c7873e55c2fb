//! Figures, tables and the offline report.
