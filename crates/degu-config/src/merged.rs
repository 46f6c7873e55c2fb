//! The merged configuration: every value, and who set it.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::{Code, ConfigError, ConfigErrors},
    extends::Reader,
    layer::{self, Op},
    merge,
    node::{self, Node, Table, Value},
    path::{self, KeyPath},
    retired,
    schemas::SchemaSet,
    source::{Origin, Place, Source, SourceKind},
    variables, write,
};

/// What a study depends on beside its file.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The environment: `DEGU_LAB__SECTION__KEY` sets values, `${env:NAME}` reads any variable.
    pub env: BTreeMap<String, String>,
    /// `--set` arguments, in order: `a.b=VALUE`, `~a.b`, `a.b+=[..]`.
    pub sets: Vec<String>,
    /// The working folder; that of the process if empty.
    pub folder: PathBuf,
}

/// A value of the configuration on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Key path.
    pub path: String,
    /// The value as TOML.
    pub value: String,
    /// Who set it.
    pub origin: Origin,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}   {}", self.path, self.value, self.origin)
    }
}

/// Layers, merged; not yet validated.
#[derive(Clone)]
pub struct Config {
    /// As written: variables are not replaced, so that a variant may still change what they refer
    /// to.
    pub(crate) raw: Table,
    /// With variables replaced and paths resolved.
    pub(crate) tree: Table,
    /// The file that the user named, for sections that are missing.
    pub(crate) file: Place,
    pub(crate) schemas: Arc<SchemaSet>,
    layers: Vec<String>,
    environment: Arc<BTreeMap<String, String>>,
    folder: PathBuf,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

/// What is read: a file, or text.
pub(crate) enum Input<'a> {
    File(&'a Path),
    Text(&'a str, &'a str),
}

impl Config {
    /// Merges an experiment file with what it extends, the environment and the arguments.
    ///
    /// # Errors
    ///
    /// Syntax, missing files, cycles of `extends`, bad assignments and undefined variables, all at
    /// once.
    pub fn load(file: &Path, options: &LoadOptions) -> Result<Self, ConfigErrors> {
        Self::strict(&Input::File(file), options)
    }

    /// As [`Config::load`], for text that is in no file; `label` stands for the file in messages,
    /// and relative paths start at the working folder.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(label: &str, text: &str, options: &LoadOptions) -> Result<Self, ConfigErrors> {
        Self::strict(&Input::Text(label, text), options)
    }

    fn strict(input: &Input<'_>, options: &LoadOptions) -> Result<Self, ConfigErrors> {
        let (config, errors) = Self::compose(input, options)?;
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors::new(errors, &config.layers))
        }
    }

    /// Merges; what does not keep the tree from being validated is returned beside it.
    pub(crate) fn compose(
        input: &Input<'_>,
        options: &LoadOptions,
    ) -> Result<(Self, Vec<ConfigError>), ConfigErrors> {
        let bug = |error: degu_core::Error| {
            ConfigErrors::one(ConfigError::new(
                Code::Plugin,
                KeyPath::default(),
                error.to_string(),
            ))
        };
        let schemas = Arc::new(SchemaSet::new().map_err(bug)?);
        let folder = if options.folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &options.folder
        };
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let builtin = Source::new(
            SourceKind::Default,
            "built-in defaults",
            include_str!("defaults.toml").to_owned(),
            folder.clone(),
        );
        let mut raw = node::parse(&builtin).map_err(|error| ConfigErrors::one(*error))?;

        let mut reader = Reader::new(&options.env, &folder);
        let source = match input {
            Input::File(file) => reader.file(file),
            Input::Text(label, text) => Some(reader.text(label, text)),
        };
        let (mut ops, mut layers, mut errors) = (reader.ops, reader.labels, reader.errors);
        let Some(source) = source.filter(|_| errors.is_empty()) else {
            return Err(ConfigErrors::new(errors, &layers));
        };
        let (variables, labels) = layer::environment(&options.env, &folder, &mut errors);
        ops.extend(variables);
        layers.extend(labels);
        for (i, argument) in options.sets.iter().enumerate() {
            let index = i + 1;
            let source = Source::new(
                SourceKind::Set(index),
                &format!("--set #{index}"),
                argument.clone(),
                folder.clone(),
            );
            layers.push(format!("--set {argument}"));
            match layer::assignment(&source) {
                Ok(op) => ops.push(op),
                Err(error) => errors.push(*error),
            }
        }
        apply(&mut raw, ops, &schemas, &mut errors);
        retired::remove(&mut raw);
        let file = Place::new(
            &source,
            0..source.text().find('\n').unwrap_or(source.text().len()),
        );
        let environment = Arc::new(options.env.clone());
        let mut config = Self {
            tree: raw.clone(),
            raw,
            file,
            schemas,
            layers,
            environment,
            folder,
        };
        variables::resolve(
            &mut config.tree,
            &config.environment,
            &config.folder,
            &mut errors,
        );
        Ok((config, errors))
    }

    /// The configuration with further operations on top, and without the sections that make
    /// variants.
    pub(crate) fn variant(&self, ops: Vec<Op>) -> (Self, Vec<ConfigError>) {
        let mut config = self.clone();
        let mut errors = Vec::new();
        config.raw.remove("ablation");
        config.raw.remove("sweep");
        apply(&mut config.raw, ops, &self.schemas, &mut errors);
        config.tree = config.raw.clone();
        variables::resolve(
            &mut config.tree,
            &config.environment,
            &config.folder,
            &mut errors,
        );
        (config, errors)
    }

    /// Labels of the layers, lowest first: files, variables, arguments.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// Who set the value at a key path such as `attribute."my.maps".plugin`; `None` if nobody did.
    pub fn origin(&self, path: &str) -> Option<Origin> {
        let keys = path::parse(path).ok()?;
        let keys: Vec<&str> = keys.iter().map(|segment| segment.name.as_str()).collect();
        self.origin_at(&KeyPath::of(&keys))
    }

    pub(crate) fn origin_at(&self, path: &KeyPath) -> Option<Origin> {
        Some(self.tree.at(path)?.place.origin())
    }

    /// The merged configuration as one file, which loads to the same study. Variables are replaced,
    /// paths are absolute.
    pub fn to_toml(&self) -> String {
        write::to_toml(&self.tree)
    }

    /// The merged configuration.
    pub fn to_json(&self) -> serde_json::Value {
        self.tree.to_json()
    }

    /// Every value that a layer sets, with its origin. Arrays are one value.
    pub fn listing(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        leaves(&self.tree, &KeyPath::default(), &mut |path, node| {
            listed.push(Listed {
                path: path.to_string(),
                value: write::inline(node),
                origin: node.place.origin(),
            });
        });
        listed
    }
}

fn apply(raw: &mut Table, ops: Vec<Op>, schemas: &SchemaSet, errors: &mut Vec<ConfigError>) {
    for op in ops {
        if let Err(error) = merge::apply(raw, op, &|path| schemas.default_at(path)) {
            errors.push(*error);
        }
    }
}

/// Calls `visit` for every value that is not a table, and for empty tables.
pub(crate) fn leaves(table: &Table, path: &KeyPath, visit: &mut impl FnMut(&KeyPath, &Node)) {
    for entry in &table.entries {
        let path = path.key(&entry.key);
        match &entry.node.value {
            Value::Table(inner) if !inner.entries.is_empty() => leaves(inner, &path, visit),
            _ => visit(&path, &entry.node),
        }
    }
}
