//! Labels that a teacher gives to the sequences of a batch.

use super::FitData;
use crate::{Labels, Result, Teacher, backend::Batch};
use degu_core::SequenceBatch;

/// Labels made by the teacher for the sequences at hand.
pub struct DynamicLabels<'a> {
    /// The teacher.
    pub teacher: std::cell::RefCell<&'a mut Teacher>,
    /// Whether the unchanged batch is trained on as well, before the changed one.
    pub append: bool,
    /// Whether the student learns the spread between members.
    pub epistemic: bool,
    /// Whether the student learns the spread between replicates.
    pub aleatoric: bool,
}

impl DynamicLabels<'_> {
    /// The sequences of a step and their labels, for the rows `index` with base codes `codes`,
    /// `changed` by an augmentation.
    pub(super) fn label(
        &self,
        data: &FitData<'_>,
        index: &[usize],
        codes: &[u8],
        changed: SequenceBatch,
    ) -> Result<(SequenceBatch, Labels)> {
        let batch = Batch {
            codes: &changed.codes,
            noise: changed.noise.as_deref(),
            rows: index.len(),
        };
        let teacher = self.teacher.borrow_mut().label(&batch)?;
        // The unchanged rows have their labels already: the teacher has seen them.
        let (all, clean) = if self.append {
            (before(codes, changed), index)
        } else {
            (changed, &index[..0])
        };
        let width = data.examples.width();
        let known = data.labels;
        let labels = Labels {
            width,
            mean: after(clean, width, &known.mean, &teacher.mean),
            epistemic: self
                .epistemic
                .then(|| spread(clean, width, known.epistemic.as_ref(), teacher.epistemic))
                .flatten(),
            aleatoric: self
                .aleatoric
                .then(|| spread(clean, width, known.aleatoric.as_ref(), teacher.aleatoric))
                .flatten(),
            weight: None,
            value_weight: None,
        };
        Ok((all, labels))
    }
}

/// Unchanged sequences, then changed ones.
fn before(codes: &[u8], changed: SequenceBatch) -> SequenceBatch {
    SequenceBatch {
        length: changed.length,
        codes: [codes, &changed.codes].concat(),
        noise: changed.noise.map(|noise| {
            let mut all = vec![0.0; codes.len() * 4];
            all.extend(noise);
            all
        }),
    }
}

/// The known labels of `rows`, then new ones.
fn after(rows: &[usize], width: usize, known: &[f32], new: &[f32]) -> Vec<f32> {
    let own = rows.iter().flat_map(|r| &known[r * width..(r + 1) * width]);
    own.chain(new).copied().collect()
}

/// As [`after`] for a spread that may be missing.
fn spread(
    rows: &[usize],
    width: usize,
    known: Option<&Vec<f32>>,
    new: Option<Vec<f32>>,
) -> Option<Vec<f32>> {
    match (known, new) {
        (_, Some(new)) if rows.is_empty() => Some(new),
        (Some(known), Some(new)) => Some(after(rows, width, known, &new)),
        _ => None,
    }
}
