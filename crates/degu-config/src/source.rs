//! Where text comes from, and places in it.

use std::{fmt, ops::Range, path::PathBuf, sync::Arc};

use miette::NamedSource;
use serde::Serialize;

/// What a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// The built-in defaults.
    Default,
    /// An experiment file.
    File,
    /// An environment variable, by name.
    Environment(String),
    /// A `--set` argument, counted from 1.
    Set(usize),
}

/// A text that holds values: a file, an argument, a variable.
pub(crate) struct Source {
    pub(crate) kind: SourceKind,
    /// Label and text, as error messages quote them.
    pub(crate) named: NamedSource<String>,
    /// Relative paths in this text start here.
    pub(crate) folder: PathBuf,
}

impl Source {
    pub(crate) fn new(kind: SourceKind, label: &str, text: String, folder: PathBuf) -> Arc<Self> {
        let named = NamedSource::new(label, text);
        Arc::new(Self {
            kind,
            named,
            folder,
        })
    }

    pub(crate) fn label(&self) -> &str {
        self.named.name()
    }

    pub(crate) fn text(&self) -> &str {
        self.named.inner()
    }
}

/// Through which variant a value reached a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    /// `set` of an ablation arm, or of all arms (empty name).
    Arm(String),
    /// A point of a sweep.
    Sweep(String, usize),
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm(name) if name.is_empty() => f.write_str("ablation"),
            Self::Arm(name) => write!(f, "arm {name}"),
            Self::Sweep(name, _) => write!(f, "sweep {name}"),
        }
    }
}

/// A range of bytes of a text.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) source: Arc<Source>,
    pub(crate) span: Range<usize>,
    pub(crate) via: Option<Arc<Via>>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.source.label(), self.span)
    }
}

impl Place {
    pub(crate) fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let end = source.text().len();
        let span = span.start.min(end)..span.end.min(end);
        Self {
            source: source.clone(),
            span,
            via: None,
        }
    }

    /// Line and column of the start, from 1, in characters.
    pub(crate) fn start(&self) -> (usize, usize) {
        position(self.source.text(), self.span.start)
    }

    /// Line and column behind the end.
    pub(crate) fn end(&self) -> (usize, usize) {
        position(self.source.text(), self.span.end)
    }

    pub(crate) fn origin(&self) -> Origin {
        let (line, column) = self.start();
        let written = match &self.source.kind {
            SourceKind::Default => Origin::Default,
            SourceKind::File => Origin::File {
                file: self.source.label().to_owned(),
                line,
                column,
            },
            SourceKind::Environment(variable) => Origin::Environment {
                variable: variable.clone(),
            },
            SourceKind::Set(index) => Origin::Set {
                index: *index,
                text: self.source.text().to_owned(),
            },
        };
        match self.via.as_deref() {
            None => written,
            Some(Via::Arm(name)) => Origin::Arm {
                name: name.clone(),
                at: Box::new(written),
            },
            Some(Via::Sweep(name, point)) => Origin::Sweep {
                name: name.clone(),
                point: *point,
                at: Box::new(written),
            },
        }
    }
}

/// Line and column, from 1, of a byte; columns count characters.
pub(crate) fn position(text: &str, byte: usize) -> (usize, usize) {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Origin {
    /// Nobody: the default of the framework or of the plugin.
    Default,
    /// An experiment file.
    File {
        /// As it was named by the user, or by the `extends` that names it.
        file: String,
        /// Line of the value, from 1.
        line: usize,
        /// Column of the value in characters, from 1.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// Full name, `DEGU_LAB__...`.
        variable: String,
    },
    /// A `--set` argument.
    Set {
        /// Its number, from 1.
        index: usize,
        /// The argument.
        text: String,
    },
    /// An ablation arm; the name is empty for the `set` of all arms.
    Arm {
        /// Arm.
        name: String,
        /// Where the arm says so.
        at: Box<Origin>,
    },
    /// A point of a sweep.
    Sweep {
        /// Sweep.
        name: String,
        /// Number of the point, from 0.
        point: usize,
        /// Where the axis says so.
        at: Box<Origin>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::Set { index, text } => write!(f, "--set #{index}: {text}"),
            Self::Arm { name, at } if name.is_empty() => write!(f, "ablation ({at})"),
            Self::Arm { name, at } => write!(f, "arm {name} ({at})"),
            Self::Sweep { name, point, at } => write!(f, "sweep {name}, point {point} ({at})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn columns_count_characters() {
        let text = "a = 1\nß = \"ü\" # x\n";
        let cases = [
            (0, (1, 1)),
            (5, (1, 6)),
            (6, (2, 1)),
            (8, (2, 2)),
            (text.len(), (3, 1)),
        ];
        for (byte, expected) in cases {
            assert_eq!(position(text, byte), expected, "byte {byte}");
        }
    }
}
