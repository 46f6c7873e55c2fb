//! Conformal intervals with a quantile for each group of rows: what is promised holds within every
//! group.
//!
//! Use it where coverage must hold for weak and strong elements alike, or for each category. Every
//! group needs its own calibration rows, so a few large groups are better than many small ones, and
//! intervals are wider than those of `split-conformal`.
//!
//! # Model
//!
//! Rows are cut into groups by predicted activity, by GC content, or by a category of the data
//! file. Each group has its own conformal quantile of `|y - mean|`, or of `|y - mean| / (spread +
//! epsilon)`, from its own calibration rows. Groups know nothing of the measured values: edges are
//! quantiles of predictions or GC content, or fixed numbers. A row of a category that no
//! calibration row has gets an infinite interval, and the result says so. A group that is too small
//! for alpha gives infinite intervals (`too_few = "infinite"`), stops (`"error"`), or is joined
//! with its smaller neighbour (`"merge"`, numeric groups alone, by counts alone).
//!
//! # Parameters
//!
//! See [`MondrianConfig`].
//!
//! # Citation
//!
//! Vovk et al., Algorithmic Learning in a Random World (2005), chapter 4.5; Bostrom, Johansson,
//! PMLR 128:114 (2020).
//!
//! # Differs from the original in
//!
//! - small neighbouring groups can be joined.
//!
//! # Source of golden numbers
//!
//! crepes, through the fixtures of `degu-stats`.

mod groups;

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Error, Forecast, Intervals, Invalid, PluginConfig,
    Result,
    calibration::{
        CalibratorNeeds, Covariate, FittedScale, OutputRows, Recalibrate, Scale, ScaleConfig,
        TooFew, column, gather,
    },
};
use degu_stats::{
    Alpha, Guarantee,
    conformal::{self, SortedScores, mondrian::Mondrian},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use groups::Groups;

/// Intervals with coverage within groups.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MondrianConfig {
    /// What the groups are made of.
    pub by: By,
    /// Number of groups of equal count, if `edges` is empty.
    #[schemars(range(min = 1, max = 1000))]
    pub bins: usize,
    /// Ascending edges between the groups, in the unit of `by`; the first and the last group are
    /// open.
    pub edges: Vec<f64>,
    /// What a residual is divided by.
    pub score: GroupScore,
    /// The predicted spread of the normalized score.
    pub scale: Scale,
    /// What is done to the spreads first, on a third of the calibration rows.
    pub recalibrate: Recalibrate,
    /// Added to the spread, as a fraction of its median.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub epsilon: f64,
    /// What to do with groups that are too small for alpha.
    pub too_few: SmallGroups,
    /// Smallest alpha that joined groups must serve.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub merge_for: f64,
}

/// What groups are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Predicted activity of the task.
    #[default]
    Activity,
    /// GC content of the sequence.
    Gc,
    /// The category that the data set names for a row.
    Category,
}

/// What a residual is divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupScore {
    /// Nothing: one width in each group.
    #[default]
    Absolute,
    /// A predicted spread.
    Normalized,
}

/// What to do with small groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmallGroups {
    /// Infinite intervals, counted in the report.
    #[default]
    Infinite,
    /// An error that says what to do.
    Error,
    /// Joined with the smaller neighbour until all are large enough for `merge_for`.
    Merge,
}

impl Default for MondrianConfig {
    fn default() -> Self {
        Self {
            by: By::default(),
            bins: 5,
            edges: Vec::new(),
            score: GroupScore::default(),
            scale: Scale::default(),
            recalibrate: Recalibrate::default(),
            epsilon: 0.05,
            too_few: SmallGroups::default(),
            merge_for: 0.05,
        }
    }
}

impl MondrianConfig {
    fn scaled(&self) -> Option<ScaleConfig> {
        (self.score == GroupScore::Normalized).then_some(ScaleConfig {
            scale: self.scale,
            recalibrate: self.recalibrate,
            epsilon: self.epsilon,
        })
    }
}

