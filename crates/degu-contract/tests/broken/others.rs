//! Plugins of the other slots that break one rule each.

use candle_core::{D, DType, Tensor};
use degu_core::{
    Attribution, Attributor, Augmentation, Build, Calibration, CalibrationSet, Calibrator,
    Component, Components, Ctx, Dataset, DatasetInfo, Examples, Forecast, Form, Head, Intervals,
    Invalid, LabelInfo, Metric, OutputKind, PluginConfig, Prediction, Predictor, Result, Row, Seed,
    SequenceBatch, Sequences, Shift, Split, Target, Targets, TaskForecast, UncertaintyHead, check,
};
use degu_nn::loss;
use degu_stats::{Alpha, Guarantee};
use rand::RngExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A configuration without parameters.
macro_rules! plain {
    ($config:ident: $slot:ident) => {
        /// A plugin for tests.
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        struct $config {}
        impl PluginConfig for $config {}
    };
}

// Metrics, and what is wrong with parameters of any slot.

/// Mean squared error and its like.
fn mse(f: &TaskForecast<'_>) -> Option<f64> {
    let n = f.y.len() as f64;
    let sum: f64 = f.y.iter().zip(f.mean).map(|(y, m)| (y - m).powi(2)).sum();
    (n > 0.0).then(|| sum / n)
}

macro_rules! metric {
    ($config:ident, $higher:expr, $compute:expr) => {
        impl Metric for $config {
            fn higher_is_better(&self) -> Option<bool> {
                Some($higher)
            }
            fn unit(&self) -> &str {
                ""
            }
            fn compute(&self, f: &TaskForecast<'_>) -> Result<Option<f64>> {
                let compute: fn(&TaskForecast<'_>) -> Option<f64> = $compute;
                Ok(compute(f))
            }
        }
    };
}

plain!(FirstRow: Metric);
metric!(FirstRow, false, |f| f
    .y
    .first()
    .map(|y| (y - f.mean[0]).abs()));
degu_core::register!(Metric "first-row", FirstRow, revision = 1, "error of the first row");

plain!(UpsideDown: Metric);
metric!(UpsideDown, true, mse);
degu_core::register!(Metric "upside-down", UpsideDown, revision = 1, "an error of which more is better");

plain!(NotANumber: Metric);
metric!(NotANumber, false, |f| {
    let n = f.y.len() as f64;
    Some(mse(f).unwrap_or(0.0) * n / n)
});
degu_core::register!(Metric "not-a-number", NotANumber, revision = 1, "an error that divides by zero rows");

plain!(Shouts: Metric);
metric!(Shouts, false, mse);
degu_core::register!(Metric "shouts", Shouts, revision = 1, "Error of the mean.");

/// Promises a range whose upper bound it refuses.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NoBounds {
    /// A share.
    #[schemars(range(min = 0.0, max = 1.0))]
    share: f64,
}
impl PluginConfig for NoBounds {
    fn check(&self) -> Result<(), Invalid> {
        check::range("share", self.share, ..1.0)
    }
}
metric!(NoBounds, false, mse);
degu_core::register!(Metric "no-bounds", NoBounds, revision = 1, "error of the mean");

/// Has a parameter without a description.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NoDocs {
    share: f64,
}
impl PluginConfig for NoDocs {}
metric!(NoDocs, false, mse);
degu_core::register!(Metric "no-docs", NoDocs, revision = 1, "error of the mean");

/// Has a parameter that changes no key.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct DeadAttribute {
    /// A number that is read and forgotten.
    #[serde(serialize_with = "always_zero")]
    forgotten: u32,
}
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn always_zero<S: serde::Serializer>(
    _: &u32,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_u32(0)
}
impl PluginConfig for DeadAttribute {}
metric!(DeadAttribute, false, mse);
degu_core::register!(Metric "dead-attribute", DeadAttribute, revision = 1, "error of the mean");

// Heads.

