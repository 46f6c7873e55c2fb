//! The look-up layer.

use super::{Layout, buffer, close, codes, in_both_orders, noise};
use degu_kernels::cuda::Parts;
use degu_kernels::{CodeWindow, Isa, lookup_forward, lookup_weight_gradient};

/// Length, taps, stride, dilation, left padding, filters.
const CASES: [[usize; 6]; 6] = [
    [31, 7, 1, 1, 3, 33],
    [40, 19, 1, 1, 9, 5],
    [37, 8, 2, 1, 0, 64],
    [50, 3, 1, 4, 4, 31],
    [23, 5, 3, 2, 1, 1],
    [9, 9, 1, 1, 0, 40],
];

fn window([length, taps, stride, dilation, left, _]: [usize; 6]) -> CodeWindow {
    // As many rows as begin inside the sequence: the last ones reach beyond its end.
    CodeWindow {
        first_row: 0,
        rows: (length + left)
            .saturating_sub((taps - 1) * dilation / 2)
            .div_ceil(stride),
        taps,
        stride,
        dilation,
        left,
    }
}

#[test]
fn outputs() {
    for case in CASES {
        let [length, taps, .., c_out] = case;
        let (w, n) = (window(case), 3);
        let codes = codes(n * length, 1);
        let parameters = noise(11 + taps * 4 * c_out + c_out, 2);
        let layout = Layout::gaps(n, w.rows, c_out);
        for bias in [None, Some(11 + taps * 4 * c_out)] {
            let got = in_both_orders(4, |device| {
                let on = device.buffer(codes.len()).unwrap();
                on.upload(0, &codes).unwrap();
                let p = buffer(device, &parameters);
                let y = buffer(device, &vec![f32::NAN; layout.len()]);
                device
                    .lookup_forward(&on, length, n, w, c_out, &p, 11, bias, layout.matrix(&y))
                    .unwrap();
                layout.collect(&y.to_vec().unwrap())
            });
            let mut want = vec![0f32; n * w.rows * c_out];
            for (i, y) in want.chunks_mut(w.rows * c_out).enumerate() {
                let codes = &codes[i * length..(i + 1) * length];
                lookup_forward(
                    Isa::PORTABLE,
                    &parameters[11..],
                    c_out,
                    codes,
                    w,
                    bias.map(|b| &parameters[b..]),
                    y,
                    c_out,
                );
            }
            close(&format!("{case:?}"), &got, &want, 1e-6);
        }
    }
}

#[test]
fn gradients() {
    for (case, processors) in CASES.into_iter().zip([1, 4, 16, 7, 40, 3]) {
        let [length, taps, .., c_out] = case;
        let (w, n) = (window(case), 5);
        let codes = codes(n * length, 3);
        let layout = Layout::gaps(n, w.rows, c_out);
        let dy = noise(n * w.rows * c_out, 4);
        let size = taps * 4 * c_out;
        let got = in_both_orders(processors, |device| {
            let on = device.buffer(codes.len()).unwrap();
            on.upload(0, &codes).unwrap();
            let g = buffer(device, &layout.spread(&dy));
            let parts = Parts::new(device, 5 * size).unwrap();
            let out = device.buffer(size + 9).unwrap();
            device
                .lookup_gradient(&on, length, n, w, c_out, layout.matrix(&g), &parts, &out, 9)
                .unwrap();
            let all = out.to_vec().unwrap();
            assert_eq!(all[..9], [0.0; 9]);
            all[9..].to_vec()
        });
        let mut want = vec![0f32; size];
        for (i, dy) in dy.chunks(w.rows * c_out).enumerate() {
            let codes = &codes[i * length..(i + 1) * length];
            lookup_weight_gradient(Isa::PORTABLE, &mut want, c_out, codes, w, dy, c_out);
        }
        close(&format!("{case:?}"), &got, &want, 2e-6);
    }
}
