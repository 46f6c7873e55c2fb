//! NumPy arrays: `.npy` and `.npz` files, written and read.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use crate::error::{GenomeError, Place, Result};
use crate::hdf5::half_to_f32;
use crate::text::write_atomically;

/// Values of an array by their type in the file.
#[derive(Debug, Clone, PartialEq)]
pub enum NpyValues {
    /// `<f4`
    F32(Vec<f32>),
    /// `<f8`
    F64(Vec<f64>),
    /// `|i1`
    I8(Vec<i8>),
    /// `|u1`
    U8(Vec<u8>),
    /// `<i8`
    I64(Vec<i64>),
}

impl NpyValues {
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    fn descriptor(&self) -> &'static str {
        match self {
            Self::F32(_) => "<f4",
            Self::F64(_) => "<f8",
            Self::I8(_) => "|i1",
            Self::U8(_) => "|u1",
            Self::I64(_) => "<i8",
        }
    }

    /// The values as f64, whatever the type.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Self::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Self::F64(values) => values.clone(),
            Self::I8(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Self::U8(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Self::I64(values) => values.iter().map(|value| *value as f64).collect(),
        }
    }
}

/// An array in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Values, last axis fastest.
    pub values: NpyValues,
}

impl NpyArray {
    /// An array, checked.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Shape`] if the shape does not hold as many values.
    pub fn new(shape: Vec<usize>, values: NpyValues) -> Result<Self> {
        if shape.iter().product::<usize>() != values.len() {
            return Err(GenomeError::Shape {
                name: format!("array of {} values", values.len()),
                expected: "a shape that holds them",
                found: shape.iter().map(|axis| *axis as u64).collect(),
            });
        }
        Ok(Self { shape, values })
    }

    /// The bytes of an `.npy` file (format 1.0, little-endian, C order).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = npy_header(self.values.descriptor(), &self.shape);
        match &self.values {
            NpyValues::F32(values) => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            NpyValues::F64(values) => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            NpyValues::I8(values) => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            NpyValues::U8(values) => bytes.extend_from_slice(values),
            NpyValues::I64(values) => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
        }
        bytes
    }

    /// Parses the bytes of an `.npy` file: f2, f4, f8 (little-endian), i1, u1, bool, i4 or i8, C
    /// order.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Format`] or [`GenomeError::Value`] at `place` for anything else.
    pub fn from_bytes(bytes: &[u8], place: &Place) -> Result<Self> {
        let not_npy = || GenomeError::format(place.clone(), "a NumPy .npy array");
        if bytes.len() < 10 || !bytes.starts_with(b"\x93NUMPY") {
            return Err(not_npy());
        }
        let (start, length) = if bytes[6] == 1 {
            (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]])))
        } else {
            let four = bytes.get(8..12).and_then(|four| four.try_into().ok());
            (12, u32::from_le_bytes(four.ok_or_else(not_npy)?) as usize)
        };
        let header = bytes
            .get(start..start + length)
            .and_then(|header| std::str::from_utf8(header).ok())
            .ok_or_else(not_npy)?;
        if header.contains("'fortran_order': True") {
            return Err(GenomeError::value(
                place.clone(),
                "an array in C order (numpy.ascontiguousarray)",
                "Fortran order",
            ));
        }
        let descriptor = between(header, "'descr':", ",").ok_or_else(not_npy)?;
        let descriptor = descriptor.trim().trim_matches('\'');
        let shape: Vec<usize> = between(header, "'shape': (", ")")
            .ok_or_else(not_npy)?
            .split(',')
            .map(str::trim)
            .filter(|axis| !axis.is_empty())
            .map(|axis| axis.parse().map_err(|_| not_npy()))
            .collect::<Result<_>>()?;
        let data = &bytes[start + length..];
        let values = match descriptor {
            "<f2" => NpyValues::F32(numbers(data, u16::from_le_bytes).map(half_to_f32).collect()),
            "<f4" => NpyValues::F32(numbers(data, f32::from_le_bytes).collect()),
            "<f8" => NpyValues::F64(numbers(data, f64::from_le_bytes).collect()),
            "<i8" => NpyValues::I64(numbers(data, i64::from_le_bytes).collect()),
            "<i4" => NpyValues::I64(numbers(data, i32::from_le_bytes).map(i64::from).collect()),
            "|i1" => NpyValues::I8(numbers(data, i8::from_le_bytes).collect()),
            "|u1" | "|b1" => NpyValues::U8(data.to_vec()),
            other => {
                return Err(GenomeError::value(
                    place.clone(),
                    "one of the types f2, f4, f8, i1, i4, i8, u1 or bool, little-endian",
                    other,
                ));
            }
        };
        Self::new(shape, values).map_err(|error| error.at(place.clone()))
    }
}

fn numbers<'a, const SIZE: usize, T: 'a>(
    data: &'a [u8],
    parse: fn([u8; SIZE]) -> T,
) -> impl Iterator<Item = T> + 'a {
    data.as_chunks::<SIZE>()
        .0
        .iter()
        .map(move |bytes| parse(*bytes))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

/// Writes one array to an `.npy` file.
///
/// # Errors
///
/// [`GenomeError::Io`].
pub fn write_npy(path: impl AsRef<Path>, array: &NpyArray) -> Result<()> {
    write_atomically(path.as_ref(), &array.to_bytes())
}

