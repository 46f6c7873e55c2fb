//! Leases: who works on something, so that nobody else does the same work.
//!
//! A lease saves double work only; correctness is the rename of a publication. It appears whole by
//! a hard link (exclusive also on NFS), its heartbeat rewrites the same bytes so that the clock of
//! the file server dates it, and taking over an abandoned one is serialised by an advisory lock,
//! which dies with its process.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{LeaseTimes, Result, clock, error::io as named, files};

/// A process on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Name of the host.
    pub host: String,
    /// Process id there.
    pub pid: u32,
    /// Name space of process ids, where the system has such: containers share host names.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Start of the process in ticks since boot, where the system tells: ids are used again.
    #[serde(default)]
    pub started: Option<u64>,
    /// Differs between any two leases.
    pub nonce: String,
}

impl Holder {
    /// This process, with a new nonce.
    pub fn ours() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        static PROCESS: OnceLock<(String, Option<String>, Option<u64>)> = OnceLock::new();
        let (host, namespace, started) = PROCESS
            .get_or_init(|| {
                let host = rustix::system::uname();
                let host = host.nodename().to_string_lossy().into_owned();
                let namespace = fs::read_link("/proc/self/ns/pid").ok();
                let namespace = namespace.map(|path| path.to_string_lossy().into_owned());
                (host, namespace, start_of(std::process::id()))
            })
            .clone();
        let pid = std::process::id();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!(
            "{host}/{namespace:?}/{pid}/{started:?}/{count}/{}",
            clock::nanoseconds()
        );
        let nonce = blake3::hash(unique.as_bytes()).to_hex()[..16].to_owned();
        Self {
            host,
            pid,
            namespace,
            started,
            nonce,
        }
    }

    /// True if the process is known to have ended. Another host's processes are never known.
    pub fn is_dead(&self) -> bool {
        self.is_of_this_host() && self.has_ended()
    }

    /// True if we would see the process if it ran.
    pub fn is_of_this_host(&self) -> bool {
        let ours = Self::ours();
        self.host == ours.host && self.namespace == ours.namespace
    }

    fn has_ended(&self) -> bool {
        !alive(self.pid) || (self.started.is_some() && start_of(self.pid) != self.started)
    }

    /// Suffix of temporary names: place, process, nonce.
    pub(crate) fn temporary_tag(&self) -> String {
        format!("{}.{}.{}", self.place(), self.pid, self.nonce)
    }

    fn place(&self) -> String {
        let place = format!("{}/{:?}", self.host, self.namespace);
        blake3::hash(place.as_bytes()).to_hex()[..8].to_owned()
    }

    /// Whether the writer of a temporary name has ended, if the name tells and it was a process of
    /// this host.
    pub(crate) fn temporary_is_dead(name: &str) -> bool {
        let mut parts = name.rsplit('.');
        let (Some(_), Some(pid), Some(place)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        place == Self::ours().place() && pid.parse().is_ok_and(|pid| !alive(pid))
    }
}

fn alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return false;
    };
    // A process that was killed and that nobody has waited for yet still has a number.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let gone = |stat: String| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
    };
    if stat.is_ok_and(gone) {
        return false;
    }
    // A process that may not be signalled is alive too.
    !matches!(
        rustix::process::test_kill_process(pid),
        Err(rustix::io::Errno::SRCH)
    )
}

/// Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and parentheses.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// Outcome of trying to take a lease.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours until dropped.
    Acquired(Lease),
    /// Another process holds it; age of its last heartbeat.
    Held {
        /// Who.
        holder: Holder,
        /// Time since its last heartbeat.
        age: Duration,
    },
}

/// A lease that is ours; released when dropped. A thread of its own keeps the heartbeat.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    holder: Holder,
    beat: Option<Heartbeat>,
}

