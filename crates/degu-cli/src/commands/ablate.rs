//! `degu-lab ablate`: what motifs add where they occur.

use degu_apply::motifs::{Ablation, AblationOptions, Replacement, ablate, motifs};
use degu_workflow::plan::show_count;
use serde::Serialize;

use super::applied::{Counter, TableSink, field, level, models, say, scorer, sequences};
use crate::{
    Result,
    args::{AblateArgs, ReplacementArg},
    output::Output,
};

#[derive(Serialize)]
struct Effects<'a> {
    effects: &'a [Ablation],
}

pub(crate) fn run(args: &AblateArgs, output: &mut Output) -> Result<()> {
    let level = level("ablate", args.motifs.level)?;
    let wanted = motifs(
        &args.motifs.motif,
        args.motifs.meme.as_deref(),
        &args.motifs.name,
    )?;
    let models = models(&args.models)?;
    models.need_scalar("effects of motifs")?;
    let mut scorer = scorer("ablate", &args.models, &models, !args.motifs.one_strand)?;
    let mut reader = sequences(&args.sequences, scorer.window().clone())?;
    let options = AblationOptions {
        p_value: args.p_value,
        flank: args.flank,
        replacement: match args.replacement {
            ReplacementArg::Dinucleotide => Replacement::Dinucleotide,
            ReplacementArg::Mononucleotide => Replacement::Mononucleotide,
            ReplacementArg::Random => Replacement::Random,
        },
        replacements: args.replacements,
        batch: args.batch,
        level,
        seed: args.motifs.seed,
    };
    let mut counter = Counter::new(args.models.progress, "sequences");
    let tasks = &models.card().labels.tasks;
    let effects = ablate(
        &mut scorer,
        tasks,
        &wanted,
        &mut reader,
        &options,
        &mut |done| counter.at(done),
    )?;
    drop(counter);
    if let Some(path) = &args.motifs.each {
        let names: Vec<&str> = models.models.iter().map(|m| m.name.as_str()).collect();
        let mut sink = TableSink::open(Some(path))?;
        sink.write(&each(&effects, &names), output)?;
        sink.finish()?;
    }
    let first = effects.iter().step_by(tasks.len().max(1));
    let left_out: usize = first.map(|e| e.without_shuffle).sum();
    if left_out > 0 {
        say(&format!(
            "{} hits left out: a stretch with one arrangement only; `--flank` widens it, `--replacement random` needs none",
            show_count(left_out)
        ));
    }
    if output.is_json() && args.motifs.output.is_none() {
        return output.result(&Effects { effects: &effects }, String::new);
    }
    let mut sink = TableSink::open(args.motifs.output.as_deref())?;
    sink.write(&lines(&effects), output)?;
    sink.finish()
}

fn lines(effects: &[Ablation]) -> String {
    let mut text = "motif\tname\ttask\tsequences\thits\twithout_shuffle\teffect\tsd\tlower\tupper\tmember_sd\treplacement_sd\n".to_owned();
    for e in effects {
        let fields = [
            e.motif.clone(),
            e.name.clone(),
            e.task.clone(),
            e.sequences.to_string(),
            e.hits.to_string(),
            e.without_shuffle.to_string(),
            field(e.effect),
            field(e.sd),
            field(e.lower),
            field(e.upper),
            field(e.member_sd),
            field(e.replacement_sd),
        ];
        text.push_str(&fields.join("\t"));
        text.push('\n');
    }
    text
}

/// Every hit, with the effect on every model.
fn each(effects: &[Ablation], models: &[&str]) -> String {
    let mut text = "motif\ttask\tid\tstart\tstrand\tscore\tbefore\tafter\tsd".to_owned();
    for model in models {
        text.push_str(&format!("\teffect_{model}"));
    }
    text.push('\n');
    for e in effects {
        for hit in &e.each {
            text.push_str(&format!(
                "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                e.motif,
                e.task,
                hit.id,
                hit.start,
                hit.strand,
                field(Some(hit.score)),
                field(Some(hit.before)),
                field(Some(hit.after)),
                field(Some(hit.sd))
            ));
            for effect in &hit.models {
                text.push_str(&format!("\t{}", field(Some(*effect))));
            }
            text.push('\n');
        }
    }
    text
}
