//! Attribution maps of the models, and how well they agree.

mod agreement;
mod explain;

use candle_core::Device;
use degu_core::{Component, Form, Predictor, Target};
use degu_nn::Ensemble;
use degu_report::{CompletenessRow, ConsistencyRow, MapAgreement, ModelKind, Part as ReportPart};
use degu_train::{
    backend::{Autograd, Weights},
    model_file,
};
use serde::{Deserialize, Serialize};

use super::{PreparedData, Result, StageError, network, plan::Assigned};
use degu_apply::maps::COMPLETENESS;
use degu_config::{AttributeKeys, AttributeModels, SequenceOrder};
use degu_workflow::execute::{TaskContext, TaskError};
use degu_workflow::journal::Level;
use degu_workflow::store::Artifact;
use explain::{Explainer, Maps, observed};

/// Raised when the code of this stage gives other numbers.
pub(crate) const REVISION: u32 = 3;

/// Files of the artifact.
pub(crate) const SUMMARY: &str = "attribution.json";
pub(crate) const MAPS: &str = "maps.safetensors";
/// Observed maps, where they were asked for.
pub(crate) const OBSERVED: &str = "observed.safetensors";

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
    /// Agreement by sequence, with tests.
    #[serde(default)]
    pub agreement: Vec<MapAgreement>,
    /// How well maps add up, for methods that promise it.
    #[serde(default)]
    pub completeness: Vec<CompletenessRow>,
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
    pub part: degu_core::Component,
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
    let (summary, maps, observed) = result.map_err(|error| match error {
        StageError::Train(degu_train::TrainError::Interrupted { .. }) => TaskError::Interrupted,
        other => other.into_task(),
    })?;
    let bytes = |maps: &Weights| {
        model_file::weights_to_bytes(maps).map_err(|e| StageError::from(e).into_task())
    };
    context.output().write_bytes(MAPS, &bytes(&maps)?)?;
    if !observed.is_empty() {
        context.output().write_bytes(OBSERVED, &bytes(&observed)?)?;
    }
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

/// A network of the study, on candle's autograd.
struct Explained {
    kind: ModelKind,
    name: String,
    network: Autograd,
    epistemic: bool,
    aleatoric: bool,
}

fn networks(context: &TaskContext<'_>) -> Result<Vec<Explained>> {
    let artifacts: Vec<&Artifact<'_>> = context
        .inputs_of("train")
        .chain(context.inputs_of("distill"))
        .collect();
    let mut all = Vec::new();
    for artifact in artifacts {
        let saved = network::saved(artifact).map_err(|e| StageError::Study {
            what: e.to_string(),
            help: "see `degu-lab verify`",
        })?;
        let name = saved
            .card
            .name
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        let kind = if name.starts_with("member") {
            ModelKind::Member
        } else {
            ModelKind::Student
        };
        let gives = saved.components();
        all.push(Explained {
            kind,
            name,
            network: saved.differentiable(&Device::Cpu)?,
            epistemic: gives.epistemic,
            aleatoric: gives.aleatoric,
        });
    }
    Ok(all)
}

fn compute(
    assigned: &Assigned,
    name: &str,
    data: &PreparedData,
    context: &TaskContext<'_>,
) -> Result<(AttributionSummary, Weights, Weights)> {
    let study = &assigned.study;
    let Some(block) = study.attribute.get(name) else {
        return Err(StageError::Study {
            what: format!("no block `[attribute.{name}]`"),
            help: "this is a defect of the planner",
        });
    };
    let rows = chosen(data, &block.keys)?;
    if rows.is_empty() {
        return Err(StageError::Study {
            what: format!("`[attribute.{name}]` chooses no sequences"),
            help: "see `sequences.split` and `sequences.top_n`",
        });
    }
    // A function of the study's seed and the bases: every model and method sees the same references
    // for a sequence.
    let root = network::replicate(study, assigned.replicate).child("references");
    let seeds = rows
        .iter()
        .map(|r| root.child(blake3::hash(data.examples.row(*r)).to_hex().as_str()))
        .collect();
    let explainer = Explainer {
        attributor: block.plugin.build()?,
        data,
        rows: &rows,
        seeds,
        context,
    };
    let mut summary = AttributionSummary {
        method: block.plugin.name.to_owned(),
        ids: rows.iter().map(|r| data.ids[*r].clone()).collect(),
        rows: rows.clone(),
        ..AttributionSummary::default()
    };
    let mut maps = Weights::new();
    let models = networks(context)?;
    let members: Vec<&Explained> = models
        .iter()
        .filter(|m| m.kind == ModelKind::Member)
        .collect();
    let mut number = 0;
    let mut keep = |kind: ModelKind, model: &str, target: Target, found: Maps| {
        let task = &data.info.tasks[target.task];
        let tensor = format!("{model}/{}/{task}", target.part.name());
        if let Some((sequences, rho, largest)) = explainer.completeness(&found) {
            if rho > COMPLETENESS.0 {
                context.message(
                    Level::Warning,
                    format!("maps of {tensor} miss what they explain by {rho:.1e} of its size"),
                );
            }
            summary.completeness.push(CompletenessRow {
                method: block.plugin.name.to_owned(),
                model: model.to_owned(),
                task: task.clone(),
                part: report_part(target.part),
                sequences,
                rho,
                largest,
            });
        }
        summary.form = Some(found.2);
        maps.insert(
            tensor.clone(),
            (vec![rows.len(), data.info.length, 4], found.0),
        );
        summary.maps.push(MapFile {
            tensor,
            kind,
            model: model.to_owned(),
            part: target.part,
            task: task.clone(),
        });
    };
    for wanted in &block.keys.targets {
        for (task, task_name) in data.info.tasks.iter().enumerate() {
            if wanted.task.as_ref().is_some_and(|t| t != task_name) {
                continue;
            }
            let target = Target {
                task,
                part: wanted.part,
            };
            for model in &models {
                let gives = match target.part {
                    Component::Mean => true,
                    Component::Epistemic => model.epistemic,
                    Component::Aleatoric => model.aleatoric,
                };
                if gives {
                    let found = explainer.explain(&model.network, target, number)?;
                    number += 1;
                    keep(model.kind, &model.name, target, found);
                }
            }
            // The mean map of an ensemble is the mean of its members' maps; its spread is explained
            // through all of them at once.
            let teacher = block.keys.models.contains(&AttributeModels::Teacher)
                && members.len() > 1
                && (target.part == Component::Epistemic
                    || (target.part == Component::Aleatoric
                        && members.iter().all(|m| m.aleatoric)));
            if teacher {
                let members = members
                    .iter()
                    .map(|m| &m.network as &dyn Predictor)
                    .collect();
                let found = explainer.explain(&Ensemble::new(members, 0)?, target, number)?;
                number += 1;
                keep(ModelKind::Ensemble, "ensemble", target, found);
            }
        }
    }
    judge(&summary)?;
    compare(&mut summary, &maps)?;
    let observed = observed_maps(&summary, &block.keys, &maps, data)?;
    Ok((summary, maps, observed))
}

