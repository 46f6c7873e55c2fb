//! Helpers.

use std::sync::OnceLock;

use candle_core::{Device, Tensor, Var};
use degu_core::{Ctx, Mode, Result, Seed};
use degu_nn::gradcheck::{gradient_errors, irregular};

/// Right operations are at 1e-12 to 1e-10 with extrapolated differences in f64; wrong ones at 0.1
/// and more.
pub(crate) const LIMIT: f64 = 1e-8;

pub(crate) fn check(name: &str, f: impl Fn(&[Var]) -> Result<Tensor>, inputs: &[Tensor]) {
    let errors = gradient_errors(&f, inputs).unwrap();
    for (i, error) in errors.iter().enumerate() {
        assert!(
            *error < LIMIT,
            "{name}: gradient of input {i} is off by {error:e}"
        );
    }
}

/// The first CUDA device of a binary that has CUDA, or else the CPU: the same tests run on either.
pub(crate) fn device() -> Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    let open = || {
        if !cfg!(feature = "cuda") {
            return Device::Cpu;
        }
        Device::new_cuda(0).unwrap_or_else(|error| {
            println!("skipped on CUDA, run on the CPU: no device ({error})");
            Device::Cpu
        })
    };
    DEVICE.get_or_init(open).clone()
}

pub(crate) fn values(name: &str, shape: &[usize]) -> Tensor {
    irregular(name, shape)
        .unwrap()
        .to_device(&device())
        .unwrap()
}

/// Irregular order, values at least 0.03 apart and 0.015 from zero: far from ties and kinks for the
/// steps of the differences.
pub(crate) fn spaced(name: &str, shape: &[usize]) -> Tensor {
    let raw = values(name, shape)
        .flatten_all()
        .unwrap()
        .to_vec1::<f64>()
        .unwrap();
    let mut order: Vec<usize> = (0..raw.len()).collect();
    order.sort_by(|a, b| raw[*a].total_cmp(&raw[*b]));
    let mut spread = vec![0.0; raw.len()];
    for (rank, at) in order.into_iter().enumerate() {
        spread[at] = (rank as f64 - (raw.len() / 2) as f64) * 0.03 + 0.015;
    }
    Tensor::from_vec(spread, shape, &device()).unwrap()
}

pub(crate) fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    (a - b)
        .unwrap()
        .abs()
        .unwrap()
        .flatten_all()
        .unwrap()
        .max(0)
        .unwrap()
        .to_scalar::<f64>()
        .unwrap()
}

pub(crate) fn largest(a: &Tensor) -> f64 {
    a.abs()
        .unwrap()
        .flatten_all()
        .unwrap()
        .max(0)
        .unwrap()
        .to_scalar::<f64>()
        .unwrap()
}

pub(crate) fn train(step: u64) -> Ctx<'static> {
    Ctx::new(Mode::Train {
        dropout: Seed::root(1).child("dropout"),
        step,
    })
}

/// Multipliers of the examples and what they should explain, for `f` on a batch `[x; r]`: the
/// gradient of `sum(f(x) w)` with irregular weights `w`, and per row `f(x) w - f(r) w` summed.
pub(crate) fn multipliers(
    f: impl Fn(&Tensor, &mut Ctx<'_>) -> Result<Tensor>,
    x: &Tensor,
    r: &Tensor,
    mode: Mode,
) -> (Tensor, Tensor) {
    let n = x.dim(0).unwrap();
    let batch = Var::from_tensor(&Tensor::cat(&[x, r], 0).unwrap()).unwrap();
    let y = f(batch.as_tensor(), &mut Ctx::new(mode)).unwrap();
    let (yx, yr) = (y.narrow(0, 0, n).unwrap(), y.narrow(0, n, n).unwrap());
    let weights = values("multiplier weights", yx.dims());
    let loss = (&yx * &weights).unwrap().sum_all().unwrap();
    let gradient = loss
        .backward()
        .unwrap()
        .get(&batch)
        .unwrap()
        .narrow(0, 0, n)
        .unwrap();
    let change = ((yx - yr).unwrap().detach() * weights)
        .unwrap()
        .flatten_from(1)
        .unwrap()
        .sum(1)
        .unwrap();
    (gradient, change)
}

/// Largest `|sum m (x - r) - dy|` relative to the mean `|dy|`.
pub(crate) fn incompleteness(m: &Tensor, x: &Tensor, r: &Tensor, dy: &Tensor) -> f64 {
    let sums = (m * (x - r).unwrap())
        .unwrap()
        .flatten_from(1)
        .unwrap()
        .sum(1)
        .unwrap();
    let scale = dy
        .abs()
        .unwrap()
        .mean_all()
        .unwrap()
        .to_scalar::<f64>()
        .unwrap();
    difference(&sums, dy) / scale
}
