//! The validation of a merged configuration.

use degu_core::{Problem, Refusal};
use figment::error::Kind;

use super::{
    error::{Code, ConfigError},
    merge,
    merged::Config,
    node::{Entry, Node, Table, Value},
    path::{KeyPath, Step},
    rules,
    sections::{Partial, SectionInput, SectionReader, Sections},
    slot,
    source::Place,
    validate::{SlotUse, Validator},
};

pub(crate) use rules::Scope;

/// The newest format that is understood.
const SCHEMA: i64 = 1;

/// Checks the tree against the schemas, then reads plugins and sections, then applies the rules
/// between keys. What is wrong in one table does not hide what is wrong in another.
pub(crate) fn check(config: &Config, scope: Scope) -> (Option<Sections>, Vec<ConfigError>) {
    let mut tree = config.tree.clone();
    if let Some(error) = newer(&tree) {
        return (None, vec![error]);
    }
    inherit_training(&mut tree);
    let validator = Validator::validate(&config.schemas, &tree, &config.file);
    let (mut errors, slots) = (validator.errors, validator.slots);
    for used in &slots {
        if !errors
            .iter()
            .any(|error| error.key_path().is_within(&used.path))
        {
            errors.extend(plugin_errors(used));
        }
    }
    let mut reader = Reader {
        tree: &tree,
        file: &config.file,
        errors,
    };
    let partial = Partial::read(&mut reader);
    let mut errors = reader.errors;
    errors.extend(rules::check(&partial, &tree, &config.file, scope));
    let sections = if errors.is_empty() {
        partial.complete()
    } else {
        None
    };
    (sections, errors)
}

/// A file of a newer format is not judged by the rules of this one.
fn newer(tree: &Table) -> Option<ConfigError> {
    let node = tree.get("schema")?;
    match node.value {
        Value::Int(SCHEMA) => None,
        Value::Int(found) if found > SCHEMA => {
            let message = format!("the file has schema {found}, this version reads up to {SCHEMA}");
            let error = ConfigError::new(Code::SchemaVersion, KeyPath::of(&["schema"]), message)
                .at(&node.place);
            Some(
                error
                    .label("newer than this program")
                    .help("update degu-lab"),
            )
        }
        Value::Int(_) => {
            let error = ConfigError::new(
                Code::SchemaVersion,
                KeyPath::of(&["schema"]),
                "the first schema is 1",
            );
            Some(error.at(&node.place).help("write schema = 1"))
        }
        _ => None,
    }
}

/// Puts `[distill.training]` over `[training]`. `[distill]` moves to the end, so that what is wrong
/// with an inherited value is said of `[training]`.
fn inherit_training(tree: &mut Table) {
    if let Some(distill) = tree.remove("distill") {
        tree.entries.push(distill);
    }
    let Some(Node {
        value: Value::Table(training),
        place,
    }) = tree.get("training").cloned()
    else {
        return;
    };
    let Some(Node {
        value: Value::Table(distill),
        place: header,
    }) = tree.get_mut("distill")
    else {
        return;
    };
    match distill.get_mut("training") {
        Some(Node {
            value: Value::Table(students),
            ..
        }) => {
            let mut merged = training;
            merge::merge(
                &mut merged,
                students.clone(),
                &mut vec!["distill".to_owned(), "training".to_owned()],
            );
            *students = merged;
        }
        Some(_) => {}
        None => {
            let node = Node {
                value: Value::Table(training),
                place,
            };
            distill.put(Entry {
                key: "training".to_owned(),
                key_place: header.clone(),
                node,
            });
        }
    }
}

/// What a plugin says of its parameters.
fn plugin_errors(used: &SlotUse) -> Vec<ConfigError> {
    let Err(error) = slot::check(used.slot, &used.table.to_dict()) else {
        return Vec::new();
    };
    let degu_core::Error::Config(errors) = error else {
        return vec![
            ConfigError::new(Code::Plugin, used.path.clone(), error.to_string()).at(&used.place),
        ];
    };
    let explained = |refused: Refusal| {
        let said = match refused.problem {
            Problem::Missing(field) => missing(&field),
            Problem::Type { found, expected } => wrong_type(&expected, &found),
            Problem::Value(message) => (Code::Plugin, message, "here"),
            other => (Code::Type, other.to_string(), "here"),
        };
        explain(&used.path, &refused.path, said, &used.table, &used.place)
    };
    errors.into_iter().map(explained).collect()
}

