//! Attribution maps of the models, and how well they agree.

mod agreement;
mod explain;
mod maps;
mod rows;

use std::sync::Arc;

use degu_config::{AttributeKeys, AttributeModels, Point, Slotted, Study};
use degu_core::{Attributor, Form, TaskId};
use degu_report::ModelKind;
use degu_train::{backend::Weights, model_file};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::json;

use crate::{
    error::{Result, StageError},
    plan::{
        digests::FileDigests,
        fields::{of, value},
    },
    results::{
        AttributionSummary, Depth, PointResults, PreparedData,
        attribution::{MAPS, OBSERVED, SUMMARY},
    },
    stage::{Stage, seed},
    tasks::{self, task},
};
use degu_apply::maps::COMPLETENESS;
use explain::observed;

/// Raised when the code of this stage gives other numbers.
const REVISION: u32 = 3;

/// The task of a block `[attribute.NAME]`.
#[derive(Debug)]
struct Attribute {
    name: String,
}

/// The tasks of a study.
pub(super) fn tasks(study: &Study) -> Vec<Arc<dyn Stage>> {
    let names = study.attribute.keys().cloned();
    names
        .map(|name| Arc::new(Attribute { name }) as _)
        .collect()
}

impl Attribute {
    fn block<'a>(&self, study: &'a Study) -> Result<&'a Slotted<dyn Attributor, AttributeKeys>> {
        let block = study.attribute.get(&self.name);
        block.ok_or_else(|| StageError::bug(format!("no block `[attribute.{}]`", self.name)))
    }
}

impl Stage for Attribute {
    fn task(&self) -> TaskId {
        task("attribute", Some(self.name.clone()))
    }

    fn title(&self, _: &Study) -> Result<String> {
        Ok(format!("draws attribution maps ({})", self.name))
    }

    fn inputs(&self, study: &Study) -> Result<Vec<TaskId>> {
        let wanted = &self.block(study)?.keys.models;
        let mut inputs = vec![tasks::prepare()];
        if wanted.contains(&AttributeModels::Members) || wanted.contains(&AttributeModels::Teacher)
        {
            inputs.extend(tasks::members(study));
        }
        if wanted.contains(&AttributeModels::Students) {
            inputs.extend(tasks::students(study, false));
        }
        Ok(inputs)
    }

    fn fields(&self, point: &Point, _: &mut FileDigests<'_>) -> Result<KeyFields> {
        let block = self.block(&point.study)?;
        Ok(KeyFields {
            plugins: json!({ "plugin": of(&block.plugin) }),
            settings: value(&block.keys)?,
            seed: seed(point, "references"),
            ..KeyFields::new("attribute", REVISION)
        })
    }

    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let data = PreparedData::of(context)?;
        let block = self.block(&point.study)?;
        let rows = rows::chosen(&data, &block.keys)?;
        if rows.is_empty() {
            return Err(StageError::Study {
                what: format!("`[attribute.{}]` chooses no sequences", self.name),
                help: "see `sequences.split` and `sequences.top_n`",
            });
        }
        let models = maps::models(self, &point.study, context)?;
        let drawing = maps::Drawing::new(point, block, &data, &rows, context)?;
        let (mut summary, maps) = drawing.all(&models)?;
        judge(&summary)?;
        compare(&mut summary, &maps)?;
        let observed = observed_maps(&summary, &block.keys, &maps, &data)?;
        let output = context.output();
        output.write_bytes(MAPS, &model_file::weights_to_bytes(&maps)?)?;
        if !observed.is_empty() {
            output.write_bytes(OBSERVED, &model_file::weights_to_bytes(&observed)?)?;
        }
        Ok(output.write_json(SUMMARY, &summary)?)
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        if results.depth == Depth::Everything {
            let maps = model_file::weights_from_bytes(&artifact.bytes(MAPS)?)?;
            results.attribution.push((artifact.json(SUMMARY)?, maps));
        }
        Ok(())
    }
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
    let (mut rows, mut tests) = (Vec::new(), Vec::new());
    for (part, task) in summary.targets() {
        let of = |kind: ModelKind| -> Vec<&[f32]> {
            let own = summary.maps.iter();
            own.filter(|m| m.kind == kind && m.part == part && m.task == task)
                .filter_map(|m| maps.get(&m.tensor).map(|(_, v)| v.as_slice()))
                .collect()
        };
        let target = agreement::Target {
            part,
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
