//! Groups of rows, by edges of a number or by name.

use degu_core::{Error, Forecast, Result};
use degu_stats::{
    Alpha, StatsError,
    conformal::{
        SortedScores,
        mondrian::{Mondrian, merge_small},
    },
    order::quantiles,
};
use serde::{Deserialize, Serialize};

use crate::{By, MondrianConfig, SmallGroups};

/// How a new row finds its group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Groups {
    /// Group i holds values from edge i - 1 (included) to edge i.
    Edges {
        /// What is cut.
        by: By,
        /// Inner edges, ascending; the first and the last group are open.
        edges: Vec<f64>,
        /// Groups before small ones were joined.
        before: usize,
    },
    /// Group i has name i; any other name is group `names.len()`, which no calibration row has.
    Names(Vec<String>),
}

impl Groups {
    /// Groups of the calibration `rows`, and the group of each.
    pub(crate) fn fit(
        config: &MondrianConfig,
        forecast: &Forecast<'_>,
        output: usize,
        rows: &[usize],
    ) -> Result<(Self, Vec<u32>)> {
        if config.by == By::Category {
            let category = category(forecast)?;
            let mut names: Vec<String> = rows.iter().map(|r| category[*r].clone()).collect();
            names.sort_unstable();
            names.dedup();
            let group = rows.iter().map(|r| find(&names, &category[*r]));
            let group = group.collect();
            return Ok((Self::Names(names), group));
        }
        let all = values(config.by, forecast, output)?;
        let own: Vec<f64> = rows.iter().map(|r| all[*r]).collect();
        let mut edges = if config.edges.is_empty() {
            let levels: Vec<f64> = (1..config.bins)
                .map(|i| i as f64 / config.bins as f64)
                .collect();
            quantiles(&own, &levels)?
        } else {
            config.edges.clone()
        };
        // Constant predictions have one group.
        edges.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let before = edges.len() + 1;
        let mut group: Vec<u32> = own.iter().map(|v| bin(*v, &edges)).collect();
        if config.too_few == SmallGroups::Merge {
            let mut counts = vec![0; before];
            for g in &group {
                counts[*g as usize] += 1;
            }
            let merged = merge_small(&counts, Alpha::from_f64(config.merge_for)?);
            edges = (1..before)
                .filter(|i| merged[*i] != merged[i - 1])
                .map(|i| edges[i - 1])
                .collect();
            group = own.iter().map(|v| bin(*v, &edges)).collect();
        }
        let by = config.by;
        Ok((Self::Edges { by, edges, before }, group))
    }

    /// The group of each new row.
    pub(crate) fn of(&self, forecast: &Forecast<'_>, output: usize) -> Result<Vec<u32>> {
        match self {
            Self::Names(names) => Ok(category(forecast)?.iter().map(|c| find(names, c)).collect()),
            Self::Edges { by, edges, .. } => Ok(values(*by, forecast, output)?
                .iter()
                .map(|v| bin(*v, edges))
                .collect()),
        }
    }

    /// Groups with their sizes, in words.
    pub(crate) fn words(&self, scores: &Mondrian) -> String {
        let size = |g: usize| {
            scores
                .groups()
                .get(&(g as u32))
                .map_or(0, SortedScores::len)
        };
        match self {
            Self::Names(names) => {
                let all: Vec<String> = names
                    .iter()
                    .enumerate()
                    .map(|(g, name)| format!("{name} {}", size(g)))
                    .collect();
                format!(
                    "calibration groups by category: {}; rows of other categories have infinite intervals",
                    all.join(", ")
                )
            }
            Self::Edges { by, edges, before } => {
                let unit = match by {
                    By::Gc => "GC content",
                    _ => "predicted activity",
                };
                let all: Vec<String> = (0..=edges.len())
                    .map(|g| {
                        let low = g.checked_sub(1).map(|i| edges[i]);
                        let range = match (low, edges.get(g)) {
                            (None, None) => "all".to_owned(),
                            (None, Some(high)) => format!("below {high:.3}"),
                            (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
                            (Some(low), None) => format!("from {low:.3}"),
                        };
                        format!("{range}: {}", size(g))
                    })
                    .collect();
                let joined = if *before > edges.len() + 1 {
                    format!(" ({before} groups, small ones joined)")
                } else {
                    String::new()
                };
                format!("calibration groups by {unit}{joined}: {}", all.join(", "))
            }
        }
    }
}

fn find(names: &[String], name: &str) -> u32 {
    names
        .binary_search_by(|n| n.as_str().cmp(name))
        .unwrap_or(names.len()) as u32
}

fn bin(value: f64, edges: &[f64]) -> u32 {
    edges.partition_point(|edge| *edge <= value) as u32
}

fn category<'a>(forecast: &Forecast<'a>) -> Result<&'a [String]> {
    forecast.category.ok_or(Error::Missing {
        what: "the category of every row",
        by: "mondrian with `by = \"category\"`",
        help: "name the column of the data set (`category = \"..\"`); for new sequences, `--category-column NAME`",
    })
}

