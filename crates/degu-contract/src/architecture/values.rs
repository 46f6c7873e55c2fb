//! A1 to A10: what one forward and one backward pass must fulfil.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};
use degu_core::{Architecture, Ctx, Error, Mode, ModelIo, OutputKind, Sequences};
use degu_nn::array;

use super::Fit;
use crate::{
    Checked, Checks, Verdict, ensure,
    probe::{Probe, apart, codes, difference, io, root, sequences, values},
};

pub(super) const A1: &str =
    "shapes for 1 and 3 sequences and 1, 2 and 6 outputs; another length is refused";

/// Rounding of sums in double precision.
const EXACT: f64 = 1e-12;
/// Central differences of step 1e-6 in double precision, with a margin of 10.
const GRADIENT: f64 = 1e-5;
/// Completeness of rescale multipliers: pairs closer than 1e-6 fall back to the derivative.
const COMPLETENESS: f64 = 1e-5;
/// Outputs of most checks.
const OUTPUTS: usize = 2;

pub(super) fn checks(architecture: &dyn Architecture, fit: &Fit, checks: &mut Checks) {
    checks.run("A1", A1, || shapes(architecture, fit));
    let io = fit.io(OUTPUTS);
    let probe = match Probe::new(architecture, &io, DType::F64, root()) {
        Ok(probe) => probe,
        Err(error) => return checks.run("A2", "builds in double precision", || Err(error.into())),
    };
    checks.run(
        "A2",
        "codes and their one-hot tensor give the same output",
        || {
            let x = sequences(&codes("a2", 3, io.length, true), io.length)?;
            let one_hot = Sequences::OneHot(x.one_hot(DType::F64)?);
            small_enough(
                difference(&probe.eval(&x)?, &probe.eval(&one_hot)?)?,
                EXACT,
                "outputs of codes and of one-hot",
            )
        },
    );
    checks.run("A3", "rows are independent in evaluation", || {
        let all = codes("a3", 3, io.length, false);
        let together = probe.eval(&sequences(&all, io.length)?)?;
        for (i, row) in all.chunks(io.length).enumerate() {
            let alone = probe.eval(&sequences(row, io.length)?)?;
            small_enough(
                difference(&alone, &together.narrow(0, i, 1)?)?,
                EXACT,
                &format!("row {i} alone and in a batch of 3"),
            )?;
        }
        Ok(())
    });
    checks.run("A4", "unknown bases give finite outputs", || {
        let mut all = vec![4u8; io.length];
        all.extend(codes("a4", 1, io.length, true));
        let y = values(&probe.eval(&sequences(&all, io.length)?)?)?;
        ensure(y.iter().all(|v| v.is_finite()), || format!("found {y:?}"))
    });
    checks.run("A5", "gradients agree with finite differences", || {
        gradients(&probe, &io)
    });
    checks.run(
        "A6",
        "no parameter is dead; running statistics move in training alone",
        || used(&probe, &io),
    );
    checks.run(
        "A7",
        "initial values are a function of seed and name",
        || initial(architecture, &io),
    );
    checks.run(
        "A8",
        "weights survive a file; a tensor too few, too many or of another shape is named",
        || saved(architecture, &probe, &io),
    );
    checks.run(
        "A9",
        "passes repeat; evaluation and rescale mode give the same values",
        || repeats(&probe, &io),
    );
    checks.run("A10", "rescale multipliers are complete", || {
        complete(&probe, &io)
    });
}

fn small_enough(found: f64, tolerance: f64, what: &str) -> Checked {
    ensure(found <= tolerance, || {
        format!(
            "{what} differ by {found:.2e}, relative to the largest; expected at most {tolerance:.0e}"
        )
    })
}

