//! The operations on the codes of one sequence.

use degu_genome::{Draws, N, reverse_complement_in_place};

fn between([least, most]: [usize; 2], draws: &mut Draws) -> usize {
    least + draws.below(most - least + 1)
}

fn random_bases(count: usize, draws: &mut Draws) -> impl Iterator<Item = u8> + use<'_> {
    (0..count).map(|_| draws.below(4) as u8)
}

pub(crate) fn delete(row: &mut [u8], range: [usize; 2], draws: &mut Draws) {
    let count = between(range, draws);
    let start = draws.below(row.len() - range[1] + 1);
    let left = count / 2;
    // What stands before the segment moves right, what stands behind it moves left.
    row.copy_within(..start, left);
    row.copy_within(start + count.., start + left);
    let kept = row.len() - count + left;
    for (base, new) in row[..left].iter_mut().zip(random_bases(left, draws)) {
        *base = new;
    }
    for (base, new) in row[kept..]
        .iter_mut()
        .zip(random_bases(count - left, draws))
    {
        *base = new;
    }
}

pub(crate) fn insert(row: &mut [u8], range: [usize; 2], draws: &mut Draws) {
    let count = between(range, draws);
    let start = draws.below(row.len());
    let mut longer = row[..start].to_vec();
    longer.extend(random_bases(count, draws));
    longer.extend_from_slice(&row[start..]);
    let left = count / 2;
    row.copy_from_slice(&longer[left..left + row.len()]);
}

pub(crate) fn translocate(row: &mut [u8], range: [usize; 2], draws: &mut Draws) {
    let shift = between(range, draws) % row.len();
    if draws.below(2) == 1 {
        row.rotate_right(shift);
    } else {
        row.rotate_left(shift);
    }
}

pub(crate) fn invert(row: &mut [u8], range: [usize; 2], draws: &mut Draws) {
    let count = between(range, draws);
    let start = draws.below(row.len() - range[1] + 1);
    reverse_complement_in_place(&mut row[start..start + count]);
}

pub(crate) fn mutate(row: &mut [u8], rate: f64, draws: &mut Draws) {
    let count = (rate / 0.75 * row.len() as f64).round_ties_even() as usize;
    let count = count.min(row.len());
    let mut positions: Vec<usize> = (0..row.len()).collect();
    for i in 0..count {
        let chosen = i + draws.below(positions.len() - i);
        positions.swap(i, chosen);
        let base = draws.below(4) as u8;
        let at = positions[i];
        if row[at] < N {
            row[at] = base;
        }
    }
}

pub(crate) fn reverse_complement_with(row: &mut [u8], probability: f64, draws: &mut Draws) {
    if draws.unit() < probability {
        reverse_complement_in_place(row);
    }
}

/// Adds N(0, std) to the four channels of every known base, `[L, 4]`.
pub(crate) fn add_noise(codes: &[u8], noise: &mut [f32], std: f64, draws: &mut Draws) {
    for (code, channels) in codes.iter().zip(noise.chunks_exact_mut(4)) {
        let values = [normals(draws), normals(draws)];
        if *code < N {
            for (channel, value) in channels.iter_mut().zip(values.as_flattened()) {
                *channel += (std * value) as f32;
            }
        }
    }
}

/// Two standard normal numbers by the method of Box and Muller.
fn normals(draws: &mut Draws) -> [f64; 2] {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - draws.unit()));
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * draws.unit());
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;
    use degu_core::Seed;
    use degu_genome::reverse_complement;

    fn draws(i: u64) -> Draws {
        Draws::new(Seed::root(i).bytes())
    }

    /// 60 bp without a period.
    fn sequence() -> Vec<u8> {
        let mut stream = draws(99);
        (0..60).map(|_| stream.below(4) as u8).collect()
    }

    #[test]
    fn deletion_removes_one_segment_and_fills_both_ends() {
        let x = sequence();
        let mut lengths = std::collections::BTreeSet::new();
        for i in 0..400 {
            let mut row = x.clone();
            delete(&mut row, [3, 9], &mut draws(i));
            let mut replay = draws(i);
            let count = between([3, 9], &mut replay);
            let start = replay.below(60 - 9 + 1);
            lengths.insert(count);
            let left = count / 2;
            assert_eq!(row[left..left + start], x[..start]);
            assert_eq!(row[left + start..60 - (count - left)], x[start + count..]);
            assert!(row.iter().all(|code| *code < 4));
        }
        assert_eq!(lengths, (3..=9).collect());
    }

    #[test]
    fn insertion_keeps_the_length() {
        let x = sequence();
        for i in 0..400 {
            let mut row = x.clone();
            insert(&mut row, [0, 20], &mut draws(i));
            let mut replay = draws(i);
            let count = between([0, 20], &mut replay);
            let start = replay.below(60);
            let left = count / 2;
            if start > left {
                assert_eq!(row[..start - left], x[left..start]);
            }
            let behind = start + count - left;
            if behind < 60 {
                assert_eq!(row[behind..], x[start..start + 60 - behind]);
            }
        }
    }

    #[test]
    fn translocation_reaches_both_ends_of_its_range() {
        let x = sequence();
        let mut shifts = std::collections::BTreeSet::new();
        for i in 0..400 {
            let mut row = x.clone();
            translocate(&mut row, [2, 5], &mut draws(i));
            let shift = (0..60)
                .find(|s| {
                    let mut rolled = x.clone();
                    rolled.rotate_right(*s);
                    rolled == row
                })
                .unwrap();
            shifts.insert(shift);
        }
        assert_eq!(shifts, [2, 3, 4, 5, 55, 56, 57, 58].into());
    }

    #[test]
    fn inversion_mutation_and_reverse_complement() {
        let x = sequence();
        let mut row = x.clone();
        invert(&mut row, [60, 60], &mut draws(1));
        assert_eq!(row, reverse_complement(&x));
        reverse_complement_with(&mut row, 1.0, &mut draws(1));
        assert_eq!(row, x);
        reverse_complement_with(&mut row, 0.0, &mut draws(1));
        assert_eq!(row, x);
        // round(0.05 / 0.75 * 60) = 4 positions, a quarter of them silent: 3 changes on average.
        let mut changes = 0;
        for i in 0..1000 {
            let mut row = x.clone();
            mutate(&mut row, 0.05, &mut draws(i));
            let changed = row.iter().zip(&x).filter(|(a, b)| a != b).count();
            assert!(changed <= 4);
            changes += changed;
        }
        // Binomial(4000, 3/4): sd 27.
        assert!((3000 - changes as i64).abs() < 120, "{changes}");
        let mut unknown = vec![N; 60];
        mutate(&mut unknown, 0.75, &mut draws(1));
        assert_eq!(unknown, [N; 60]);
    }

    #[test]
    fn noise_has_its_standard_deviation_and_spares_n() {
        let mut codes = vec![0; 5000];
        codes[7] = N;
        let mut noise = vec![0.0; 20_000];
        add_noise(&codes, &mut noise, 0.2, &mut draws(5));
        assert_eq!(noise[28..32], [0.0; 4]);
        let n = noise.len() as f64;
        let mean = noise.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let var = noise.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / n;
        // Standard errors 0.0014 and 0.0004.
        assert!(
            mean.abs() < 0.007 && (var - 0.04).abs() < 0.002,
            "{mean} {var}"
        );
    }
}
