//! Our side of the comparison with PyTorch: whole networks through the public interface (base codes
//! in, loss, gradients, Adam).
//!
//! `vs_torch speed NET [--train-batch N] [--infer-batch N] [--threads N] [--seconds S]` prints one
//! line of JSON: medians and best of sequences per second over repeated steps, and the peak of
//! resident memory after training. `vs_torch side-by-side NET --members M --device cuda:0` trains M
//! networks at once, one thread and stream each, and prints their rate together. `vs_torch export
//! NET FOLDER` writes irregular weights, codes and the outputs in evaluation mode, for `check.py`.
//! See `run.sh`.

mod nets;

use std::{
    error::Error,
    io::Write,
    path::Path,
    sync::Barrier,
    time::{Duration, Instant},
};

use candle_core::Tensor;
use degu_core::{
    Architecture, Ctx, Head, Masked, ModelIo, Network, OutputKind, Params, Prediction, Seed,
    Sequences, Targets, graph::Graph,
};
use degu_nn::{
    GraphNetwork, loss,
    optim::{Adam, OptimizerConfig},
    schedule::Rates,
};
use degu_train::backend::{self, Backend, BackendKind, Batch, Precision, Recipe, Update};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    // `cargo bench` adds `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|w| w != "--bench")
        .collect();
    let text: Vec<&str> = words.iter().map(String::as_str).collect();
    let line = match text.as_slice() {
        ["speed", net, options @ ..] => speed(&nets::find(net)?, &Options::parse(options)?)?,
        ["side-by-side", net, options @ ..] => {
            side_by_side(&nets::find(net)?, &Options::parse(options)?)?
        }
        ["export", net, folder] => export(&nets::find(net)?, Path::new(folder))?,
        // `cargo bench` without arguments runs every bench; this one is timed by its script.
        [] => "vs_torch: run benches/vs_torch/run.sh".to_owned(),
        _ => return Err(
            "expected `speed NET [OPTIONS]`, `side-by-side NET [OPTIONS]` or `export NET FOLDER`"
                .into(),
        ),
    };
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

struct Options {
    train_batch: usize,
    infer_batch: usize,
    threads: usize,
    seconds: f64,
    members: usize,
    device: backend::Device,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            train_batch: 128,
            infer_batch: 512,
            threads: 2,
            seconds: 4.0,
            members: 1,
            device: backend::Device::Cpu,
        };
        for pair in words.chunks(2) {
            let [name, value] = pair else {
                return Err(format!("`{}` needs a value", pair[0]).into());
            };
            match *name {
                "--train-batch" => options.train_batch = value.parse()?,
                "--infer-batch" => options.infer_batch = value.parse()?,
                "--threads" => options.threads = value.parse()?,
                "--seconds" => options.seconds = value.parse()?,
                "--members" => options.members = value.parse()?,
                "--device" => options.device = (*value).to_owned().try_into()?,
                other => return Err(format!("no option is named `{other}`").into()),
            }
        }
        Ok(options)
    }
}

/// A network whose last layer is its own.
struct Whole(fn() -> Graph);

struct WholeNetwork(GraphNetwork);

impl Architecture for Whole {
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> degu_core::Result<Box<dyn Network>> {
        let network = GraphNetwork::new((self.0)(), io, params)?;
        Ok(Box::new(WholeNetwork(network)))
    }
}

impl Network for WholeNetwork {
    fn features(&self) -> Option<usize> {
        None
    }
    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> degu_core::Result<Tensor> {
        self.0.forward(x, ctx)
    }
    fn graph(&self) -> Option<&Graph> {
        self.0.graph()
    }
}

/// Mean squared error of all outputs, as on the other side.
struct SquaredError(usize);

