//! Pools whose windows overlap or leave gaps.

use super::{cast, close, noise};
use degu_kernels::{Isa, Pool, Rows, RowsMut, Shape, pool_backward, pool_forward};

/// Rows, channels, window, stride: overlapping, with gaps, with a remainder, one window, none.
const CASES: [[usize; 4]; 7] = [
    [9, 5, 3, 1],
    [11, 16, 3, 2],
    [10, 19, 2, 3],
    [13, 33, 4, 4],
    [5, 7, 5, 2],
    [4, 3, 6, 2],
    [17, 20, 5, 3],
];

fn plain(
    pool: Pool,
    stride: usize,
    [m, c]: [usize; 2],
    x: &[f64],
    dy: Option<&[f64]>,
) -> (Vec<f64>, Vec<f64>) {
    let size = pool.size();
    let count = if m < size { 0 } else { (m - size) / stride + 1 };
    let (mut y, mut dx) = (vec![0.0; count * c], vec![0.0; m * c]);
    for w in 0..count {
        for o in 0..c {
            let at = |k: usize| (w * stride + k) * c + o;
            let g = dy.map_or(0.0, |d| d[w * c + o]);
            match pool {
                Pool::Max(_) => {
                    let mut best = 0;
                    for k in 1..size {
                        if x[at(k)] > x[at(best)] {
                            best = k;
                        }
                    }
                    y[w * c + o] = x[at(best)];
                    dx[at(best)] += g;
                }
                Pool::Mean(_) => {
                    for k in 0..size {
                        y[w * c + o] += x[at(k)] / size as f64;
                        dx[at(k)] += g / size as f64;
                    }
                }
            }
        }
    }
    (y, dx)
}

#[test]
fn windows_equal_their_definition() {
    for [m, c, size, stride] in CASES {
        let x = noise(m * c, 1);
        let shape = Shape {
            rows: m,
            channels: c,
        };
        for pool in [Pool::Max(size), Pool::Mean(size)] {
            let (y, _) = plain(pool, stride, [m, c], &x, None);
            let dy = noise(y.len(), 2);
            let (_, dx) = plain(pool, stride, [m, c], &x, Some(&dy));
            for isa in Isa::available() {
                let what = format!("{} {pool:?} by {stride} of {m} x {c}", isa.name());
                let (x1, dy1) = (cast(&x), cast(&dy));
                let mut got = vec![f32::NAN; y.len()];
                let rows = Rows {
                    values: &x1,
                    pitch: c,
                };
                pool_forward(
                    isa,
                    shape,
                    pool,
                    stride,
                    rows,
                    RowsMut {
                        values: &mut got,
                        pitch: c,
                        accumulate: false,
                    },
                );
                close(&what, &got, &y, 1e-6);
                for accumulate in [false, true] {
                    let mut got = vec![if accumulate { 1.0 } else { f32::NAN }; m * c];
                    let gradient = Rows {
                        values: &dy1,
                        pitch: c,
                    };
                    pool_backward(
                        isa,
                        shape,
                        pool,
                        stride,
                        rows,
                        gradient,
                        RowsMut {
                            values: &mut got,
                            pitch: c,
                            accumulate,
                        },
                    );
                    let want: Vec<f64> = dx
                        .iter()
                        .map(|v| v + f64::from(u8::from(accumulate)))
                        .collect();
                    close(&what, &got, &want, 1e-6);
                }
            }
        }
    }
}

#[test]
fn the_first_of_tied_rows_gets_the_gradient() {
    for isa in Isa::available() {
        let (x, dy) = ([2.0f32; 5], [1.0f32, 10.0]);
        let mut dx = [0.0f32; 5];
        pool_backward(
            isa,
            Shape {
                rows: 5,
                channels: 1,
            },
            Pool::Max(3),
            2,
            Rows {
                values: &x,
                pitch: 1,
            },
            Rows {
                values: &dy,
                pitch: 1,
            },
            RowsMut {
                values: &mut dx,
                pitch: 1,
                accumulate: false,
            },
        );
        assert_eq!(
            dx.map(f32::to_bits),
            [1.0f32, 0.0, 10.0, 0.0, 0.0].map(f32::to_bits)
        );
    }
}
