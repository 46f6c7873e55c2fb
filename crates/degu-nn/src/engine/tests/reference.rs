//! A slow interpreter of graphs in f64: plain loops over the definitions, no shared code with the
//! engine but the dropout masks.

use crate::engine::compile::stream;
use degu_core::graph::{Activation, Attention, BiLstm, Conv, Graph, Layer, Pool};
use degu_kernels::DropoutMask;
use std::collections::BTreeMap;

/// A batch of matrices `[rows][cols]`.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) x: Vec<Vec<f64>>,
}

/// Tensors by name.
pub(crate) type Tensors = BTreeMap<String, Vec<f64>>;

/// Batch statistics or running ones, and the step's seed.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Train(u64),
    Eval,
}

/// Mean and biased variance of each batch norm of the last pass, by the layer's name.
pub(crate) type Statistics = BTreeMap<String, (Vec<f64>, Vec<f64>, f64)>;

pub(crate) struct Reference<'a> {
    pub(crate) tensors: &'a Tensors,
    pub(crate) mode: Mode,
    pub(crate) statistics: Statistics,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(tensors: &'a Tensors, mode: Mode) -> Self {
        Self {
            tensors,
            mode,
            statistics: BTreeMap::new(),
        }
    }

    /// Outputs, one row of numbers per sequence.
    pub(crate) fn run(&mut self, graph: &Graph, codes: &[u8], length: usize) -> Vec<f64> {
        let one_hot = |sequence: &[u8]| {
            sequence
                .iter()
                .flat_map(|c| (0..4u8).map(move |b| f64::from(u8::from(b == *c))))
                .collect()
        };
        let input = Batch {
            rows: length,
            cols: 4,
            x: codes.chunks(length).map(one_hot).collect(),
        };
        self.layers(&graph.layers, input).x.concat()
    }

    /// Outputs from any input `[N, L, 4]`.
    pub(crate) fn run_on(&mut self, graph: &Graph, input: Batch) -> Vec<f64> {
        self.layers(&graph.layers, input).x.concat()
    }

    fn layers(&mut self, layers: &[Layer], x: Batch) -> Batch {
        layers.iter().fold(x, |x, layer| self.layer(layer, x))
    }

    fn tensor(&self, name: &str, part: &str) -> &'a [f64] {
        &self.tensors[&format!("{name}.{part}")]
    }

    fn layer(&mut self, layer: &Layer, x: Batch) -> Batch {
        match layer {
            Layer::Conv(c) => self.conv(c, &x),
            Layer::Dense(d) => self.affine(&d.name, d.bias, &x),
            Layer::BatchNorm(b) => self.batch_norm(&b.name, b.epsilon, &x),
            Layer::LayerNorm(n) => {
                let (gamma, beta) = (self.tensor(&n.name, "weight"), self.tensor(&n.name, "bias"));
                matrix(&x, |row| {
                    let mean = row.iter().sum::<f64>() / row.len() as f64;
                    let var =
                        row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / row.len() as f64;
                    row.iter()
                        .enumerate()
                        .map(|(c, v)| (v - mean) / (var + n.epsilon).sqrt() * gamma[c] + beta[c])
                        .collect()
                })
            }
            Layer::Activation(Activation::Softmax) => matrix(&x, |row| {
                let top = row.iter().copied().fold(f64::MIN, f64::max);
                let e: Vec<f64> = row.iter().map(|v| (v - top).exp()).collect();
                let sum: f64 = e.iter().sum();
                e.iter().map(|v| v / sum).collect()
            }),
            Layer::Activation(a) => Batch {
                x: x.x
                    .iter()
                    .map(|m| m.iter().map(|v| activation(*a, *v)).collect())
                    .collect(),
                ..x
            },
            Layer::MaxPool(p) => pool(&x, *p, |w| w.iter().copied().fold(f64::MIN, f64::max)),
            Layer::AvgPool(p) => pool(&x, *p, |w| w.iter().sum::<f64>() / w.len() as f64),
            Layer::Crop(c) => {
                let rows = x.rows - c.left - c.right;
                let part = |m: &Vec<f64>| m[c.left * x.cols..(c.left + rows) * x.cols].to_vec();
                Batch {
                    rows,
                    x: x.x.iter().map(part).collect(),
                    ..x
                }
            }
            Layer::GlobalMean => pool(
                &x,
                Pool {
                    size: x.rows,
                    stride: x.rows,
                },
                |w| w.iter().sum::<f64>() / w.len() as f64,
            ),
            Layer::GlobalMax => pool(
                &x,
                Pool {
                    size: x.rows,
                    stride: x.rows,
                },
                |w| w.iter().copied().fold(f64::MIN, f64::max),
            ),
            Layer::Dropout(d) => match self.mode {
                Mode::Eval => x,
                Mode::Train(seed) => {
                    let masked = |(n, m): (usize, &Vec<f64>)| {
                        let mask = DropoutMask::new(seed, stream(&d.name), n as u64, d.p);
                        m.iter()
                            .enumerate()
                            .map(|(i, v)| {
                                if mask.keeps(i as u32) {
                                    v * mask.factor()
                                } else {
                                    0.0
                                }
                            })
                            .collect()
                    };
                    Batch {
                        x: x.x.iter().enumerate().map(masked).collect(),
                        ..x
                    }
                }
            },
            Layer::Flatten => Batch {
                rows: 1,
                cols: x.rows * x.cols,
                x: x.x,
            },
            Layer::Residual(body) => {
                let y = self.layers(body, x.clone());
                let sum =
                    |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
                Batch {
                    x: x.x.iter().zip(&y.x).map(sum).collect(),
                    ..x
                }
            }
            Layer::Parallel(branches) => {
                let parts: Vec<Batch> =
                    branches.iter().map(|b| self.layers(b, x.clone())).collect();
                join(&parts)
            }
            Layer::BiLstm(l) => {
                let forward = self.lstm(l, "forward", &x, false);
                let backward = self.lstm(l, "backward", &x, true);
                join(&[forward, backward])
            }
            Layer::Attention(a) => self.attention(a, &x),
            other => panic!("no reference for {other:?}"),
        }
    }

    fn conv(&self, c: &Conv, x: &Batch) -> Batch {
        let w = self.tensor(&c.name, "weight");
        let (left, _) = c.pad();
        let rows = c.output_length(x.rows).unwrap();
        let (group_in, group_out) = (x.cols / c.groups, c.filters / c.groups);
        let one = |m: &Vec<f64>| {
            let mut y = vec![0.0; rows * c.filters];
            for r in 0..rows {
                for o in 0..c.filters {
                    let mut sum = if c.bias {
                        self.tensor(&c.name, "bias")[o]
                    } else {
                        0.0
                    };
                    for t in 0..c.width {
                        let Some(at) = (r * c.stride + t * c.dilation)
                            .checked_sub(left)
                            .filter(|at| *at < x.rows)
                        else {
                            continue;
                        };
                        for i in 0..group_in {
                            let channel = o / group_out * group_in + i;
                            sum += m[at * x.cols + channel] * w[(t * group_in + i) * c.filters + o];
                        }
                    }
                    y[r * c.filters + o] = sum;
                }
            }
            y
        };
        Batch {
            rows,
            cols: c.filters,
            x: x.x.iter().map(one).collect(),
        }
    }

    fn batch_norm(&mut self, name: &str, epsilon: f64, x: &Batch) -> Batch {
        let count = (x.x.len() * x.rows) as f64;
        let values = |c: usize| {
            x.x.iter()
                .flat_map(move |m| m.iter().skip(c).step_by(x.cols))
        };
        let (mean, var) = match self.mode {
            Mode::Train(_) => {
                let mean: Vec<f64> = (0..x.cols)
                    .map(|c| values(c).sum::<f64>() / count)
                    .collect();
                let var = (0..x.cols)
                    .map(|c| values(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / count)
                    .collect();
                (mean, var)
            }
            Mode::Eval => (
                self.tensor(name, "running_mean").to_vec(),
                self.tensor(name, "running_var").to_vec(),
            ),
        };
        let (gamma, beta) = (self.tensor(name, "weight"), self.tensor(name, "bias"));
        let y = matrix(x, |row| {
            row.iter()
                .enumerate()
                .map(|(c, v)| (v - mean[c]) / (var[c] + epsilon).sqrt() * gamma[c] + beta[c])
                .collect()
        });
        self.statistics.insert(name.to_owned(), (mean, var, count));
        y
    }

    fn affine(&self, name: &str, bias: bool, x: &Batch) -> Batch {
        let w = self.tensor(name, "weight");
        let units = w.len() / x.cols;
        matrix(x, |row| {
            let dot = |o: usize| -> f64 {
                let products = row.iter().enumerate().map(|(i, v)| v * w[i * units + o]);
                products.sum()
            };
            let of = |o: usize| {
                dot(o)
                    + if bias {
                        self.tensor(name, "bias")[o]
                    } else {
                        0.0
                    }
            };
            (0..units).map(of).collect()
        })
    }

    fn attention(&self, a: &Attention, x: &Batch) -> Batch {
        let map = |part: &str, x: &Batch, bias| self.affine(&format!("{}.{part}", a.name), bias, x);
        let parts = ["query", "key", "value"].map(|part| map(part, x, a.project_bias));
        let (width, rows) = (a.inner / a.heads, x.rows);
        let one = |n: usize| {
            let at = |k: usize, m: usize, c: usize| parts[k].x[n][m * a.inner + c];
            let mut y = vec![0.0; rows * a.inner];
            for (m, row) in y.chunks_mut(a.inner).enumerate() {
                for (c, value) in row.iter_mut().enumerate() {
                    let first = c / width * width;
                    let score = |j: usize| -> f64 {
                        let channels = first..first + width;
                        channels.map(|c| at(0, m, c) * at(1, j, c)).sum::<f64>()
                            / (width as f64).sqrt()
                    };
                    let sum: f64 = (0..rows).map(|j| score(j).exp()).sum();
                    *value = (0..rows).map(|j| score(j).exp() / sum * at(2, j, c)).sum();
                }
            }
            y
        };
        let mixed = Batch {
            rows,
            cols: a.inner,
            x: (0..x.x.len()).map(one).collect(),
        };
        map("output", &mixed, a.output_bias)
    }

    fn lstm(&self, l: &BiLstm, direction: &str, x: &Batch, reversed: bool) -> Batch {
        let name = format!("{}.{direction}", l.name);
        let (w, u, b) = (
            self.tensor(&name, "weight"),
            self.tensor(&name, "recurrent"),
            self.tensor(&name, "bias"),
        );
        let h_size = l.units;
        let one = |m: &Vec<f64>| {
            let (mut h, mut c) = (vec![0.0; h_size], vec![0.0; h_size]);
            let mut y = vec![0.0; x.rows * h_size];
            for step in 0..x.rows {
                let r = if reversed { x.rows - 1 - step } else { step };
                let gate = |k: usize| {
                    let input: f64 = (0..x.cols)
                        .map(|i| m[r * x.cols + i] * w[i * 4 * h_size + k])
                        .sum();
                    let back: f64 = (0..h_size).map(|i| h[i] * u[i * 4 * h_size + k]).sum();
                    input + back + b[k]
                };
                let z: Vec<f64> = (0..4 * h_size).map(gate).collect();
                let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
                for k in 0..h_size {
                    c[k] = sigmoid(z[h_size + k]) * c[k] + sigmoid(z[k]) * z[2 * h_size + k].tanh();
                    h[k] = sigmoid(z[3 * h_size + k]) * c[k].tanh();
                }
                y[r * h_size..(r + 1) * h_size].copy_from_slice(&h);
            }
            y
        };
        Batch {
            rows: x.rows,
            cols: h_size,
            x: x.x.iter().map(one).collect(),
        }
    }
}

