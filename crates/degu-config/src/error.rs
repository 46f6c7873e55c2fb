//! What is wrong with a configuration, with places.

use std::fmt;

use degu_core::suggest::nearest;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use serde_json::json;

use super::{
    path::KeyPath,
    source::{Origin, Place, SourceKind},
};

/// Kind of a configuration error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Code {
    /// Not TOML.
    Syntax,
    /// A file that cannot be read, or a cycle of `extends`.
    Extends,
    /// An argument or variable that is not an assignment, or sets what a running sweep sets.
    Override,
    /// An undefined variable.
    Variable,
    /// A key that nothing reads.
    UnknownKey,
    /// A key that is needed.
    MissingKey,
    /// A value of another type.
    Type,
    /// A value that is none of the known ones.
    Value,
    /// A value outside of its range.
    Range,
    /// A plugin that is not linked.
    UnknownPlugin,
    /// A plugin refuses its parameters, or the registry is inconsistent.
    Plugin,
    /// Two values that do not fit each other.
    Rule,
    /// A sweep or an ablation that cannot be expanded.
    Expansion,
    /// A file written for a newer version.
    SchemaVersion,
}

impl Code {
    /// Stable name, as in `config::unknown_key`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "config::syntax",
            Self::Extends => "config::extends",
            Self::Override => "config::override",
            Self::Variable => "config::variable",
            Self::UnknownKey => "config::unknown_key",
            Self::MissingKey => "config::missing_key",
            Self::Type => "config::type",
            Self::Value => "config::value",
            Self::Range => "config::range",
            Self::UnknownPlugin => "config::unknown_plugin",
            Self::Plugin => "config::plugin",
            Self::Rule => "config::rule",
            Self::Expansion => "config::expansion",
            Self::SchemaVersion => "config::schema_version",
        }
    }
}

/// One thing that is wrong, with the place where it was written.
#[derive(Clone)]
pub struct ConfigError {
    code: Code,
    path: KeyPath,
    message: String,
    label: String,
    help: Option<String>,
    place: Option<Place>,
}

impl ConfigError {
    pub(crate) fn new(code: Code, path: KeyPath, message: impl Into<String>) -> Self {
        Self {
            code,
            path,
            message: message.into(),
            label: "here".to_owned(),
            help: None,
            place: None,
        }
    }

    pub(crate) fn at<'a>(mut self, place: impl Into<Option<&'a Place>>) -> Self {
        self.place = place.into().cloned();
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A refusal of the framework's own types: the value is at fault, no plugin.
    pub(crate) fn into_value(mut self) -> Self {
        self.code = Code::Value;
        self
    }

    pub(crate) fn key_path(&self) -> &KeyPath {
        &self.path
    }

    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Errors with equal keys are one.
    pub(crate) fn identity(&self) -> (String, usize, Code, String) {
        let (label, start) = self.place.as_ref().map_or_else(Default::default, |place| {
            (place.source.label().to_owned(), place.span.start)
        });
        let what = if self.place.is_none() || matches!(self.code, Code::Rule | Code::Expansion) {
            self.message.clone()
        } else {
            self.path
                .0
                .last()
                .map(|step| format!("{step:?}"))
                .unwrap_or_default()
        };
        (label, start, self.code, what)
    }

    /// Kind of the error.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Dotted path of the key, empty for a whole file.
    pub fn path(&self) -> String {
        self.path.to_string()
    }

    /// What was expected and what was found.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Who set the value.
    pub fn origin(&self) -> Option<Origin> {
        self.place.as_ref().map(Place::origin)
    }

    /// Label of the text that is quoted: a file as the user named it, `--set #2`, a variable.
    pub fn file(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.source.label())
    }

    /// Line and column of the quoted value, from 1, in characters.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(Place::start)
    }

    /// The error as JSON; lines and columns count from 1, columns in characters, the end is
    /// exclusive.
    pub fn to_json(&self) -> serde_json::Value {
        let place = self.place.as_ref();
        let (line, column) = place.map(Place::start).unzip();
        let (end_line, end_column) = place.map(Place::end).unzip();
        json!({
            "code": self.code.name(),
            "message": self.message,
            "path": self.path.to_string(),
            "file": self.file(),
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "origin": self.origin().map(|origin| origin.to_string()),
            "help": self.help,
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(via) = self.place.as_ref().and_then(|place| place.via.as_deref()) {
            write!(f, "{via}: ")?;
        }
        if !self.path.0.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code.name())?;
        if let Some(place) = &self.place {
            let (line, column) = place.start();
            write!(f, "{}:{line}:{column}: ", place.source.label())?;
        }
        write!(f, "{self}")
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code.name()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place
            .as_ref()
            .map(|place| &place.source.named as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        let label = LabeledSpan::new_with_span(Some(self.label.clone()), place.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Label of a name that is not known: the nearest of the known names, or else `otherwise`.
/// `quote` is written around the name.
pub(crate) fn suggestion<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    quote: char,
    otherwise: &str,
) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean {quote}{near}{quote}?"),
        None => otherwise.to_owned(),
    }
}

/// Everything that is wrong with a configuration; at least one error.
#[derive(Clone)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    layers: Vec<String>,
}

