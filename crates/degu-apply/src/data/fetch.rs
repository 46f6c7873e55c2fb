//! Downloads: resumed where they were cut, checked, and in place only when complete.
//!
//! A download is written to `NAME.part`, beside which `NAME.part.etag` says which version of the
//! remote file it is a part of. A cut connection is resumed, at once up to [`Client::attempts`]
//! times, and by the next run. Only a complete file with the right checksum is renamed to `NAME`;
//! `NAME.sha256` then records its checksum in the format of `sha256sum`.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, StatusCode, header};

pub use super::registry::{RemoteFile, Source, find, sources};

/// What can go wrong with a download.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No data set has this name.
    #[error("no public data set is named `{name}`{}; known: {}", nearest.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default(), known.join(", "))]
    UnknownSource {
        /// Name asked for.
        name: String,
        /// A known name near it.
        nearest: Option<&'static str>,
        /// All known names.
        known: Vec<&'static str>,
    },
    /// The server could not be reached.
    #[error("cannot reach {url}: {source}; without a network, fetch the file elsewhere and put it to {}", target.display())]
    Offline {
        /// Address.
        url: String,
        /// Where the file belongs.
        target: PathBuf,
        /// What the connection said.
        source: Box<ureq::Error>,
    },
    /// The server refused.
    #[error(
        "{url} answered with status {status}, expected 200 or 206; the file may have moved, see the page of the data set"
    )]
    Status {
        /// Address.
        url: String,
        /// Status of the answer.
        status: u16,
    },
    /// The connection was cut, and cut again.
    #[error("the connection to {url} was cut after {received} bytes{} in {attempts} attempts; run again to resume from there", expected.map(|n| format!(" of {n}")).unwrap_or_default())]
    Cut {
        /// Address.
        url: String,
        /// Bytes on disk.
        received: u64,
        /// Bytes of the whole file, if the server said so.
        expected: Option<u64>,
        /// Attempts made.
        attempts: u32,
    },
    /// The file is not the expected one.
    #[error("{} has the SHA-256 {found}, expected {expected}{}", path.display(), if *kept { "; the file was changed after its download, delete it to fetch it again" } else { "; the download was deleted" })]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Checksum expected.
        expected: String,
        /// Checksum found.
        found: String,
        /// Whether the file is still there.
        kept: bool,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk.
    pub received: u64,
    /// Bytes of the whole file, if known.
    pub expected: Option<u64>,
}

/// A file that is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether anything was downloaded; `false` if it was there already.
    pub downloaded: bool,
}

