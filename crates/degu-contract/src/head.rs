//! H1 to H9: heads.

use candle_core::{Device, Tensor, Var};
use degu_core::{
    Components, Ctx, Error, Head, Masked, Mode, Plugin, Prediction, Resolved, Targets,
    UncertaintyHead,
};
use degu_nn::gradcheck::{gradient_errors, irregular};

use super::{
    Checked, Checks, Verdict, ensure,
    probe::{apart, labels, values},
};

/// Rows and tasks of most checks.
const ROWS: usize = 5;
const TASKS: usize = 2;

pub(super) fn checks(
    _plugin: &Plugin<dyn UncertaintyHead>,
    resolved: &Resolved<dyn UncertaintyHead>,
    checks: &mut Checks,
) {
    let built = resolved.build().and_then(|family| {
        // With labels of every kind, as far as the head takes them.
        let head = family.bind(&labels(TASKS, true, true))?;
        Ok((family, head))
    });
    let (family, head) = match built {
        Ok(built) => built,
        Err(error) => {
            return checks.run("H1", "binds to labels of every kind", || Err(error.into()));
        }
    };
    let (family, head) = (family.as_ref(), head.as_ref());
    checks.run(
        "H1",
        "the loss is one finite number, for one and for several rows",
        || {
            for rows in [1, ROWS] {
                let raw = irregular("h1", &[rows, head.outputs()])?;
                let loss = head.loss(&raw, &targets(rows, 1.0)?)?;
                ensure(loss.dims().is_empty() && number(&loss)?.is_finite(), || {
                    format!("expected a finite scalar, found {loss}")
                })?;
            }
            Ok(())
        },
    );
    checks.run("H2", "what the mask hides has no influence", || {
        masked(head)
    });
    checks.run(
        "H3",
        "the gradient of the loss agrees with finite differences",
        || {
            let raw = irregular("h3", &[ROWS, head.outputs()])?;
            let targets = targets(ROWS, 1.0)?;
            let loss = |vars: &[Var]| {
                let loss = head.loss(vars[0].as_tensor(), &targets)?;
                Ok(loss.reshape(1)?)
            };
            let error = gradient_errors(&loss, &[raw])?[0];
            ensure(error < 1e-7, || {
                format!("relative difference {error:.2e}, expected at most 1e-7")
            })
        },
    );
    checks.run(
        "H4",
        "predictions have the shapes and the parts that were announced, spreads are not negative",
        || predicts(family, head),
    );
    checks.run(
        "H5",
        "training the raw outputs brings the mean to the target",
        || learns(head),
    );
    checks.run("H6", "the head asks for the labels that it uses", || {
        needs(family)
    });
    checks.run("H7", "extreme raw outputs stay finite", || {
        for sign in [-30.0, 30.0] {
            let raw = (irregular("h7", &[ROWS, head.outputs()])?.abs()? * sign)?;
            let loss = number(&head.loss(&raw, &targets(ROWS, 1.0)?)?)?;
            ensure(loss.is_finite(), || format!("a loss of {loss} at {sign}"))?;
            for (part, tensor) in parts(&head.predict(&raw, &mut Ctx::eval())?) {
                let finite = values(&tensor)?.iter().all(|v| v.is_finite());
                ensure(finite, || format!("`{part}` is not finite at {sign}"))?;
            }
        }
        Ok(())
    });
    checks.run(
        "H8",
        "rescale multipliers of every part are complete",
        || complete(head),
    );
    checks.run(
        "H9",
        "profiles [N, B, T] of several tasks are predicted and taught as such",
        || profiles(head),
    );
}

/// Bins of a profile.
const BINS: usize = 3;

