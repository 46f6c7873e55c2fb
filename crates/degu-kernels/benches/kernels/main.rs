//! Speed of the matrix kernels at the layer shapes of our networks, as a share of this core's peak
//! of multiply-adds.
//!
//! `cargo bench -p degu-kernels` reports Gelem/s, one element being one floating-point operation,
//! and ends with a table of GFLOP/s and shares. The peak is that of a loop in registers, measured
//! in this process right before and after each kernel for the same instruction set, so that a clock
//! that changes does not change the share.

#![expect(unsafe_code, reason = "vector instructions measure the peak")]

mod peak;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use degu_kernels::{
    AttentionWork, Heads, Isa, LstmSteps, Packed, Rows, RowsMut, Series, Start, Window, Winograd,
    attention_backward, attention_forward, conv_forward, conv_weight_gradient, lstm_forward,
    winograd_forward, winograd_sums, winograd_weight_gradient,
};
use peak::multiply_adds;
use std::{
    hint::black_box,
    io::Write,
    time::{Duration, Instant},
};

/// (name, rows, c_in, c_out, taps, dilation, stride)
const LAYERS: [(&str, usize, usize, usize, usize, usize, usize); 9] = [
    ("deepstarr conv2", 124, 256, 60, 3, 1, 1),
    ("deepstarr conv3", 62, 60, 60, 5, 1, 1),
    ("deepstarr conv4", 31, 60, 120, 3, 1, 1),
    ("deepstarr dense1", 128, 1800, 256, 1, 1, 1),
    ("residualbind dilated", 230, 196, 196, 3, 4, 1),
    ("residualbind conv2", 46, 196, 256, 7, 1, 1),
    ("bpnet dilated", 2114, 64, 64, 3, 8, 1),
    ("dream-rnn core", 249, 640, 160, 15, 1, 1),
    ("strided stem", 124, 64, 128, 5, 1, 2),
];

/// One line of the table: instruction set, kernel, GFLOP/s, share of the peak.
type Line = (&'static str, String, f64, f64);

fn layers(criterion: &mut Criterion) {
    let mut lines: Vec<Line> = vec![];
    for isa in Isa::available() {
        let mut group = criterion.benchmark_group(isa.name());
        group.sample_size(20);
        group.warm_up_time(Duration::from_millis(500));
        group.measurement_time(Duration::from_secs(2));
        let rounds = 20_000;
        let operations = multiply_adds(isa, rounds);
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function("peak in registers", |b| {
            b.iter(|| multiply_adds(isa, black_box(rounds)));
        });
        for (name, rows, ci, co, taps, dilation, stride) in LAYERS {
            let operations = 2 * rows * ci * co * taps;
            group.throughput(Throughput::Elements(operations as u64));
            let x = vec![0.5f32; (rows * stride + (taps - 1) * dilation) * ci];
            let w = vec![0.25f32; taps * ci * co];
            let mut y = vec![0.0f32; rows * co];
            let mut dw = vec![0.0f32; taps * ci * co];
            let mut packed = Packed::new(isa, taps, ci, co);
            packed.pack(&w);
            let window = Window {
                rows,
                pitch: ci,
                stride,
                dilation,
            };
            let mut forward = || {
                conv_forward(&packed, black_box(&x), window, Start::Zero, &mut y, co);
            };
            group.bench_function(format!("{name} forward"), |b| b.iter(&mut forward));
            lines.push(share(isa, format!("{name} forward"), operations, forward));
            let shape = [taps, ci, co];
            let mut gradient = || {
                conv_weight_gradient(isa, shape, black_box(&x), window, &y, co, &mut dw);
            };
            group.bench_function(format!("{name} weight gradient"), |b| b.iter(&mut gradient));
            lines.push(share(
                isa,
                format!("{name} weight gradient"),
                operations,
                gradient,
            ));
            if stride > 1 || !(taps == 3 || taps > 5 && dilation == 1) {
                continue;
            }
            // Of the operations of the convolution itself: Winograd F(2, 3) does two thirds of
            // them.
            let mut filters = Winograd::new(isa, taps, ci, co);
            filters.pack(&w);
            let mut work = vec![];
            let mut forward = || {
                winograd_forward(
                    &filters,
                    black_box(&x),
                    window,
                    Start::Zero,
                    &mut y,
                    co,
                    &mut work,
                );
            };
            let title = format!("{name} forward, Winograd F(2, 3)");
            group.bench_function(&title, |b| b.iter(&mut forward));
            lines.push(share(isa, title, operations, forward));
            let mut sums = vec![0.0f32; winograd_sums(shape)];
            let mut gradient = || {
                winograd_weight_gradient(
                    isa,
                    shape,
                    black_box(&x),
                    window,
                    &y,
                    co,
                    &mut sums,
                    &mut work,
                );
            };
            let title = format!("{name} weight gradient, Winograd F(2, 3)");
            group.bench_function(&title, |b| b.iter(&mut gradient));
            lines.push(share(isa, title, operations, gradient));
        }
        // Sixteen sequences: a chunk of a batch of 128.
        let (sequences, length, units) = (16, 32, 320);
        let operations = 2 * sequences * (length - 1) * units * 4 * units;
        group.throughput(Throughput::Elements(operations as u64));
        let mut packed = Packed::new(isa, 1, units, 4 * units);
        packed.pack(&vec![0.01f32; units * 4 * units]);
        let mut gates = vec![0.1f32; sequences * length * 4 * units];
        let mut cells = vec![0.0f32; sequences * units];
        let mut hidden = vec![0.0f32; sequences * length * units];
        let mut steps = || {
            lstm_forward(
                &packed,
                LstmSteps::whole(sequences, length, false),
                &mut Series {
                    values: black_box(&mut gates),
                    sequence: length * 4 * units,
                    row: 4 * units,
                },
                &mut Series {
                    values: &mut cells,
                    sequence: units,
                    row: 0,
                },
                &mut Series {
                    values: &mut hidden,
                    sequence: length * units,
                    row: units,
                },
            );
        };
        group.bench_function("dream-rnn recurrence", |b| b.iter(&mut steps));
        lines.push(share(
            isa,
            "dream-rnn recurrence".to_owned(),
            operations,
            steps,
        ));
        for (name, operations, mut work) in attention(isa) {
            group.throughput(Throughput::Elements(operations as u64));
            group.bench_function(name, |b| b.iter(&mut work));
            lines.push(share(isa, name.to_owned(), operations, work));
        }
        group.finish();
    }
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "| kernels | kernel | GFLOP/s | share of the peak |\n|---|---|---|---|"
    );
    for (isa, name, rate, share) in lines {
        let _ = writeln!(
            out,
            "| {isa} | {name} | {rate:.0} | {:.0} % |",
            100.0 * share
        );
    }
}

