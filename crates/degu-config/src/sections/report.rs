//! `[report]`: what is written; never part of a key.

use degu_core::FileRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[report]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Report {
    /// What is written.
    #[schemars(extend("uniqueItems" = true))]
    pub formats: Vec<ReportFormat>,
    /// Group the finished points by "arm" or by paths of sweep axes, in a table of their test
    /// metrics with curves along numbers; by the axes of sweeps that have several if empty.
    #[schemars(extend("uniqueItems" = true))]
    pub compare_by: Vec<String>,
    /// Motifs in MEME format, to name stretches of the maps by, as in `{ path = "motifs.meme" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motifs: Option<FileRef>,
    /// Identifiers of sequences whose maps are drawn besides those of the most active and of the
    /// most and least agreed on.
    #[schemars(extend("uniqueItems" = true))]
    pub show: Vec<String>,
    /// Draw each map along the other strand as well.
    pub reverse_complement: bool,
    /// Title of the page; the study's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The calibration whose intervals stand in `predictions.tsv.gz`, and that `degu-lab
    /// predict --interval` uses unless it is told another; `main` if absent, or else the first by
    /// name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<String>,
}

impl Report {
    /// The calibration that is meant where none is named.
    pub fn calibration<'a>(
        &'a self,
        mut names: impl Iterator<Item = &'a String>,
    ) -> Option<&'a str> {
        if let Some(name) = &self.intervals {
            return Some(name);
        }
        let first = names.next()?;
        let main = std::iter::once(first).chain(names).find(|n| *n == "main");
        Some(main.unwrap_or(first))
    }
}

impl Default for Report {
    fn default() -> Self {
        Self {
            formats: vec![ReportFormat::Html, ReportFormat::Csv],
            compare_by: Vec::new(),
            motifs: None,
            show: Vec::new(),
            reverse_complement: false,
            title: None,
            intervals: None,
        }
    }
}

/// Formats of a report.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// One self-contained page.
    Html,
    /// Tables.
    Csv,
}