impl ConfigErrors {
    /// Sorts by place and drops what is said twice. `layers` are the labels of the sources, lowest
    /// first.
    pub(crate) fn new(errors: Vec<ConfigError>, layers: &[String]) -> Self {
        let rank = |error: &ConfigError| {
            let place = error.place();
            let layer = error
                .file()
                .and_then(|file| layers.iter().position(|label| label == file));
            let class = match place.map(|place| &place.source.kind) {
                Some(SourceKind::File) => (0, 0),
                Some(SourceKind::Default) => (1, 0),
                Some(SourceKind::Environment(_)) => (2, 0),
                Some(SourceKind::Set(index)) => (3, *index),
                None => (4, 0),
            };
            (class, std::cmp::Reverse(layer), error.position())
        };
        let mut kept: Vec<ConfigError> = Vec::new();
        for error in errors {
            if !kept
                .iter()
                .any(|other| other.identity() == error.identity())
            {
                kept.push(error);
            }
        }
        kept.sort_by_key(rank);
        Self {
            errors: kept,
            layers: layers.to_vec(),
        }
    }

    pub(crate) fn one(error: ConfigError) -> Self {
        Self {
            errors: vec![error],
            layers: Vec::new(),
        }
    }

    /// The errors: the file first, in its own order, then what it extends.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }

    /// The errors as a terminal shows them, followed by their number. `width` is in characters.
    pub fn render(&self, color: bool, width: usize) -> String {
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width);
        let mut text = String::new();
        for error in &self.errors {
            // Writing into a string fails only when a span lies outside of its text; the plain form
            // is always there.
            let start = text.len();
            if handler.render_report(&mut text, error).is_err() {
                text.truncate(start);
                text.extend([format!("{error:?}").as_str(), "\n"]);
            }
        }
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        format!("{}\n{}\n", lines.join("\n"), self.summary())
    }

    fn summary(&self) -> String {
        let plural = if self.errors.len() == 1 { "" } else { "s" };
        let layers = if self.layers.is_empty() {
            String::new()
        } else {
            format!(" (layers: {})", self.layers.join(", "))
        };
        format!("{} error{plural}{layers}", self.errors.len())
    }

    /// `{"schema": 1, "errors": [..]}`.
    pub fn to_json(&self) -> serde_json::Value {
        let errors: Vec<serde_json::Value> = self.errors.iter().map(ConfigError::to_json).collect();
        json!({ "schema": 1, "errors": errors })
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "{error:?}")?;
        }
        f.write_str(&self.summary())
    }
}

impl fmt::Debug for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigErrors {}
