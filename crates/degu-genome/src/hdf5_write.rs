//! Writes HDF5 files larger than memory: arrays of known shape, filled in pieces.
//!
//! Superblock version 2, one group, contiguous data, which every HDF5 since 1.8 reads. The library
//! that reads HDF5 here builds files in memory; attributions of a million sequences do not fit
//! there.

use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fs_err::File;

use crate::error::{GenomeError, Result};

mod checksum;

use checksum::lookup3;

const UNDEFINED: u64 = u64::MAX;
const SUPERBLOCK: u64 = 48;

/// Type of the values of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hdf5Type {
    /// 32-bit float, little-endian.
    F32,
    /// 8-bit signed integer.
    I8,
    /// UTF-8 text of this many bytes, filled with zeros.
    Text(usize),
}

impl Hdf5Type {
    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::I8 => 1,
            Self::Text(bytes) => bytes.max(1),
        }
    }

    /// The datatype message.
    fn message(self) -> Vec<u8> {
        let (class, bits): (u8, [u8; 3]) = match self {
            Self::F32 => (0x11, [0x20, 31, 0]),
            Self::I8 => (0x10, [0x08, 0, 0]),
            // Null-padded, UTF-8.
            Self::Text(_) => (0x13, [0x11, 0, 0]),
        };
        let mut bytes = vec![class];
        bytes.extend(bits);
        bytes.extend((self.size() as u32).to_le_bytes());
        match self {
            // Offset 0, precision 32; exponent of 8 bits from bit 23, mantissa of 23 bits from bit
            // 0, bias 127.
            Self::F32 => {
                bytes.extend([0, 0, 32, 0, 23, 8, 0, 23]);
                bytes.extend(127u32.to_le_bytes());
            }
            Self::I8 => bytes.extend([0, 0, 8, 0]),
            Self::Text(_) => {}
        }
        bytes
    }
}

/// An array to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hdf5Dataset {
    /// Name, without slashes.
    pub name: String,
    /// Lengths of the axes.
    pub shape: Vec<u64>,
    /// Type of the values.
    pub kind: Hdf5Type,
}

/// Writes a file of arrays whose values come in pieces, in the order of each array.
///
/// The file appears whole under its name when [`finish`](Self::finish) is called.
pub struct Hdf5Writer {
    path: PathBuf,
    partial: PathBuf,
    output: BufWriter<File>,
    /// Next byte and end of each array.
    places: Vec<(u64, u64)>,
    kinds: Vec<Hdf5Type>,
}

