//! `events.jsonl`: append-only, with one writer, readable when cut anywhere.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{JournalError, Observer, StudyEvent};
use crate::store::{StoreError, clock, files, io_error};

const HEADER: &str = "{\"format\":\"degu-events\",\"version\":1}\n";

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// An event with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Seconds since 1970.
    pub at: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: StudyEvent,
}

impl Record {
    /// The event with the present time: for consumers that write events elsewhere, such as
    /// `--progress json`.
    pub fn now(event: StudyEvent) -> Self {
        Self {
            at: clock::unix_seconds(),
            event,
        }
    }
}

/// The writer of a ledger. Hold the study's lock while it is open.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    state: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    failed: Option<StoreError>,
}

impl Ledger {
    /// Opens a ledger to append to; a record that was cut is removed first.
    ///
    /// # Errors
    ///
    /// [`JournalError::Header`] for a file that is something else; it is not touched.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        files::create_folder(files::parent(path)?)?;
        let whole = match files::read_optional(path)? {
            None => 0,
            Some(bytes) => whole_lines(path, &bytes)?,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(io_error("open", path))?;
        file.set_len(whole as u64)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .and_then(|_| match whole {
                0 => file.write_all(HEADER.as_bytes()),
                _ => Ok(()),
            })
            .map_err(io_error("write", path))?;
        Ok(Self {
            path: path.to_path_buf(),
            state: Mutex::new(Writer { file, failed: None }),
        })
    }

    /// Appends an event with the present time.
    ///
    /// # Errors
    ///
    /// Those of the file system; what was written of the record is removed again.
    pub fn append(&self, event: &StudyEvent) -> Result<(), JournalError> {
        let mut text =
            serde_json::to_vec(&Record::now(event.clone())).map_err(|source| StoreError::Json {
                path: self.path.clone(),
                source,
            })?;
        text.push(b'\n');
        let mut writer = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = writer.file.stream_position();
        let before = before.map_err(io_error("write", &self.path))?;
        writer.file.write_all(&text).map_err(|e| {
            let _ = writer.file.set_len(before);
            let _ = writer.file.seek(SeekFrom::Start(before));
            io_error("write", &self.path)(e)
        })?;
        Ok(())
    }

    /// Flushes to disk and gives the first failure of an event that was only observed.
    ///
    /// # Errors
    ///
    /// That failure, or that of flushing.
    pub fn close(self) -> Result<(), JournalError> {
        let writer = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = writer.failed {
            return Err(failed.into());
        }
        Ok(writer
            .file
            .sync_all()
            .map_err(io_error("flush", &self.path))?)
    }
}

impl Observer for Ledger {
    fn observe(&self, event: &StudyEvent) {
        if let Err(JournalError::Store(error)) = self.append(event) {
            let mut writer = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            writer.failed.get_or_insert(error);
        }
    }
}

/// Length of the complete lines; 0 if not even the header is complete.
fn whole_lines(path: &Path, bytes: &[u8]) -> Result<usize, JournalError> {
    let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') else {
        return if HEADER.as_bytes().starts_with(bytes) {
            Ok(0)
        } else {
            Err(JournalError::Header {
                path: path.to_path_buf(),
            })
        };
    };
    let first = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    match serde_json::from_slice::<Header>(first) {
        Ok(header) if header.format == "degu-events" && header.version == 1 => Ok(end + 1),
        _ => Err(JournalError::Header {
            path: path.to_path_buf(),
        }),
    }
}

/// Reads a ledger. A file that is absent or was cut anywhere gives the events that are whole.
///
/// # Errors
///
/// [`JournalError::Header`] for a file that is something else, [`JournalError::Line`] for a
/// complete line that is not an event.
pub fn read_events(path: &Path) -> Result<Vec<Record>, JournalError> {
    let Some(bytes) = files::read_optional(path)? else {
        return Ok(Vec::new());
    };
    let whole = whole_lines(path, &bytes)?;
    let lines = bytes[..whole].split(|&byte| byte == b'\n');
    let mut records = Vec::new();
    for (i, line) in lines
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.is_empty())
    {
        let record = serde_json::from_slice(line).map_err(|source| JournalError::Line {
            path: path.to_path_buf(),
            line: i + 1,
            source,
        })?;
        records.push(record);
    }
    Ok(records)
}
