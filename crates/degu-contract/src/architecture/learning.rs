//! A11 to A14: training, counts, threads and precision.

use candle_core::{DType, Device, Tensor};
use degu_core::{Architecture, Masked, OutputKind, Plugin, Resolved, Targets};
use degu_nn::{
    optim::{Adam, OptimizerConfig},
    schedule::Rates,
};
use degu_train::{
    Backend, BackendKind,
    backend::{Batch, Precision, Recipe, Update, open},
};

use super::Fit;
use crate::{
    Checked, Checks, Verdict, ensure,
    probe::{Plain, Probe, apart, codes, root, sequences, values},
    small::without_dropout,
};

/// Sequences of the synthetic task.
const ROWS: usize = 64;
/// Optimizer steps.
const STEPS: u64 = 200;
/// A motif that no short random sequence has by chance often, and that fits into the shortest
/// inputs.
const MOTIF: [u8; 6] = [3, 2, 0, 1, 2, 3];

pub(super) fn checks(
    plugin: &Plugin<dyn Architecture>,
    resolved: &Resolved<dyn Architecture>,
    fit: &Fit,
    checks: &mut Checks,
) {
    let plain = without_dropout(plugin, resolved);
    let architecture = match plain.build() {
        Ok(architecture) => architecture,
        Err(error) => return checks.run("A11", "builds", || Err(error.into())),
    };
    let architecture = architecture.as_ref();
    checks.run(
        "A11",
        "200 steps of Adam halve the loss on 64 sequences with a motif",
        || learns(architecture, fit),
    );
    checks.run(
        "A12",
        "the description counts the parameters that there are",
        || {
            let io = fit.io(2);
            let probe = Probe::new(architecture, &io, DType::F32, root())?;
            let Some(graph) = probe.model.graph() else {
                return Err(Verdict::Skip("the network has no description".to_owned()));
            };
            let (described, found) = (
                graph.parameter_count(io.length)?,
                probe.store.parameter_count(),
            );
            ensure(described == found, || {
                format!("described {described}, found {found}")
            })
        },
    );
    checks.run("A13", "one and two threads give the same bits", || {
        threads(architecture, fit)
    });
    checks.run("A14", "single and double precision agree", || {
        precision(architecture, fit)
    });
}

fn backend(
    architecture: &dyn Architecture,
    fit: &Fit,
    threads: usize,
) -> crate::Result<Box<dyn Backend>> {
    let head = || -> degu_core::Result<Box<dyn degu_core::Head>> { Ok(Box::new(Plain(1))) };
    let recipe = Recipe {
        architecture,
        head: &head,
        length: fit.length,
        output: fit.output,
        seed: root(),
        precision: Precision::F32,
    };
    open(&recipe, BackendKind::Auto, &Device::Cpu, ROWS, threads)
}

/// Random sequences, half of which hold the motif, and the activity 1 for these and -1 for the
/// others.
fn task(fit: &Fit) -> degu_core::Result<(Vec<u8>, Targets)> {
    let length = fit.length;
    let mut all = codes("a11", ROWS, length, false);
    let motif = &MOTIF[..MOTIF.len().min(length)];
    let mut activity = Vec::with_capacity(ROWS);
    for (i, row) in all.chunks_mut(length).enumerate() {
        let holds = i % 2 == 0;
        if holds {
            let start = (i * 7) % (length - motif.len() + 1);
            row[start..start + motif.len()].copy_from_slice(motif);
        }
        activity.push(if holds { 1f32 } else { -1.0 });
    }
    let bins = fit.output.bins();
    let per_bin: Vec<f32> = activity
        .iter()
        .flat_map(|a| std::iter::repeat_n(*a, bins))
        .collect();
    let shape = match fit.output {
        OutputKind::Scalar => vec![ROWS, 1],
        OutputKind::Profile { bins } => vec![ROWS, bins, 1],
    };
    let value = Tensor::from_vec(per_bin, shape, &Device::Cpu)?;
    let mask = value.ones_like()?;
    let targets = Targets {
        mean: Masked { value, mask },
        epistemic: None,
        aleatoric: None,
    };
    Ok((all, targets))
}

fn train(backend: &mut dyn Backend, fit: &Fit, steps: u64) -> crate::Result<Vec<f64>> {
    let (all, targets) = task(fit)?;
    let optimizer = OptimizerConfig::Adam(Adam::default());
    let rates = Rates {
        lr: 3e-3,
        momentum: None,
    };
    let update = Update {
        optimizer,
        rates,
        clip: None,
    };
    let dropout = root().child("dropout");
    let batch = Batch {
        codes: &all,
        noise: None,
        rows: ROWS,
    };
    (0..steps)
        .map(|step| {
            let loss = backend.step(&batch, &targets, &dropout, step, &update)?;
            loss.wait()
        })
        .collect()
}

/// As [`train`]; the trainer refuses a network with a dead parameter, which A6 has told already.
fn trained(backend: &mut dyn Backend, fit: &Fit, steps: u64) -> Result<Vec<f64>, Verdict> {
    train(backend, fit, steps).map_err(|error| {
        if error.to_string().contains("no gradient reaches") {
            Verdict::Skip("the trainer refuses it; see A6".to_owned())
        } else {
            error.into()
        }
    })
}

fn learns(architecture: &dyn Architecture, fit: &Fit) -> Checked {
    let mut backend = backend(architecture, fit, 1)?;
    let losses = trained(backend.as_mut(), fit, STEPS)?;
    let first = losses.first().copied().unwrap_or(f64::NAN);
    let last = losses.iter().rev().take(10).sum::<f64>() / 10.0;
    ensure(last < 0.5 * first, || {
        format!("the loss went from {first:.4} to {last:.4}")
    })
}

fn threads(architecture: &dyn Architecture, fit: &Fit) -> Checked {
    let mut found = Vec::new();
    for threads in [1, 2] {
        let mut backend = backend(architecture, fit, threads)?;
        let losses = trained(backend.as_mut(), fit, 3)?;
        found.push((losses, backend.weights()?));
    }
    let same = found.windows(2).all(|pair| pair[0] == pair[1]);
    ensure(same, || {
        "weights after three steps differ between one and two threads".to_owned()
    })
}

fn precision(architecture: &dyn Architecture, fit: &Fit) -> Checked {
    let io = fit.io(1);
    let all = codes("a14", 3, io.length, true);
    let x = sequences(&all, io.length)?;
    let double = Probe::new(architecture, &io, DType::F64, root().child("init"))?.eval(&x)?;
    // The backend that a study would use: the fused engine where it covers the network.
    let mut backend = backend(architecture, fit, 1)?;
    let single = backend.raw(&Batch::plain(&all, 3))?;
    let apart = apart(&values(&single)?, &values(&double)?);
    ensure(apart <= 1e-4, || {
        format!(
            "outputs of {} and of double precision differ by {apart:.2e}",
            backend.describe()
        )
    })
}
