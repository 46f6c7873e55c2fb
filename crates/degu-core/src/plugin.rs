//! Plugins: what is registered, and how a table becomes an object.

use std::fmt;

use schemars::{JsonSchema, Schema};
use serde::{Serialize, de::DeserializeOwned};

use crate::{FileRef, PluginTable, Result, SlotTrait};

/// What the parameters of every plugin are.
///
/// Derive the supertraits and put `#[serde(deny_unknown_fields, default)]` on the struct; the doc
/// comments and `#[schemars(range(..))]` of its fields become the parameter table of the
/// documentation.
pub trait PluginConfig:
    Serialize + DeserializeOwned + JsonSchema + Default + fmt::Debug + Clone + Send + Sync + 'static
{
    /// Checks relations between fields. Ranges of single fields stand in the schema alone
    /// (`#[schemars(range(..))]`), where the framework enforces them.
    ///
    /// # Errors
    ///
    /// [`Invalid`], naming the field and the range.
    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// A parameter outside of its range.
#[derive(Debug, thiserror::Error)]
#[error("`{field}` {message}")]
pub struct Invalid {
    /// Field, as a path below the plugin's table.
    pub field: &'static str,
    /// What is wrong, as in "must be at least 1, found 0".
    pub message: String,
}

/// Ties a config type to the object that it builds.
///
/// Parameters that are themselves the object, because they implement the trait of the slot, need no
/// implementation.
pub trait Build<T: ?Sized>: PluginConfig {
    /// Builds the object. The configuration lies in its ranges and has passed
    /// [`PluginConfig::check`].
    ///
    /// # Errors
    ///
    /// Whatever the object needs that cannot be had, such as a file that does not open.
    fn build(self) -> Result<Box<T>>;
}

/// One registered plugin of the slot `T`.
pub struct Plugin<T: ?Sized + SlotTrait> {
    /// Name in experiment files, kebab-case.
    pub name: &'static str,
    /// One line for `degu-lab plugins list`.
    pub summary: &'static str,
    /// Citation, as a DOI or a URL.
    pub cite: Option<&'static str>,
    /// Raised when the same parameters give other numbers; part of every artifact key.
    pub revision: u32,
    /// Registering crate and line.
    pub origin: Origin,
    /// JSON Schema of the parameters.
    pub schema: fn() -> Schema,
    /// Reads and checks the parameters; see [`Plugin::resolve`].
    #[doc(hidden)]
    pub resolver: fn(&'static str, u32, &PluginTable<'_>) -> Result<Resolved<T>>,
}

impl<T: ?Sized + SlotTrait> Plugin<T> {
    /// Reads and checks the parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for an unknown key, a wrong type or a value out of
    /// range.
    pub fn resolve(&self, source: &PluginTable<'_>) -> Result<Resolved<T>> {
        (self.resolver)(self.name, self.revision, source)
    }

    /// The plugin with the parameters of a JSON object, and defaults for the rest.
    ///
    /// # Errors
    ///
    /// As [`Plugin::resolve`].
    pub fn resolve_json(&self, params: &serde_json::Value) -> Result<Resolved<T>> {
        let figment = figment::Figment::from(figment::providers::Serialized::defaults(
            serde_json::json!({ "table": params }),
        ));
        self.resolve(&PluginTable::new(&figment, "table"))
    }
}

/// Where a plugin was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Origin {
    /// Package.
    pub package: &'static str,
    /// Version of the package.
    pub version: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({}:{})",
            self.package, self.version, self.file, self.line
        )
    }
}

/// A plugin whose parameters have been read and checked, ready to be built.
///
/// Nothing has been opened yet: reading a study costs no I/O, and a stage that is cached never
/// builds its plugins.
pub struct Resolved<T: ?Sized> {
    /// Name of the plugin.
    pub name: &'static str,
    /// Revision of the plugin.
    pub revision: u32,
    /// Parameters with every default filled in: part of the artifact key, of the locked
    /// configuration and of the report.
    pub params: serde_json::Value,
    schema: fn() -> Schema,
    build: BuildFn<T>,
}

type BuildFn<T> = std::sync::Arc<dyn Fn() -> Result<Box<T>> + Send + Sync>;

impl<T: ?Sized> Clone for Resolved<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            revision: self.revision,
            params: self.params.clone(),
            schema: self.schema,
            build: self.build.clone(),
        }
    }
}

impl<T: ?Sized> fmt::Debug for Resolved<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolved")
            .field("name", &self.name)
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized> Resolved<T> {
    /// Builds the object; may open files.
    ///
    /// # Errors
    ///
    /// Whatever the object needs that cannot be had, such as a file that does not open.
    pub fn build(&self) -> Result<Box<T>> {
        (self.build)()
    }

    /// The files that the parameters name, each with its place, as in `files[1]`.
    pub fn files(&self) -> Vec<(String, FileRef)> {
        crate::schema::files((self.schema)().as_value(), &self.params)
    }

    /// The parameters without the paths of files: contents enter a key, places do not.
    pub fn params_without_files(&self) -> serde_json::Value {
        crate::schema::without_files((self.schema)().as_value(), &self.params)
    }
}

/// The monomorphic function that [`register!`](crate::register) stores.
#[doc(hidden)]
pub fn resolve<T: ?Sized + SlotTrait, C: Build<T>>(
    name: &'static str,
    revision: u32,
    source: &PluginTable<'_>,
) -> Result<Resolved<T>> {
    let (config, params) = source.read::<T, C>(name)?;
    Ok(Resolved {
        name,
        revision,
        params,
        schema: schema::<C>,
        build: std::sync::Arc::new(move || config.clone().build()),
    })
}

/// The schema function that [`register!`](crate::register) stores.
#[doc(hidden)]
pub fn schema<C: JsonSchema>() -> Schema {
    schemars::schema_for!(C)
}

/// Registers a plugin of a slot.
///
/// ```ignore
/// degu_core::register!(Architecture "deepstarr", DeepStarrConfig, revision = 1,
///     "four-layer convolutional network of DeepSTARR", cite = "doi:10.1038/s41588-022-01048-5");
/// ```
#[macro_export]
macro_rules! register {
    ($slot:ident $name:literal, $config:ty, revision = $revision:literal, $summary:literal $(, cite = $cite:literal)? $(,)?) => {
        $crate::__private::inventory::submit! {
            $crate::Plugin::<dyn $crate::$slot> {
                name: $name,
                summary: $summary,
                cite: $crate::register!(@cite $($cite)?),
                revision: $revision,
                origin: $crate::Origin {
                    package: env!("CARGO_PKG_NAME"),
                    version: env!("CARGO_PKG_VERSION"),
                    file: file!(),
                    line: line!(),
                },
                schema: $crate::__private::schema::<$config>,
                resolver: $crate::__private::resolve::<dyn $crate::$slot, $config>,
            }
        }
    };
    (@cite) => { ::core::option::Option::None };
    (@cite $cite:literal) => { ::core::option::Option::Some($cite) };
}
