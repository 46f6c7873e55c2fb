//! Lines of text files: gzip by magic bytes, any line end, byte order mark, exact line numbers.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{GenomeError, Place, Result};

/// Reads a file line by line. Plain, gzip and bgzip files are told apart by their first bytes.
pub struct LineReader {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    line: u64,
    pending: bool,
}

impl LineReader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let file = fs_err::File::open(&path).map_err(|source| GenomeError::io(&path, source))?;
        Self::new(path, BufReader::with_capacity(1 << 17, file))
    }

    /// Reads from memory or a stream; `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`] if the first bytes cannot be read; [`GenomeError::Format`] for UTF-16.
    pub fn new(path: impl Into<PathBuf>, input: impl Read + Send + 'static) -> Result<Self> {
        let path = path.into();
        let mut input = BufReader::with_capacity(1 << 17, input);
        let start = input
            .fill_buf()
            .map_err(|source| GenomeError::io(&path, source))?;
        let mut input: Box<dyn BufRead + Send> = if start.starts_with(&[0x1F, 0x8B]) {
            Box::new(BufReader::with_capacity(
                1 << 17,
                MultiGzDecoder::new(input),
            ))
        } else {
            Box::new(input)
        };
        let start = input
            .fill_buf()
            .map_err(|source| GenomeError::io(&path, source))?;
        if is_utf16(start) {
            return Err(GenomeError::format(
                Place::line(&path, 1),
                "text in UTF-8, found UTF-16; convert the file, as with `iconv -f UTF-16 -t UTF-8`",
            ));
        }
        if start.starts_with(b"\xEF\xBB\xBF") {
            input.consume(3);
        }
        Ok(Self {
            path,
            input,
            buffer: Vec::new(),
            line: 0,
            pending: false,
        })
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the last line read, from 1.
    pub fn line_number(&self) -> u64 {
        self.line
    }

    /// Place of the last line read; the whole file before the first.
    pub fn place(&self) -> Place {
        if self.line == 0 {
            Place::file(&self.path)
        } else {
            Place::line(&self.path, self.line)
        }
    }

    /// Reads on; `false` at the end of the file. The line is then in [`current`](Self::current).
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`], also for a truncated gzip file; [`GenomeError::Format`] for lines that
    /// end in CR alone.
    pub fn advance(&mut self) -> Result<bool> {
        if self.pending {
            self.pending = false;
            return Ok(true);
        }
        self.buffer.clear();
        let count = self
            .input
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| GenomeError::io(&self.path, source))?;
        if count == 0 {
            return Ok(false);
        }
        self.line += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        }
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        // The whole file would be one line.
        if self.line == 1 && self.buffer.contains(&b'\r') {
            return Err(GenomeError::format(
                self.place(),
                "lines that end in LF or CR LF, found CR alone; convert the file, as with `tr '\\r' '\\n'`",
            ));
        }
        Ok(true)
    }

    /// Makes the next [`advance`](Self::advance) return the current line again.
    pub fn put_back(&mut self) {
        self.pending = true;
    }

    /// The line last read, without its end.
    pub fn current(&self) -> &[u8] {
        &self.buffer
    }

    /// The line last read, as text.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Format`] if it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.buffer)
            .map_err(|_| GenomeError::format(self.place(), "text in UTF-8"))
    }
}

/// Whether text starts as UTF-16: with its byte order mark, or with Latin letters of two bytes
/// each.
fn is_utf16(start: &[u8]) -> bool {
    let zeros = |offset: usize| {
        let bytes = &start[..start.len().min(64) & !1];
        let high = bytes.iter().skip(offset).step_by(2);
        let low = bytes.iter().skip(1 - offset).step_by(2);
        bytes.len() >= 8 && high.copied().all(|b| b == 0) && low.copied().all(|b| b != 0)
    };
    start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") || zeros(0) || zeros(1)
}

/// Writes a whole file through a temporary name, so that no reader sees half of it.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    let temporary = PathBuf::from(temporary);
    fs_err::write(&temporary, bytes)
        .and_then(|()| fs_err::rename(&temporary, path))
        .map_err(|source| GenomeError::io(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut reader = LineReader::new("x", std::io::Cursor::new(bytes.to_vec())).unwrap();
        let mut found = Vec::new();
        while reader.advance().unwrap() {
            found.push((reader.line_number(), reader.text().unwrap().to_owned()));
        }
        found
    }

    #[test]
    fn line_ends_marks_and_compression_make_no_difference() {
        let expected = vec![(1, "a".into()), (2, String::new()), (3, "b".into())];
        assert_eq!(lines(b"a\n\nb"), expected);
        assert_eq!(lines(b"\xEF\xBB\xBFa\r\n\r\nb\r\n"), expected);
        let mut gzip = Vec::new();
        for part in [&b"a\n"[..], b"\nb\n"] {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            gzip.extend(encoder.finish().unwrap());
        }
        assert_eq!(
            lines(&gzip),
            expected,
            "several gzip members, as bgzip writes"
        );
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn other_encodings_and_line_ends_are_named() {
        let open = |bytes: &[u8]| {
            let mut reader = LineReader::new("x", std::io::Cursor::new(bytes.to_vec()))?;
            reader.advance()
        };
        let words: Vec<u16> = "name\tsequence\n".encode_utf16().collect();
        let little: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let big: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        for bytes in [&little, &big, &[&b"\xFF\xFE"[..], &little].concat()] {
            let error = open(bytes).unwrap_err().to_string();
            assert!(
                error.starts_with("x:1: ") && error.contains("UTF-16"),
                "{error}"
            );
        }
        let error = open(b"name\tsequence\rs0\tACGT\r").unwrap_err().to_string();
        assert!(error.contains("CR alone"), "{error}");
        assert!(open(b"A\0").is_ok());
    }

    #[test]
    fn truncated_gzip_is_an_error() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[b'A'; 5000]).unwrap();
        let gzip = encoder.finish().unwrap();
        let mut reader = LineReader::new(
            "x.gz",
            std::io::Cursor::new(gzip[..gzip.len() - 9].to_vec()),
        )
        .unwrap();
        let error = reader.advance().unwrap_err();
        assert!(error.to_string().contains("x.gz"), "{error}");
    }
}
