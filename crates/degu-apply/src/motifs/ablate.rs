//! What sequences lose without their motifs.

use degu_core::Seed;
use degu_genome::{
    Draws, Hit, Motif, Scanner, Shuffle, Strand, UNIFORM, gc_composition, gc_content,
    random_sequence, substitute,
};
use serde::Serialize;

use super::Summary;
use crate::{ApplyError, Result, Scorer, SequenceReader, scorer::mean_and_sd};

/// What takes the place of a motif.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Replacement {
    /// Uniform dinucleotide shuffles of the stretch.
    #[default]
    Dinucleotide,
    /// Shuffles of its bases.
    Mononucleotide,
    /// Random bases of the sequence's GC content.
    Random,
}

/// How motifs are ablated.
#[derive(Debug, Clone, PartialEq)]
pub struct AblationOptions {
    /// Largest probability of a hit's score in uniform random bases.
    pub p_value: f64,
    /// bp on both sides of a hit that are replaced with it.
    pub flank: usize,
    /// What takes the place of a motif.
    pub replacement: Replacement,
    /// Replacements of each stretch.
    pub replacements: usize,
    /// Sequences that are read and scored at once.
    pub batch: usize,
    /// Level of the intervals.
    pub level: f64,
    /// Seed of replacements and resamples.
    pub seed: u64,
}

/// The effect of ablating a motif on a task: over all hits, or of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ablation {
    /// Identifier of the motif.
    pub motif: String,
    /// Its name, if it has another.
    pub name: String,
    /// Task.
    pub task: String,
    /// Sequences with a hit.
    pub sequences: usize,
    /// Hits.
    pub hits: usize,
    /// Hits left out: the stretch has one arrangement only.
    pub without_shuffle: usize,
    /// Mean of `before - mean after` over hits: what the motif adds.
    pub effect: Option<f64>,
    /// Standard deviation over hits (ddof 1).
    pub sd: Option<f64>,
    /// Bootstrap interval of the mean over hits.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Standard deviation over members of their mean effects (ddof 1).
    pub member_sd: Option<f64>,
    /// Mean over hits of the standard deviation over replacements.
    pub replacement_sd: Option<f64>,
    /// Each hit.
    #[serde(skip)]
    pub each: Vec<HitEffect>,
}

/// The effect of ablating one hit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HitEffect {
    /// Sequence.
    pub id: String,
    /// First base of the hit in the element, 0-based.
    pub start: usize,
    /// Strand.
    pub strand: char,
    /// Log-odds score, natural logarithm.
    pub score: f64,
    /// Prediction of the sequence.
    pub before: f64,
    /// Mean prediction over replacements.
    pub after: f64,
    /// Standard deviation over replacements (ddof 1).
    pub sd: f64,
    /// `before - after` of each model.
    pub models: Vec<f64>,
}

