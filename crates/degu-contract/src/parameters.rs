//! The parameters of a plugin, read from its JSON schema: what help pages print and what the
//! contract probes.

use degu_core::schema::{follow, is_file};
use serde::Serialize;
use serde_json::{Map, Value};

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Dotted path below the plugin's table.
    pub path: String,
    /// Type.
    pub kind: Kind,
    /// Default value.
    pub default: Option<Value>,
    /// Doc comment.
    pub description: String,
}

/// Type of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer {
        /// Smallest value.
        minimum: Option<f64>,
        /// Largest value.
        maximum: Option<f64>,
    },
    /// A number.
    Number {
        /// Smallest value.
        minimum: Option<f64>,
        /// Largest value.
        maximum: Option<f64>,
    },
    /// Text.
    Text,
    /// One of several words.
    Choice {
        /// Words with their meaning.
        words: Vec<(String, String)>,
    },
    /// Several values.
    List {
        /// Type of each.
        of: Box<Kind>,
        /// How many, if that is fixed.
        length: Option<u64>,
    },
    /// A file: `{ path, sha256 }`.
    File,
    /// A value or nothing.
    Optional {
        /// Type of the value.
        of: Box<Kind>,
    },
    /// Something that the words above do not cover.
    Other,
}

impl Kind {
    /// The type in words, as in "whole number" or "list of 4 whole numbers".
    pub fn words(&self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Integer { .. } => "whole number".to_owned(),
            Self::Number { .. } => "number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Choice { words } => {
                let names: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
                format!("one of {}", names.join(", "))
            }
            Self::List { of, length } => {
                let count = length.map(|n| format!("{n} ")).unwrap_or_default();
                format!("list of {count}{}", of.plural())
            }
            Self::File => "file".to_owned(),
            Self::Optional { of } => format!("{}, or absent", of.words()),
            Self::Other => "table".to_owned(),
        }
    }

    fn plural(&self) -> String {
        match self {
            Self::Integer { .. } => "whole numbers".to_owned(),
            Self::Number { .. } => "numbers".to_owned(),
            Self::Text => "texts".to_owned(),
            Self::File => "files".to_owned(),
            other => format!("({})", other.words()),
        }
    }

    /// The range in words, as in "0 to 0.99", "at least 1"; empty if there is none.
    pub fn range(&self) -> String {
        match self {
            Self::Integer { minimum, maximum } | Self::Number { minimum, maximum } => {
                match (minimum, maximum) {
                    (Some(low), Some(high)) => format!("{low} to {high}"),
                    (Some(low), None) => format!("at least {low}"),
                    (None, Some(high)) => format!("at most {high}"),
                    (None, None) => String::new(),
                }
            }
            Self::List { of, .. } | Self::Optional { of } => of.range(),
            _ => String::new(),
        }
    }
}

/// All parameters of a schema, nested tables by dotted paths, in the order of the struct's fields
/// as far as JSON keeps it (by name).
pub fn of_schema(schema: &schemars::Schema) -> Vec<Parameter> {
    let root = schema.as_value();
    let mut all = Vec::new();
    walk(root, root, "", None, &mut all);
    all
}

/// The doc comment of the parameter struct.
pub fn description(schema: &schemars::Schema) -> String {
    text(schema.as_value(), "description")
}

fn walk(
    root: &Value,
    table: &Value,
    prefix: &str,
    outer: Option<&Value>,
    all: &mut Vec<Parameter>,
) {
    let Some(properties) = table.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (name, property) in properties {
        let path = format!("{prefix}{name}");
        let target = follow(root, property);
        let default = outer
            .and_then(|o| o.get(name))
            .or_else(|| property.get("default"))
            .or_else(|| target.get("default"));
        let is_file = is_file(target);
        if !is_file && target.get("properties").is_some() {
            walk(root, target, &format!("{path}."), default, all);
            continue;
        }
        let described = text(property, "description");
        all.push(Parameter {
            kind: kind(root, property),
            default: default.cloned(),
            description: if described.is_empty() {
                text(target, "description")
            } else {
                described
            },
            path,
        });
    }
}

