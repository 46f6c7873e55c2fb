//! Weights of Keras in HDF5.
//!
//! Layers are mapped by order and shape, never by name: Keras numbers names by session
//! (`conv1d_7`). Kernels lie as ours do (`[K, C_in, C_out]`, `[in, out]`, channels-last), so
//! no axis is transposed unless [`Layout`] asks for it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use degu_core::{
    Architecture, Components, LabelInfo, ModelIo, OutputKind, Seed, Spread, UncertaintyHead,
    registry,
};
use degu_train::{
    Backend, ModelCard, SavedModel,
    backend::{Autograd, Weights},
    model_file::{FORMAT, PluginCard},
};

use super::{
    arrange::{joined_outputs, permute_bases, transpose_flat},
    layers::{self, OurLayers},
    tensors::{self, Array, KerasLayer},
};
use crate::{ApplyError, Result};

/// What the file does not hold.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of an architecture plugin.
    pub architecture: String,
    /// Its parameters.
    pub params: serde_json::Value,
    /// Names of the tasks, in the order of the outputs.
    pub tasks: Vec<String>,
    /// Length of the input in bp.
    pub length: usize,
    /// Columns after the means, as a distilled model has them: aleatoric x T, then epistemic x T.
    pub spreads: Components,
    /// How the file's model sees sequences.
    pub layout: Layout,
    /// Version of the program, for the card.
    pub written_by: String,
}

/// How a model sees sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Order of the bases in its one-hot input.
    pub alphabet: String,
    /// Whether its flattening puts all positions of a channel together (as after a transposition),
    /// and not all channels of a position.
    pub channels_first: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            alphabet: "ACGT".to_owned(),
            channels_first: false,
        }
    }
}

/// Reads the weights of a Keras model into a network of ours.
///
/// # Errors
///
/// A file that is none, layers that do not fit (naming both sides), a plugin that is not linked.
pub fn import(file: &Path, options: &Options) -> Result<SavedModel> {
    let theirs = tensors::read(file)?;
    let (card, network) = describe(file, options)?;
    let shapes: BTreeMap<String, Vec<usize>> = network
        .weights()?
        .into_iter()
        .map(|(name, (shape, _))| (name, shape))
        .collect();
    let graph = network
        .graph()
        .ok_or_else(|| layers::unsupported(&format!("all of `{}`", options.architecture)))?;
    let ours = layers::of(&graph)?;
    let mut filler = Filler {
        file: file.to_owned(),
        shapes,
        weights: Weights::new(),
    };
    filler.fill(&ours, theirs, options)?;
    let weights = filler.weights;
    Ok(SavedModel::new(card, weights)?)
}

/// The card of the model, and its network with initial values.
fn describe(file: &Path, options: &Options) -> Result<(ModelCard, Autograd)> {
    let architecture = registry::find::<dyn Architecture>(&options.architecture)?;
    let resolved = architecture.resolve_json(&options.params)?;
    let spreads = options.spreads;
    let head_name = if spreads.aleatoric || spreads.epistemic {
        "distilled"
    } else {
        "point"
    };
    let head =
        registry::find::<dyn UncertaintyHead>(head_name)?.resolve_json(&serde_json::json!({}))?;
    let tasks = options.tasks.len();
    let labels = LabelInfo {
        tasks: options.tasks.clone(),
        mean: vec![0.0; tasks],
        std: vec![1.0; tasks],
        epistemic: spreads.epistemic,
        aleatoric: spreads.aleatoric,
        spread: Spread::Std,
    };
    let bound = head.build()?.bind(&labels)?;
    let io = ModelIo {
        length: options.length,
        outputs: bound.outputs(),
        output: OutputKind::Scalar,
    };
    let network = Autograd::new(
        resolved.build()?.as_ref(),
        bound,
        &io,
        &Seed::root(0),
        &candle_core::Device::Cpu,
    )?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let digest = blake3::hash(&fs_err::read(file)?);
    let card = ModelCard {
        format: FORMAT,
        name: format!("{stem}, imported from Keras"),
        model: None,
        written_by: options.written_by.clone(),
        architecture: PluginCard {
            plugin: resolved.name.to_owned(),
            revision: resolved.revision,
            params: resolved.params.clone(),
        },
        head: PluginCard {
            plugin: head.name.to_owned(),
            revision: head.revision,
            params: head.params.clone(),
        },
        labels,
        length: options.length,
        output: OutputKind::Scalar,
        flanks: (String::new(), String::new()),
        alphabet: "ACGT".to_owned(),
        unit: String::new(),
        data: format!("keras weights {}", digest.to_hex()),
        parameters: network.store().parameter_count(),
        weights: None,
        calibration: BTreeMap::new(),
        default_calibration: None,
        metrics: BTreeMap::new(),
    };
    Ok((card, network))
}

struct Filler {
    file: PathBuf,
    shapes: BTreeMap<String, Vec<usize>>,
    weights: Weights,
}

impl Filler {
    fn fill(&mut self, ours: &OurLayers, theirs: Vec<KerasLayer>, options: &Options) -> Result<()> {
        let (norms, weighted): (Vec<_>, Vec<_>) =
            theirs.into_iter().partition(KerasLayer::normalises);
        if let Some(odd) = weighted
            .iter()
            .find(|layer| !layer.tensors.contains_key("kernel"))
        {
            let tensors: Vec<&String> = odd.tensors.keys().collect();
            return Err(self.problem(format!(
                "layer `{}` has the tensors {tensors:?}, which no layer of ours has; convolutions, dense layers and batch normalisations can be imported",
                odd.name
            )));
        }
        let mut weighted = joined_outputs(weighted, ours.weighted.len());
        let names: Vec<String> = ours.weighted.iter().map(|(name, _)| name.clone()).collect();
        self.count("weighted", &names, &weighted)?;
        self.count("normalising", &ours.norms, &norms)?;
        if let Some(first) = weighted.first_mut() {
            permute_bases(first, &options.layout.alphabet)?;
        }
        let mut channels = 4;
        for (layer, (name, bias)) in weighted.into_iter().zip(&ours.weighted) {
            self.weighted(layer, name, *bias, &options.layout, &mut channels)?;
        }
        for (layer, name) in norms.into_iter().zip(&ours.norms) {
            self.norm(layer, name)?;
        }
        Ok(())
    }

