//! What the points of a study have produced so far.

use degu_workflow::store::Store;

use crate::{
    error::{Result, StageError},
    plan::StudyPlan,
    results::{Depth, PointResults},
};

/// The results of every point; the base first, with its data, models and maps.
pub(super) struct StudyResults<'a> {
    pub(super) points: Vec<PointResults<'a>>,
}

impl<'a> StudyResults<'a> {
    pub(super) fn read(plan: &'a StudyPlan, store: &Store) -> Result<Self> {
        let mut points = Vec::with_capacity(plan.points.len());
        for (number, point) in plan.points.iter().enumerate() {
            let depth = if number == 0 {
                Depth::Everything
            } else {
                Depth::Numbers
            };
            let mut results = PointResults::new(point, depth);
            for (planned, node) in plan.of_point(point) {
                if let Some(artifact) = store.get(&node.key)? {
                    planned.stage.read(&artifact, &mut results)?;
                }
            }
            results.models.sort_by_key(|m| m.id);
            points.push(results);
        }
        Ok(Self { points })
    }

    /// The study itself, or the baseline of its ablation.
    pub(super) fn base(&self) -> Result<&PointResults<'a>> {
        let base = self.points.first();
        base.ok_or_else(|| StageError::bug("a study without a point"))
    }
}