/// What an error says: its code, the message, and the label of its place.
type Said = (Code, String, &'static str);

fn missing(field: &str) -> Said {
    (
        Code::MissingKey,
        format!("`{field}` is missing"),
        "in this table",
    )
}

fn wrong_type(expected: &str, found: &str) -> Said {
    (
        Code::Type,
        format!("expected {expected}, found {found}"),
        "wrong type",
    )
}

/// What serde says of a section.
fn of_kind(kind: &Kind) -> Said {
    match kind {
        Kind::MissingField(field) => missing(field),
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            wrong_type(expected, &actual.to_string())
        }
        Kind::Message(message) => (Code::Plugin, message.clone(), "here"),
        other => (Code::Type, other.to_string(), "here"),
    }
}

/// An error of serde or of a plugin, with its place in a table.
fn explain(
    prefix: &KeyPath,
    inner: &[String],
    (code, message, label): Said,
    table: &Table,
    place: &Place,
) -> ConfigError {
    let mut below = KeyPath::default();
    let mut found = place.clone();
    for segment in inner {
        let parent = table.at(&below);
        let step = match (segment.parse::<usize>(), parent.map(|node| &node.value)) {
            (Ok(index), Some(Value::Array(_))) => Step::Index(index),
            _ => Step::Key(segment.clone()),
        };
        below.0.push(step);
        if let Some(node) = table.at(&below) {
            found = node.place.clone();
        }
    }
    let path = KeyPath(prefix.0.iter().chain(&below.0).cloned().collect());
    ConfigError::new(code, path, message)
        .at(&found)
        .label(label)
}

struct Reader<'a> {
    tree: &'a Table,
    file: &'a Place,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    /// Whether something is wrong at or below a path.
    fn is_wrong(&self, path: &KeyPath) -> bool {
        self.errors
            .iter()
            .any(|error| error.key_path().is_within(path))
    }
}

impl SectionReader for Reader<'_> {
    fn section(&self, key: &str) -> SectionInput {
        let Some(node) = self.tree.get(key) else {
            return SectionInput::Absent;
        };
        if !self.is_wrong(&KeyPath::of(&[key])) {
            return SectionInput::Valid(node.to_figment());
        }
        let mut rest = node.clone();
        for error in &self.errors {
            if let Some((Step::Key(first), below)) = error.key_path().0.split_first()
                && first == key
            {
                prune(&mut rest, below);
            }
        }
        SectionInput::Invalid(rest.to_figment())
    }

    fn refuse(&mut self, key: &str, wrong: bool, error: figment::Error) {
        let path = KeyPath::of(&[key]);
        let (table, place) = match self.tree.get(key) {
            Some(Node {
                value: Value::Table(table),
                place,
            }) => (table, place),
            Some(Node { place, .. }) => (self.tree, place),
            None => (self.tree, self.file),
        };
        let mut explained = explain(&path, &error.path, of_kind(&error.kind), table, place);
        // Of a section without its wrong keys, only what the framework's own types refuse is news.
        let echo = !matches!(error.kind, Kind::Message(_)) || self.is_wrong(explained.key_path());
        if wrong && echo {
            return;
        }
        if explained.code() == Code::Plugin {
            explained = explained.into_value();
        }
        self.errors.push(explained);
    }
}

/// Removes the key at a path; an array goes as a whole.
fn prune(node: &mut Node, path: &[Step]) {
    let Value::Table(table) = &mut node.value else {
        return;
    };
    match path {
        [Step::Key(key)] | [Step::Key(key), Step::Index(_), ..] => {
            table.remove(key);
        }
        [Step::Key(key), rest @ ..] => {
            if let Some(inner) = table.get_mut(key) {
                prune(inner, rest);
            }
        }
        _ => {}
    }
}
