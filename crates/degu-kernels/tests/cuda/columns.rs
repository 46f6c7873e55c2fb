//! Sums over rows.

use super::{Layout, buffer, close, device, in_both_orders, noise, wide};
use degu_kernels::Shape;
use degu_kernels::cuda::{Order, Parts};

#[test]
fn sums_of_channels() {
    for (n, rows, channels, processors) in [(3, 1, 1, 4), (5, 67, 33, 3), (9, 100, 70, 40)] {
        let layout = Layout::gaps(n, rows, channels);
        let y = noise(n * rows * channels, 1);
        let got = in_both_orders(processors, |device| {
            let on = buffer(device, &layout.spread(&y));
            let parts = Parts::new(device, Parts::for_channels(channels)).unwrap();
            let out = device.buffer(channels + 2).unwrap();
            let shape = Shape { rows, channels };
            device
                .column_sums(n, shape, layout.matrix(&on), &parts, &out, 2)
                .unwrap();
            out.to_vec().unwrap()[2..].to_vec()
        });
        let mut want = vec![0.0; channels];
        for (i, v) in wide(&y).iter().enumerate() {
            want[i % channels] += v;
        }
        close("sums", &got, &want, 2e-6);
    }
}

#[test]
fn matrices_are_copied_and_added() {
    let device = device(4, Order::Forward);
    let (from, to) = (Layout::gaps(3, 7, 5), Layout::gaps(3, 7, 5));
    let (a, b) = (noise(105, 1), noise(105, 2));
    let shape = Shape {
        rows: 7,
        channels: 5,
    };
    for accumulate in [false, true] {
        let (x, y) = (
            buffer(&device, &from.spread(&a)),
            buffer(&device, &to.spread(&b)),
        );
        device
            .add_rows(3, shape, from.matrix(&x), to.matrix(&y), accumulate)
            .unwrap();
        let got = to.collect(&y.to_vec().unwrap());
        let want: Vec<f32> = a
            .iter()
            .zip(&b)
            .map(|(a, b)| if accumulate { a + b } else { *a })
            .collect();
        assert_eq!(got, want);
    }
}

#[test]
fn rows_are_cleared() {
    let device = device(4, Order::Forward);
    let layout = Layout::gaps(3, 6, 4);
    let x = buffer(&device, &layout.spread(&[1.0; 72]));
    let shape = Shape {
        rows: 2,
        channels: 4,
    };
    let from = layout.matrix(&x).from_row(3);
    device.zero_rows(3, shape, from).unwrap();
    let got = layout.collect(&x.to_vec().unwrap());
    let want = |i: usize| {
        if (3..5).contains(&(i / 4 % 6)) {
            0.0
        } else {
            1.0
        }
    };
    assert_eq!(got, (0..72).map(want).collect::<Vec<f32>>());
}
