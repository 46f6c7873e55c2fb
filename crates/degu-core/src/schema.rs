//! What the JSON schema of a plugin says of its parameters: ranges, lengths, and which are files.

use serde_json::{Map, Value};

use crate::{FileRef, error::Problem, error::Refusal};

/// The mark of a file in a schema; see [`FileRef`].
const FILE: &str = "x-file";

/// The definition that a schema refers to, through `$ref` and an `allOf` of one.
pub fn follow<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    if let Some(target) = reference
        .and_then(|r| r.strip_prefix('#'))
        .and_then(|pointer| root.pointer(pointer))
    {
        return follow(root, target);
    }
    match schema.get("allOf").and_then(Value::as_array) {
        Some(all) if all.len() == 1 => follow(root, &all[0]),
        _ => schema,
    }
}

/// Whether a schema, followed, is that of a file.
pub fn is_file(schema: &Value) -> bool {
    schema.get(FILE) == Some(&Value::Bool(true))
}

/// The files that parameters name, each with its place, as in `files[1]` or `references.file`.
pub fn files(schema: &Value, params: &Value) -> Vec<(String, FileRef)> {
    let mut found = Vec::new();
    walk(
        schema,
        schema,
        params,
        &mut Vec::new(),
        &mut |at, schema, value| {
            if !is_file(schema) {
                return;
            }
            if let Ok(file) = serde_json::from_value::<FileRef>(value.clone())
                && !file.path.as_os_str().is_empty()
            {
                found.push((dotted(at), file));
            }
        },
    );
    found
}

/// The same parameters with an empty table for each file: contents enter a key, places do not.
pub fn without_files(schema: &Value, params: &Value) -> Value {
    let mut all = params.clone();
    walk(
        schema,
        schema,
        params,
        &mut Vec::new(),
        &mut |at, schema, _| {
            if is_file(schema)
                && let Some(file) = all.pointer_mut(&pointer(at))
            {
                *file = Value::Object(Map::new());
            }
        },
    );
    all
}

/// What the ranges, lengths and lists of a schema refuse.
pub(crate) fn refused(schema: &Value, params: &Value) -> Vec<Refusal> {
    let mut found = Vec::new();
    walk(
        schema,
        schema,
        params,
        &mut Vec::new(),
        &mut |at, schema, value| {
            let refused = match value {
                Value::Number(_) | Value::Null => range(schema, value),
                Value::Array(items) => length(schema, items),
                _ => None,
            };
            found.extend(refused.map(|message| Refusal {
                path: at.to_vec(),
                problem: Problem::Value(message),
            }));
        },
    );
    found
}

type Visit<'v> = dyn FnMut(&[String], &Value, &Value) + 'v;

/// Visits every value with the schema that describes it.
fn walk(root: &Value, schema: &Value, value: &Value, at: &mut Vec<String>, visit: &mut Visit<'_>) {
    let schema = follow(root, schema);
    for key in ["anyOf", "oneOf"] {
        if let Some(variants) = schema.get(key).and_then(Value::as_array) {
            let fitting = variants.iter().find(|v| fits(follow(root, v), value));
            return fitting.map_or((), |variant| walk(root, variant, value, at, visit));
        }
    }
    visit(at, schema, value);
    match value {
        Value::Object(table) if !is_file(schema) => {
            for (key, value) in table {
                let own = schema.get("properties").and_then(|p| p.get(key));
                if let Some(own) = own.or_else(|| schema.get("additionalProperties")) {
                    at.push(key.clone());
                    walk(root, own, value, at, visit);
                    at.pop();
                }
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                let own = schema.get("prefixItems").and_then(|p| p.get(i));
                if let Some(own) = own.or_else(|| schema.get("items")) {
                    at.push(i.to_string());
                    walk(root, own, value, at, visit);
                    at.pop();
                }
            }
        }
        _ => {}
    }
}

/// Whether a value is of this variant: by its type, and by the constants of a table's properties.
fn fits(schema: &Value, value: &Value) -> bool {
    if let Some(constant) = schema.get("const") {
        return constant == value;
    }
    let types = schema.get("type");
    let has_type = |name: &str| match types {
        Some(Value::Array(names)) => names.iter().any(|n| n == name),
        Some(one) => one == name,
        None => true,
    };
    match value {
        Value::Null => has_type("null"),
        Value::Bool(_) => has_type("boolean"),
        Value::Number(_) => has_type("number") || has_type("integer"),
        Value::String(_) => has_type("string"),
        Value::Array(_) => has_type("array"),
        Value::Object(table) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            has_type("object")
                && properties.into_iter().flatten().all(|(key, property)| {
                    let constant = property.get("const");
                    constant.is_none() || constant == table.get(key)
                })
        }
    }
}

