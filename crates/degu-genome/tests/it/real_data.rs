//! The data sets handed beside the project.

use std::collections::BTreeMap;

use degu_genome::{
    Bases as _, BedKind, CutCounts, FragmentReader, Genome, Interval, IntervalSet, MemeFile,
    NearDuplicates, Scanner, SequenceSummary, Strand, TableReader, UNIFORM, centered_window,
    read_bed, replicate_agreement, reverse_complement, split_groups,
};

use crate::shared;

struct Joint {
    codes: Vec<Vec<u8>>,
    clusters: Vec<u32>,
    parts: Vec<String>,
}

fn joint() -> Option<Joint> {
    let mut table = TableReader::open(shared("data/agarwal_joint.tsv.gz")?).unwrap();
    let sequence = table.column("sequence").unwrap();
    let activity = table.column("HepG2").unwrap();
    let cluster = table.column("cluster").unwrap();
    let split = table.column("split").unwrap();
    let mut joint = Joint {
        codes: Vec::new(),
        clusters: Vec::new(),
        parts: Vec::new(),
    };
    while let Some(row) = table.next_row().unwrap() {
        joint.codes.push(row.codes(&sequence).unwrap().codes);
        assert!(row.number(&activity).unwrap().is_some());
        joint.clusters.push(row.integer(&cluster).unwrap());
        joint.parts.push(row.text(&split).unwrap().to_owned());
    }
    Some(joint)
}

#[test]
fn the_joint_library_loads_and_its_split_does_not_leak() {
    let Some(joint) = joint() else { return };
    assert_eq!(joint.codes.len(), 56_975);
    assert!(joint.codes.iter().all(|codes| codes.len() == 200));
    let of = |name: &str| -> Vec<&[u8]> {
        joint
            .codes
            .iter()
            .zip(&joint.parts)
            .filter(|(_, part)| *part == name)
            .map(|(codes, _)| codes.as_slice())
            .collect()
    };
    let (train, test) = (of("train"), of("test"));
    assert_eq!((train.len(), test.len()), (45_695, 5_716));
    let method = NearDuplicates::default();
    let leakage = method.leakage(&train, &test);
    assert!(leakage.exact.is_empty() && leakage.reverse_complement.is_empty());
    // The table was clustered with another sample of 16-mers: borderline pairs differ.
    assert!(leakage.total() < test.len() / 50, "{}", leakage.total());

    let clusters = method.clusters(&joint.codes);
    // The clusters of the table come from another sample of 16-mers. Both find the same families of
    // repeats; single linkage joins more or less of their fringes.
    let count = clusters.iter().max().unwrap() + 1;
    assert!(count.abs_diff(53_253) < 53_253 / 50, "{count} clusters");
    let theirs = pairs(joint.clusters.iter().copied());
    let both = pairs(clusters.iter().copied().zip(joint.clusters.iter().copied()));
    assert!(
        both as f64 > 0.75 * theirs as f64,
        "{both} of {theirs} pairs"
    );

    let parts = split_groups(&clusters, &[0.8, 0.1, 0.1], [1; 32]).unwrap();
    let part = |wanted: usize| -> Vec<&[u8]> {
        joint
            .codes
            .iter()
            .zip(&parts)
            .filter(|(_, part)| **part == wanted)
            .map(|(codes, _)| codes.as_slice())
            .collect()
    };
    assert_eq!(method.leakage(&part(0), &part(2)).total(), 0);
}

/// Pairs of rows with equal labels.
fn pairs<T: Ord>(labels: impl Iterator<Item = T>) -> u64 {
    let mut counts: BTreeMap<T, u64> = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    counts.values().map(|n| n * (n - 1) / 2).sum()
}

#[test]
fn replicate_tables_have_missing_values() {
    let Some(path) = shared("data/plant_terminators.tsv.gz") else {
        return;
    };
    let mut table = TableReader::open(path).unwrap();
    let replicates = ["tobacco_rep1", "tobacco_rep2"].map(|name| table.column(name).unwrap());
    let mut counts = [0; 3];
    let mut values = [Vec::new(), Vec::new()];
    while let Some(row) = table.next_row().unwrap() {
        let present = replicates
            .iter()
            .filter(|column| row.number(column).unwrap().is_some())
            .count();
        counts[present] += 1;
        for (values, column) in values.iter_mut().zip(&replicates) {
            values.push(row.number(column).unwrap().unwrap_or(f64::NAN));
        }
    }
    assert_eq!(counts, [0, 463 + 1597, 51_434]);
    let agreement = replicate_agreement(&values)[0];
    assert_eq!(agreement.rows, 51_434);
    assert!((agreement.pearson - 0.918).abs() < 5e-4, "{agreement:?}");
}

