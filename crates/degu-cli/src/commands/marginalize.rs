//! `degu-lab marginalize`: effects of motifs in backgrounds.

use degu_apply::motifs::{Background, Marginal, MarginalOptions, backgrounds, marginalize};

use super::applied::{Counter, field, sequences, with_motifs, write_effects};
use crate::{
    Result,
    args::{BackgroundArg, MarginalizeArgs},
    output::Output,
};

pub(crate) fn run(args: &MarginalizeArgs, output: &mut Output) -> Result<()> {
    let (wanted, models, mut scorer) = with_motifs("marginalize", &args.models, &args.motifs)?;
    let window = scorer.window().clone();
    let given = args.sequences.fasta.is_some() || args.sequences.table.is_some();
    let mut reader = given
        .then(|| sequences(&args.sequences, window.clone()))
        .transpose()?;
    let kind = match args.background {
        BackgroundArg::Shuffles => Background::Shuffles,
        BackgroundArg::Sequences => Background::Sequences,
        BackgroundArg::Random => Background::Random(args.gc),
    };
    let elements = backgrounds(
        kind,
        args.backgrounds.max(1),
        reader.as_mut(),
        window.element(),
        args.motifs.seed,
    )?;
    let options = MarginalOptions {
        start: args.start,
        both_orientations: args.both_orientations,
        sample: args.sample,
        level: args.motifs.level,
        seed: args.motifs.seed,
    };
    let mut counter = Counter::new(args.models.progress, "motifs");
    let tasks = &models.card().labels.tasks;
    let effects = marginalize(
        &mut scorer,
        tasks,
        &wanted,
        &elements,
        &options,
        &mut |done| counter.at(done),
    )?;
    drop(counter);
    let names: Vec<&str> = models.models.iter().map(|m| m.name.as_str()).collect();
    write_effects(
        &args.motifs,
        &effects,
        || lines(&effects),
        || each(&effects, &names),
        output,
    )
}

fn lines(effects: &[Marginal]) -> String {
    let mut text = "motif\tname\torientation\ttask\tbackgrounds\tbefore\tafter\teffect\tsd\tlower\tupper\tmember_sd\n".to_owned();
    for e in effects {
        let fields = [
            e.motif.clone(),
            e.name.clone(),
            e.orientation.to_string(),
            e.task.clone(),
            e.backgrounds.to_string(),
            field(Some(e.before)),
            field(Some(e.after)),
            field(Some(e.effect)),
            field(e.sd),
            field(e.lower),
            field(e.upper),
            field(e.member_sd),
        ];
        text.push_str(&fields.join("\t"));
        text.push('\n');
    }
    text
}

/// Every background with every model.
fn each(effects: &[Marginal], models: &[&str]) -> String {
    let mut text = "motif\torientation\ttask\tbackground\tmodel\tbefore\tafter\n".to_owned();
    for e in effects {
        for (k, (before, after)) in e.each.iter().enumerate() {
            for ((model, before), after) in models.iter().zip(before).zip(after) {
                text.push_str(&format!(
                    "{}\t{}\t{}\t{k}\t{model}\t{}\t{}\n",
                    e.motif,
                    e.orientation,
                    e.task,
                    field(Some(*before)),
                    field(Some(*after))
                ));
            }
        }
    }
    text
}