/// Maps that do not add up are a failure of the stage, not a figure of the report.
fn judge(summary: &AttributionSummary) -> Result<()> {
    let worst = summary
        .completeness
        .iter()
        .max_by(|a, b| a.rho.total_cmp(&b.rho));
    match worst {
        Some(row) if row.rho > COMPLETENESS.1 => Err(StageError::Study {
            what: format!(
                "the maps of `{}` ({}, {}) miss what they explain by {:.1e} of its size, more than {:.0e}",
                row.model,
                row.task,
                row.part.label(),
                row.rho,
                COMPLETENESS.1
            ),
            help: "an operation of the network has no exact rule; use another `[attribute]` plugin",
        }),
        _ => Ok(()),
    }
}

/// Agreement of the maps of each target.
fn compare(summary: &mut AttributionSummary, maps: &Weights) -> Result<()> {
    let mut seen: Vec<(Component, String)> = Vec::new();
    for map in &summary.maps {
        if !seen
            .iter()
            .any(|(part, task)| (*part, task) == (map.part, &map.task))
        {
            seen.push((map.part, map.task.clone()));
        }
    }
    let (mut rows, mut tests) = (Vec::new(), Vec::new());
    for (part, task) in &seen {
        let of = |kind: ModelKind| -> Vec<&[f32]> {
            summary
                .maps
                .iter()
                .filter(|m| m.kind == kind && m.part == *part && m.task == *task)
                .filter_map(|m| maps.get(&m.tensor).map(|(_, v)| v.as_slice()))
                .collect()
        };
        let target = agreement::Target {
            part: *part,
            task,
            members: of(ModelKind::Member),
            students: of(ModelKind::Student),
        };
        let (more, found) = agreement::agreement(summary, &target, summary.rows.len())?;
        rows.extend(more);
        tests.extend(found);
    }
    summary.consistency = rows;
    summary.agreement = tests;
    Ok(())
}

/// The forms beside the method's own.
fn observed_maps(
    summary: &AttributionSummary,
    keys: &AttributeKeys,
    maps: &Weights,
    data: &PreparedData,
) -> Result<Weights> {
    let own = summary.form.unwrap_or(Form::Hypothetical);
    let mut all = Weights::new();
    for form in keys.forms.iter().filter(|form| **form != own) {
        if *form != Form::Observed {
            return Err(StageError::Study {
                what: format!(
                    "`forms` asks for {form:?} maps, and `{}` makes {own:?} ones",
                    summary.method
                ),
                help: "observed maps can be made of every form; others only by a method that gives them",
            });
        }
        let length = data.info.length;
        for (name, (_, values)) in maps {
            let flat: Vec<f32> = summary
                .rows
                .iter()
                .zip(values.chunks(length * 4))
                .flat_map(|(row, map)| {
                    observed(own, map, data.examples.row(*row)).collect::<Vec<_>>()
                })
                .collect();
            all.insert(name.clone(), (vec![summary.rows.len(), length], flat));
        }
    }
    Ok(all)
}

/// The report's name of a part.
pub(crate) fn report_part(part: degu_core::Component) -> ReportPart {
    match part {
        degu_core::Component::Mean => ReportPart::Mean,
        degu_core::Component::Epistemic => ReportPart::Epistemic,
        degu_core::Component::Aleatoric => ReportPart::Aleatoric,
    }
}
