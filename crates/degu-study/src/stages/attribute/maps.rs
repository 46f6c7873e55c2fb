//! The maps of every model and target of a block.

use candle_core::Device;
use degu_config::{AttributeKeys, AttributeModels, Point, Slotted, Study};
use degu_core::{Attributor, Component, ModelId, Predictor, Target};
use degu_nn::Ensemble;
use degu_report::CompletenessRow;
use degu_train::backend::{Autograd, Weights};
use degu_workflow::{execute::TaskContext, journal::Level};

use super::explain::{Explainer, Maps};
use crate::{
    error::Result,
    results::{AttributionSummary, MapFile, PreparedData, attribution::report_part, kind, network},
    stage::{self, Stage, root},
};
use degu_apply::maps::COMPLETENESS;

/// A network of the study, on candle's autograd.
pub(super) struct Explained {
    id: ModelId,
    network: Autograd,
    epistemic: bool,
    aleatoric: bool,
}

impl Explained {
    /// Whether it predicts a part.
    fn gives(&self, part: Component) -> bool {
        match part {
            Component::Mean => true,
            Component::Epistemic => self.epistemic,
            Component::Aleatoric => self.aleatoric,
        }
    }
}

/// The networks among the inputs of a task.
pub(super) fn models(
    stage: &dyn Stage,
    study: &Study,
    context: &TaskContext<'_>,
) -> Result<Vec<Explained>> {
    let mut all = Vec::new();
    for (id, artifact) in stage::models(stage, study, context)? {
        let saved = network::saved(artifact)?;
        let gives = saved.components();
        all.push(Explained {
            id,
            network: saved.differentiable(&Device::Cpu)?,
            epistemic: gives.epistemic,
            aleatoric: gives.aleatoric,
        });
    }
    Ok(all)
}

/// A block that draws maps of some rows.
pub(super) struct Drawing<'a> {
    block: &'a Slotted<dyn Attributor, AttributeKeys>,
    data: &'a PreparedData,
    explainer: Explainer<'a>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(
        point: &Point,
        block: &'a Slotted<dyn Attributor, AttributeKeys>,
        data: &'a PreparedData,
        rows: &'a [usize],
        context: &'a TaskContext<'a>,
    ) -> Result<Self> {
        // A function of the study's seed and the bases: every model and method sees the same
        // references for a sequence.
        let root = root(point).child("references");
        let seed =
            |row: &usize| root.child(blake3::hash(data.examples.row(*row)).to_hex().as_str());
        Ok(Self {
            block,
            data,
            explainer: Explainer {
                attributor: block.plugin.build()?,
                data,
                rows,
                seeds: rows.iter().map(seed).collect(),
                context,
            },
        })
    }

    /// Maps of every model that predicts a target, in the order of the targets and tasks.
    pub(super) fn all(&self, models: &[Explained]) -> Result<(AttributionSummary, Weights)> {
        let rows = self.explainer.rows;
        let mut summary = AttributionSummary {
            method: self.block.plugin.name.to_owned(),
            ids: rows.iter().map(|r| self.data.ids[*r].clone()).collect(),
            rows: rows.to_vec(),
            ..AttributionSummary::default()
        };
        let mut maps = Weights::new();
        let mut number = 0;
        for wanted in &self.block.keys.targets {
            for (task, name) in self.data.info.tasks.iter().enumerate() {
                if wanted.task.as_ref().is_some_and(|t| t != name) {
                    continue;
                }
                let part = wanted.part;
                let target = Target { task, part };
                for model in models.iter().filter(|m| m.gives(part)) {
                    let found = self.explainer.explain(&model.network, target, number)?;
                    number += 1;
                    self.keep(model.id, target, found, &mut summary, &mut maps);
                }
                if let Some(teacher) = self.teacher(models, part)? {
                    let found = self.explainer.explain(&teacher, target, number)?;
                    number += 1;
                    self.keep(ModelId::Ensemble, target, found, &mut summary, &mut maps);
                }
            }
        }
        Ok((summary, maps))
    }

    /// The members as one predictor, where that explains more than they do: the mean map of an
    /// ensemble is the mean of its members' maps; its spread is explained through all of them at
    /// once.
    fn teacher<'m>(
        &self,
        models: &'m [Explained],
        part: Component,
    ) -> Result<Option<Ensemble<'m>>> {
        let members: Vec<&Explained> = models
            .iter()
            .filter(|m| matches!(m.id, ModelId::Member(_)))
            .collect();
        let wanted = self.block.keys.models.contains(&AttributeModels::Teacher)
            && members.len() > 1
            && (part == Component::Epistemic
                || (part == Component::Aleatoric && members.iter().all(|m| m.aleatoric)));
        if !wanted {
            return Ok(None);
        }
        let members = members
            .iter()
            .map(|m| &m.network as &dyn Predictor)
            .collect();
        Ok(Some(Ensemble::new(members, 0)?))
    }

    /// Keeps the maps of one model and target, and how well they add up.
    fn keep(
        &self,
        model: ModelId,
        target: Target,
        found: Maps,
        summary: &mut AttributionSummary,
        maps: &mut Weights,
    ) {
        let task = &self.data.info.tasks[target.task];
        let tensor = format!("{model}/{}/{task}", target.part.name());
        if let Some((sequences, rho, largest)) = self.explainer.completeness(&found) {
            if rho > COMPLETENESS.0 {
                self.explainer.context.message(
                    Level::Warning,
                    format!("maps of {tensor} miss what they explain by {rho:.1e} of its size"),
                );
            }
            summary.completeness.push(CompletenessRow {
                method: summary.method.clone(),
                model: model.to_string(),
                task: task.clone(),
                part: report_part(target.part),
                sequences,
                rho,
                largest,
            });
        }
        let (values, _, form) = found;
        summary.form = Some(form);
        let shape = vec![summary.rows.len(), self.data.info.length, 4];
        maps.insert(tensor.clone(), (shape, values));
        summary.maps.push(MapFile {
            tensor,
            kind: kind(model),
            model,
            part: target.part,
            task: task.clone(),
        });
    }
}
