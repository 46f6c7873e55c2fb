//! Training: one network, an ensemble of them, a student of the ensemble.
//!
//! *For*: fitting a network to labels with checkpoints that resume bit for bit, assembling the
//! labels of a student, combining members into a teacher, model folders. *Not for*: plans, stores
//! and files of a study (`degu-study`), layers (`degu-nn`), checks of plugins (`degu-contract`).
//!
//! | module | what |
//! |---|---|
//! | [`examples`], [`labels`] | sequences on the host, targets and the rule for a student's labels |
//! | [`backend`] | one interface over the fused engine and candle's autograd |
//! | [`fit`], [`stopping`], [`checkpoint`] | the training loop, early stopping, state that resumes |
//! | [`forecast`], [`ensemble`] | predictions on the host, moments of a teacher |
//! | [`model_file`] | `model.safetensors` + `card.json`: a model that predicts by itself |

pub mod backend;
pub mod checkpoint;
pub mod ensemble;
pub mod error;
pub mod examples;
pub mod fit;
pub mod forecast;
pub mod labels;
pub mod model_file;
pub mod stopping;

pub use backend::{Backend, BackendKind, Device};
pub use ensemble::{Teacher, combine, held_out};
pub use error::{Result, TrainError};
pub use examples::ExampleSet;
pub use fit::{EpochRecord, FitData, FitOptions, FitOutcome, FitReport, Fitter};
pub use forecast::HostForecast;
pub use labels::{Labels, StudentLabels};
pub use model_file::{ModelCard, SavedModel};
