//! The sections of an experiment file, typed.
//!
//! Every section has defaults for everything that has a sensible one. Ranges are part of the schema
//! and are enforced by the validation; rules between keys live in `rules`.

use std::collections::BTreeMap;

use degu_core::{Architecture, Attributor, Augmentation, Calibrator, Dataset, Shift};
use figment::value::{Dict, Value};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    node::absent,
    slot::{Optional, Slotted},
};

mod ablation;
mod blocks;
mod distill;
mod ensemble;
mod evaluation;
mod executor;
mod identity;
mod report;
mod split;
mod track;
mod training;

pub use ablation::{Ablation, Arm, Sweep, SweepKind};
pub use blocks::{
    AttributeKeys, AttributeModels, AttributeSequences, AttributeTarget, CalibrationKeys,
    SequenceOrder, ShiftKeys,
};
pub use distill::{Distill, DynamicLabels, DynamicMode, LabelMembers, Labels};
pub use ensemble::{Ensemble, Vary};
pub use evaluation::{
    Bootstrap, BootstrapUnit, Evaluation, IntervalMetric, MetricKey, MetricSpec, ModelKind,
};
pub use executor::{Executor, ExecutorKind, Slurm, TimeSpan};
pub use identity::Identity;
pub use report::{Report, ReportFormat};
pub use split::{Chromosomes, Fractions, Group, HoldOut, SplitConfig, SplitKind};
pub use track::{Mlflow, Track, TrackSink};
pub use training::{Checkpoint, FineTuneConfig, Training};

/// Lists the sections once: the typed study, and its reading section by section.
macro_rules! sections {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $key:literal;)*) => {
        /// All sections of an experiment file, with every default filled in.
        #[derive(Debug, Clone, Serialize, JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct Sections {
            $($(#[$doc])* #[serde(rename = $key)] pub $field: $type,)*
        }

        impl Sections {
            /// Place of a section in a written study; the last for other keys.
            pub(crate) fn rank(key: &str) -> usize {
                let keys = [$($key),*];
                keys.iter().position(|k| *k == key).unwrap_or(keys.len())
            }
        }

        /// The sections that could be read.
        pub(crate) struct Partial {
            $(pub(crate) $field: Option<$type>,)*
        }

        impl Partial {
            pub(crate) fn read(reader: &mut dyn SectionReader) -> Self {
                Self { $($field: read(reader, $key),)* }
            }

            pub(crate) fn complete(self) -> Option<Sections> {
                Some(Sections { $($field: self.$field?,)* })
            }
        }
    };
}

sections! {
    /// Version of the format.
    schema: u32 = "schema";
    /// Identity and places.
    identity: Identity = "study";
    /// Where sequences and measurements come from.
    dataset: Slotted<dyn Dataset> = "dataset";
    /// Which rows train, stop training early, calibrate and test.
    split: SplitConfig = "split";
    /// The network.
    architecture: Slotted<dyn Architecture> = "architecture";
    /// The teacher.
    ensemble: Ensemble = "ensemble";
    /// Applied while training members.
    augmentation: Optional<dyn Augmentation> = "augmentation";
    /// How members are trained.
    training: Training = "training";
    /// The students.
    distill: Distill = "distill";
    /// Attribution maps, by name.
    attribute: BTreeMap<String, Slotted<dyn Attributor, AttributeKeys>> = "attribute";
    /// Intervals, by name.
    calibration: BTreeMap<String, Slotted<dyn Calibrator, CalibrationKeys>> = "calibration";
    /// Stress sets, by name.
    shift: BTreeMap<String, Slotted<dyn Shift, ShiftKeys>> = "shift";
    /// Tables.
    evaluation: Evaluation = "evaluation";
    /// One change at a time against a baseline.
    ablation: Option<Ablation> = "ablation";
    /// Variants along axes, by name.
    sweep: BTreeMap<String, Sweep> = "sweep";
    /// What is written.
    report: Report = "report";
    /// Further places for events.
    track: Track = "track";
    /// Where tasks run.
    executor: Executor = "executor";
}

/// The values of a section.
pub(crate) enum SectionInput {
    /// No error is known.
    Valid(Value),
    /// Without the keys that have errors: read for further errors only.
    Invalid(Value),
    /// The section is not there.
    Absent,
}

/// Gives the values of sections, and takes their errors.
pub(crate) trait SectionReader {
    /// The values of a section.
    fn section(&self, key: &str) -> SectionInput;
    /// Reports an error of a section; `wrong` says that other errors are known.
    fn refuse(&mut self, key: &str, wrong: bool, error: figment::Error);
}

/// Reads one section. A missing one has its defaults, where it has any; otherwise that it is
/// missing has been reported.
fn read<T: DeserializeOwned>(reader: &mut dyn SectionReader, key: &str) -> Option<T> {
    let (value, wrong) = match reader.section(key) {
        SectionInput::Valid(value) => (value, false),
        SectionInput::Invalid(value) => (value, true),
        SectionInput::Absent => {
            let optional: Option<T> = absent().deserialize().ok();
            return optional.or_else(|| Value::from(Dict::new()).deserialize().ok());
        }
    };
    match value.deserialize() {
        Ok(section) => Some(section).filter(|_| !wrong),
        Err(error) => {
            error
                .into_iter()
                .for_each(|error| reader.refuse(key, wrong, error));
            None
        }
    }
}
