//! C1 to C8: what every plugin says of itself, and how it reads its parameters.

use degu_core::{Error, Plugin, Resolved, SlotTrait};
use serde_json::{Value, json};

use super::{
    Checked, Checks, Verdict, ensure,
    parameters::{Kind, Parameter, at, of_schema, with},
};

/// Below, or beside, every bound that is probed.
const STEP: f64 = 1e-6;

/// Sentence of C1.
const IDENTITY: &str = "name, summary, revision and citation are well-formed";
/// Sentence of C8.
const FILES: &str = "files are parameters of the type `FileRef`, by which the framework knows them";
/// Sentence of C3.
const DESCRIBED: &str =
    "every parameter has a description and a default, and unknown ones are excluded";

/// `base` are parameters that the plugin takes: what is probed is changed in a copy of them.
pub(super) fn checks<T: ?Sized + SlotTrait>(plugin: &Plugin<T>, base: &Value, checks: &mut Checks) {
    let schema = (plugin.schema)();
    let parameters = of_schema(&schema);
    checks.run("C1", IDENTITY, || identity(plugin));
    checks.run(
        "C2",
        "defaults are filled in, and survive a round trip",
        || round_trip(plugin, base),
    );
    checks.run("C3", DESCRIBED, || {
        let params = plugin.resolve_json(base)?.params;
        described(T::RESERVED, schema.as_value(), &parameters, Some(&params))
    });
    checks.run(
        "C4",
        "a value just outside of a documented range is refused by name, the bound is accepted",
        || bounds(plugin, base, &parameters),
    );
    checks.run("C5", "every parameter takes part in the key", || {
        alive(plugin, base, &parameters)
    });
    checks.run("C6", "an unknown parameter is refused by name", || {
        let name = "surely_not_a_parameter";
        match plugin.resolve_json(&with(base, name, json!(1))) {
            Ok(_) => Err(Verdict::Fail(format!("`{name} = 1` was accepted"))),
            Err(e) => ensure(names(&e, name), || {
                format!("expected a message that names `{name}`, found: {e}")
            }),
        }
    });
    checks.run(
        "C7",
        "the same table gives the same parameters twice",
        || {
            let once = plugin.resolve_json(base)?;
            let twice = plugin.resolve_json(base)?;
            ensure(once.params == twice.params, || {
                format!("{} and {}", once.params, twice.params)
            })
        },
    );
    checks.run("C8", FILES, || files(&parameters));
}

/// The framework looks for files by the mark of `FileRef`: a path of another type would enter keys.
fn files(parameters: &[Parameter]) -> Checked {
    let text = parameters.iter().find(|p| {
        let last = p.path.rsplit('.').next().unwrap_or_default();
        ["path", "file", "files"].contains(&last) && matches!(p.kind, Kind::Text)
    });
    text.map_or(Ok(()), |p| {
        Err(Verdict::Fail(format!(
            "expected `degu_core::FileRef` for `{}`, found text",
            p.path
        )))
    })
}

/// What can be checked of a plugin that takes no empty table.
pub(super) fn checks_without_parameters<T: ?Sized + SlotTrait>(
    plugin: &Plugin<T>,
    error: &Error,
    checks: &mut Checks,
) {
    let schema = (plugin.schema)();
    let parameters = of_schema(&schema);
    checks.run("C1", IDENTITY, || identity(plugin));
    checks.run("C2", "an empty table gives the defaults", || {
        Err(Verdict::Skip(format!(
            "{error}; name files and columns with `--set`"
        )))
    });
    checks.run("C3", DESCRIBED, || {
        described(T::RESERVED, schema.as_value(), &parameters, None)
    });
    checks.run("C8", FILES, || files(&parameters));
}

/// Whether an error says which parameter it is about, in its text or in its path.
fn names(error: &Error, field: &str) -> bool {
    let in_path = match error {
        Error::Config(refused) => refused.iter().any(|r| r.path.join(".") == field),
        _ => false,
    };
    in_path || error.to_string().contains(field)
}

