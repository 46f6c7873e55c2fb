//! The weight gradient of convolutions and dense layers.

use super::{Layout, buffer, close, in_both_orders, noise, rounded};
use degu_kernels::cuda::{DeviceWindow, Parts, Products};
use degu_kernels::{Isa, Window, conv_weight_gradient};

#[test]
fn gradients() {
    for (i, [n, rows, taps, stride, dilation, c_in, c_out, processors]) in [
        [3, 1, 1, 1, 1, 40, 20, 4],
        [5, 29, 3, 1, 1, 5, 1, 30],
        [3, 31, 5, 1, 2, 16, 4, 1],
        [4, 60, 1, 1, 1, 7, 16, 6],
        [3, 43, 7, 2, 1, 3, 17, 9],
        [6, 33, 3, 1, 5, 24, 64, 16],
        [3, 50, 2, 3, 2, 11, 65, 2],
        [7, 45, 3, 1, 1, 45, 128, 40],
        [3, 16, 4, 1, 1, 70, 200, 3],
    ]
    .into_iter()
    .enumerate()
    {
        let window = DeviceWindow {
            rows,
            stride,
            dilation,
            taps,
        };
        let rows_in = (rows - 1) * stride + (taps - 1) * dilation + 1;
        let (input, output) = (Layout::gaps(n, rows_in, c_in), Layout::gaps(n, rows, c_out));
        let (x, dy) = (noise(n * rows_in * c_in, 1), noise(n * rows * c_out, 2));
        let size = taps * c_in * c_out;
        for products in [Products::F32, Products::Tf32] {
            let got = in_both_orders(processors, |device| {
                let (x, dy) = (
                    buffer(device, &input.spread(&x)),
                    buffer(device, &output.spread(&dy)),
                );
                // Room for one part only makes one part.
                let parts = Parts::new(device, size * [1, 3, 8][i % 3]).unwrap();
                let out = device.buffer(size + 6).unwrap();
                device
                    .weight_gradient(
                        input.matrix(&x),
                        window,
                        (c_in, c_out),
                        output.matrix(&dy),
                        n,
                        products,
                        &parts,
                        &out,
                        6,
                    )
                    .unwrap();
                let all = out.to_vec().unwrap();
                assert_eq!(all[..6], [0.0; 6]);
                all[6..].to_vec()
            });
            let mut want = vec![0f32; size];
            let (x, dy) = (rounded(&x, products, c_out), rounded(&dy, products, c_out));
            for (x, dy) in x.chunks(rows_in * c_in).zip(dy.chunks(rows * c_out)) {
                let w = Window {
                    rows,
                    pitch: c_in,
                    stride,
                    dilation,
                };
                conv_weight_gradient(
                    Isa::PORTABLE,
                    [taps, c_in, c_out],
                    x,
                    w,
                    dy,
                    c_out,
                    &mut want,
                );
            }
            close(&format!("case {i}, {products:?}"), &got, &want, 2e-6);
        }
    }
}
