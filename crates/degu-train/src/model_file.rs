//! Models as folders: `model.safetensors` and `card.json`, enough to predict anywhere.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use degu_core::{
    Architecture, Components, LabelInfo, ModelId, OutputKind, Seed, UncertaintyHead, registry,
};
use serde::{Deserialize, Serialize};

use crate::{
    Backend, BackendKind, Result, TrainError,
    backend::{Autograd, Precision, Recipe, Weights, open},
    forecast::{deserialize, serialize},
};

/// Version of the folder's format; a reader refuses newer ones.
pub const FORMAT: u32 = 1;

/// File of the weights.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// File of the card.
pub const CARD_FILE: &str = "card.json";

/// A plugin with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginCard {
    /// Name in the registry.
    pub plugin: String,
    /// Revision that trained the model.
    pub revision: u32,
    /// Parameters, defaults filled in.
    pub params: serde_json::Value,
}

/// A fitted calibrator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationCard {
    /// The calibrator.
    pub calibrator: PluginCard,
    /// Its state.
    pub state: serde_json::Value,
    /// Exchangeable units per task that it was fitted on.
    pub units: Vec<usize>,
    /// What its intervals promise.
    pub guarantee: String,
    /// Miscoverage levels of the study, as decimal text.
    pub alpha: Vec<String>,
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Version of this format.
    pub format: u32,
    /// Name, as in `lentimpra_k562 student-0`.
    pub name: String,
    /// What it is in its study; absent in folders of older versions and of imported models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// Version of degu-lab that wrote it.
    pub written_by: String,
    /// Architecture.
    pub architecture: PluginCard,
    /// Head.
    pub head: PluginCard,
    /// What the head was told about the labels (tasks among it).
    pub labels: LabelInfo,
    /// Input window `L` in bp.
    pub length: usize,
    /// Scalar or profile.
    pub output: OutputKind,
    /// Bases added on the left and on the right of an element, where the study did so.
    pub flanks: (String, String),
    /// Order of the bases in one-hot input.
    pub alphabet: String,
    /// Unit of the outputs.
    pub unit: String,
    /// BLAKE3 digest of the prepared training data.
    pub data: String,
    /// Number of trained parameters.
    pub parameters: usize,
    /// BLAKE3 digest of the file of the weights; absent in folders of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Fitted calibrators by name.
    pub calibration: BTreeMap<String, CalibrationCard>,
    /// The calibration that is meant where none is named: the first of the experiment file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_calibration: Option<String>,
    /// Metrics on the test split, as `metric/task`, to recognise the model by.
    pub metrics: BTreeMap<String, f64>,
}

