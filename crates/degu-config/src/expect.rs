//! Schemas in words.

use serde_json::Value;

/// What a schema asks for: "a whole number of at least 1".
pub(crate) fn describe(schema: &Value) -> String {
    let name = match schema.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|n| *n != "null")
            .unwrap_or_default(),
        _ => "",
    };
    let words = match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a string",
        "array" => "an array",
        "object" => "a table",
        _ => "another value",
    };
    match (name, range(schema)) {
        ("integer" | "number", Some(range)) => format!(
            "{words} {}",
            range
                .strip_prefix("at ")
                .map_or_else(|| range.clone(), |rest| format!("of at {rest}"))
        ),
        _ => words.to_owned(),
    }
}

/// The range of a number in words, where the schema has one: "at least 1", "in (0, 1]".
fn range(schema: &Value) -> Option<String> {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let low = bound("minimum")
        .map(|b| (b, '['))
        .or(bound("exclusiveMinimum").map(|b| (b, '(')));
    let high = bound("maximum")
        .map(|b| (b, ']'))
        .or(bound("exclusiveMaximum").map(|b| (b, ')')));
    // The largest value of an integer type is not a range that anyone asked for.
    let high = high.filter(|(bound, _)| *bound < 4e9);
    Some(match (low, high) {
        (None, None) => return None,
        (Some((low, '[')), None) => format!("at least {low}"),
        (Some((low, _)), None) => format!("greater than {low}"),
        (None, Some((high, ']'))) => format!("at most {high}"),
        (None, Some((high, _))) => format!("less than {high}"),
        (Some((low, open)), Some((high, close))) => format!("in {open}{low}, {high}{close}"),
    })
}

/// The range that a value is outside of.
pub(crate) fn outside(value: f64, schema: &Value) -> Option<String> {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let inside = bound("minimum").is_none_or(|b| value >= b)
        && bound("exclusiveMinimum").is_none_or(|b| value > b)
        && bound("maximum").is_none_or(|b| value <= b)
        && bound("exclusiveMaximum").is_none_or(|b| value < b);
    if inside && !value.is_nan() {
        None
    } else {
        range(schema).or_else(|| value.is_nan().then(|| "a number".to_owned()))
    }
}

/// "one of "a", "b" or "c"".
pub(crate) fn list(values: &[Value]) -> String {
    let words: Vec<String> = values.iter().map(Value::to_string).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ranges_read_like_sentences() {
        let cases = [
            (
                json!({ "type": "integer", "minimum": 1 }),
                "a whole number of at least 1",
            ),
            (
                json!({ "type": "number", "exclusiveMinimum": 0.0, "maximum": 1.0 }),
                "a number in (0, 1]",
            ),
            (
                json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
                "a whole number of at least 0",
            ),
            (json!({ "type": ["string", "null"] }), "a string"),
        ];
        for (schema, expected) in cases {
            assert_eq!(describe(&schema), expected);
        }
    }

    #[test]
    fn bounds_are_open_or_closed() {
        let schema = json!({ "exclusiveMinimum": 0.0, "maximum": 1.0 });
        for (value, inside) in [
            (0.0, false),
            (1e-9, true),
            (1.0, true),
            (1.5, false),
            (f64::NAN, false),
        ] {
            assert_eq!(outside(value, &schema).is_none(), inside, "{value}");
        }
        assert_eq!(list(&[json!(0), json!(1), json!("c4")]), r#"0, 1 or "c4""#);
    }
}
