//! Tables that belong to a plugin, with a few keys of the framework.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Deref};

use degu_core::{Plugin, PluginTable, Resolved, Slot, SlotTrait, find};
use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};
use inventory::Collect;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _,
    ser::Error as _,
};

/// Keyword of the composed schema that marks the table of a plugin.
pub(crate) const SLOT: &str = "x-slot";
/// Keyword that marks a slot which `plugin = "none"` leaves empty.
pub(crate) const OPTIONAL: &str = "x-optional";
/// Keyword that marks a slot which the bare name of a plugin may fill.
pub(crate) const BARE: &str = "x-bare";
/// The name that leaves an optional slot empty.
pub const NONE: &str = "none";

/// A plugin of the slot `T` with its parameters, and what the framework reads from the same table.
pub struct Slotted<T: ?Sized, K = NoKeys> {
    /// The plugin with its parameters; [`Resolved::build`] makes the object.
    pub plugin: Resolved<T>,
    /// The keys of the framework.
    pub keys: K,
}

impl<T: ?Sized, K: Clone> Clone for Slotted<T, K> {
    fn clone(&self) -> Self {
        Self {
            plugin: self.plugin.clone(),
            keys: self.keys.clone(),
        }
    }
}

impl<T: ?Sized, K: fmt::Debug> fmt::Debug for Slotted<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slotted")
            .field("plugin", &self.plugin)
            .field("keys", &self.keys)
            .finish()
    }
}

impl<T: ?Sized, K> Slotted<T, K> {
    /// Name of the plugin.
    pub fn name(&self) -> &'static str {
        self.plugin.name
    }

    /// Makes the object.
    ///
    /// # Errors
    ///
    /// As [`Resolved::build`].
    pub fn build(&self) -> degu_core::Result<Box<T>> {
        self.plugin.build()
    }
}

/// No key but `plugin` belongs to the framework.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoKeys {}

/// A slot that may be empty: `plugin = "none"`.
pub struct Optional<T: ?Sized>(pub Option<Slotted<T>>);

impl<T: ?Sized> Optional<T> {
    /// Whether the slot is empty.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: ?Sized> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: ?Sized> Clone for Optional<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> fmt::Debug for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized> Deref for Optional<T> {
    type Target = Option<Slotted<T>>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The values of one plugin's table as figment sees them, below the key `table`.
pub(crate) struct Provided(pub(crate) Dict);

impl Provider for Provided {
    fn metadata(&self) -> Metadata {
        Metadata::named("experiment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let root = Dict::from([("table".to_owned(), Value::from(self.0.clone()))]);
        Ok(Profile::Default.collect(root))
    }
}

/// Reads and checks the parameters of the plugin that a table names.
pub(crate) fn resolve<T: ?Sized + SlotTrait>(table: &Dict) -> degu_core::Result<Resolved<T>>
where
    Plugin<T>: Collect,
{
    let figment = Figment::from(Provided(table.clone()));
    let source = PluginTable::new(&figment, "table");
    find::<T>(&source.plugin()?)?.resolve(&source)
}

/// Reads the parameters of the plugin of any slot, for their errors only.
pub(crate) fn check(slot: Slot, table: &Dict) -> degu_core::Result<()> {
    use degu_core::{
        Architecture, Attributor, Augmentation, Calibrator, Dataset, Metric, Shift, UncertaintyHead,
    };
    match slot {
        Slot::Dataset => resolve::<dyn Dataset>(table).map(drop),
        Slot::Architecture => resolve::<dyn Architecture>(table).map(drop),
        Slot::UncertaintyHead => resolve::<dyn UncertaintyHead>(table).map(drop),
        Slot::Augmentation => resolve::<dyn Augmentation>(table).map(drop),
        Slot::Attributor => resolve::<dyn Attributor>(table).map(drop),
        Slot::Calibrator => resolve::<dyn Calibrator>(table).map(drop),
        Slot::Shift => resolve::<dyn Shift>(table).map(drop),
        Slot::Metric => resolve::<dyn Metric>(table).map(drop),
        // A slot that is new in degu-core is checked when its table is read.
        _ => Ok(()),
    }
}

impl<'de, T: ?Sized + SlotTrait, K: DeserializeOwned> Deserialize<'de> for Slotted<T, K>
where
    Plugin<T>: Collect,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let framework = |key: &String| key != "plugin" && T::RESERVED.contains(&key.as_str());
        let keys: Dict = table
            .iter()
            .filter(|(key, _)| framework(key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let keys = Value::from(keys).deserialize().map_err(D::Error::custom)?;
        let plugin = resolve(&table).map_err(D::Error::custom)?;
        Ok(Self { plugin, keys })
    }
}

impl<T: ?Sized, K: Serialize> Serialize for Slotted<T, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serde_json::Map::new();
        table.insert("plugin".to_owned(), self.plugin.name.into());
        for part in [
            serde_json::to_value(&self.keys).map_err(S::Error::custom)?,
            self.plugin.params.clone(),
        ] {
            if let serde_json::Value::Object(part) = part {
                table.extend(part);
            }
        }
        table.serialize(serializer)
    }
}

impl<T: ?Sized + SlotTrait, K: JsonSchema> JsonSchema for Slotted<T, K> {
    fn schema_name() -> Cow<'static, str> {
        format!("Slot_{}", T::SLOT).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = K::json_schema(generator);
        let mut properties = keys
            .get("properties")
            .cloned()
            .unwrap_or_else(|| serde_json::json!({}));
        if let Some(properties) = properties.as_object_mut() {
            let plugin =
                serde_json::json!({ "type": "string", "description": "Name of the plugin." });
            properties.insert("plugin".to_owned(), plugin);
        }
        json_schema!({ "type": "object", SLOT: T::SLOT.to_string(), "properties": properties, "required": ["plugin"] })
    }
}

impl<'de, T: ?Sized + SlotTrait> Deserialize<'de> for Optional<T>
where
    Plugin<T>: Collect,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, Value>::deserialize(deserializer)?;
        if table
            .get("plugin")
            .and_then(Value::as_str)
            .is_none_or(|name| name == NONE)
        {
            return Ok(Self(None));
        }
        let plugin = resolve(&table).map_err(D::Error::custom)?;
        Ok(Self(Some(Slotted {
            plugin,
            keys: NoKeys {},
        })))
    }
}

impl<T: ?Sized> Serialize for Optional<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(slotted) => slotted.serialize(serializer),
            None => BTreeMap::from([("plugin", NONE)]).serialize(serializer),
        }
    }
}

impl<T: ?Sized + SlotTrait> JsonSchema for Optional<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OptionalSlot_{}", T::SLOT).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Slotted::<T>::json_schema(generator);
        schema.insert(OPTIONAL.to_owned(), true.into());
        schema
    }
}