impl PluginConfig for MondrianConfig {
    fn check(&self) -> Result<(), Invalid> {
        let invalid = |field, message: &str| {
            Err(Invalid {
                field,
                message: message.to_owned(),
            })
        };
        if Alpha::from_f64(self.merge_for).is_err() {
            return invalid("merge_for", "must be an error rate above 0 and below 1");
        }
        let ascending = self.edges.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.edges.iter().any(|e| !e.is_finite()) {
            return invalid("edges", "must be finite and ascending");
        }
        if self.by == By::Category && self.too_few == SmallGroups::Merge {
            return invalid(
                "too_few",
                "cannot be \"merge\": categories have no neighbours",
            );
        }
        if self.by == By::Category && !self.edges.is_empty() {
            return invalid("edges", "are for numbers, not for categories");
        }
        if self.score == GroupScore::Absolute && self.recalibrate != Recalibrate::None {
            return invalid(
                "recalibrate",
                "repairs a spread, which `score = \"normalized\"` alone uses",
            );
        }
        Ok(())
    }
}

impl Calibrator for MondrianConfig {
    fn tuning_fraction(&self) -> f64 {
        if self.scaled().is_some_and(|s| s.tunes()) {
            1.0 / 3.0
        } else {
            0.0
        }
    }

    fn needs(&self) -> CalibratorNeeds {
        CalibratorNeeds {
            category: self.by == By::Category,
            ..self.scaled().map(|s| s.needs()).unwrap_or_default()
        }
    }

    fn covariates(&self) -> Vec<Covariate> {
        match self.by {
            By::Gc => vec![Covariate::Gc],
            _ => Vec::new(),
        }
    }

    fn fit(
        &self,
        tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        let forecast = &set.forecast;
        let outputs = (0..forecast.outputs)
            .map(|output| {
                let rows = OutputRows::of(set, output)?;
                let tune = tune.map(|t| OutputRows::of(t, output)).transpose()?;
                let scale = self
                    .scaled()
                    .map(|s| FittedScale::fit(&s, tune.as_ref(), &rows))
                    .transpose()?;
                let mut scores = rows.residuals();
                if let Some(scale) = &scale {
                    let spread =
                        scale.apply(rows.epistemic.as_deref(), rows.aleatoric.as_deref())?;
                    for (score, s) in scores.iter_mut().zip(spread) {
                        *score /= s;
                    }
                }
                let (groups, group) = Groups::fit(self, forecast, output, &rows.rows)?;
                Ok(Output {
                    scale,
                    groups,
                    scores: Mondrian::fit(&scores, &group)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Fitted {
            too_few: match self.too_few {
                SmallGroups::Error => TooFew::Error,
                _ => TooFew::Infinite,
            },
            outputs,
        }))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted = Fitted::deserialize(state).map_err(|e| Error::State {
            of: "mondrian",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

/// Scores by group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    too_few: TooFew,
    outputs: Vec<Output>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    scale: Option<FittedScale>,
    groups: Groups,
    scores: Mondrian,
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        gather(forecast, self.outputs.len(), |output| {
            let fitted = &self.outputs[output];
            for scores in fitted.scores.groups().values() {
                self.too_few
                    .accept(alpha, scores.len(), "a group of mondrian")?;
            }
            let pick = |values: &[f64]| column(values, output, forecast.outputs);
            let group = fitted.groups.of(forecast, output)?;
            let mut radius = fitted.scores.quantiles_for(&group, alpha);
            if let Some(scale) = &fitted.scale {
                let (epistemic, aleatoric) =
                    (forecast.epistemic.map(pick), forecast.aleatoric.map(pick));
                let spread = scale.apply(epistemic.as_deref(), aleatoric.as_deref())?;
                for (r, s) in radius.iter_mut().zip(spread) {
                    *r *= s;
                }
            }
            Ok(conformal::Intervals::around(&pick(forecast.mean), &radius)?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::PerGroup
    }

    fn units(&self) -> Vec<usize> {
        let count = |o: &Output| o.scores.groups().values().map(SortedScores::len).sum();
        self.outputs.iter().map(count).collect()
    }

    fn notes(&self) -> Vec<String> {
        let many = self.outputs.len() > 1;
        let mut all = Vec::new();
        for (i, output) in self.outputs.iter().enumerate() {
            let told = output.scale.iter().flat_map(|s| s.notes().to_vec());
            let told = std::iter::once(output.groups.words(&output.scores)).chain(told);
            all.extend(told.map(|n| if many { format!("output {i}: {n}") } else { n }));
        }
        all
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

degu_core::register!(Calibrator "mondrian", MondrianConfig, revision = 1,
    "conformal intervals that hold within groups of activity, GC content or category",
    cite = "doi:10.1007/b106715");

degu_core::document!("lib.rs");
