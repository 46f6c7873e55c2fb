//! Files beside the report: predictions, model folders, coverage over random cuts.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use degu_core::{OutputKind, Split};
use degu_report::ModelKind;
use degu_stats::Alpha;
use degu_train::SavedModel;

use super::{
    super::{PreparedData, Result, trust},
    results::{Model, Results},
};
use crate::run::RunError;
use degu_config::Study;
use degu_workflow::store::files;

impl Results {
    /// Writes `predictions.tsv.gz`: every row, task by task, with intervals of the first
    /// calibrator.
    pub(super) fn predictions(&self, study: &Study, path: &Path) -> Result<(), RunError> {
        let (Some(prepared), Some(model)) = (&self.prepared, self.best()) else {
            return Ok(());
        };
        let intervals = self
            .intervals(study, model, prepared)
            .map_err(RunError::Stage)?;
        let beside = path.with_extension("partial");
        let written = table(&beside, prepared, model, &intervals)
            .and_then(|()| Ok(fs_err::rename(&beside, path)?));
        if written.is_err() {
            // The first error is the one to report; a leftover that cannot be removed changes
            // nothing.
            let _ = fs_err::remove_file(&beside);
        }
        written
    }

    fn intervals(
        &self,
        study: &Study,
        model: &Model,
        prepared: &PreparedData,
    ) -> Result<Vec<(Alpha, degu_core::Intervals)>> {
        let mut all = Vec::new();
        let default = study.report.calibration(study.calibration.keys());
        let Some((name, result)) = self
            .calibration
            .iter()
            .find(|(name, _)| Some(name.as_str()) == default)
        else {
            return Ok(all);
        };
        let (Some(card), Some(block)) =
            (result.fitted.get(&model.name), study.calibration.get(name))
        else {
            return Ok(all);
        };
        let fitted = block.plugin.build()?.restore(&card.state)?;
        let wide = |v: &Vec<f32>| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
        let mean = wide(&model.forecast.mean);
        let (epistemic, aleatoric) = (
            model.forecast.epistemic.as_ref().map(wide),
            model.forecast.aleatoric.as_ref().map(wide),
        );
        let quantiles = model.forecast.wide_quantiles();
        let wanted = block.plugin.build()?.covariates();
        let features =
            degu_apply::covariates(&prepared.examples.codes, prepared.info.length, &wanted);
        let forecast = degu_core::Forecast {
            epistemic: epistemic.as_deref(),
            aleatoric: aleatoric.as_deref(),
            quantiles: quantiles
                .as_ref()
                .map(|(levels, values)| (values.as_slice(), levels.as_slice())),
            category: prepared.category.as_deref(),
            features: (features.1 > 0).then_some((features.0.as_slice(), features.1)),
            ..degu_core::Forecast::new(prepared.ids.len(), model.forecast.width, &mean)
        };
        for alpha in &block.keys.alpha {
            let alpha = Alpha::from_f64(*alpha)?;
            all.push((alpha, fitted.intervals(&forecast, alpha)?));
        }
        Ok(all)
    }

    /// Writes `models/student-0`, `models/member-0` and so on, with their calibration and test
    /// metrics.
    pub(super) fn models(&self, study: &Study, folder: &Path) -> Result<(), RunError> {
        // Members too: the spread of an effect or of a map is theirs.
        let wanted: Vec<&Model> = self
            .of_kind(ModelKind::Student)
            .chain(self.of_kind(ModelKind::Member))
            .collect();
        let single = self.of_kind(ModelKind::Member).count() == 1;
        for model in wanted {
            let Some(saved) = &model.saved else { continue };
            let mut card = saved.card.clone();
            // Results are shared between studies, and so is what their cards say; the folder of a
            // run names the study.
            card.name = format!("{} {}", study.identity.name, model.name);
            // An ensemble of one is that member: what calibrates the one calibrates the other.
            let calibrated = if single && model.kind == ModelKind::Member {
                "ensemble"
            } else {
                model.name.as_str()
            };
            for (name, result) in &self.calibration {
                if let Some(fitted) = result.fitted.get(calibrated) {
                    card.calibration.insert(name.clone(), fitted.clone());
                }
                trust::fitted_for_sets(&mut card, name, result, calibrated);
            }
            card.default_calibration = study
                .report
                .calibration(card.calibration.keys())
                .map(str::to_owned);
            for row in self
                .evaluation
                .metrics
                .iter()
                .filter(|r| r.model == model.name && r.split == Split::Test.name())
            {
                card.metrics
                    .insert(format!("{}/{}", row.metric, row.task), row.value);
            }
            let complete = SavedModel::new(card, saved.weights().clone())
                .map_err(|e| RunError::Stage(e.into()))?;
            complete
                .save(&folder.join("models").join(&model.name))
                .map_err(|e| RunError::Stage(e.into()))?;
        }
        Ok(())
    }

