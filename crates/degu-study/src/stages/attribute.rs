//! Attribution maps of the models, and how well they agree.

use candle_core::{Device, Tensor};
use degu_core::{Form, Target};
use degu_report::{ConsistencyRow, ModelKind, Part as ReportPart};
use degu_train::backend::Weights;
use serde::{Deserialize, Serialize};

use super::{PreparedData, Result, StageError, network, plan::Assigned};
use crate::{
    config::{AttributeKeys, SequenceOrder},
    execute::{TaskContext, TaskError},
    store::Artifact,
};

/// Files of the artifact.
pub(crate) const SUMMARY: &str = "attribution.json";
pub(crate) const MAPS: &str = "maps.safetensors";

/// Sequences that pass through a network at once.
const BATCH: usize = 64;

/// What `attribute` writes beside the maps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AttributionSummary {
    /// Name of the method's plugin.
    pub method: String,
    /// What the numbers of the maps are.
    pub form: Option<Form>,
    /// Rows of the dataset that were explained, in the order of the maps.
    pub rows: Vec<usize>,
    /// Their names.
    pub ids: Vec<String>,
    /// The tensors of the file of maps.
    pub maps: Vec<MapFile>,
    /// Agreement of the maps.
    pub consistency: Vec<ConsistencyRow>,
}

/// One tensor of maps, `[N, L, 4]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapFile {
    /// Name of the tensor: `student-0/mean/K562`.
    pub tensor: String,
    /// What the model is.
    pub kind: ModelKind,
    /// Its name.
    pub model: String,
    /// Part of the prediction.
    pub part: degu_core::Part,
    /// Task.
    pub task: String,
}

/// Runs the stage.
pub(crate) fn attribute(
    assigned: &Assigned,
    name: &str,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let data = PreparedData::of(context)?;
    let result = compute(assigned, name, &data, context);
    let (summary, maps) = result.map_err(|error| match error {
        StageError::Train(degu_train::TrainError::Interrupted { .. }) => TaskError::Interrupted,
        other => other.into_task(),
    })?;
    let bytes = degu_train::model_file::weights_to_bytes(&maps)
        .map_err(|e| StageError::from(e).into_task())?;
    context.output().write_bytes(MAPS, &bytes)?;
    context.output().write_json(SUMMARY, &summary)?;
    Ok(())
}

/// The rows to explain.
fn chosen(data: &PreparedData, keys: &AttributeKeys) -> Result<Vec<usize>> {
    let mut rows = data.rows(keys.sequences.split);
    let width = data.measured.width;
    let task = match &keys.sequences.by {
        None => 0,
        Some(name) => data
            .info
            .tasks
            .iter()
            .position(|t| t == name)
            .ok_or_else(|| StageError::Study {
                what: format!(
                    "`sequences.by` is `{name}`; the tasks are {}",
                    data.info.tasks.join(", ")
                ),
                help: "sequences are ordered by the measurement of a task",
            })?,
    };
    // A profile counts with the mean of its known bins.
    let measured = |row: &usize| {
        let bins = data.measured.mean[row * width..(row + 1) * width]
            .iter()
            .skip(task)
            .step_by(data.tasks());
        let known: Vec<f64> = bins
            .map(|v| f64::from(*v))
            .filter(|v| v.is_finite())
            .collect();
        known.iter().sum::<f64>() / known.len() as f64
    };
    match keys.sequences.order {
        SequenceOrder::Source => {}
        SequenceOrder::Highest | SequenceOrder::Lowest => {
            rows.retain(|r| measured(r).is_finite());
            rows.sort_by(|a, b| measured(b).total_cmp(&measured(a)).then(a.cmp(b)));
            if keys.sequences.order == SequenceOrder::Lowest {
                rows.reverse();
            }
        }
    }
    rows.truncate(keys.sequences.top_n.unwrap_or(usize::MAX));
    Ok(rows)
}

fn compute(
    assigned: &Assigned,
    name: &str,
    data: &PreparedData,
    context: &TaskContext<'_>,
) -> Result<(AttributionSummary, Weights)> {
    let study = &assigned.study;
    let Some(block) = study.attribute.get(name) else {
        return Err(StageError::Study {
            what: format!("no block `[attribute.{name}]`"),
            help: "this is a defect of the planner",
        });
    };
    let attributor = block.plugin.build()?;
    let rows = chosen(data, &block.keys)?;
    if rows.is_empty() {
        return Err(StageError::Study {
            what: format!("`[attribute.{name}]` chooses no sequences"),
            help: "see `sequences.split` and `sequences.top_n`",
        });
    }
    let root = network::replicate(study, assigned.replicate).child("references");
    let seeds: Vec<degu_core::Seed> = rows.iter().map(|r| root.child(&data.ids[*r])).collect();
    let mut summary = AttributionSummary {
        method: block.plugin.name.to_owned(),
        ids: rows.iter().map(|r| data.ids[*r].clone()).collect(),
        rows: rows.clone(),
        ..AttributionSummary::default()
    };
    let mut maps = Weights::new();
    let models: Vec<&Artifact<'_>> = context
        .inputs_of("train")
        .chain(context.inputs_of("distill"))
        .collect();
    for artifact in models {
        let saved = network::saved(artifact).map_err(|e| StageError::Study {
            what: e.to_string(),
            help: "see `degu-lab verify`",
        })?;
        let model_name = saved
            .card
            .name
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        let kind = if model_name.starts_with("member") {
            ModelKind::Member
        } else {
            ModelKind::Student
        };
        let model = saved.differentiable(&Device::Cpu)?;
        let gives = saved.gives();
        for target in &block.keys.targets {
            let missing = match target.part {
                degu_core::Part::Mean => false,
                degu_core::Part::Epistemic => !gives.epistemic,
                degu_core::Part::Aleatoric => !gives.aleatoric,
            };
            if missing {
                continue;
            }
            for (task, task_name) in data.info.tasks.iter().enumerate() {
                if target.task.as_ref().is_some_and(|t| t != task_name) {
                    continue;
                }
                let wanted = Target {
                    task,
                    part: target.part,
                };
                let mut values = Vec::with_capacity(rows.len() * data.info.length * 4);
                for (batch, seeds) in rows.chunks(BATCH).zip(seeds.chunks(BATCH)) {
                    if context.interrupted() {
                        return Err(StageError::Train(degu_train::TrainError::Interrupted {
                            epoch: 0,
                        }));
                    }
                    let mut codes = Vec::new();
                    data.examples.gather(batch, &mut codes);
                    let codes =
                        Tensor::from_vec(codes, (batch.len(), data.info.length), &Device::Cpu)?;
                    let map = attributor.attribute(&model, &codes, wanted, seeds)?;
                    summary.form = Some(map.form);
                    values.extend(map.values.flatten_all()?.to_vec1::<f32>()?);
                }
                let tensor = format!("{model_name}/{}/{task_name}", target.part.name());
                maps.insert(
                    tensor.clone(),
                    (vec![rows.len(), data.info.length, 4], values),
                );
                summary.maps.push(MapFile {
                    tensor,
                    kind,
                    model: model_name.clone(),
                    part: target.part,
                    task: task_name.clone(),
                });
            }
        }
    }
    summary.consistency = consistency(&summary, &maps, rows.len());
    Ok((summary, maps))
}

