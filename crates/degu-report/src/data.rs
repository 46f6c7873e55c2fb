//! The input of a report: plain values, filled by whoever knows the study.
//!
//! Everything but the names is optional; an empty list leaves its section out. Uncertainties are
//! standard deviations in the unit of their task. A missing number is NaN, an unbounded one
//! infinite; both are drawn and printed as such.

mod agreement;
mod arms;
mod comparisons;
mod intervals;
mod maps;
mod models;
mod points;
mod record;
mod settings;
mod uncertainty;

use serde::{Deserialize, Serialize};

pub use agreement::{CompletenessRow, MapAgreement};
pub use arms::{ArmCost, ArmCurve, ArmScore, ArmSource, Arms};
pub use comparisons::{Arm, Comparison, CurvePoint, ShiftCurve, Sweep, SweepLine};
pub use intervals::{CalibrationRow, ConditionalRow};
pub use maps::{ConsistencyRow, Logo, LogoForm, LogoSpan};
pub use models::{Epoch, GapClosed, LearningCurve, MetricRow, ModelKind};
pub use points::{Part, Point, Scatter, Transfer};
pub use record::{
    ConfigurationRow, DatasetSummary, Fact, Hole, HoleState, NamedValue, PluginNote, Provenance,
    SplitSummary, Tone,
};
pub use settings::{Setting, SettingRow, SettingScore, Settings};
pub use uncertainty::{
    CalibrationNote, ReliabilityCurve, RiskCurve, TransformCounts, Uncertainty, UncertaintyRow,
    UncertaintySource,
};

/// One measured output of the assay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Name, such as `K562`; rows elsewhere refer to it.
    pub name: String,
    /// Unit of the measurement, such as `log2 RNA/DNA`; empty when unknown.
    #[serde(default)]
    pub unit: String,
}

/// Everything a report shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportData {
    /// Name of the study, `[a-z0-9_]+`.
    pub name: String,
    /// Title of the page, for people.
    pub title: String,
    /// Program and version that made the report, such as `degu-lab 0.1.0`.
    pub generated_by: String,
    /// One paragraph on what was asked and done; empty for none.
    #[serde(default)]
    pub summary: String,
    /// The measured outputs, in the order of the model's outputs.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// The data.
    #[serde(default)]
    pub dataset: Option<DatasetSummary>,
    /// The few numbers to remember, in order.
    #[serde(default)]
    pub headline: Vec<Fact>,
    /// Where the numbers come from.
    #[serde(default)]
    pub provenance: Option<Provenance>,
    /// Metrics, long form.
    #[serde(default)]
    pub metrics: Vec<MetricRow>,
    /// How much of the gap between a member and the ensemble the student closes.
    #[serde(default)]
    pub gap_closed: Vec<GapClosed>,
    /// Losses by epoch, one curve per training task of the plan.
    #[serde(default)]
    pub learning: Vec<LearningCurve>,
    /// Predicted against measured.
    #[serde(default)]
    pub scatter: Vec<Scatter>,
    /// Teacher against student.
    #[serde(default)]
    pub transfer: Vec<Transfer>,
    /// Interval coverage and width, one row per calibrator, task and alpha.
    #[serde(default)]
    pub calibration: Vec<CalibrationRow>,
    /// Interval coverage within bins of activity, GC content or a category.
    #[serde(default)]
    pub conditional: Vec<ConditionalRow>,
    /// How far predicted uncertainty can be trusted.
    #[serde(default, skip_serializing_if = "Uncertainty::is_empty")]
    pub uncertainty: Uncertainty,
    /// Attribution maps of chosen sequences.
    #[serde(default)]
    pub logos: Vec<Logo>,
    /// Agreement of attribution maps among models.
    #[serde(default)]
    pub consistency: Vec<ConsistencyRow>,
    /// Agreement of maps by sequence, members against students.
    #[serde(default)]
    pub map_agreement: Vec<MapAgreement>,
    /// How well maps add up to what they explain.
    #[serde(default)]
    pub completeness: Vec<CompletenessRow>,
    /// Metrics by severity of a shift.
    #[serde(default)]
    pub shift: Vec<ShiftCurve>,
    /// Ablation arms against their baseline, one entry per metric.
    #[serde(default)]
    pub comparisons: Vec<Comparison>,
    /// The arms side by side.
    #[serde(default, skip_serializing_if = "Arms::is_empty")]
    pub arms: Arms,
    /// Metrics along a swept axis.
    #[serde(default)]
    pub sweeps: Vec<Sweep>,
    /// Metrics of points grouped by what differs between them.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// Tasks of the plan without a result.
    #[serde(default)]
    pub holes: Vec<Hole>,
    /// The resolved configuration with the origin of each value.
    #[serde(default)]
    pub configuration: Vec<ConfigurationRow>,
    /// How each plugin differs from its original.
    #[serde(default)]
    pub notes: Vec<PluginNote>,
    /// The command that makes this study again; empty when unknown.
    #[serde(default)]
    pub reproduce: String,
}

impl ReportData {
    /// An empty report with its names.
    pub fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        generated_by: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            generated_by: generated_by.into(),
            ..Self::default()
        }
    }

    /// Unit of a task, or the empty text.
    pub(crate) fn unit(&self, task: &str) -> &str {
        self.tasks
            .iter()
            .find(|known| known.name == task)
            .map_or("", |known| known.unit.as_str())
    }
}
