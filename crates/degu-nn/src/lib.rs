//! Layers, losses, optimizers, parameters and gradient checks.
//!
//! *For*: turning a [`Graph`](degu_core::graph::Graph) or a hand-written forward pass into
//! something that trains, on candle's tensors and autograd, with gradients of our own
//! (candle 0.11.1 has wrong ones: see `tests/candle_defects.rs`) and DeepLIFT multipliers in the
//! same pass. *Not for*: the training loop (`degu-train`) or particular networks (plugins).
//!
//! | module | what |
//! |---|---|
//! | [`ops`] | arithmetic of the layers |
//! | [`network`], [`model`] | networks made of graphs; network + last layer + head |
//! | [`store`], [`init`], [`mod@array`] | parameters by name, their initial values, their files |
//! | [`loss`], [`columns`] | losses with masks; raw outputs as columns of tasks |
//! | [`statistics`] | batch-norm statistics of several batches |
//! | [`optim`], [`schedule`], [`clip`] | Adam, AdamW, SGD; learning rates; norm clipping |
//! | [`explain`], [`ensemble`] | attribution by the fused engine; several networks as one predictor |
//! | [`gradcheck`] | finite differences for tests |

pub mod array;
pub mod clip;
pub mod columns;
pub mod engine;
pub mod ensemble;
pub mod error;
pub mod explain;
pub mod gradcheck;
pub mod init;
pub mod loss;
pub mod model;
pub mod network;
pub mod ops;
pub mod optim;
pub mod schedule;
pub mod statistics;
pub mod store;

pub use array::{Array, Values};
pub use ensemble::Ensemble;
pub use error::{Differences, Error, Result};
pub use explain::Explainer;
pub use model::Model;
pub use network::GraphNetwork;
pub use store::ParamStore;
