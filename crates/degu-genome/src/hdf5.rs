//! HDF5 files: datasets by name in any letter case, rows as numbers or codes, attributes as text.
//!
//! A thin layer over `hdf5-pure`. Rows are read in ranges, so memory is bounded by the range and
//! not by the dataset. Numbers of any stored type (f16 included) come back as f64, f32 or u8.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use degu_core::suggest::nearest;
use hdf5_pure::{AttrValue, Dataset, Datatype, DatatypeByteOrder, File, Group};

use crate::error::{GenomeError, Place, Result};
use crate::one_hot::{BaseAxis, BaseOrder, codes_from_one_hot};

/// Name, shape and stored type of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetInfo {
    /// Path in the file, without a leading slash, for example `Train/X`.
    pub name: String,
    /// Lengths of the axes.
    pub shape: Vec<u64>,
    /// Stored type, for example `f64`, `f16`, `i8` or `string`.
    pub kind: String,
}

/// An HDF5 file open for reading.
pub struct Hdf5File {
    path: PathBuf,
    file: File,
    names: Vec<String>,
}

impl Hdf5File {
    /// Opens a file and lists its datasets.
    ///
    /// The file is read in pieces where its structures allow it, else as a whole.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`] if there is no such file, [`GenomeError::Hdf5`] if it cannot be read;
    /// the message says how to rewrite files of the newest format version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        fs_err::metadata(&path).map_err(|source| GenomeError::io(&path, source))?;
        let streamed = File::open_streaming(&path).and_then(|file| {
            let names = list(&file)?;
            // A structure that the streaming reader does not know shows itself on the first look.
            if let Some(name) = names.first() {
                file.dataset(name)?.shape()?;
            }
            Ok((file, names))
        });
        let (file, names) = match streamed {
            Ok(opened) => opened,
            Err(_) => File::open(&path)
                .and_then(|file| {
                    let names = list(&file)?;
                    Ok((file, names))
                })
                .map_err(|source| hdf5_error(Place::file(&path), source))?,
        };
        Ok(Self { path, file, names })
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Paths of all datasets, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Name, shape and type of every dataset.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Hdf5`].
    pub fn datasets(&self) -> Result<Vec<DatasetInfo>> {
        self.names
            .iter()
            .map(|name| Ok(self.dataset(name)?.info))
            .collect()
    }

    /// Whether there is a dataset of that name, in any letter case.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&str> {
        let name = name.trim_start_matches('/');
        self.names
            .iter()
            .find(|found| *found == name)
            .or_else(|| {
                self.names
                    .iter()
                    .find(|found| found.eq_ignore_ascii_case(name))
            })
            .map(String::as_str)
    }

    /// Opens a dataset; the name matches in any letter case if not exactly.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`] naming the datasets there are; [`GenomeError::Hdf5`].
    pub fn dataset(&self, name: &str) -> Result<Rows> {
        let path = self.find(name).ok_or_else(|| GenomeError::UnknownName {
            path: self.path.clone(),
            kind: "dataset",
            name: name.to_owned(),
            nearest: nearest(name, self.names.iter().map(String::as_str)).map(str::to_owned),
            found: self.names.clone(),
        })?;
        let place = Place::file(&self.path).with_column(path);
        let wrap = |source| hdf5_error(place.clone(), source);
        let dataset = self.file.dataset(path).map_err(wrap)?;
        let shape = dataset.shape().map_err(wrap)?;
        let datatype = dataset.datatype().map_err(wrap)?;
        let kind = match &datatype {
            Datatype::FloatingPoint { size: 2, .. } => "f16".to_owned(),
            _ => dataset.dtype().map_err(wrap)?.to_string(),
        };
        Ok(Rows {
            place,
            dataset,
            datatype,
            info: DatasetInfo {
                name: path.to_owned(),
                shape,
                kind,
            },
        })
    }

    /// Attributes of a group (`""` for the file itself) or a dataset, as text.
    ///
    /// Arrays are one string each element; numbers are written in decimal.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Hdf5`] if there is no such object or the attributes cannot be read.
    pub fn attributes(&self, object: &str) -> Result<BTreeMap<String, Vec<String>>> {
        let object = object.trim_matches('/');
        let place = Place::file(&self.path).with_column(object);
        let read = |file: &File| {
            if object.is_empty() {
                file.root().attrs()
            } else if let Some(name) = self.find(object) {
                file.dataset(name)?.attrs()
            } else {
                file.group(object)?.attrs()
            }
        };
        // The streaming reader knows fewer forms of attributes than the one that reads it all.
        let attributes = read(&self.file)
            .or_else(|_| File::open(&self.path).and_then(|file| read(&file)))
            .map_err(|source| hdf5_error(place, source))?;
        let mut sorted = BTreeMap::new();
        sorted.extend(
            attributes
                .into_iter()
                .map(|(name, value)| (name, attribute_text(&value))),
        );
        Ok(sorted)
    }
}

