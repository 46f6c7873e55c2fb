//! Whether the dataset has the labels that heads and students ask for, before anything is trained.

use std::collections::BTreeMap;

use degu_core::{Component, Dataset, LabelWeights, Resolved, UncertaintyHead};

use crate::{
    error::{Result, StageError},
    network::by_likelihood,
};
use degu_config::Study;

/// What datasets have, by their parameters: a sweep asks the same one many times.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    known: BTreeMap<String, Labels>,
}

#[derive(Debug, Clone, Copy)]
struct Labels {
    replicates: bool,
    barcodes: bool,
}

impl Sources {
    /// Refuses a study whose heads or students need what the dataset lacks. Reads the dataset only
    /// if something is needed.
    ///
    /// # Errors
    ///
    /// [`StageError::Study`] naming the head, or whatever the dataset fails with.
    pub(crate) fn check(&mut self, study: &Study) -> Result<()> {
        let dataset = &study.dataset.plugin;
        let teacher = study.ensemble.head.plugin.build()?;
        self.head(dataset, &study.ensemble.head.plugin, teacher.as_ref())?;
        if !study.distill.enabled {
            return Ok(());
        }
        let plugin = &study.distill.head.plugin;
        let student = plugin.build()?;
        self.head(dataset, plugin, student.as_ref())?;
        let wanted = study.distill.targets.contains(&Component::Aleatoric);
        if wanted && !by_likelihood(teacher.as_ref()) && !self.of(dataset)?.replicates {
            return Err(StageError::Study {
                what: format!(
                    "students are to learn the aleatoric part, the dataset `{}` has no replicates, and members with the head `{}` do not predict it",
                    dataset.name, study.ensemble.head.plugin.name
                ),
                help: "name replicate columns, give the members a head such as `gaussian`, or leave \"aleatoric\" out of `distill.targets`",
            });
        }
        Ok(())
    }

    fn head(
        &mut self,
        dataset: &Resolved<dyn Dataset>,
        plugin: &Resolved<dyn UncertaintyHead>,
        head: &dyn UncertaintyHead,
    ) -> Result<()> {
        if head.labels().aleatoric && !self.of(dataset)?.replicates {
            return Err(StageError::Study {
                what: format!(
                    "the head `{}` learns the spread between replicates, and the dataset `{}` has one measurement per target",
                    plugin.name, dataset.name
                ),
                help: "name at least 2 replicate columns in `[dataset]`, or use `gaussian`, which learns the spread from the activity alone",
            });
        }
        if head.weights() != LabelWeights::Rows && !self.of(dataset)?.barcodes {
            return Err(StageError::Study {
                what: format!(
                    "the head `{}` weighs targets by their barcodes, and the dataset `{}` does not count any",
                    plugin.name, dataset.name
                ),
                help: "name the columns in `dataset.barcodes`, or leave `weights` of the head at \"rows\"",
            });
        }
        Ok(())
    }

    fn of(&mut self, plugin: &Resolved<dyn Dataset>) -> Result<Labels> {
        let key = format!("{} {}", plugin.name, plugin.params);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let dataset = plugin.build()?;
        let labels = Labels {
            replicates: dataset.info().replicates > 1,
            barcodes: !dataset.rows().is_empty() && dataset.barcodes(&[0])?.is_some(),
        };
        self.known.insert(key, labels);
        Ok(labels)
    }
}
