//! Questions of attribution methods, answered with candle's autograd: what every [`Predictor`] can
//! do.

use candle_core::{D, DType, Device, Tensor, Var};

use crate::{
    Component, Ctx, Error, Mode, Multipliers, Prediction, Predictor, Result, Seed, Sequences,
    Target,
};

/// Sequences of a prediction.
const PREDICT_ROWS: usize = 256;

/// Sequences whose graph is kept for a gradient; a pair of the rescale rule counts twice.
const GRADIENT_ROWS: usize = 32;

/// The scalar of every row, `[N]`; of a profile `[N, B, T]` the sum over its bins.
///
/// # Errors
///
/// [`Error::Missing`] for a part that the prediction lacks, [`Error::Layer`] for a task or a shape
/// that it does not have.
pub fn select(prediction: &Prediction, target: Target) -> Result<Tensor> {
    let part = match target.part {
        Component::Mean => Some(&prediction.mean),
        Component::Epistemic => prediction.epistemic.as_ref(),
        Component::Aleatoric => prediction.aleatoric.as_ref(),
    };
    let Some(part) = part else {
        return Err(Error::Missing {
            what: match target.part {
                Component::Mean => "a mean",
                Component::Epistemic => "an epistemic standard deviation",
                Component::Aleatoric => "an aleatoric standard deviation",
            },
            by: "the attribution of that part",
            help: "this model's head does not predict it; explain `mean`, or a student whose `distill.targets` have the part",
        });
    };
    // A profile is explained by its sum over bins.
    let part = match part.rank() {
        3 => part.sum(1)?,
        _ => part.clone(),
    };
    let [_, tasks] = *part.dims() else {
        return Err(Error::Unsupported {
            operation: format!("a prediction of shape {:?}", part.dims()),
            rule: "scalar per task that could be explained",
            help: "explain a model with one number, or one profile, per task",
        });
    };
    if target.task >= tasks {
        return Err(Error::Layer {
            layer: "head".to_owned(),
            rule: "the task that is explained is one of the model's",
            found: format!("task {} of a model of {tasks}", target.task),
        });
    }
    Ok(part.narrow(D::Minus1, target.task, 1)?.squeeze(1)?)
}

/// Checks the sequences of an attribution and the number of their seeds.
///
/// # Errors
///
/// [`Error::Data`] with the row and the position of a code above 4, or for another length than the
/// model reads; [`Error::Shape`] unless `codes` is `[N, L]` of u8.
pub fn check_codes(model: &(impl Predictor + ?Sized), codes: &Tensor) -> Result<(usize, usize)> {
    let bad = |at: Option<String>, problem: String| Error::Data {
        path: "sequences to explain".into(),
        at,
        problem,
    };
    if codes.rank() != 2 || codes.dtype() != DType::U8 {
        return Err(Error::Shape {
            name: "codes",
            expected: "[N, L], u8 codes 0 to 4",
            got: codes.dims().to_vec(),
        });
    }
    let (n, length) = codes.dims2()?;
    if let Some(expected) = model.length().filter(|l| *l != length) {
        let problem = format!(
            "expected {expected} bp, the window of the model, found {length}; cut longer sequences and give shorter ones the \
             flanks of the assay"
        );
        return Err(bad(None, problem));
    }
    for (row, codes) in codes.to_vec2::<u8>()?.iter().enumerate() {
        if let Some(at) = codes.iter().position(|c| *c > 4) {
            let problem = format!(
                "expected base codes 0 to 4 (A, C, G, T, N), found {} at position {at}",
                codes[at]
            );
            return Err(bad(Some(format!("row {row}")), problem));
        }
    }
    Ok((n, length))
}

/// Checks that every sequence has its stream of randomness.
///
/// # Errors
///
/// [`Error::Shape`].
pub fn check_seeds(seeds: &[Seed], n: usize) -> Result<()> {
    if seeds.len() == n {
        return Ok(());
    }
    Err(Error::Shape {
        name: "seeds",
        expected: "[N], one stream per sequence",
        got: vec![seeds.len()],
    })
}

/// [`Predictor::values`].
///
/// # Errors
///
/// As there.
pub fn values(
    model: &(impl Predictor + ?Sized),
    codes: &Tensor,
    targets: &[Target],
) -> Result<Vec<Vec<f64>>> {
    let (n, _) = check_codes(model, codes)?;
    let mut all = vec![Vec::with_capacity(n); targets.len()];
    for first in (0..n).step_by(PREDICT_ROWS) {
        let rows = codes.narrow(0, first, PREDICT_ROWS.min(n - first))?;
        let prediction = model.predict(&Sequences::Codes(rows.contiguous()?))?;
        for (all, target) in all.iter_mut().zip(targets) {
            all.extend(host(&select(&prediction, *target)?)?);
        }
    }
    Ok(all)
}

