//! The kernels on an NVIDIA GPU: compiled for it by NVRTC when they are first used, launched on one
//! stream.

use super::buffer::Buffer;
use super::driver::{DeviceError, Driver, Memory};
use super::source::{THREADS, kernel_names, source};
use cudarc::driver::sys::CUdevice_attribute as Attribute;
use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, CudaView, DevicePtr, DevicePtrMut,
    DriverError, result,
};
use cudarc::nvrtc;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_void};
use std::sync::{Arc, Mutex, PoisonError};

/// One stream of a GPU.
#[derive(Debug)]
pub struct Nvidia {
    stream: Arc<CudaStream>,
    functions: Functions,
    name: String,
    processors: usize,
    tf32: bool,
}

type Functions = Arc<BTreeMap<&'static str, CudaFunction>>;

impl Nvidia {
    /// The device of `stream`, whose work is done on this stream.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Compile`] without NVRTC (`libnvrtc.so`), [`DeviceError::Operation`] of the
    /// driver.
    pub fn new(stream: Arc<CudaStream>) -> Result<Self, DeviceError> {
        let context = stream.context();
        let unnamed = |operation: &str, e: DriverError| operation_error(operation, "CUDA", e);
        let name = context.name().map_err(|e| unnamed("its name", e))?;
        let count = context
            .attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .map_err(|e| operation_error("the number of processors", &name, e))?;
        let (generation, _) = context
            .compute_capability()
            .map_err(|e| operation_error("the compute capability", &name, e))?;
        keep_freed_memory(context);
        Ok(Self {
            functions: functions(context, &name)?,
            name,
            processors: usize::try_from(count).unwrap_or(1).max(1),
            tf32: generation >= 8,
            stream,
        })
    }

    /// The stream.
    pub fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// Copies the first values of `from` to all of `to`, on this device and in the order of its
    /// work.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    ///
    /// # Panics
    ///
    /// If `from` is shorter.
    pub fn copy_out(&self, from: &Buffer<f32>, to: &mut CudaSlice<f32>) -> Result<(), DeviceError> {
        let bytes = to.num_bytes();
        let source = from.address(0, to.len());
        let (target, _guard) = to.device_ptr_mut(&self.stream);
        self.copy(source, target, bytes)
    }

    /// Copies `from` to the first values of `to`, on this device and in the order of its work.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    ///
    /// # Panics
    ///
    /// If `to` is shorter.
    pub fn copy_in(&self, from: &CudaView<'_, f32>, to: &Buffer<f32>) -> Result<(), DeviceError> {
        let target = to.address(0, from.len());
        let (source, _guard) = from.device_ptr(&self.stream);
        self.copy(source, target, from.len() * std::mem::size_of::<f32>())
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), DeviceError> {
        self.bind()?;
        // SAFETY: both ends were checked for the length, and live until the stream has passed this
        // copy.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream.cu_stream()) }
            .map_err(|e| self.error("a copy on the device", e))
    }

    fn error(&self, operation: &str, e: DriverError) -> DeviceError {
        operation_error(operation, &self.name, e)
    }

    fn bind(&self) -> Result<(), DeviceError> {
        self.stream
            .context()
            .bind_to_thread()
            .map_err(|e| self.error("taking the device", e))
    }
}

fn operation_error(operation: &str, device: &str, e: DriverError) -> DeviceError {
    DeviceError::Operation {
        operation: operation.to_owned(),
        device: device.to_owned(),
        problem: e.to_string(),
    }
}

/// Lets the driver keep freed memory for the next allocation instead of returning it at each
/// synchronization.
fn keep_freed_memory(context: &Arc<CudaContext>) {
    use cudarc::driver::sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    let mut all = u64::MAX;
    // SAFETY: the device is that of a live context, and the attribute is a 64-bit number.
    unsafe {
        // Only speed depends on it.
        let _ = result::device::get_default_mem_pool(context.cu_device()).and_then(|pool| {
            result::mem_pool::set_attribute(
                pool,
                CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
                std::ptr::from_mut(&mut all).cast(),
            )
        });
    }
}

/// The functions of a device, compiled and loaded once per process.
fn functions(context: &Arc<CudaContext>, name: &str) -> Result<Functions, DeviceError> {
    static LOADED: Mutex<BTreeMap<usize, Functions>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(functions) = loaded.get(&context.ordinal()) {
        return Ok(functions.clone());
    }
    let (major, minor) = context
        .compute_capability()
        .map_err(|e| operation_error("the compute capability", name, e))?;
    let binary =
        compile(&format!("sm_{major}{minor}")).map_err(|problem| DeviceError::Compile {
            compiler: "NVRTC".to_owned(),
            problem,
        })?;
    let module = context
        .load_module(nvrtc::Ptx::from_binary(binary))
        .map_err(|e| operation_error("loading the kernels", name, e))?;
    let mut functions = BTreeMap::new();
    for kernel in kernel_names() {
        let function = module.load_function(kernel);
        let function = function
            .map_err(|e| operation_error(&format!("loading the kernel `{kernel}`"), name, e))?;
        functions.insert(kernel, function);
    }
    let functions = Arc::new(functions);
    loaded.insert(context.ordinal(), functions.clone());
    Ok(functions)
}

