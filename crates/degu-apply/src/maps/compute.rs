//! Computes maps shard by shard.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use degu_core::{Attributor, Component, Form, Predictor, Seed, Target, registry};
use degu_nn::Ensemble;
use degu_train::{backend::Autograd, model_file::PluginCard};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    MapMoments, SHARD,
    shards::{GroupMaps, Shard, Shards},
};
use crate::{ApplyError, Group, ModelSet, Result, SequenceReader, Sequences};

/// An attribution method with its parameters.
pub struct Method {
    /// The plugin.
    pub card: PluginCard,
    attributor: Box<dyn Attributor>,
}

impl Method {
    /// The plugin `name` with parameters as a JSON object, defaults filled in.
    ///
    /// # Errors
    ///
    /// An unknown plugin or parameter.
    pub fn new(name: &str, params: &Value) -> Result<Self> {
        let plugin = registry::find::<dyn Attributor>(name)?;
        let resolved = plugin.resolve_json(params)?;
        Ok(Self {
            card: PluginCard {
                plugin: name.to_owned(),
                revision: plugin.revision,
                params: resolved.params.clone(),
            },
            attributor: resolved.build()?,
        })
    }
}

/// What is to be explained, by what, and how.
pub struct MapJob<'a> {
    /// The models.
    pub models: &'a ModelSet,
    /// What is written: ensembles and single models.
    pub groups: Vec<Group>,
    /// The method.
    pub method: &'a Method,
    /// The explained number.
    pub target: Target,
    /// Seed of references and noise; the stream of a sequence is a function of it and of the bases
    /// alone.
    pub seed: u64,
    /// Sequences that pass through a network at once; changes no number beyond rounding.
    pub batch: usize,
    /// Where the networks run.
    pub device: Device,
}

/// How well the maps of a group add up to what they explain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Completeness {
    /// Sequences that were tested: those without N, of a method with a promise.
    pub sequences: usize,
    /// Mean absolute error over the mean absolute difference to the references.
    pub rho: f64,
    /// Largest absolute error, in units of the target.
    pub largest: f64,
    #[serde(skip)]
    sums: (f64, f64),
}

/// Finished maps, still in shards.
pub struct MapRun {
    pub(super) shards: Shards,
    pub(super) count: usize,
    /// The groups, in the order of the maps.
    pub groups: Vec<Group>,
    /// Explained sequences.
    pub rows: usize,
    /// Sequences that an earlier process had explained.
    pub resumed: usize,
    /// Length of the models' input in bp.
    pub length: usize,
    /// What the numbers are.
    pub form: Form,
    /// Completeness by group; `None` for methods without one.
    pub completeness: Vec<Option<Completeness>>,
    /// What the maps were made from, for the files' metadata.
    pub manifest: Value,
}

