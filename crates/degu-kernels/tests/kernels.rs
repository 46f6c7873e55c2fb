//! Every instruction set against plain loops in f64, at sizes around every tile height and vector
//! width.

use degu_kernels::{
    Activation, AdamStep, CodeWindow, DropoutMask, Epilogue, Isa, Moments, NormGradient, Packed,
    Pool, Rows, RowsMut, Shape, Start, Window, adam, column_sums, conv_forward,
    conv_weight_gradient, epilogue_backward, epilogue_forward, epilogue_sums, lookup_forward,
    lookup_weight_gradient,
};

/// Values in +-0.5, different for each seed; exact in f32.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut s = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        s = s
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (s >> 40) as f64 / f64::from(1u32 << 24) - 0.5
    };
    (0..n).map(|_| next()).collect()
}

fn single(x: &[f64]) -> Vec<f32> {
    x.iter().map(|v| *v as f32).collect()
}

/// Stops unless the values agree relative to the largest.
fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    let top = want.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let e = (f64::from(*g) - w).abs() / top;
        assert!(
            e <= tolerance,
            "{what}: element {i} is {g}, expected {w} (error {e:.1e})"
        );
    }
}

/// (rows, c_in, c_out, taps, dilation)
const SHAPES: [[usize; 5]; 24] = [
    [1, 1, 1, 1, 1],
    [13, 3, 5, 3, 1],
    [14, 4, 16, 7, 1],
    [15, 5, 17, 3, 2],
    [23, 7, 32, 5, 3],
    [25, 6, 33, 3, 8],
    [31, 60, 120, 3, 1],
    [17, 20, 48, 3, 4],
    [19, 9, 60, 4, 1],
    [29, 13, 64, 3, 16],
    [46, 11, 196, 7, 1],
    [7, 15, 15, 2, 1],
    [6, 16, 47, 1, 1],
    [5, 17, 65, 1, 1],
    [11, 300, 70, 3, 2],
    [9, 50, 64, 11, 1],
    [3, 1100, 40, 1, 1],
    [130, 20, 33, 3, 1],
    // Few outputs.
    [40, 64, 1, 75, 1],
    [1100, 16, 1, 9, 2],
    [13, 20, 2, 5, 3],
    [21, 33, 3, 4, 2],
    [7, 17, 4, 3, 1],
    [1, 80, 1, 7, 1],
];

#[test]
fn convolutions_equal_plain_loops() {
    for [rows, ci, co, taps, dilation] in SHAPES {
        let rows_in = rows + (taps - 1) * dilation;
        let (x, w, b, dy) = (
            noise(rows_in * ci, 1),
            noise(taps * ci * co, 2),
            noise(co, 3),
            noise(rows * co, 4),
        );
        let (mut y, mut dw, mut dx) = (
            vec![0.0; rows * co],
            vec![0.0; taps * ci * co],
            vec![0.0; rows_in * ci],
        );
        for m in 0..rows {
            for o in 0..co {
                y[m * co + o] = b[o];
                for t in 0..taps {
                    for c in 0..ci {
                        let (at, k) = ((m + t * dilation) * ci + c, (t * ci + c) * co + o);
                        y[m * co + o] += x[at] * w[k];
                        dw[k] += x[at] * dy[m * co + o];
                        dx[at] += w[k] * dy[m * co + o];
                    }
                }
            }
        }
        let window = Window {
            rows,
            pitch: ci,
            stride: 1,
            dilation,
        };
        let mut bits: Vec<(Vec<u32>, Vec<u32>)> = vec![];
        for isa in Isa::available() {
            let name = format!(
                "{} {rows} rows, {ci} to {co} channels, {taps} taps, dilation {dilation}",
                isa.name()
            );
            // Buffers of exactly the size that is needed.
            let (x, w, b, dy) = (single(&x), single(&w), single(&b), single(&dy));
            let mut packed = Packed::new(isa, taps, ci, co);
            packed.pack(&w);
            let mut got = vec![f32::NAN; rows * co];
            conv_forward(&packed, &x, window, Start::Bias(&b), &mut got, co);
            close(&format!("forward, {name}"), &got, &y, 2e-6);
            let forward = got.iter().map(|v| v.to_bits()).collect();
            conv_forward(&packed, &x, window, Start::Accumulate, &mut got, co);
            let twice: Vec<f64> = y
                .iter()
                .enumerate()
                .map(|(i, v)| 2.0 * v - f64::from(b[i % co]))
                .collect();
            close(&format!("accumulated, {name}"), &got, &twice, 2e-6);

            let mut gradient = vec![0.0f32; taps * ci * co];
            conv_weight_gradient(isa, [taps, ci, co], &x, window, &dy, co, &mut gradient);
            close(&format!("weight gradient, {name}"), &gradient, &dw, 2e-6);
            bits.push((forward, gradient.iter().map(|v| v.to_bits()).collect()));

            let halo = (taps - 1) * dilation;
            let mut padded = vec![0.0f32; (rows + 2 * halo) * co];
            padded[halo * co..(halo + rows) * co].copy_from_slice(&dy);
            let mut reversed = Packed::new(isa, taps, co, ci);
            reversed.pack_reversed(&w);
            let mut got = vec![f32::NAN; rows_in * ci];
            let window = Window {
                rows: rows_in,
                pitch: co,
                stride: 1,
                dilation,
            };
            conv_forward(&reversed, &padded, window, Start::Zero, &mut got, ci);
            close(&format!("input gradient, {name}"), &got, &dx, 2e-6);
        }
        // The vector width does not enter the chains of fused multiply-adds; the portable set
        // (first) does not fuse. The sums of few outputs are split over the lanes.
        let few = co <= 4 && taps > 1;
        assert!(
            bits[1..]
                .windows(2)
                .all(|w| (few || w[0].0 == w[1].0) && w[0].1 == w[1].1),
            "fused sets differ in bits"
        );
    }
}

