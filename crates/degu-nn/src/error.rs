//! The error type of the crate.

use std::fmt;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with parameters, optimizers and schedules. Layers and losses return
/// [`degu_core::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer, a shape or another failure of the trait layer.
    #[error(transparent)]
    Core(#[from] degu_core::Error),

    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),

    /// Saved tensors do not belong to this network.
    #[error("the saved tensors do not fit the network: {0}")]
    Mismatch(Box<Differences>),

    /// No tensor has this name.
    #[error("no tensor is named `{name}`; known: {}", known.join(", "))]
    UnknownTensor {
        /// Name asked for.
        name: String,
        /// All names, sorted.
        known: Vec<String>,
    },

    /// A tensor exists with another shape.
    #[error("`{name}` has shape {found:?}, expected {expected:?}")]
    TensorShape {
        /// Name of the tensor.
        name: String,
        /// Shape of the store.
        expected: Vec<usize>,
        /// Shape given.
        found: Vec<usize>,
    },

    /// A number of values that is not that of the tensor.
    #[error("`{name}` holds {expected} values, found {found}")]
    Length {
        /// Name of the tensor.
        name: String,
        /// Values of the tensor.
        expected: usize,
        /// Values given.
        found: usize,
    },

    /// A file of tensors cannot be read.
    #[error("not a file of tensors (safetensors): {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),

    /// A file of tensors holds numbers of another type.
    #[error("tensor `{name}` is of type {found}, expected F32 or F64")]
    NumberType {
        /// Name of the tensor.
        name: String,
        /// Type found.
        found: String,
    },

    /// A saved state misses an entry, or has one that cannot be read.
    #[error(
        "the saved state of the {of} has no usable `{entry}`; was the file written by this program?"
    )]
    State {
        /// What the state belongs to.
        of: &'static str,
        /// Name of the entry.
        entry: String,
    },

    /// A parameter takes no part in the loss.
    #[error("no gradient reaches {}: every trained parameter takes part in the loss", names.join(", "))]
    NoGradient {
        /// Names of the parameters.
        names: Vec<String>,
    },
}

impl From<Error> for degu_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(e) => e,
            Error::Tensor(e) => Self::Tensor(e),
            other => Self::State {
                of: "network",
                problem: other.to_string(),
            },
        }
    }
}

/// All differences between saved tensors and those of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Tensors of the network that the file lacks.
    pub missing: Vec<String>,
    /// Tensors of the file that the network lacks.
    pub surplus: Vec<String>,
    /// Name, shape in the network, shape in the file.
    pub shapes: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Differences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.shapes.is_empty()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("missing {}", self.missing.join(", ")));
        }
        if !self.surplus.is_empty() {
            parts.push(format!("not in the network {}", self.surplus.join(", ")));
        }
        for (name, expected, found) in &self.shapes {
            parts.push(format!(
                "`{name}` has shape {found:?}, expected {expected:?}"
            ));
        }
        f.write_str(&parts.join("; "))
    }
}
