//! Amounts with a unit.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An amount of memory, written as in "16G": a number and K, M, G or T (powers of 1024).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Memory {
    text: String,
    bytes: u64,
}

impl Memory {
    /// Bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let units = [
            ("K", 1 << 10),
            ("M", 1 << 20),
            ("G", 1 << 30),
            ("T", 1_u64 << 40),
        ];
        let bytes = amount(&text, &units)
            .ok_or_else(|| format!("expected an amount as in \"16G\", found {text:?}"))?;
        Ok(Self { text, bytes })
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.text
    }
}

impl JsonSchema for Memory {
    fn schema_name() -> Cow<'static, str> {
        "Memory".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+[KMGT]$" })
    }
}

/// A span of time, written as in "120s", "10min", "4h" or "2d".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeSpan {
    text: String,
    seconds: u64,
}

impl TimeSpan {
    /// Seconds.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A span of whole seconds.
    pub fn from_seconds(seconds: u64) -> Self {
        Self {
            text: format!("{seconds}s"),
            seconds,
        }
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let units = [("min", 60), ("s", 1), ("h", 3600), ("d", 86400)];
        let seconds = amount(&text, &units).ok_or_else(|| {
            format!("expected a time as in \"120s\", \"10min\", \"4h\" or \"2d\", found {text:?}")
        })?;
        Ok(Self { text, seconds })
    }
}

impl From<TimeSpan> for String {
    fn from(time: TimeSpan) -> Self {
        time.text
    }
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(s|min|h|d)$" })
    }
}

/// A whole number with one of the units.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse::<u64>().ok())??
        .checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        let memory = |text: &str| Memory::try_from(text.to_owned()).ok().map(|m| m.bytes());
        assert_eq!(
            [
                memory("4G"),
                memory("512M"),
                memory("1"),
                memory("-1G"),
                memory("G")
            ],
            [Some(4 << 30), Some(512 << 20), None, None, None]
        );
        let time = |text: &str| {
            TimeSpan::try_from(text.to_owned())
                .ok()
                .map(|t| t.seconds())
        };
        assert_eq!(
            [
                time("90s"),
                time("10min"),
                time("4h"),
                time("2d"),
                time("1.5h"),
                time("")
            ],
            [Some(90), Some(600), Some(14400), Some(172_800), None, None]
        );
    }
}
