//! `degu-lab attribute`: attribution maps of sequences with their standard deviation, and tracks.

use degu_apply::{
    ApplyError, InputSpec, SequenceReader, Window,
    maps::{
        COMPLETENESS, Completeness, MapFormat, MapJob, MapRun, Method, TrackReport, Tracks, export,
    },
};
use degu_contract::parameters;
use degu_core::Target;
use degu_workflow::plan::show_count;
use degu_workflow::signal::Interrupt;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    applied::{Counter, device, input, models, say},
    plugins::check::setting_of,
};
use crate::{Result, args::AttributeArgs, output::Output};

/// What was done, for programs.
#[derive(Serialize)]
struct Summary {
    sequences: usize,
    skipped: usize,
    resumed: usize,
    method: String,
    task: String,
    part: &'static str,
    models: Vec<String>,
    completeness: Vec<Option<Completeness>>,
    tracks: TrackReport,
    files: Vec<String>,
}

pub(crate) fn run(args: &AttributeArgs, output: &mut Output) -> Result<()> {
    let format = MapFormat::of(&args.output)?;
    let models = models(&args.models)?;
    let mut params = Value::Object(Map::new());
    for setting in &args.set {
        let (path, value) = setting_of(setting)?;
        params = parameters::with(&params, path, value);
    }
    let method = Method::new(&args.method, &params)?;
    let target = Target {
        task: models.task(args.task.as_deref())?,
        part: args.part.into(),
    };
    models.need_scalar("maps")?;
    let spec = InputSpec {
        bed: args.bed.clone(),
        genome: args.genome.clone(),
        ..input(&args.sequences)
    };
    let mut reader = SequenceReader::open(&spec, Window::of(models.card())?)?;
    // Several models of a run that do not predict the part are left out where they were not asked
    // for by name.
    let all = models.groups();
    let able = all.iter().filter(|g| models.predicts(g, target.part));
    let groups = if args.models.only.is_empty() && able.clone().next().is_some() {
        able.cloned().collect()
    } else {
        all
    };
    let interrupt = Interrupt::install()?;
    let job = MapJob {
        models: &models,
        groups,
        method: &method,
        target,
        seed: args.seed,
        batch: args.batch,
        device: device("attribute", &args.models)?.open()?,
    };
    let folder = MapRun::folder(&args.output);
    let mut counter = Counter::new(args.models.progress, "sequences explained");
    let maps = job.run(&mut reader, &folder, &mut |done| counter.at(done), &|| {
        interrupt.is_set()
    })?;
    drop(counter);
    let written = export(&maps, &args.output, format)?;
    let tracks = Tracks {
        bedgraph: args.bedgraph.clone(),
        bigwig: args.bigwig.clone(),
        chromosome_lengths: args.chrom_sizes.clone(),
    };
    let report = tracks.write(&maps, 0)?;
    let mut files: Vec<String> = written
        .files
        .iter()
        .map(|f| f.display().to_string())
        .collect();
    let beside = [&args.bedgraph, &args.bigwig].into_iter().flatten();
    files.extend(beside.map(|f| f.display().to_string()));
    let summary = Summary {
        sequences: maps.rows,
        skipped: reader.skipped(),
        resumed: maps.resumed,
        method: method.card.plugin.clone(),
        task: models.card().labels.tasks[target.task].clone(),
        part: target.part.name(),
        models: maps.groups.iter().map(|g| g.name.clone()).collect(),
        completeness: maps.completeness.clone(),
        tracks: report,
        files,
    };
    output.result(&summary, || text(&summary))?;
    let verdict = judge(&summary);
    maps.remove()?;
    verdict
}

/// Warns of, or refuses, maps that do not add up to the predictions.
fn judge(summary: &Summary) -> Result<()> {
    let (warn, limit) = COMPLETENESS;
    for (model, found) in summary.models.iter().zip(&summary.completeness) {
        let Some(found) = found else { continue };
        if found.rho > limit {
            return Err(ApplyError::Incomplete {
                model: model.clone(),
                rho: found.rho,
                limit,
            }
            .into());
        }
        if found.rho > warn {
            say(&format!(
                "warning: the maps of `{model}` miss the predictions they explain by {:.1e} of their size; {warn:.0e} is usual in single precision",
                found.rho
            ));
        }
    }
    Ok(())
}

fn text(summary: &Summary) -> String {
    let mut text = format!(
        "{} sequences explained by {} ({}, {})",
        show_count(summary.sequences),
        summary.method,
        summary.task,
        summary.part
    );
    if summary.resumed > 0 {
        text.push_str(&format!(", {} of them before", show_count(summary.resumed)));
    }
    if summary.skipped > 0 {
        text.push_str(&format!(", {} skipped", show_count(summary.skipped)));
    }
    text.push('\n');
    for (model, found) in summary.models.iter().zip(&summary.completeness) {
        text.push_str(&match found {
            Some(found) => format!(
                "  {model}: maps add up to within {:.1e} of what they explain ({} sequences, largest error {:.1e})\n",
                found.rho,
                show_count(found.sequences),
                found.largest
            ),
            None => format!("  {model}\n"),
        });
    }
    if summary.tracks.placed > 0 {
        text.push_str(&format!(
            "  tracks: {} sequences, {} without a locus, {} positions under several\n",
            show_count(summary.tracks.placed),
            show_count(summary.tracks.without_locus),
            show_count(summary.tracks.overlapping as usize)
        ));
    }
    for file in &summary.files {
        text.push_str(&format!("  {file}\n"));
    }
    text
}