impl ModelCard {
    /// An error unless `bytes` of the file `path` are the weights that the card was written with.
    fn check_weights(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let found = weights_digest(bytes);
        match &self.weights {
            Some(expected) if *expected != found => Err(TrainError::File {
                path: path.to_owned(),
                problem: format!(
                    "expected the weights that `{CARD_FILE}` was written with (BLAKE3 {}), found {} bytes of another digest ({}): the file was cut, changed or exchanged; copy the folder again",
                    expected.get(..16).unwrap_or(expected),
                    bytes.len(),
                    &found[..16]
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// A model read from a folder.
pub struct SavedModel {
    /// What it is.
    pub card: ModelCard,
    weights: Weights,
    architecture: Box<dyn Architecture>,
    head: Box<dyn UncertaintyHead>,
}

impl std::fmt::Debug for SavedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedModel")
            .field("card", &self.card)
            .finish_non_exhaustive()
    }
}

/// What stands where a model was expected: nothing, or a run, whose models are named.
fn instead(folder: &Path) -> String {
    if !folder.exists() {
        return ", found no folder".to_owned();
    }
    let models = fs_err::read_dir(folder.join("models"))
        .into_iter()
        .flatten();
    let mut names: Vec<String> = models
        .flatten()
        .filter(|entry| entry.path().join(CARD_FILE).exists())
        .map(|entry| format!("models/{}", entry.file_name().to_string_lossy()))
        .collect();
    names.sort();
    if names.is_empty() {
        String::new()
    } else {
        format!(", found a run, whose models are {}", names.join(", "))
    }
}

impl SavedModel {
    /// A model from its parts.
    ///
    /// # Errors
    ///
    /// A plugin that is not linked, or parameters it does not take.
    pub fn new(card: ModelCard, weights: Weights) -> Result<Self> {
        let architecture = registry::find::<dyn Architecture>(&card.architecture.plugin)?
            .resolve_json(&card.architecture.params)?
            .build()?;
        let head = registry::find::<dyn UncertaintyHead>(&card.head.plugin)?
            .resolve_json(&card.head.params)?
            .build()?;
        Ok(Self {
            card,
            weights,
            architecture,
            head,
        })
    }

    /// Reads a model folder.
    ///
    /// # Errors
    ///
    /// A file that is missing or of a newer format, a plugin that is not linked, tensors that do
    /// not fit.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(CARD_FILE);
        if !path.exists() {
            return Err(TrainError::File {
                path: folder.to_path_buf(),
                problem: format!(
                    "expected a model folder with `{CARD_FILE}`{}",
                    instead(folder)
                ),
            });
        }
        let text = fs_err::read_to_string(&path)?;
        let card: ModelCard = serde_json::from_str(&text).map_err(|e| TrainError::File {
            path: path.clone(),
            problem: format!("expected a model card: {e}"),
        })?;
        if card.format > FORMAT {
            return Err(TrainError::File {
                path,
                problem: format!(
                    "format {} is newer than this program reads ({FORMAT}); update degu-lab",
                    card.format
                ),
            });
        }
        let path = folder.join(WEIGHTS_FILE);
        let bytes = fs_err::read(&path)?;
        card.check_weights(&path, &bytes)?;
        let weights = deserialize(&bytes).map_err(|e| TrainError::File {
            path: path.clone(),
            problem: e.to_string(),
        })?;
        let model = Self::new(card, weights)?;
        model.check(&path)?;
        Ok(model)
    }

    /// Writes the model folder; each file appears whole or not at all.
    ///
    /// # Errors
    ///
    /// A folder that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        fs_err::create_dir_all(folder)?;
        let bytes = weights_to_bytes(&self.weights)?;
        write_atomically(&folder.join(WEIGHTS_FILE), &bytes)?;
        let card = ModelCard {
            weights: Some(weights_digest(&bytes)),
            ..self.card.clone()
        };
        let card = serde_json::to_vec_pretty(&card).map_err(|source| TrainError::Json {
            what: "model card",
            source,
        })?;
        write_atomically(&folder.join(CARD_FILE), &card)
    }

    /// The spreads that it predicts.
    pub fn components(&self) -> Components {
        let labels = &self.card.labels;
        self.head.components(Components {
            aleatoric: labels.aleatoric,
            epistemic: labels.epistemic,
        })
    }

    /// The weights.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// A backend that predicts (and could go on training), on `threads` threads.
    ///
    /// # Errors
    ///
    /// Whatever the plugins fail with.
    pub fn open(&self, device: &candle_core::Device, threads: usize) -> Result<Box<dyn Backend>> {
        self.open_as(BackendKind::Auto, device, threads)
    }

    /// As [`SavedModel::open`] with a backend of one kind.
    ///
    /// # Errors
    ///
    /// As [`SavedModel::open`], and a kind that does not cover the network.
    pub fn open_as(
        &self,
        kind: BackendKind,
        device: &candle_core::Device,
        threads: usize,
    ) -> Result<Box<dyn Backend>> {
        let head = || self.head.bind(&self.card.labels);
        let recipe = self.recipe(&head);
        let mut backend = open(&recipe, kind, device, 2, threads)?;
        backend.set_weights(&self.weights)?;
        Ok(backend)
    }

    /// The network on candle's autograd, for attribution.
    ///
    /// # Errors
    ///
    /// Whatever the plugins fail with.
    pub fn differentiable(&self, device: &candle_core::Device) -> Result<Autograd> {
        let head = self.head.bind(&self.card.labels)?;
        let io = degu_core::ModelIo {
            length: self.card.length,
            outputs: head.outputs(),
            output: self.card.output,
        };
        let mut model = Autograd::new(
            self.architecture.as_ref(),
            head,
            &io,
            &Seed::root(0),
            device,
        )?;
        model.set_weights(&self.weights)?;
        Ok(model)
    }

    fn recipe<'a>(
        &'a self,
        head: &'a dyn Fn() -> degu_core::Result<Box<dyn degu_core::Head>>,
    ) -> Recipe<'a> {
        Recipe {
            architecture: self.architecture.as_ref(),
            head,
            length: self.card.length,
            output: self.card.output,
            seed: Seed::root(0),
            precision: Precision::F32,
        }
    }

