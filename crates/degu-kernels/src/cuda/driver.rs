//! What a device has to do: hold memory, copy, run kernels.

use std::ffi::c_void;

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The kernels could not be compiled for the device.
    #[error("the kernels could not be compiled by {compiler}: {problem}")]
    Compile {
        /// The compiler.
        compiler: String,
        /// What it said.
        problem: String,
    },
    /// An operation failed.
    #[error("{operation} failed on {device}: {problem}")]
    Operation {
        /// What was tried.
        operation: String,
        /// The device.
        device: String,
        /// The driver's words.
        problem: String,
    },
    /// A kernel that the compiled module does not have, or has with other arguments.
    #[error("the compiled kernels have no `{name}` with {bytes} bytes of arguments")]
    Kernel {
        /// Name of the kernel.
        name: &'static str,
        /// Size of its arguments.
        bytes: usize,
    },
}

/// Memory of a device; freed when dropped.
pub trait Memory: std::fmt::Debug + Send + Sync {
    /// Address of the first byte, as kernels see it; aligned to 16 bytes.
    fn address(&self) -> u64;

    /// Number of bytes.
    fn bytes(&self) -> usize;
}

/// A device. Work is done in the order of the calls; only [`download`](Self::download) and
/// [`synchronize`](Self::synchronize) wait for it.
pub trait Driver: std::fmt::Debug + Send + Sync {
    /// Name for logs and errors.
    fn name(&self) -> String;

    /// The driver's own type.
    fn as_any(&self) -> &dyn std::any::Any;

    /// Multiprocessors, which decide how finely sums are cut.
    fn processors(&self) -> usize;

    /// Whether there are tensor cores for [`Products::Tf32`](super::Products::Tf32).
    fn has_tf32(&self) -> bool;

    /// Memory with undefined contents.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`] without enough memory.
    fn allocate(&self, bytes: usize) -> Result<Box<dyn Memory>, DeviceError>;

    /// Copies `values` to `memory`, from byte `at` on.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    fn upload(&self, memory: &dyn Memory, at: usize, values: &[u8]) -> Result<(), DeviceError>;

    /// Copies from byte `at` of `memory` on to `values`, after all work before it.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`], also of work before it.
    fn download(
        &self,
        memory: &dyn Memory,
        at: usize,
        values: &mut [u8],
    ) -> Result<(), DeviceError>;

    /// Sets all bytes of `memory` to zero.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    fn zero(&self, memory: &dyn Memory) -> Result<(), DeviceError>;

    /// Runs a kernel on `grid` blocks of 256 threads.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], perhaps only at a later call.
    ///
    /// # Safety
    ///
    /// `arguments` points to the structure that the kernel takes, `bytes` long, and what the kernel
    /// reads and writes through the addresses in it lies in memory of this device that outlives the
    /// work.
    unsafe fn launch(
        &self,
        kernel: &'static str,
        grid: [u32; 3],
        arguments: *const c_void,
        bytes: usize,
    ) -> Result<(), DeviceError>;

    /// Waits for all work.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`] of work before it.
    fn synchronize(&self) -> Result<(), DeviceError>;
}