/// Self-attention over a pooled sequence, forward and backward: name, operations of the matrix
/// products, work.
fn attention(isa: Isa) -> Vec<(&'static str, usize, Box<dyn FnMut()>)> {
    let shape = Heads {
        length: 128,
        heads: 8,
        width: 24,
    };
    let (length, inner) = (shape.length, shape.inner());
    // One product of all heads.
    let product = 2 * length * length * inner;
    let projected: Vec<f32> = (0..length * 3 * inner)
        .map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0)
        .collect();
    let dy = projected[..length * inner].to_vec();
    let forward = {
        let (x, mut y) = (projected.clone(), dy.clone());
        let mut work = AttentionWork::default();
        move || {
            let x = Rows {
                values: black_box(&x),
                pitch: 3 * inner,
            };
            let y = RowsMut {
                values: &mut y,
                pitch: inner,
                accumulate: false,
            };
            attention_forward(isa, shape, x, y, &mut work);
        }
    };
    let backward = {
        let mut dx = projected.clone();
        let mut work = AttentionWork::default();
        move || {
            let x = Rows {
                values: black_box(&projected),
                pitch: 3 * inner,
            };
            let dy = Rows {
                values: &dy,
                pitch: inner,
            };
            let dx = RowsMut {
                values: &mut dx,
                pitch: 3 * inner,
                accumulate: false,
            };
            attention_backward(isa, shape, x, dy, dx, &mut work);
        }
    };
    vec![
        ("attention forward", 2 * product, Box::new(forward)),
        ("attention backward", 5 * product, Box::new(backward)),
    ]
}

/// Shortest time of `work` over at least `least`.
fn shortest(least: Duration, mut work: impl FnMut()) -> f64 {
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed() < least {
        let t = Instant::now();
        work();
        best = best.min(t.elapsed().as_secs_f64());
    }
    best
}

/// GFLOP/s of a kernel, and its share of the peak around it.
fn share(isa: Isa, name: String, operations: usize, work: impl FnMut()) -> Line {
    let peak = || {
        let rounds = 20_000;
        let operations = multiply_adds(isa, rounds);
        let time = shortest(Duration::from_millis(20), || {
            black_box(multiply_adds(isa, black_box(rounds)));
        });
        operations / time
    };
    let before = peak();
    let rate = operations as f64 / shortest(Duration::from_millis(100), work);
    let peak = before.max(peak());
    (isa.name(), name, rate / 1e9, rate / peak)
}

criterion_group!(benches, layers);
criterion_main!(benches);
