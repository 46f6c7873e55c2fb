//! What can go wrong in the engine.

/// Errors of the training engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine has no kernel for a layer; the autograd network has.
    #[error(
        "the fused engine has no {what} (layer `{layer}`): train this network with the autograd path"
    )]
    Unsupported {
        /// Name or kind of the layer.
        layer: String,
        /// What is missing.
        what: &'static str,
    },
    /// The graph does not fit its input.
    #[error(transparent)]
    Graph(#[from] degu_core::Error),
    /// No tensor of this name.
    #[error("the network has no tensor `{name}`")]
    UnknownTensor {
        /// The name that was asked for.
        name: String,
    },
    /// A slice has the wrong length.
    #[error("expected {expected} values of {what}, found {found}")]
    Length {
        /// What the values are.
        what: &'static str,
        /// Their number by the shapes.
        expected: usize,
        /// Their number.
        found: usize,
    },
    /// More sequences than the engine was made for.
    #[error("a batch of {found} sequences exceeds the {capacity} that the engine was made for")]
    Batch {
        /// Sequences of the call.
        found: usize,
        /// Sequences that fit.
        capacity: usize,
    },
    /// A pass over no sequences.
    #[error("{operation} is over at least 1 sequence, found a batch of 0: skip empty batches")]
    Empty {
        /// What was asked for.
        operation: &'static str,
    },
    /// A number that no pass can go on with.
    #[error(
        "{what} has the value {value} at index {index} where finite numbers are needed: lower the learning rate, clip gradients, or check the weights that were loaded"
    )]
    NonFinite {
        /// The tensor or slice.
        what: String,
        /// Place of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A device failed.
    #[error(transparent)]
    Device(#[from] degu_kernels::cuda::DeviceError),
    /// A tensor could not be made or read.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A device computes something else than the CPU.
    #[error(
        "{what} of the fused engine on this device differ from the CPU's by {error:.1e} of their norm (at most {tolerance:.0e} is rounding): `training.backend = \"autograd\"` trains on it without the engine; please report the device and the network"
    )]
    Disagrees {
        /// What was compared.
        what: String,
        /// Distance relative to the norm.
        error: f64,
        /// Largest distance that rounding explains.
        tolerance: f64,
    },
    /// A backward pass without the forward pass it belongs to.
    #[error("a backward pass needs a training pass before it, and only once")]
    NoForward,
}

impl EngineError {
    pub(super) fn unsupported(layer: impl Into<String>, what: &'static str) -> Self {
        Self::Unsupported {
            layer: layer.into(),
            what,
        }
    }

    pub(super) fn finite(what: &str, values: &[f32]) -> Result<(), Self> {
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(index) => Err(Self::NonFinite {
                what: what.to_owned(),
                index,
                value: values[index],
            }),
        }
    }

    pub(super) fn length(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found {
            Ok(())
        } else {
            Err(Self::Length {
                what,
                expected,
                found,
            })
        }
    }
}
