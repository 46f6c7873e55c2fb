//! Tensors by value, and files of them (safetensors).

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// Numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// A shape and its numbers, on the host and outside of any graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Shape.
    pub shape: Vec<usize>,
    /// Numbers.
    pub values: Values,
}

impl Array {
    /// A vector of single precision.
    pub fn vector(values: Vec<f32>) -> Self {
        Self {
            shape: vec![values.len()],
            values: Values::F32(values),
        }
    }

    /// A copy of a tensor; types other than f64 become f32.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.detach().flatten_all()?;
        let values = if tensor.dtype() == DType::F64 {
            Values::F64(flat.to_vec1()?)
        } else {
            Values::F32(flat.to_dtype(DType::F32)?.to_vec1()?)
        };
        Ok(Self {
            shape: tensor.dims().to_vec(),
            values,
        })
    }

    /// A tensor with these numbers.
    pub fn tensor(&self, dtype: DType, device: &Device) -> Result<Tensor> {
        let shape = self.shape.as_slice();
        let tensor = match &self.values {
            Values::F32(v) => Tensor::from_slice(v, shape, device)?,
            Values::F64(v) => Tensor::from_slice(v, shape, device)?,
        };
        Ok(tensor.to_dtype(dtype)?)
    }

    /// How many numbers.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers in single precision.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.values {
            Values::F32(v) => v.clone(),
            Values::F64(v) => v.iter().map(|v| *v as f32).collect(),
        }
    }

    fn type_name(&self) -> &'static str {
        match self.values {
            Values::F32(_) => "F32",
            Values::F64(_) => "F64",
        }
    }

    fn extend(&self, bytes: &mut Vec<u8>) {
        match &self.values {
            Values::F32(v) => bytes.extend(v.iter().flat_map(|v| v.to_le_bytes())),
            Values::F64(v) => bytes.extend(v.iter().flat_map(|v| v.to_le_bytes())),
        }
    }
}

/// A file of tensors in the safetensors format. The same tensors and metadata give the same bytes.
pub fn to_bytes(arrays: &BTreeMap<String, Array>, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    // Double precision first: every tensor then starts at a multiple of its number's size.
    let mut order: Vec<_> = arrays.iter().collect();
    order.sort_by_key(|(_, a)| matches!(a.values, Values::F32(_)));
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), json!(metadata));
    }
    let mut data = Vec::new();
    for (name, array) in order {
        let start = data.len();
        array.extend(&mut data);
        header.insert(
            name.clone(),
            json!({ "dtype": array.type_name(), "shape": array.shape, "data_offsets": [start, data.len()] }),
        );
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut header);
    bytes.append(&mut data);
    bytes
}

/// Reads a file of tensors with its metadata.
///
/// # Errors
///
/// [`Error::Safetensors`] if it is none, [`Error::NumberType`] for numbers other than f32 and f64.
pub fn from_bytes(bytes: &[u8]) -> Result<(BTreeMap<String, Array>, BTreeMap<String, String>)> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let metadata = header
        .metadata()
        .iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let mut arrays = BTreeMap::new();
    for (name, view) in SafeTensors::deserialize(bytes)?.tensors() {
        let values = match view.dtype() {
            Dtype::F32 => Values::F32(
                view.data()
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f32::from_le_bytes(*b))
                    .collect(),
            ),
            Dtype::F64 => Values::F64(
                view.data()
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f64::from_le_bytes(*b))
                    .collect(),
            ),
            other => {
                return Err(Error::NumberType {
                    name,
                    found: format!("{other:?}"),
                });
            }
        };
        let shape = view.shape().to_vec();
        arrays.insert(name, Array { shape, values });
    }
    Ok((arrays, metadata))
}