#[test]
fn yeast_cuts_and_peaks() {
    let (Some(fasta), Some(fragments), Some(peaks)) = (
        shared("data/yeast_atac/sacCer3_nuclear.fa.gz"),
        shared("data/yeast_atac/yeast_500k_SRR1822137.bedpe.gz"),
        shared("data/yeast_atac/hmmratac_yeast500k.narrowPeak"),
    ) else {
        return;
    };
    let genome = Genome::open(fasta).unwrap();
    assert_eq!(
        (
            genome.names().len(),
            genome
                .chromosomes()
                .iter()
                .map(|(_, length)| length)
                .sum::<u64>()
        ),
        (16, 12_071_326)
    );
    let none = IntervalSet::default();
    let rdna = IntervalSet::new([Interval::new("chrXII", 440_000, 500_000)]);
    let read = |blacklist: &IntervalSet| {
        let mut reader = FragmentReader::open(&fragments).unwrap();
        CutCounts::read(&mut reader, &genome, blacklist).unwrap()
    };
    let all = read(&none);
    assert_eq!(all.report().fragments, 467_908);
    assert_eq!(all.report().kept, 902_064);
    let kept = read(&rdna);
    assert_eq!(kept.report().kept + kept.report().blacklisted, 902_064);
    assert!(kept.report().blacklisted > 0);

    let peaks = read_bed(peaks, BedKind::NarrowPeak).unwrap();
    let nuclear = peaks
        .iter()
        .filter(|peak| genome.chromosome(&peak.interval.chromosome).is_ok());
    // 46 of the 1,605 peaks lie on chrM, which has no sequence.
    assert_eq!((peaks.len(), nuclear.count()), (1_605, 1_559));
    let mut depths: Vec<u32> = peaks
        .iter()
        .filter_map(|peak| {
            let chromosome = &peak.interval.chromosome;
            let length = genome.chromosome(chromosome).ok()?.len() as u64;
            let (start, end) = centered_window(peak.center(), 1000, length)?;
            let cuts = all.window(chromosome, start, end)?;
            Some(cuts.iter().map(|count| u32::from(*count)).sum())
        })
        .collect();
    depths.sort_unstable();
    let median = depths[depths.len() / 2];
    // The README states a median of 176 cuts in 1-kb windows.
    assert!(median.abs_diff(176) <= 6, "{median}");
}

#[test]
fn jaspar_motifs_scan_the_joint_library() {
    let (Some(motifs), Some(joint)) = (shared("data/motifs/JASPAR2022_vert.meme.gz"), joint())
    else {
        return;
    };
    let file = MemeFile::open(motifs).unwrap();
    assert_eq!(file.motifs.len(), 841);
    assert_eq!(file.background.to_vec(), UNIFORM);
    let scores: Vec<_> = file
        .motifs
        .iter()
        .map(|motif| motif.log_odds(UNIFORM, 0.01))
        .collect();
    let sequences = &joint.codes[..50];
    let thresholds: Vec<f64> = scores.iter().map(|motif| 0.7 * motif.max_score()).collect();
    let hits = Scanner::new(&scores).hits(sequences, &thresholds);
    assert!(hits.len() > 1000);
    for hit in hits.iter().step_by(97) {
        let window = &sequences[hit.sequence][hit.start..hit.start + scores[hit.motif].width()];
        let direct = match hit.strand {
            Strand::Forward => scores[hit.motif].score(window),
            Strand::Reverse => scores[hit.motif].score(&reverse_complement(window)),
        };
        assert!((hit.score - direct).abs() < 1e-9, "{hit:?}");
    }
    let summary = SequenceSummary::of(&joint.codes);
    assert_eq!(summary.lengths, [(200, 56_975)].into());
    assert_eq!(summary.bases.iter().sum::<u64>(), 56_975 * 200);
}