fn identity<T: ?Sized + SlotTrait>(plugin: &Plugin<T>) -> Checked {
    let kebab = plugin.name.starts_with(|c: char| c.is_ascii_lowercase())
        && plugin.name.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    ensure(kebab, || {
        format!("expected a kebab-case name, found `{}`", plugin.name)
    })?;
    let summary = plugin.summary;
    let one_line = !summary.trim().is_empty() && !summary.contains('\n') && summary.len() <= 100;
    ensure(one_line && !summary.ends_with('.'), || {
        format!(
            "expected one line of at most 100 letters without a final period, found `{summary}`"
        )
    })?;
    // The first word may be a name or an abbreviation (DeepLIFT, GC), but not an ordinary word with
    // a capital.
    let first = summary.split_whitespace().next().unwrap_or_default();
    let mut letters = first.chars();
    let capital = letters.next().is_some_and(char::is_uppercase);
    let ordinary = capital && first.len() > 1 && letters.all(char::is_lowercase);
    ensure(!ordinary, || {
        format!("expected a summary that starts with a small letter, found `{summary}`")
    })?;
    ensure(plugin.revision >= 1, || {
        "expected a revision of at least 1, found 0".to_owned()
    })?;
    let Some(cite) = plugin.cite else {
        return Ok(());
    };
    let known = ["doi:10.", "arXiv:", "https://"];
    ensure(known.iter().any(|k| cite.starts_with(k)), || {
        format!("expected a citation as `doi:10.…`, `arXiv:…` or `https://…`, found `{cite}`")
    })
}

fn round_trip<T: ?Sized + SlotTrait>(plugin: &Plugin<T>, base: &Value) -> Checked {
    let defaults = plugin.resolve_json(base)?;
    ensure(defaults.params.is_object(), || {
        format!("expected parameters as a table, found {}", defaults.params)
    })?;
    let again = plugin.resolve_json(&without_nulls(&defaults.params))?;
    ensure(again.params == defaults.params, || {
        format!(
            "serialized {} and read back {}",
            defaults.params, again.params
        )
    })
}

/// TOML has no null: an absent value is an absent key.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), without_nulls(v)))
            .collect(),
        other => other.clone(),
    }
}

/// `params` are the serialized parameters, where the plugin could be read.
fn described(
    reserved: &[&str],
    schema: &Value,
    parameters: &[Parameter],
    params: Option<&Value>,
) -> Checked {
    ensure(
        schema.get("additionalProperties") == Some(&Value::Bool(false)),
        || "expected `#[serde(deny_unknown_fields)]` on the parameters".to_owned(),
    )?;
    ensure(schema.get("required").is_none(), || {
        "expected `#[serde(default)]` on the parameters: every one has a default".to_owned()
    })?;
    for key in reserved {
        let taken = parameters.iter().any(|p| p.path == *key);
        ensure(!taken, || {
            format!("`{key}` belongs to the framework; rename the parameter")
        })?;
    }
    for p in parameters {
        ensure(!p.description.trim().is_empty(), || {
            format!("expected a doc comment on `{}`", p.path)
        })?;
        if let Kind::Choice { words } = &p.kind {
            let silent = words.iter().find(|(_, meaning)| meaning.trim().is_empty());
            if let Some((word, _)) = silent {
                return Err(Verdict::Fail(format!(
                    "expected a doc comment on the variant `{word}` of `{}`",
                    p.path
                )));
            }
        }
        let known = params.is_none_or(|params| at(params, &p.path).is_some());
        let optional = matches!(p.kind, Kind::Optional { .. });
        ensure(known || optional, || {
            format!("expected a default of `{}` in the parameters", p.path)
        })?;
    }
    Ok(())
}

