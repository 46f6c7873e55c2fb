//! The LSTM steps.

use super::{cast, close, differences, dot, noise};
use degu_kernels::{
    Isa, LstmSteps, Packed, Series, Window, conv_weight_gradient, lstm_backward, lstm_forward,
};

/// Sequences, positions, units: one unit, partial vectors, whole vectors, more than one tile of
/// rows.
const SHAPES: [[usize; 3]; 5] = [[1, 1, 1], [3, 5, 5], [3, 7, 16], [4, 3, 19], [17, 4, 9]];

/// `h` of one direction by the definition; `z` is `[n, length, 4 units]` without the recurrent
/// product.
fn plain(z: &[f64], u: &[f64], [n, length, units]: [usize; 3], reversed: bool) -> Vec<f64> {
    let logistic = |v: f64| 1.0 / (1.0 + (-v).exp());
    let mut out = vec![0.0; n * length * units];
    for i in 0..n {
        let (mut h, mut c) = (vec![0.0; units], vec![0.0; units]);
        for step in 0..length {
            let t = if reversed { length - 1 - step } else { step };
            let at = (i * length + t) * 4 * units;
            let gate = |k: usize| {
                let back: f64 = (0..units).map(|j| h[j] * u[j * 4 * units + k]).sum();
                z[at + k] + back
            };
            let a: Vec<f64> = (0..4 * units).map(gate).collect();
            for k in 0..units {
                c[k] = logistic(a[units + k]) * c[k] + logistic(a[k]) * a[2 * units + k].tanh();
                h[k] = logistic(a[3 * units + k]) * c[k].tanh();
            }
            out[(i * length + t) * units..][..units].copy_from_slice(&h);
        }
    }
    out
}

struct States {
    gates: Vec<f32>,
    cells: Vec<f32>,
    hidden: Vec<f32>,
}

impl States {
    /// Runs the steps in stretches of `stretch`, keeping all cell states or the last one.
    fn run(
        isa: Isa,
        z: &[f64],
        u: &[f64],
        [n, length, units]: [usize; 3],
        reversed: bool,
        stretch: usize,
        keep: bool,
    ) -> Self {
        let mut packed = Packed::new(isa, 1, units, 4 * units);
        packed.pack(&cast(u));
        let z = cast(z);
        let width = 4 * units;
        let mut states = Self {
            gates: z.clone(),
            cells: vec![0.0; n * units * if keep { length } else { 1 }],
            hidden: vec![0.0; n * length * units],
        };
        let mut starts: Vec<usize> = (0..length).step_by(stretch).collect();
        if reversed {
            starts.reverse();
        }
        for first in starts {
            let steps = LstmSteps {
                first,
                steps: stretch.min(length - first),
                ..LstmSteps::whole(n, length, reversed)
            };
            lstm_forward(
                &packed,
                steps,
                &mut Series {
                    values: &mut states.gates[first * width..],
                    sequence: length * width,
                    row: width,
                },
                &mut Series {
                    values: &mut states.cells,
                    sequence: units * if keep { length } else { 1 },
                    row: if keep { units } else { 0 },
                },
                &mut Series {
                    values: &mut states.hidden,
                    sequence: length * units,
                    row: units,
                },
            );
        }
        states
    }

