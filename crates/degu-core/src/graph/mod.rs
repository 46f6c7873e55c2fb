//! Description of a network: what its layers are, which shapes and parameters follow.
//!
//! A graph is plain data. `degu_nn::GraphNetwork` runs it with candle's autograd on any device,
//! `degu_nn::engine` compiles it for fused training on the CPU; both read names, shapes and initial
//! values from here, so they cannot disagree.
//!
//! ```
//! use degu_core::graph::{Graph, NormStyle};
//! let deepstarr = Graph::new(NormStyle::Keras)
//!     .conv("conv1", 256, 7).batch_norm("norm1").relu().max_pool(2)
//!     .conv("conv2", 60, 3).batch_norm("norm2").relu().max_pool(2)
//!     .conv("conv3", 60, 5).batch_norm("norm3").relu().max_pool(2)
//!     .conv("conv4", 120, 3).batch_norm("norm4").relu().max_pool(2)
//!     .flatten()
//!     .dense("dense1", 256).batch_norm("norm5").relu().dropout("dropout1", 0.4)
//!     .dense("dense2", 256).batch_norm("norm6").relu().dropout("dropout2", 0.4)
//!     .dense("head", 2);
//! assert_eq!(deepstarr.parameter_count(249).unwrap(), 622_722);
//! ```

mod builder;
mod init;
mod layer;
mod length;
mod shape;
mod tensors;

pub use init::{Init, InitRule, NormStyle};
pub use layer::{
    Activation, Attention, BatchNorm, BiLstm, Conv, Crop, Dense, Dropout, Layer, LayerNorm,
    Padding, Pool,
};
pub use shape::{ParameterSpec, Shape};

use serde::{Deserialize, Serialize};

/// A network as a sequence of layers; branches are layers that hold sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// The layers, input first. The input is `[L, 4]`.
    pub layers: Vec<Layer>,
    /// Conventions of initial values and batch normalisation that the builder gives to new layers.
    pub style: NormStyle,
}