fn bounds<T: ?Sized + SlotTrait>(
    plugin: &Plugin<T>,
    base: &Value,
    parameters: &[Parameter],
) -> Checked {
    for p in parameters {
        let (minimum, maximum, whole) = match &p.kind {
            Kind::Integer { minimum, maximum } => (*minimum, *maximum, true),
            Kind::Number { minimum, maximum } => (*minimum, *maximum, false),
            _ => continue,
        };
        for (bound, away) in [(minimum, -1.0), (maximum, 1.0)] {
            let Some(bound) = bound else { continue };
            let step = if whole {
                1.0
            } else {
                STEP * bound.abs().max(1.0)
            };
            let outside = number(bound + away * step, whole);
            match plugin.resolve_json(&with(base, &p.path, outside.clone())) {
                Ok(_) => {
                    return Err(Verdict::Fail(format!(
                        "`{} = {outside}` was accepted; documented: {}",
                        p.path,
                        p.kind.range()
                    )));
                }
                Err(e) => {
                    ensure(names(&e, &p.path), || {
                        format!("expected a message that names `{}`, found: {e}", p.path)
                    })?;
                }
            }
            let inside = number(bound, whole);
            let at_bound = plugin.resolve_json(&with(base, &p.path, inside.clone()));
            // A whole number may be bound by another parameter as well; a probability may not.
            if let (Err(e), false) = (at_bound, whole) {
                return Err(Verdict::Fail(format!(
                    "`{} = {inside}` is documented ({}) and was refused: {e}",
                    p.path,
                    p.kind.range()
                )));
            }
        }
    }
    Ok(())
}

fn number(value: f64, whole: bool) -> Value {
    if whole {
        (value as i64).into()
    } else {
        value.into()
    }
}

fn alive<T: ?Sized + SlotTrait>(
    plugin: &Plugin<T>,
    base: &Value,
    parameters: &[Parameter],
) -> Checked {
    let defaults = plugin.resolve_json(base)?;
    for p in parameters {
        let now = at(&defaults.params, &p.path).unwrap_or(&Value::Null);
        let accepted: Vec<Resolved<T>> = others(&p.kind, now)
            .into_iter()
            .filter_map(|value| plugin.resolve_json(&with(base, &p.path, value)).ok())
            .collect();
        // A parameter that takes no other value on its own (a file, a list bound by another one)
        // cannot be probed.
        let dead = !accepted.is_empty() && accepted.iter().all(|r| r.params == defaults.params);
        ensure(!dead, || {
            format!(
                "another value of `{}` does not change the serialized parameters",
                p.path
            )
        })?;
    }
    Ok(())
}

/// Values of a kind other than `now`.
fn others(kind: &Kind, now: &Value) -> Vec<Value> {
    match kind {
        Kind::Boolean => vec![json!(!now.as_bool().unwrap_or(false))],
        Kind::Integer { .. } => {
            let n = now.as_i64().unwrap_or(0);
            vec![json!(n + 1), json!(n - 1)]
        }
        Kind::Number { minimum, maximum } => {
            let x = now.as_f64().unwrap_or(0.0);
            let middle = match (minimum, maximum) {
                (Some(low), Some(high)) => 0.37 * low + 0.63 * high,
                _ => x + 0.125,
            };
            vec![json!(middle), json!(x + 0.125), json!(x * 0.5 + 0.01)]
        }
        Kind::Text => vec![json!(format!("{}x", now.as_str().unwrap_or_default()))],
        Kind::Choice { words } => words
            .iter()
            .map(|(word, _)| json!(word))
            .filter(|word| word != now)
            .collect(),
        Kind::List { of, .. } => {
            let Some(items) = now.as_array() else {
                return Vec::new();
            };
            let Some(first) = items.first() else {
                return others(of, &Value::Null)
                    .into_iter()
                    .map(|v| json!([v]))
                    .collect();
            };
            others(of, first)
                .into_iter()
                .map(|value| {
                    let mut changed = items.clone();
                    changed[0] = value;
                    Value::Array(changed)
                })
                .collect()
        }
        Kind::Optional { of } => others(of, now),
        Kind::File => vec![json!({ "path": "another.tsv" })],
        Kind::Other => Vec::new(),
    }
}