/// [`Predictor::gradients`].
///
/// # Errors
///
/// As there.
pub fn gradients(
    model: &(impl Predictor + ?Sized),
    x: &Sequences,
    targets: &[Target],
) -> Result<Vec<Tensor>> {
    let one_hot = x.one_hot(model.dtype())?.detach();
    let n = one_hot.dim(0)?;
    let mut parts = vec![Vec::new(); targets.len()];
    for first in (0..n).step_by(GRADIENT_ROWS) {
        let rows = one_hot.narrow(0, first, GRADIENT_ROWS.min(n - first))?;
        let x = Var::from_tensor(&rows)?;
        let x_in = Sequences::OneHot(x.as_tensor().clone());
        let prediction = model.forward(&x_in, &mut Ctx::eval())?;
        for (parts, target) in parts.iter_mut().zip(targets) {
            // Rows are independent, so the gradient of the sum holds the gradient of each.
            parts.push(gradient(&select(&prediction, *target)?.sum_all()?, &x)?);
        }
    }
    parts.iter().map(|p| Ok(Tensor::cat(p, 0)?)).collect()
}

/// [`Predictor::rescale`].
///
/// # Errors
///
/// As there.
pub fn rescale(
    model: &(impl Predictor + ?Sized),
    codes: &Tensor,
    references: &Tensor,
    targets: &[Target],
) -> Result<Vec<Multipliers>> {
    let (n, length) = check_codes(model, codes)?;
    let k = check_references(references, n, length)?;
    let flat = references.reshape((n * k, length))?;
    let owners: Vec<u32> = (0..n * k).map(|p| (p / k) as u32).collect();
    let device = codes.device();
    let mut parts = vec![Vec::new(); targets.len()];
    let mut own = vec![vec![0.0; n]; targets.len()];
    let mut other = vec![Vec::with_capacity(n * k); targets.len()];
    for first in (0..n * k).step_by(GRADIENT_ROWS / 2) {
        let pairs = (GRADIENT_ROWS / 2).min(n * k - first);
        let owner = &owners[first..first + pairs];
        let index = Tensor::from_slice(owner, pairs, device)?;
        let both = Tensor::cat(
            &[
                &codes.index_select(&index, 0)?,
                &flat.narrow(0, first, pairs)?,
            ],
            0,
        )?;
        let x = Var::from_tensor(&Sequences::Codes(both.contiguous()?).one_hot(model.dtype())?)?;
        let x_in = Sequences::OneHot(x.as_tensor().clone());
        let prediction = model.forward(&x_in, &mut Ctx::new(Mode::Rescale))?;
        for (t, target) in targets.iter().enumerate() {
            let y = select(&prediction, *target)?;
            let upper = y.narrow(0, 0, pairs)?;
            parts[t].push(gradient(&upper.sum_all()?, &x)?.narrow(0, 0, pairs)?);
            for (owner, value) in owner.iter().zip(host(&upper)?) {
                own[t][*owner as usize] = value;
            }
            other[t].extend(host(&y.narrow(0, pairs, pairs)?)?);
        }
    }
    let all = parts.iter().zip(own).zip(other);
    all.map(|((parts, own), references)| {
        Ok(Multipliers {
            values: Tensor::cat(parts, 0)?.reshape((n, k, length, 4))?,
            own,
            references,
        })
    })
    .collect()
}

/// The number `K` of references of each sequence.
///
/// # Errors
///
/// [`Error::Shape`] unless `references` is `[N, K, L]` of u8 with at least one reference.
pub fn check_references(references: &Tensor, n: usize, length: usize) -> Result<usize> {
    match *references.dims() {
        [rows, k, l] if rows == n && l == length && k > 0 && references.dtype() == DType::U8 => {
            Ok(k)
        }
        _ => Err(Error::Shape {
            name: "references",
            expected: "[N, K, L] of the sequences, u8 codes 0 to 4, at least one for each",
            got: references.dims().to_vec(),
        }),
    }
}

/// The gradient of a scalar with respect to `x`; zero where `x` takes no part.
fn gradient(scalar: &Tensor, x: &Var) -> Result<Tensor> {
    Ok(match scalar.backward()?.get(x.as_tensor()) {
        Some(gradient) => gradient.detach(),
        None => x.as_tensor().zeros_like()?.detach(),
    })
}

/// Numbers of a vector.
fn host(vector: &Tensor) -> Result<Vec<f64>> {
    Ok(vector
        .detach()
        .to_dtype(DType::F64)?
        .to_device(&Device::Cpu)?
        .to_vec1()?)
}
