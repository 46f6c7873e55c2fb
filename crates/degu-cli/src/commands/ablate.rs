//! `degu-lab ablate`: effects of motifs in the sequences that have them.

use degu_apply::motifs::{Ablation, AblationOptions, Replacement, ablate};
use degu_workflow::plan::show_count;

use super::applied::{Counter, field, say, sequences, with_motifs, write_effects};
use crate::{
    Result,
    args::{AblateArgs, ReplacementArg},
    output::Output,
};

pub(crate) fn run(args: &AblateArgs, output: &mut Output) -> Result<()> {
    let (wanted, models, mut scorer) = with_motifs("ablate", &args.models, &args.motifs)?;
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
        level: args.motifs.level,
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
    let first = effects.iter().step_by(tasks.len().max(1));
    let left_out: usize = first.map(|e| e.without_shuffle).sum();
    if left_out > 0 {
        say(&format!(
            "{} hits left out: their bases have one arrangement only; widen them with `--flank`, or use `--replacement random`",
            show_count(left_out)
        ));
    }
    let names: Vec<&str> = models.models.iter().map(|m| m.name.as_str()).collect();
    write_effects(
        &args.motifs,
        &effects,
        || lines(&effects),
        || each(&effects, &names),
        output,
    )
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