#[derive(Debug)]
struct Heartbeat {
    stop: Arc<(Mutex<bool>, Condvar)>,
    lost: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Lease {
    /// What the lease says.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// True if another process took it over because our heartbeat did not reach the file system in
    /// time.
    pub fn is_lost(&self) -> bool {
        let beat = self.beat.as_ref();
        beat.is_some_and(|beat| beat.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(beat) = self.beat.take() {
            *beat.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            beat.stop.1.notify_all();
            // The thread only sleeps and touches a file; it has nothing to report.
            let _ = beat.thread.join();
        }
        if read(&self.path).is_some_and(|found| found.nonce == self.holder.nonce) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the lease at `path`, or says who has it.
pub(crate) fn acquire(path: &Path, times: LeaseTimes) -> Result<Attempt> {
    let folder = files::parent(path)?;
    files::create_folder(folder)?;
    let holder = Holder::ours();
    let text = serde_json::to_vec(&holder).map_err(|source| super::StoreError::Json {
        path: path.to_path_buf(),
        source,
    })?;
    loop {
        if create(path, &text)? {
            break;
        }
        match state(path, times)? {
            State::Gone => {}
            State::Live(holder, age) => return Ok(Attempt::Held { holder, age }),
            State::Abandoned => take_away(path, times)?,
        }
    }
    Ok(Attempt::Acquired(start(path, holder, text, times)?))
}

fn start(path: &Path, holder: Holder, text: Vec<u8>, times: LeaseTimes) -> Result<Lease> {
    let mut lease = Lease {
        path: path.to_path_buf(),
        holder,
        beat: None,
    };
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(named("open", path))?;
    let stop = Arc::new((Mutex::new(false), Condvar::new()));
    let lost = Arc::new(AtomicBool::new(false));
    let thread = std::thread::Builder::new()
        .name("lease".to_owned())
        .stack_size(256 * 1024)
        .spawn({
            let (stop, lost) = (Arc::clone(&stop), Arc::clone(&lost));
            let (path, nonce) = (lease.path.clone(), lease.holder.nonce.clone());
            move || keep(&file, &path, &nonce, &text, times.heartbeat, &stop, &lost)
        })
        .map_err(named("start the heartbeat of", path))?;
    lease.beat = Some(Heartbeat { stop, lost, thread });
    Ok(lease)
}

fn keep(
    file: &File,
    path: &Path,
    nonce: &str,
    text: &[u8],
    pause: Duration,
    stop: &(Mutex<bool>, Condvar),
    lost: &AtomicBool,
) {
    let mut stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        (stopped, _) = stop
            .1
            .wait_timeout_while(stopped, pause, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        if *stopped {
            return;
        }
        // The same bytes again: a reader never sees anything else, and the file server sets the
        // time.
        let _ = file.write_all_at(text, 0);
        if read(path).is_none_or(|found| found.nonce != nonce) {
            lost.store(true, Ordering::Relaxed);
            return;
        }
    }
}

/// Creates the lease with its content at once; false if there is one.
fn create(path: &Path, text: &[u8]) -> Result<bool> {
    let temporary = files::sibling(path);
    files::write_new(&temporary, text)?;
    let linked = fs::hard_link(&temporary, path);
    files::remove_file(&temporary)?;
    match linked {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A file system without hard links: exclusive creation, whose content comes a moment later.
        Err(_) => match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => {
                file.write_all_at(text, 0).map_err(|e| {
                    let _ = fs::remove_file(path);
                    named("write", path)(e)
                })?;
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(named("create", path)(e)),
        },
    }
}

enum State {
    Gone,
    Live(Holder, Duration),
    Abandoned,
}

fn read(path: &Path) -> Option<Holder> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn state(path: &Path, times: LeaseTimes) -> Result<State> {
    let modified = match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(modified) => modified,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(State::Gone),
        Err(e) => return Err(named("read", path)(e)),
    };
    let holder = read(path);
    if holder.as_ref().is_some_and(Holder::is_dead) {
        return Ok(State::Abandoned);
    }
    // Our own processes keep our time; others' heartbeats are dated by the file server.
    let age = if holder.as_ref().is_some_and(Holder::is_of_this_host) {
        clock::age(modified)
    } else {
        clock::age_on(files::parent(path)?, modified)
    };
    if age >= times.stale {
        return Ok(State::Abandoned);
    }
    let unknown = || Holder {
        host: "an unknown host".to_owned(),
        pid: 0,
        namespace: None,
        started: None,
        nonce: String::new(),
    };
    Ok(State::Live(holder.unwrap_or_else(unknown), age))
}

/// Holder and age of a lease that is alive.
pub(crate) fn live(path: &Path, times: LeaseTimes) -> Result<Option<(Holder, Duration)>> {
    Ok(match state(path, times)? {
        State::Live(holder, age) => Some((holder, age)),
        State::Gone | State::Abandoned => None,
    })
}

/// Removes an abandoned lease; what another process did meanwhile is looked at again under the
/// lock.
pub(crate) fn take_away(path: &Path, times: LeaseTimes) -> Result<()> {
    let guard = files::parent(path)?.join(".takeover");
    let lock = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&guard)
        .map_err(named("open", &guard))?;
    match lock.lock() {
        Err(e) if e.kind() != io::ErrorKind::Unsupported => return Err(named("lock", &guard)(e)),
        _ => {}
    }
    if matches!(state(path, times)?, State::Abandoned) {
        files::remove_file(path)?;
    }
    Ok(())
}