/// Ignores the mask.
struct Maskless(usize);
impl Head for Maskless {
    fn outputs(&self) -> usize {
        self.0
    }
    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        Ok((raw - &targets.mean.value)?.sqr()?.mean_all()?)
    }
    fn predict(&self, raw: &Tensor, _: &mut Ctx<'_>) -> Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
}

/// Predicts a spread that may be negative.
struct Negative(usize);
impl Head for Negative {
    fn outputs(&self) -> usize {
        2 * self.0
    }
    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let spread = raw.narrow(D::Minus1, self.0, self.0)?;
        let mean = loss::mse(&raw.narrow(D::Minus1, 0, self.0)?, &targets.mean)?;
        match &targets.epistemic {
            Some(target) => Ok((mean + loss::mse(&spread, target)?)?),
            None => Ok(mean),
        }
    }
    fn predict(&self, raw: &Tensor, _: &mut Ctx<'_>) -> Result<Prediction> {
        let mut prediction = Prediction::of_mean(raw.narrow(D::Minus1, 0, self.0)?);
        prediction.epistemic = Some(raw.narrow(D::Minus1, self.0, self.0)?);
        Ok(prediction)
    }
}

macro_rules! head {
    ($config:ident, $bound:ident, $epistemic:expr) => {
        plain!($config: UncertaintyHead);
        impl UncertaintyHead for $config {
            fn labels(&self) -> Components {
                Components::default()
            }
            fn components(&self, _: Components) -> Components {
                Components {
                    epistemic: $epistemic,
                    aleatoric: false,
                }
            }
            fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
                Ok(Box::new($bound(info.tasks.len())))
            }
        }
    };
}
head!(MasklessHead, Maskless, false);
degu_core::register!(UncertaintyHead "maskless", MasklessHead, revision = 1, "a head for tests");
head!(NegativeHead, Negative, true);
degu_core::register!(UncertaintyHead "negative-spread", NegativeHead, revision = 1, "a head for tests");

// Augmentations and shifts.

plain!(ByPosition: Augmentation);
impl Augmentation for ByPosition {
    fn apply(&self, batch: &mut SequenceBatch, seeds: &[Seed]) -> Result<()> {
        // One stream for the whole batch: rows depend on their neighbours.
        let Some(first) = seeds.first() else {
            return Ok(());
        };
        let mut rng = first.rng();
        for code in &mut batch.codes {
            if rng.random_range(0..10) == 0 {
                *code = rng.random_range(0..4);
            }
        }
        Ok(())
    }
}
degu_core::register!(Augmentation "by-position", ByPosition, revision = 1, "an augmentation for tests");

plain!(AlwaysAlike: Augmentation);
impl Augmentation for AlwaysAlike {
    fn apply(&self, batch: &mut SequenceBatch, _: &[Seed]) -> Result<()> {
        for code in &mut batch.codes {
            *code = if *code < 4 { 3 - *code } else { 4 };
        }
        Ok(())
    }
}
degu_core::register!(Augmentation "always-alike", AlwaysAlike, revision = 1, "an augmentation for tests");

plain!(NeverStill: Shift);
impl Shift for NeverStill {
    fn apply(&self, batch: &mut SequenceBatch, _: f64, _: &[Seed]) -> Result<()> {
        for code in &mut batch.codes {
            *code = if *code < 4 { 3 - *code } else { 4 };
        }
        Ok(())
    }
}
degu_core::register!(Shift "never-still", NeverStill, revision = 1, "a shift for tests");

// Data sets.

struct Data {
    info: DatasetInfo,
    rows: Vec<Row>,
    unordered: bool,
}

impl Data {
    fn new(unordered: bool, straddles: bool) -> Self {
        let row = |i: usize| Row {
            id: format!("row_{i}"),
            group: if straddles { (i / 4) as u64 } else { i as u64 },
            split: Some(if i.is_multiple_of(2) {
                Split::Train
            } else {
                Split::Test
            }),
            chromosome: None,
            category: None,
        };
        Self {
            info: DatasetInfo {
                title: "rows for tests".to_owned(),
                length: 5,
                tasks: vec!["a".to_owned()],
                unit: String::new(),
                output: OutputKind::Scalar,
                flanks: Default::default(),
                replicates: 1,
            },
            rows: (0..20).map(row).collect(),
            unordered,
        }
    }
}

