//! `${env:X}`, `${env:X:-default}`, `${study.name}` and `$$` in strings, and relative paths.

use std::{collections::BTreeMap, path::Path};

use degu_core::suggest::nearest;

use super::{
    error::{Code, ConfigError},
    node::{Node, Table, Value},
    path::KeyPath,
    source::Place,
};

/// A string with its variables replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Whether it begins with the value of an environment variable: such a path is the caller's,
    /// not the file's.
    pub(crate) starts_with_environment: bool,
}

/// Why a string cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    message: String,
    help: String,
}

impl Problem {
    pub(crate) fn error(self, path: KeyPath, place: &Place) -> ConfigError {
        ConfigError::new(Code::Variable, path, self.message)
            .at(place)
            .label("in this string")
            .help(self.help)
    }
}

/// Replaces the variables of a string. `study` is the name of the study, where it is known.
pub(crate) fn expand(
    text: &str,
    environment: &BTreeMap<String, String>,
    study: Option<&str>,
) -> Result<Expanded, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut starts_with_environment = false;
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some(end) = after.find('}') else {
                return Err(Problem {
                    message: format!("`${{{after}` is not closed"),
                    help: "write `${env:NAME}`, or `$$` for a dollar".to_owned(),
                });
            };
            let first = out.is_empty();
            let (value, from_environment) = lookup(&after[..end], environment, study)?;
            starts_with_environment |= first && from_environment;
            out.push_str(&value);
            rest = &after[end + 1..];
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(Expanded {
        text: out,
        starts_with_environment,
    })
}

fn lookup(
    variable: &str,
    environment: &BTreeMap<String, String>,
    study: Option<&str>,
) -> Result<(String, bool), Problem> {
    if variable == "study.name" {
        let missing = || Problem {
            message: "`${study.name}` is not known here".to_owned(),
            help: "set `name` in [study]".to_owned(),
        };
        return study
            .map(|name| (name.to_owned(), false))
            .ok_or_else(missing);
    }
    let Some(named) = variable.strip_prefix("env:") else {
        return Err(Problem {
            message: format!("`${{{variable}}}` is not a variable"),
            help: "known: ${env:NAME}, ${env:NAME:-default}, ${study.name}, $$ for a dollar"
                .to_owned(),
        });
    };
    let (name, default) = match named.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (named, None),
    };
    match (environment.get(name), default) {
        (Some(value), _) => Ok((value.clone(), true)),
        (None, Some(default)) => Ok((default.to_owned(), false)),
        (None, None) => {
            let near = nearest(name, environment.keys().map(String::as_str));
            let near = near
                .map(|near| format!(" (`{near}` is set)"))
                .unwrap_or_default();
            Err(Problem {
                message: format!("the environment variable `{name}` is not set{near}"),
                help: format!("set it, or give a default: `${{env:{name}:-value}}`"),
            })
        }
    }
}

/// Escapes a string so that [`expand`] gives it back.
pub(crate) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// Replaces the variables of all strings below, and makes the paths of `{ path = .. }` tables
/// absolute.
///
/// A relative path starts at the folder of the file that contains it; one that begins with an
/// environment variable, or comes from an argument, at the working folder.
pub(crate) fn resolve(
    table: &mut Table,
    environment: &BTreeMap<String, String>,
    folder: &Path,
    errors: &mut Vec<ConfigError>,
) {
    let name = table
        .table("study")
        .and_then(|study| study.text("name"))
        .map(str::to_owned);
    let study = name.and_then(|name| Some(expand(&name, environment, None).ok()?.text));
    let mut walk = Walk {
        environment,
        study: study.as_deref(),
        folder,
        errors,
    };
    walk.table(table, &KeyPath::default());
}

struct Walk<'a> {
    environment: &'a BTreeMap<String, String>,
    study: Option<&'a str>,
    folder: &'a Path,
    errors: &'a mut Vec<ConfigError>,
}

impl Walk<'_> {
    fn table(&mut self, table: &mut Table, path: &KeyPath) {
        let file = table.text("path").is_some()
            && table
                .entries
                .iter()
                .all(|entry| matches!(entry.key.as_str(), "path" | "sha256"));
        for entry in &mut table.entries {
            let from_environment = self.node(&mut entry.node, &path.key(&entry.key));
            if file && entry.key == "path" {
                self.absolute(&mut entry.node, from_environment);
            }
        }
    }

    /// Whether the value is a string that begins with an environment variable.
    fn node(&mut self, node: &mut Node, path: &KeyPath) -> bool {
        match &mut node.value {
            Value::Str(text) if text.contains('$') => {
                match expand(text, self.environment, self.study) {
                    Ok(expanded) => {
                        *text = expanded.text;
                        return expanded.starts_with_environment;
                    }
                    Err(problem) => self.errors.push(problem.error(path.clone(), &node.place)),
                }
            }
            Value::Array(array) => {
                for (i, element) in array.iter_mut().enumerate() {
                    self.node(element, &path.index(i));
                }
            }
            Value::Table(table) => self.table(table, path),
            _ => {}
        }
        false
    }

    fn absolute(&self, node: &mut Node, from_environment: bool) {
        let Value::Str(text) = &mut node.value else {
            return;
        };
        if text.is_empty() || Path::new(text.as_str()).is_absolute() {
            return;
        }
        let start = if from_environment {
            self.folder
        } else {
            node.place.source.folder.as_path()
        };
        *text = start.join(text.as_str()).display().to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced() {
        let environment = BTreeMap::from([("X".to_owned(), "here".to_owned())]);
        let cases = [
            ("plain", "plain", false),
            ("${env:X}/a", "here/a", true),
            ("a/${env:X}", "a/here", false),
            ("${env:Y:-there}/a", "there/a", false),
            ("${env:X:-there}", "here", true),
            ("${study.name}.h5", "k562.h5", false),
            ("$$5, $HOME", "$5, $HOME", false),
            ("$${env:X}", "${env:X}", false),
        ];
        for (text, expected, starts_with_environment) in cases {
            let expanded = expand(text, &environment, Some("k562")).expect(text);
            assert_eq!(
                expanded,
                Expanded {
                    text: expected.to_owned(),
                    starts_with_environment
                },
                "{text}"
            );
            let again = expand(&escape(expected), &environment, None).expect(text);
            assert_eq!(again.text, expected, "escaped {text}");
        }
    }

    #[test]
    fn undefined_variables_are_errors() {
        let environment = BTreeMap::from([("DEGU_DATA".to_owned(), String::new())]);
        for (text, expected) in [
            (
                "${env:DEGU_DTAA}",
                "the environment variable `DEGU_DTAA` is not set (`DEGU_DATA` is set)",
            ),
            ("${seed}", "`${seed}` is not a variable"),
            ("${env:X", "`${env:X` is not closed"),
            ("${study.name}", "`${study.name}` is not known here"),
        ] {
            assert_eq!(
                expand(text, &environment, None).expect_err(text).message,
                expected
            );
        }
    }
}
