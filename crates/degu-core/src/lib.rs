//! The contract between the framework and its plugins.
//!
//! *For*: the slots of a study and their object-safe traits, the registry of plugins, typed
//! parameters, named streams of randomness, the description of a network, errors. *Not for*:
//! arithmetic (`degu-nn`), statistics (`degu-stats`), files (`degu-genome`), or anything that knows
//! a particular plugin.
//!
//! Shapes are channels-last and named by letters: `N` examples, `L` base pairs, `C` channels, `F`
//! features, `O` raw outputs, `T` tasks, `B` bins. Base codes are `u8`: A 0, C 1, G 2, T 3, N 4.
//! Spreads are standard deviations in units of the target unless a name ends in `_var` or
//! `_log_var`.
//!
//! | module | what |
//! |---|---|
//! | [`slots`], [`plugin`], [`registry`] | slots, registration, look-up |
//! | [`params`], [`schema`] | typed parameters, what their schema says |
//! | [`data`], [`augment`] | data sets, augmentations, shifts |
//! | [`graph`], [`model`], [`ctx`], [`sequences`] | networks, heads, predictions, modes of a forward pass |
//! | [`attribution`], [`calibration`], [`metric`] | the remaining slots |
//! | [`predictor`], [`explain`] | what predicts, and what attribution methods ask it |
//! | [`ids`] | names of models and tasks |
//! | [`seed`], [`error`], [`check`] | randomness, errors, parameter ranges |
//!
//! ```
//! use degu_core::graph::{Graph, NormStyle};
//! let trunk = Graph::new(NormStyle::Keras).conv("conv1", 8, 5).relu().max_pool(2).flatten();
//! assert_eq!(trunk.features(20).unwrap(), 80);
//! ```

pub mod attribution;
pub mod augment;
pub mod calibration;
pub mod check;
pub mod ctx;
pub mod data;
pub mod docs;
pub mod error;
pub mod explain;
pub mod graph;
pub mod ids;
pub mod memory;
pub mod metric;
pub mod model;
pub mod params;
pub mod plugin;
pub mod predictor;
pub mod registry;
pub mod schema;
pub mod seed;
pub mod sequences;
pub mod slots;
pub mod suggest;

pub use attribution::{Attribution, Attributor, Component, Form, Target, Wanted};
pub use augment::{Augmentation, SequenceBatch, Shift};
pub use calibration::{Calibration, CalibrationSet, Calibrator, Forecast, Intervals};
pub use ctx::{BatchStatistics, Ctx, Mode, Tap};
pub use data::{Dataset, DatasetInfo, Examples, FileRef, OutputKind, Row, Split, Truth};
pub use error::{Error, Problem, Refusal, Result};
pub use ids::{ModelId, NotAModel, TaskId};
pub use memory::{InMemory, ReadColumn};
pub use metric::{Metric, TaskForecast};
pub use model::{
    Architecture, Components, GraphArchitecture, Head, LabelInfo, LabelWeights, Masked, ModelIo,
    Network, Params, Prediction, Quantiles, Spread, Targets, UncertaintyHead,
};
pub use params::PluginTable;
pub use plugin::{Build, Invalid, Origin, Plugin, PluginConfig, Resolved};
pub use predictor::{Multipliers, Predictor, Substitution};
pub use registry::{find, plugins};
pub use seed::Seed;
pub use sequences::Sequences;
pub use slots::{Slot, SlotTrait};

#[doc(hidden)]
pub mod __private {
    pub use crate::plugin::{resolve, schema};
    pub use inventory;
}
