//! Convolutions of small groups, and weight gradients into some columns.

use super::{cast, close, noise};
use degu_kernels::{
    GroupedConv, Isa, Start, Window, conv_weight_gradient_columns, grouped_conv_forward,
    grouped_conv_weight_gradient,
};

/// Rows, channels, group, taps, dilation.
const CASES: [[usize; 5]; 8] = [
    [1, 1, 1, 1, 1],
    [7, 5, 1, 3, 1],
    [13, 16, 1, 3, 2],
    [9, 38, 2, 7, 1],
    [12, 64, 2, 4, 3],
    [8, 33, 3, 3, 1],
    [6, 48, 4, 2, 5],
    [5, 21, 7, 1, 1],
];

#[test]
fn groups_equal_plain_loops() {
    for [rows, channels, q, taps, dilation] in CASES {
        let halo = (taps - 1) * dilation;
        let (x, w, b, dy) = (
            noise((rows + halo) * channels, 1),
            noise(taps * q * channels, 2),
            noise(channels, 3),
            noise(rows * channels, 4),
        );
        let mut y = vec![0.0; rows * channels];
        let mut dw = vec![0.0; taps * q * channels];
        let mut dx = vec![0.0; (rows + halo) * channels];
        for m in 0..rows {
            for o in 0..channels {
                y[m * channels + o] = b[o];
                for t in 0..taps {
                    for i in 0..q {
                        let at = (m + t * dilation) * channels + o - o % q + i;
                        let k = (t * q + i) * channels + o;
                        y[m * channels + o] += x[at] * w[k];
                        dw[k] += x[at] * dy[m * channels + o];
                        dx[at] += w[k] * dy[m * channels + o];
                    }
                }
            }
        }
        let window = Window {
            rows,
            pitch: channels,
            stride: 1,
            dilation,
        };
        for isa in Isa::available() {
            let what = format!(
                "{} {rows} rows, {channels} channels in groups of {q}, {taps} taps, dilation {dilation}",
                isa.name()
            );
            let (x, w, b, dy1) = (cast(&x), cast(&w), cast(&b), cast(&dy));
            let mut packed = GroupedConv::new(isa, taps, q, channels);
            packed.pack(&w);
            let mut got = vec![f32::NAN; rows * channels];
            grouped_conv_forward(&packed, &x, window, Start::Bias(&b), &mut got, channels);
            close(&what, &got, &y, 3e-6);

            let mut got = vec![0f32; taps * q * channels];
            let shape = [taps, q, channels];
            grouped_conv_weight_gradient(isa, shape, &x, window, &dy1, channels, &mut got);
            close(&format!("weight gradient, {what}"), &got, &dw, 3e-6);

            let mut padded = vec![0f32; (rows + 2 * halo) * channels];
            padded[halo * channels..(halo + rows) * channels].copy_from_slice(&dy1);
            packed.pack_reversed(&w);
            let mut got = vec![1f32; (rows + halo) * channels];
            let all = Window {
                rows: rows + halo,
                ..window
            };
            grouped_conv_forward(&packed, &padded, all, Start::Accumulate, &mut got, channels);
            let plus: Vec<f64> = dx.iter().map(|v| v + 1.0).collect();
            close(&format!("input gradient, {what}"), &got, &plus, 3e-6);
        }
    }
}

#[test]
fn weight_gradients_into_columns_touch_no_others() {
    let (rows, ci, co, pitch) = (9, 5, 18, 23);
    let (x, dy) = (noise(rows * ci, 1), noise(rows * co, 2));
    let mut want = vec![3.0; ci * pitch];
    for m in 0..rows {
        for c in 0..ci {
            for o in 0..co {
                want[c * pitch + 2 + o] += x[m * ci + c] * dy[m * co + o];
            }
        }
    }
    for isa in Isa::available() {
        let mut dw = vec![3f32; ci * pitch];
        let window = Window {
            rows,
            pitch: ci,
            stride: 1,
            dilation: 1,
        };
        conv_weight_gradient_columns(
            isa,
            [1, ci, co],
            &cast(&x),
            window,
            &cast(&dy),
            co,
            &mut dw[2..],
            pitch,
        );
        close(isa.name(), &dw, &want, 1e-6);
    }
}
