//! Metrics by setting.

use crate::data::{ReportData, Setting, SettingRow, SettingScore, Settings};
use crate::table::{Cell, Table};
use crate::text::metric_label;

/// Name of the table.
const NAME: &str = "metrics_by_setting";

fn start(settings: &Settings) -> Table {
    let names = settings.names.iter().map(String::as_str);
    let columns: Vec<&str> = names.chain(["n"]).collect();
    Table::new(NAME, &columns)
}

fn cells(row: &SettingRow) -> Vec<Cell> {
    let value = |value: &Setting| match value {
        Setting::Number(number) => Cell::Setting(*number),
        Setting::Text(text) => Cell::text(text),
        Setting::Absent => Cell::Empty,
    };
    let values = row.values.iter().map(value);
    values.chain([Cell::Count(row.points)]).collect()
}

/// All digits, standard deviations in columns of their own.
pub(super) fn by_setting(data: &ReportData) -> Table {
    let mut table = start(&data.settings);
    for metric in &data.settings.metrics {
        table.columns.push(metric.clone());
        table.columns.push(format!("{metric}_sd"));
    }
    for row in &data.settings.rows {
        let mut own = cells(row);
        for score in &row.scores {
            own.extend([score.mean, score.sd].map(Cell::maybe));
        }
        table.push(own);
    }
    table
}

/// Arranged for reading: the mean, and one standard deviation to either side.
pub(crate) fn by_setting_for_people(data: &ReportData) -> Table {
    let mut table = start(&data.settings);
    let labels = data.settings.metrics.iter().map(|m| metric_label(m));
    table.columns.extend(labels);
    for row in &data.settings.rows {
        let mut own = cells(row);
        own.extend(row.scores.iter().map(|SettingScore { mean, sd }| {
            mean.map_or(Cell::Empty, |mean| {
                Cell::Interval(mean, sd.map(|sd| mean - sd), sd.map(|sd| mean + sd))
            })
        }));
        table.push(own);
    }
    table
}
