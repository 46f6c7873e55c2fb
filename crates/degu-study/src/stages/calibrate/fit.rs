//! Fits the calibrator of a block to one model after another.

use degu_config::{Point, Study};
use degu_core::{Calibration, Calibrator, ModelId, Resolved, Seed, Split};
use degu_report::CalibrationNote;
use degu_stats::{Alpha, Guarantee};
use degu_train::model_file::CalibrationCard;

use super::{
    inputs::{self, Inputs, Part},
    resplit, rows,
    seen::Seen,
    settings::{alphas, block, label},
};
use crate::{
    error::Result,
    network,
    results::{CalibrationResult, PreparedData},
    stage::root,
};

/// A block `[calibration.NAME]` with the rows that it is fitted on.
pub(super) struct Block<'a> {
    plugin: &'a Resolved<dyn Calibrator>,
    pub(super) calibrator: Box<dyn Calibrator>,
    label: String,
    alphas: Vec<Alpha>,
    seed: Seed,
    rows: Vec<usize>,
    /// Whether each member trained on each row, `[members, rows]`; for methods that need members.
    drawn: Option<Vec<bool>>,
}

impl<'a> Block<'a> {
    pub(super) fn new(point: &'a Point, name: &str, data: &PreparedData) -> Result<Self> {
        let study: &Study = &point.study;
        let block = block(study, name)?;
        let calibrator = block.plugin.build()?;
        let root = root(point);
        let (rows, drawn) = if calibrator.needs().members {
            let rows = data.rows(Split::Train);
            let drawn = inputs::drawn(study, &root, data, &rows)?;
            (rows, Some(drawn))
        } else {
            (rows::held_out(data)?, None)
        };
        Ok(Self {
            label: label(name, block.plugin.name, calibrator.as_ref()),
            alphas: alphas(&block.keys.alpha)?,
            plugin: &block.plugin,
            calibrator,
            seed: root.child("calibrate").child(name),
            rows,
            drawn,
        })
    }

    pub(super) fn needs_members(&self) -> bool {
        self.drawn.is_some()
    }

    /// Notes something about a model.
    pub(super) fn note(&self, result: &mut CalibrationResult, model: ModelId, text: String) {
        result.uncertainty.notes.push(CalibrationNote {
            calibrator: self.label.clone(),
            model: model.to_string(),
            text,
        });
    }

    /// Fits one model and observes its intervals on the test rows and on every held-out set; within
    /// bins for the `first` model.
    pub(super) fn of_model(
        &self,
        inputs: &Inputs<'_>,
        first: bool,
        result: &mut CalibrationResult,
    ) -> Result<()> {
        let model = inputs.model.id;
        let fit = self.fit(inputs);
        let mut fitted: Option<Box<dyn Calibration>> = None;
        for (split, rows) in inputs.data.evaluated(&[Split::Test]) {
            let part = inputs.part(&rows);
            let on_test = split == Split::Test.name();
            if fitted.is_none() || self.calibrator.needs().target {
                match fit.against(&part) {
                    Ok(own) => {
                        let set = (!on_test).then_some(split.as_str());
                        self.keep(own.as_ref(), model, set, result);
                        fitted = Some(own);
                    }
                    // One model's predictions may not fit a method; the others still have
                    // intervals.
                    Err(error) => {
                        let text = format!("not calibrated for the {split} rows: {error}");
                        self.note(result, model, text);
                        fitted = None;
                    }
                }
            }
            let Some(fitted) = fitted.as_deref() else {
                continue;
            };
            let seen = Seen {
                data: inputs.data,
                label: &self.label,
                model: inputs.model,
                split: &split,
                fitted,
                part: &part,
                index: &rows,
            };
            self.observe(&seen, on_test, first, result)?;
        }
        // Random cuts of calibration and test rows say something about exchangeable rows alone.
        let marginal = fitted
            .as_ref()
            .zip(self.alphas.first())
            .is_some_and(|(f, a)| f.guarantee(*a) == Guarantee::Marginal);
        if marginal {
            self.resplit(inputs, result);
        }
        Ok(())
    }

    fn fit<'f>(&'f self, inputs: &Inputs<'_>) -> Fit<'f> {
        let calibrator = self.calibrator.as_ref();
        let (tune, fit) = rows::tuned(calibrator, &self.rows, &inputs.data.group, &self.seed);
        let mut fit_part = inputs.part(&fit);
        fit_part.drawn.clone_from(&self.drawn);
        Fit {
            calibrator,
            tune: (!tune.is_empty()).then(|| inputs.part(&tune)),
            rows: fit_part,
        }
    }

    /// Keeps a fitted calibrator, and what it has to say; `set` names a held-out set.
    fn keep(
        &self,
        fitted: &dyn Calibration,
        model: ModelId,
        set: Option<&str>,
        result: &mut CalibrationResult,
    ) {
        let on = set.map(|set| format!("{set}: ")).unwrap_or_default();
        for text in fitted.notes() {
            self.note(result, model, format!("{on}{text}"));
        }
        let guarantee = self
            .alphas
            .first()
            .map(|a| fitted.guarantee(*a).to_string());
        let card = CalibrationCard {
            calibrator: network::plugin_card(self.plugin),
            state: fitted.state(),
            units: fitted.units(),
            guarantee: guarantee.unwrap_or_default(),
            alpha: self.alphas.iter().map(ToString::to_string).collect(),
        };
        let cards = match set {
            None => &mut result.fitted,
            Some(set) => result.fitted_for.entry(set.to_owned()).or_default(),
        };
        cards.insert(model, card);
    }

    fn observe(
        &self,
        seen: &Seen<'_>,
        on_test: bool,
        first: bool,
        result: &mut CalibrationResult,
    ) -> Result<()> {
        for &alpha in &self.alphas {
            result.rows.extend(seen.coverage(alpha)?);
            if first && on_test {
                result.conditional.extend(seen.conditional(alpha)?);
            }
            if on_test {
                let slab = self.seed.child("slab").child(seen.model.id.to_string());
                let gaps = seen.gaps(alpha, slab.first_u64())?;
                result.uncertainty.rows.extend(gaps);
                let known = seen.true_coverage(alpha)?;
                result.uncertainty.rows.extend(known);
            }
        }
        result.uncertainty.extend(seen.curves(&self.seed)?);
        Ok(())
    }

    /// Coverage over random cuts of the calibration and test rows.
    fn resplit(&self, inputs: &Inputs<'_>, result: &mut CalibrationResult) {
        let mut pool = self.rows.clone();
        pool.extend(inputs.data.rows(Split::Test));
        let cut = resplit::Cut {
            calibrator: self.calibrator.as_ref(),
            inputs,
            pool: &pool,
            share: self.rows.len(),
            seed: &self.seed,
        };
        match cut.all(&self.alphas) {
            Ok(rows) => result.resplits.extend(rows),
            Err(error) => {
                let text = format!("random cuts of the rows were not made: {error}");
                self.note(result, inputs.model.id, text);
            }
        }
    }
}

/// The rows of a model that a calibrator is fitted on.
struct Fit<'a> {
    calibrator: &'a dyn Calibrator,
    tune: Option<Part>,
    rows: Part,
}

impl Fit<'_> {
    /// The fitted calibrator, for predictions of `target` where the method weighs by them.
    fn against(&self, target: &Part) -> Result<Box<dyn Calibration>> {
        let tune = self.tune.as_ref().map(Part::set);
        let target = target.forecast();
        Ok(self
            .calibrator
            .fit(tune.as_ref(), &self.rows.set(), Some(&target))?)
    }
}
