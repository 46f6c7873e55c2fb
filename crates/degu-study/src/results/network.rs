//! Files of a trained network, and of the ensemble.

use degu_train::{HostForecast, ModelCard, SavedModel, model_file};
use degu_workflow::store::Artifact;

use crate::error::Result;

/// What the network is.
pub(crate) const CARD: &str = "card.json";
/// Its weights.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// What it predicts for every row.
pub(crate) const PREDICTIONS: &str = "predictions.safetensors";
/// Its training.
pub(crate) const CURVE: &str = "curve.json";

/// The model in an artifact of `train` or `distill`.
pub(crate) fn saved(artifact: &Artifact<'_>) -> Result<SavedModel> {
    let card: ModelCard = artifact.json(CARD)?;
    let weights = model_file::weights_from_bytes(&artifact.bytes(WEIGHTS)?)?;
    Ok(SavedModel::new(card, weights)?)
}

/// The predictions of all rows in an artifact of `train`, `distill` or `predict`.
pub(crate) fn predictions(artifact: &Artifact<'_>) -> Result<HostForecast> {
    Ok(HostForecast::from_bytes(&artifact.bytes(PREDICTIONS)?)?)
}
