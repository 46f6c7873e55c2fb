//! Convolutions, dense layers and their input gradients.

use super::{Layout, buffer, close, in_both_orders, noise, rounded, wide};
use degu_kernels::cuda::{DeviceWindow, Parts, Product, Products, WeightView};
use degu_kernels::{Isa, Packed, Phase, Shape, Start, Window, conv_forward};

/// Output rows, taps, stride, dilation, input and output channels.
const CASES: [[usize; 6]; 10] = [
    [1, 1, 1, 1, 70, 20],
    [1, 1, 1, 1, 400, 129],
    [29, 3, 1, 1, 5, 1],
    [31, 5, 1, 2, 16, 4],
    [60, 1, 1, 1, 7, 16],
    [43, 7, 2, 1, 3, 17],
    [33, 3, 1, 5, 24, 64],
    [50, 2, 3, 2, 11, 65],
    [45, 3, 1, 1, 31, 128],
    [26, 4, 1, 1, 9, 200],
];

/// The product by the CPU's kernel.
fn reference(
    x: &[f32],
    window: DeviceWindow,
    (c_in, c_out): (usize, usize),
    weights: &[f32],
    start: &[f32],
    rows_in: usize,
) -> Vec<f32> {
    let mut packed = Packed::new(Isa::PORTABLE, window.taps, c_in, c_out);
    packed.pack(weights);
    let mut out = start.to_vec();
    for (x, y) in x
        .chunks(rows_in * c_in)
        .zip(out.chunks_mut(window.rows * c_out))
    {
        let w = Window {
            rows: window.rows,
            pitch: c_in,
            stride: window.stride,
            dilation: window.dilation,
        };
        conv_forward(&packed, x, w, Start::Accumulate, y, c_out);
    }
    out
}

#[test]
fn outputs() {
    for (i, [rows, taps, stride, dilation, c_in, c_out]) in CASES.into_iter().enumerate() {
        let (n, window) = (
            3 + i % 2,
            DeviceWindow {
                rows,
                stride,
                dilation,
                taps,
            },
        );
        let rows_in = (rows - 1) * stride + (taps - 1) * dilation + 1;
        let (input, output) = (Layout::gaps(n, rows_in, c_in), Layout::gaps(n, rows, c_out));
        let x = noise(n * rows_in * c_in, 1);
        let old = noise(n * rows * c_out, 2);
        let parameters = noise(4 + taps * c_in * c_out + c_out, 3);
        let bias = 4 + taps * c_in * c_out;
        for (accumulate, processors, products) in [
            (false, 1, Products::F32),
            (true, 1, Products::F32),
            (false, 40, Products::F32),
            (true, 13, Products::F32),
            (false, 7, Products::Tf32),
        ] {
            let got = in_both_orders(processors, |device| {
                let (x, p) = (
                    buffer(device, &input.spread(&x)),
                    buffer(device, &parameters),
                );
                let y = buffer(device, &output.spread(&old));
                let shape = Shape {
                    rows,
                    channels: c_out,
                };
                let parts = device.product_parts(n, shape, taps * c_in);
                let parts = Parts::new(device, parts).unwrap();
                let product = Product {
                    x: input.matrix(&x),
                    window,
                    c_in,
                    c_out,
                    weights: WeightView::forward(&p, 4, c_in, c_out),
                    bias: (!accumulate).then_some(bias),
                    out: output.matrix(&y),
                    accumulate,
                    products,
                };
                device.product(&product, n, n, &parts).unwrap();
                output.collect(&y.to_vec().unwrap())
            });
            // Factors are rounded where tensor cores multiply them, biases nowhere.
            let round = |x: &[f32]| rounded(x, products, c_out);
            let start: Vec<f32> = if accumulate {
                old.clone()
            } else {
                (0..old.len())
                    .map(|i| parameters[bias + i % c_out])
                    .collect()
            };
            let weights = round(&parameters[4..bias]);
            let want = reference(&round(&x), window, (c_in, c_out), &weights, &start, rows_in);
            let name =
                format!("case {i}, accumulate {accumulate}, {processors} processors, {products:?}");
            close(&name, &got, &want, 2e-6);
        }
    }
}

