//! What follows a linear layer, forward and backward, for every activation.

use super::{Layout, buffer, close, in_both_orders, noise, wide};
use degu_kernels::cuda::{
    Buffer, Device, DeviceDropout, DeviceEpilogue, EpilogueGradients, NormBuffers, NormTerms,
    Parts, Seeds,
};
use degu_kernels::{
    Activation, DropoutMask, Epilogue, Isa, NormGradient, Pool, Rows, RowsMut, Shape,
    epilogue_backward, epilogue_forward, epilogue_sums,
};

const N: usize = 3;
const ROWS: usize = 11;
const CHANNELS: usize = 37;
const SHAPE: Shape = Shape {
    rows: ROWS,
    channels: CHANNELS,
};
const SIZE: usize = ROWS * CHANNELS;
const EPSILON: f64 = 1e-3;

#[derive(Clone, Copy, Debug)]
struct Case {
    activation: Activation,
    pool: Pool,
    before: Option<f64>,
    after: Option<f64>,
    norm: bool,
    skip: bool,
    add: bool,
    seeds: bool,
}

fn cases() -> Vec<Case> {
    let all = Activation::ALL;
    let case = |i: usize| Case {
        activation: all[i % all.len()],
        pool: [
            Pool::Max(2),
            Pool::NONE,
            Pool::Mean(3),
            Pool::Max(4),
            Pool::Mean(11),
        ][i % 5],
        before: i.is_multiple_of(3).then_some(0.3),
        after: i.is_multiple_of(4).then_some(0.4),
        norm: i.is_multiple_of(2),
        skip: i % 3 == 1,
        add: i % 4 == 3,
        seeds: i % 7 == 6,
    };
    (0..3 * all.len()).map(case).collect()
}

/// All that a case works on.
struct Values {
    y: Vec<f32>,
    skip: Vec<f32>,
    add: Vec<f32>,
    gradient: Vec<f32>,
    /// gamma and beta
    parameters: Vec<f32>,
}

impl Case {
    fn pooled(&self) -> usize {
        ROWS / self.pool.size()
    }

    fn values(&self) -> Values {
        Values {
            y: noise(N * SIZE, 1),
            skip: noise(N * SIZE, 2),
            add: noise(N * self.pooled() * CHANNELS, 3),
            gradient: noise(N * self.pooled() * CHANNELS, 4),
            parameters: noise(2 * CHANNELS, 5),
        }
    }

    fn layout(&self) -> (Layout, Layout) {
        (
            Layout::gaps(N, ROWS, CHANNELS),
            Layout::gaps(N, self.pooled(), CHANNELS),
        )
    }

    fn mask(&self, rate: Option<f64>, n: usize, layer: u64) -> Option<DropoutMask> {
        let (seed, sample) = if self.seeds {
            (SEEDS[n], 0)
        } else {
            (99, n as u64)
        };
        rate.map(|r| DropoutMask::new(seed, layer, sample, r))
    }
}

const SEEDS: [u64; N] = [3, 1 << 60, 77];