fn profiles(head: &dyn Head) -> Checked {
    let refused = |error: Error| match error {
        Error::Unsupported { operation, .. } => {
            Verdict::Skip(format!("`{operation}` takes no profiles"))
        }
        error => error.into(),
    };
    let raw = irregular("h9", &[ROWS, BINS, head.outputs()])?;
    let prediction = head.predict(&raw, &mut Ctx::eval()).map_err(refused)?;
    for (name, part) in parts(&prediction) {
        ensure(part.dims() == [ROWS, BINS, TASKS], || {
            format!(
                "expected `{name}` of [{ROWS}, {BINS}, {TASKS}], found {:?}",
                part.dims()
            )
        })?;
    }
    let flat = targets(ROWS * BINS, 1.0)?;
    let shaped = |part: &Masked| -> degu_core::Result<Masked> {
        let shape = (ROWS, BINS, TASKS);
        Ok(Masked {
            value: part.value.reshape(shape)?,
            mask: part.mask.reshape(shape)?,
        })
    };
    let targets = Targets {
        mean: shaped(&flat.mean)?,
        epistemic: flat.epistemic.as_ref().map(shaped).transpose()?,
        aleatoric: flat.aleatoric.as_ref().map(shaped).transpose()?,
    };
    let loss = head.loss(&raw, &targets).map_err(refused)?;
    ensure(loss.dims().is_empty() && number(&loss)?.is_finite(), || {
        format!("expected a finite scalar, found {loss}")
    })
}

fn number(t: &Tensor) -> degu_core::Result<f64> {
    Ok(t.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?)
}

/// Targets of all kinds; the mask hides every third value.
fn targets(rows: usize, hidden: f64) -> degu_core::Result<Targets> {
    let shape = [rows, TASKS];
    let mask: Vec<f64> = (0..rows * TASKS)
        .map(|i| if i % 3 == 2 { 0.0 } else { 1.0 })
        .collect();
    let mask = Tensor::from_vec(mask, &shape[..], &Device::Cpu)?;
    let masked = |label: &str, spread: bool| -> degu_core::Result<Masked> {
        let known = irregular(label, &shape)?;
        let known = if spread { (known.abs()? + 0.1)? } else { known };
        let visible = (&known * &mask)?;
        let other = ((mask.ones_like()? - &mask)? * hidden)?;
        Ok(Masked {
            value: (visible + other)?,
            mask: mask.clone(),
        })
    };
    Ok(Targets {
        mean: masked("mean", false)?,
        epistemic: Some(masked("epistemic", true)?),
        aleatoric: Some(masked("aleatoric", true)?),
    })
}

fn masked(head: &dyn Head) -> Checked {
    let raw = irregular("h2", &[ROWS, head.outputs()])?;
    let loss =
        |hidden| -> degu_core::Result<f64> { number(&head.loss(&raw, &targets(ROWS, hidden)?)?) };
    let (small, large) = (loss(0.5)?, loss(100.0)?);
    ensure(apart(&[small], &[large]) < 1e-12, || {
        format!("hidden values of 0.5 and 100 give losses of {small} and {large}")
    })?;
    // Nothing known: nothing to learn, and no division by zero.
    let mut nothing = targets(ROWS, 0.0)?;
    for part in [
        Some(&mut nothing.mean),
        nothing.epistemic.as_mut(),
        nothing.aleatoric.as_mut(),
    ]
    .into_iter()
    .flatten()
    {
        part.mask = part.mask.zeros_like()?;
    }
    let var = Var::from_tensor(&raw)?;
    let loss = head.loss(var.as_tensor(), &nothing)?;
    ensure(number(&loss)?.is_finite(), || {
        format!("a batch without a known value has the loss {loss}")
    })?;
    let gradients = loss.backward()?;
    if let Some(gradient) = gradients.get(&var) {
        let silent = values(gradient)?.iter().all(|g| *g == 0.0);
        ensure(silent, || {
            "a batch without a known value has a gradient".to_owned()
        })?;
    }
    Ok(())
}