    fn count(&self, kind: &'static str, ours: &[String], theirs: &[KerasLayer]) -> Result<()> {
        if ours.len() == theirs.len() {
            return Ok(());
        }
        let names: Vec<&String> = theirs.iter().map(|layer| &layer.name).collect();
        Err(self.problem(format!(
            "expected {} {kind} layers in the order {ours:?}, found {}: {names:?}; is it another architecture, or do its parameters differ (`--set`)?",
            ours.len(),
            theirs.len(),
        )))
    }

    fn problem(&self, problem: String) -> ApplyError {
        ApplyError::file(&self.file, problem)
    }

    fn weighted(
        &mut self,
        mut layer: KerasLayer,
        name: &str,
        bias: bool,
        layout: &Layout,
        channels: &mut usize,
    ) -> Result<()> {
        let outputs = layer
            .tensors
            .get("kernel")
            .and_then(|kernel| kernel.shape.last().copied())
            .unwrap_or(0);
        if let Some(mut kernel) = layer.tensors.remove("kernel") {
            let flattens = kernel.shape.len() == 2 && *channels > 0;
            if flattens && layout.channels_first {
                transpose_flat(&mut kernel, *channels);
            }
            // After the first dense layer there are no positions left to flatten.
            *channels = if kernel.shape.len() == 3 { outputs } else { 0 };
            self.put(&format!("{name}.weight"), kernel)?;
        }
        if bias {
            // Keras leaves out a bias that was switched off: the same as zeros.
            let values = layer.tensors.remove("bias").unwrap_or_else(|| Array {
                name: format!("{} (no bias)", layer.name),
                shape: vec![outputs],
                values: vec![0.0; outputs],
            });
            self.put(&format!("{name}.bias"), values)?;
        }
        Ok(())
    }

    fn norm(&mut self, mut layer: KerasLayer, name: &str) -> Result<()> {
        let channels = layer
            .tensors
            .get("moving_mean")
            .map_or(0, |mean| mean.values.len());
        // `scale=False` and `center=False` leave a tensor out.
        for (theirs, ours, neutral) in [
            ("gamma", "weight", 1.0),
            ("beta", "bias", 0.0),
            ("moving_mean", "running_mean", 0.0),
            ("moving_variance", "running_var", 1.0),
        ] {
            let array = layer.tensors.remove(theirs).unwrap_or_else(|| Array {
                name: format!("{} (no {theirs})", layer.name),
                shape: vec![channels],
                values: vec![neutral; channels],
            });
            self.put(&format!("{name}.{ours}"), array)?;
        }
        Ok(())
    }

    fn put(&mut self, name: &str, array: Array) -> Result<()> {
        let expected = self.shapes.get(name).cloned().unwrap_or_default();
        if expected != array.shape {
            return Err(self.problem(format!(
                "`{}` has shape {:?}, expected {expected:?} for `{name}`; check the architecture's parameters, `--length` and `--tasks`",
                array.name, array.shape
            )));
        }
        self.weights
            .insert(name.to_owned(), (array.shape, array.values));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::import::arrange::tests::{array, layer};

    fn filled(theirs: Vec<KerasLayer>, ours: &[(&str, &[usize])]) -> Result<Weights> {
        let shapes = ours
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
        let mut filler = Filler {
            file: PathBuf::from("w.h5"),
            shapes: shapes.collect(),
            weights: Weights::new(),
        };
        let layers = OurLayers {
            weighted: vec![("stem".to_owned(), true)],
            norms: Vec::new(),
        };
        let options = Options {
            architecture: String::new(),
            params: serde_json::Value::Null,
            tasks: Vec::new(),
            length: 0,
            spreads: Components::default(),
            layout: Layout::default(),
            written_by: String::new(),
        };
        filler.fill(&layers, theirs, &options)?;
        Ok(filler.weights)
    }

    #[test]
    fn layers_fit_by_number_kind_and_shape_or_the_error_names_both() {
        let ours: &[(&str, &[usize])] = &[("stem.weight", &[1, 4, 2]), ("stem.bias", &[2])];
        let weights = filled(vec![layer(array(&[1, 4, 2]))], ours).unwrap();
        // A bias that the file leaves out is zero.
        assert_eq!(weights["stem.bias"], (vec![2], vec![0.0, 0.0]));
        let refused = |theirs| filled(theirs, ours).unwrap_err().to_string();
        let problem = refused(vec![layer(array(&[1, 4, 3]))]);
        assert!(
            problem.contains("has shape [1, 4, 3], expected [1, 4, 2] for `stem.weight`"),
            "{problem}"
        );
        let problem = refused(Vec::new());
        assert!(
            problem.contains("expected 1 weighted layers in the order [\"stem\"]"),
            "{problem}"
        );
        let mut odd = layer(array(&[1]));
        let kernel = odd.tensors.remove("kernel").unwrap();
        odd.tensors.insert("alpha".to_owned(), kernel);
        let problem = refused(vec![odd]);
        assert!(problem.contains("has the tensors [\"alpha\"]"), "{problem}");
        assert!(problem.starts_with("w.h5: "), "{problem}");
    }
}
