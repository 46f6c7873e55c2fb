//! Experiment files: layers, the origin of every value, and diagnostics that point at the character
//! that is wrong.
//!
//! A study is one TOML file and what it `extends`. Layers, low to high: built-in defaults,
//! `extends` from left to right, the file, environment variables `DEGU_LAB__SECTION__KEY`, `--set
//! a.b=VALUE` in order, an ablation arm or a point of a sweep. Tables merge key by key, arrays and
//! scalars are replaced; a layer that names another `plugin` (or another `kind` of split, optimizer
//! or schedule) drops the parameters of the old one. `--set '~path'` removes, `--set 'path+=[..]'`
//! appends.
//!
//! Validation reports everything at once: the merged tree is held against the schemas of all
//! sections and plugins, then plugins check their parameters, then rules between keys, then every
//! variant.
//!
//! ```no_run
//! use degu_config::{LoadOptions, Selection, Study};
//!
//! let options = LoadOptions { sets: vec!["ensemble.members=5".to_owned()], ..LoadOptions::default() };
//! match Study::load("experiments/quickstart.toml".as_ref(), &options) {
//!     Ok(study) => {
//!         assert_eq!(study.ensemble.members, 5);
//!         for point in study.points(&Selection::all())? {
//!             let architecture = point.study.architecture.plugin.build()?;
//!             # drop(architecture);
//!         }
//!     }
//!     Err(errors) => assert!(!errors.render(false, 100).is_empty()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | what |
//! |---|---|
//! | `source`, `path`, `node` | texts and places, key paths, values with places |
//! | `layer`, `extends`, `variables`, `merge`, `merged` | from files and arguments to the merged [`Config`] |
//! | `schemas`, `validate`, `expect` | schemas, and the validation of values against them |
//! | `check`, `rules` | the validation of a whole configuration |
//! | `sections`, `slot`, `study` | the typed [`Study`] |
//! | `axes`, `variants`, `expand` | sweeps and ablations: [`Point`] |
//! | `write`, `error` | TOML text, diagnostics |

mod axes;
mod check;
mod error;
mod expand;
mod expect;
mod extends;
mod layer;
mod merge;
mod merged;
mod node;
mod path;
mod retired;
mod rules;
mod schemas;
pub mod sections;
mod slot;
mod source;
mod study;
mod validate;
mod variables;
mod variants;
mod write;

pub use error::{Code, ConfigError, ConfigErrors};
pub use expand::Point;
pub use layer::ENVIRONMENT_PREFIX;
pub use merged::{Config, Listed, LoadOptions};
pub use sections::*;
pub use slot::{NONE, NoKeys, Optional, Slotted};
pub use source::Origin;
pub use study::Study;
pub use variants::{Selection, Sweeps};

/// The JSON Schema of experiment files with all plugins of this binary, for editors.
///
/// # Errors
///
/// A registry with duplicate or badly named plugins.
pub fn json_schema() -> degu_core::Result<serde_json::Value> {
    Ok(schemas::SchemaSet::new()?.for_editors())
}
