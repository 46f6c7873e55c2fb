//! What can go wrong with foreign weights.

use std::path::PathBuf;

use degu_genome::GenomeError;
use degu_train::TrainError;

/// Foreign weights that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] GenomeError),

    /// The network cannot be built.
    #[error(transparent)]
    Model(#[from] TrainError),

    /// The file holds no weights that we know.
    #[error("{}: expected weights of Keras (groups of layers with `kernel:0`, `bias:0`, ..), found {found}", path.display())]
    NotKeras {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
    },

    /// A kind of layer that has no counterpart.
    #[error("{}: layer `{layer}` has the tensors {tensors:?}, which no layer of ours has; convolutions, dense layers and batch normalisations can be imported", path.display())]
    UnknownLayer {
        /// The file.
        path: PathBuf,
        /// Its name there.
        layer: String,
        /// Names of its tensors.
        tensors: Vec<String>,
    },

    /// A layer of ours that the importer does not fill.
    #[error("layer `{layer}` of the architecture cannot be filled from Keras weights")]
    Unsupported {
        /// Our layer.
        layer: String,
    },

    /// The file has more or fewer layers of a kind than the network.
    #[error("{}: expected {expected} {kind} layers in the order {ours:?}, found {found}: {theirs:?}; is it another architecture, or do its parameters differ (`--set`)?", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// `weighted` or `normalising`.
        kind: &'static str,
        /// Our number.
        expected: usize,
        /// Our layers.
        ours: Vec<String>,
        /// Theirs.
        found: usize,
        /// Their layers.
        theirs: Vec<String>,
    },

    /// Two layers that should be one have different shapes.
    #[error("{}: `{theirs}` has shape {found:?}, expected {expected:?} for `{ours}`; check the architecture's parameters, `--length` and `--tasks`", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Their tensor.
        theirs: String,
        /// Its shape.
        found: Vec<usize>,
        /// Our tensor.
        ours: String,
        /// Its shape.
        expected: Vec<usize>,
    },

    /// An order of bases that is none.
    #[error("an alphabet is an order of the four letters A, C, G and T, found `{0}`")]
    Alphabet(String),
}

impl From<degu_core::Error> for ImportError {
    fn from(error: degu_core::Error) -> Self {
        Self::Model(error.into())
    }
}
