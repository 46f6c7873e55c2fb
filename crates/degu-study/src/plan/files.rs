//! Files that a plugin's parameters name: their contents enter a key, their places do not.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Result;

/// A file that a plugin's parameters name.
pub(super) struct FileParam {
    /// Where in the parameters.
    pub(super) at: String,
    pub(super) path: PathBuf,
    pub(super) sha256: Option<String>,
}

/// Every `{ path, sha256? }` table below `params` with a path.
pub(super) fn files(params: &Value) -> Vec<FileParam> {
    fn walk(value: &Value, at: &str, found: &mut Vec<FileParam>) {
        let Some(table) = value.as_object() else {
            if let Some(list) = value.as_array() {
                for (i, v) in list.iter().enumerate() {
                    walk(v, &format!("{at}[{i}]"), found);
                }
            }
            return;
        };
        if let Some(path) = table.get("path").and_then(Value::as_str)
            && table.keys().all(|k| k == "path" || k == "sha256")
        {
            if !path.is_empty() {
                let sha256 = table
                    .get("sha256")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                found.push(FileParam {
                    at: at.to_owned(),
                    path: Path::new(path).to_owned(),
                    sha256,
                });
            }
            return;
        }
        for (key, v) in table {
            let at = if at.is_empty() {
                key.clone()
            } else {
                format!("{at}.{key}")
            };
            walk(v, &at, found);
        }
    }
    let mut found = Vec::new();
    walk(params, "", &mut found);
    found
}

/// The same value without the paths of files: contents enter a key, places do not.
pub(crate) fn without_paths(value: Value) -> Value {
    match value {
        Value::Object(mut table) => {
            if table.contains_key("path") && table.keys().all(|k| k == "path" || k == "sha256") {
                table.clear();
            }
            Value::Object(
                table
                    .into_iter()
                    .map(|(k, v)| (k, without_paths(v)))
                    .collect(),
            )
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_paths).collect()),
        other => other,
    }
}

pub(super) fn sha256(path: &Path) -> Result<String> {
    use sha2::Digest as _;
    let mut file = fs_err::File::open(path)?;
    let mut hasher = sha2::Sha256::new();
    std::io::copy(&mut file, &mut hasher)?;
    Ok(hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}
