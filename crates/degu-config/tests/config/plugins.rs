//! Small plugins of this test binary: parameters as real ones have them, objects that refuse to be
//! built.

use degu_core::{
    Architecture, Attributor, Augmentation, Build, Calibrator, Components, Dataset, Error, FileRef,
    Head, Invalid, LabelInfo, Metric, PluginConfig, Result, Shift, UncertaintyHead, check,
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a plugin whose object cannot be built.
macro_rules! plugin {
    ($slot:ident $name:literal $config:ident { $($(#[$meta:meta])* $field:ident: $type:ty = $default:expr),* $(,)? } $($check:item)?) => {
        /// Parameters of a test plugin.
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $config {
            $($(#[$meta])* pub(crate) $field: $type,)*
        }

        impl Default for $config {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }

        impl PluginConfig for $config { $($check)? }

        impl Build<dyn $slot> for $config {
            fn build(self) -> Result<Box<dyn $slot>> {
                Err(Error::Missing { what: "an object", by: "this test", help: "it is about parameters only" })
            }
        }

        register!($slot $name, $config, revision = 1, "a plugin of the tests");
    };
}

plugin! { Dataset "tiny" Tiny {
    /// Table of sequences.
    file: FileRef = FileRef::default(),
    /// Number of rows.
    rows: usize = 100,
    /// Tasks.
    tasks: Vec<String> = vec!["k562".to_owned()],
} }

plugin! { Architecture "residualbind" ResidualBind {
    /// Dropout probability.
    #[schemars(range(min = 0.0, max = 0.99))]
    dropout: f64 = 0.1,
    /// Filters of the two stages.
    filters: [usize; 2] = [96, 128],
    /// Dilated layers.
    n_dilations: usize = 4,
    /// Nonlinearity of the first layer.
    activation: Activation = Activation::Relu,
}
    fn check(&self) -> Result<(), Invalid> {
        check::range("filters", self.filters[0], ..=self.filters[1])
    }
}

plugin! { Architecture "bpnet" BpNet {
    /// Dilated layers.
    layers: usize = 8,
} }

/// Pointwise nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activation {
    /// max(x, 0)
    Relu,
    /// exp(x)
    Exponential,
}

plugin! { Augmentation "evoaug" EvoAug {
    /// Rate of mutations.
    #[schemars(range(min = 0.0, max = 1.0))]
    rate: f64 = 0.05,
} }

plugin! { Attributor "saliency" Saliency {} }

plugin! { Attributor "deepshap" DeepShap {
    /// Number of references.
    references: usize = 20,
    /// How references are made.
    shuffle: String = "dinucleotide".to_owned(),
} }

plugin! { Calibrator "split-conformal" SplitConformal {
    /// Score.
    score: Score = Score::Absolute,
} }

/// Conformity score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Score {
    /// Absolute error.
    Absolute,
    /// Absolute error over the predicted spread.
    Normalized,
}

plugin! { Shift "mutagenesis" Mutagenesis {} }
plugin! { Metric "pearson" Pearson {} }
plugin! { Metric "spearman" Spearman {} }
plugin! { Metric "rmse" Rmse {} }
plugin! { Metric "crps" Crps {
    /// Draws.
    draws: usize = 100,
} }

/// Declares a head that says what it needs.
macro_rules! head {
    ($name:literal $config:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* } epistemic = $epistemic:literal) => {
        /// Parameters of a test head.
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $config {
            $($(#[$meta])* pub(crate) $field: $type,)*
        }

        impl PluginConfig for $config {}

        impl UncertaintyHead for $config {
            fn labels(&self) -> Components {
                Components { aleatoric: false, epistemic: $epistemic }
            }
            fn components(&self, labels: Components) -> Components {
                labels
            }
            fn bind(&self, _: &LabelInfo) -> Result<Box<dyn Head>> {
                Err(Error::Missing { what: "a head", by: "this test", help: "it is about parameters only" })
            }
        }

        register!(UncertaintyHead $name, $config, revision = 1, "a head of the tests");
    };
}

head! { "point" Point {} epistemic = false }
head! { "distilled" Distilled {} epistemic = true }
head! { "gaussian" Gaussian {
    /// Exponent of the weight of the variance.
    #[schemars(range(min = 0.0, max = 1.0))]
    beta: f64
} epistemic = false }
