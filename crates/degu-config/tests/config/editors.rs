//! The schema for editors.

use degu_config::json_schema;
use serde_json::Value;

/// All references of a schema.
fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Array(array) => array.iter().for_each(|inner| references(inner, found)),
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|inner| references(inner, found));
        }
        _ => {}
    }
}

#[test]
fn parameters_follow_from_the_plugin() {
    let schema = json_schema().expect("a registry without duplicates");
    let cases = schema
        .pointer("/properties/architecture/allOf")
        .and_then(Value::as_array)
        .expect("cases");
    let named = |name: &str| {
        let at = |case: &&Value| case.pointer("/if/properties/plugin/const") == Some(&name.into());
        cases.iter().find(at).expect(name)
    };
    let residualbind = named("residualbind")
        .pointer("/then/properties")
        .expect("parameters");
    assert_eq!(residualbind["dropout"]["maximum"], 0.99);
    assert_eq!(
        residualbind["dropout"]["description"],
        "Dropout probability."
    );
    assert!(named("bpnet").pointer("/then/properties/dropout").is_none());
    let head = schema
        .pointer("/$defs/Ensemble/properties/head/properties/plugin/enum")
        .expect("names");
    assert_eq!(*head, serde_json::json!(["distilled", "gaussian", "point"]));
    let none = schema
        .pointer("/properties/augmentation/properties/plugin/enum")
        .expect("names");
    assert_eq!(*none, serde_json::json!(["evoaug", "none"]));
}

#[test]
fn nothing_of_the_validator_is_left_and_every_reference_has_a_target() {
    let schema = json_schema().expect("a registry without duplicates");
    let text = schema.to_string();
    for keyword in ["x-slot", "x-optional", "x-bare"] {
        assert!(!text.contains(keyword), "{keyword}");
    }
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("local");
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
    assert!(schema.pointer("/properties/extends").is_some());
    assert!(
        schema.get("required").is_none(),
        "a file may be a part of a study"
    );
}

#[test]
fn every_framework_key_is_documented() {
    fn check(schema: &Value, path: &str, missing: &mut Vec<String>) {
        match schema {
            Value::Array(array) => array.iter().for_each(|inner| check(inner, path, missing)),
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    for (key, inner) in properties {
                        let marked = ["description", "const", "$ref", "enum"]
                            .iter()
                            .any(|k| inner.get(*k).is_some());
                        if !marked {
                            missing.push(format!("{path}.{key}"));
                        }
                    }
                }
                for (key, inner) in object {
                    check(inner, &format!("{path}.{key}"), missing);
                }
            }
            _ => {}
        }
    }
    let mut missing = Vec::new();
    check(&json_schema().expect("a registry"), "", &mut missing);
    let framework: Vec<&String> = missing
        .iter()
        .filter(|path| !path.contains(".if."))
        .collect();
    assert!(framework.is_empty(), "{framework:#?}");
}
