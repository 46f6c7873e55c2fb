//! The layers of a Keras file: names, and tensors by role.

use std::collections::BTreeMap;
use std::path::Path;

use degu_genome::Hdf5File;

use crate::{ApplyError, Result};

/// A tensor on the host, row-major.
#[derive(Debug, Clone)]
pub(super) struct Array {
    /// Path in the file.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// A layer with weights.
#[derive(Debug, Clone)]
pub(super) struct KerasLayer {
    /// Name in the file.
    pub(super) name: String,
    /// Tensors by role (`kernel`, `bias`, `gamma`, `beta`, `moving_mean`, `moving_variance`).
    pub(super) tensors: BTreeMap<String, Array>,
}

impl KerasLayer {
    /// Whether it normalises batches.
    pub(super) fn normalises(&self) -> bool {
        self.tensors.contains_key("moving_mean")
    }
}

/// Reads all layers with weights, in the order of the model.
///
/// Keras 2 writes that order into the attribute `layer_names`. Keras 3 does not; there the order is
/// that of the numbers in the names (`conv1d`, `conv1d_1`, ..) within each kind, which is the order
/// of construction.
pub(super) fn read(path: &Path) -> Result<Vec<KerasLayer>> {
    let file = Hdf5File::open(path)?;
    let root = [
        "model_weights/",
        "layers/",
        "_layer_checkpoint_dependencies/",
    ]
    .into_iter()
    .find(|prefix| file.names().iter().any(|name| name.starts_with(prefix)))
    .unwrap_or("");
    let mut by_layer: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in file.names() {
        let Some(rest) = name.strip_prefix(root) else {
            continue;
        };
        // The optimizer's moments of a whole-model file lie beside the weights.
        if name.starts_with("optimizer") || rest.starts_with("top_level_model_weights") {
            continue;
        }
        if let Some((layer, _)) = rest.split_once('/') {
            by_layer
                .entry(layer.to_owned())
                .or_default()
                .push(name.clone());
        }
    }
    let order = order(&file, root.trim_end_matches('/'), &by_layer);
    let mut layers = Vec::new();
    for name in order {
        let Some(datasets) = by_layer.get(&name) else {
            continue;
        };
        let mut tensors = BTreeMap::new();
        for dataset in datasets {
            let rows = file.dataset(dataset)?;
            let shape: Vec<usize> = rows.shape().iter().map(|n| *n as usize).collect();
            let values = rows.f32(0, rows.len())?;
            let leaf = dataset.rsplit('/').next().unwrap_or(dataset);
            tensors.insert(
                leaf.split(':').next().unwrap_or(leaf).to_owned(),
                Array {
                    name: dataset.clone(),
                    shape,
                    values,
                },
            );
        }
        layers.push(KerasLayer {
            tensors: named(tensors),
            name,
        });
    }
    if layers.is_empty() {
        let names: Vec<&str> = file.names().iter().take(6).map(String::as_str).collect();
        let found = if names.is_empty() {
            "no datasets".to_owned()
        } else {
            names.join(", ")
        };
        return Err(ApplyError::file(
            path,
            format!(
                "expected weights of Keras (groups of layers with `kernel:0`, `bias:0`, ..), found {found}"
            ),
        ));
    }
    Ok(layers)
}

/// Keras 3 numbers the tensors of a layer instead of naming them: kernel and bias, or gamma, beta,
/// mean and variance.
fn named(tensors: BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let numbered = tensors.keys().all(|key| key.parse::<usize>().is_ok());
    if !numbered {
        return tensors;
    }
    let roles: &[&str] = match tensors.len() {
        1 => &["kernel"],
        2 => &["kernel", "bias"],
        4 => &["gamma", "beta", "moving_mean", "moving_variance"],
        _ => return tensors,
    };
    roles
        .iter()
        .map(|role| (*role).to_owned())
        .zip(tensors.into_values())
        .collect()
}

fn order(file: &Hdf5File, root: &str, by_layer: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    if let Ok(attributes) = file.attributes(root)
        && let Some(names) = attributes.get("layer_names")
        && by_layer.keys().all(|layer| names.contains(layer))
    {
        return names.clone();
    }
    let mut names: Vec<String> = by_layer.keys().cloned().collect();
    names.sort_by_key(|name| {
        let (stem, number) = match name.rsplit_once('_') {
            Some((stem, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                (stem, digits.parse::<usize>().unwrap_or(0))
            }
            _ => (name.as_str(), 0),
        };
        // Dense layers come last in every sequential network of the field; the queue of weighted
        // layers needs that.
        (stem.contains("dense"), stem.to_owned(), number)
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_tensors_get_their_roles_and_other_files_are_refused() {
        let tensors = |names: &[&str]| -> BTreeMap<String, Array> {
            let all = names.iter().map(|name| {
                let array = Array {
                    name: (*name).to_owned(),
                    shape: vec![1],
                    values: vec![0.0],
                };
                ((*name).to_owned(), array)
            });
            named(all.collect())
        };
        let roles = |names: &[&str]| tensors(names).into_keys().collect::<Vec<_>>();
        assert_eq!(roles(&["0", "1"]), ["bias", "kernel"]);
        assert_eq!(tensors(&["0", "1"])["kernel"].name, "0");
        assert_eq!(roles(&["0", "1", "2"]), ["0", "1", "2"]);
        assert_eq!(roles(&["gamma"]), ["gamma"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.h5");
        fs_err::write(&path, "no HDF5").unwrap();
        assert!(read(&path).is_err());
    }
}
