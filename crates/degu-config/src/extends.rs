//! Reading experiment files and what they extend.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    error::{Code, ConfigError},
    layer::Op,
    node::{self, Node, Value},
    path::KeyPath,
    source::{Place, Source, SourceKind},
    variables,
};

/// Reads files depth first: what a file extends comes before the file, and a file that is extended
/// twice counts once, where it came first.
pub(crate) struct Reader<'a> {
    pub(crate) environment: &'a std::collections::BTreeMap<String, String>,
    pub(crate) folder: &'a Path,
    pub(crate) ops: Vec<Op>,
    pub(crate) labels: Vec<String>,
    pub(crate) errors: Vec<ConfigError>,
    chain: Vec<(PathBuf, String)>,
    read: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        environment: &'a std::collections::BTreeMap<String, String>,
        folder: &'a Path,
    ) -> Self {
        let (ops, labels, errors) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            environment,
            folder,
            ops,
            labels,
            errors,
            chain: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Reads the file that the user named.
    pub(crate) fn file(&mut self, file: &Path) -> Option<Arc<Source>> {
        self.open(&self.folder.join(file), &file.display().to_string(), None)
    }

    /// Reads text that is in no file, such as standard input.
    pub(crate) fn text(&mut self, label: &str, text: &str) -> Arc<Source> {
        let source = Source::new(
            SourceKind::File,
            label,
            text.to_owned(),
            self.folder.to_owned(),
        );
        self.source(&source, Path::new(label));
        source
    }

    fn open(&mut self, path: &Path, label: &str, asked: Option<&Place>) -> Option<Arc<Source>> {
        let fail = |message: String, help: &str| {
            let error = ConfigError::new(Code::Extends, KeyPath::default(), message).help(help);
            match asked {
                Some(place) => error.at(place).label("named here"),
                None => error,
            }
        };
        let canonical = match path.canonicalize() {
            Ok(canonical) => canonical,
            Err(error) => {
                let help = if asked.is_some() {
                    "paths in `extends` are relative to the file that contains them"
                } else {
                    "name an experiment file, as in `degu-lab run experiments/quickstart.toml`"
                };
                self.errors
                    .push(fail(format!("cannot read `{label}`: {error}"), help));
                return None;
            }
        };
        if let Some(start) = self.chain.iter().position(|(open, _)| *open == canonical) {
            let chain: Vec<&str> = self.chain[start..]
                .iter()
                .map(|(_, label)| label.as_str())
                .collect();
            let message = format!(
                "`extends` goes in a circle: {} -> {label}",
                chain.join(" -> ")
            );
            self.errors
                .push(fail(message, "take one of these files out of the circle"));
            return None;
        }
        if self.read.contains(&canonical) {
            return None;
        }
        let text = match std::fs::read_to_string(&canonical) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(fail(
                    format!("cannot read `{label}`: {error}"),
                    "an experiment file is UTF-8 text",
                ));
                return None;
            }
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let source = Source::new(SourceKind::File, label, text, folder);
        self.chain.push((canonical.clone(), label.to_owned()));
        self.source(&source, Path::new(label));
        self.chain.pop();
        self.read.push(canonical);
        Some(source)
    }

    fn source(&mut self, source: &Arc<Source>, label: &Path) {
        let mut table = match node::parse(source) {
            Ok(table) => table,
            Err(error) => {
                self.labels.push(source.label().to_owned());
                return self.errors.push(*error);
            }
        };
        if let Some(extends) = table.remove("extends") {
            self.extends(&extends.node, source, label);
        }
        self.labels.push(source.label().to_owned());
        let place = Place::new(source, 0..0);
        self.ops.push(Op::Assign(
            Vec::new(),
            Node {
                value: Value::Table(table),
                place,
            },
        ));
    }

    fn extends(&mut self, extends: &Node, source: &Arc<Source>, label: &Path) {
        let path = KeyPath::of(&["extends"]);
        let Value::Array(files) = &extends.value else {
            let message = format!("expected a list of files, found {}", extends.found());
            let error = ConfigError::new(Code::Type, path, message).at(&extends.place);
            return self
                .errors
                .push(error.help("write extends = [\"base.toml\"]"));
        };
        for (i, entry) in files.iter().enumerate() {
            let Some(written) = entry.as_str() else {
                let message = format!("expected the name of a file, found {}", entry.found());
                self.errors
                    .push(ConfigError::new(Code::Type, path.index(i), message).at(&entry.place));
                continue;
            };
            match variables::expand(written, self.environment, None) {
                Ok(expanded) => {
                    let base = label.parent().unwrap_or(Path::new(""));
                    let shown = tidy(&base.join(&expanded.text));
                    let folder = source.folder.clone();
                    self.open(&folder.join(&expanded.text), &shown, Some(&entry.place));
                }
                Err(problem) => self.errors.push(problem.error(path.index(i), &entry.place)),
            }
        }
    }
}

/// A path as people would write it, without `x/..`; for messages only.
fn tidy(path: &Path) -> String {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        let named = matches!(tidy.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if named => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy.display().to_string()
}
