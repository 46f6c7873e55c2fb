//! What a run leaves behind: tables, predictions, model folders, figures, the report.
//!
//! | module | what |
//! |---|---|
//! | `results` | what the points have produced so far |
//! | `page` | the report: headline, order of the sections |
//! | `points` | scatter plots: measured against predicted, teacher against student |
//! | `record` | dataset, provenance, holes, notes of plugins |
//! | `maps` | figures of attribution maps |
//! | `outputs` | predictions, model folders and further tables beside the report |

mod maps;
mod outputs;
mod page;
mod points;
mod record;
mod results;

use std::path::{Path, PathBuf};

use crate::{compare, error::Result, plan::StudyPlan};
use degu_config::{ReportFormat, Study};
use degu_workflow::execute::RunSummary;
use degu_workflow::store::{Store, files};
use results::StudyResults;

/// File of a run folder that says what its report was made of.
const STAMP: &str = ".report";

/// Forgets what the report of a run folder was made of, so that it is written again.
///
/// # Errors
///
/// A folder that cannot be written.
pub(crate) fn forget(folder: &Path) -> Result<()> {
    let stamp = folder.join(STAMP);
    if stamp.is_file() {
        fs_err::remove_file(&stamp)?;
    }
    Ok(())
}

/// Writes everything below the run folder; returns the path of the report.
///
/// Nothing here is the truth: it can be deleted and written again from the store.
///
/// # Errors
///
/// A store or folder that fails, results that do not fit each other.
pub(crate) fn write(
    study: &Study,
    plan: &StudyPlan,
    store: &Store,
    run: &RunSummary,
    folder: &Path,
) -> Result<PathBuf> {
    let report = folder.join("report.html");
    let stamp = stamp(study, plan, run);
    let stamp_file = folder.join(STAMP);
    if run.finished.is_empty()
        && report.is_file()
        && fs_err::read_to_string(&stamp_file).is_ok_and(|s| s == stamp)
    {
        return Ok(report);
    }
    let results = StudyResults::read(plan, store)?;
    let base = results.base()?;
    let views = compare::views(study, &results.points)?;
    let data = page::report(base, views, study, plan, run)?;
    if study.report.formats.contains(&ReportFormat::Csv) {
        let tables = folder.join("tables");
        let mut written = degu_report::write_tables(&data, &tables)?;
        written.extend(outputs::resplit_table(base, &tables)?);
        forget_others(&tables, "csv", &written)?;
    }
    outputs::predictions(base, study, &folder.join("predictions.tsv.gz"))?;
    outputs::models(base, study, folder)?;
    let figures = folder.join("figures");
    let written = degu_report::write_figures(&data, &figures)?;
    forget_others(&figures, "svg", &written)?;
    degu_report::write_report(&data, &report)?;
    files::write_atomic(&stamp_file, stamp.as_bytes())?;
    Ok(report)
}

/// Changes whenever the report would.
fn stamp(study: &Study, plan: &StudyPlan, run: &RunSummary) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(study.locked_toml().as_bytes());
    for node in plan.plan.nodes() {
        hasher.update(node.key.full().as_bytes());
    }
    for failure in &run.failed {
        hasher.update(failure.task.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Removes what an earlier report of the run left: a table of holes of a run that is whole by now,
/// a figure of another model.
fn forget_others(folder: &Path, extension: &str, written: &[PathBuf]) -> Result<()> {
    for name in files::list(folder)? {
        let path = folder.join(name);
        if path.extension().is_some_and(|e| e == extension) && !written.contains(&path) {
            fs_err::remove_file(&path)?;
        }
    }
    Ok(())
}