/// Downloads over HTTP and HTTPS.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    /// Attempts to resume a cut connection before [`FetchError::Cut`].
    pub attempts: u32,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Client {
    /// A client; `proxy` says whether the usual environment variables (`HTTPS_PROXY`, ...) are
    /// obeyed.
    pub fn new(proxy: bool) -> Self {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(Duration::from_mins(1)))
            .user_agent(concat!("degu-lab/", env!("CARGO_PKG_VERSION")));
        if !proxy {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().new_agent(),
            attempts: 4,
        }
    }

    /// Puts a file into a folder, unless it is there with the right checksum.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; what was received stays for the next run, except after a wrong checksum.
    pub fn fetch(
        &self,
        file: &RemoteFile,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, FetchError> {
        let target = folder.join(file.name);
        if let Some(present) = present(file, &target)? {
            return Ok(present);
        }
        fs::create_dir_all(folder)?;
        let part = beside(&target, "part");
        let etag = beside(&target, "part.etag");
        self.download(file, &target, &part, &etag, progress)?;
        let sha256 = sha256(&part)?;
        if let Some(expected) = file.sha256
            && !expected.eq_ignore_ascii_case(&sha256)
        {
            fs::remove_file(&part)?;
            remove(&etag)?;
            return Err(FetchError::Checksum {
                path: target,
                expected: expected.to_owned(),
                found: sha256,
                kept: false,
            });
        }
        fs::File::open(&part)?.sync_all()?;
        let bytes = fs::metadata(&part)?.len();
        fs::write(
            beside(&target, "sha256"),
            format!("{sha256}  {}\n", file.name),
        )?;
        fs::rename(&part, &target)?;
        remove(&etag)?;
        Ok(Fetched {
            path: target,
            sha256,
            bytes,
            downloaded: true,
        })
    }

    fn download(
        &self,
        file: &RemoteFile,
        target: &Path,
        part: &Path,
        etag: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), FetchError> {
        let mut expected = file.bytes;
        for _ in 0..self.attempts.max(1) {
            let start = resumable(file, part, etag)?;
            let mut request = self.agent.get(file.url);
            if start > 0 {
                request = request.header(header::RANGE, format!("bytes={start}-"));
                if let Ok(tag) = fs::read_to_string(etag) {
                    request = request.header(header::IF_RANGE, tag);
                }
            }
            let response = request.call().map_err(|source| FetchError::Offline {
                url: file.url.to_owned(),
                target: target.to_path_buf(),
                source: Box::new(source),
            })?;
            let headers = response.headers().clone();
            let append = match response.status() {
                StatusCode::OK => false,
                StatusCode::PARTIAL_CONTENT if range_start(&headers) == Some(start) => true,
                // The part is as long as the file or longer, or another range came: begin anew.
                StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT => {
                    remove(part)?;
                    remove(etag)?;
                    continue;
                }
                status => {
                    return Err(FetchError::Status {
                        url: file.url.to_owned(),
                        status: status.as_u16(),
                    });
                }
            };
            expected = whole_length(&headers, append).or(file.bytes);
            match headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()) {
                // A weak tag does not promise equal bytes.
                Some(tag) if !tag.starts_with("W/") => fs::write(etag, tag)?,
                _ => remove(etag)?,
            }
            let mut output = fs::OpenOptions::new()
                .create(true)
                .write(true)
                .append(append)
                .truncate(!append)
                .open(part)?;
            let mut received = if append { start } else { 0 };
            progress(Progress { received, expected });
            let mut body = response.into_body().into_reader();
            let mut buffer = vec![0; 1 << 16];
            let ended = loop {
                match body.read(&mut buffer) {
                    Ok(0) => break true,
                    Ok(count) => {
                        output.write_all(&buffer[..count])?;
                        received += count as u64;
                        progress(Progress { received, expected });
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break false,
                }
            };
            output.flush()?;
            if ended && expected.is_none_or(|bytes| bytes == received) {
                return Ok(());
            }
        }
        Err(FetchError::Cut {
            url: file.url.to_owned(),
            received: fs::metadata(part).map_or(0, |data| data.len()),
            expected,
            attempts: self.attempts.max(1),
        })
    }
}

/// Bytes of the part that a download can go on from: none if nothing says that they belong to the
/// same file.
fn resumable(file: &RemoteFile, part: &Path, etag: &Path) -> Result<u64, FetchError> {
    let Ok(data) = fs::metadata(part) else {
        return Ok(0);
    };
    if data.len() > 0 && !etag.exists() && file.sha256.is_none() {
        fs::remove_file(part)?;
        return Ok(0);
    }
    Ok(data.len())
}

/// The file if it is there; its checksum is that of the registry, else the recorded one.
fn present(file: &RemoteFile, target: &Path) -> Result<Option<Fetched>, FetchError> {
    let Ok(data) = fs::metadata(target) else {
        return Ok(None);
    };
    let found = sha256(target)?;
    let record = beside(target, "sha256");
    let recorded = fs::read_to_string(&record).ok();
    let recorded = recorded
        .as_deref()
        .and_then(|text| text.split_whitespace().next());
    if let Some(expected) = file.sha256.or(recorded)
        && !expected.eq_ignore_ascii_case(&found)
    {
        return Err(FetchError::Checksum {
            path: target.to_path_buf(),
            expected: expected.to_owned(),
            found,
            kept: true,
        });
    }
    if recorded.is_none() {
        fs::write(&record, format!("{found}  {}\n", file.name))?;
    }
    Ok(Some(Fetched {
        path: target.to_path_buf(),
        sha256: found,
        bytes: data.len(),
        downloaded: false,
    }))
}

/// `NAME.suffix` beside `NAME`.
fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// SHA-256 of a file in hex.
///
/// # Errors
///
/// If the file cannot be read.
pub fn sha256(path: &Path) -> Result<String, FetchError> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
    }
    let mut hex = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

/// First byte of the range in `Content-Range: bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let range = text.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// Length of the whole file, from the range or from the length of the body.
fn whole_length(headers: &HeaderMap, partial: bool) -> Option<u64> {
    if partial {
        let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
        return text.rsplit_once('/')?.1.trim().parse().ok();
    }
    let text = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    text.trim().parse().ok()
}
