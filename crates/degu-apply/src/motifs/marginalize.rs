//! What a motif does to backgrounds.

use degu_core::Seed;
use degu_genome::{
    Draws, Motif, Shuffle, centered_start, gc_composition, random_sequence, reverse_complement,
    substitute,
};
use serde::Serialize;

use super::Summary;
use crate::{ApplyError, ModelScores, Result, Scorer, SequenceReader};

/// Sequences that motifs are put into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Background {
    /// Uniform dinucleotide shuffles of given sequences.
    Shuffles,
    /// The given sequences as they are.
    Sequences,
    /// Independent bases of this GC content.
    Random(f64),
}

/// How motifs are marginalized.
#[derive(Debug, Clone, PartialEq)]
pub struct MarginalOptions {
    /// First base of the motif in the element; centred if absent.
    pub start: Option<usize>,
    /// The motif's other strand as well.
    pub both_orientations: bool,
    /// Put draws from the motif instead of its consensus, one for each background.
    pub sample: bool,
    /// Level of the intervals.
    pub level: f64,
    /// Seed of backgrounds, draws and resamples.
    pub seed: u64,
}

/// The effect of a motif on a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Marginal {
    /// Identifier of the motif.
    pub motif: String,
    /// Its name, if it has another.
    pub name: String,
    /// Strand that was put in.
    pub orientation: char,
    /// Task.
    pub task: String,
    /// Backgrounds.
    pub backgrounds: usize,
    /// Mean prediction of the backgrounds.
    pub before: f64,
    /// Mean prediction with the motif.
    pub after: f64,
    /// Mean of `after - before`.
    pub effect: f64,
    /// Standard deviation of the effect over backgrounds (ddof 1).
    pub sd: Option<f64>,
    /// Bootstrap interval of the mean over backgrounds.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Standard deviation over members of their mean effects (ddof 1).
    pub member_sd: Option<f64>,
    /// Predictions of each background: before and after, of each model.
    #[serde(skip)]
    pub each: Vec<(Vec<f64>, Vec<f64>)>,
}

/// `count` background elements. Sequences are taken from `reader` in order, again from the start
/// (with another shuffle each) if there are fewer than backgrounds.
///
/// # Errors
///
/// No sequences where they are needed, or fewer than backgrounds where they are taken as they are.
pub fn backgrounds(
    kind: Background,
    count: usize,
    reader: Option<&mut SequenceReader>,
    element: usize,
    seed: u64,
) -> Result<Vec<Vec<u8>>> {
    let root = Seed::root(seed).child("backgrounds");
    if let Background::Random(gc) = kind {
        if !(0.0..=1.0).contains(&gc) {
            return Err(ApplyError::Argument {
                name: "--gc",
                problem: format!("expected a share from 0 to 1, found {gc}"),
            });
        }
        return (0..count)
            .map(|k| {
                let mut draws = Draws::stream(root.bytes(), k as u64);
                Ok(random_sequence(element, gc_composition(gc), &mut draws)?)
            })
            .collect();
    }
    let Some(reader) = reader else {
        return Err(ApplyError::Argument {
            name: "--background",
            problem: "expected sequences to make backgrounds of: `--fasta` or `--table`, or `--background random`".to_owned(),
        });
    };
    let mut given = Vec::new();
    while given.len() < count
        && let Some(batch) = reader.next_batch(count - given.len())?
    {
        let length = reader.window().length();
        let (start, size) = (reader.window().left(), reader.window().element());
        let rows = batch.codes.chunks(length);
        given.extend(rows.map(|row| row[start..start + size].to_vec()));
    }
    let enough = if kind == Background::Sequences {
        count
    } else {
        1
    };
    if given.len() < enough {
        return Err(ApplyError::File {
            path: reader.path().to_owned(),
            problem: format!(
                "expected {enough} sequences for the backgrounds, found {}",
                given.len()
            ),
        });
    }
    if kind == Background::Sequences {
        return Ok(given);
    }
    Ok((0..count)
        .map(|k| {
            let codes = &given[k % given.len()];
            let mut draws = Draws::of_sequence(root.bytes(), codes, (k / given.len()) as u64);
            Shuffle::Dinucleotide.apply(codes, &mut draws)
        })
        .collect())
}

