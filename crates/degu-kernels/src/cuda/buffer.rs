//! Typed memory of a device, and matrices in it.

use super::driver::{DeviceError, Memory};
use super::launch::Device;
use std::marker::PhantomData;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for u8 {}
    impl Sealed for u64 {}
}

/// Numbers without padding that any bytes make: f32, f64, u8, u64.
pub trait Plain: sealed::Sealed + Copy + Default + 'static {}
impl Plain for f32 {}
impl Plain for f64 {}
impl Plain for u8 {}
impl Plain for u64 {}

/// A vector on a device.
#[derive(Debug)]
pub struct Buffer<T> {
    // Dropped before the device that it lies on.
    memory: Box<dyn Memory>,
    device: Device,
    len: usize,
    values: PhantomData<T>,
}

impl Device {
    /// A vector of zeros.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`] without enough memory.
    pub fn buffer<T: Plain>(&self, len: usize) -> Result<Buffer<T>, DeviceError> {
        Buffer::new(self, len)
    }
}

impl<T: Plain> Buffer<T> {
    fn new(device: &Device, len: usize) -> Result<Self, DeviceError> {
        // An empty buffer has an address too.
        let memory = device
            .driver()
            .allocate(len.max(1) * std::mem::size_of::<T>())?;
        let buffer = Self {
            memory,
            device: device.clone(),
            len,
            values: PhantomData,
        };
        buffer.zero()?;
        Ok(buffer)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The memory.
    pub fn memory(&self) -> &dyn Memory {
        self.memory.as_ref()
    }

    /// Sets every value to zero.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    pub fn zero(&self) -> Result<(), DeviceError> {
        self.device.driver().zero(self.memory.as_ref())
    }

    /// Copies `values` to the place `at`.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    ///
    /// # Panics
    ///
    /// If they do not fit.
    pub fn upload(&self, at: usize, values: &[T]) -> Result<(), DeviceError> {
        self.check(at, values.len());
        // SAFETY: the bytes of numbers without padding.
        let bytes = unsafe {
            std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), std::mem::size_of_val(values))
        };
        let at = at * std::mem::size_of::<T>();
        self.device.driver().upload(self.memory.as_ref(), at, bytes)
    }

    /// Copies from the place `at` on to `values`, after all work before it.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub fn download(&self, at: usize, values: &mut [T]) -> Result<(), DeviceError> {
        self.check(at, values.len());
        // SAFETY: any bytes make numbers of these types.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(
                values.as_mut_ptr().cast::<u8>(),
                std::mem::size_of_val(values),
            )
        };
        let at = at * std::mem::size_of::<T>();
        self.device
            .driver()
            .download(self.memory.as_ref(), at, bytes)
    }

    /// All values.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Operation`].
    pub fn to_vec(&self) -> Result<Vec<T>, DeviceError> {
        let mut values = vec![T::default(); self.len];
        self.download(0, &mut values)?;
        Ok(values)
    }

    /// Stops unless `count` values from `at` on exist.
    pub(super) fn check(&self, at: usize, count: usize) {
        assert!(
            at + count <= self.len,
            "values {at} .. {} of a buffer of {}",
            at + count,
            self.len
        );
    }

    /// Address of the value `at`, for kernels that read or write `count` values from it on.
    pub(super) fn address(&self, at: usize, count: usize) -> u64 {
        self.check(at, count);
        self.memory.address() + (at * std::mem::size_of::<T>()) as u64
    }
}

/// Matrices of the sequences of a batch: value (n, m, c) lies at `first + n * step + m * pitch +
/// c`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Where they lie.
    pub buffer: &'a Buffer<f32>,
    /// Value (0, 0, 0).
    pub first: usize,
    /// Values from one sequence to the next.
    pub step: usize,
    /// Values from one row to the next.
    pub pitch: usize,
}

impl Matrix<'_> {
    /// The same from row `row` on.
    #[must_use]
    pub fn from_row(self, row: usize) -> Self {
        Self {
            first: self.first + row * self.pitch,
            ..self
        }
    }

    /// Address of the first value, for kernels that use `count` sequences of `rows` rows and
    /// `channels`.
    pub(super) fn address(&self, count: usize, rows: usize, channels: usize) -> u64 {
        let reach = match (count, rows) {
            (0, _) | (_, 0) => 0,
            _ => (count - 1) * self.step + (rows - 1) * self.pitch + channels,
        };
        // Kernels compute places in 32 bits.
        assert!(
            i32::try_from(reach).is_ok(),
            "a matrix of {reach} values: use smaller batches"
        );
        self.buffer.address(self.first, reach)
    }
}
