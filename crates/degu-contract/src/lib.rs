//! Checks that every plugin passes.
//!
//! One implementation, two doors: `degu-lab plugins check NAME` for a plugin in the running binary,
//! and one line in the tests of a plugin's own crate:
//!
//! ```ignore
//! use degu_arch_deepstarr as _;
//! degu_contract::contract!(architecture "deepstarr");
//! ```
//!
//! A check has a short id that stays (`A3`: rows are independent), a sentence, and an outcome.
//! Checks are deterministic (every stream starts at the root seed 1), run on the CPU, and take
//! seconds: networks are shrunk through their own parameters where these allow it.
//!
//! | prefix | slot |
//! |---|---|
//! | C | all: name, schema, defaults, ranges |
//! | A | architecture |
//! | H | uncertainty head |
//! | D | dataset |
//! | G | augmentation |
//! | S | shift |
//! | T | attributor |
//! | K | calibrator |
//! | M | metric |

mod architecture;
mod attributor;
mod calibrator;
mod changes;
mod common;
mod dataset;
mod head;
mod metric;
pub mod parameters;
mod probe;
mod small;
pub mod testing;

use std::fmt;

pub use degu_core::Slot;
use degu_core::{
    Architecture, Attributor, Augmentation, Calibrator, Dataset, Metric, Plugin, Resolved, Shift,
    SlotTrait, UncertaintyHead, registry,
};
use serde::Serialize;
use serde_json::{Value, json};

use degu_train::Result;

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The plugin keeps its word.
    Passed,
    /// The check does not apply; says why.
    Skipped(String),
    /// The plugin does not; says what was expected and what was found.
    Failed(String),
}

/// One check with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Short name that stays, as in `A3`.
    pub id: &'static str,
    /// What must hold, as a sentence.
    pub rule: &'static str,
    /// Whether it does.
    pub outcome: Outcome,
}

/// The checks of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Slot.
    pub slot: Slot,
    /// Plugin.
    pub name: String,
    /// Checks, in the order in which they ran.
    pub checks: Vec<Check>,
}

impl Report {
    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(|check| matches!(check.outcome, Outcome::Failed(_)))
    }

    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} `{}`", self.slot, self.name)?;
        for check in &self.checks {
            let (word, why) = match &check.outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Skipped(why) => ("skipped", why.as_str()),
                Outcome::Failed(why) => ("FAILED", why.as_str()),
            };
            write!(f, "  {:<4} {word:<8} {}", check.id, check.rule)?;
            if why.is_empty() {
                writeln!(f)?;
            } else {
                writeln!(f, ": {why}")?;
            }
        }
        Ok(())
    }
}

/// What a check says of a plugin: nothing, that it does not apply, or what is wrong.
pub(crate) enum Verdict {
    /// Does not apply.
    Skip(String),
    /// Is broken.
    Fail(String),
}

impl<E: std::error::Error> From<E> for Verdict {
    /// Whatever a plugin fails with inside of a check is a failure of the check.
    fn from(error: E) -> Self {
        Self::Fail(format!("unexpected error: {error}"))
    }
}

/// Result of a check's body.
pub(crate) type Checked = Result<(), Verdict>;

/// Collects outcomes.
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    /// Runs one check.
    pub(crate) fn run(
        &mut self,
        id: &'static str,
        rule: &'static str,
        body: impl FnOnce() -> Checked,
    ) {
        let outcome = match body() {
            Ok(()) => Outcome::Passed,
            Err(Verdict::Skip(why)) => Outcome::Skipped(why),
            Err(Verdict::Fail(why)) => Outcome::Failed(why),
        };
        self.0.push(Check { id, rule, outcome });
    }
}

/// Fails a check unless `holds`.
pub(crate) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Verdict::Fail(why()))
    }
}

