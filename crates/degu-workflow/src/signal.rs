//! Signals only set a flag; the loops that do the work look at it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGUSR1},
    flag,
};

use crate::exit::ExitCode;

/// The flag that SIGINT, SIGTERM and SIGUSR1 set.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// A flag that no signal sets, for tests and for callers with signals of their own.
    pub fn manual() -> Self {
        Self::default()
    }

    /// Installs the handlers, for the life of the process. A second SIGINT ends the process at once
    /// with exit 130.
    ///
    /// # Errors
    ///
    /// The system's error if a handler cannot be installed.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::default();
        let asked_once = Arc::new(AtomicBool::new(false));
        // Order matters: the shutdown looks at the flag before this same signal sets it.
        flag::register_conditional_shutdown(
            SIGINT,
            i32::from(ExitCode::INTERRUPTED),
            Arc::clone(&asked_once),
        )?;
        flag::register(SIGINT, asked_once)?;
        for signal in [SIGINT, SIGTERM, SIGUSR1] {
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&interrupt.signal), number)?;
            flag::register(signal, Arc::clone(&interrupt.flag))?;
        }
        Ok(interrupt)
    }

    /// The flag itself, for [`Options::interrupt`](crate::execute::Options::interrupt).
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// True once a signal came.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Sets the flag.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Name of the last signal, if one came.
    pub fn signal(&self) -> Option<&'static str> {
        match i32::try_from(self.signal.load(Ordering::Relaxed)).ok()? {
            SIGINT => Some("SIGINT"),
            SIGTERM => Some("SIGTERM"),
            SIGUSR1 => Some("SIGUSR1"),
            _ => None,
        }
    }
}
