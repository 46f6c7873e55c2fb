//! One file per figure. Each returns drawings with a caption in plain words; none when its data are
//! absent.

mod accuracy;
mod agreement;
mod arms;
mod bins;
mod comparison;
mod conditional;
mod coverage;
mod extent;
mod glyphs;
mod kept;
mod learning;
mod logo;
mod maps;
mod reliability;
mod scatter;
mod selective;
mod settings;
mod shift;
mod transfer;
mod trust;

use std::collections::BTreeMap;

use crate::data::ReportData;
use crate::text::slug;

/// What stands under a figure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caption {
    /// What it shows, one sentence.
    pub(crate) shows: String,
    /// How to read it.
    pub(crate) read: String,
    /// What good looks like.
    pub(crate) good: String,
}

impl Caption {
    pub(crate) fn new(
        shows: impl Into<String>,
        read: impl Into<String>,
        good: impl Into<String>,
    ) -> Self {
        Self {
            shows: shows.into(),
            read: read.into(),
            good: good.into(),
        }
    }
}

/// One drawing.
pub(crate) struct Figure {
    /// File name without extension; unique in a report.
    pub(crate) name: String,
    /// Name on the page; figures of one switch differ in it.
    pub(crate) tab: String,
    pub(crate) svg: String,
    pub(crate) caption: Caption,
}

/// Part of the page a figure belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Metrics,
    Scatter,
    Learning,
    Transfer,
    Calibration,
    Conditional,
    Selective,
    Trust,
    Reliability,
    Kept,
    Logos,
    Consistency,
    Shift,
    Comparison,
    Arms,
    Sweep,
    Settings,
}

/// All drawings of a report by section, with unique names.
pub(crate) fn all(data: &ReportData) -> BTreeMap<Section, Vec<Figure>> {
    let mut sections = BTreeMap::from([
        (Section::Metrics, accuracy::draw(data)),
        (Section::Scatter, scatter::draw(data)),
        (Section::Learning, learning::draw(data)),
        (Section::Transfer, transfer::draw(data)),
        (Section::Calibration, coverage::draw(data)),
        (Section::Conditional, conditional::draw(data)),
        (Section::Selective, selective::draw(data)),
        (Section::Trust, trust::draw(data)),
        (Section::Reliability, reliability::draw(data)),
        (Section::Kept, kept::draw(data)),
        (Section::Logos, logo::draw(data)),
        (Section::Consistency, {
            let mut all = maps::draw(data);
            all.extend(agreement::draw(data));
            all
        }),
        (Section::Shift, shift::draw(data)),
        (Section::Comparison, comparison::draw(data)),
        (Section::Arms, arms::draw(data)),
        (Section::Sweep, shift::draw_sweeps(data)),
        (Section::Settings, settings::draw(data)),
    ]);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for figure in sections.values_mut().flatten() {
        let times = seen.entry(figure.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            figure.name = format!("{}-{times}", figure.name);
        }
    }
    sections
}

/// The figures of a report as SVG files: file name and text, in the order of the page.
///
/// Each file stands alone (no style sheet, no font) and is the same text as in the report. Equal
/// input gives equal text.
pub fn figures(data: &ReportData) -> Vec<(String, String)> {
    all(data)
        .into_values()
        .flatten()
        .map(|figure| (format!("{}.svg", figure.name), figure.svg))
        .collect()
}

/// A file name from its parts.
fn name(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| slug(part))
        .collect::<Vec<_>>()
        .join("-")
}

/// The distinct values of a list in the order of their first appearance.
fn distinct<T, K: PartialEq>(items: &[T], key: impl Fn(&T) -> K) -> Vec<K> {
    let mut seen = Vec::new();
    for item in items {
        let key = key(item);
        if !seen.contains(&key) {
            seen.push(key);
        }
    }
    seen
}
