//! What sequences lose without their motifs.

use degu_core::Seed;
use degu_genome::{
    Draws, Hit, Motif, Scanner, Shuffle, UNIFORM, gc_composition, gc_content, random_sequence,
    substitute,
};
use serde::Serialize;

use super::interval;
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
                "expected 2 or more, so that the spread over them is known, found {}",
                options.replacements
            ),
        });
    }
    let window = scorer.window().clone();
    let scores: Vec<_> = motifs.iter().map(|m| m.log_odds(UNIFORM, 0.01)).collect();
    let thresholds: Vec<f64> = scores
        .iter()
        .map(|s| s.grid_threshold(options.p_value, UNIFORM))
        .collect::<std::result::Result<_, _>>()?;
    let scanner = Scanner::new(&scores);
    let mut all: Vec<Ablation> = motifs
        .iter()
        .flat_map(|motif| {
            tasks.iter().map(|task| Ablation {
                motif: motif.id.clone(),
                name: motif.name.clone(),
                task: task.clone(),
                ..Ablation::default()
            })
        })
        .collect();
    let members = scorer.members();
    let mut done = 0;
    while let Some(batch) = reader.next_batch(options.batch.max(1))? {
        let length = window.length();
        let elements: Vec<&[u8]> = batch
            .codes
            .chunks(length)
            .zip(&batch.elements)
            .map(|(row, (start, size))| &row[*start..*start + *size])
            .collect();
        let before = scorer.predict(&batch.codes)?;
        let hits = scanner.hits(&elements, &thresholds);
        let mut seen: Vec<Vec<usize>> = vec![Vec::new(); motifs.len()];
        for hit in &hits {
            if seen[hit.motif].last() != Some(&hit.sequence) {
                seen[hit.motif].push(hit.sequence);
            }
            let mut whole = Vec::new();
            let (from, _) = batch.elements[hit.sequence];
            let row = &batch.codes[hit.sequence * length..(hit.sequence + 1) * length];
            let edited = replacements(elements[hit.sequence], hit, &motifs[hit.motif], options)?;
            for element in &edited {
                let mut copy = row.to_vec();
                copy[from..from + element.len()].copy_from_slice(element);
                whole.extend(copy);
            }
            let after = if edited.is_empty() {
                None
            } else {
                Some(scorer.predict(&whole)?)
            };
            for task in 0..tasks.len() {
                let total = &mut all[hit.motif * tasks.len() + task];
                let Some(after) = &after else {
                    total.without_shuffle += 1;
                    continue;
                };
                let over: Vec<usize> = if members.len() > 1 {
                    members.clone()
                } else {
                    (0..after.mean.len()).collect()
                };
                let base = |m: usize| before.mean[m][hit.sequence * tasks.len() + task];
                let one = |m: usize, k: usize| after.mean[m][k * tasks.len() + task];
                let mean = |f: &dyn Fn(usize) -> f64| {
                    over.iter().map(|m| f(*m)).sum::<f64>() / over.len() as f64
                };
                let each: Vec<f64> = (0..edited.len()).map(|k| mean(&|m| one(m, k))).collect();
                let (mean_after, sd) = mean_and_sd(&each);
                let models = (0..after.mean.len()).map(|m| {
                    let sum: f64 = (0..edited.len()).map(|k| one(m, k)).sum();
                    base(m) - sum / edited.len() as f64
                });
                total.each.push(HitEffect {
                    id: batch.ids[hit.sequence].clone(),
                    start: hit.start,
                    strand: if hit.strand == degu_genome::Strand::Forward {
                        '+'
                    } else {
                        '-'
                    },
                    score: hit.score,
                    before: mean(&base),
                    after: mean_after,
                    sd: sd.unwrap_or(0.0),
                    models: models.collect(),
                });
            }
        }
        for (motif, sequences) in seen.iter().enumerate() {
            for task in 0..tasks.len() {
                all[motif * tasks.len() + task].sequences += sequences.len();
            }
        }
        done += batch.ids.len();
        progress(done);
    }
    for total in &mut all {
        summarize(total, &members, options)?;
    }
    Ok(all)
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
    let (effect, sd) = mean_and_sd(&effects);
    let ci = interval(&effects, options.seed, options.level)?;
    let by_member: Vec<f64> = members
        .iter()
        .map(|m| total.each.iter().map(|h| h.models[*m]).sum::<f64>() / effects.len() as f64)
        .collect();
    total.effect = Some(effect);
    total.sd = sd;
    total.lower = ci.map(|c| c.lower);
    total.upper = ci.map(|c| c.upper);
    total.member_sd = if by_member.len() > 1 {
        mean_and_sd(&by_member).1
    } else {
        None
    };
    let spread = total.each.iter().map(|h| h.sd).sum::<f64>() / effects.len() as f64;
    total.replacement_sd = Some(spread);
    Ok(())
}
