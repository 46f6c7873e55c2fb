//! One spelling for each value: sorted keys, shortest numbers.

use std::fmt::Write as _;

use serde::{Serialize, ser};
use serde_json::{Map, Number, Value};

/// A value cannot be part of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// NaN or an infinity: neither is equal to itself in JSON.
    #[error("`{value}` cannot be part of a key: expected a finite number")]
    NotFinite {
        /// The number found.
        value: f64,
    },
    /// An integer outside the range of 64 bits.
    #[error("the integer {text} cannot be part of a key: expected at most 64 bits")]
    TooLarge {
        /// The integer found.
        text: String,
    },
    /// A map whose keys are not strings, numbers or booleans.
    #[error("a map with a compound key cannot be part of a key: expected strings as keys")]
    MapKey,
    /// The text is not a key.
    #[error("expected a key of 64 hexadecimal digits, found `{text}`")]
    Parse {
        /// The text found.
        text: String,
    },
    /// A type's own `Serialize` refused.
    #[error("cannot serialize a value for a key: {message}")]
    Serialize {
        /// Its message.
        message: String,
    },
}

impl ser::Error for KeyError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Serialize {
            message: message.to_string(),
        }
    }
}

/// Writes a JSON value in its canonical form.
///
/// Object keys are sorted by bytes; floats have their shortest round-trip digits; a float that is
/// an integer below 2^53 is written as the integer, so that `1` and `1.0` are one value; -0.0 is
/// `0`; there is no white space.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

pub(super) fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(number, text),
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_value(item, text);
            }
            text.push(']');
        }
        Value::Object(map) => {
            // serde_json sorts by itself unless some crate turns `preserve_order` on.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            text.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_string(key, text);
                text.push(':');
                write_value(item, text);
            }
            text.push('}');
        }
    }
}

fn write_number(number: &Number, text: &mut String) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    // Writing into a String cannot fail.
    let _ = match number.as_f64() {
        Some(float) if number.is_f64() => {
            if float.fract() == 0.0 && float.abs() < EXACT {
                write!(text, "{}", float as i64)
            } else {
                write!(text, "{float:e}")
            }
        }
        _ => write!(text, "{number}"),
    };
}

pub(super) fn write_string(string: &str, text: &mut String) {
    text.push('"');
    for letter in string.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

/// Turns a typed value into JSON for a key.
///
/// Unlike `serde_json::to_value` it refuses NaN and infinities, which that function turns into
/// `null` without a word, and keeps the shortest digits of an `f32` (0.1, not 0.10000000149).
///
/// # Errors
///
/// [`KeyError::NotFinite`], [`KeyError::TooLarge`], [`KeyError::MapKey`], or the type's own
/// refusal.
///
/// # Examples
///
/// ```
/// assert_eq!(degu_workflow::key::to_value(&0.1_f32).unwrap(), serde_json::json!(0.1));
/// assert!(degu_workflow::key::to_value(&[f64::NAN]).is_err());
/// ```
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, KeyError> {
    value.serialize(ToValue)
}

fn float(value: f64) -> Result<Value, KeyError> {
    // -0.0 + 0.0 is 0.0.
    Number::from_f64(value + 0.0)
        .map(Value::Number)
        .ok_or(KeyError::NotFinite { value })
}

struct ToValue;

impl ser::Serializer for ToValue {
    type Ok = Value;
    type Error = KeyError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Table;
    type SerializeStruct = Table;
    type SerializeStructVariant = Table;

    fn serialize_bool(self, v: bool) -> Result<Value, KeyError> {
        Ok(Value::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_i16(self, v: i16) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_i128(self, v: i128) -> Result<Value, KeyError> {
        i64::try_from(v)
            .map(Value::from)
            .or_else(|_| u64::try_from(v).map(Value::from))
            .map_err(|_| KeyError::TooLarge {
                text: v.to_string(),
            })
    }
    fn serialize_u8(self, v: u8) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_u16(self, v: u16) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_u32(self, v: u32) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<Value, KeyError> {
        Ok(v.into())
    }
    fn serialize_u128(self, v: u128) -> Result<Value, KeyError> {
        u64::try_from(v)
            .map(Value::from)
            .map_err(|_| KeyError::TooLarge {
                text: v.to_string(),
            })
    }
    fn serialize_f32(self, v: f32) -> Result<Value, KeyError> {
        // The shortest digits of the f32, read as f64: what the person wrote in the file.
        float(v.to_string().parse().unwrap_or_else(|_| f64::from(v)))
    }
    fn serialize_f64(self, v: f64) -> Result<Value, KeyError> {
        float(v)
    }
    fn serialize_char(self, v: char) -> Result<Value, KeyError> {
        Ok(Value::String(v.to_string()))
    }
    fn serialize_str(self, v: &str) -> Result<Value, KeyError> {
        Ok(Value::String(v.to_owned()))
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<Value, KeyError> {
        Ok(Value::Array(v.iter().map(|&byte| byte.into()).collect()))
    }
    fn serialize_none(self) -> Result<Value, KeyError> {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, KeyError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, KeyError> {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, KeyError> {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, KeyError> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, KeyError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, KeyError> {
        Ok(tagged(Some(variant), value.serialize(self)?))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<List, KeyError> {
        Ok(List::default())
    }
    fn serialize_tuple(self, _: usize) -> Result<List, KeyError> {
        Ok(List::default())
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List, KeyError> {
        Ok(List::default())
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List, KeyError> {
        Ok(List {
            variant: Some(variant),
            ..List::default()
        })
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Table, KeyError> {
        Ok(Table::default())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Table, KeyError> {
        Ok(Table::default())
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Table, KeyError> {
        Ok(Table {
            variant: Some(variant),
            ..Table::default()
        })
    }
}

fn tagged(variant: Option<&str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object(Map::from_iter([(variant.to_owned(), value)])),
        None => value,
    }
}

#[derive(Default)]
struct List {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        self.items.push(to_value(value)?);
        Ok(())
    }

    fn finish(self) -> Value {
        tagged(self.variant, Value::Array(self.items))
    }
}

#[derive(Default)]
struct Table {
    variant: Option<&'static str>,
    map: Map<String, Value>,
    key: Option<String>,
}

impl Table {
    fn insert<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<(), KeyError> {
        self.map.insert(key, to_value(value)?);
        Ok(())
    }

    fn finish(self) -> Value {
        tagged(self.variant, Value::Object(self.map))
    }
}

macro_rules! list {
    ($($name:ident: $method:ident),*) => {$(
        impl ser::$name for List {
            type Ok = Value;
            type Error = KeyError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
                self.push(value)
            }
            fn end(self) -> Result<Value, KeyError> {
                Ok(self.finish())
            }
        }
    )*};
}
list!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

macro_rules! table {
    ($($name:ident),*) => {$(
        impl ser::$name for Table {
            type Ok = Value;
            type Error = KeyError;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), KeyError> {
                self.insert(key.to_owned(), value)
            }
            fn end(self) -> Result<Value, KeyError> {
                Ok(self.finish())
            }
        }
    )*};
}
table!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Table {
    type Ok = Value;
    type Error = KeyError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), KeyError> {
        self.key = Some(match to_value(key)? {
            Value::String(text) => text,
            scalar @ (Value::Number(_) | Value::Bool(_)) => canonical_json(&scalar),
            _ => return Err(KeyError::MapKey),
        });
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        let key = self.key.take().ok_or(KeyError::MapKey)?;
        self.insert(key, value)
    }
    fn end(self) -> Result<Value, KeyError> {
        Ok(self.finish())
    }
}