/// Checks the plugin `name` of `slot` with the given parameters (`{}` for its defaults).
///
/// A dataset that needs a file is checked only if `params` names one.
///
/// # Errors
///
/// [`degu_core::Error::UnknownPlugin`], or [`degu_core::Error::Config`] if the plugin does not take
/// `params`. What is wrong with the plugin itself is in the report.
pub fn check(slot: Slot, name: &str, params: &Value) -> Result<Report> {
    match slot {
        Slot::Dataset => checked::<dyn Dataset>(name, params, dataset::checks),
        Slot::Architecture => checked::<dyn Architecture>(name, params, architecture::checks),
        Slot::UncertaintyHead => checked::<dyn UncertaintyHead>(name, params, head::checks),
        Slot::Augmentation => checked::<dyn Augmentation>(name, params, changes::augmentation),
        Slot::Attributor => checked::<dyn Attributor>(name, params, attributor::checks),
        Slot::Calibrator => checked::<dyn Calibrator>(name, params, calibrator::checks),
        Slot::Shift => checked::<dyn Shift>(name, params, changes::shift),
        Slot::Metric => checked::<dyn Metric>(name, params, metric::checks),
        other => Err(degu_core::Error::Unsupported {
            operation: other.to_string(),
            rule: "contract",
            help: "update degu-train",
        }
        .into()),
    }
}

fn checked<T: ?Sized + SlotTrait>(
    name: &str,
    params: &Value,
    slot_checks: impl FnOnce(&Plugin<T>, &Resolved<T>, &mut Checks),
) -> Result<Report>
where
    Plugin<T>: inventory::Collect,
{
    let plugin = registry::find::<T>(name)?;
    let mut checks = Checks(Vec::new());
    match plugin.resolve_json(params) {
        Ok(resolved) => {
            common::checks(plugin, params, &mut checks);
            slot_checks(plugin, &resolved, &mut checks);
        }
        // A dataset may not know its columns without a file; then only what it says of itself can
        // be checked.
        Err(error) if T::SLOT == Slot::Dataset && *params == json!({}) => {
            common::checks_without_parameters(plugin, &error, &mut checks);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Report {
        slot: T::SLOT,
        name: name.to_owned(),
        checks: checks.0,
    })
}

/// Checks a plugin with its defaults, or with the parameters of a JSON text, for tests.
///
/// # Panics
///
/// With the table of checks if one fails: that is what a test wants.
pub fn assert_contract(slot: Slot, name: &str, params: Option<&str>) {
    let params: Value = match params {
        None => json!({}),
        Some(text) => match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => panic!("the parameters of `{name}` are not JSON: {error}"),
        },
    };
    match check(slot, name, &params) {
        Ok(report) => assert!(report.passed(), "{report}"),
        Err(error) => panic!("{error}"),
    }
}

/// The contract of one plugin as a test, in the tests of the plugin's own crate (which must be
/// linked: `use my_crate as _;`).
///
/// ```ignore
/// degu_contract::contract!(architecture "deepstarr");
/// degu_contract::contract!(dataset "table", r#"{"file": {"path": "tests/small.tsv"}}"#);
/// ```
#[macro_export]
macro_rules! contract {
    (@slot dataset) => { $crate::Slot::Dataset };
    (@slot architecture) => { $crate::Slot::Architecture };
    (@slot head) => { $crate::Slot::UncertaintyHead };
    (@slot augmentation) => { $crate::Slot::Augmentation };
    (@slot attributor) => { $crate::Slot::Attributor };
    (@slot calibrator) => { $crate::Slot::Calibrator };
    (@slot shift) => { $crate::Slot::Shift };
    (@slot metric) => { $crate::Slot::Metric };
    ($slot:ident $name:literal) => {
        #[test]
        fn contract() {
            $crate::assert_contract($crate::contract!(@slot $slot), $name, None);
        }
    };
    ($slot:ident $name:literal, $params:expr) => {
        #[test]
        fn contract() {
            $crate::assert_contract($crate::contract!(@slot $slot), $name, Some($params));
        }
    };
}