/// Machine code of the kernels for one architecture. (Not PTX: a driver refuses that of an NVRTC
/// newer than itself.)
fn compile(architecture: &str) -> Result<Vec<u8>, String> {
    let source = CString::new(source()).map_err(|e| e.to_string())?;
    let words = |e: nvrtc::result::NvrtcError| format!("{e:?}");
    let program = nvrtc::result::create_program(&source, Some(c"degu_kernels")).map_err(words)?;
    let options = [format!("--gpu-architecture={architecture}")];
    // SAFETY: the program is live until it is destroyed below; the buffer has the size that NVRTC
    // asks for.
    unsafe {
        let compiled = nvrtc::result::compile_program(program, &options).map_err(|e| {
            let log = nvrtc::result::get_program_log(program).unwrap_or_default();
            let log = log.last().map_or(String::new(), |_| {
                CStr::from_ptr(log.as_ptr()).to_string_lossy().into_owned()
            });
            format!("{} for {architecture}: {log}", words(e))
        });
        let binary = compiled.and_then(|()| {
            let mut size = 0;
            nvrtc::sys::nvrtcGetCUBINSize(program, &raw mut size)
                .result()
                .map_err(words)?;
            let mut binary = vec![0u8; size];
            nvrtc::sys::nvrtcGetCUBIN(program, binary.as_mut_ptr().cast())
                .result()
                .map_err(words)?;
            Ok(binary)
        });
        nvrtc::result::destroy_program(program).map_err(words)?;
        binary
    }
}

/// Memory of the device.
#[derive(Debug)]
struct NvidiaMemory {
    slice: CudaSlice<u8>,
    address: u64,
}

impl Memory for NvidiaMemory {
    fn address(&self) -> u64 {
        self.address
    }
    fn bytes(&self) -> usize {
        self.slice.len()
    }
}

impl Driver for Nvidia {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn processors(&self) -> usize {
        self.processors
    }

    fn has_tf32(&self) -> bool {
        self.tf32
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Memory>, DeviceError> {
        // SAFETY: buffers are zeroed before they are used.
        let slice = unsafe { self.stream.alloc::<u8>(bytes) };
        let slice = slice.map_err(|e| self.error(&format!("allocating {bytes} bytes"), e))?;
        let (address, guard) = slice.device_ptr(&self.stream);
        drop(guard);
        Ok(Box::new(NvidiaMemory { slice, address }))
    }

    fn upload(&self, memory: &dyn Memory, at: usize, values: &[u8]) -> Result<(), DeviceError> {
        assert!(at + values.len() <= memory.bytes(), "inside the memory");
        self.bind()?;
        let to = memory.address() + at as u64;
        // SAFETY: the bytes exist on the device; memory that is not pinned is copied before the
        // call returns.
        unsafe { result::memcpy_htod_async(to, values, self.stream.cu_stream()) }
            .map_err(|e| self.error("copying to the device", e))
    }

    fn download(
        &self,
        memory: &dyn Memory,
        at: usize,
        values: &mut [u8],
    ) -> Result<(), DeviceError> {
        assert!(at + values.len() <= memory.bytes(), "inside the memory");
        self.bind()?;
        let from = memory.address() + at as u64;
        // SAFETY: the bytes exist on the device, and the call below waits until they are here.
        unsafe { result::memcpy_dtoh_async(values, from, self.stream.cu_stream()) }
            .map_err(|e| self.error("copying from the device", e))?;
        self.synchronize()
    }

    fn zero(&self, memory: &dyn Memory) -> Result<(), DeviceError> {
        self.bind()?;
        // SAFETY: the bytes exist on the device.
        unsafe {
            result::memset_d8_async(memory.address(), 0, memory.bytes(), self.stream.cu_stream())
        }
        .map_err(|e| self.error("clearing memory", e))
    }

    unsafe fn launch(
        &self,
        kernel: &'static str,
        grid: [u32; 3],
        arguments: *const c_void,
        bytes: usize,
    ) -> Result<(), DeviceError> {
        let Some(function) = self.functions.get(kernel) else {
            return Err(DeviceError::Kernel {
                name: kernel,
                bytes,
            });
        };
        self.bind()?;
        let mut parameters = [arguments.cast_mut()];
        // SAFETY: the function takes one structure by value, to which `arguments` points; the rest
        // is promised by the caller.
        unsafe {
            result::launch_kernel(
                function.cu_function(),
                (grid[0], grid[1], grid[2]),
                (THREADS as u32, 1, 1),
                0,
                self.stream.cu_stream(),
                &mut parameters,
            )
        }
        .map_err(|e| self.error(&format!("the kernel `{kernel}`"), e))
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        self.stream
            .synchronize()
            .map_err(|e| self.error("waiting for the device", e))
    }
}
