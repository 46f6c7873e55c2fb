//! Attribution maps.

use candle_core::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Predictor, Result, Seed, Sequences};

/// A component of a prediction.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Mean.
    Mean,
    /// Epistemic standard deviation.
    Epistemic,
    /// Aleatoric standard deviation.
    Aleatoric,
}

impl Component {
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
    /// Component of its prediction.
    pub part: Component,
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
    /// The same map in the form [`Form::ShapValues`], `[N, L, 4]`, for the methods that compare
    /// with references.
    pub shap_values: Option<Tensor>,
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
            shap_values: None,
            delta: None,
            change: None,
        }
    }

    /// The map in another form: observed values are the hypothetical ones of the bases that
    /// `codes`, `[N, L]`, has (0 at N).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a form that the method does not give.
    pub fn into_form(mut self, form: Form, codes: &Tensor) -> Result<Self> {
        if self.form == form {
            return Ok(self);
        }
        if let (Form::ShapValues, Some(values)) = (form, self.shap_values.take()) {
            return Ok(Self {
                form,
                values,
                ..self
            });
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
    /// Maps of `codes`, `[N, L]`, u8: one for each target, in the order of the targets and in the
    /// method's own form. The framework turns them into the other forms.
    ///
    /// `seeds` holds one stream per sequence (references, noise), so that maps do not depend on how
    /// sequences are cut into batches. The map of a target does not depend on the other targets; a
    /// method may share forward passes and references between them.
    ///
    /// # Errors
    ///
    /// A task or a part that the model does not predict, and whatever the method cannot do.
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        seeds: &[Seed],
    ) -> Result<Vec<Attribution>>;
}

impl dyn Attributor + '_ {
    /// The map of one target.
    ///
    /// # Errors
    ///
    /// As [`Attributor::attribute`].
    pub fn attribute_one(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        target: Target,
        seeds: &[Seed],
    ) -> Result<Attribution> {
        let maps = self.attribute(model, codes, &[target], seeds)?;
        maps.into_iter().next().ok_or(NO_MAP)
    }

    /// Maps in the order and in the forms in which they are asked for.
    ///
    /// # Errors
    ///
    /// As [`Attributor::attribute`], and [`Error::Unsupported`] for a form that the method does not
    /// give.
    pub fn attribute_forms(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        wanted: &[Wanted],
        seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        let mut targets: Vec<Target> = Vec::new();
        for w in wanted {
            if !targets.contains(&w.target) {
                targets.push(w.target);
            }
        }
        let own = self.attribute(model, codes, &targets, seeds)?;
        let in_form = |w: &Wanted| {
            let found = targets.iter().zip(&own).find(|(t, _)| **t == w.target);
            let (_, map) = found.ok_or(NO_MAP)?;
            map.clone().into_form(w.form, codes)
        };
        wanted.iter().map(in_form).collect()
    }
}

/// A method that gives fewer maps than there are targets.
const NO_MAP: Error = Error::Missing {
    what: "a map of each target",
    by: "an attribution",
    help: "the method gives fewer maps than targets: report it to its author",
};

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
        assert!(map.clone().into_form(Form::ShapValues, &codes).is_err());
        let both = Attribution {
            shap_values: Some(map.values.ones_like().unwrap()),
            ..map
        };
        let shap = both.into_form(Form::ShapValues, &codes).unwrap();
        assert_eq!(shap.form, Form::ShapValues);
    }
}
