//! `degu-lab variants`: effects of variants, with their uncertainty, and scores against saturation
//! mutagenesis.

mod write;

use degu_apply::variants::{
    EffectOptions, ElementScore, Mismatch, Observation, Preparer, Scored, VariantOptions,
    VariantScorer, VariantSource, prepare, scores,
};
use degu_genome::{Anchor, Edge, open_genome};
use degu_workflow::plan::show_count;
use serde::Serialize;
use serde_json::json;

use super::applied::{Counter, TableSink, field, models, say, scorer};
use crate::{
    CliError, Result,
    args::{AnchorArg, EdgeArg, MismatchArg, VariantsArgs},
    output::{Output, Table},
};

use write::{Form, VariantWriter};

#[derive(Serialize)]
struct Scores<'a> {
    scores: &'a [ElementScore],
}

pub(crate) fn run(args: &VariantsArgs, output: &mut Output) -> Result<()> {
    let level = args.level;
    let models = models(&args.models)?;
    let tasks = models.card().labels.tasks.clone();
    let own = scorer("variants", &args.models, &models, false)?;
    let window = own.window().clone();
    let mut effects = VariantScorer::new(&models, own, !args.one_strand, EffectOptions { level })?;
    let (genome, access) = open_genome(&args.genome)?;
    tracing::info!(?access, "genome");
    let open = || -> Result<VariantSource> {
        Ok(match (&args.vcf, &args.table) {
            (Some(path), None) => VariantSource::vcf(path)?,
            (None, Some(path)) => VariantSource::table(path)?,
            _ => {
                return Err(CliError::Usage {
                    command: "variants",
                    problem: "expected either `--vcf FILE` or `--table FILE`".to_owned(),
                });
            }
        })
    };
    let mut preparer = prepare(&mut open()?, genome.as_ref(), &window, options(args))?;
    let mut source = open()?;
    let form = Form::of(args.output.as_deref(), output.is_json());
    let mut writer = VariantWriter::new(form, &tasks, args, level);
    let mut sink = TableSink::open(args.output.as_deref())?;
    let mut observations: Vec<Vec<Observation>> = vec![Vec::new(); tasks.len()];
    let mut counter = Counter::new(args.models.progress, "variants");
    let mut rows = 0;
    loop {
        let mut batch = Vec::new();
        while batch.len() < args.batch.max(1)
            && let Some(prepared) = preparer.next(&mut source)?
        {
            batch.push(prepared);
        }
        if batch.is_empty() {
            break;
        }
        for scored in effects.score(batch)? {
            sink.write(&writer.lines(&scored)?, output)?;
            observe(&scored, &mut observations);
            rows += 1;
        }
        counter.at(rows);
    }
    drop(counter);
    sink.write(&writer.header_left(), output)?;
    sink.finish()?;
    say(&summary(rows, &preparer, &source));
    let mut all = Vec::new();
    for (task, observations) in tasks.iter().zip(&observations) {
        all.extend(scores(task, observations)?);
    }
    if all.is_empty() {
        return Ok(());
    }
    if let Some(path) = &args.scores {
        let mut sink = TableSink::open(Some(path))?;
        sink.write(&score_lines(&all), output)?;
        return sink.finish();
    }
    if args.output.is_some() {
        output.result(&Scores { scores: &all }, || score_text(&all))
    } else {
        say(&score_text(&all));
        Ok(())
    }
}

fn options(args: &VariantsArgs) -> VariantOptions {
    VariantOptions {
        mismatch: match args.mismatch {
            MismatchArg::Few => Mismatch::Few,
            MismatchArg::Error => Mismatch::Error,
            MismatchArg::Skip => Mismatch::Skip,
            MismatchArg::Swap => Mismatch::Swap,
        },
        anchor: match args.anchor {
            AnchorArg::Right => Anchor::Right,
            AnchorArg::Left => Anchor::Left,
        },
        edge: match args.edge {
            EdgeArg::Skip => Edge::Refuse,
            EdgeArg::Pad => Edge::Pad,
        },
        offset: args.offset,
        shift: args.shift,
        unify_names: args.unify_names,
    }
}

/// Keeps what is compared with measurements; a few numbers a variant.
fn observe(scored: &Scored, observations: &mut [Vec<Observation>]) {
    let (Some(measured), Ok(effects)) = (&scored.prepared.measured, &scored.effects) else {
        return;
    };
    if measured.effect.is_none() {
        return;
    }
    for (effect, all) in effects.iter().zip(observations) {
        all.push(Observation {
            measured: measured.clone(),
            effect: effect.effect,
            uncertainty: effect.uncertainty(),
        });
    }
}

fn summary(rows: usize, preparer: &Preparer<'_>, source: &VariantSource) -> String {
    let left_out: usize = preparer.problems().values().sum();
    let mut text = format!("{} variants", show_count(rows));
    let mut parts: Vec<String> = preparer
        .problems()
        .iter()
        .map(|(problem, count)| format!("{} {}", show_count(*count), problem.name()))
        .collect();
    if preparer.swapped() > 0 {
        parts.push(format!(
            "{} with swapped alleles",
            show_count(preparer.swapped())
        ));
    }
    for (why, count) in source.passed_over() {
        parts.push(format!(
            "{} passed over ({why})",
            show_count(count as usize)
        ));
    }
    if left_out > 0 {
        text.push_str(&format!(", {} without an effect", show_count(left_out)));
    }
    if !parts.is_empty() {
        text.push_str(&format!(": {}", parts.join(", ")));
    }
    text
}

fn score_text(all: &[ElementScore]) -> String {
    let mut table = Table::new(&[
        "element",
        "task",
        "variants",
        "pearson",
        "spearman",
        "10+ barcodes",
        "auroc",
        "certain half",
    ]);
    let short = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    for s in all {
        table.row([
            s.element.clone(),
            s.task.clone(),
            show_count(s.variants),
            short(s.pearson),
            short(s.spearman),
            short(s.precise_pearson),
            short(s.auroc),
            short(s.retained.last().and_then(|r| r.1)),
        ]);
    }
    table.render()
}

fn score_lines(all: &[ElementScore]) -> String {
    let mut text = "element\ttask\tvariants\tpearson\tspearman\tprecise_variants\tprecise_pearson\tauroc\tretained\tretained_pearson\n".to_owned();
    for s in all {
        // One row for each share that is kept; the first keeps all.
        let kept = if s.retained.is_empty() {
            vec![(1.0, s.pearson)]
        } else {
            s.retained.clone()
        };
        for (share, pearson) in kept {
            let fields = [
                s.element.clone(),
                s.task.clone(),
                s.variants.to_string(),
                field(s.pearson),
                field(s.spearman),
                s.precise_variants.to_string(),
                field(s.precise_pearson),
                field(s.auroc),
                json!(share).to_string(),
                field(pearson),
            ];
            text.push_str(&fields.join("\t"));
            text.push('\n');
        }
    }
    text
}
