//! Figures, tables and the offline report of a study.
//!
//! The crate turns one value, [`ReportData`], into
//!
//! * one self-contained `report.html` ([`write_report`]) that opens from disk without a network and
//!   can be mailed,
//! * the same figures as separate SVG files ([`figures`], [`write_figures`]),
//! * the same tables as CSV ([`tables`], [`write_tables`]).
//!
//! It knows no tensor, no store and no experiment file: whoever calls it fills [`ReportData`] from
//! the artifacts of a study. It computes no statistic that stands in a table: correlations,
//! intervals and bands arrive as numbers, so that what a figure prints is what the tables of the
//! study hold. What it does compute is drawing: axis ranges, bins of a scatter plot, mean error per
//! bin of predicted uncertainty.
//!
//! ```
//! use degu_report::{MetricRow, ModelKind, ReportData, figures, html};
//!
//! let mut data = ReportData::new("quickstart", "Quickstart", "degu-lab 0.1.0");
//! data.metrics.push(MetricRow {
//!     kind: ModelKind::Ensemble,
//!     model: "ensemble".into(),
//!     split: "test".into(),
//!     task: "activity".into(),
//!     metric: "pearson".into(),
//!     value: 0.71,
//!     ..MetricRow::default()
//! });
//! assert_eq!(figures(&data)[0].0, "accuracy-test-pearson.svg");
//! assert!(html(&data)?.starts_with("<!DOCTYPE html>"));
//! # Ok::<(), degu_report::Error>(())
//! ```
//!
//! Map of modules: `data` is the input; `svg`, `axis`, `panel`, `forest`, `lines`, `density` and
//! `palette` are the drawing kit; `figures` holds one file per figure; `table` and `tables` the
//! tables; `html` the page; `write` the files.

mod axis;
mod data;
mod density;
mod error;
mod figures;
mod forest;
mod html;
mod lines;
mod number;
mod palette;
mod panel;
mod svg;
mod table;
mod tables;
mod text;
mod write;

pub use data::*;
pub use error::Error;
pub use figures::figures;
pub use html::html;
pub use tables::tables;
pub use write::{write_figures, write_report, write_tables};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
