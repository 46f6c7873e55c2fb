//! `[evaluation]`, and the names of numbers.

use std::{borrow::Cow, fmt};

use degu_core::{Metric, Split};
use figment::value::{Dict, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::slot::{BARE, NoKeys, Slotted, resolve};

/// `[evaluation]`: tables.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Parts of the data set that tables are made of.
    #[serde(default = "test")]
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub splits: Vec<Split>,
    /// Numbers in the tables: names of metrics, or `{ plugin = ".." }` with parameters.
    #[serde(default)]
    pub metrics: Vec<MetricSpec>,
    /// How intervals of the numbers are made.
    #[serde(default)]
    pub bootstrap: Bootstrap,
}

fn test() -> Vec<Split> {
    vec![Split::Test]
}

/// Resampling of test rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bootstrap {
    /// Number of resamples; 0 for none.
    pub n: usize,
    /// What is drawn.
    pub unit: BootstrapUnit,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            n: 1000,
            unit: BootstrapUnit::Sequence,
        }
    }
}

/// What a bootstrap draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BootstrapUnit {
    /// Rows.
    Sequence,
    /// Groups of near-duplicates.
    Cluster,
    /// Whole chromosomes.
    Chromosome,
}

/// A number in a table.
#[derive(Debug, Clone)]
pub enum MetricSpec {
    /// A number of the intervals of each calibration block, per alpha.
    Interval(IntervalMetric),
    /// A metric plugin.
    Plugin(Slotted<dyn Metric>),
}

impl MetricSpec {
    /// Name, without alpha.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Interval(metric) => metric.name(),
            Self::Plugin(metric) => metric.plugin.name,
        }
    }
}

/// Numbers of intervals, which the framework computes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IntervalMetric {
    /// Share of observations inside.
    Coverage,
    /// Mean width, in units of the target.
    Width,
    /// Interval score (Winkler 1972), in units of the target.
    Score,
}

impl IntervalMetric {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Coverage, Self::Width, Self::Score];

    /// Name in experiment files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coverage => "interval_coverage",
            Self::Width => "interval_width",
            Self::Score => "interval_score",
        }
    }

    /// The one with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

impl Serialize for MetricSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Interval(metric) => serializer.serialize_str(metric.name()),
            Self::Plugin(metric)
                if metric
                    .plugin
                    .params
                    .as_object()
                    .is_none_or(serde_json::Map::is_empty) =>
            {
                serializer.serialize_str(metric.plugin.name)
            }
            Self::Plugin(metric) => metric.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for MetricSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = match <Value as Deserialize>::deserialize(deserializer)? {
            Value::String(_, name) => match IntervalMetric::parse(&name) {
                Some(metric) => return Ok(Self::Interval(metric)),
                None => Dict::from([("plugin".to_owned(), Value::from(name))]),
            },
            Value::Dict(_, table) => table,
            _ => {
                return Err(D::Error::custom(
                    "expected the name of a metric, or a table with `plugin`",
                ));
            }
        };
        let plugin = resolve(&table).map_err(D::Error::custom)?;
        Ok(Self::Plugin(Slotted {
            plugin,
            keys: NoKeys {},
        }))
    }
}

impl JsonSchema for MetricSpec {
    fn schema_name() -> Cow<'static, str> {
        "MetricSpec".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Slotted::<dyn Metric>::json_schema(generator);
        let names: Vec<&str> = IntervalMetric::ALL
            .iter()
            .map(|metric| metric.name())
            .collect();
        schema.insert(BARE.to_owned(), names.into());
        schema
    }
}

/// One number of a study: `test/pearson`, `test/interval_width@0.1`, or the long form `{ split,
/// metric, model, task }`.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricKey {
    /// Part of the data set.
    pub split: Split,
    /// Name of the metric.
    pub metric: String,
    /// Alpha, for numbers of intervals.
    pub alpha: Option<f64>,
    /// Model; the study's final one if absent: the mean over students, or the teacher where nothing
    /// is distilled.
    pub model: Option<ModelKind>,
    /// Task; the mean over tasks if absent.
    pub task: Option<String>,
}

/// Kinds of models that tables distinguish.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Mean over the members.
    Member,
    /// The ensemble.
    Teacher,
    /// Mean over the students.
    Student,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LongKey {
    /// Part of the data set.
    split: Split,
    /// Name of the metric, with `@alpha` for numbers of intervals.
    metric: String,
    /// Model; the study's final one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelKind>,
    /// Task; the mean over tasks if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<String>,
}

impl MetricKey {
    /// Reads `split/metric` or `split/metric@alpha`.
    ///
    /// # Errors
    ///
    /// What was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = || format!("expected `split/metric` or `split/metric@alpha`, found {text:?}");
        let (split, metric) = text.split_once('/').ok_or_else(form)?;
        let split: Split = serde_json::from_value(split.into()).map_err(|_| {
            format!("expected train, validation, calibration or test before `/`, found {split:?}")
        })?;
        Self::new(split, metric, None, None).ok_or_else(form)
    }

    fn new(
        split: Split,
        metric: &str,
        model: Option<ModelKind>,
        task: Option<String>,
    ) -> Option<Self> {
        let (metric, alpha) = match metric.split_once('@') {
            Some((metric, alpha)) => (metric, Some(alpha.parse().ok()?)),
            None => (metric, None),
        };
        let metric = metric.to_owned();
        (!metric.is_empty()).then_some(Self {
            split,
            metric,
            alpha,
            model,
            task,
        })
    }
}

impl fmt::Display for MetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.split.name(), self.metric)?;
        self.alpha.map_or(Ok(()), |alpha| write!(f, "@{alpha}"))
    }
}

impl Serialize for MetricKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.model.is_none() && self.task.is_none() {
            return serializer.collect_str(self);
        }
        let alpha = self
            .alpha
            .map(|alpha| format!("@{alpha}"))
            .unwrap_or_default();
        let metric = format!("{}{alpha}", self.metric);
        LongKey {
            split: self.split,
            metric,
            model: self.model,
            task: self.task.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MetricKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <Value as Deserialize>::deserialize(deserializer)?;
        if let Some(text) = value.as_str() {
            return Self::parse(text).map_err(D::Error::custom);
        }
        let long: LongKey = value.deserialize().map_err(D::Error::custom)?;
        Self::new(long.split, &long.metric, long.model, long.task).ok_or_else(|| {
            D::Error::custom(format!(
                "expected `metric` or `metric@alpha`, found {:?}",
                long.metric
            ))
        })
    }
}

impl JsonSchema for MetricKey {
    fn schema_name() -> Cow<'static, str> {
        "MetricKey".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = LongKey::json_schema(generator);
        json_schema!({ "anyOf": [{ "type": "string" }, long] })
    }
}
