//! Predictions as a table: one row per sequence and task (and bin).

use std::{fmt::Write as _, path::Path};

use degu_core::{Intervals, OutputKind};
use degu_train::{HostForecast, ModelCard};
use serde::Serialize;

use crate::commands::applied::TableSink;
use crate::{Result, output::Output};

/// One row, as JSON.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    task: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bin: Option<usize>,
    mean: f32,
    epistemic: Option<f32>,
    aleatoric: Option<f32>,
    total: Option<f32>,
    lower: Option<f64>,
    upper: Option<f64>,
    /// Levels and values.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantiles: Option<Vec<(f32, f32)>>,
}

pub(super) struct Writer {
    sink: TableSink,
    tasks: Vec<String>,
    profile: bool,
    json: bool,
    header: bool,
}

impl Writer {
    pub(super) fn open(path: Option<&Path>, card: &ModelCard, json: bool) -> Result<Self> {
        let profile = card.output != OutputKind::Scalar;
        Ok(Self {
            sink: if json {
                TableSink::verbatim(path)?
            } else {
                TableSink::open(path)?
            },
            tasks: card.labels.tasks.clone(),
            profile,
            json,
            header: !json,
        })
    }

    pub(super) fn write(
        &mut self,
        ids: &[String],
        forecast: &HostForecast,
        bounds: Option<&Intervals>,
        output: &mut Output,
    ) -> Result<()> {
        let mut text = self.header(forecast.quantiles.as_ref().map_or(&[], |q| &q.0));
        let part = |values: &Option<Vec<f32>>, at: usize| values.as_ref().map(|v| v[at]);
        for (row, id) in ids.iter().enumerate() {
            for column in 0..forecast.width {
                let at = row * forecast.width + column;
                let epistemic = part(&forecast.epistemic, at);
                let aleatoric = part(&forecast.aleatoric, at);
                let line = Row {
                    id,
                    task: &self.tasks[column % self.tasks.len()],
                    bin: self.profile.then_some(column / self.tasks.len()),
                    mean: forecast.mean[at],
                    epistemic,
                    aleatoric,
                    total: total(epistemic, aleatoric),
                    lower: bounds.map(|b| b.lower[at]),
                    upper: bounds.map(|b| b.upper[at]),
                    quantiles: forecast.quantiles.as_ref().map(|(levels, values)| {
                        let own = &values[at * levels.len()..][..levels.len()];
                        levels.iter().copied().zip(own.iter().copied()).collect()
                    }),
                };
                if self.json {
                    text.push_str(&serde_json::to_string(&line)?);
                } else {
                    line.tabbed(&mut text);
                }
                text.push('\n');
            }
        }
        self.sink.write(&text, output)
    }

    /// Writes a header that no row asked for, and gives a file its name.
    pub(super) fn finish(mut self, output: &mut Output) -> Result<()> {
        let header = self.header(&[]);
        self.sink.write(&header, output)?;
        self.sink.finish()
    }

    /// The header, once; with a column for each predicted quantile.
    fn header(&mut self, levels: &[f32]) -> String {
        if !std::mem::take(&mut self.header) {
            return String::new();
        }
        let bin = if self.profile { "\tbin" } else { "" };
        let mut text = format!("id\ttask{bin}\tmean\tepistemic\taleatoric\ttotal\tlower\tupper");
        for level in levels {
            let _ = write!(text, "\tq{level}");
        }
        text.push('\n');
        text
    }
}

/// Root of the sum of the squares of the parts that there are.
fn total(epistemic: Option<f32>, aleatoric: Option<f32>) -> Option<f32> {
    match (epistemic, aleatoric) {
        (None, None) => None,
        (e, a) => Some(e.unwrap_or(0.0).hypot(a.unwrap_or(0.0))),
    }
}

impl Row<'_> {
    /// Tab-separated; an absent number is an empty field, an unbounded side `inf`.
    fn tabbed(&self, text: &mut String) {
        text.push_str(self.id);
        text.push('\t');
        text.push_str(self.task);
        if let Some(bin) = self.bin {
            let _ = write!(text, "\t{bin}");
        }
        let _ = write!(text, "\t{}", self.mean);
        for part in [self.epistemic, self.aleatoric, self.total] {
            text.push('\t');
            if let Some(value) = part {
                let _ = write!(text, "{value}");
            }
        }
        for bound in [self.lower, self.upper] {
            text.push('\t');
            if let Some(value) = bound {
                // Bounds come from f32 predictions: more digits would promise more than there is.
                let _ = write!(text, "{}", value as f32);
            }
        }
        for (_, value) in self.quantiles.iter().flatten() {
            let _ = write!(text, "\t{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_parts_are_empty_fields() {
        let mut text = String::new();
        let row = Row {
            id: "a",
            task: "Dev",
            bin: None,
            mean: 0.5,
            epistemic: Some(3.0),
            aleatoric: None,
            total: total(Some(3.0), None),
            lower: Some(f64::NEG_INFINITY),
            upper: Some(1.25),
            quantiles: Some(vec![(0.05, -1.0), (0.5, 0.5)]),
        };
        row.tabbed(&mut text);
        assert_eq!(text, "a\tDev\t0.5\t3\t\t3\t-inf\t1.25\t-1\t0.5");
        assert_eq!(total(Some(3.0), Some(4.0)), Some(5.0));
        assert_eq!(total(None, None), None);
    }
}
