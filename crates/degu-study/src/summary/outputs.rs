//! Files beside the report: predictions, model folders, coverage over random cuts.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use degu_core::{ModelId, OutputKind, Split};
use degu_report::ModelKind;
use degu_stats::Alpha;
use degu_train::{ModelCard, SavedModel};

use crate::{
    error::Result,
    results::{PointResults, PreparedData, TrainedModel},
};
use degu_config::Study;
use degu_workflow::store::files;

/// Bounds of the main calibration, level by level.
type Bounds = Vec<(Alpha, degu_core::Intervals)>;

/// Writes `predictions.tsv.gz`: every row, task by task, with intervals of the main calibration.
pub(super) fn predictions(base: &PointResults<'_>, study: &Study, path: &Path) -> Result<()> {
    let (Some((prepared, _)), Some(model)) = (&base.prepared, base.best()) else {
        return Ok(());
    };
    let intervals = intervals(base, study, model, prepared)?;
    let beside = path.with_extension("partial");
    let written = table(&beside, prepared, model, &intervals)
        .and_then(|()| Ok(fs_err::rename(&beside, path)?));
    if written.is_err() {
        // The first error is the one to report; a leftover that cannot be removed changes nothing.
        let _ = fs_err::remove_file(&beside);
    }
    written
}

fn intervals(
    base: &PointResults<'_>,
    study: &Study,
    model: &TrainedModel,
    prepared: &PreparedData,
) -> Result<Bounds> {
    let mut all = Vec::new();
    let main = study.report.calibration(study.calibration.keys());
    let result = base
        .calibration
        .iter()
        .find(|c| Some(c.name.as_str()) == main);
    let card = result.and_then(|result| result.fitted.get(&model.id));
    let (Some(card), Some(block)) = (card, main.and_then(|name| study.calibration.get(name)))
    else {
        return Ok(all);
    };
    let calibrator = block.plugin.build()?;
    let fitted = calibrator.restore(&card.state)?;
    let wide = |v: &Vec<f32>| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
    let mean = wide(&model.forecast.mean);
    let epistemic = model.forecast.epistemic.as_ref().map(wide);
    let aleatoric = model.forecast.aleatoric.as_ref().map(wide);
    let quantiles = model.forecast.wide_quantiles();
    let (codes, length) = (&prepared.examples.codes, prepared.info.length);
    let features = degu_apply::covariates(codes, length, &calibrator.covariates());
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

/// Writes `models/student-0`, `models/member-0` and so on, with their calibration and test metrics.
pub(super) fn models(base: &PointResults<'_>, study: &Study, folder: &Path) -> Result<()> {
    // Members too: the spread of an effect or of a map is theirs.
    let students = base.of_kind(ModelKind::Student);
    let single = base.of_kind(ModelKind::Member).count() == 1;
    for model in students.chain(base.of_kind(ModelKind::Member)) {
        let Some(saved) = &model.saved else { continue };
        // An ensemble of one is that member: what calibrates the one calibrates the other.
        let calibrated = if single && model.kind() == ModelKind::Member {
            ModelId::Ensemble
        } else {
            model.id
        };
        let card = card(base, study, model.id, calibrated, saved.card.clone());
        let complete = SavedModel::new(card, saved.weights().clone())?;
        complete.save(&folder.join("models").join(model.id.to_string()))?;
    }
    Ok(())
}

/// The card of a model folder: results are shared between studies, and so is what their cards say;
/// the folder of a run names the study, its calibrations and its metrics.
fn card(
    base: &PointResults<'_>,
    study: &Study,
    model: ModelId,
    calibrated: ModelId,
    mut card: ModelCard,
) -> ModelCard {
    card.name = format!("{} {model}", study.identity.name);
    card.model = Some(model);
    for result in &base.calibration {
        if let Some(fitted) = result.fitted.get(&calibrated) {
            card.calibration.insert(result.name.clone(), fitted.clone());
        }
        // Calibrators that were fitted for a held-out set stand there as `block@set`.
        for (set, fitted) in &result.fitted_for {
            if let Some(own) = fitted.get(&calibrated) {
                let name = format!("{}@{set}", result.name);
                card.calibration.insert(name, own.clone());
            }
        }
    }
    let main = study.report.calibration(card.calibration.keys());
    card.default_calibration = main.map(str::to_owned);
    let (model, test) = (model.to_string(), Split::Test.name());
    for row in base.metrics() {
        if row.model == model && row.split == test {
            let name = format!("{}/{}", row.metric, row.task);
            card.metrics.insert(name, row.value);
        }
    }
    card
}

/// Writes coverage over random cuts as a table, if there is any; returns its path.
pub(super) fn resplit_table(base: &PointResults<'_>, folder: &Path) -> Result<Option<PathBuf>> {
    let mut text =
        "calibrator,model,task,alpha,cuts,mean_coverage,expected,within_band\n".to_owned();
    let mut any = false;
    for result in &base.calibration {
        let name = &result.name;
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

/// One line a row, task and bin, with the bounds of every level.
fn table(
    path: &Path,
    prepared: &PreparedData,
    model: &TrainedModel,
    intervals: &[(Alpha, degu_core::Intervals)],
) -> Result<()> {
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
                model.id,
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