/// Maps every row.
fn matrix(x: &Batch, f: impl Fn(&[f64]) -> Vec<f64>) -> Batch {
    let y: Vec<Vec<f64>> =
        x.x.iter()
            .map(|m| m.chunks(x.cols).flat_map(&f).collect())
            .collect();
    Batch {
        rows: x.rows,
        cols: y[0].len() / x.rows,
        x: y,
    }
}

fn pool(x: &Batch, p: Pool, f: impl Fn(&[f64]) -> f64) -> Batch {
    let rows = p.output_length(x.rows);
    let one = |m: &Vec<f64>| {
        let window = |r: usize, c: usize| -> Vec<f64> {
            (0..p.size)
                .map(|k| m[(r * p.stride + k) * x.cols + c])
                .collect()
        };
        (0..rows)
            .flat_map(|r| (0..x.cols).map(move |c| (r, c)))
            .map(|(r, c)| f(&window(r, c)))
            .collect()
    };
    Batch {
        rows,
        cols: x.cols,
        x: x.x.iter().map(one).collect(),
    }
}

fn join(parts: &[Batch]) -> Batch {
    let cols = parts.iter().map(|p| p.cols).sum();
    let rows = parts[0].rows;
    let one = |n: usize| {
        let row = |r: usize| {
            parts
                .iter()
                .flat_map(move |p| p.x[n][r * p.cols..(r + 1) * p.cols].to_vec())
        };
        (0..rows).flat_map(row).collect()
    };
    Batch {
        rows,
        cols,
        x: (0..parts[0].x.len()).map(one).collect(),
    }
}

fn activation(a: Activation, x: f64) -> f64 {
    match a {
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
        Activation::Gelu => x * normal_cdf(x),
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Exp => x.exp(),
        Activation::Softmax => unreachable!(),
    }
}

/// By the power series of the error function, which converges for the arguments of these tests.
fn normal_cdf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for k in 1..200 {
        term *= x * x / (2 * k + 1) as f64;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}