/// The number that is cut, for all rows.
fn values(by: By, forecast: &Forecast<'_>, output: usize) -> Result<Vec<f64>> {
    let (all, width, name) = match by {
        By::Gc => {
            let (values, width) = forecast.features.ok_or(Error::Missing {
                what: "the GC content of every row",
                by: "mondrian with `by = \"gc\"`",
                help: "the framework computes it from the sequences; this is a defect",
            })?;
            (values, width, "GC content")
        }
        _ => (forecast.mean, forecast.outputs, "mean"),
    };
    let at = if by == By::Gc { 0 } else { output };
    let values: Vec<f64> = all.iter().skip(at).step_by(width).copied().collect();
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(values),
        Some(row) => Err(StatsError::NotFinite {
            name,
            row,
            value: values[row],
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use degu_core::{CalibrationSet, Calibrator};

    fn names(n: usize) -> Vec<String> {
        (0..n)
            .map(|i| if i % 4 == 0 { "promoter" } else { "enhancer" }.to_owned())
            .collect()
    }

    fn alpha(text: &str) -> Alpha {
        text.parse().unwrap()
    }

    #[test]
    fn each_category_has_its_own_width_and_unknown_ones_are_infinite() {
        let n = 200;
        let (mean, category) = (vec![0.0; n], names(n));
        let wave = |i: usize| ((i * 7919) % 1009) as f64 / 504.5 - 1.0;
        let y: Vec<f64> = (0..n)
            .map(|i| if i % 4 == 0 { 10.0 } else { 1.0 } * wave(i))
            .collect();
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast {
            category: Some(&category),
            ..Forecast::new(n, 1, &mean)
        };
        let set = CalibrationSet::new(forecast, &y, &unit);
        let config = MondrianConfig {
            by: By::Category,
            ..MondrianConfig::default()
        };
        let fitted = config.fit(None, &set, None).unwrap();
        let new = ["enhancer", "promoter", "insulator"].map(str::to_owned);
        let zero = [0.0; 3];
        let new = Forecast {
            category: Some(&new),
            ..Forecast::new(3, 1, &zero)
        };
        let at = fitted.intervals(&new, alpha("0.1")).unwrap();
        assert!(at.upper[0] < 1.0 && at.upper[1] > 5.0 && at.upper[1].is_finite());
        assert!(at.upper[2].is_infinite() && at.lower[2].is_infinite());
        assert!(
            fitted.notes()[0].contains("promoter 50"),
            "{:?}",
            fitted.notes()
        );
        let again = config.restore(&fitted.state()).unwrap();
        assert_eq!(again.intervals(&new, alpha("0.1")).unwrap(), at);
        let nameless = Forecast::new(3, 1, &zero);
        assert!(fitted.intervals(&nameless, alpha("0.1")).is_err());
    }

    #[test]
    fn small_groups_are_joined_infinite_or_an_error() {
        let n = 60;
        let mean: Vec<f64> = (0..n).map(f64::from).collect();
        let y: Vec<f64> = mean.iter().map(|m| m + 1.0).collect();
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast::new(n as usize, 1, &mean);
        let set = CalibrationSet::new(forecast, &y, &unit);
        let fit = |too_few| {
            let config = MondrianConfig {
                edges: vec![5.0, 30.0],
                too_few,
                merge_for: 0.1,
                ..MondrianConfig::default()
            };
            config.fit(None, &set, None).unwrap()
        };
        let at = fit(SmallGroups::Infinite)
            .intervals(&forecast, alpha("0.1"))
            .unwrap();
        assert!(at.upper[4].is_infinite() && at.upper[5].is_finite());
        let merged = fit(SmallGroups::Merge);
        let at = merged.intervals(&forecast, alpha("0.1")).unwrap();
        assert!(at.upper.iter().all(|u| u.is_finite()));
        assert!(merged.notes()[0].contains("joined"), "{:?}", merged.notes());
        let error = fit(SmallGroups::Error).intervals(&forecast, alpha("0.1"));
        assert!(error.unwrap_err().to_string().contains("group of mondrian"));
    }

    #[test]
    fn constant_predictions_are_one_group_and_equal_to_the_plain_method() {
        let n = 50;
        let mean = vec![2.0; n];
        let y: Vec<f64> = (0..n).map(|i| 2.0 + (i as f64 - 25.0) / 10.0).collect();
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast::new(n, 1, &mean);
        let set = CalibrationSet::new(forecast, &y, &unit);
        let fitted = MondrianConfig::default().fit(None, &set, None).unwrap();
        let at = fitted.intervals(&forecast, alpha("0.1")).unwrap();
        let residuals: Vec<f64> = y.iter().map(|y| (y - 2.0).abs()).collect();
        let plain = degu_stats::conformal::conformal_quantile(&residuals, alpha("0.1")).unwrap();
        assert!(at.upper.iter().all(|u| (u - 2.0 - plain).abs() < 1e-12));
    }
}
