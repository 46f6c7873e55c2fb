//! What a motif does to backgrounds.

use degu_core::Seed;
use degu_genome::{
    Draws, Motif, Shuffle, centered_start, gc_composition, random_sequence, reverse_complement,
    substitute,
};
use serde::Serialize;

use super::interval;
use crate::{ApplyError, Result, Scorer, SequenceReader, scorer::mean_and_sd};

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
        return Err(ApplyError::Data {
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
    let members = scorer.members();
    let over: Vec<usize> = if members.len() > 1 {
        members.clone()
    } else {
        (0..before.mean.len()).collect()
    };
    let mut all = Vec::new();
    for (number, motif) in motifs.iter().enumerate() {
        let start = match options.start {
            Some(start) => start,
            None => centered_start(window.element(), motif.width())
                .map_err(|error| fits(motif, &error))?,
        };
        let orientations: &[char] = if options.both_orientations {
            &['+', '-']
        } else {
            &['+']
        };
        for orientation in orientations {
            let seed = Seed::root(options.seed).child("motif").child(&motif.id);
            let mut edited = Vec::with_capacity(backgrounds.len());
            for (k, background) in backgrounds.iter().enumerate() {
                let codes = if options.sample {
                    motif.sample(&mut Draws::stream(seed.bytes(), k as u64))
                } else {
                    consensus(motif)
                };
                let codes = if *orientation == '-' {
                    reverse_complement(&codes)
                } else {
                    codes
                };
                let placed = substitute(background, start, &codes);
                edited.push(placed.map_err(|error| fits(motif, &error))?);
            }
            let after = scorer.predict(&whole(&edited))?;
            for (task, name) in tasks.iter().enumerate() {
                let at = |values: &[f64], k: usize| values[k * tasks.len() + task];
                let each: Vec<(Vec<f64>, Vec<f64>)> = (0..backgrounds.len())
                    .map(|k| {
                        let of = |s: &crate::ModelScores| s.mean.iter().map(|m| at(m, k)).collect();
                        (of(&before), of(&after))
                    })
                    .collect();
                let mean = |values: &[f64]| {
                    over.iter().map(|m| values[*m]).sum::<f64>() / over.len() as f64
                };
                let effects: Vec<f64> = each.iter().map(|(b, a)| mean(a) - mean(b)).collect();
                let (effect, sd) = mean_and_sd(&effects);
                let ci = interval(&effects, options.seed, options.level)?;
                let by_member: Vec<f64> = members
                    .iter()
                    .map(|m| {
                        each.iter().map(|(b, a)| a[*m] - b[*m]).sum::<f64>() / each.len() as f64
                    })
                    .collect();
                let n = each.len() as f64;
                all.push(Marginal {
                    motif: motif.id.clone(),
                    name: motif.name.clone(),
                    orientation: *orientation,
                    task: name.clone(),
                    backgrounds: each.len(),
                    before: each.iter().map(|(b, _)| mean(b)).sum::<f64>() / n,
                    after: each.iter().map(|(_, a)| mean(a)).sum::<f64>() / n,
                    effect,
                    sd,
                    lower: ci.map(|c| c.lower),
                    upper: ci.map(|c| c.upper),
                    member_sd: if by_member.len() > 1 {
                        mean_and_sd(&by_member).1
                    } else {
                        None
                    },
                    each,
                });
            }
        }
        progress(number + 1);
    }
    Ok(all)
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