impl Head for SquaredError {
    fn outputs(&self) -> usize {
        self.0
    }
    fn loss(&self, raw: &Tensor, targets: &Targets) -> degu_core::Result<Tensor> {
        loss::mse(raw, &targets.mean)
    }
    fn predict(&self, raw: &Tensor, _ctx: &mut Ctx<'_>) -> degu_core::Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
}

fn open(
    net: &nets::Net,
    batch: usize,
    threads: usize,
    device: &backend::Device,
) -> Result<Box<dyn Backend>> {
    let outputs = net.outputs;
    let head = move || Ok(Box::new(SquaredError(outputs)) as Box<dyn Head>);
    let recipe = Recipe {
        architecture: &Whole(net.graph),
        head: &head,
        length: net.length,
        output: OutputKind::Scalar,
        seed: Seed::root(1),
        precision: Precision::F32,
    };
    Ok(backend::open(
        &recipe,
        BackendKind::Fused,
        &device.open()?,
        batch,
        threads,
    )?)
}

/// Bases from a fixed stream, some of them N.
fn codes(n: usize, with_n: bool) -> Vec<u8> {
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..n)
        .map(|_| {
            if with_n && next() % 50 == 0 {
                4
            } else {
                (next() % 4) as u8
            }
        })
        .collect()
}

/// Sequences per second of `step` on `n` sequences: median and best.
fn timed(n: usize, seconds: f64, mut step: impl FnMut() -> Result<()>) -> Result<[f64; 2]> {
    for _ in 0..3 {
        step()?;
    }
    let (mut times, start) = (vec![], Instant::now());
    while start.elapsed() < Duration::from_secs_f64(seconds) || times.len() < 5 {
        let t = Instant::now();
        step()?;
        times.push(t.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let rate = |t: f64| n as f64 / t;
    let middle = times.len() / 2;
    let median = if times.len().is_multiple_of(2) {
        f64::midpoint(times[middle - 1], times[middle])
    } else {
        times[middle]
    };
    Ok([rate(median), rate(times[0])])
}

fn speed(net: &nets::Net, options: &Options) -> Result<String> {
    let n = options.train_batch;
    let mut backend = open(net, n, options.threads, &options.device)?;
    let sequences = codes(n * net.length, false);
    let targets = targets(net, n, backend.tensor_device())?;
    let update = update();
    let dropout = Seed::root(2);
    let mut step = 0;
    let train = timed(n, options.seconds, || {
        let batch = Batch {
            codes: &sequences,
            noise: None,
            rows: n,
        };
        let loss = backend
            .step(&batch, &targets, &dropout, step, &update)?
            .wait()?;
        step += 1;
        if loss.is_finite() {
            Ok(())
        } else {
            Err(format!("the loss of step {step} is {loss}").into())
        }
    })?;
    let peak = peak_memory();
    let n = options.infer_batch;
    let sequences = codes(n * net.length, false);
    let infer = timed(n, options.seconds, || {
        backend.raw(&Batch::plain(&sequences, n))?;
        Ok(())
    })?;
    Ok(json!({
        "net": net.name, "setting": "ours", "version": env!("CARGO_PKG_VERSION"), "kernels": backend.describe(),
        "threads": options.threads, "train": train[0], "train_best": train[1], "infer": infer[0], "infer_best": infer[1],
        "peak_mb": peak, "train_batch": options.train_batch, "infer_batch": options.infer_batch,
    })
    .to_string())
}

/// Irregular targets.
fn targets(net: &nets::Net, n: usize, device: &candle_core::Device) -> Result<Targets> {
    let values = (0..n * net.outputs).map(|i| ((i * 37 % 101) as f32 - 50.0) / 29.0);
    let value = Tensor::from_iter(values, device)?.reshape((n, net.outputs))?;
    Ok(Targets {
        mean: Masked {
            mask: value.ones_like()?,
            value,
        },
        epistemic: None,
        aleatoric: None,
    })
}

fn update() -> Update {
    let rates = Rates {
        lr: 1e-3,
        momentum: None,
    };
    Update {
        optimizer: OptimizerConfig::Adam(Adam::default()),
        rates,
        clip: None,
    }
}

/// Steps whose losses are read at once, as the trainer does.
const READ_EVERY: usize = 50;

/// A network and what a step needs.
struct Member<'a> {
    backend: Box<dyn Backend>,
    targets: Targets,
    codes: &'a [u8],
    rows: usize,
    steps: u64,
}

impl Member<'_> {
    /// As many steps as losses are read at once.
    fn some(&mut self) -> Result<()> {
        let mut losses = vec![];
        for _ in 0..READ_EVERY {
            let batch = Batch {
                codes: self.codes,
                noise: None,
                rows: self.rows,
            };
            let (dropout, update) = (Seed::root(2), update());
            let step = self.steps;
            losses.push(
                self.backend
                    .step(&batch, &self.targets, &dropout, step, &update)?,
            );
            self.steps += 1;
        }
        for loss in losses {
            if !loss.wait()?.is_finite() {
                return Err("a loss is not finite".into());
            }
        }
        Ok(())
    }
}