fn shapes(architecture: &dyn Architecture, fit: &Fit) -> Checked {
    for length in [fit.length, fit.length + 1] {
        for outputs in [1, 2, 6] {
            let wanted = io(length, outputs, fit.output);
            let probe = match Probe::new(architecture, &wanted, DType::F32, root()) {
                Ok(probe) => probe,
                // Families that halve the length several times need a multiple; that the first
                // length builds is known.
                Err(Error::Layer { .. } | Error::Unsupported { .. } | Error::Shape { .. })
                    if length != fit.length =>
                {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for rows in [1, 3] {
                let x = sequences(&codes("a1", rows, length, false), length)?;
                let found = probe.eval(&x)?;
                let expected = match fit.output {
                    OutputKind::Scalar => vec![rows, outputs],
                    OutputKind::Profile { bins } => vec![rows, bins, outputs],
                };
                ensure(found.dims() == expected, || {
                    format!(
                        "expected {expected:?} at {length} bp, found {:?}",
                        found.dims()
                    )
                })?;
            }
            let longer = sequences(&codes("a1", 1, length + 1, false), length + 1)?;
            let refused = match probe.eval(&longer) {
                Ok(y) => format!("an output of shape {:?}", y.dims()),
                Err(Error::Layer { .. } | Error::Shape { .. }) => continue,
                Err(other) => other.to_string(),
            };
            return Err(Verdict::Fail(format!(
                "expected an error of shape for {} bp in a network of {length} bp, found {refused}",
                length + 1
            )));
        }
    }
    Ok(())
}

/// A scalar of the outputs that weighs each of them differently.
fn weighed(raw: &Tensor) -> degu_core::Result<Tensor> {
    let weights = degu_nn::gradcheck::irregular("contract", raw.dims())?;
    Ok((raw * weights.to_dtype(raw.dtype())?)?.sum_all()?)
}

fn gradients(probe: &Probe, io: &ModelIo) -> Checked {
    let x = sequences(&codes("a5", 3, io.length, false), io.length)?;
    let train = Mode::Train {
        dropout: root().child("dropout"),
        step: 3,
    };
    for mode in [Mode::Eval, train] {
        let loss =
            || -> degu_core::Result<Tensor> { weighed(&probe.model.raw(&x, &mut Ctx::new(mode))?) };
        let analytic = loss()?.backward()?;
        let mut expected = Vec::new();
        let mut found = Vec::new();
        let mut names = Vec::new();
        for (name, var) in probe.store.parameters() {
            let start = values(&var)?;
            let gradient = match analytic.get(&var) {
                Some(gradient) => values(gradient)?,
                None => vec![0.0; start.len()],
            };
            // The entry with the largest gradient, and one in the middle.
            let largest = (0..start.len())
                .max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs()))
                .unwrap_or(0);
            for entry in [largest, start.len() / 2] {
                let at = |delta: f64| -> degu_core::Result<f64> {
                    let mut moved = start.clone();
                    moved[entry] += delta;
                    var.set(&Tensor::from_vec(moved, var.shape(), var.device())?)?;
                    Ok(loss()?.to_scalar::<f64>()?)
                };
                let numeric = slope(&at)?;
                at(0.0)?;
                let Some(numeric) = numeric else { continue };
                expected.push(numeric);
                found.push(gradient[entry]);
                names.push(name.clone());
            }
        }
        let worst = (0..names.len())
            .max_by(|a, b| {
                (expected[*a] - found[*a])
                    .abs()
                    .total_cmp(&(expected[*b] - found[*b]).abs())
            })
            .map_or(String::new(), |i| {
                format!(
                    "; worst `{}`: {:.6} and {:.6}",
                    names[i], found[i], expected[i]
                )
            });
        small_enough(
            apart(&found, &expected),
            GRADIENT,
            &format!("gradients and differences in {mode:?}{worst};"),
        )?;
    }
    input_gradient(probe, io)
}

/// Slope at 0 by central differences; `None` at a kink (of a rectifier, or between two candidates
/// of a maximum), where the slopes on both sides differ and either is a derivative.
fn slope(at: &dyn Fn(f64) -> degu_core::Result<f64>) -> degu_core::Result<Option<f64>> {
    let step = 1e-6;
    let (before, here, after) = (at(-step)?, at(0.0)?, at(step)?);
    let (left, right) = ((here - before) / step, (after - here) / step);
    // One-sided differences round at 1e-10 and curve at 1e-6; a kink is larger than both.
    let kink = (left - right).abs() > 1e-3 * (left.abs() + right.abs()) + 1e-8;
    Ok((!kink).then_some((after - before) / (2.0 * step)))
}

