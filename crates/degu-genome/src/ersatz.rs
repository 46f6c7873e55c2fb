//! Edits of sequences: insert, substitute, delete, mutate, and random backgrounds.

use crate::alphabet::N;
use crate::draws::Draws;
use crate::error::{GenomeError, Result};

/// Start that centres a motif of width `width` in a sequence: `L/2 - width/2`, integer divisions.
///
/// # Errors
///
/// [`GenomeError::Argument`] if the motif is wider than the sequence.
pub fn centered_start(length: usize, width: usize) -> Result<usize> {
    if width > length {
        return Err(GenomeError::argument(
            "motif",
            "a motif that is not wider than the sequence",
            format_args!("width {width}, sequence of {length}"),
        ));
    }
    Ok((length / 2).saturating_sub(width / 2).min(length - width))
}

/// Inserts `motif` before position `start`: the result is longer by its width.
///
/// # Errors
///
/// [`GenomeError::OutOfRange`] if `start` is beyond the end.
pub fn insert(codes: &[u8], start: usize, motif: &[u8]) -> Result<Vec<u8>> {
    check(codes, start, start)?;
    Ok([&codes[..start], motif, &codes[start..]].concat())
}

/// Writes `motif` over the bases from `start`; N in the motif keeps the base below.
///
/// # Errors
///
/// [`GenomeError::OutOfRange`] if the motif does not fit.
///
/// # Examples
///
/// ```
/// use degu_genome::{decode, encode, substitute};
/// let edited = substitute(&encode(b"AAAAAA")?.codes, 1, &encode(b"TNT")?.codes)?;
/// assert_eq!(decode(&edited), "ATATAA");
/// # Ok::<(), degu_genome::GenomeError>(())
/// ```
pub fn substitute(codes: &[u8], start: usize, motif: &[u8]) -> Result<Vec<u8>> {
    check(codes, start, start + motif.len())?;
    let mut edited = codes.to_vec();
    for (base, new) in edited[start..].iter_mut().zip(motif) {
        if *new < N {
            *base = *new;
        }
    }
    Ok(edited)
}

/// Removes `[start, end)`: the result is shorter.
///
/// # Errors
///
/// [`GenomeError::OutOfRange`].
pub fn delete(codes: &[u8], start: usize, end: usize) -> Result<Vec<u8>> {
    check(codes, start, end)?;
    Ok([&codes[..start], &codes[end..]].concat())
}

/// Writes motifs from left to right with given gaps between them.
///
/// With `start = None` the whole arrangement is centred: `L/2 - (widths and gaps)/2`.
///
/// # Errors
///
/// [`GenomeError::Argument`] unless there is one gap fewer than motifs, or if it does not fit.
pub fn space(
    codes: &[u8],
    motifs: &[&[u8]],
    gaps: &[usize],
    start: Option<usize>,
) -> Result<Vec<u8>> {
    if gaps.len() + 1 != motifs.len() {
        return Err(GenomeError::argument(
            "gaps",
            "one gap fewer than motifs",
            format_args!("{} gaps for {} motifs", gaps.len(), motifs.len()),
        ));
    }
    let width = motifs.iter().map(|motif| motif.len()).sum::<usize>() + gaps.iter().sum::<usize>();
    let mut at = match start {
        Some(start) => start,
        None => centered_start(codes.len(), width)?,
    };
    let mut edited = codes.to_vec();
    for (i, motif) in motifs.iter().enumerate() {
        edited = substitute(&edited, at, motif)?;
        at += motif.len() + gaps.get(i).copied().unwrap_or(0);
    }
    Ok(edited)
}

/// Changes exactly `count` different positions to another base, positions and bases uniform.
///
/// N is not changed, and not counted as a position.
///
/// # Errors
///
/// [`GenomeError::Argument`] if there are fewer than `count` known bases.
pub fn mutate(codes: &[u8], count: usize, draws: &mut Draws) -> Result<Vec<u8>> {
    let mut positions: Vec<usize> = (0..codes.len()).filter(|at| codes[*at] < N).collect();
    if count > positions.len() {
        return Err(GenomeError::argument(
            "mutations",
            "at most as many as there are known bases",
            format_args!("{count} for {} bases", positions.len()),
        ));
    }
    let mut edited = codes.to_vec();
    for i in 0..count {
        let chosen = i + draws.below(positions.len() - i);
        positions.swap(i, chosen);
        substitute_other(&mut edited[positions[i]], draws);
    }
    Ok(edited)
}

fn substitute_other(base: &mut u8, draws: &mut Draws) {
    *base = (*base + 1 + draws.below(3) as u8) % 4;
}