    /// Writes coverage over random cuts as a table, if there is any; returns its path.
    pub(super) fn resplit_table(&self, folder: &Path) -> Result<Option<PathBuf>, RunError> {
        let mut text =
            "calibrator,model,task,alpha,cuts,mean_coverage,expected,within_band\n".to_owned();
        let mut any = false;
        for (name, result) in &self.calibration {
            for r in &result.resplits {
                any = true;
                text.push_str(&format!(
                    "{name},{},{},{},{},{},{},{}\n",
                    r.model, r.task, r.alpha, r.cuts, r.mean_coverage, r.expected, r.within_band
                ));
            }
        }
        if !any {
            return Ok(None);
        }
        let path = folder.join("coverage_resplits.csv");
        files::write_atomic(&path, text.as_bytes())?;
        Ok(Some(path))
    }
}

/// One line a row, task and bin, with the bounds of every level.
fn table(
    path: &Path,
    prepared: &PreparedData,
    model: &Model,
    intervals: &[(Alpha, degu_core::Intervals)],
) -> Result<(), RunError> {
    let file = std::io::BufWriter::new(fs_err::File::create(path)?);
    let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let profile = prepared.output() != OutputKind::Scalar;
    let bin = if profile { "\tbin" } else { "" };
    let mut header =
        format!("id\tsplit\ttask{bin}\tmodel\tmeasured\tmean\tepistemic\taleatoric\ttotal");
    for (alpha, _) in intervals {
        header.push_str(&format!("\tlower@{alpha}\tupper@{alpha}"));
    }
    let levels = model
        .forecast
        .quantiles
        .as_ref()
        .map(|(levels, _)| levels.as_slice());
    for level in levels.unwrap_or_default() {
        header.push_str(&format!("\tq{level}"));
    }
    writeln!(out, "{header}")?;
    let (width, tasks) = (model.forecast.width, prepared.tasks());
    let number = |v: f32| {
        if v.is_finite() {
            v.to_string()
        } else {
            String::new()
        }
    };
    for row in 0..model.forecast.rows {
        let split = prepared.part[row].map_or("unused", Split::name);
        for j in 0..width {
            let at = row * width + j;
            let epistemic = model.forecast.epistemic.as_ref().map(|v| v[at]);
            let aleatoric = model.forecast.aleatoric.as_ref().map(|v| v[at]);
            let total = match (epistemic, aleatoric) {
                (Some(e), Some(a)) => Some(e.hypot(a)),
                (one, other) => one.or(other),
            };
            let task = &prepared.info.tasks[j % tasks];
            write!(out, "{}\t{split}\t{task}\t", prepared.ids[row])?;
            if profile {
                write!(out, "{}\t", j / tasks)?;
            }
            write!(
                out,
                "{}\t{}\t{}\t{}\t{}\t{}",
                model.name,
                number(prepared.measured.mean[at]),
                number(model.forecast.mean[at]),
                epistemic.map(number).unwrap_or_default(),
                aleatoric.map(number).unwrap_or_default(),
                total.map(number).unwrap_or_default(),
            )?;
            for (_, bounds) in intervals {
                write!(out, "\t{}\t{}", bounds.lower[at], bounds.upper[at])?;
            }
            if let Some((levels, values)) = &model.forecast.quantiles {
                for value in &values[at * levels.len()..][..levels.len()] {
                    write!(out, "\t{value}")?;
                }
            }
            writeln!(out)?;
        }
    }
    out.finish()?
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?;
    Ok(())
}