    /// Gradients of the gates' arguments and of the recurrent weights from those of `h`.
    fn back(
        &mut self,
        isa: Isa,
        u: &[f64],
        dh: &[f64],
        [n, length, units]: [usize; 3],
        reversed: bool,
    ) -> Vec<f32> {
        let mut packed = Packed::new(isa, 1, 4 * units, units);
        packed.pack_reversed(&cast(u));
        let h = std::mem::replace(&mut self.hidden, cast(dh));
        let mut carry = vec![7f32; n * units];
        lstm_backward(
            &packed,
            LstmSteps::whole(n, length, reversed),
            &mut Series {
                values: &mut self.gates,
                sequence: length * 4 * units,
                row: 4 * units,
            },
            &mut Series {
                values: &mut self.cells,
                sequence: length * units,
                row: units,
            },
            &mut Series {
                values: &mut self.hidden,
                sequence: length * units,
                row: units,
            },
            &mut carry,
        );
        assert_eq!(self.hidden, h, "the backward pass leaves h");
        let mut du = vec![0.0; 4 * units * units];
        for i in 0..n {
            let (h, dz) = (i * length * units, i * length * 4 * units);
            let (h, dz) = if reversed {
                (h + units, dz)
            } else {
                (h, dz + 4 * units)
            };
            if length == 1 {
                continue;
            }
            conv_weight_gradient(
                isa,
                [1, units, 4 * units],
                &self.hidden[h..],
                Window {
                    rows: length - 1,
                    pitch: units,
                    stride: 1,
                    dilation: 1,
                },
                &self.gates[dz..],
                4 * units,
                &mut du,
            );
        }
        du
    }
}

#[test]
fn every_instruction_set_equals_the_definition() {
    for shape in SHAPES {
        let [n, length, units] = shape;
        let z = noise(n * length * 4 * units, 1);
        let u = noise(units * 4 * units, 2);
        for reversed in [false, true] {
            let want = plain(&z, &u, shape, reversed);
            for isa in Isa::available() {
                let got = States::run(isa, &z, &u, shape, reversed, length, true);
                let what = format!("{} {shape:?} reversed {reversed}", isa.name());
                close(&what, &got.hidden, &want, 2e-6);
            }
        }
    }
}

#[test]
fn gradients_equal_finite_differences() {
    for shape in [
        [1, 1, 1],
        [3, 5, 5],
        [4, 1, 3],
        [17, 2, 3],
        [2, 3, 16],
        [2, 2, 19],
    ] {
        let [n, length, units] = shape;
        let z = noise(n * length * 4 * units, 3);
        let u = noise(units * 4 * units, 4);
        let dh = noise(n * length * units, 5);
        for reversed in [false, true] {
            let dz = differences(&z, |z| dot(&plain(z, &u, shape, reversed), &dh));
            let du = differences(&u, |u| dot(&plain(&z, u, shape, reversed), &dh));
            for isa in Isa::available() {
                let mut got = States::run(isa, &z, &u, shape, reversed, length, true);
                let got_du = got.back(isa, &u, &dh, shape, reversed);
                let what = format!("{} {shape:?} reversed {reversed}", isa.name());
                close(&format!("dz, {what}"), &got.gates, &dz, 5e-6);
                close(&format!("du, {what}"), &got_du, &du, 5e-6);
            }
        }
    }
}

#[test]
fn stretches_and_neighbours_change_no_bit() {
    let shape = [5, 7, 19];
    let [n, length, units] = shape;
    let z = noise(n * length * 4 * units, 9);
    let u = noise(units * 4 * units, 10);
    for isa in Isa::available() {
        for reversed in [false, true] {
            let whole = States::run(isa, &z, &u, shape, reversed, length, true);
            for stretch in [1, 2, 3] {
                let cut = States::run(isa, &z, &u, shape, reversed, stretch, false);
                assert_eq!(cut.hidden, whole.hidden, "stretches of {stretch}");
            }
            let alone = States::run(
                isa,
                &z[..length * 4 * units],
                &u,
                [1, length, units],
                reversed,
                length,
                true,
            );
            assert_eq!(alone.hidden, whole.hidden[..length * units]);
        }
    }
}

#[test]
fn large_arguments_saturate() {
    // Gates at +-200: open input and output gates, a closed forget gate; tanh(1) everywhere.
    let (n, length, units) = (3, 3, 2);
    let z: Vec<f64> = (0..n * length * 4 * units)
        .map(|i| [200.0, -200.0, 200.0, 200.0][i / units % 4])
        .collect();
    let u = vec![0.0; units * 4 * units];
    for isa in Isa::available() {
        let got = States::run(isa, &z, &u, [n, length, units], false, length, true);
        close(
            isa.name(),
            &got.hidden,
            &vec![1f64.tanh(); n * length * units],
            1e-6,
        );
    }
}