fn kind(root: &Value, schema: &Value) -> Kind {
    let schema = follow(root, schema);
    if is_file(schema) {
        return Kind::File;
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(variants) = schema.get(key).and_then(Value::as_array) {
            return of_variants(root, variants);
        }
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Kind::Choice {
            words: words
                .iter()
                .filter_map(|w| Some((w.as_str()?.to_owned(), String::new())))
                .collect(),
        };
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let (minimum, maximum) = (bound("minimum"), bound("maximum"));
    let kind = match types.iter().find(|t| **t != "null") {
        Some(&"boolean") => Kind::Boolean,
        Some(&"integer") => Kind::Integer { minimum, maximum },
        Some(&"number") => Kind::Number { minimum, maximum },
        Some(&"string") => Kind::Text,
        Some(&"array") => Kind::List {
            of: Box::new(
                schema
                    .get("items")
                    .map_or(Kind::Other, |items| kind(root, items)),
            ),
            length: schema
                .get("minItems")
                .filter(|n| schema.get("maxItems") == Some(n))
                .and_then(Value::as_u64),
        },
        _ => Kind::Other,
    };
    if types.contains(&"null") {
        Kind::Optional { of: Box::new(kind) }
    } else {
        kind
    }
}

fn of_variants(root: &Value, variants: &[Value]) -> Kind {
    let mut words = Vec::new();
    let mut others = Vec::new();
    let mut nothing = false;
    for variant in variants {
        let variant = follow(root, variant);
        let meaning = text(variant, "description");
        if let Some(word) = variant.get("const").and_then(Value::as_str) {
            words.push((word.to_owned(), meaning));
        } else if let Some(several) = variant.get("enum").and_then(Value::as_array) {
            let names = several.iter().filter_map(Value::as_str);
            words.extend(names.map(|name| (name.to_owned(), meaning.clone())));
        } else if variant.get("type").and_then(Value::as_str) == Some("null") {
            nothing = true;
        } else {
            others.push(kind(root, variant));
        }
    }
    let kind = match others.pop() {
        None => Kind::Choice { words },
        Some(one) if others.is_empty() && words.is_empty() => one,
        Some(_) => Kind::Other,
    };
    if nothing {
        Kind::Optional { of: Box::new(kind) }
    } else {
        kind
    }
}

fn text(schema: &Value, key: &str) -> String {
    schema
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A copy of `table` with the value at a dotted path replaced, tables made on the way.
pub fn with(table: &Value, path: &str, value: Value) -> Value {
    let mut all = table.clone();
    let mut place = &mut all;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(object) => object.entry(key.to_owned()).or_insert(Value::Null),
            // Made an object just above.
            other => other,
        };
    }
    *place = value;
    all
}

/// The value at a dotted path.
pub fn at<'a>(table: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(table, |place, key| place.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    /// A table.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Outer {
        /// Filters.
        filters: [usize; 4],
        /// Inner table.
        inner: Inner,
        /// A word.
        word: Word,
        /// A number or nothing.
        #[schemars(range(min = 0.0, max = 0.99))]
        p: Option<f64>,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Default)]
    #[serde(default)]
    struct Inner {
        /// Weight.
        #[schemars(range(min = 0.0))]
        weight: f64,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Default)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        /// The first.
        #[default]
        First,
        /// The second.
        Second,
    }

    impl Default for Outer {
        fn default() -> Self {
            Self {
                filters: [1, 2, 3, 4],
                inner: Inner { weight: 0.5 },
                word: Word::First,
                p: None,
            }
        }
    }

    #[test]
    fn nested_tables_choices_and_ranges_are_found() {
        let all = of_schema(&schemars::schema_for!(Outer));
        let named = |path: &str| all.iter().find(|p| p.path == path).unwrap();
        assert_eq!(named("filters").kind.words(), "list of 4 whole numbers");
        assert_eq!(named("inner.weight").default, Some(json!(0.5)));
        assert_eq!(named("inner.weight").kind.range(), "at least 0");
        assert_eq!(named("word").kind.words(), "one of first, second");
        assert_eq!(named("p").kind.words(), "number, or absent");
        assert_eq!(named("p").kind.range(), "0 to 0.99");
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_value_is_set_below_tables_that_do_not_exist_yet() {
        let table = with(&json!({"a": 1}), "b.c", json!(2));
        assert_eq!(table, json!({"a": 1, "b": {"c": 2}}));
        assert_eq!(at(&table, "b.c"), Some(&json!(2)));
    }
}
