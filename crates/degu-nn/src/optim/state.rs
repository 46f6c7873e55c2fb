//! The state of an optimizer, and its file.

use std::collections::BTreeMap;

use crate::{Array, Error, Result, array};

/// The state of an optimizer: everything but its constants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimizerState {
    /// Steps done.
    pub step: u64,
    /// First moments (velocities of SGD), by name of the parameter.
    pub first: BTreeMap<String, Vec<f32>>,
    /// Second moments; empty for SGD.
    pub second: BTreeMap<String, Vec<f32>>,
}

const FIRST: &str = "first/";
const SECOND: &str = "second/";
const STEP: &str = "step";

impl OptimizerState {
    /// The state as a safetensors file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let named = |prefix: &'static str, all: &BTreeMap<String, Vec<f32>>| {
            all.iter()
                .map(move |(k, v)| (format!("{prefix}{k}"), Array::vector(v.clone())))
                .collect::<Vec<_>>()
        };
        let arrays = named(FIRST, &self.first)
            .into_iter()
            .chain(named(SECOND, &self.second))
            .collect();
        array::to_bytes(
            &arrays,
            &BTreeMap::from([(STEP.to_owned(), self.step.to_string())]),
        )
    }

    /// Reads a state.
    ///
    /// # Errors
    ///
    /// [`Error::Safetensors`] or [`Error::State`] if `bytes` is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (arrays, metadata) = array::from_bytes(bytes)?;
        let bad = |entry: &str| Error::State {
            of: "optimizer",
            entry: entry.to_owned(),
        };
        let step = metadata
            .get(STEP)
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| bad(STEP))?;
        let mut state = Self {
            step,
            ..Self::default()
        };
        for (name, array) in arrays {
            if let Some(name) = name.strip_prefix(FIRST) {
                state.first.insert(name.to_owned(), array.to_f32());
            } else if let Some(name) = name.strip_prefix(SECOND) {
                state.second.insert(name.to_owned(), array.to_f32());
            } else {
                return Err(bad(&name));
            }
        }
        Ok(state)
    }
}
