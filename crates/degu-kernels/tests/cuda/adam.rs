//! Updates and clipping.

use super::{buffer, close, device, in_both_orders, noise, wide};
use degu_kernels::cuda::{Clip, Order};
use degu_kernels::{AdamStep, Isa, adam};

#[test]
fn updates() {
    let n = 1000;
    let step = AdamStep {
        lr: 0.02,
        weight_decay: 0.1,
        ..AdamStep::default()
    };
    let got = in_both_orders(4, |device| {
        let (w, m, v) = (
            buffer(device, &noise(n, 1)),
            device.buffer(n).unwrap(),
            device.buffer(n).unwrap(),
        );
        for t in 1..4 {
            let g = buffer(device, &noise(n, 10 + t));
            device.adam(&step, t, &w, &g, [&m, &v], None).unwrap();
        }
        w.to_vec().unwrap()
    });
    let (mut w, mut m, mut v) = (noise(n, 1), vec![0.0; n], vec![0.0; n]);
    for t in 1..4 {
        let g = noise(n, 10 + t);
        adam(Isa::PORTABLE, &step, t, &mut w, &g, &mut m, &mut v);
    }
    close("weights", &got, &w, 1e-6);
}

#[test]
fn clipping() {
    let device = device(3, Order::Forward);
    let n = 5000;
    let g = noise(n, 1);
    let norm = wide(&g).iter().map(|g| g * g).sum::<f64>().sqrt();
    let clip = Clip::new(&device).unwrap();
    let step = AdamStep {
        // The first update moves by the learning rate; a large `eps` makes it feel the gradient's
        // size.
        eps: 1.0,
        ..AdamStep::default()
    };
    let update = |g: &[f32], limit: Option<f64>| {
        let [w, m, v] = [(); 3].map(|()| device.buffer(n).unwrap());
        let g = buffer(&device, g);
        if let Some(limit) = limit {
            device.clip_factor(&g, limit, &clip).unwrap();
        }
        let clip = limit.map(|_| &clip);
        device.adam(&step, 1, &w, &g, [&m, &v], clip).unwrap();
        w.to_vec().unwrap()
    };
    let scaled: Vec<f32> = g.iter().map(|g| g * (0.5 / norm) as f32).collect();
    close(
        "clipped",
        &update(&g, Some(0.5)),
        &update(&scaled, None),
        1e-6,
    );
    assert_eq!(update(&g, Some(norm * 1.01)), update(&g, None));
    let mut broken = g.clone();
    broken[77] = f32::INFINITY;
    assert!(update(&broken, Some(0.5))[77].is_nan());
}