fn parts(prediction: &Prediction) -> Vec<(&'static str, Tensor)> {
    let spreads = [
        ("epistemic", &prediction.epistemic),
        ("aleatoric", &prediction.aleatoric),
    ];
    let mut all = vec![("mean", prediction.mean.clone())];
    all.extend(
        spreads
            .into_iter()
            .filter_map(|(name, part)| Some((name, part.clone()?))),
    );
    all
}

fn predicts(family: &dyn UncertaintyHead, head: &dyn Head) -> Checked {
    let raw = irregular("h4", &[ROWS, head.outputs()])?;
    let prediction = head.predict(&raw, &mut Ctx::eval())?;
    for (name, part) in parts(&prediction) {
        ensure(part.dims() == [ROWS, TASKS], || {
            format!(
                "expected `{name}` of [{ROWS}, {TASKS}], found {:?}",
                part.dims()
            )
        })?;
        let negative = values(&part)?.iter().any(|v| *v < 0.0);
        ensure(name == "mean" || !negative, || {
            format!("`{name}` is a standard deviation and has negative values")
        })?;
    }
    let all = Components {
        aleatoric: true,
        epistemic: true,
    };
    let announced = family.components(all);
    let found = Components {
        aleatoric: prediction.aleatoric.is_some(),
        epistemic: prediction.epistemic.is_some() || head.stochastic_passes() > 0,
    };
    ensure(announced == found, || {
        format!("announced {announced:?}, found {found:?}")
    })?;
    let quantiles = (family.has_quantiles(), prediction.quantiles.is_some());
    ensure(quantiles.0 == quantiles.1, || {
        format!(
            "announced quantiles: {}, found: {}",
            quantiles.0, quantiles.1
        )
    })?;
    if let Some(quantiles) = &prediction.quantiles {
        let levels = &quantiles.levels;
        let ascending =
            levels.windows(2).all(|w| w[0] < w[1]) && levels.iter().all(|l| *l > 0.0 && *l < 1.0);
        ensure(ascending, || {
            format!("expected ascending levels in (0, 1), found {levels:?}")
        })?;
        let expected = [ROWS, TASKS, levels.len()];
        ensure(quantiles.values.dims() == expected, || {
            format!(
                "expected quantiles of {expected:?}, found {:?}",
                quantiles.values.dims()
            )
        })?;
        let crossing = values(&quantiles.values)?
            .chunks(levels.len())
            .any(|q| q.windows(2).any(|w| w[0] > w[1]));
        ensure(!crossing, || "quantiles cross".to_owned())?;
    }
    Ok(())
}

/// Gradient descent on the raw outputs themselves: one target per task, all rows alike.
///
/// A head whose means are never negative (counts) is taught positive targets.
fn learns(head: &dyn Head) -> Checked {
    let wild = (irregular("h5 range", &[ROWS, head.outputs()])? * 30.0)?;
    let positive = values(&head.predict(&wild, &mut Ctx::eval())?.mean)?
        .iter()
        .all(|mean| *mean >= 0.0);
    let wanted = if positive { [0.8, 1.7] } else { [0.8, -0.7] };
    let full = |value: &[f64]| -> degu_core::Result<Masked> {
        let rows: Vec<f64> = (0..ROWS).flat_map(|_| value.to_vec()).collect();
        let value = Tensor::from_vec(rows, (ROWS, TASKS), &Device::Cpu)?;
        Ok(Masked {
            mask: value.ones_like()?,
            value,
        })
    };
    let targets = Targets {
        mean: full(&wanted)?,
        epistemic: Some(full(&[0.3, 0.2])?),
        aleatoric: Some(full(&[0.3, 0.2])?),
    };
    let var = Var::from_tensor(&(irregular("h5", &[ROWS, head.outputs()])? * 0.5)?)?;
    // Adam by hand: steps of equal size, whatever the scale of the loss.
    let (mut first, mut second) = (
        vec![0.0; ROWS * head.outputs()],
        vec![0.0; ROWS * head.outputs()],
    );
    for step in 1..=600 {
        let gradients = head.loss(var.as_tensor(), &targets)?.backward()?;
        let Some(gradient) = gradients.get(&var) else {
            return Err(Verdict::Fail("the loss has no gradient".to_owned()));
        };
        let rate = 0.05 * (1.0 - f64::from(step) / 601.0);
        let mut moved = values(&var)?;
        for (i, g) in values(gradient)?.into_iter().enumerate() {
            first[i] = 0.9 * first[i] + 0.1 * g;
            second[i] = 0.99 * second[i] + 0.01 * g * g;
            let m = first[i] / (1.0 - 0.9f64.powi(step));
            let v: f64 = second[i] / (1.0 - 0.99f64.powi(step));
            moved[i] -= rate * m / (v.sqrt() + 1e-12);
        }
        var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu)?)?;
    }
    let prediction = head.predict(var.as_tensor(), &mut Ctx::eval())?;
    let off = values(&prediction.mean)?
        .iter()
        .zip(wanted.iter().cycle())
        .fold(0.0, |worst: f64, (a, b)| worst.max((a - b).abs()));
    ensure(off < 0.1, || {
        format!("means are {off:.3} away from the targets after 600 steps")
    })
}