fn input_gradient(probe: &Probe, io: &ModelIo) -> Checked {
    let one_hot = sequences(&codes("a5", 3, io.length, false), io.length)?.one_hot(DType::F64)?;
    let x = Var::from_tensor(&one_hot)?;
    let loss = |x: &Tensor| weighed(&probe.eval(&Sequences::OneHot(x.clone()))?);
    let Some(gradient) = loss(x.as_tensor())?
        .backward()?
        .get(x.as_tensor())
        .map(values)
        .transpose()?
    else {
        return Err(Verdict::Fail(
            "no gradient reaches a one-hot input".to_owned(),
        ));
    };
    let start = values(&one_hot)?;
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for k in 0..12 {
        let entry = k * (start.len() - 1) / 11;
        let at = |delta: f64| -> degu_core::Result<f64> {
            let mut moved = start.clone();
            moved[entry] += delta;
            let moved = Tensor::from_vec(moved, one_hot.shape(), one_hot.device())?;
            Ok(loss(&moved)?.to_scalar::<f64>()?)
        };
        let Some(numeric) = slope(&at)? else { continue };
        expected.push(numeric);
        found.push(gradient[entry]);
    }
    let scale = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
    expected.push(scale);
    found.push(scale);
    small_enough(
        apart(&found, &expected),
        GRADIENT,
        "input gradients and differences",
    )
}

fn used(probe: &Probe, io: &ModelIo) -> Checked {
    // Batch normalisation cancels a bias before it in training: gradients are those of evaluation.
    let mut alive: BTreeMap<String, bool> = BTreeMap::new();
    for batch in 0..4 {
        let x = sequences(
            &codes(&format!("a6/{batch}"), 8, io.length, false),
            io.length,
        )?;
        let gradients = weighed(&probe.eval(&x)?)?.backward()?;
        for (name, var) in probe.store.parameters() {
            let moved = match gradients.get(&var) {
                Some(g) => values(g)?.iter().any(|v| *v != 0.0),
                None => false,
            };
            *alive.entry(name).or_default() |= moved;
        }
    }
    let dead: Vec<&String> = alive.iter().filter(|(_, a)| !**a).map(|(n, _)| n).collect();
    ensure(dead.is_empty(), || {
        format!("no gradient reaches {dead:?} on 32 sequences")
    })?;
    let x = sequences(&codes("a6", 3, io.length, false), io.length)?;
    let mut eval = Ctx::eval();
    probe.model.raw(&x, &mut eval)?;
    ensure(eval.into_statistics().is_empty(), || {
        "an evaluation pass reports batch statistics".to_owned()
    })?;
    let mut train = Ctx::new(Mode::Train {
        dropout: root(),
        step: 0,
    });
    probe.model.raw(&x, &mut train)?;
    let reported = train.into_statistics();
    for (name, _) in probe.store.buffers() {
        let layer = name.rsplit_once('.').map_or("", |(layer, _)| layer);
        ensure(reported.contains_key(layer), || {
            format!("a training pass reports no statistics for `{name}`")
        })?;
    }
    Ok(())
}

fn initial(architecture: &dyn Architecture, io: &ModelIo) -> Checked {
    let build = |label: &str| Probe::new(architecture, io, DType::F64, root().child(label));
    let (first, again, other) = (build("one")?, build("one")?, build("two")?);
    for (((name, a), (_, b)), (_, c)) in first
        .store
        .tensors()
        .into_iter()
        .zip(again.store.tensors())
        .zip(other.store.tensors())
    {
        let (a, b, c) = (values(&a)?, values(&b)?, values(&c)?);
        ensure(a == b, || format!("`{name}` differs for the same seed"))?;
        let random = a.windows(2).any(|pair| pair[0].total_cmp(&pair[1]).is_ne());
        ensure(!random || a != c, || {
            format!("`{name}` has the same random values for two seeds")
        })?;
    }
    Ok(())
}