/// The header of an `.npy` file, format 1.0, C order, with its magic bytes.
pub(crate) fn npy_header(descriptor: &str, shape: &[usize]) -> Vec<u8> {
    let shape = match shape {
        [one] => format!("({one},)"),
        many => format!(
            "({})",
            many.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let mut header =
        format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version, length and header together are a multiple of 64 and end with a line feed.
    let padding = 63 - (10 + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes
}

/// Writes named arrays to an `.npz` file, stored without compression, the same bytes for the same
/// arrays.
///
/// An array saved without a name in Python has the name `arr_0`.
///
/// # Errors
///
/// [`GenomeError::Io`].
pub fn write_npz(path: impl AsRef<Path>, arrays: &[(&str, &NpyArray)]) -> Result<()> {
    let path = path.as_ref();
    let wrap = |error: zip::result::ZipError| GenomeError::io(path, error.into());
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        let bytes = array.to_bytes();
        let large = bytes.len() as u64 >= u64::from(u32::MAX);
        archive
            .start_file(format!("{name}.npy"), options.large_file(large))
            .map_err(wrap)?;
        archive
            .write_all(&bytes)
            .map_err(|source| GenomeError::io(path, source))?;
    }
    let bytes = archive.finish().map_err(wrap)?.into_inner();
    write_atomically(path, &bytes)
}

/// Reads an `.npy` file.
///
/// # Errors
///
/// [`GenomeError::Io`]; what [`NpyArray::from_bytes`] says.
pub fn read_npy(path: impl AsRef<Path>) -> Result<NpyArray> {
    let path = path.as_ref();
    let bytes = fs_err::read(path).map_err(|source| GenomeError::io(path, source))?;
    NpyArray::from_bytes(&bytes, &Place::file(path))
}

/// Reads all arrays of an `.npz` file, sorted by name.
///
/// # Errors
///
/// [`GenomeError::Io`]; what [`NpyArray::from_bytes`] says, naming the member.
pub fn read_npz(path: impl AsRef<Path>) -> Result<std::collections::BTreeMap<String, NpyArray>> {
    let path = path.as_ref();
    let wrap = |error: zip::result::ZipError| GenomeError::io(path, error.into());
    let bytes = fs_err::read(path).map_err(|source| GenomeError::io(path, source))?;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(wrap)?;
    let mut arrays = std::collections::BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(wrap)?;
        let full = member.name().map_err(wrap)?.into_owned();
        let Some(name) = full.strip_suffix(".npy") else {
            continue;
        };
        let mut bytes = Vec::new();
        member
            .read_to_end(&mut bytes)
            .map_err(|source| GenomeError::io(path, source))?;
        let place = Place::file(path).with_column(name);
        arrays.insert(name.to_owned(), NpyArray::from_bytes(&bytes, &place)?);
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_and_shape_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        for (shape, values) in [
            (
                vec![2, 3],
                NpyValues::F32(vec![0.0, -1.5, 2.0, 3.0, 4.0, 5.0]),
            ),
            (vec![3], NpyValues::F64(vec![1e-300, f64::MAX, -0.0])),
            (vec![], NpyValues::I64(vec![-7])),
            (vec![1, 2, 1], NpyValues::I8(vec![-1, 1])),
            (vec![0, 4], NpyValues::U8(vec![])),
        ] {
            let array = NpyArray::new(shape, values).unwrap();
            let path = folder.path().join("a.npy");
            write_npy(&path, &array).unwrap();
            assert_eq!(read_npy(&path).unwrap(), array);
            assert_eq!((array.to_bytes().len() - data_bytes(&array)) % 64, 0);
        }
        assert!(NpyArray::new(vec![2], NpyValues::U8(vec![1])).is_err());
    }

    fn data_bytes(array: &NpyArray) -> usize {
        array.values.len()
            * match array.values {
                NpyValues::F32(_) => 4,
                NpyValues::F64(_) | NpyValues::I64(_) => 8,
                NpyValues::I8(_) | NpyValues::U8(_) => 1,
            }
    }

    #[test]
    fn archives_hold_named_arrays_and_are_reproducible() {
        let folder = tempfile::tempdir().unwrap();
        let a = NpyArray::new(vec![2], NpyValues::F32(vec![1.0, 2.0])).unwrap();
        let b = NpyArray::new(vec![1], NpyValues::U8(vec![9])).unwrap();
        let (one, two) = (folder.path().join("1.npz"), folder.path().join("2.npz"));
        for path in [&one, &two] {
            write_npz(path, &[("arr_0", &a), ("mask", &b)]).unwrap();
        }
        assert_eq!(fs_err::read(&one).unwrap(), fs_err::read(&two).unwrap());
        let back = read_npz(&one).unwrap();
        assert_eq!(back.keys().collect::<Vec<_>>(), ["arr_0", "mask"]);
        assert_eq!(back["arr_0"], a);
    }

    #[test]
    fn faults_are_named() {
        let place = Place::file("x.npy");
        let error = NpyArray::from_bytes(b"PK", &place).unwrap_err().to_string();
        assert_eq!(error, "x.npy: expected a NumPy .npy array");
        let mut bytes = NpyArray::new(vec![1], NpyValues::F32(vec![1.0]))
            .unwrap()
            .to_bytes();
        let at = bytes.windows(3).position(|three| three == b"<f4").unwrap();
        bytes[at..at + 3].copy_from_slice(b">f4");
        let error = NpyArray::from_bytes(&bytes, &place)
            .unwrap_err()
            .to_string();
        assert!(error.contains("found `>f4`"), "{error}");
    }
}