fn needs(family: &dyn UncertaintyHead) -> Checked {
    let needs = family.labels();
    let exact = labels(TASKS, needs.epistemic, needs.aleatoric);
    let head = family.bind(&exact)?;
    let raw = irregular("h6", &[ROWS, head.outputs()])?;
    let mut targets = targets(ROWS, 0.0)?;
    targets.epistemic = targets.epistemic.filter(|_| needs.epistemic);
    targets.aleatoric = targets.aleatoric.filter(|_| needs.aleatoric);
    head.loss(&raw, &targets)?;
    head.predict(&raw, &mut Ctx::eval())?;
    for (part, needed) in [
        ("epistemic", needs.epistemic),
        ("aleatoric", needs.aleatoric),
    ] {
        if !needed {
            continue;
        }
        let poor = labels(
            TASKS,
            needs.epistemic && part != "epistemic",
            needs.aleatoric && part != "aleatoric",
        );
        ensure(
            matches!(family.bind(&poor), Err(Error::Missing { .. })),
            || format!("needs {part} labels, and binds without them"),
        )?;
    }
    Ok(())
}

fn complete(head: &dyn Head) -> Checked {
    let both = (irregular("h8", &[2 * ROWS, head.outputs()])? * 2.0)?;
    let var = Var::from_tensor(&both)?;
    let prediction = match head.predict(var.as_tensor(), &mut Ctx::new(Mode::Rescale)) {
        Ok(prediction) => prediction,
        Err(Error::Unsupported { operation, .. }) => {
            return Err(Verdict::Skip(format!("`{operation}` has no rescale rule")));
        }
        Err(error) => return Err(error.into()),
    };
    let change = (both.narrow(0, 0, ROWS)? - both.narrow(0, ROWS, ROWS)?)?;
    for (name, part) in parts(&prediction) {
        for task in 0..TASKS {
            let output = part.narrow(1, task, 1)?.squeeze(1)?;
            let gradients = output.narrow(0, 0, ROWS)?.sum_all()?.backward()?;
            let Some(multipliers) = gradients.get(&var) else {
                return Err(Verdict::Fail(format!("no multiplier reaches `{name}`")));
            };
            let explained = (multipliers.narrow(0, 0, ROWS)? * &change)?.sum(1)?;
            let found = (output.narrow(0, 0, ROWS)? - output.narrow(0, ROWS, ROWS)?)?;
            let off = apart(&values(&explained)?, &values(&found)?);
            // An output that does not move (a spread clamped on both sides) has nothing to compare.
            let still = values(&found)?.iter().all(|v| v.abs() < 1e-12);
            ensure(still || off < 1e-5, || {
                format!(
                    "`{name}`: multipliers times differences and the change differ by {off:.2e}, relative to the largest"
                )
            })?;
        }
    }
    Ok(())
}
