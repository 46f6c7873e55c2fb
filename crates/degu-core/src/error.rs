//! The error type of the trait layer.

use std::path::PathBuf;

use crate::{Origin, Slot};

/// Result of the trait layer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong below the command line.
///
/// Every message is a lowercase fragment that reads well after "failed to run the study: ", and
/// names the thing, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),

    /// A statistic could not be computed.
    #[error(transparent)]
    Stats(#[from] degu_stats::StatsError),

    /// Parameters of a plugin's table that are refused.
    #[error("invalid configuration: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<Refusal>),

    /// The parameters of a plugin do not serialize.
    #[error("the parameters of `{plugin}` do not serialize to JSON")]
    Parameters {
        /// Name of the plugin.
        plugin: &'static str,
        /// Why.
        source: serde_json::Error,
    },

    /// A tensor or slice has the wrong shape.
    #[error("`{name}` has shape {got:?}, expected {expected}")]
    Shape {
        /// Name of the argument.
        name: &'static str,
        /// Expected shape in the letters of the crate documentation.
        expected: &'static str,
        /// Shape found.
        got: Vec<usize>,
    },

    /// A layer of a network does not fit its input.
    #[error("layer `{layer}`: {rule}, found {found}")]
    Layer {
        /// Name of the layer.
        layer: String,
        /// The rule that is broken.
        rule: &'static str,
        /// What was found.
        found: String,
    },

    /// An operation has no rule in this mode or on this device.
    #[error("`{operation}` has no {rule}; {help}")]
    Unsupported {
        /// Operation or layer.
        operation: String,
        /// The rule that is missing, as in "rescale rule (DeepLIFT)".
        rule: &'static str,
        /// What to do.
        help: &'static str,
    },

    /// Data that cannot be used.
    #[error("{}{}: {problem}", path.display(), at.as_deref().map(|at| format!(", {at}")).unwrap_or_default())]
    Data {
        /// File, or the name of the source.
        path: PathBuf,
        /// Line, row and column, as in "row 17, column `K562`".
        at: Option<String>,
        /// What was expected and what was found, with the remedy.
        problem: String,
    },

    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),

    /// A plugin's own failure.
    #[error("{slot} plugin `{name}`: {source}")]
    Plugin {
        /// Slot.
        slot: Slot,
        /// Plugin.
        name: &'static str,
        /// Its error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// Something that a stage needs was not provided.
    #[error("{what} is needed by {by}; {help}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// Who needs it.
        by: &'static str,
        /// What to do.
        help: &'static str,
    },

    /// The saved state of a calibrator or model does not fit.
    #[error("the saved state of `{of}` cannot be used: {problem}")]
    State {
        /// What the state belongs to.
        of: &'static str,
        /// Why not.
        problem: String,
    },

    /// No plugin of the slot has this name.
    #[error("no {slot} plugin is named `{name}`{}; known: {}; is its crate linked? (`use degu_arch_x as _;`)", nearest.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default(), if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    UnknownPlugin {
        /// Slot searched.
        slot: Slot,
        /// Name asked for.
        name: String,
        /// Registered name with the smallest edit distance, if it is near.
        nearest: Option<&'static str>,
        /// All registered names, sorted.
        known: Vec<&'static str>,
    },

    /// Two plugins of one slot have the same name.
    #[error("{slot} plugin `{name}` is registered twice: {} and {}", origins[0], origins[1])]
    DuplicatePlugin {
        /// Slot of both.
        slot: Slot,
        /// Name of both.
        name: &'static str,
        /// Where they were registered, sorted; boxed to keep the error small.
        origins: Box<[Origin; 2]>,
    },

    /// A plugin's parameter is named like a key of the framework.
    #[error(
        "{slot} plugin `{name}` of {origin} has a parameter `{key}`, which belongs to the framework; rename it"
    )]
    ReservedParameter {
        /// Slot.
        slot: Slot,
        /// Plugin.
        name: &'static str,
        /// Key.
        key: &'static str,
        /// Registering crate.
        origin: Box<Origin>,
    },

    /// A plugin's name is not kebab-case.
    #[error("{slot} plugin `{name}` of {origin}: a name is kebab-case, as in `my-network-2`")]
    PluginName {
        /// Slot.
        slot: Slot,
        /// Plugin.
        name: &'static str,
        /// Registering crate.
        origin: Box<Origin>,
    },
}

/// One parameter of a plugin's table that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// Keys and numbers of elements from the plugin's table down to the value; empty for the table.
    pub path: Vec<String>,
    /// Why.
    pub problem: Problem,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() || matches!(self.problem, Problem::Unknown { .. }) {
            return self.problem.fmt(f);
        }
        write!(f, "`{}` {}", self.path.join("."), self.problem)
    }
}

/// Why a parameter is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The plugin has no such parameter.
    #[error("there is no parameter `{name}`; parameters: {}", known.join(", "))]
    Unknown {
        /// Name that was given.
        name: String,
        /// Names that there are.
        known: Vec<&'static str>,
    },
    /// A value of another type.
    #[error("is {found}, expected {expected}")]
    Type {
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A key that has no default is missing.
    #[error("lacks `{0}`")]
    Missing(String),
    /// A value that a range or another parameter excludes: "must be in [0, 1), found 1.5".
    #[error("{0}")]
    Value(String),
    /// Any other value that cannot be read, such as an unknown word.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Refusal {
    pub(crate) fn from_figment(error: figment::Error) -> Self {
        use figment::error::Kind;
        let problem = match error.kind {
            Kind::UnknownField(name, known) => Problem::Unknown {
                name,
                known: known.to_vec(),
            },
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                Problem::Type {
                    found: found.to_string(),
                    expected,
                }
            }
            Kind::MissingField(name) => Problem::Missing(name.into_owned()),
            Kind::Message(message) => Problem::Value(message),
            other => Problem::Unreadable(other.to_string()),
        };
        Self {
            path: error.path,
            problem,
        }
    }
}