/// A dataset, read by ranges of its first axis.
pub struct Rows {
    place: Place,
    dataset: Dataset,
    datatype: Datatype,
    info: DatasetInfo,
}

impl Rows {
    /// Name, shape and type.
    pub fn info(&self) -> &DatasetInfo {
        &self.info
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[u64] {
        &self.info.shape
    }

    /// Length of the first axis; 1 for a scalar.
    pub fn len(&self) -> usize {
        self.info.shape.first().copied().unwrap_or(1) as usize
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows `[start, start + count)` as f64, whatever number type is stored. Ranges are cut at the
    /// end.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Hdf5`] if the storage cannot be read or holds no numbers.
    pub fn f64(&self, start: usize, count: usize) -> Result<Vec<f64>> {
        if let Some(order) = self.half() {
            return Ok(self
                .raw_halves(start, count, order)?
                .map(f64::from)
                .collect());
        }
        self.dataset
            .read_f64_rows(start as u64, count as u64)
            .map_err(|source| hdf5_error(self.place.clone(), source))
    }

    /// Rows as f32; f64 values are rounded.
    ///
    /// # Errors
    ///
    /// As [`f64`](Self::f64).
    pub fn f32(&self, start: usize, count: usize) -> Result<Vec<f32>> {
        if let Some(order) = self.half() {
            return Ok(self.raw_halves(start, count, order)?.collect());
        }
        match self.datatype {
            Datatype::FloatingPoint { size: 4, .. } => self
                .dataset
                .read_f32_rows(start as u64, count as u64)
                .map_err(|source| hdf5_error(self.place.clone(), source)),
            _ => Ok(self
                .f64(start, count)?
                .into_iter()
                .map(|value| value as f32)
                .collect()),
        }
    }

    /// Rows as u8.
    ///
    /// # Errors
    ///
    /// As [`f64`](Self::f64); [`GenomeError::Value`] for a number that is not a whole one
    /// in 0..=255.
    pub fn u8(&self, start: usize, count: usize) -> Result<Vec<u8>> {
        self.f64(start, count)?
            .into_iter()
            .map(|value| {
                if (0.0..=255.0).contains(&value) && value.fract() == 0.0 {
                    Ok(value as u8)
                } else {
                    Err(GenomeError::value(
                        self.place.clone(),
                        "a whole number from 0 to 255",
                        value.to_string(),
                    ))
                }
            })
            .collect()
    }

    /// Rows as text: fixed-length and variable-length strings.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Hdf5`], also for datasets of numbers.
    pub fn text(&self, start: usize, count: usize) -> Result<Vec<String>> {
        self.dataset
            .read_string_rows(start as u64, count as u64)
            .map_err(|source| hdf5_error(self.place.clone(), source))
    }

    /// Streams one-hot rows `[N, L, 4]` or `[N, 4, L]` as codes.
    ///
    /// `visit` gets the number of the first row and the codes `[rows, L]` of each piece of at most
    /// `rows_per_piece` rows. Returns L. Memory: `16 * rows_per_piece * L` bytes and one chunk.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Shape`]; [`GenomeError::At`] with file and dataset around
    /// [`GenomeError::NotOneHot`]; what `visit` returns.
    pub fn for_each_codes(
        &self,
        order: BaseOrder,
        rows_per_piece: usize,
        mut visit: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<usize> {
        let (axis, length) = BaseAxis::of_shape(&self.info.name, &self.info.shape)
            .map_err(|error| error.at(self.place.clone()))?;
        let mut start = 0;
        while start < self.len() {
            let count = rows_per_piece.max(1).min(self.len() - start);
            let values = self.f32(start, count)?;
            let codes = codes_from_one_hot(&values, length, axis, order, start)
                .map_err(|error| error.at(self.place.clone()))?;
            visit(start, &codes)?;
            start += count;
        }
        Ok(length)
    }

    /// All one-hot rows as codes `[N, L]`, and L. Streams 1,024 rows at a time.
    ///
    /// # Errors
    ///
    /// As [`for_each_codes`](Self::for_each_codes).
    pub fn codes(&self, order: BaseOrder) -> Result<(Vec<u8>, usize)> {
        let mut all = Vec::new();
        let length = self.for_each_codes(order, 1024, |_, codes| {
            all.extend_from_slice(codes);
            Ok(())
        })?;
        Ok((all, length))
    }

    fn half(&self) -> Option<DatatypeByteOrder> {
        match &self.datatype {
            Datatype::FloatingPoint {
                size: 2,
                byte_order,
                ..
            } => Some(*byte_order),
            _ => None,
        }
    }

    fn raw_halves(
        &self,
        start: usize,
        count: usize,
        order: DatatypeByteOrder,
    ) -> Result<impl Iterator<Item = f32> + use<>> {
        let big = order == DatatypeByteOrder::BigEndian;
        let raw = self
            .dataset
            .read_raw_rows(start as u64, count as u64)
            .map_err(|source| hdf5_error(self.place.clone(), source))?;
        let halves: Vec<f32> = raw
            .chunks_exact(2)
            .map(|pair| {
                let bytes = [pair[0], pair[1]];
                half_to_f32(if big {
                    u16::from_be_bytes(bytes)
                } else {
                    u16::from_le_bytes(bytes)
                })
            })
            .collect();
        Ok(halves.into_iter())
    }
}

/// IEEE 754 binary16 to f32, exactly.
pub(crate) fn half_to_f32(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1F);
    let mantissa = f32::from(bits & 0x3FF);
    match exponent {
        0 => sign * mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + mantissa / 1024.0) * 2f32.powi(exponent - 15),
    }
}

fn list(file: &File) -> Result<Vec<String>, hdf5_pure::Error> {
    fn walk(group: &Group, prefix: &str, names: &mut Vec<String>) -> Result<(), hdf5_pure::Error> {
        for name in group.datasets()? {
            names.push(format!("{prefix}{name}"));
        }
        for name in group.groups()? {
            walk(&group.group(&name)?, &format!("{prefix}{name}/"), names)?;
        }
        Ok(())
    }
    let mut names = Vec::new();
    walk(&file.root(), "", &mut names)?;
    names.sort();
    Ok(names)
}

fn hdf5_error(place: Place, source: hdf5_pure::Error) -> GenomeError {
    let text = format!("{source:?}");
    let hint = if text.contains("Layout") || text.contains("Version") {
        "; if the file was written with libver=\"latest\", rewrite it with h5py's default libver (h5repack --low=0 --high=1 old.h5 new.h5)"
    } else {
        ""
    };
    GenomeError::Hdf5 {
        place: Box::new(place),
        source: Box::new(source),
        hint,
    }
}

fn attribute_text(value: &AttrValue) -> Vec<String> {
    fn all<T: std::fmt::Display>(values: &[T]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }
    if let Some(text) = value.as_str() {
        return vec![text.to_owned()];
    }
    if let Some(texts) = value.as_strings() {
        return texts.to_vec();
    }
    match value {
        AttrValue::F32(v) => all(&[v]),
        AttrValue::F64(v) => all(&[v]),
        AttrValue::I8(v) => all(&[v]),
        AttrValue::I16(v) => all(&[v]),
        AttrValue::I32(v) => all(&[v]),
        AttrValue::I64(v) => all(&[v]),
        AttrValue::U8(v) => all(&[v]),
        AttrValue::U16(v) => all(&[v]),
        AttrValue::U32(v) => all(&[v]),
        AttrValue::U64(v) => all(&[v]),
        AttrValue::F32Array(v) => all(v),
        AttrValue::F64Array(v) => all(v),
        AttrValue::I8Array(v) => all(v),
        AttrValue::I16Array(v) => all(v),
        AttrValue::I32Array(v) => all(v),
        AttrValue::I64Array(v) => all(v),
        AttrValue::U8Array(v) => all(v),
        AttrValue::U16Array(v) => all(v),
        AttrValue::U32Array(v) => all(v),
        AttrValue::U64Array(v) => all(v),
        // Attributes of other kinds (references, compounds) have no text.
        _ => Vec::new(),
    }
}