fn saved(architecture: &dyn Architecture, probe: &Probe, io: &ModelIo) -> Checked {
    let bytes = probe.store.to_bytes(&BTreeMap::new())?;
    let other = Probe::new(architecture, io, DType::F64, root().child("other"))?;
    other.store.load_bytes(&bytes)?;
    let x = sequences(&codes("a8", 3, io.length, true), io.length)?;
    let same = values(&probe.eval(&x)?)? == values(&other.eval(&x)?)?;
    ensure(same, || {
        "outputs differ after a round trip: a tensor is not in the store".to_owned()
    })?;
    let (arrays, _) = array::from_bytes(&bytes)?;
    let Some(name) = arrays.keys().next().cloned() else {
        return Ok(());
    };
    let mut fewer = arrays.clone();
    let taken = fewer.remove(&name);
    let mut more = arrays;
    if let Some(array) = taken {
        more.insert("surplus".to_owned(), array);
    }
    for (what, tensors, named) in [
        ("too few", fewer, name.as_str()),
        ("too many", more, "surplus"),
    ] {
        let message = match other.store.restore(&tensors) {
            Ok(()) => "no error".to_owned(),
            Err(error) => error.to_string(),
        };
        ensure(message.contains(named), || {
            format!("a tensor {what}: expected an error that names `{named}`, found {message}")
        })?;
    }
    Ok(())
}

fn repeats(probe: &Probe, io: &ModelIo) -> Checked {
    let x = sequences(&codes("a9", 3, io.length, true), io.length)?;
    let same = values(&probe.eval(&x)?)? == values(&probe.eval(&x)?)?;
    ensure(same, || "two evaluation passes differ".to_owned())?;
    let train = |step| -> degu_core::Result<Vec<f64>> {
        let mode = Mode::Train {
            dropout: root(),
            step,
        };
        values(&probe.model.raw(&x, &mut Ctx::new(mode))?)
    };
    ensure(train(5)? == train(5)?, || {
        "two training passes of one step differ: a source of randomness is not named by the step"
            .to_owned()
    })?;
    let rescale = match probe
        .model
        .raw(&x_and_reference(io)?, &mut Ctx::new(Mode::Rescale))
    {
        Ok(y) => y,
        Err(Error::Unsupported { operation, .. }) => {
            return Err(Verdict::Skip(format!("`{operation}` has no rescale rule")));
        }
        Err(error) => return Err(error.into()),
    };
    small_enough(
        difference(&rescale, &probe.eval(&x_and_reference(io)?)?)?,
        EXACT,
        "values of evaluation and rescale",
    )
}

fn x_and_reference(io: &ModelIo) -> degu_core::Result<Sequences> {
    Ok(Sequences::OneHot(
        sequences(&codes("a10", 8, io.length, false), io.length)?.one_hot(DType::F64)?,
    ))
}

/// Sum over the sequence of multiplier times difference from the reference = difference of the
/// outputs.
fn complete(probe: &Probe, io: &ModelIo) -> Checked {
    let Sequences::OneHot(both) = x_and_reference(io)? else {
        return Ok(());
    };
    let rows = both.dim(0)? / 2;
    let var = Var::from_tensor(&both)?;
    let input = Sequences::OneHot(var.as_tensor().clone());
    let raw = match probe.model.raw(&input, &mut Ctx::new(Mode::Rescale)) {
        Ok(raw) => raw,
        Err(Error::Unsupported { operation, .. }) => {
            return Err(Verdict::Skip(format!("`{operation}` has no rescale rule")));
        }
        Err(error) => return Err(error.into()),
    };
    let difference = (both.narrow(0, 0, rows)? - both.narrow(0, rows, rows)?)?;
    for task in 0..io.outputs {
        let output = raw.narrow(candle_core::D::Minus1, task, 1)?;
        let per_row = output.flatten_from(1)?.sum(1)?;
        let gradients = per_row.narrow(0, 0, rows)?.sum_all()?.backward()?;
        let Some(multipliers) = gradients.get(var.as_tensor()) else {
            return Err(Verdict::Fail("no multiplier reaches the input".to_owned()));
        };
        let explained = (multipliers.narrow(0, 0, rows)? * &difference)?
            .flatten_from(1)?
            .sum(1)?;
        let change = (per_row.narrow(0, 0, rows)? - per_row.narrow(0, rows, rows)?)?;
        small_enough(
            apart(&values(&explained)?, &values(&change)?),
            COMPLETENESS,
            "multipliers times differences and the change of the output (is a nonlinearity applied without `degu_nn::ops`?)",
        )?;
    }
    Ok(())
}