    fn check(&self, path: &Path) -> Result<()> {
        let expected = self.differentiable_names()?;
        let missing: Vec<&String> = expected
            .keys()
            .filter(|n| !self.weights.contains_key(*n))
            .collect();
        let surplus: Vec<&String> = self
            .weights
            .keys()
            .filter(|n| !expected.contains_key(*n))
            .collect();
        let misshapen: Vec<String> = expected
            .iter()
            .filter_map(|(name, shape)| {
                let (found, _) = self.weights.get(name)?;
                (found != shape).then(|| format!("{name}: expected {shape:?}, found {found:?}"))
            })
            .collect();
        if missing.is_empty() && surplus.is_empty() && misshapen.is_empty() {
            return Ok(());
        }
        Err(TrainError::File {
            path: path.to_owned(),
            problem: format!(
                "the tensors do not fit the card; missing {missing:?}, surplus {surplus:?}, of another shape {misshapen:?}"
            ),
        })
    }

    fn differentiable_names(&self) -> Result<BTreeMap<String, Vec<usize>>> {
        let head = self.head.bind(&self.card.labels)?;
        let io = degu_core::ModelIo {
            length: self.card.length,
            outputs: head.outputs(),
            output: self.card.output,
        };
        let model = Autograd::new(
            self.architecture.as_ref(),
            head,
            &io,
            &Seed::root(0),
            &candle_core::Device::Cpu,
        )?;
        Ok(model
            .weights()?
            .into_iter()
            .map(|(name, (shape, _))| (name, shape))
            .collect())
    }
}

/// [`ModelCard::weights`] of a file of weights.
pub fn weights_digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Named f32 tensors as safetensors.
///
/// # Errors
///
/// If they do not serialize.
pub fn weights_to_bytes(weights: &Weights) -> Result<Vec<u8>> {
    let tensors = weights
        .iter()
        .map(|(name, (shape, values))| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.clone(), (shape.clone(), bytes))
        })
        .collect();
    // One entry: the crate that writes the file keeps entries in no particular order, and equal
    // weights are equal bytes.
    let metadata = BTreeMap::from([(
        "degu-lab".to_owned(),
        "layout channels-last, alphabet ACGT".to_owned(),
    )]);
    serialize(&tensors, Some(metadata))
}

/// Reads [`weights_to_bytes`].
///
/// # Errors
///
/// If the bytes are not such a file.
pub fn weights_from_bytes(data: &[u8]) -> Result<Weights> {
    deserialize(data)
}

/// Writes beside the target and renames.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside: PathBuf = path.to_owned();
    beside.set_extension("partial");
    let written = fs_err::write(&beside, bytes).and_then(|()| fs_err::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to report; a leftover that cannot be removed changes nothing.
        let _ = fs_err::remove_file(&beside);
    }
    Ok(written?)
}