/// What is wrong with a number, as in "must be in [0, 1), found 1.5".
fn range(schema: &Value, value: &Value) -> Option<String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let number = value.as_f64();
    let inside = |number: f64| {
        bound("minimum").is_none_or(|b| number >= b)
            && bound("exclusiveMinimum").is_none_or(|b| number > b)
            && bound("maximum").is_none_or(|b| number <= b)
            && bound("exclusiveMaximum").is_none_or(|b| number < b)
    };
    let found = match number {
        Some(number) if inside(number) => return None,
        Some(number) => number.to_string(),
        // JSON has neither infinities nor NaN: they become null, where null is no value.
        None if matches!(schema.get("type"), Some(Value::String(t)) if t == "number") => {
            "one that is not finite".to_owned()
        }
        None => return None,
    };
    let end = |closed: Option<f64>, open: Option<f64>, ends: [&str; 2], without: &str| match (
        closed, open,
    ) {
        (Some(b), _) => (ends[0].to_owned(), b.to_string()),
        (None, Some(b)) => (ends[1].to_owned(), b.to_string()),
        (None, None) => (ends[1].to_owned(), without.to_owned()),
    };
    let (open, low) = end(
        bound("minimum"),
        bound("exclusiveMinimum"),
        ["[", "("],
        "-inf",
    );
    let (close, high) = end(
        bound("maximum"),
        bound("exclusiveMaximum"),
        ["]", ")"],
        "inf",
    );
    Some(format!(
        "must be in {open}{low}, {high}{close}, found {found}"
    ))
}

/// What is wrong with a list, as in "must have at least 1 element, found 0".
fn length(schema: &Value, items: &[Value]) -> Option<String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let (least, most, n) = (bound("minItems"), bound("maxItems"), items.len() as u64);
    if least.is_some_and(|least| n < least) || most.is_some_and(|most| n > most) {
        let expected = match (least, most) {
            (Some(least), Some(most)) if least == most => format!("{least} elements"),
            (Some(least), Some(most)) => format!("{least} to {most} elements"),
            (Some(least), None) => format!("at least {least} elements"),
            (None, most) => format!("at most {} elements", most.unwrap_or_default()),
        };
        return Some(format!("must have {expected}, found {n}"));
    }
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
        let twice = (1..items.len()).find(|i| items[..*i].contains(&items[*i]))?;
        return Some(format!("must be distinct, found {} twice", items[twice]));
    }
    None
}

/// A place in words: `files[1].path`.
fn dotted(at: &[String]) -> String {
    let mut text = String::new();
    for key in at {
        if key.parse::<usize>().is_ok() {
            text.push_str(&format!("[{key}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
    }
    text
}

/// A place as a JSON pointer.
fn pointer(at: &[String]) -> String {
    let escaped = |key: &String| format!("/{}", key.replace('~', "~0").replace('/', "~1"));
    at.iter().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::Serialize;
    use serde_json::json;

    #[derive(Serialize, JsonSchema)]
    struct Table {
        /// Probability.
        #[schemars(range(min = 0.0, max = 0.99))]
        p: f64,
        /// Widths.
        #[schemars(inner(range(min = 1)))]
        widths: [usize; 2],
        /// Level.
        #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
        level: Option<f64>,
        /// Words.
        #[schemars(length(min = 1), extend("uniqueItems" = true))]
        words: Vec<String>,
        /// File.
        file: Option<FileRef>,
        /// Files.
        files: Vec<FileRef>,
        /// Looks like a file, and is none.
        other: Other,
    }

    #[derive(Serialize, JsonSchema)]
    struct Other {
        path: String,
    }

    fn good() -> Value {
        json!({
            "p": 0.5, "widths": [1, 2], "level": null, "words": ["a"],
            "file": { "path": "a.tsv", "sha256": null },
            "files": [{ "path": "" }, { "path": "b.tsv" }],
            "other": { "path": "no.tsv" },
        })
    }

    fn found(key: &str, value: Value) -> Vec<String> {
        let schema = schemars::schema_for!(Table);
        let mut params = good();
        params[key] = value;
        let all = refused(schema.as_value(), &params);
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_outside_of_the_schema_are_refused_by_name() {
        assert!(found("p", json!(0.99)).is_empty());
        let cases = [
            ("p", json!(1.5), "`p` must be in [0, 0.99], found 1.5"),
            (
                "p",
                json!(f64::INFINITY),
                "`p` must be in [0, 0.99], found one that is not finite",
            ),
            (
                "widths",
                json!([1, 0]),
                "`widths.1` must be in [1, inf), found 0",
            ),
            ("level", json!(1.0), "`level` must be in (0, 1), found 1"),
            (
                "words",
                json!([]),
                "`words` must have at least 1 elements, found 0",
            ),
            (
                "words",
                json!(["a", "a"]),
                "`words` must be distinct, found \"a\" twice",
            ),
        ];
        for (key, value, expected) in cases {
            assert_eq!(found(key, value), [expected]);
        }
    }

    #[test]
    fn files_are_known_by_their_mark() {
        let schema = schemars::schema_for!(Table);
        let names: Vec<String> = files(schema.as_value(), &good())
            .into_iter()
            .map(|(at, file)| format!("{at} {}", file.path.display()))
            .collect();
        assert_eq!(names, ["file a.tsv", "files[1] b.tsv"]);
        let mut expected = good();
        expected["file"] = json!({});
        expected["files"] = json!([{}, {}]);
        assert_eq!(without_files(schema.as_value(), &good()), expected);
    }
}
