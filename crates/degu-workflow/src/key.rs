//! Keys of artifacts: a hash of what a result depends on, and of nothing else.
//!
//! Two tasks with equal [`KeyFields`] are one task; comments, order, white space, paths, thread
//! counts and hosts never enter.

mod canonical;
mod hex;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Value, json};

pub use canonical::{KeyError, canonical_json, to_value};
use canonical::{write_string, write_value};
pub(crate) use hex::Hex32;

/// Context string of the hash; another version of the canonical form gets another string.
const CONTEXT: &str = "degu-lab stage v1";

/// Address of an artifact: 32 bytes of BLAKE3, shown as 16 hexadecimal digits and stored in full.
///
/// # Examples
///
/// ```
/// use degu_workflow::key::KeyFields;
///
/// let mut one = KeyFields::new("train", 1);
/// one.settings = serde_json::json!({ "lr": 1e-3, "epochs": 10.0 });
/// let mut two = KeyFields::new("train", 1);
/// two.settings = serde_json::json!({ "epochs": 10, "lr": 0.001 });
/// assert_eq!(one.key(), two.key());
/// assert_eq!(one.key().to_string().len(), 16);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Hex32);

impl Key {
    /// Hashes a value in its canonical form.
    pub fn of(value: &Value) -> Self {
        Self(Hex32(blake3::derive_key(
            CONTEXT,
            canonical_json(value).as_bytes(),
        )))
    }

    /// All 64 hexadecimal digits.
    pub fn full(&self) -> String {
        self.0.to_string()
    }

    /// The first 16 hexadecimal digits: how people see a key, and the name of its folder.
    pub fn short(&self) -> String {
        self.0.prefix(8)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.short())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Hex32::parse(text).map(Self).ok_or_else(|| KeyError::Parse {
            text: text.to_owned(),
        })
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What a task's result depends on. Every field is part of the key.
///
/// Values are typed and resolved before they come here: make them with [`to_value`], which refuses
/// NaN and infinities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyFields {
    /// Name of the stage, as in `train`.
    pub stage: String,
    /// Raised when the stage's code gives other numbers.
    pub stage_revision: u32,
    /// For each plugin involved: slot, name, revision, resolved parameters.
    #[serde(default)]
    pub plugins: Value,
    /// The resolved settings that this stage reads, and only those.
    #[serde(default)]
    pub settings: Value,
    /// Keys of the tasks it needs, in their defined order.
    /// [`Plan::build`](crate::plan::Plan::build) fills them in.
    #[serde(default)]
    pub inputs: Vec<Key>,
    /// Content digests of source files, never paths or times.
    #[serde(default)]
    pub data: Value,
    /// Root and path of the random streams, as in `20260107:/replicate/0/member/3`.
    #[serde(default)]
    pub seed: Value,
    /// Number type and class of device, as in `{"dtype": "f32", "device": "cpu"}`.
    #[serde(default)]
    pub numeric: Value,
}

impl KeyFields {
    /// Fields of a stage with nothing else set.
    pub fn new(stage: impl Into<String>, stage_revision: u32) -> Self {
        Self {
            stage: stage.into(),
            stage_revision,
            plugins: Value::Null,
            settings: Value::Null,
            inputs: Vec::new(),
            data: Value::Null,
            seed: Value::Null,
            numeric: Value::Null,
        }
    }

    /// The key: BLAKE3 in key-derivation mode over the canonical JSON of all fields.
    pub fn key(&self) -> Key {
        // The object of `value` in its canonical form, without a copy of everything in it.
        let mut text = String::with_capacity(1024);
        let mut field = |name: &str, write: &dyn Fn(&mut String)| {
            text.push_str(if text.is_empty() { "{\"" } else { ",\"" });
            text.push_str(name);
            text.push_str("\":");
            write(&mut text);
        };
        field("data", &|text| write_value(&self.data, text));
        field("inputs", &|text| {
            let keys = self.inputs.iter().map(|key| format!("\"{}\"", key.full()));
            text.push('[');
            text.push_str(&keys.collect::<Vec<_>>().join(","));
            text.push(']');
        });
        field("numeric", &|text| write_value(&self.numeric, text));
        field("plugins", &|text| write_value(&self.plugins, text));
        field("seed", &|text| write_value(&self.seed, text));
        field("settings", &|text| write_value(&self.settings, text));
        field("stage", &|text| write_string(&self.stage, text));
        field("stage_revision", &|text| {
            text.push_str(&self.stage_revision.to_string());
        });
        text.push('}');
        Key(Hex32(blake3::derive_key(CONTEXT, text.as_bytes())))
    }

    /// All fields as one JSON object.
    pub fn value(&self) -> Value {
        let inputs: Vec<String> = self.inputs.iter().map(Key::full).collect();
        json!({
            "stage": self.stage,
            "stage_revision": self.stage_revision,
            "plugins": self.plugins,
            "settings": self.settings,
            "inputs": inputs,
            "data": self.data,
            "seed": self.seed,
            "numeric": self.numeric,
        })
    }
}