impl Dataset for Data {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }
    fn rows(&self) -> &[Row] {
        &self.rows
    }
    fn read(&self, index: &[usize]) -> Result<Examples> {
        if let Some(row) = index.iter().find(|i| **i >= self.rows.len()) {
            return Err(degu_core::Error::Data {
                path: "test".into(),
                at: Some(format!("row {row}")),
                problem: "there is no such row".to_owned(),
            });
        }
        let mut sorted = index.to_vec();
        if self.unordered {
            sorted.sort_unstable();
        }
        Ok(Examples {
            codes: sorted.iter().flat_map(|i| [(*i % 4) as u8; 5]).collect(),
            y: sorted.iter().map(|i| *i as f32).collect(),
            replicate_std: None,
            weight: None,
        })
    }
}

macro_rules! dataset {
    ($config:ident, $unordered:expr, $straddles:expr) => {
        /// Rows for tests.
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        struct $config {}
        impl PluginConfig for $config {}
        impl Build<dyn Dataset> for $config {
            fn build(self) -> Result<Box<dyn Dataset>> {
                Ok(Box::new(Data::new($unordered, $straddles)))
            }
        }
    };
}
dataset!(Unordered, true, false);
degu_core::register!(Dataset "unordered", Unordered, revision = 1, "rows for tests");
dataset!(Straddles, false, true);
degu_core::register!(Dataset "straddles", Straddles, revision = 1, "rows for tests");

// Attribution.

plain!(WrongTask: Attributor);
impl Attributor for WrongTask {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        _: &[Seed],
    ) -> Result<Vec<Attribution>> {
        if targets.iter().any(|t| t.part != Component::Mean) {
            return Err(degu_core::Error::Missing {
                what: "a spread",
                by: "wrong-task",
                help: "ask for the mean",
            });
        }
        let one_hot = Sequences::codes(codes.clone())?.one_hot(DType::F32)?;
        let x = candle_core::Var::from_tensor(&one_hot)?;
        let y = model.forward(&Sequences::OneHot(x.as_tensor().clone()), &mut Ctx::eval())?;
        // Always the first task.
        let gradients = y.mean.narrow(D::Minus1, 0, 1)?.sum_all()?.backward()?;
        let values = match gradients.get(x.as_tensor()) {
            Some(gradient) => gradient.detach(),
            None => one_hot.zeros_like()?,
        };
        let map = Attribution::new(Form::Hypothetical, values);
        Ok(vec![map; targets.len()])
    }
}
degu_core::register!(Attributor "wrong-task", WrongTask, revision = 1, "gradients for tests");

// Calibration.

/// Half a unit on both sides, whatever the data say.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hope {
    units: usize,
}
impl Calibration for Hope {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        let half = 0.5 * (1.0 - alpha.value());
        Ok(Intervals {
            lower: forecast.mean.iter().map(|m| m - half).collect(),
            upper: forecast.mean.iter().map(|m| m + half).collect(),
        })
    }
    fn guarantee(&self, _: Alpha) -> Guarantee {
        Guarantee::Marginal
    }
    fn units(&self) -> Vec<usize> {
        vec![self.units]
    }
    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
plain!(Hopeful: Calibrator);
impl Calibrator for Hopeful {
    fn fit(
        &self,
        _: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        Ok(Box::new(Hope {
            units: set.forecast.rows,
        }))
    }
    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let hope = Hope::deserialize(state).map_err(|e| degu_core::Error::State {
            of: "hopeful",
            problem: e.to_string(),
        })?;
        Ok(Box::new(hope))
    }
}
degu_core::register!(Calibrator "hopeful", Hopeful, revision = 1, "intervals for tests");