impl MapJob<'_> {
    /// Explains all sequences of a reader. `folder` keeps shards until [`MapRun::remove`];
    /// `progress` gets the number of explained sequences and `stop` is asked between batches.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Interrupted`] if `stop` says so; a part that a model does not predict;
    /// whatever the method fails with.
    pub fn run(
        &self,
        reader: &mut SequenceReader,
        folder: &Path,
        progress: &mut dyn FnMut(usize),
        stop: &dyn Fn() -> bool,
    ) -> Result<MapRun> {
        for group in &self.groups {
            if !self.models.predicts(group, self.target.part) {
                return Err(self.models.problem(format!(
                    "`{}` predicts no {} part; choose another `--part` or `--model`",
                    group.name,
                    self.target.part.name()
                )));
            }
        }
        let networks: Vec<Autograd> = self
            .models
            .models
            .iter()
            .map(|model| model.saved.differentiable(&self.device))
            .collect::<std::result::Result<_, _>>()?;
        let work = self.manifest();
        let shards = Shards::open(folder, work.clone())?;
        let length = reader.window().length();
        let mut run = MapRun {
            shards,
            count: 0,
            groups: self.groups.clone(),
            rows: 0,
            resumed: 0,
            length,
            form: Form::Hypothetical,
            completeness: vec![None; self.groups.len()],
            manifest: work,
        };
        let form_file = folder.join("form.json");
        if let Ok(bytes) = fs_err::read(&form_file) {
            run.form = serde_json::from_slice(&bytes)?;
        }
        while let Some(sequences) = reader.next_batch(SHARD)? {
            let n = sequences.ids.len();
            if run.shards.has(run.count, &sequences) {
                run.resumed += n;
            } else {
                let (groups, form) = self.shard(&networks, &sequences, run.rows, progress, stop)?;
                if run.count == 0 {
                    run.form = form;
                    super::shards::write_whole(&form_file, &serde_json::to_vec(&form)?)?;
                }
                run.shards.write(run.count, &sequences, &groups)?;
            }
            run.count += 1;
            run.rows += n;
            progress(run.rows);
        }
        run.measure()?;
        Ok(run)
    }

    /// Everything that the numbers depend on, but the sequences.
    fn manifest(&self) -> Value {
        let models: Vec<Value> = self
            .models
            .models
            .iter()
            .map(|m| json!({ "name": m.name, "role": m.role, "digest": m.digest }))
            .collect();
        let groups: Vec<&str> = self.groups.iter().map(|g| g.name.as_str()).collect();
        json!({
            "method": self.method.card,
            "task": self.models.card().labels.tasks[self.target.task],
            "part": self.target.part,
            "unit": self.models.card().unit,
            "seed": self.seed,
            "models": models,
            "groups": groups,
            "length": self.models.card().length,
        })
    }

    fn shard(
        &self,
        networks: &[Autograd],
        sequences: &Sequences,
        before: usize,
        progress: &mut dyn FnMut(usize),
        stop: &dyn Fn() -> bool,
    ) -> Result<(Vec<GroupMaps>, Form)> {
        let mut all = vec![GroupMaps::default(); self.groups.len()];
        let mut form = Form::Hypothetical;
        let n = sequences.ids.len();
        let length = sequences.codes.len() / n.max(1);
        let root = Seed::root(self.seed).child("attribution/references");
        let mut done = 0;
        for codes in sequences.codes.chunks(self.batch.max(1) * length) {
            if stop() {
                return Err(ApplyError::Interrupted { done: before });
            }
            let rows = codes.len() / length;
            let seeds: Vec<Seed> = codes
                .chunks(length)
                .map(|row| root.child(blake3::hash(row).to_hex().as_str()))
                .collect();
            let tensor = Tensor::from_slice(codes, (rows, length), &self.device)?;
            let explain = |model: &dyn Predictor| {
                let attributor = &self.method.attributor;
                attributor.attribute_one(model, &tensor, self.target, &seeds)
            };
            for (group, maps) in self.groups.iter().zip(&mut all) {
                let own: Vec<&Autograd> = group.models.iter().map(|i| &networks[*i]).collect();
                let joined = group.models.len() > 1 && self.target.part != Component::Mean;
                let mut moments = MapMoments::new(rows * length * 4);
                let mut delta: Option<Vec<f64>> = None;
                let mut push = |map: degu_core::Attribution| -> Result<()> {
                    form = map.form;
                    moments.push(&map.values.flatten_all()?.to_vec1::<f32>()?);
                    if let Some(found) = map.delta {
                        let sum = delta.get_or_insert_with(|| vec![0.0; rows]);
                        for (sum, value) in sum.iter_mut().zip(found) {
                            *sum += value;
                        }
                    }
                    Ok(())
                };
                let models = if joined {
                    let members = own.iter().map(|m| *m as &dyn Predictor).collect();
                    push(explain(&Ensemble::new(members, 0)?)?)?;
                    1
                } else {
                    for model in &own {
                        push(explain(*model)?)?;
                    }
                    own.len()
                };
                maps.mean.extend(moments.mean());
                extend(&mut maps.sd, moments.sd());
                extend(&mut maps.agreement, moments.agreement());
                let mean =
                    |sums: Vec<f64>| sums.iter().map(|d| (d / models as f64) as f32).collect();
                extend(&mut maps.delta, delta.map(mean));
            }
            done += rows;
            progress(before + done);
        }
        Ok((all, form))
    }
}

fn extend(all: &mut Option<Vec<f32>>, more: Option<Vec<f32>>) {
    if let Some(more) = more {
        all.get_or_insert_default().extend(more);
    }
}

/// What a position contributes: the value of its base, or of all four where references count too.
pub(super) fn observed(form: Form, four: &[f32], code: u8) -> f32 {
    match form {
        Form::ShapValues => four.iter().sum(),
        Form::Hypothetical | Form::Observed => four.get(usize::from(code)).copied().unwrap_or(0.0),
    }
}

impl MapRun {
    /// The shards in order.
    pub(super) fn each(&self, mut visit: impl FnMut(&Shard) -> Result<()>) -> Result<()> {
        for shard in 0..self.count {
            visit(&self.shards.read(shard, self.groups.len())?)?;
        }
        Ok(())
    }

    /// The prediction explained is the sum of a map; what is missing is the method's error.
    fn measure(&mut self) -> Result<()> {
        let mut all: Vec<Option<Completeness>> = vec![None; self.groups.len()];
        let (length, form) = (self.length, self.form);
        self.each(|shard| {
            for (maps, total) in shard.groups.iter().zip(&mut all) {
                let Some(delta) = &maps.delta else { continue };
                let total = total.get_or_insert_default();
                let rows = maps
                    .mean
                    .chunks(length * 4)
                    .zip(shard.sequences.codes.chunks(length));
                for ((map, codes), delta) in rows.zip(delta) {
                    if codes.iter().any(|c| *c > 3) {
                        continue;
                    }
                    let delta = f64::from(*delta);
                    let sum: f64 = map
                        .chunks(4)
                        .zip(codes)
                        .map(|(four, code)| f64::from(observed(form, four, *code)))
                        .sum();
                    total.sequences += 1;
                    total.largest = total.largest.max(delta.abs());
                    total.sums.0 += delta.abs();
                    total.sums.1 += (sum - delta).abs();
                }
            }
            Ok(())
        })?;
        for total in all.iter_mut().flatten() {
            let n = total.sequences.max(1) as f64;
            total.rho = total.sums.0 / n / (total.sums.1 / n).max(1e-12);
        }
        self.completeness = all;
        Ok(())
    }

    /// Removes the shards.
    ///
    /// # Errors
    ///
    /// A folder that cannot be removed.
    pub fn remove(self) -> Result<()> {
        self.shards.remove()
    }

    /// The folder of the shards of an output.
    pub fn folder(output: &Path) -> PathBuf {
        output.with_added_extension("shards")
    }
}
