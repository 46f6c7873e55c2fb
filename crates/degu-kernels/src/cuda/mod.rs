//! Kernels for NVIDIA GPUs: the same passes as on the CPU, over whole batches that lie on a device.
//!
//! *For*: training and prediction with every intermediate result on the device. *Not for*: layers
//! beyond convolutions, dense layers and their epilogues (LSTM, attention, layer norm, ..).
//!
//! The kernels are CUDA C that is also C (`kernels/*.cu`). A [`Driver`] runs them: `Nvidia`
//! compiles them for the device at run time (feature `cuda`), `HostDriver` compiles them with the
//! system's C compiler and runs every block and thread on the CPU (feature `host-device`), for
//! tests of numbers, indices and barriers on machines without a GPU.
//!
//! Sums are cut into parts of a fixed order, without atomics: a device gives the same bits for the
//! same inputs each time. They differ in the last bits from the CPU's and between devices with
//! other numbers of processors.
//!
//! [`Device`] has the operations; like the CPU's kernels they check shapes once per call and panic
//! on buffers that are too short. Values of a [`Buffer`] change behind shared references: it is
//! memory of another processor.

mod adam;
mod buffer;
mod columns;
mod driver;
mod epilogue;
#[cfg(all(feature = "host-device", target_os = "linux"))]
mod host;
mod launch;
mod lookup;
mod norm;
#[cfg(feature = "cuda")]
mod nvidia;
mod product;
mod source;
mod weight_gradient;

pub use adam::Clip;
pub use buffer::{Buffer, Matrix, Plain};
pub use columns::Parts;
pub use driver::{DeviceError, Driver, Memory};
pub use epilogue::{DeviceDropout, DeviceEpilogue, EpilogueGradients, NormTerms, Seeds};
#[cfg(all(feature = "host-device", target_os = "linux"))]
pub use host::{HostDriver, Order};
pub use launch::Device;
pub use norm::NormBuffers;
#[cfg(feature = "cuda")]
pub use nvidia::Nvidia;
pub use product::{DeviceWindow, Product, WeightView};
pub use source::{Products, kernel_names, source};
