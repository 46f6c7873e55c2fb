//! NumPy archives larger than memory: one array, row by row.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use fs_err::File;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::error::{GenomeError, Result};
use crate::npy::npy_header;

/// Type of the values of a streamed array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NpzType {
    /// `<f4`
    F32,
    /// `|i1`
    I8,
}

/// Writes an `.npz` file with one array, whose shape is known and whose values come in pieces.
///
/// The file appears whole under its name when [`finish`](Self::finish) is called; stored without
/// compression, the same bytes for the same values.
pub struct NpzStream {
    path: PathBuf,
    partial: PathBuf,
    archive: ZipWriter<BufWriter<File>>,
    kind: NpzType,
    left: usize,
}

impl NpzStream {
    /// Starts the array `name` (`arr_0` is an array saved without a name in Python).
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn create(
        path: impl AsRef<Path>,
        name: &str,
        kind: NpzType,
        shape: &[usize],
    ) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let partial = path.with_added_extension("partial");
        let io = |source| GenomeError::io(&partial, source);
        let (descriptor, size) = match kind {
            NpzType::F32 => ("<f4", 4),
            NpzType::I8 => ("|i1", 1),
        };
        let left: usize = shape.iter().product();
        let header = npy_header(descriptor, shape);
        let large = (header.len() + left * size) as u64 >= u64::from(u32::MAX);
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(large);
        let mut archive = ZipWriter::new(BufWriter::new(File::create(&partial).map_err(io)?));
        archive
            .start_file(format!("{name}.npy"), options)
            .map_err(|error| io(error.into()))?;
        archive.write_all(&header).map_err(io)?;
        Ok(Self {
            path,
            partial,
            archive,
            kind,
            left,
        })
    }

    /// Appends values of an `F32` array.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] for another type or more values than the shape holds,
    /// [`GenomeError::Io`].
    pub fn f32(&mut self, values: &[f32]) -> Result<()> {
        self.take(NpzType::F32, values.len())?;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.bytes(&bytes)
    }

    /// Appends values of an `I8` array.
    ///
    /// # Errors
    ///
    /// As [`f32`](Self::f32).
    pub fn i8(&mut self, values: &[i8]) -> Result<()> {
        self.take(NpzType::I8, values.len())?;
        let bytes: Vec<u8> = values.iter().map(|v| v.cast_unsigned()).collect();
        self.bytes(&bytes)
    }

    fn take(&mut self, kind: NpzType, count: usize) -> Result<()> {
        match self.left.checked_sub(count) {
            Some(left) if kind == self.kind => {
                self.left = left;
                Ok(())
            }
            _ => Err(GenomeError::argument(
                "values",
                "values of the array's type, as many as its shape holds",
                format_args!(
                    "{count} of {kind:?} for {:?} with {} left",
                    self.kind, self.left
                ),
            )),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.archive
            .write_all(bytes)
            .map_err(|source| GenomeError::io(&self.partial, source))
    }

    /// Ends the archive and gives the file its name.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] if values are missing, [`GenomeError::Io`].
    pub fn finish(self) -> Result<()> {
        if self.left > 0 {
            return Err(GenomeError::argument(
                "values",
                "as many as the array's shape holds",
                format_args!("{} too few", self.left),
            ));
        }
        let io = |source| GenomeError::io(&self.partial, source);
        let mut output = self.archive.finish().map_err(|error| io(error.into()))?;
        output.flush().map_err(io)?;
        drop(output);
        fs_err::rename(&self.partial, &self.path)
            .map_err(|source| GenomeError::io(&self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::{NpyArray, NpyValues, read_npz, write_npz};

    #[test]
    fn pieces_make_the_same_file_as_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        let values: Vec<f32> = (0..24).map(|i| i as f32 * 0.5).collect();
        let whole = NpyArray::new(vec![3, 4, 2], NpyValues::F32(values.clone())).unwrap();
        write_npz(&a, &[("arr_0", &whole)]).unwrap();
        let mut stream = NpzStream::create(&b, "arr_0", NpzType::F32, &[3, 4, 2]).unwrap();
        for piece in values.chunks(5) {
            stream.f32(piece).unwrap();
        }
        assert!(stream.f32(&[0.0]).is_err() && stream.i8(&[]).is_err());
        stream.finish().unwrap();
        assert_eq!(read_npz(&b).unwrap()["arr_0"], whole);
        assert_eq!(fs_err::read(&a).unwrap(), fs_err::read(&b).unwrap());
        let short = NpzStream::create(&b, "arr_0", NpzType::I8, &[2]).unwrap();
        assert!(short.finish().is_err());
    }
}
