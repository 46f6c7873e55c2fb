//! The sections of an experiment file, typed.
//!
//! Every section has defaults for everything that has a sensible one. Ranges are part of the schema
//! and are enforced by the validation; rules between keys live in `rules`.

mod ablation;
mod blocks;
mod distill;
mod ensemble;
mod evaluation;
mod executor;
mod identity;
mod report;
mod split;
mod training;
mod units;

pub use ablation::{Ablation, Arm, Sweep, SweepKind};
pub use blocks::{
    AttributeKeys, AttributeModels, AttributeSequences, AttributeTarget, CalibrationKeys,
    SequenceOrder, ShiftKeys,
};
pub use distill::{Distill, DynamicLabels, DynamicMode, LabelMembers, Labels};
pub use ensemble::{ArchitectureKeys, Ensemble, Prior, Vary};
pub use evaluation::{
    Bootstrap, BootstrapUnit, Evaluation, IntervalMetric, MetricKey, MetricSpec, ModelKind,
};
pub use executor::{Executor, ExecutorKind, ResourceRequest, Slurm};
pub use identity::Identity;
pub use report::{Mlflow, Report, ReportFormat, Track, TrackSink};
pub use split::{Chromosomes, Fractions, Group, HoldOut, SplitConfig, SplitKind};
pub use training::{Checkpoint, FineTuneConfig, Training};
pub use units::{Memory, TimeSpan};