impl Hdf5Writer {
    /// Lays out the arrays; `attributes` are texts about the whole file.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn create(
        path: impl AsRef<Path>,
        datasets: &[Hdf5Dataset],
        attributes: &[(&str, &str)],
    ) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let partial = path.with_added_extension("partial");
        // Headers have the same size whatever the addresses in them, so one round with zeros finds
        // the places.
        let root = root_header(datasets, &vec![0; datasets.len()], attributes);
        let mut headers = Vec::new();
        let mut next = SUPERBLOCK + root.len() as u64;
        for dataset in datasets {
            headers.push(next);
            next += dataset_header(dataset, 0).len() as u64;
        }
        let mut places = Vec::new();
        for dataset in datasets {
            next = next.next_multiple_of(8);
            let bytes = dataset.shape.iter().product::<u64>() * dataset.kind.size() as u64;
            places.push((next, next + bytes));
            next += bytes;
        }
        let mut bytes = superblock(next);
        bytes.extend(root_header(datasets, &headers, attributes));
        for (dataset, (place, _)) in datasets.iter().zip(&places) {
            bytes.extend(dataset_header(dataset, *place));
        }
        let wrap = |source| GenomeError::io(&partial, source);
        let file = File::create(&partial).map_err(wrap)?;
        // The file has its full size from the start; a full disk is noticed by what is written.
        file.set_len(next).map_err(wrap)?;
        let mut output = BufWriter::new(file);
        output.write_all(&bytes).map_err(wrap)?;
        Ok(Self {
            path,
            output,
            places,
            kinds: datasets.iter().map(|d| d.kind).collect(),
            partial,
        })
    }

    /// Appends to array `dataset`, counted from 0, of type `F32`.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] for another type or more values than the array holds,
    /// [`GenomeError::Io`].
    pub fn f32(&mut self, dataset: usize, values: &[f32]) -> Result<()> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.append(dataset, Some(Hdf5Type::F32), &bytes)
    }

    /// Appends to array `dataset` of type `I8`.
    ///
    /// # Errors
    ///
    /// As [`f32`](Self::f32).
    pub fn i8(&mut self, dataset: usize, values: &[i8]) -> Result<()> {
        let bytes: Vec<u8> = values.iter().map(|v| v.cast_unsigned()).collect();
        self.append(dataset, Some(Hdf5Type::I8), &bytes)
    }

    /// Appends one text to array `dataset` of type `Text`.
    ///
    /// # Errors
    ///
    /// As [`f32`](Self::f32), and for a text that is longer than the type.
    pub fn text(&mut self, dataset: usize, text: &str) -> Result<()> {
        let size = match self.kinds.get(dataset) {
            Some(kind @ Hdf5Type::Text(_)) if text.len() <= kind.size() => kind.size(),
            found => {
                return Err(GenomeError::argument(
                    "text",
                    "an array of texts that are long enough",
                    format_args!("`{text}` for {found:?}"),
                ));
            }
        };
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(size, 0);
        self.append(dataset, None, &bytes)
    }

    fn append(&mut self, dataset: usize, kind: Option<Hdf5Type>, bytes: &[u8]) -> Result<()> {
        let known = self.kinds.get(dataset).copied();
        let place = self.places.get(dataset).copied().unwrap_or((0, 0));
        let fits = place.0 + bytes.len() as u64 <= place.1;
        if !fits || kind.is_some_and(|kind| known != Some(kind)) {
            return Err(GenomeError::argument(
                "values",
                "values of the array's type, as many as its shape holds",
                format_args!(
                    "{} bytes for {known:?} with {} left",
                    bytes.len(),
                    place.1 - place.0
                ),
            ));
        }
        self.places[dataset].0 += bytes.len() as u64;
        self.output
            .seek(SeekFrom::Start(place.0))
            .and_then(|_| self.output.write_all(bytes))
            .map_err(|source| GenomeError::io(&self.partial, source))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] if values are missing, [`GenomeError::Io`].
    pub fn finish(mut self) -> Result<()> {
        if let Some((place, end)) = self.places.iter().find(|(place, end)| place < end) {
            return Err(GenomeError::argument(
                "values",
                "as many as the shapes hold",
                format_args!("{} bytes too few", end - place),
            ));
        }
        self.output
            .flush()
            .map_err(|source| GenomeError::io(&self.partial, source))?;
        drop(self.output);
        fs_err::rename(&self.partial, &self.path)
            .map_err(|source| GenomeError::io(&self.path, source))
    }
}