/// Takes every hit of every motif out of every sequence of a reader.
///
/// # Errors
///
/// A motif wider than the element, fewer than two replacements, whatever a model fails with.
pub fn ablate(
    scorer: &mut Scorer,
    tasks: &[String],
    motifs: &[Motif],
    reader: &mut SequenceReader,
    options: &AblationOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Ablation>> {
    if options.replacements < 2 {
        return Err(ApplyError::Argument {
            name: "--replacements",
            problem: format!(
                "expected 2 or more, for a standard deviation over them, found {}",
                options.replacements
            ),
        });
    }
    let length = scorer.window().length();
    let scores: Vec<_> = motifs.iter().map(|m| m.log_odds(UNIFORM, 0.01)).collect();
    let thresholds: Vec<f64> = scores
        .iter()
        .map(|s| s.grid_threshold(options.p_value, UNIFORM))
        .collect::<std::result::Result<_, _>>()?;
    let scanner = Scanner::new(&scores);
    let mut all: Vec<Ablation> = motifs
        .iter()
        .flat_map(|motif| tasks.iter().map(|task| Ablation::empty(motif, task)))
        .collect();
    let mut done = 0;
    while let Some(batch) = reader.next_batch(options.batch.max(1))? {
        let rows = batch.codes.chunks(length).zip(&batch.elements);
        let elements: Vec<&[u8]> = rows
            .map(|(row, (start, size))| &row[*start..*start + *size])
            .collect();
        let before = scorer.predict(&batch.codes)?;
        let mut last: Vec<Option<usize>> = vec![None; motifs.len()];
        for hit in &scanner.hits(&elements, &thresholds) {
            let own = &mut all[hit.motif * tasks.len()..][..tasks.len()];
            if last[hit.motif].replace(hit.sequence) != Some(hit.sequence) {
                for total in own.iter_mut() {
                    total.sequences += 1;
                }
            }
            let edited = replacements(elements[hit.sequence], hit, &motifs[hit.motif], options)?;
            if edited.is_empty() {
                for total in own.iter_mut() {
                    total.without_shuffle += 1;
                }
                continue;
            }
            let (from, _) = batch.elements[hit.sequence];
            let mut whole = Vec::new();
            for element in &edited {
                let mut copy = batch.codes[hit.sequence * length..][..length].to_vec();
                copy[from..from + element.len()].copy_from_slice(element);
                whole.extend(copy);
            }
            let after = scorer.predict(&whole)?;
            let over = scorer.averaged();
            for (task, total) in own.iter_mut().enumerate() {
                let at = |row: usize| row * tasks.len() + task;
                let base = |m: usize| before.mean[m][at(hit.sequence)];
                let one = |m: usize, k: usize| after.mean[m][at(k)];
                let id = batch.ids[hit.sequence].clone();
                let effect =
                    HitEffect::of(id, hit, &over, after.mean.len(), edited.len(), &base, &one);
                total.each.push(effect);
            }
        }
        done += batch.ids.len();
        progress(done);
    }
    for total in &mut all {
        summarize(total, scorer.members(), options)?;
    }
    Ok(all)
}

impl Ablation {
    fn empty(motif: &Motif, task: &str) -> Self {
        Self {
            motif: motif.id.clone(),
            name: motif.name.clone(),
            task: task.to_owned(),
            ..Self::default()
        }
    }
}

impl HitEffect {
    /// From `base(model)`, the prediction of the sequence, and `one(model, replacement)`. The mean
    /// of the models `over` is the prediction.
    fn of(
        id: String,
        hit: &Hit,
        over: &[usize],
        models: usize,
        replacements: usize,
        base: &dyn Fn(usize) -> f64,
        one: &dyn Fn(usize, usize) -> f64,
    ) -> Self {
        let mean =
            |f: &dyn Fn(usize) -> f64| over.iter().map(|m| f(*m)).sum::<f64>() / over.len() as f64;
        let each: Vec<f64> = (0..replacements).map(|k| mean(&|m| one(m, k))).collect();
        let (after, sd) = mean_and_sd(&each);
        let models = (0..models).map(|m| {
            let sum: f64 = (0..replacements).map(|k| one(m, k)).sum();
            base(m) - sum / replacements as f64
        });
        Self {
            id,
            start: hit.start,
            strand: if hit.strand == Strand::Forward {
                '+'
            } else {
                '-'
            },
            score: hit.score,
            before: mean(base),
            after,
            sd: sd.unwrap_or(0.0),
            models: models.collect(),
        }
    }
}

/// Copies of an element with other bases where a hit is; none if the stretch has one arrangement
/// only.
fn replacements(
    element: &[u8],
    hit: &Hit,
    motif: &Motif,
    options: &AblationOptions,
) -> Result<Vec<Vec<u8>>> {
    let start = hit.start.saturating_sub(options.flank);
    let end = (hit.start + motif.width() + options.flank).min(element.len());
    let stretch = &element[start..end];
    // A function of the sequence, the motif and the place: not of the batch, the order or the other
    // motifs.
    let seed = Seed::root(options.seed)
        .child("ablation")
        .child(&motif.id)
        .child(hit.start.to_string());
    let gc = gc_content(element).unwrap_or(0.5);
    let mut all = Vec::with_capacity(options.replacements);
    let mut different = false;
    for k in 0..options.replacements {
        let mut draws = Draws::of_sequence(seed.bytes(), element, k as u64);
        let other = match options.replacement {
            Replacement::Dinucleotide => Shuffle::Dinucleotide.apply(stretch, &mut draws),
            Replacement::Mononucleotide => Shuffle::Mononucleotide.apply(stretch, &mut draws),
            Replacement::Random => random_sequence(stretch.len(), gc_composition(gc), &mut draws)?,
        };
        different |= other != stretch;
        all.push(substitute(element, start, &other)?);
    }
    Ok(if different { all } else { Vec::new() })
}

fn summarize(total: &mut Ablation, members: &[usize], options: &AblationOptions) -> Result<()> {
    total.hits = total.each.len() + total.without_shuffle;
    if total.each.is_empty() {
        return Ok(());
    }
    let effects: Vec<f64> = total.each.iter().map(|h| h.before - h.after).collect();
    let by_member: Vec<f64> = members
        .iter()
        .map(|m| total.each.iter().map(|h| h.models[*m]).sum::<f64>() / effects.len() as f64)
        .collect();
    let summary = Summary::of(&effects, &by_member, options.seed, options.level)?;
    total.effect = Some(summary.effect);
    total.sd = summary.sd;
    total.lower = summary.interval.map(|ci| ci.lower);
    total.upper = summary.interval.map(|ci| ci.upper);
    total.member_sd = summary.member_sd;
    let spread = total.each.iter().map(|h| h.sd).sum::<f64>() / effects.len() as f64;
    total.replacement_sd = Some(spread);
    Ok(())
}
