//! T1 to T7: attribution methods.

use candle_core::{DType, Device, Tensor};
use degu_core::{
    Attribution, Attributor, Component, Ctx, Form, Plugin, Prediction, Predictor, Resolved, Result,
    Seed, Sequences, Target,
};
use degu_nn::gradcheck::irregular;

use super::{
    Checked, Checks, ensure,
    probe::{apart, codes, root, values},
};

/// Length and rows of the sequences.
const LENGTH: usize = 21;
const ROWS: usize = 4;
const TARGET: Target = Target {
    task: 1,
    part: Component::Mean,
};

/// Two tasks that are linear in the one-hot sequence.
struct Linear {
    weights: [Tensor; 2],
}

impl Linear {
    fn new(scale: f64) -> Result<Self> {
        let weights = |label: &str| -> Result<Tensor> {
            let w = (irregular(label, &[1, LENGTH, 4])? * scale)?;
            Ok(w.to_dtype(DType::F32)?)
        };
        Ok(Self {
            weights: [weights("task 0")?, weights("task 1")?],
        })
    }
}

impl Predictor for Linear {
    fn forward(&self, x: &Sequences, _ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let x = x.one_hot(DType::F32)?;
        let mut tasks = Vec::new();
        for w in &self.weights {
            tasks.push(x.broadcast_mul(w)?.sum(2)?.sum_keepdim(1)?);
        }
        Ok(Prediction::of_mean(Tensor::cat(&tasks, 1)?))
    }
}

pub(super) fn checks(
    _plugin: &Plugin<dyn Attributor>,
    resolved: &Resolved<dyn Attributor>,
    checks: &mut Checks,
) {
    let method = match resolved.build() {
        Ok(method) => method,
        Err(error) => return checks.run("T1", "builds", || Err(error.into())),
    };
    let method = method.as_ref();
    checks.run(
        "T1",
        "maps are finite and [N, L, 4], also of unknown bases",
        || {
            let mut all = codes("t1", ROWS - 1, LENGTH, true);
            all.extend([4; LENGTH]);
            let map = attribute(method, &Linear::new(1.0)?, &all, 0)?;
            let finite = values(&map.values)?.iter().all(|v| v.is_finite());
            ensure(map.values.dims() == [ROWS, LENGTH, 4] && finite, || {
                format!("found {:?}, finite: {finite}", map.values.dims())
            })
        },
    );
    checks.run(
        "T2",
        "maps do not depend on how sequences are cut into batches",
        || {
            let model = Linear::new(1.0)?;
            let all = codes("t2", ROWS, LENGTH, false);
            let together = values(&attribute(method, &model, &all, 0)?.values)?;
            for (i, row) in all.chunks(LENGTH).enumerate() {
                let alone = values(&attribute(method, &model, row, i)?.values)?;
                let part = &together[i * LENGTH * 4..(i + 1) * LENGTH * 4];
                // Sums may be grouped otherwise; a drawn reference or noise would differ in the
                // first digit.
                ensure(apart(&alone, part) < 1e-5, || {
                    format!("row {i} differs alone and in a batch of {ROWS}")
                })?;
            }
            Ok(())
        },
    );
    checks.run("T3", "on a linear model the map is its weights", || {
        closed_form(method)
    });
    checks.run("T4", "on a model without weights the map is zero", || {
        let map = attribute(
            method,
            &Linear::new(0.0)?,
            &codes("t4", ROWS, LENGTH, false),
            0,
        )?;
        let worst = values(&map.values)?
            .iter()
            .fold(0.0, |m: f64, v| m.max(v.abs()));
        ensure(worst < 1e-12, || format!("a value of {worst:.2e}"))
    });
    checks.run(
        "T5",
        "a part that the model does not predict is an error",
        || {
            let codes = tensor(&codes("t5", 1, LENGTH, false))?;
            let target = Target {
                task: 0,
                part: Component::Epistemic,
            };
            let found = method.attribute_one(&Linear::new(1.0)?, &codes, target, &seeds(0..1));
            ensure(found.is_err(), || {
                "a map of an epistemic spread that there is not".to_owned()
            })
        },
    );
    checks.run("T6", "the same seeds give the same map", || {
        let model = Linear::new(1.0)?;
        let all = codes("t6", ROWS, LENGTH, false);
        let once = values(&attribute(method, &model, &all, 0)?.values)?;
        let twice = values(&attribute(method, &model, &all, 0)?.values)?;
        ensure(once == twice, || "two runs differ".to_owned())
    });
    checks.run("T7", "every target has its own map, in order", || {
        let model = Linear::new(1.0)?;
        let all = tensor(&codes("t7", ROWS, LENGTH, false))?;
        let targets = [TARGET, Target { task: 0, ..TARGET }];
        let together = method.attribute(&model, &all, &targets, &seeds(0..ROWS))?;
        ensure(together.len() == targets.len(), || {
            format!("{} maps of {} targets", together.len(), targets.len())
        })?;
        for (target, map) in targets.into_iter().zip(&together) {
            let alone = method.attribute_one(&model, &all, target, &seeds(0..ROWS))?;
            ensure(
                apart(&values(&alone.values)?, &values(&map.values)?) < 1e-5,
                || format!("the map of task {} differs alone", target.task),
            )?;
        }
        Ok(())
    });
}

fn tensor(codes: &[u8]) -> Result<Tensor> {
    Ok(Tensor::from_slice(
        codes,
        (codes.len() / LENGTH, LENGTH),
        &Device::Cpu,
    )?)
}

fn seeds(rows: std::ops::Range<usize>) -> Vec<Seed> {
    let root = root().child("references");
    rows.map(|i| root.child(i.to_string())).collect()
}

fn attribute(
    method: &dyn Attributor,
    model: &Linear,
    codes: &[u8],
    first: usize,
) -> Result<Attribution> {
    let rows = codes.len() / LENGTH;
    method.attribute_one(model, &tensor(codes)?, TARGET, &seeds(first..first + rows))
}

/// Every method agrees on a linear model, once the mean over the bases is taken off: the weights.
fn closed_form(method: &dyn Attributor) -> Checked {
    let model = Linear::new(1.0)?;
    let all = codes("t3", ROWS, LENGTH, false);
    let map = attribute(method, &model, &all, 0)?;
    let found = values(&map.values)?;
    let weights = values(&model.weights[TARGET.task])?;
    match map.form {
        Form::Hypothetical => {
            let expected: Vec<f64> = (0..ROWS).flat_map(|_| centred(&weights)).collect();
            let off = apart(&centred(&found), &expected);
            ensure(off < 1e-4, || {
                format!("centred map and centred weights differ by {off:.2e}")
            })
        }
        Form::Observed => {
            let elsewhere = found
                .chunks(4)
                .zip(&all)
                .any(|(four, code)| (0..4).any(|b| b != usize::from(*code) && four[b] != 0.0));
            ensure(!elsewhere, || {
                "an observed map has values beside the observed bases".to_owned()
            })
        }
        Form::ShapValues => Ok(()),
    }
}

fn centred(values: &[f64]) -> Vec<f64> {
    values
        .chunks(4)
        .flat_map(|four| {
            let mean = four.iter().sum::<f64>() / 4.0;
            four.iter().map(move |v| v - mean).collect::<Vec<_>>()
        })
        .collect()
}