/// What a device gives: results, gradients of gamma and beta, of the skip connection and of y.
fn on_device(case: &Case, v: &Values, device: &Device) -> Vec<f32> {
    let (rows, pooled) = case.layout();
    let up = |x: &[f32]| buffer(device, x);
    let (y, skip) = (up(&rows.spread(&v.y)), up(&rows.spread(&v.skip)));
    let (add, gradient) = (up(&pooled.spread(&v.add)), up(&pooled.spread(&v.gradient)));
    let parameters = up(&v.parameters);
    let out = up(&vec![f32::NAN; pooled.len()]);
    let norm = NormBuffers::new(device, CHANNELS).unwrap();
    let parts = Parts::new(device, Parts::for_channels(CHANNELS)).unwrap();
    let seeds: Buffer<u64> = device.buffer(N).unwrap();
    seeds.upload(0, &SEEDS).unwrap();
    let drop = |rate: Option<f64>, layer: u64| {
        rate.map(|rate| DeviceDropout {
            seeds: if case.seeds {
                Seeds::Sequences(&seeds)
            } else {
                Seeds::Step(99)
            },
            layer,
            rate,
        })
    };
    if case.norm {
        device
            .norm_batch(
                &norm,
                N,
                SHAPE,
                rows.matrix(&y),
                &parts,
                &parameters,
                (0, CHANNELS),
                EPSILON,
            )
            .unwrap();
    }
    let epilogue = DeviceEpilogue {
        count: N,
        shape: SHAPE,
        y: rows.matrix(&y),
        norm: case.norm.then_some(&norm),
        skip: case.skip.then(|| rows.matrix(&skip)),
        activation: case.activation,
        before: drop(case.before, 5),
        pool: case.pool,
        after: drop(case.after, 6),
    };
    let added = case.add.then(|| pooled.matrix(&add));
    device
        .epilogue_forward(&epilogue, added, pooled.matrix(&out))
        .unwrap();
    let mut results = pooled.collect(&out.to_vec().unwrap());
    let gradients = device.buffer(2 * CHANNELS).unwrap();
    if case.norm {
        device
            .epilogue_sums(
                &epilogue,
                pooled.matrix(&gradient),
                &parts,
                &gradients,
                (0, CHANNELS),
            )
            .unwrap();
    }
    results.extend(gradients.to_vec().unwrap());
    let terms = if case.norm {
        NormTerms::Batch
    } else {
        NormTerms::None
    };
    // The gradient of y replaces it; that of the skip connection is added to it.
    let into = EpilogueGradients {
        skip: case.skip.then(|| (rows.matrix(&skip), true)),
        y: (rows.matrix(&y), false),
    };
    // The skip connection is read as well, so its gradient goes elsewhere.
    let other = up(&rows.spread(&v.skip));
    let into = EpilogueGradients {
        skip: into.skip.map(|(_, add)| (rows.matrix(&other), add)),
        ..into
    };
    device
        .epilogue_backward(&epilogue, pooled.matrix(&gradient), terms, into)
        .unwrap();
    results.extend(rows.collect(&other.to_vec().unwrap()));
    results.extend(rows.collect(&y.to_vec().unwrap()));
    results
}

/// The same by the CPU's kernels, in the same order.
fn reference(case: &Case, v: &Values) -> Vec<Vec<f32>> {
    let isa = Isa::PORTABLE;
    let p = wide(&v.parameters);
    let y = wide(&v.y);
    let total = (N * ROWS) as f64;
    let column = |c: usize| y.iter().skip(c).step_by(CHANNELS);
    let mean: Vec<f64> = (0..CHANNELS)
        .map(|c| column(c).sum::<f64>() / total)
        .collect();
    let inverse: Vec<f64> = (0..CHANNELS)
        .map(|c| {
            let variance = column(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / total;
            1.0 / (variance + EPSILON).sqrt()
        })
        .collect();
    let scale: Vec<f64> = (0..CHANNELS).map(|c| p[c] * inverse[c]).collect();
    let shift: Vec<f64> = (0..CHANNELS)
        .map(|c| p[CHANNELS + c] - mean[c] * scale[c])
        .collect();
    let single = |x: &[f64]| x.iter().map(|v| *v as f32).collect::<Vec<_>>();
    let (scale1, shift1, mean1) = (single(&scale), single(&shift), single(&mean));
    let epilogue = |n: usize| Epilogue {
        affine: case.norm.then_some((&scale1[..], &shift1[..])),
        activation: case.activation,
        before: case.mask(case.before, n, 5),
        pool: case.pool,
        after: case.mask(case.after, n, 6),
    };
    let rows = |x: &'static str, n: usize| {
        let (values, size) = match x {
            "y" => (&v.y, SIZE),
            "skip" => (&v.skip, SIZE),
            _ => (&v.gradient, case.pooled() * CHANNELS),
        };
        Rows {
            values: &values[n * size..(n + 1) * size],
            pitch: CHANNELS,
        }
    };
    let skip_of = |n: usize| case.skip.then(|| rows("skip", n));
    let mut out = if case.add {
        v.add.clone()
    } else {
        vec![0.0; v.gradient.len()]
    };
    let [mut sum_g, mut sum_gy] = [vec![0f32; CHANNELS], vec![0f32; CHANNELS]];
    for n in 0..N {
        let to = RowsMut {
            values: &mut out[n * case.pooled() * CHANNELS..],
            pitch: CHANNELS,
            accumulate: true,
        };
        epilogue_forward(isa, &epilogue(n), SHAPE, 0, rows("y", n), skip_of(n), to);
        if case.norm {
            let sums = [&mut sum_g[..], &mut sum_gy[..]];
            epilogue_sums(
                isa,
                &epilogue(n),
                SHAPE,
                0,
                rows("y", n),
                skip_of(n),
                rows("g", n),
                &mean1,
                sums,
            );
        }
    }
    let per_channel = |f: &dyn Fn(usize) -> f64| single(&(0..CHANNELS).map(f).collect::<Vec<_>>());
    let d_gamma = per_channel(&|c| f64::from(sum_gy[c]) * inverse[c]);
    let constant = per_channel(&|c| -scale[c] * f64::from(sum_g[c]) / total);
    let slope =
        per_channel(&|c| -scale[c] * f64::from(sum_gy[c]) * inverse[c] * inverse[c] / total);
    let (mut d_skip, mut d_y) = (v.skip.clone(), v.y.clone());
    for n in 0..N {
        let skip_gradient = case.skip.then(|| RowsMut {
            values: &mut d_skip[n * SIZE..(n + 1) * SIZE],
            pitch: CHANNELS,
            accumulate: true,
        });
        let in_place = RowsMut {
            values: &mut d_y[n * SIZE..(n + 1) * SIZE],
            pitch: CHANNELS,
            accumulate: false,
        };
        let norm = case.norm.then_some(NormGradient {
            mean: &mean1,
            constant: &constant,
            slope: &slope,
        });
        epilogue_backward(
            isa,
            &epilogue(n),
            SHAPE,
            0,
            in_place,
            skip_of(n),
            rows("g", n),
            norm,
            skip_gradient,
            None,
        );
    }
    vec![out, d_gamma, sum_g, d_skip, d_y]
}