#[test]
fn a_stride_and_a_channel_range() {
    // Channels 1..4 of an input of 5, every second row, into channels 2..4 of an output of 6.
    let (x, w) = (noise(11 * 5, 1), noise(3 * 3 * 2, 2));
    for isa in Isa::available() {
        let mut packed = Packed::new(isa, 3, 3, 2);
        packed.pack(&single(&w));
        let mut y = [7.0f32; 5 * 6];
        let window = Window {
            rows: 5,
            pitch: 5,
            stride: 2,
            dilation: 1,
        };
        conv_forward(
            &packed,
            &single(&x)[1..],
            window,
            Start::Zero,
            &mut y[2..],
            6,
        );
        for m in 0..5 {
            for o in 0..6 {
                let sum = |o: usize| -> f64 {
                    (0..9)
                        .map(|k| x[(2 * m + k / 3) * 5 + 1 + k % 3] * w[k * 2 + o])
                        .sum()
                };
                let want = if (2..4).contains(&o) { sum(o - 2) } else { 7.0 };
                assert!((f64::from(y[m * 6 + o]) - want).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn look_up_equals_convolution_of_one_hot_rows() {
    for (co, taps, dilation) in [(1, 7, 1), (16, 3, 2), (37, 40, 1), (64, 5, 1), (100, 19, 1)] {
        let length = 53;
        let codes: Vec<u8> = noise(length, 9)
            .iter()
            .map(|v| ((v + 0.5) * 5.0) as u8)
            .collect();
        assert!(codes.contains(&4));
        let (w, b, dy) = (noise(taps * 4 * co, 2), noise(co, 3), noise(length * co, 4));
        let left = dilation * (taps - 1) / 2;
        let (mut y, mut dw) = (vec![0.0; length * co], vec![0.0; taps * 4 * co]);
        for m in 0..length {
            for o in 0..co {
                y[m * co + o] = b[o];
                for t in 0..taps {
                    let at = (m + t * dilation).wrapping_sub(left);
                    if at < length && codes[at] < 4 {
                        let k = (t * 4 + usize::from(codes[at])) * co + o;
                        y[m * co + o] += w[k];
                        dw[k] += dy[m * co + o];
                    }
                }
            }
        }
        for isa in Isa::available() {
            let (w, b, dy) = (single(&w), single(&b), single(&dy));
            let (mut got, mut gradient) =
                (vec![f32::NAN; length * co], vec![0.0f32; taps * 4 * co]);
            for first_row in (0..length).step_by(10) {
                let rows = 10.min(length - first_row);
                let window = CodeWindow {
                    first_row,
                    rows,
                    taps,
                    stride: 1,
                    dilation,
                    left,
                };
                lookup_forward(
                    isa,
                    &w,
                    co,
                    &codes,
                    window,
                    Some(&b),
                    &mut got[first_row * co..],
                    co,
                );
                lookup_weight_gradient(
                    isa,
                    &mut gradient,
                    co,
                    &codes,
                    window,
                    &dy[first_row * co..],
                    co,
                );
            }
            close("look-up", &got, &y, 1e-6);
            close("look-up gradient", &gradient, &dw, 1e-6);
        }
    }
}

/// An activation by its definition.
fn activated(activation: Activation, z: f64) -> f64 {
    let logistic = |z: f64| 1.0 / (1.0 + (-z).exp());
    match activation {
        Activation::Identity => z,
        Activation::Relu => z.max(0.0),
        Activation::Silu => z * logistic(z),
        Activation::Elu => z.max(0.0) + z.min(0.0).exp_m1(),
        Activation::Gelu => {
            // The normal distribution function, by its series around zero.
            let (mut term, mut sum) = (z, z);
            for n in 1..40 {
                term *= -z * z / (2 * n) as f64;
                sum += term / (2 * n + 1) as f64;
            }
            z * (0.5 + sum / std::f64::consts::TAU.sqrt())
        }
        Activation::Softplus => z.exp().ln_1p(),
        Activation::Sigmoid => logistic(z),
        Activation::Tanh => z.tanh(),
        Activation::Exp => z.exp(),
        _ => panic!("{activation:?}"),
    }
}

/// Channels of the epilogues: a vector of every instruction set and a part of one.
const CHANNELS: usize = 19;

/// The epilogue by definition: pooled rows from `y` and `skip`.
fn plain_epilogue(
    epilogue: &Epilogue<'_>,
    affine: Option<(&[f64], &[f64])>,
    rows: usize,
    y: &[f64],
    skip: Option<&[f64]>,
) -> Vec<f64> {
    let (c, size) = (CHANNELS, epilogue.pool.size());
    let factor = |mask: Option<DropoutMask>, i: usize| {
        mask.map_or(1.0, |m| if m.keeps(i as u32) { m.factor() } else { 0.0 })
    };
    let value = |i: usize| {
        let z = affine.map_or(y[i], |(s, b)| y[i] * s[i % c] + b[i % c]);
        let z = z + skip.map_or(0.0, |s| s[i]);
        activated(epilogue.activation, z) * factor(epilogue.before, i)
    };
    (0..rows / size * c)
        .map(|i| {
            let window = (0..size).map(|k| value((i / c * size + k) * c + i % c));
            let pooled = match epilogue.pool {
                Pool::Max(_) => window.fold(f64::MIN, f64::max),
                Pool::Mean(n) => window.sum::<f64>() / n as f64,
            };
            pooled * factor(epilogue.after, i)
        })
        .collect()
}

/// Central differences of `loss` with respect to every value of `x`.
fn differences(x: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let mut moved = x.to_vec();
    (0..x.len())
        .map(|i| {
            let mut at = |d: f64| {
                moved[i] = x[i] + d;
                loss(&moved)
            };
            let slope = (at(h) - at(-h)) / (2.0 * h);
            moved[i] = x[i];
            slope
        })
        .collect()
}

/// Forward and both backward passes, for every activation and instruction set, against the
/// definition and its central differences.
#[test]
fn epilogues_equal_their_definition() {
    let shape = Shape {
        rows: 11,
        channels: CHANNELS,
    };
    let n = shape.rows * CHANNELS;
    let per_channel = |seed: u64| noise(CHANNELS, seed);
    let (y, skip, scale, shift) = (noise(n, 1), noise(n, 2), per_channel(3), per_channel(4));
    let (mean, constant, slope) = (per_channel(5), per_channel(6), per_channel(7));
    let (scale1, shift1) = (single(&scale), single(&shift));
    let mask = |rate: f64| Some(DropoutMask::new(1, 2, 3, rate));
    for (case, activation) in Activation::ALL
        .iter()
        .cycle()
        .take(3 * Activation::ALL.len())
        .enumerate()
    {
        let pool = [Pool::Max(2), Pool::NONE, Pool::Mean(3), Pool::Max(4)][case % 4];
        let affine = case % 2 == 0;
        let skipped = case % 3 == 1;
        let epilogue = Epilogue {
            affine: affine.then_some((&scale1[..], &shift1[..])),
            activation: *activation,
            before: if case % 3 == 0 { mask(0.3) } else { None },
            pool,
            after: if case % 5 == 0 { mask(0.4) } else { None },
        };
        let pooled = shape.rows / pool.size() * CHANNELS;
        let g = noise(pooled, 8);
        let name = format!("{activation:?} {pool:?}");

        let plain = |y: &[f64], skip: &[f64]| {
            let affine = affine.then_some((&scale[..], &shift[..]));
            plain_epilogue(&epilogue, affine, shape.rows, y, skipped.then_some(skip))
        };
        let want = plain(&y, &skip);
        let loss = |out: Vec<f64>| out.iter().zip(&g).map(|(o, g)| o * g).sum();
        let dy = differences(&y, |y| loss(plain(y, &skip)));
        let dskip = differences(&skip, |skip| loss(plain(&y, skip)));
        // The sums that a batch norm needs are those of dy / scale.
        let unit = |i: usize| {
            if affine {
                dy[i] / scale[i % CHANNELS]
            } else {
                dy[i]
            }
        };
        let mut sums = [vec![0.0; CHANNELS], vec![0.0; CHANNELS]];
        for i in 0..n {
            sums[0][i % CHANNELS] += unit(i);
            sums[1][i % CHANNELS] += unit(i) * (y[i] - mean[i % CHANNELS]);
        }
        let normed: Vec<f64> = (0..n)
            .map(|i| {
                let c = i % CHANNELS;
                dy[i] + constant[c] + slope[c] * (y[i] - mean[c])
            })
            .collect();

        for isa in Isa::available() {
            let name = format!("{} {name}", isa.name());
            let (y, skip, g) = (single(&y), single(&skip), single(&g));
            let (mean, constant, slope) = (single(&mean), single(&constant), single(&slope));
            let rows = |v| Rows {
                values: v,
                pitch: CHANNELS,
            };
            let skip32 = skipped.then_some(rows(&skip[..]));
            let mut out = vec![f32::NAN; pooled];
            // In two stretches, the first of a whole number of windows.
            let first = pool.size() * (5 / pool.size());
            for (from, to) in [(0, first), (first, shape.rows)] {
                let part = Shape {
                    rows: to - from,
                    ..shape
                };
                let skip = skipped.then_some(rows(&skip[from * CHANNELS..]));
                let target = RowsMut {
                    values: &mut out[from / pool.size() * CHANNELS..],
                    pitch: CHANNELS,
                    accumulate: false,
                };
                epilogue_forward(
                    isa,
                    &epilogue,
                    part,
                    from,
                    rows(&y[from * CHANNELS..]),
                    skip,
                    target,
                );
            }
            close(&format!("{name} forward"), &out, &want, 2e-6);
            let (mut a, mut b) = (vec![0.0f32; CHANNELS], vec![0.0f32; CHANNELS]);
            epilogue_sums(
                isa,
                &epilogue,
                shape,
                0,
                rows(&y),
                skip32,
                rows(&g),
                &mean,
                [&mut a, &mut b],
            );
            close(&format!("{name} sum of g"), &a, &sums[0], 5e-6);
            close(&format!("{name} sum of g y"), &b, &sums[1], 5e-6);
            let norm = NormGradient {
                mean: &mean,
                constant: &constant,
                slope: &slope,
            };
            let mut in_place = y.clone();
            let mut of_skip = vec![f32::NAN; n];
            let mut into = vec![1.0f32; n];
            let mut source = y.clone();
            epilogue_backward(
                isa,
                &epilogue,
                shape,
                0,
                RowsMut {
                    values: &mut in_place,
                    pitch: CHANNELS,
                    accumulate: false,
                },
                skip32,
                rows(&g),
                Some(norm),
                skipped.then_some(RowsMut {
                    values: &mut of_skip,
                    pitch: CHANNELS,
                    accumulate: false,
                }),
                None,
            );
            if skipped {
                close(&format!("{name} skip gradient"), &of_skip, &dskip, 5e-6);
            }
            close(&format!("{name} gradient"), &in_place, &normed, 5e-6);
            let target = RowsMut {
                values: &mut into,
                pitch: CHANNELS,
                accumulate: true,
            };
            epilogue_backward(
                isa,
                &epilogue,
                shape,
                0,
                RowsMut {
                    values: &mut source,
                    pitch: CHANNELS,
                    accumulate: false,
                },
                skip32,
                rows(&g),
                Some(norm),
                None,
                Some(target),
            );
            let added: Vec<f64> = normed.iter().map(|v| v + 1.0).collect();
            close(&format!("{name} gradient added"), &into, &added, 5e-6);
            assert_eq!(source, y, "the linear output stays");
        }
    }
}

#[test]
fn the_first_of_tied_rows_wins_and_relu_is_flat_at_zero() {
    for isa in Isa::available() {
        let epilogue = Epilogue {
            affine: None,
            activation: Activation::Relu,
            before: None,
            pool: Pool::Max(2),
            after: None,
        };
        let mut y = [2.0f32, 2.0, 0.0, 0.0, -1.0, -2.0];
        epilogue_backward(
            isa,
            &epilogue,
            Shape {
                rows: 6,
                channels: 1,
            },
            0,
            RowsMut {
                values: &mut y,
                pitch: 1,
                accumulate: false,
            },
            None,
            Rows {
                values: &[1.0, 1.0, 1.0],
                pitch: 1,
            },
            None,
            None,
            None,
        );
        assert_eq!(
            y.map(f32::to_bits),
            [1.0f32, 0.0, 0.0, 0.0, 0.0, 0.0].map(f32::to_bits)
        );
    }
}

/// An epilogue that leaves values as they are.
const NOTHING: Epilogue<'_> = Epilogue {
    affine: None,
    activation: Activation::Identity,
    before: None,
    pool: Pool::NONE,
    after: None,
};

/// Replaces rows `first_row ..` of a sample by the result of an epilogue that does not pool.
fn alone(isa: Isa, epilogue: &Epilogue<'_>, shape: Shape, first_row: usize, x: &mut [f32]) {
    let pitch = shape.channels;
    let y = x[..shape.rows * pitch].to_vec();
    let y = Rows { values: &y, pitch };
    let out = RowsMut {
        values: x,
        pitch,
        accumulate: false,
    };
    epilogue_forward(isa, epilogue, shape, first_row, y, None, out);
}

fn activate(isa: Isa, activation: Activation, x: &mut [f32]) {
    let shape = Shape {
        rows: 1,
        channels: x.len(),
    };
    let epilogue = Epilogue {
        activation,
        ..NOTHING
    };
    alone(isa, &epilogue, shape, 0, x);
}

#[test]
fn exponentials_are_right_to_two_units() {
    for isa in Isa::available() {
        let x: Vec<f32> = (-87_000..88_000).map(|i| i as f32 * 1e-3).collect();
        let mut y = x.clone();
        activate(isa, Activation::Exp, &mut y);
        for (x, y) in x.iter().zip(&y) {
            let want = f64::from(*x).exp();
            assert!(
                (f64::from(*y) - want).abs() <= 2e-7 * want,
                "{}: exp({x}) = {y}",
                isa.name()
            );
        }
        let mut edge = [
            f32::NEG_INFINITY,
            -200.0,
            0.0,
            200.0,
            f32::INFINITY,
            f32::NAN,
        ];
        activate(isa, Activation::Exp, &mut edge);
        assert!(
            edge[0] == 0.0
                && edge[1] == 0.0
                && edge[2].to_bits() == 1.0f32.to_bits()
                && edge[3].is_infinite()
                && edge[4].is_infinite()
                && edge[5].is_nan()
        );
        for activation in Activation::ALL {
            let mut far = [-80.0f32, 80.0, f32::NAN];
            activate(isa, activation, &mut far);
            assert!(
                far[0].is_finite() && far[1].is_finite() && far[2].is_nan(),
                "{} {activation:?}: {far:?}",
                isa.name()
            );
        }
    }
}

#[test]
fn masks_are_the_same_everywhere_and_keep_the_right_share() {
    let (rows, channels) = (400, 37);
    let mask = DropoutMask::new(9, 8, 7, 0.3);
    for isa in Isa::available() {
        let mut x = vec![1.0f32; rows * channels];
        let rows = Shape {
            rows: 100,
            channels,
        };
        alone(
            isa,
            &Epilogue {
                before: Some(mask),
                ..NOTHING
            },
            rows,
            0,
            &mut x,
        );
        let rows = Shape {
            rows: 300,
            channels,
        };
        alone(
            isa,
            &Epilogue {
                before: Some(mask),
                ..NOTHING
            },
            rows,
            100,
            &mut x[100 * channels..],
        );
        let kept = x.iter().enumerate().filter(|(i, v)| {
            assert_eq!(**v != 0.0, mask.keeps(*i as u32));
            **v != 0.0
        });
        // Five standard deviations of a binomial share.
        let share = kept.count() as f64 / x.len() as f64;
        assert!(
            (share - 0.7).abs() < 5.0 * (0.21 / x.len() as f64).sqrt(),
            "{share}"
        );
    }
    let differs = |other: DropoutMask| {
        (0..10_000)
            .filter(|i| mask.keeps(*i) != other.keeps(*i))
            .count()
    };
    for other in [
        DropoutMask::new(10, 8, 7, 0.3),
        DropoutMask::new(9, 9, 7, 0.3),
        DropoutMask::new(9, 8, 8, 0.3),
    ] {
        // Two independent masks differ with probability 2 * 0.3 * 0.7.
        assert!((differs(other) as f64 / 1e4 - 0.42).abs() < 0.03);
    }
}

#[test]
fn statistics_survive_a_mean_far_above_the_spread() {
    let shape = Shape {
        rows: 60,
        channels: 19,
    };
    let x: Vec<f32> = noise(shape.rows * shape.channels, 3)
        .iter()
        .map(|v| (4096.0 + v) as f32)
        .collect();
    for isa in Isa::available() {
        let mut parts = [Moments::new(19), Moments::new(19)];
        for (i, part) in x.chunks(15 * 19).enumerate() {
            parts[i % 2].add(
                isa,
                Shape {
                    rows: 15,
                    channels: 19,
                },
                Rows {
                    values: part,
                    pitch: 19,
                },
            );
        }
        let mut all = Moments::new(19);
        for part in &parts {
            all.merge(part);
        }
        for c in 0..19 {
            let column: Vec<f64> = x
                .iter()
                .skip(c)
                .step_by(19)
                .map(|v| f64::from(*v))
                .collect();
            let mean = column.iter().sum::<f64>() / 60.0;
            let m2: f64 = column.iter().map(|v| (v - mean).powi(2)).sum();
            assert!(
                (all.mean()[c] - mean).abs() < 1e-4 && (all.m2()[c] / m2 - 1.0).abs() < 1e-4,
                "{} {m2}",
                all.m2()[c]
            );
        }
        let mut sums = vec![1.0f32; 19];
        let y = noise(60 * 19, 5);
        column_sums(
            isa,
            shape,
            Rows {
                values: &single(&y),
                pitch: 19,
            },
            &mut sums,
        );
        let want: Vec<f64> = (0..19)
            .map(|c| 1.0 + y.iter().skip(c).step_by(19).sum::<f64>())
            .collect();
        close("column sums", &sums, &want, 1e-6);
    }
}

#[test]
fn adam_equals_its_definition() {
    let n = 101;
    let step = AdamStep {
        lr: 0.01,
        weight_decay: 0.1,
        ..AdamStep::default()
    };
    for isa in Isa::available() {
        let (mut w, mut m, mut v) = (single(&noise(n, 1)), vec![0.0f32; n], vec![0.0f32; n]);
        let (mut w64, mut m64, mut v64) = (noise(n, 1), vec![0.0; n], vec![0.0; n]);
        for t in 1..=5u64 {
            let g = noise(n, 10 + t);
            adam(isa, &step, t, &mut w, &single(&g), &mut m, &mut v);
            for i in 0..n {
                w64[i] *= 1.0 - step.lr * step.weight_decay;
                m64[i] = step.beta1 * m64[i] + (1.0 - step.beta1) * g[i];
                v64[i] = step.beta2 * v64[i] + (1.0 - step.beta2) * g[i] * g[i];
                let root = (v64[i] / (1.0 - step.beta2.powi(t as i32))).sqrt();
                w64[i] -=
                    step.lr * (m64[i] / (1.0 - step.beta1.powi(t as i32))) / (root + step.eps);
            }
        }
        close("weights", &w, &w64, 2e-6);
        close("second moment", &v, &v64, 2e-6);
    }
}
