//! The device that tests run on: it notices what a GPU would not.

use super::{buffer, device};
use degu_kernels::Shape;
use degu_kernels::cuda::{Matrix, Order, kernel_names, source};

fn panics<T>(work: impl FnOnce() -> T) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err()
}

#[test]
fn buffers_start_at_zero_and_copies_stay_inside() {
    let device = device(2, Order::Forward);
    let a = device.buffer::<f64>(3).unwrap();
    assert_eq!(a.to_vec().unwrap(), [0.0; 3]);
    a.upload(1, &[2.5, -1.0]).unwrap();
    assert_eq!(a.to_vec().unwrap(), [0.0, 2.5, -1.0]);
    let beyond = panics(|| a.upload(2, &[1.0, 2.0]));
    assert!(beyond);
    let empty = device.buffer::<u8>(0).unwrap();
    assert!(empty.is_empty() && empty.to_vec().unwrap().is_empty());
}

#[test]
fn matrices_are_checked_before_a_launch() {
    let device = device(2, Order::Forward);
    let (a, b) = (buffer(&device, &[1.0; 12]), buffer(&device, &[0.0; 11]));
    let matrix = |buffer| Matrix {
        buffer,
        first: 0,
        step: 6,
        pitch: 3,
    };
    let shape = Shape {
        rows: 2,
        channels: 3,
    };
    device
        .add_rows(2, shape, matrix(&a), matrix(&a), true)
        .unwrap();
    assert_eq!(a.to_vec().unwrap(), [2.0; 12]);
    let short = panics(|| device.add_rows(2, shape, matrix(&a), matrix(&b), false));
    assert!(short);
}

#[test]
fn every_kernel_is_in_the_source() {
    let text = source();
    for name in kernel_names() {
        let defined = text.contains(&format!("KERNEL({name},"))
            || text.contains(&format!("#define PRODUCT {name}\n"))
            || text.contains(&format!("#define WEIGHT_GRADIENT {name}\n"));
        assert!(defined, "{name}");
    }
}
