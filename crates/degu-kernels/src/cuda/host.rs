//! The kernels on the CPU, for tests on Linux: compiled by the system's C compiler, every block and
//! thread of a launch executed.
//!
//! Memory is poisoned with NaN and lies between guards that are checked after each launch; shared
//! memory is poisoned before each block; threads that wait at different barriers are an error;
//! threads and blocks may run in reverse order, which must give the same bits.

use super::driver::{DeviceError, Driver, Memory};
use super::source::{THREADS, host_source};
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bytes before and after each allocation.
const GUARD: usize = 256;
const POISON: u8 = 0xff;

/// In which order the threads of a block and the blocks of a launch run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By their numbers.
    Forward,
    /// The last ones first.
    Reversed,
}

/// A device made of the CPU.
#[derive(Debug)]
pub struct HostDriver {
    order: Order,
    processors: usize,
    live: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl HostDriver {
    /// A device that says it has so many processors; compiles the kernels at the first call of the
    /// process.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Compile`] without a C compiler (`CC`, or `cc`).
    pub fn new(processors: usize, order: Order) -> Result<Self, DeviceError> {
        module()?;
        Ok(Self {
            order,
            processors,
            live: Arc::default(),
        })
    }

    fn error(&self, operation: &str, problem: impl Into<String>) -> DeviceError {
        DeviceError::Operation {
            operation: operation.to_owned(),
            device: self.name(),
            problem: problem.into(),
        }
    }

    /// The addresses that `bytes` bytes from `at` on of a memory have.
    fn place(&self, memory: &dyn Memory, at: usize, bytes: usize) -> Result<u64, DeviceError> {
        if at + bytes > memory.bytes() {
            return Err(self.error("a copy", "it reaches beyond its memory"));
        }
        Ok(memory.address() + at as u64)
    }

    /// Whether nothing was written around any allocation.
    fn check_guards(&self, kernel: &str) -> Result<(), DeviceError> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        for (address, bytes) in live.iter() {
            for start in [*address - GUARD as u64, address + *bytes as u64] {
                // SAFETY: every live allocation lies between its guards.
                let guard = unsafe { std::slice::from_raw_parts(start as *const u8, GUARD) };
                if guard.iter().any(|b| *b != POISON) {
                    return Err(self.error(
                        &format!("the kernel `{kernel}`"),
                        format!("it wrote beside a buffer of {bytes} bytes"),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Zeroed words, so that addresses are aligned; the memory between the guards.
#[derive(Debug)]
struct HostMemory {
    words: Vec<std::cell::UnsafeCell<u128>>,
    bytes: usize,
    live: Arc<Mutex<BTreeMap<u64, usize>>>,
}

// SAFETY: a device's memory is changed by its work only, which the drivers do one call after the
// other.
unsafe impl Sync for HostMemory {}

impl Memory for HostMemory {
    fn address(&self) -> u64 {
        self.words.as_ptr() as u64 + GUARD as u64
    }
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.remove(&(self.words.as_ptr() as u64 + GUARD as u64));
    }
}

impl Driver for HostDriver {
    fn name(&self) -> String {
        format!("the CPU as a device ({:?} order)", self.order)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn processors(&self) -> usize {
        self.processors
    }

    fn has_tf32(&self) -> bool {
        true
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Memory>, DeviceError> {
        const WORD: usize = std::mem::size_of::<u128>();
        let mut words = Vec::new();
        let poison = u128::from_ne_bytes([POISON; WORD]);
        words.resize_with((bytes + 2 * GUARD).div_ceil(WORD), || {
            std::cell::UnsafeCell::new(poison)
        });
        let memory = HostMemory {
            words,
            bytes,
            live: self.live.clone(),
        };
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.insert(memory.address(), bytes);
        drop(live);
        Ok(Box::new(memory))
    }

    fn upload(&self, memory: &dyn Memory, at: usize, values: &[u8]) -> Result<(), DeviceError> {
        let to = self.place(memory, at, values.len())? as *mut u8;
        // SAFETY: the bytes exist, as `place` checked, and lie in cells.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), to, values.len()) };
        Ok(())
    }

    fn download(
        &self,
        memory: &dyn Memory,
        at: usize,
        values: &mut [u8],
    ) -> Result<(), DeviceError> {
        let from = self.place(memory, at, values.len())? as *const u8;
        // SAFETY: the bytes exist, as `place` checked.
        unsafe { std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), values.len()) };
        Ok(())
    }

    fn zero(&self, memory: &dyn Memory) -> Result<(), DeviceError> {
        let to = self.place(memory, 0, memory.bytes())? as *mut u8;
        // SAFETY: the bytes exist, as `place` checked, and lie in cells.
        unsafe { std::ptr::write_bytes(to, 0, memory.bytes()) };
        Ok(())
    }

    unsafe fn launch(
        &self,
        kernel: &'static str,
        grid: [u32; 3],
        arguments: *const c_void,
        bytes: usize,
    ) -> Result<(), DeviceError> {
        let module = module()?;
        let function = module.kernel(kernel, bytes)?;
        let reversed = c_int::from(self.order == Order::Reversed);
        let turn = module.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the launcher and the kernel are those of the compiled source, and one launch runs
        // at a time; the rest is promised by the caller.
        let wrong = unsafe {
            (module.launch)(function, arguments, grid.as_ptr(), THREADS as u32, reversed)
        };
        drop(turn);
        let operation = format!("the kernel `{kernel}`");
        match wrong {
            0 => self.check_guards(kernel),
            1 => Err(self.error(&operation, "its threads wait at different barriers")),
            _ => Err(self.error(&operation, "no memory for the stacks of its threads")),
        }
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        Ok(())
    }
}

type Kernel = unsafe extern "C" fn(*const c_void);
type Launch = unsafe extern "C" fn(Kernel, *const c_void, *const u32, u32, c_int) -> c_int;

/// The compiled kernels.
struct Module {
    library: libloading::Library,
    launch: Launch,
    turn: Mutex<()>,
}

impl Module {
    /// A kernel, after a check of the size of its arguments.
    fn kernel(&self, name: &'static str, bytes: usize) -> Result<Kernel, DeviceError> {
        let missing = || DeviceError::Kernel { name, bytes };
        // SAFETY: the source declares these symbols with these types.
        unsafe {
            let size = self
                .library
                .get::<*const usize>(format!("degu_size_{name}"));
            let size = size.map_err(|_| missing())?;
            if **size != bytes {
                return Err(missing());
            }
            let kernel = self.library.get::<Kernel>(format!("degu_run_{name}"));
            kernel.map(|k| *k).map_err(|_| missing())
        }
    }
}

/// The kernels, compiled once per process.
fn module() -> Result<&'static Module, DeviceError> {
    static MODULE: OnceLock<Result<Module, (String, String)>> = OnceLock::new();
    let compiled = MODULE.get_or_init(|| {
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        compile(&compiler).map_err(|problem| (compiler, problem))
    });
    compiled
        .as_ref()
        .map_err(|(compiler, problem)| DeviceError::Compile {
            compiler: compiler.clone(),
            problem: problem.clone(),
        })
}

fn compile(compiler: &str) -> Result<Module, String> {
    let name = format!("degu-host-kernels-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let text = |e: std::io::Error| e.to_string();
    std::fs::create_dir_all(&folder).map_err(text)?;
    let (source, library) = (folder.join("kernels.c"), folder.join("kernels.so"));
    std::fs::write(&source, host_source()).map_err(text)?;
    // Fortified headers take a jump from one fiber to another for a broken stack.
    let output = Command::new(compiler)
        .args([
            "-std=gnu11",
            "-O2",
            "-w",
            "-U_FORTIFY_SOURCE",
            "-shared",
            "-fPIC",
            "-o",
        ])
        .arg(&library)
        .arg(&source)
        .arg("-lm")
        .output()
        .map_err(text)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    // SAFETY: the library was just made from our source; it has no constructors.
    let library = unsafe { libloading::Library::new(&library) }.map_err(|e| e.to_string())?;
    // SAFETY: the source defines this function with this type.
    let launch = unsafe { library.get::<Launch>("degu_launch") };
    let launch = *launch.map_err(|e| e.to_string())?;
    // The loaded library needs its file no longer.
    let _ = std::fs::remove_dir_all(&folder);
    Ok(Module {
        library,
        launch,
        turn: Mutex::new(()),
    })
}
