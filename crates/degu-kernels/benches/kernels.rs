//! Speed of the matrix kernels at the layer shapes of our networks, as a share of this core's peak of fused multiply-adds.
//!
//! `cargo bench -p degu-kernels` reports Gelem/s, one element being one floating-point operation; compare each line with `peak in
//! cache`, a product whose operands never leave the first-level cache.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use degu_kernels::{Isa, Packed, Start, Window, conv_forward, conv_weight_gradient};
use std::hint::black_box;

/// (name, rows, c_in, c_out, taps, dilation)
const LAYERS: [(&str, usize, usize, usize, usize, usize); 6] = [
    ("deepstarr conv2", 124, 256, 60, 3, 1),
    ("deepstarr conv3", 62, 60, 60, 5, 1),
    ("deepstarr conv4", 31, 60, 120, 3, 1),
    ("deepstarr dense1", 128, 1800, 256, 1, 1),
    ("residualbind dilated", 230, 196, 196, 3, 4),
    ("bpnet dilated", 2114, 64, 64, 3, 8),
];

fn layers(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let mut group = criterion.benchmark_group(isa.name());
        group.sample_size(20);
        // The peak: one row of six by four tiles whose operands stay in the first-level cache.
        peak(&mut group, isa);
        for (name, rows, ci, co, taps, dilation) in LAYERS {
            group.throughput(Throughput::Elements((2 * rows * ci * co * taps) as u64));
            let x = vec![0.5f32; (rows + (taps - 1) * dilation) * ci];
            let w = vec![0.25f32; taps * ci * co];
            let mut y = vec![0.0f32; rows * co];
            let mut dw = vec![0.0f32; taps * ci * co];
            let mut packed = Packed::new(isa, taps, ci, co);
            packed.pack(&w);
            let window = Window {
                rows,
                pitch: ci,
                stride: 1,
                dilation,
            };
            group.bench_function(format!("{name} forward"), |b| {
                b.iter(|| {
                    conv_forward(&packed, black_box(&x), window, Start::Zero, &mut y, co);
                });
            });
            group.bench_function(format!("{name} weight gradient"), |b| {
                b.iter(|| {
                    conv_weight_gradient(
                        isa,
                        [taps, ci, co],
                        black_box(&x),
                        window,
                        &y,
                        co,
                        &mut dw,
                    );
                });
            });
        }
        group.finish();
    }
}

/// A product so small that nothing leaves the first-level cache.
fn peak(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>, isa: Isa) {
    let (rows, ci, co) = (48, 64, 64);
    let (x, w) = (vec![0.5f32; rows * ci], vec![0.25f32; ci * co]);
    let mut y = vec![0.0f32; rows * co];
    let mut packed = Packed::new(isa, 1, ci, co);
    packed.pack(&w);
    let window = Window {
        rows,
        pitch: ci,
        stride: 1,
        dilation: 1,
    };
    group.throughput(Throughput::Elements((2 * rows * ci * co) as u64));
    group.bench_function("peak in cache", |b| {
        b.iter(|| {
            conv_forward(&packed, black_box(&x), window, Start::Zero, &mut y, co);
        });
    });
}

criterion_group!(benches, layers);
criterion_main!(benches);
