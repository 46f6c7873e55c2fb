//! Keys of earlier versions that never had an effect.

use serde_json::{Value, json};

use super::{node::Table, path::KeyPath};

/// The keys, with the value that earlier versions wrote into locked files.
fn keys() -> [(&'static [&'static str], Value); 5] {
    [
        (&["study", "tags"], json!([])),
        (&["architecture", "prior"], json!("none")),
        (&["training", "checkpoint", "keep"], json!(1)),
        (&["distill", "training", "checkpoint", "keep"], json!(1)),
        (&["resources"], json!({})),
    ]
}

/// Whether a path names one of the keys.
pub(crate) fn is_retired(path: &KeyPath) -> bool {
    let names = path.keys();
    keys().iter().any(|(key, _)| names.starts_with(key))
}

/// Removes the keys that have the value which locked files of earlier versions name.
pub(crate) fn remove(tree: &mut Table) {
    for (key, default) in keys() {
        let Some((last, tables)) = key.split_last() else {
            continue;
        };
        let table = tables.iter().try_fold(&mut *tree, |table, name| {
            table.get_mut(name)?.as_table_mut()
        });
        if let Some(table) = table
            && table
                .get(last)
                .is_some_and(|node| node.to_json() == default)
        {
            table.remove(last);
        }
    }
}
