//! The kernels of GPUs, every block and thread executed on the CPU, against the CPU's kernels in
//! f64; in two orders of threads and blocks, which must give the same bits.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod adam;
mod columns;
mod driver;
mod epilogue;
mod lookup;
mod norm;
mod product;
mod weight_gradient;

use degu_kernels::cuda::{Buffer, Device, HostDriver, Matrix, Order, Products};
use std::sync::Arc;

/// Values in +-1, different for each seed; exact in f32.
fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut s = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        s = s
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (s >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

/// The factors of a product with so many columns: narrow ones are not rounded.
fn rounded(x: &[f32], products: Products, columns: usize) -> Vec<f32> {
    if products == Products::F32 || columns <= 16 {
        return x.to_vec();
    }
    // To 10 bits of mantissa, halves away from zero.
    let round = |v: &f32| f32::from_bits((v.to_bits() + 0x1000) & !0x1fff);
    x.iter().map(round).collect()
}

/// Base codes with some N.
fn codes(n: usize, seed: u64) -> Vec<u8> {
    let of = |x: &f32| {
        if *x > 0.9 {
            4 + (x * 100.0) as u8 % 3
        } else {
            ((x + 1.0) * 37.0) as u8 % 4
        }
    };
    noise(n, seed).iter().map(of).collect()
}

/// A device with so many processors.
fn device(processors: usize, order: Order) -> Device {
    Device::new(Arc::new(HostDriver::new(processors, order).unwrap()))
}

/// Runs `work` in both orders of threads and blocks; the results must have the same bits.
fn in_both_orders(processors: usize, work: impl Fn(&Device) -> Vec<f32>) -> Vec<f32> {
    let one = work(&device(processors, Order::Forward));
    let two = work(&device(processors, Order::Reversed));
    let bits = |x: &[f32]| x.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert!(bits(&one) == bits(&two), "other bits in the other order");
    one
}

fn buffer(device: &Device, values: &[f32]) -> Buffer<f32> {
    let buffer = device.buffer(values.len()).unwrap();
    buffer.upload(0, values).unwrap();
    buffer
}

/// Where a matrix per sequence lies in a longer vector.
#[derive(Clone, Copy)]
struct Layout {
    first: usize,
    step: usize,
    pitch: usize,
    count: usize,
    rows: usize,
    channels: usize,
}

impl Layout {
    /// With gaps before the first value, between rows and between sequences.
    fn gaps(count: usize, rows: usize, channels: usize) -> Self {
        let pitch = channels + 3;
        Self {
            first: 5,
            step: rows * pitch + 7,
            pitch,
            count,
            rows,
            channels,
        }
    }

    /// Values up to the last one: no more, so that reading beyond is noticed.
    fn len(&self) -> usize {
        self.first + (self.count - 1) * self.step + (self.rows - 1) * self.pitch + self.channels
    }

    /// Places of the values in their order.
    fn places(self) -> impl Iterator<Item = usize> {
        (0..self.count).flat_map(move |n| {
            (0..self.rows).flat_map(move |m| {
                (0..self.channels).map(move |c| self.first + n * self.step + m * self.pitch + c)
            })
        })
    }

    /// A vector with these values, and with NaN between them.
    fn spread(&self, values: &[f32]) -> Vec<f32> {
        let mut all = vec![f32::NAN; self.len()];
        for (place, v) in self.places().zip(values) {
            all[place] = *v;
        }
        all
    }

    /// The values; everything between must still be NaN.
    fn collect(&self, all: &[f32]) -> Vec<f32> {
        let values: Vec<f32> = self.places().map(|i| all[i]).collect();
        let nan = all.iter().filter(|v| v.is_nan()).count();
        let kept = values.iter().filter(|v| v.is_nan()).count();
        assert_eq!(nan - kept, all.len() - values.len(), "written between rows");
        values
    }

    fn matrix<'a>(&self, buffer: &'a Buffer<f32>) -> Matrix<'a> {
        Matrix {
            buffer,
            first: self.first,
            step: self.step,
            pitch: self.pitch,
        }
    }
}

/// Largest difference relative to the largest expected value.
fn close<W: Copy + Into<f64>>(what: &str, got: &[f32], want: &[W], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let want: Vec<f64> = want.iter().map(|w| (*w).into()).collect();
    let top = want.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    let error = got
        .iter()
        .zip(&want)
        .map(|(g, w)| (f64::from(*g) - w).abs())
        .fold(
            0.0,
            |m: f64, e| if e.is_nan() { f64::INFINITY } else { m.max(e) },
        )
        / top;
    assert!(error <= tolerance, "{what}: error {error:.1e}");
}
