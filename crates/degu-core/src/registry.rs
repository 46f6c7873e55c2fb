//! The plugins that are linked into this binary.

use std::collections::BTreeMap;

use crate::{Error, Origin, Plugin, Result, Slot, SlotTrait, suggest::nearest};

/// All plugins of a slot, by name.
///
/// `inventory` gives them in no particular order, and knows nothing of names: sorting and the
/// refusal of duplicates happen here, once, before anything else runs.
///
/// # Errors
///
/// [`Error::DuplicatePlugin`] if two have the same name, in this crate or in two.
pub fn plugins<T: ?Sized + SlotTrait>() -> Result<BTreeMap<&'static str, &'static Plugin<T>>>
where
    Plugin<T>: inventory::Collect,
{
    let mut all: Vec<&'static Plugin<T>> = inventory::iter::<Plugin<T>>.into_iter().collect();
    all.sort_by_key(|plugin| (plugin.name, plugin.origin));
    for pair in all.windows(2) {
        if pair[0].name == pair[1].name {
            let origins = Box::new([pair[0].origin, pair[1].origin]);
            return Err(Error::DuplicatePlugin {
                slot: T::SLOT,
                name: pair[0].name,
                origins,
            });
        }
    }
    Ok(all
        .into_iter()
        .map(|plugin| (plugin.name, plugin))
        .collect())
}

/// The plugin with the given name.
///
/// # Errors
///
/// [`Error::UnknownPlugin`] with the nearest registered name, or [`Error::DuplicatePlugin`].
pub fn find<T: ?Sized + SlotTrait>(name: &str) -> Result<&'static Plugin<T>>
where
    Plugin<T>: inventory::Collect,
{
    let all = plugins::<T>()?;
    all.get(name).copied().ok_or_else(|| {
        let known: Vec<&'static str> = all.into_keys().collect();
        let nearest = nearest(name, known.iter().copied());
        Error::UnknownPlugin {
            slot: T::SLOT,
            name: name.to_owned(),
            nearest,
            known,
        }
    })
}

/// What a plugin of any slot says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Slot.
    pub slot: Slot,
    /// Name in experiment files.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Citation, as a DOI or a URL.
    pub cite: Option<&'static str>,
    /// Revision.
    pub revision: u32,
    /// Registering crate and line.
    pub origin: Origin,
    /// JSON Schema of the parameters.
    pub schema: fn() -> schemars::Schema,
}

pub(crate) fn entries<T: ?Sized + SlotTrait>() -> Result<Vec<Entry>>
where
    Plugin<T>: inventory::Collect,
{
    Ok(plugins::<T>()?
        .into_values()
        .map(|p| Entry {
            slot: T::SLOT,
            name: p.name,
            summary: p.summary,
            cite: p.cite,
            revision: p.revision,
            origin: p.origin,
            schema: p.schema,
        })
        .collect())
}

/// Every plugin of every slot.
///
/// # Errors
///
/// [`Error::DuplicatePlugin`].
pub fn all() -> Result<Vec<Entry>> {
    let mut all = Vec::new();
    for slot in Slot::ALL {
        all.extend(slot.entries()?);
    }
    Ok(all)
}

/// Checks what registration cannot: names, duplicates, and parameters named like a key of the
/// framework. Run once at start.
///
/// # Errors
///
/// [`Error::DuplicatePlugin`], [`Error::ReservedParameter`] or [`Error::PluginName`].
pub fn validate() -> Result<()> {
    for entry in all()? {
        let kebab = entry.name.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        }) && entry.name.starts_with(|c: char| c.is_ascii_lowercase());
        if !kebab {
            return Err(Error::PluginName {
                slot: entry.slot,
                name: entry.name,
                origin: Box::new(entry.origin),
            });
        }
        let schema = (entry.schema)();
        let properties = schema
            .get("properties")
            .and_then(serde_json::Value::as_object);
        for key in entry.slot.reserved() {
            if properties.is_some_and(|p| p.contains_key(*key)) {
                return Err(Error::ReservedParameter {
                    slot: entry.slot,
                    name: entry.name,
                    key,
                    origin: Box::new(entry.origin),
                });
            }
        }
    }
    Ok(())
}