/// Effects of motifs in backgrounds, by motif, orientation and task.
///
/// # Errors
///
/// A motif that does not fit, whatever a model fails with.
pub fn marginalize(
    scorer: &mut Scorer,
    tasks: &[String],
    motifs: &[Motif],
    backgrounds: &[Vec<u8>],
    options: &MarginalOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Marginal>> {
    let window = scorer.window().clone();
    let whole = |elements: &[Vec<u8>]| {
        let mut codes = Vec::new();
        for element in elements {
            // Backgrounds have the element's length by construction.
            let _ = window.place(element, &mut codes);
        }
        codes
    };
    let before = scorer.predict(&whole(backgrounds))?;
    let orientations: &[char] = if options.both_orientations {
        &['+', '-']
    } else {
        &['+']
    };
    let mut all = Vec::new();
    for (number, motif) in motifs.iter().enumerate() {
        for orientation in orientations {
            let edited = with_motif(motif, *orientation, backgrounds, window.element(), options)?;
            let after = scorer.predict(&whole(&edited))?;
            for (task, name) in tasks.iter().enumerate() {
                let of = |scores: &ModelScores, k: usize| {
                    let at = |model: &Vec<f64>| model[k * tasks.len() + task];
                    scores.mean.iter().map(at).collect()
                };
                let each = (0..backgrounds.len()).map(|k| (of(&before, k), of(&after, k)));
                let mut marginal = Marginal {
                    motif: motif.id.clone(),
                    name: motif.name.clone(),
                    orientation: *orientation,
                    task: name.clone(),
                    backgrounds: backgrounds.len(),
                    each: each.collect(),
                    ..Marginal::default()
                };
                marginal.summarize(&scorer.averaged(), scorer.members(), options)?;
                all.push(marginal);
            }
        }
        progress(number + 1);
    }
    Ok(all)
}

/// Each background with a motif in it.
fn with_motif(
    motif: &Motif,
    orientation: char,
    backgrounds: &[Vec<u8>],
    element: usize,
    options: &MarginalOptions,
) -> Result<Vec<Vec<u8>>> {
    let start = match options.start {
        Some(start) => start,
        None => centered_start(element, motif.width()).map_err(|error| fits(motif, &error))?,
    };
    let seed = Seed::root(options.seed).child("motif").child(&motif.id);
    let edited = backgrounds.iter().enumerate().map(|(k, background)| {
        let mut codes = if options.sample {
            motif.sample(&mut Draws::stream(seed.bytes(), k as u64))
        } else {
            consensus(motif)
        };
        if orientation == '-' {
            codes = reverse_complement(&codes);
        }
        substitute(background, start, &codes).map_err(|error| fits(motif, &error))
    });
    edited.collect()
}

impl Marginal {
    /// Fills in what follows from `each`; the mean of the models `over` is the prediction.
    fn summarize(
        &mut self,
        over: &[usize],
        members: &[usize],
        options: &MarginalOptions,
    ) -> Result<()> {
        let n = self.each.len() as f64;
        let mean =
            |values: &[f64]| over.iter().map(|m| values[*m]).sum::<f64>() / over.len() as f64;
        let effects: Vec<f64> = self.each.iter().map(|(b, a)| mean(a) - mean(b)).collect();
        let by_member: Vec<f64> = members
            .iter()
            .map(|m| self.each.iter().map(|(b, a)| a[*m] - b[*m]).sum::<f64>() / n)
            .collect();
        let summary = Summary::of(&effects, &by_member, options.seed, options.level)?;
        self.before = self.each.iter().map(|(b, _)| mean(b)).sum::<f64>() / n;
        self.after = self.each.iter().map(|(_, a)| mean(a)).sum::<f64>() / n;
        self.effect = summary.effect;
        self.sd = summary.sd;
        self.lower = summary.interval.map(|ci| ci.lower);
        self.upper = summary.interval.map(|ci| ci.upper);
        self.member_sd = summary.member_sd;
        Ok(())
    }
}

/// The most probable bases, N where all four are equally likely: an N keeps the background.
fn consensus(motif: &Motif) -> Vec<u8> {
    let mut codes = motif.consensus();
    for (code, row) in codes.iter_mut().zip(&motif.probabilities) {
        if row.iter().all(|p| (p - row[0]).abs() < 1e-9) {
            *code = degu_genome::N;
        }
    }
    codes
}

fn fits(motif: &Motif, error: &degu_genome::GenomeError) -> ApplyError {
    ApplyError::Argument {
        name: "--motif",
        problem: format!("`{}` of {} bp: {error}", motif.id, motif.width()),
    }
}
