//! One bit per rectified value.

use super::noise;
use degu_kernels::{Isa, Rows, Shape, pack_signs, sign_words, unpack_signs};

#[test]
fn signs_come_back() {
    for [rows, channels] in [[1, 1], [3, 4], [2, 15], [3, 16], [4, 17], [2, 40]] {
        let shape = Shape { rows, channels };
        let mut x: Vec<f32> = noise(rows * channels, 1)
            .iter()
            .map(|v| *v as f32)
            .collect();
        x[0] = 0.0;
        let skip: Vec<f32> = noise(rows * channels, 2)
            .iter()
            .map(|v| *v as f32)
            .collect();
        let mut all: Vec<Vec<u16>> = vec![];
        for isa in Isa::available() {
            for with_skip in [false, true] {
                let mut signs = vec![0xffffu16; sign_words(shape)];
                let view = |values| Rows {
                    values,
                    pitch: channels,
                };
                pack_signs(
                    isa,
                    shape,
                    view(&x),
                    with_skip.then(|| view(&skip)),
                    &mut signs,
                );
                let mut back = vec![f32::NAN; rows * channels];
                unpack_signs(isa, shape, &signs, &mut back, channels);
                for (i, b) in back.iter().enumerate() {
                    let z = x[i] + if with_skip { skip[i] } else { 0.0 };
                    let want = if z > 0.0 { 1.0f32 } else { 0.0 };
                    assert_eq!(b.to_bits(), want.to_bits(), "{} element {i}", isa.name());
                }
                if !with_skip {
                    all.push(signs);
                }
            }
        }
        assert!(
            all.windows(2).all(|w| w[0] == w[1]),
            "one layout for every set"
        );
    }
}