fn superblock(end: u64) -> Vec<u8> {
    let mut bytes = b"\x89HDF\r\n\x1a\n".to_vec();
    // Version 2, offsets and lengths of 8 bytes, no flags; base address, no extension, end of file,
    // root group.
    bytes.extend([2, 8, 8, 0]);
    for word in [0, UNDEFINED, end, SUPERBLOCK] {
        bytes.extend(word.to_le_bytes());
    }
    let sum = lookup3(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// An object header, version 2, of messages by type.
fn header(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, data) in messages {
        body.push(*kind);
        body.extend((data.len() as u16).to_le_bytes());
        body.push(0);
        body.extend(data);
    }
    let mut bytes = b"OHDR".to_vec();
    // Flags: the size of the messages takes 4 bytes.
    bytes.extend([2, 0x02]);
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    let sum = lookup3(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn root_header(datasets: &[Hdf5Dataset], places: &[u64], attributes: &[(&str, &str)]) -> Vec<u8> {
    let mut link_info = vec![0, 0];
    link_info.extend(UNDEFINED.to_le_bytes());
    link_info.extend(UNDEFINED.to_le_bytes());
    let mut messages = vec![(0x02, link_info), (0x0A, vec![0, 0])];
    for (dataset, place) in datasets.iter().zip(places) {
        // Version 1; a hard link whose name has a length of one byte.
        let mut link = vec![1, 0, dataset.name.len() as u8];
        link.extend(dataset.name.as_bytes());
        link.extend(place.to_le_bytes());
        messages.push((0x06, link));
    }
    for (name, value) in attributes {
        let kind = Hdf5Type::Text(value.len()).message();
        // Version 3, no flags; sizes of the name with its zero, of the type and of the (scalar)
        // space; ASCII name.
        let mut data = vec![3, 0];
        for size in [name.len() + 1, kind.len(), 4] {
            data.extend((size as u16).to_le_bytes());
        }
        data.push(0);
        data.extend(name.as_bytes());
        data.push(0);
        data.extend(kind);
        data.extend([2, 0, 0, 0]);
        data.extend(value.as_bytes());
        if value.is_empty() {
            data.push(0);
        }
        messages.push((0x0C, data));
    }
    header(&messages)
}

fn dataset_header(dataset: &Hdf5Dataset, place: u64) -> Vec<u8> {
    // Version 2, simple.
    let mut space = vec![2, dataset.shape.len() as u8, 0, 1];
    space.extend(dataset.shape.iter().flat_map(|axis| axis.to_le_bytes()));
    let bytes = dataset.shape.iter().product::<u64>() * dataset.kind.size() as u64;
    // Version 3, contiguous.
    let mut layout = vec![3, 1];
    layout.extend(place.to_le_bytes());
    layout.extend(bytes.to_le_bytes());
    header(&[
        (0x01, space),
        (0x03, dataset.kind.message()),
        // Version 3: late allocation, written if set, none set.
        (0x05, vec![3, 0x0A]),
        (0x08, layout),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hdf5::Hdf5File;

    #[test]
    fn another_library_reads_what_was_written_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let dataset = |name: &str, shape: &[u64], kind| Hdf5Dataset {
            name: name.to_owned(),
            shape: shape.to_vec(),
            kind,
        };
        let datasets = [
            dataset("hyp_scores", &[5, 3, 4], Hdf5Type::F32),
            dataset("input_seqs", &[5, 3, 4], Hdf5Type::I8),
            dataset("ids", &[5], Hdf5Type::Text(6)),
        ];
        let attributes = [("degu-lab", "{\"form\":\"hypothetical\"}")];
        let mut writer = Hdf5Writer::create(&path, &datasets, &attributes).unwrap();
        let values: Vec<f32> = (0..60).map(|i| i as f32 * 0.25 - 3.0).collect();
        let bases: Vec<i8> = (0..60).map(|i| i8::from(i % 4 == 1)).collect();
        for row in 0..5 {
            writer.i8(1, &bases[row * 12..(row + 1) * 12]).unwrap();
            writer.f32(0, &values[row * 12..(row + 1) * 12]).unwrap();
            writer
                .text(2, ["a", "bc", "", "dé", "sixsix"][row])
                .unwrap();
        }
        assert!(writer.f32(0, &[1.0]).is_err(), "full");
        assert!(writer.text(2, "sevenss").is_err());
        writer.finish().unwrap();
        let file = Hdf5File::open(&path).unwrap();
        assert_eq!(file.dataset("hyp_scores").unwrap().shape(), [5, 3, 4]);
        assert_eq!(
            file.dataset("hyp_scores").unwrap().f32(0, 5).unwrap(),
            values
        );
        assert_eq!(
            file.dataset("hyp_scores").unwrap().f32(3, 1).unwrap(),
            values[36..48]
        );
        let read = file.dataset("input_seqs").unwrap().f32(0, 5).unwrap();
        assert!(
            read.iter()
                .zip(&bases)
                .all(|(a, b)| (*a - f32::from(*b)).abs() < 1e-6)
        );
        assert_eq!(
            file.dataset("ids").unwrap().text(0, 5).unwrap(),
            ["a", "bc", "", "dé", "sixsix"]
        );
    }

    #[test]
    fn missing_values_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let one = Hdf5Dataset {
            name: "x".to_owned(),
            shape: vec![2],
            kind: Hdf5Type::F32,
        };
        let mut writer = Hdf5Writer::create(&path, &[one], &[]).unwrap();
        writer.f32(0, &[1.0]).unwrap();
        assert!(writer.i8(0, &[1]).is_err());
        assert!(writer.finish().is_err());
        assert!(!path.exists());
    }
}