#[test]
fn every_activation_and_pool() {
    for (i, case) in cases().iter().enumerate() {
        let values = case.values();
        let got = in_both_orders([4, 40][i % 2], |device| on_device(case, &values, device));
        let mut at = 0;
        for (name, want) in ["result", "gamma", "beta", "skip", "y"]
            .iter()
            .zip(reference(case, &values))
        {
            close(
                &format!("{name} of {case:?}"),
                &got[at..at + want.len()],
                &want,
                5e-6,
            );
            at += want.len();
        }
        assert_eq!(at, got.len());
    }
}

/// The first of tied rows gets the gradient, and an activation that rectifies gives none at 0.
#[test]
fn ties_and_kinks() {
    let got = in_both_orders(4, |device| {
        let y = buffer(
            device,
            &[1.0, 1.0, -1.0, -2.0, 0.0, 0.0, 0.5, 3.0, f32::NAN],
        );
        let out = device.buffer(4).unwrap();
        let of = |buffer, step| degu_kernels::cuda::Matrix {
            buffer,
            first: 0,
            step,
            pitch: 1,
        };
        let epilogue = DeviceEpilogue {
            count: 1,
            shape: Shape {
                rows: 9,
                channels: 1,
            },
            y: of(&y, 9),
            norm: None,
            skip: None,
            activation: Activation::Relu,
            before: None,
            pool: Pool::Max(2),
            after: None,
        };
        device
            .epilogue_forward(&epilogue, None, of(&out, 4))
            .unwrap();
        let g = buffer(device, &[1.0, 10.0, 100.0, 1000.0]);
        let into = EpilogueGradients {
            skip: None,
            y: (of(&y, 9), false),
        };
        device
            .epilogue_backward(&epilogue, of(&g, 4), NormTerms::None, into)
            .unwrap();
        let mut all = out.to_vec().unwrap();
        all.extend(y.to_vec().unwrap());
        all
    });
    assert_eq!(got[..4], [1.0, 0.0, 0.0, 3.0]);
    assert_eq!(got[4..], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1000.0, 0.0]);
}