/// Trains several networks at once, each on a thread (and on a GPU a stream) of its own.
fn side_by_side(net: &nets::Net, options: &Options) -> Result<String> {
    let rows = options.train_batch;
    let sequences = codes(rows * net.length, false);
    let start = Barrier::new(options.members);
    let ready = || -> Result<Member<'_>> {
        let backend = open(net, rows, 1, &options.device)?;
        let mut member = Member {
            targets: targets(net, rows, backend.tensor_device())?,
            backend,
            codes: &sequences,
            rows,
            steps: 0,
        };
        member.some()?;
        Ok(member)
    };
    // Sequences per second of one member, and its kernels.
    let run = || -> Result<(f64, String)> {
        let member = ready();
        // Members that failed wait here too: the others would wait for them forever.
        start.wait();
        let (mut member, began) = (member?, Instant::now());
        let warm = member.steps;
        while began.elapsed().as_secs_f64() < options.seconds {
            member.some()?;
        }
        let trained = ((member.steps - warm) * rows as u64) as f64;
        Ok((
            trained / began.elapsed().as_secs_f64(),
            member.backend.describe(),
        ))
    };
    let members = std::thread::scope(|scope| {
        let started: Vec<_> = (0..options.members)
            .map(|_| scope.spawn(|| run().map_err(|e| e.to_string())))
            .collect();
        let ended = started.into_iter().map(|thread| {
            let result = thread.join();
            result.unwrap_or_else(|_| Err("a member panicked".to_owned()))
        });
        ended.collect::<std::result::Result<Vec<_>, String>>()
    })?;
    Ok(json!({
        "net": net.name, "setting": "ours", "kernels": members.first().map(|m| &m.1), "members": options.members,
        "train": members.iter().map(|m| m.0).sum::<f64>(), "train_batch": rows,
    })
    .to_string())
}

/// Peak of resident memory in MB (10^6 bytes), where the system tells.
fn peak_memory() -> Option<f64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// Writes `weights.bin` (f32, little-endian), `codes.bin`, `outputs.bin` and `manifest.json`.
fn export(net: &nets::Net, folder: &Path) -> Result<String> {
    const SEQUENCES: usize = 8;
    fs_err::create_dir_all(folder)?;
    let mut backend = open(net, SEQUENCES, 1, &backend::Device::Cpu)?;
    let mut weights = backend.weights()?;
    // Batch norms with unit statistics would hide a mistake.
    for (k, (name, (shape, values))) in weights.iter_mut().enumerate() {
        let wave = |i: usize| ((i * 31 + k * 7) % 23) as f32 / 23.0 - 0.5;
        for (i, v) in values.iter_mut().enumerate() {
            if name.ends_with("running_var") {
                *v = 1.2 + wave(i);
            } else if shape.len() == 1 {
                *v += 0.4 * wave(i);
            }
        }
    }
    backend.set_weights(&weights)?;
    let mut bytes = vec![];
    let mut tensors = vec![];
    for (name, (shape, values)) in &weights {
        tensors.push(json!({"name": name, "shape": shape, "offset": bytes.len() / 4}));
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }
    let sequences = codes(SEQUENCES * net.length, true);
    let outputs = backend
        .raw(&Batch::plain(&sequences, SEQUENCES))?
        .flatten_all()?
        .to_vec1::<f32>()?;
    let outputs: Vec<u8> = outputs.iter().flat_map(|v| v.to_le_bytes()).collect();
    fs_err::write(folder.join("weights.bin"), bytes)?;
    fs_err::write(folder.join("codes.bin"), sequences)?;
    fs_err::write(folder.join("outputs.bin"), outputs)?;
    let manifest = json!({
        "net": net.name, "length": net.length, "outputs": net.outputs, "sequences": SEQUENCES, "tensors": tensors,
    });
    fs_err::write(folder.join("manifest.json"), manifest.to_string())?;
    Ok(manifest["net"].to_string())
}
