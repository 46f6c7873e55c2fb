//! Layers beyond convolutions and epilogues: every instruction set against plain loops in f64
//! and their finite differences.

mod attention;
mod channels;
mod groups;
mod lstm;
mod pairs;
mod signs;
mod strides;
mod windows;
mod winograd;

/// Values in +-1, different for each seed; exact in f32.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut s = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        s = s
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (s >> 40) as f64 / f64::from(1u32 << 23) - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn cast(x: &[f64]) -> Vec<f32> {
    x.iter().map(|v| *v as f32).collect()
}

/// Largest difference relative to the largest expected value.
fn error(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let top = want.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    got.iter()
        .zip(want)
        .fold(0.0, |m: f64, (g, w)| m.max((f64::from(*g) - w).abs()))
        / top
}

fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    let e = error(got, want);
    assert!(e <= tolerance, "{what}: error {e:.1e}");
}

/// Central differences of `loss` with respect to every value of `x`.
fn differences(x: &[f64], mut loss: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let mut moved = x.to_vec();
    (0..x.len())
        .map(|i| {
            moved[i] = x[i] + h;
            let up = loss(&moved);
            moved[i] = x[i] - h;
            let down = loss(&moved);
            moved[i] = x[i];
            (up - down) / (2.0 * h)
        })
        .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
