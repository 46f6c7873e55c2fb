//! Attribution maps.

use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Predictor, Result, Seed, Sequences};

/// The part of a prediction that is attributed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Mean.
    Mean,
    /// Epistemic standard deviation.
    Epistemic,
    /// Aleatoric standard deviation.
    Aleatoric,
}

impl Part {
    /// Name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Epistemic => "epistemic",
            Self::Aleatoric => "aleatoric",
        }
    }
}

/// The scalar whose attribution is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Index of the task.
    pub task: usize,
    /// Part of its prediction.
    pub part: Part,
}

/// What the numbers of a map are; stored with the map and never guessed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A value for each of the four bases at each position.
    Hypothetical,
    /// The hypothetical value of the observed base, zero elsewhere.
    Observed,
    /// Mean of multiplier times difference, non-zero at observed and at reference bases.
    ShapValues,
}

impl Form {
    /// Name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hypothetical => "hypothetical",
            Self::Observed => "observed",
            Self::ShapValues => "shap_values",
        }
    }
}

/// Maps of a batch.
#[derive(Debug, Clone)]
pub struct Attribution {
    /// What the values are.
    pub form: Form,
    /// `[N, L, 4]`, in units of the target.
    pub values: Tensor,
    /// Completeness error per sequence, for the methods that have one: mean over references of
    /// `|sum m (x - r) - (f(x) - f(r))|`, in units of the target.
    pub delta: Option<Vec<f64>>,
    /// What the map explains per sequence, for the methods that have a completeness error: mean
    /// over references of `|f(x) - f(r)|`. The sum of `delta` over the sum of this is the relative
    /// completeness error of a set.
    pub change: Option<Vec<f64>>,
}

impl Attribution {
    /// A map without a completeness error.
    pub fn new(form: Form, values: Tensor) -> Self {
        Self {
            form,
            values,
            delta: None,
            change: None,
        }
    }

    /// The map in another form: observed values are the hypothetical ones of the bases that
    /// `codes`, `[N, L]`, has (0 at N).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for every other change of form.
    pub fn into_form(self, form: Form, codes: &Tensor) -> Result<Self> {
        if self.form == form {
            return Ok(self);
        }
        if (self.form, form) != (Form::Hypothetical, Form::Observed) {
            return Err(Error::Unsupported {
                operation: format!("a map of {} values", self.form.name()),
                rule: match form {
                    Form::Hypothetical => "hypothetical form",
                    Form::Observed => "observed form",
                    Form::ShapValues => "shap_values form",
                },
                help: "ask for a form that the method gives: `deepshap` gives all three",
            });
        }
        let one_hot = Sequences::codes(codes.clone())?.one_hot(self.values.dtype())?;
        Ok(Self {
            form,
            values: (self.values * one_hot)?,
            ..self
        })
    }
}

/// One map that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The scalar.
    pub target: Target,
    /// What its numbers shall be.
    pub form: Form,
}

/// An attribution method.
pub trait Attributor: Send + Sync {
    /// Maps of `codes`, `[N, L]`, u8, in the method's own form. `seeds` holds one stream per
    /// sequence (references, noise), so that maps do not depend on how sequences are cut into
    /// batches.
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        target: Target,
        seeds: &[Seed],
    ) -> Result<Attribution>;

    /// Several maps of the same sequences, in the order in which they are asked for.
    ///
    /// The numbers are those of [`attribute`](Self::attribute); a method that can shares forward
    /// passes and references between targets and forms.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute), and [`Error::Unsupported`] for a form that the method
    /// does not give.
    fn attribute_many(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        wanted: &[Wanted],
        seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        let mut own: Vec<(Target, Attribution)> = Vec::new();
        let mut maps = Vec::with_capacity(wanted.len());
        for w in wanted {
            let known = own.iter().find(|(target, _)| *target == w.target);
            let map = if let Some((_, map)) = known {
                map.clone()
            } else {
                let map = self.attribute(model, codes, w.target, seeds)?;
                own.push((w.target, map.clone()));
                map
            };
            maps.push(map.into_form(w.form, codes)?);
        }
        Ok(maps)
    }
}

/// The targets of a list of wanted maps, each once, in their order.
pub fn distinct_targets(wanted: &[Wanted]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for w in wanted {
        if !targets.contains(&w.target) {
            targets.push(w.target);
        }
    }
    targets
}

/// The only map of a list of one.
///
/// # Errors
///
/// [`Error::Missing`] for an empty list.
pub fn single(maps: Vec<Attribution>) -> Result<Attribution> {
    maps.into_iter().next().ok_or(Error::Missing {
        what: "a target",
        by: "an attribution",
        help: "ask for at least one map",
    })
}

/// Puts a map of every distinct target into the order and the forms in which maps are wanted.
///
/// # Errors
///
/// As [`Attribution::into_form`].
pub fn arrange(
    wanted: &[Wanted],
    targets: &[Target],
    maps: &[Attribution],
    codes: &Tensor,
) -> Result<Vec<Attribution>> {
    let own = |w: &Wanted| {
        let found = targets.iter().zip(maps).find(|(t, _)| **t == w.target);
        found.map(|(_, map)| map.clone().into_form(w.form, codes))
    };
    wanted.iter().filter_map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn observed_values_are_those_of_the_bases() {
        let codes = Tensor::from_vec(vec![2u8, 4], (1, 2), &Device::Cpu).unwrap();
        let values: Vec<f32> = (1..9).map(|v| v as f32).collect();
        let values = Tensor::from_vec(values, (1, 2, 4), &Device::Cpu).unwrap();
        let map = Attribution::new(Form::Hypothetical, values);
        let observed = map.clone().into_form(Form::Observed, &codes).unwrap();
        assert_eq!(
            observed
                .values
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap(),
            [0., 0., 3., 0., 0., 0., 0., 0.]
        );
        let error = observed.into_form(Form::Hypothetical, &codes).unwrap_err();
        assert!(error.to_string().contains("observed values"), "{error}");
        assert!(map.into_form(Form::ShapValues, &codes).is_err());
    }
}