/// Independent bases with the given probabilities of A, C, G and T.
///
/// # Errors
///
/// [`GenomeError::Argument`] unless the probabilities are at least 0 and sum to 1 (within 1e-6).
pub fn random_sequence(length: usize, composition: [f64; 4], draws: &mut Draws) -> Result<Vec<u8>> {
    let total: f64 = composition.iter().sum();
    if composition
        .iter()
        .any(|share| *share < 0.0 || share.is_nan())
        || (total - 1.0).abs() > 1e-6
    {
        return Err(GenomeError::argument(
            "composition",
            "probabilities of A, C, G and T that sum to 1",
            format_args!("{composition:?}"),
        ));
    }
    Ok((0..length).map(|_| draw_base(composition, draws)).collect())
}

/// One base by inverse CDF in the order A, C, G, T; the probabilities sum to 1.
pub(crate) fn draw_base(probabilities: [f64; 4], draws: &mut Draws) -> u8 {
    let value = draws.unit();
    let mut sum = 0.0;
    for (code, probability) in probabilities.iter().enumerate() {
        sum += probability;
        if value < sum {
            return code as u8;
        }
    }
    // Rounding may leave the sum a little below 1: the last base that can occur.
    probabilities
        .iter()
        .rposition(|probability| *probability > 0.0)
        .unwrap_or(3) as u8
}

/// Composition with a given share of G and C, equal within each pair.
pub fn gc_composition(gc: f64) -> [f64; 4] {
    [(1.0 - gc) / 2.0, gc / 2.0, gc / 2.0, (1.0 - gc) / 2.0]
}

fn check(codes: &[u8], start: usize, end: usize) -> Result<()> {
    if start <= end && end <= codes.len() {
        return Ok(());
    }
    Err(GenomeError::OutOfRange {
        name: "sequence".to_owned(),
        start: start as u64,
        end: end as u64,
        length: codes.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::{decode, encode, gc_content};

    fn codes(text: &str) -> Vec<u8> {
        encode(text.as_bytes()).unwrap().codes
    }

    #[test]
    fn edits_do_what_their_names_say() {
        let s = codes("AACCGGTT");
        assert_eq!(decode(&insert(&s, 2, &codes("TT")).unwrap()), "AATTCCGGTT");
        assert_eq!(decode(&insert(&s, 8, &codes("A")).unwrap()), "AACCGGTTA");
        assert_eq!(
            decode(&substitute(&s, 6, &codes("NA")).unwrap()),
            "AACCGGTA"
        );
        assert_eq!(decode(&delete(&s, 2, 6).unwrap()), "AATT");
        assert!(insert(&s, 9, &[]).is_err());
        assert!(substitute(&s, 7, &codes("AC")).is_err());
        assert!(delete(&s, 4, 3).is_err());
    }

    #[test]
    fn motifs_are_centred_and_spaced() {
        assert_eq!(centered_start(200, 7).unwrap(), 97);
        assert_eq!(centered_start(5, 5).unwrap(), 0);
        assert!(centered_start(5, 6).is_err());
        let s = codes("AAAAAAAAAA");
        let spaced = space(&s, &[&codes("CC"), &codes("GG")], &[2], None).unwrap();
        assert_eq!(decode(&spaced), "AACCAAGGAA");
        assert!(space(&s, &[&codes("CC"), &codes("GG")], &[7], None).is_err());
        assert!(space(&s, &[&codes("CC")], &[1], None).is_err());
    }

    #[test]
    fn mutations_change_what_they_say() {
        let mut draws = Draws::new([4; 32]);
        let s = codes("ACGTNNACGTACGT");
        for count in 0..=12 {
            let edited = mutate(&s, count, &mut draws).unwrap();
            assert_eq!(edited.iter().zip(&s).filter(|(a, b)| a != b).count(), count);
            assert_eq!(edited[4..6], [N, N]);
        }
        assert!(mutate(&s, 13, &mut draws).is_err());
    }

    #[test]
    fn compositions_are_met() {
        let mut draws = Draws::new([8; 32]);
        let s = random_sequence(50_000, gc_composition(0.6), &mut draws).unwrap();
        let gc = gc_content(&s).unwrap();
        assert!((gc - 0.6).abs() < 0.011, "{gc}"); // 5 sd
        let only_c = random_sequence(100, [0.0, 1.0, 0.0, 0.0], &mut draws).unwrap();
        assert!(only_c.iter().all(|base| *base == 1));
        assert!(random_sequence(3, [0.5, 0.1, 0.1, 0.1], &mut draws).is_err());
    }
}
