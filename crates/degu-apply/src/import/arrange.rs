//! Layers of a file in the form of ours: joint outputs, order of bases, order of a flattening.

use std::collections::{BTreeMap, VecDeque};

use super::tensors::{Array, KerasLayer};
use crate::{ApplyError, Result};

/// One dense layer per task, side by side, as one: our last layer is joint.
pub(super) fn joined_outputs(layers: Vec<KerasLayer>, expected: usize) -> Vec<KerasLayer> {
    if layers.len() <= expected || expected == 0 {
        return layers;
    }
    let mut layers: VecDeque<KerasLayer> = layers.into();
    let mut kept: Vec<KerasLayer> = layers.drain(..expected - 1).collect();
    let columns = |layer: &KerasLayer| -> Option<(usize, Vec<f32>, f32)> {
        let kernel = layer.tensors.get("kernel")?;
        let bias = layer
            .tensors
            .get("bias")
            .map_or(Some(0.0), |b| b.values.first().copied());
        match kernel.shape[..] {
            [inputs, 1] => Some((inputs, kernel.values.clone(), bias?)),
            _ => None,
        }
    };
    let parts: Option<Vec<_>> = layers.iter().map(columns).collect();
    let Some(parts) = parts.filter(|p| p.windows(2).all(|w| w[0].0 == w[1].0)) else {
        kept.extend(layers);
        return kept;
    };
    let (inputs, tasks) = (parts.first().map_or(0, |p| p.0), parts.len());
    let mut kernel = vec![0.0; inputs * tasks];
    for (task, (_, values, _)) in parts.iter().enumerate() {
        for (row, value) in values.iter().enumerate() {
            kernel[row * tasks + task] = *value;
        }
    }
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    let name = names.join(" + ");
    let array = |role: &str, shape: Vec<usize>, values: Vec<f32>| {
        let array = Array {
            name: format!("{name}/{role}"),
            shape,
            values,
        };
        (role.to_owned(), array)
    };
    let biases = parts.iter().map(|(_, _, bias)| *bias).collect();
    kept.push(KerasLayer {
        tensors: BTreeMap::from([
            array("kernel", vec![inputs, tasks], kernel),
            array("bias", vec![tasks], biases),
        ]),
        name,
    });
    kept
}

/// Reorders the input channels of the first kernel, `[K, 4, C]`, from the file's alphabet to ACGT.
pub(super) fn permute_bases(layer: &mut KerasLayer, alphabet: &str) -> Result<()> {
    let mut places = [0usize; 4];
    for (ours, letter) in "ACGT".chars().enumerate() {
        places[ours] = alphabet
            .find(letter)
            .filter(|_| alphabet.len() == 4)
            .ok_or_else(|| {
                ApplyError::Import(format!(
                    "an alphabet is an order of the four letters A, C, G and T, found `{alphabet}`"
                ))
            })?;
    }
    let Some(kernel) = layer.tensors.get_mut("kernel") else {
        return Ok(());
    };
    let [width, 4, channels] = kernel.shape[..] else {
        return Ok(());
    };
    let old = kernel.values.clone();
    for tap in 0..width {
        for (ours, theirs) in places.iter().enumerate() {
            let to = (tap * 4 + ours) * channels;
            let from = (tap * 4 + theirs) * channels;
            kernel.values[to..to + channels].copy_from_slice(&old[from..from + channels]);
        }
    }
    Ok(())
}

/// Reorders the rows of a dense kernel from index `c P + p` to index `p C + c`.
pub(super) fn transpose_flat(kernel: &mut Array, channels: usize) {
    let [inputs, outputs] = kernel.shape[..] else {
        return;
    };
    if inputs % channels != 0 {
        return;
    }
    let positions = inputs / channels;
    let old = kernel.values.clone();
    for p in 0..positions {
        for c in 0..channels {
            let to = (p * channels + c) * outputs;
            let from = (c * positions + p) * outputs;
            kernel.values[to..to + outputs].copy_from_slice(&old[from..from + outputs]);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::import) fn array(shape: &[usize]) -> Array {
        Array {
            name: "kernel".to_owned(),
            shape: shape.to_vec(),
            values: (0..shape.iter().product::<usize>())
                .map(|v| v as f32)
                .collect(),
        }
    }

    pub(in crate::import) fn layer(kernel: Array) -> KerasLayer {
        KerasLayer {
            name: "layer".to_owned(),
            tensors: BTreeMap::from([("kernel".to_owned(), kernel)]),
        }
    }

    #[test]
    fn bases_are_reordered() {
        let mut first = layer(array(&[1, 4, 1]));
        permute_bases(&mut first, "ACGT").unwrap();
        assert_eq!(first.tensors["kernel"].values, [0.0, 1.0, 2.0, 3.0]);
        permute_bases(&mut first, "TGCA").unwrap();
        assert_eq!(first.tensors["kernel"].values, [3.0, 2.0, 1.0, 0.0]);
        for bad in ["ACG", "ACGU", "ACGTT", ""] {
            assert!(permute_bases(&mut first, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_channels_first_flattening_is_undone() {
        // Two channels, three positions: index c 3 + p becomes p 2 + c.
        let mut kernel = array(&[6, 1]);
        transpose_flat(&mut kernel, 2);
        assert_eq!(kernel.values, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn one_dense_layer_per_task_becomes_a_joint_one() {
        let layers = vec![
            layer(array(&[2, 3])),
            layer(array(&[3, 1])),
            layer(array(&[3, 1])),
        ];
        let joined = joined_outputs(layers, 2);
        assert_eq!(joined.len(), 2);
        assert_eq!(joined[1].tensors["kernel"].shape, [3, 2]);
        assert_eq!(
            joined[1].tensors["kernel"].values,
            [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
        );
        assert_eq!(joined[1].tensors["bias"].values, [0.0, 0.0]);
    }
}