/// A sequence's outputs have the same bits in a batch of any size, in any place.
#[test]
fn outputs_do_not_depend_on_the_batch() {
    let (rows, taps, c_in, c_out, capacity) = (3, 2, 150, 30, 70);
    let rows_in = rows + taps - 1;
    let window = DeviceWindow {
        rows,
        stride: 1,
        dilation: 1,
        taps,
    };
    let x = noise(capacity * rows_in * c_in, 1);
    let parameters = noise(taps * c_in * c_out, 2);
    let run = |from: usize, n: usize| {
        in_both_orders(20, |device| {
            let of = |count, rows, channels| Layout {
                first: 0,
                step: rows * channels,
                pitch: channels,
                count,
                rows,
                channels,
            };
            let (input, output) = (of(n, rows_in, c_in), of(n, rows, c_out));
            let on = buffer(device, &x[from * rows_in * c_in..][..n * rows_in * c_in]);
            let (p, y) = (
                buffer(device, &parameters),
                buffer(device, &vec![f32::NAN; output.len()]),
            );
            let shape = Shape {
                rows,
                channels: c_out,
            };
            let parts = device.product_parts(capacity, shape, taps * c_in);
            assert!(parts > 0, "the sums are to be cut here");
            let parts = Parts::new(device, parts).unwrap();
            let product = Product {
                x: input.matrix(&on),
                window,
                c_in,
                c_out,
                weights: WeightView::forward(&p, 0, c_in, c_out),
                bias: None,
                out: output.matrix(&y),
                accumulate: false,
                products: Products::F32,
            };
            device.product(&product, n, capacity, &parts).unwrap();
            y.to_vec().unwrap()
        })
    };
    let whole = run(0, capacity);
    let size = rows * c_out;
    for (from, n) in [(0, 1), (3, 2), (41, 29), (69, 1)] {
        assert_eq!(run(from, n), whole[from * size..(from + n) * size]);
    }
}

/// The input gradient by phases of the stride, against the sum that defines it.
#[test]
fn input_gradients() {
    for (i, [rows, taps, stride, dilation, left, c_in, c_out]) in [
        [20usize, 3, 1, 1, 1, 9, 20],
        [17, 5, 1, 3, 6, 20, 7],
        [25, 4, 2, 1, 1, 6, 5],
        [19, 3, 3, 2, 2, 5, 18],
        [22, 2, 4, 1, 0, 4, 1],
        [21, 7, 2, 2, 0, 1, 3],
        [24, 1, 3, 1, 0, 33, 2],
    ]
    .into_iter()
    .enumerate()
    {
        let n = 3;
        let out_rows = (rows + left).div_ceil(stride).max(1);
        let weights = noise(taps * c_in * c_out, 1);
        let dy = noise(n * out_rows * c_out, 2);
        let old = noise(n * rows * c_in, 3);
        let phases = Phase::all(rows, taps, stride, dilation, left);
        let (front, back) = phases.iter().fold((0, 0), |(a, b), p| {
            let (x, y) = p.halo(out_rows);
            (a.max(x), b.max(y))
        });
        // The gradient lies between rows of zeros.
        let mut padded = vec![];
        for dy in dy.chunks(out_rows * c_out) {
            padded.extend(vec![0.0; front * c_out]);
            padded.extend(dy);
            padded.extend(vec![0.0; back * c_out]);
        }
        let target = Layout::gaps(n, rows, c_in);
        for accumulate in [false, true] {
            let got = in_both_orders(4, |device| {
                let (w, dy) = (buffer(device, &weights), buffer(device, &padded));
                let dx = buffer(device, &target.spread(&old));
                let parts = Parts::new(device, 100_000).unwrap();
                for p in &phases {
                    let first = (front.checked_add_signed(p.first)).unwrap_or(0);
                    let product = Product {
                        x: degu_kernels::cuda::Matrix {
                            buffer: &dy,
                            first: first * c_out,
                            step: (front + out_rows + back) * c_out,
                            pitch: c_out,
                        },
                        window: DeviceWindow {
                            rows: p.rows,
                            stride: 1,
                            dilation: p.dilation,
                            taps: p.taps,
                        },
                        c_in: c_out,
                        c_out: c_in,
                        weights: WeightView::reversed(
                            &w,
                            0,
                            (c_in, c_out),
                            (p.tap, p.tap_step, p.taps),
                        ),
                        bias: None,
                        out: degu_kernels::cuda::Matrix {
                            first: target.first + p.row * target.pitch,
                            pitch: target.pitch * stride,
                            ..target.matrix(&dx)
                        },
                        accumulate,
                        products: Products::F32,
                    };
                    device.product(&product, n, n, &parts).unwrap();
                }
                target.collect(&dx.to_vec().unwrap())
            });
            let mut want = if accumulate {
                wide(&old)
            } else {
                vec![0.0; old.len()]
            };
            for s in 0..n {
                for m in 0..out_rows {
                    for t in 0..taps {
                        let Some(p) = (m * stride + t * dilation).checked_sub(left) else {
                            continue;
                        };
                        if p >= rows {
                            continue;
                        }
                        for c in 0..c_in {
                            for o in 0..c_out {
                                want[(s * rows + p) * c_in + c] +=
                                    f64::from(dy[(s * out_rows + m) * c_out + o])
                                        * f64::from(weights[(t * c_in + c) * c_out + o]);
                            }
                        }
                    }
                }
            }
            close(
                &format!("case {i}, accumulate {accumulate}"),
                &got,
                &want,
                2e-6,
            );
        }
    }
}
