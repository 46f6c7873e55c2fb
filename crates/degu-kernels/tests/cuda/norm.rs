//! Batch norm: statistics, running statistics.

use super::{Layout, buffer, close, device, in_both_orders, noise, wide};
use degu_kernels::Shape;
use degu_kernels::cuda::{NormBuffers, Order, Parts};

/// Mean and biased variance by two passes.
fn moments(y: &[f64], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (y.len() / channels) as f64;
    let column = |c: usize| y.iter().skip(c).step_by(channels);
    let mean: Vec<f64> = (0..channels).map(|c| column(c).sum::<f64>() / n).collect();
    let variance = (0..channels)
        .map(|c| column(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / n)
        .collect();
    (mean, variance)
}

#[test]
fn statistics_of_a_batch() {
    for (n, rows, channels, processors) in [(3, 1, 3, 4), (5, 67, 33, 3), (8, 150, 9, 60)] {
        let layout = Layout::gaps(n, rows, channels);
        // A mean far above the spread costs no digits.
        let y: Vec<f32> = noise(n * rows * channels, 1)
            .iter()
            .map(|v| v * 0.01 + 5.0)
            .collect();
        let got = in_both_orders(processors, |device| {
            let on = buffer(device, &layout.spread(&y));
            let norm = NormBuffers::new(device, channels).unwrap();
            let parts = Parts::new(device, Parts::for_channels(channels)).unwrap();
            let p = buffer(device, &noise(2 * channels, 2));
            let shape = Shape { rows, channels };
            device
                .norm_batch(
                    &norm,
                    n,
                    shape,
                    layout.matrix(&on),
                    &parts,
                    &p,
                    (0, channels),
                    1e-5,
                )
                .unwrap();
            let (mean, variance) = norm.statistics().unwrap();
            // Relative to 5, and to the variance's own size.
            mean.iter()
                .map(|m| (m - 5.0) as f32)
                .chain(variance.iter().map(|v| *v as f32))
                .collect()
        });
        let (mean, variance) = moments(&wide(&y), channels);
        let mean: Vec<f64> = mean.iter().map(|m| m - 5.0).collect();
        close("mean", &got[..channels], &mean, 1e-5);
        close("variance", &got[channels..], &variance, 1e-5);
    }
}

#[test]
fn running_statistics() {
    let device = device(4, Order::Forward);
    let (n, rows, channels) = (4, 9, 6);
    let layout = Layout::gaps(n, rows, channels);
    let y = noise(n * rows * channels, 1);
    let (on, p) = (
        buffer(&device, &layout.spread(&y)),
        buffer(&device, &noise(2 * channels, 2)),
    );
    let norm = NormBuffers::new(&device, channels).unwrap();
    let parts = Parts::new(&device, Parts::for_channels(channels)).unwrap();
    let shape = Shape { rows, channels };
    device
        .norm_batch(
            &norm,
            n,
            shape,
            layout.matrix(&on),
            &parts,
            &p,
            (0, channels),
            1e-3,
        )
        .unwrap();
    let old = noise(2 * channels, 3);
    for unbiased in [false, true] {
        let buffers = buffer(&device, &old);
        device
            .norm_commit(&norm, &buffers, (0, channels), 0.3, unbiased, n * rows)
            .unwrap();
        let (mean, variance) = moments(&wide(&y), channels);
        let correction = if unbiased { 36.0 / 35.0 } else { 1.0 };
        let new = mean
            .into_iter()
            .chain(variance.iter().map(|v| v * correction));
        let want: Vec<f64> = wide(&old)
            .iter()
            .zip(new)
            .map(|(old, new)| old + 0.3 * (new - old))
            .collect();
        close("running", &buffers.to_vec().unwrap(), &want, 1e-6);
    }
}
