//! The typed study.

use std::{ops::Deref, path::Path};

use super::{
    check::{Scope, check},
    error::{Code, ConfigErrors},
    merged::{Config, Input, Listed, LoadOptions, leaves},
    node::Node,
    path::KeyPath,
    sections::Sections,
    source::Origin,
    variants, write,
};

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
        let (sections, mut more) = check(&config, Scope::Whole);
        // A string whose variable is missing is wrong in one way, whatever its text would be.
        more.retain(|error| {
            !errors
                .iter()
                .any(|known| known.code() == Code::Variable && known.key_path() == error.key_path())
        });
        errors.extend(more);
        errors.extend(variants::check(
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
        let written = self.config.tree.get("distill").and_then(Node::as_table);
        let written = written.and_then(|distill| distill.get("training")?.as_table());
        let Some(distill) = json
            .get_mut("distill")
            .and_then(serde_json::Value::as_object_mut)
        else {
            return;
        };
        match (
            written,
            distill
                .get_mut("training")
                .and_then(serde_json::Value::as_object_mut),
        ) {
            (Some(written), Some(training)) => training.retain(|key, _| written.get(key).is_some()),
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
        listed.sort_by_key(|listed| {
            Sections::rank(listed.path.split('.').next().unwrap_or_default())
        });
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
