//! The typed study.

use std::{collections::BTreeMap, ops::Deref, path::Path};

use degu_core::{Architecture, Attributor, Augmentation, Calibrator, Dataset, Shift};
use figment::value::{Dict, Value};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    check,
    error::{Code, ConfigErrors},
    expand,
    merged::{Config, Input, Listed, LoadOptions, leaves},
    node::{Node, absent},
    path::KeyPath,
    sections::{
        Ablation, ArchitectureKeys, AttributeKeys, CalibrationKeys, Distill, Ensemble, Evaluation,
        Executor, Identity, Report, ResourceRequest, ShiftKeys, SplitConfig, Sweep, Track,
        Training,
    },
    slot::{Optional, Slotted},
    source::Origin,
    write,
};

/// Lists the sections once: the typed study, and its reading section by section.
macro_rules! sections {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $key:literal;)*) => {
        /// All sections of an experiment file, with every default filled in.
        #[derive(Debug, Clone, Serialize, JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct Sections {
            $($(#[$doc])* #[serde(rename = $key)] pub $field: $type,)*
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
    architecture: Slotted<dyn Architecture, ArchitectureKeys> = "architecture";
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
    /// What tasks ask for, by stage; `default` for all others.
    resources: BTreeMap<String, ResourceRequest> = "resources";
}

/// The values of a section.
pub(crate) enum Given {
    /// Nothing is known to be wrong.
    Good(Value),
    /// Without the keys that are known to be wrong: read for further errors only.
    Wrong(Value),
    /// The section is not there.
    Missing,
}

/// Gives the values of sections, and takes their errors.
pub(crate) trait SectionReader {
    /// The values of a section.
    fn section(&self, key: &str) -> Given;
    /// Reports an error of a section; `wrong` says that other errors are known.
    fn refuse(&mut self, key: &str, wrong: bool, error: figment::Error);
}

/// Reads one section. A missing one has its defaults, where it has any; otherwise that it is
/// missing has been reported.
fn read<T: DeserializeOwned>(reader: &mut dyn SectionReader, key: &str) -> Option<T> {
    let (value, wrong) = match reader.section(key) {
        Given::Good(value) => (value, false),
        Given::Wrong(value) => (value, true),
        Given::Missing => {
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

/// A validated study: its sections, and where every value comes from.
///
/// Sections are fields: `study.training.epochs`, `study.architecture.plugin.build()`.
#[derive(Debug, Clone)]
pub struct Study {
    sections: Sections,
    config: Config,
}

impl Deref for Study {
    type Target = Sections;
    fn deref(&self) -> &Sections {
        &self.sections
    }
}

impl Study {
    /// Reads and validates an experiment file, with all its variants. Opens no file but experiment
    /// files.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, with its places.
    pub fn load(file: &Path, options: &LoadOptions) -> Result<Self, ConfigErrors> {
        Self::read(&Input::File(file), options)
    }

    /// As [`Study::load`], for text that is in no file; `label` stands for the file in messages.
    ///
    /// # Errors
    ///
    /// As [`Study::load`].
    pub fn parse(label: &str, text: &str, options: &LoadOptions) -> Result<Self, ConfigErrors> {
        Self::read(&Input::Text(label, text), options)
    }

    fn read(input: &Input<'_>, options: &LoadOptions) -> Result<Self, ConfigErrors> {
        let (config, mut errors) = Config::compose(input, options)?;
        let (sections, mut more) = check::validate(&config, check::Scope::Whole);
        // A string whose variable is missing is wrong in one way, whatever its text would be.
        more.retain(|error| {
            !errors
                .iter()
                .any(|known| known.code() == Code::Variable && known.key_path() == error.key_path())
        });
        errors.extend(more);
        errors.extend(expand::check(
            &config,
            sections.as_ref().filter(|_| errors.is_empty()),
        ));
        match sections {
            Some(sections) if errors.is_empty() => Ok(Self { sections, config }),
            _ => Err(ConfigErrors::new(errors, config.layers())),
        }
    }

    pub(crate) fn new(sections: Sections, config: Config) -> Self {
        Self { sections, config }
    }

    /// The merged configuration, as far as files, variables and arguments set it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The study with every default filled in, of the framework and of plugins.
    pub fn to_json(&self) -> serde_json::Value {
        // Sections hold strings, numbers and tables with string keys, which always serialize.
        serde_json::to_value(&self.sections).unwrap_or_default()
    }

    /// The study with every default filled in, as one file that loads to the same study: what a run
    /// keeps.
    pub fn locked_toml(&self) -> String {
        let mut json = self.to_json();
        self.keep_inheritance(&mut json);
        let node = Node::from_json(&json, &self.config.file);
        node.as_ref()
            .and_then(Node::as_table)
            .map(write::to_toml)
            .unwrap_or_default()
    }

    /// Leaves out what `[distill.training]` has from `[training]`: a sweep or an arm that changes
    /// `[training]` reaches students of a locked study as it did those of the file.
    fn keep_inheritance(&self, json: &mut serde_json::Value) {
        let own = self.config.tree.get("distill").and_then(Node::as_table);
        let own = own.and_then(|distill| distill.get("training")?.as_table());
        let Some(distill) = json
            .get_mut("distill")
            .and_then(serde_json::Value::as_object_mut)
        else {
            return;
        };
        match (
            own,
            distill
                .get_mut("training")
                .and_then(serde_json::Value::as_object_mut),
        ) {
            (Some(own), Some(training)) => training.retain(|key, _| own.get(key).is_some()),
            _ => {
                distill.remove("training");
            }
        }
    }

    /// Every value with its origin, defaults included: `config show --origin`.
    pub fn listing(&self) -> Vec<Listed> {
        let node = Node::from_json(&self.to_json(), &self.config.file);
        let mut listed = Vec::new();
        if let Some(table) = node.as_ref().and_then(Node::as_table) {
            leaves(table, &KeyPath::default(), &mut |path, node| {
                let origin = self.origin_at(path);
                listed.push(Listed {
                    path: path.to_string(),
                    value: write::inline(node),
                    origin,
                });
            });
        }
        let rank = |listed: &Listed| {
            let section = listed.path.split('.').next().unwrap_or_default();
            write::SECTIONS
                .iter()
                .position(|known| *known == section)
                .unwrap_or(usize::MAX)
        };
        listed.sort_by_key(rank);
        listed
    }

    /// Who set a value; a student's training falls back to `[training]`.
    fn origin_at(&self, path: &KeyPath) -> Origin {
        let inherited = || match path.keys()[..] {
            ["distill", "training", ref rest @ ..] => {
                let keys: Vec<&str> = ["training"]
                    .into_iter()
                    .chain(rest.iter().copied())
                    .collect();
                self.config.origin_at(&KeyPath::of(&keys))
            }
            _ => None,
        };
        self.config
            .origin_at(path)
            .or_else(inherited)
            .unwrap_or(Origin::Default)
    }
}