/// RMSE of each map to the mean map of the members, and the spread of the maps of a kind, per sequence.
///
/// A member is part of the average it is compared with, so each is compared with the mean of the *other* members as well.
fn consistency(summary: &AttributionSummary, maps: &Weights, n: usize) -> Vec<ConsistencyRow> {
    let mut rows = Vec::new();
    let mut seen: Vec<(degu_core::Part, &str)> = Vec::new();
    for map in &summary.maps {
        if !seen.contains(&(map.part, map.task.as_str())) {
            seen.push((map.part, &map.task));
        }
    }
    for (part, task) in seen {
        let of = |kind: ModelKind| -> Vec<&Vec<f32>> {
            let own = summary
                .maps
                .iter()
                .filter(|m| m.kind == kind && m.part == part && m.task == task);
            own.filter_map(|m| maps.get(&m.tensor).map(|(_, v)| v))
                .collect()
        };
        let (members, students) = (of(ModelKind::Member), of(ModelKind::Student));
        let size = members.first().or(students.first()).map_or(0, |v| v.len());
        if size == 0 {
            continue;
        }
        let per = size / n;
        let mut push = |kind, metric: &str, values: &[f64]| {
            if values.is_empty() {
                return;
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            rows.push(ConsistencyRow {
                method: summary.method.clone(),
                task: task.to_owned(),
                part: report_part(part),
                kind,
                metric: metric.to_owned(),
                value: mean,
                ci_low: None,
                ci_high: None,
                n,
            });
        };
        let average = |maps: &[&Vec<f32>]| -> Vec<f64> {
            let mut sum = vec![0.0; size];
            for map in maps {
                for (s, v) in sum.iter_mut().zip(map.iter()) {
                    *s += f64::from(*v) / maps.len() as f64;
                }
            }
            sum
        };
        let rmse = |map: &[f32], to: &[f64]| -> Vec<f64> {
            let squares = map.chunks(per).zip(to.chunks(per));
            squares
                .map(|(a, b)| {
                    let sum: f64 = a
                        .iter()
                        .zip(b)
                        .map(|(a, b)| (f64::from(*a) - b).powi(2))
                        .sum();
                    (sum / per as f64).sqrt()
                })
                .collect()
        };
        if members.len() > 1 {
            let teacher = average(&members);
            for (kind, maps) in [
                (ModelKind::Member, &members),
                (ModelKind::Student, &students),
            ] {
                let all: Vec<f64> = maps.iter().flat_map(|m| rmse(m, &teacher)).collect();
                push(kind, "RMSE to the teacher's map", &all);
            }
            let others: Vec<f64> = (0..members.len())
                .flat_map(|k| {
                    let rest: Vec<&Vec<f32>> = members
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| *i != k)
                        .map(|(_, m)| *m)
                        .collect();
                    rmse(members[k], &average(&rest))
                })
                .collect();
            push(
                ModelKind::Member,
                "RMSE to the map of the other members",
                &others,
            );
        }
        for (kind, maps) in [
            (ModelKind::Member, &members),
            (ModelKind::Student, &students),
        ] {
            if maps.len() < 2 {
                continue;
            }
            let mean = average(maps);
            let mut variability = vec![0.0; n];
            for map in maps {
                for (i, (v, m)) in map.iter().zip(&mean).enumerate() {
                    variability[i / per] += (f64::from(*v) - m).powi(2) / maps.len() as f64;
                }
            }
            let variability: Vec<f64> = variability.into_iter().map(f64::sqrt).collect();
            push(kind, "variability", &variability);
        }
    }
    rows
}

/// The report's name of a part.
pub(crate) fn report_part(part: degu_core::Part) -> ReportPart {
    match part {
        degu_core::Part::Mean => ReportPart::Mean,
        degu_core::Part::Epistemic => ReportPart::Epistemic,
        degu_core::Part::Aleatoric => ReportPart::Aleatoric,
    }
}
