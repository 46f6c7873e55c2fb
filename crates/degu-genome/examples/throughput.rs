//! Times reading, clustering and scanning of the joint lentiMPRA library.
//!
//!     cargo run --release -p degu-genome --example throughput -- agarwal_joint.tsv.gz JASPAR.meme.gz

#![expect(clippy::print_stdout, reason = "a program that prints its results")]

use std::time::Instant;

use degu_genome::{MemeFile, NearDuplicates, Result, Scanner, Shuffle, TableReader, UNIFORM};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(table), Some(motifs)) = (arguments.next(), arguments.next()) else {
        println!("arguments: TABLE.tsv.gz with a column `sequence`, MOTIFS.meme.gz");
        return Ok(());
    };

    let start = Instant::now();
    let mut reader = TableReader::open(table)?;
    let sequence = reader.column("sequence")?;
    let mut codes = Vec::new();
    while let Some(row) = reader.next_row()? {
        codes.push(row.codes(&sequence)?.codes);
    }
    println!(
        "read and encoded {} sequences: {:.2?}",
        codes.len(),
        start.elapsed()
    );

    let start = Instant::now();
    let clusters = NearDuplicates::default().clusters(&codes);
    let mut sizes = vec![0usize; codes.len()];
    for cluster in &clusters {
        sizes[*cluster as usize] += 1;
    }
    sizes.retain(|size| *size > 0);
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    println!(
        "{} clusters, the largest of {:?}: {:.2?}",
        sizes.len(),
        &sizes[..sizes.len().min(5)],
        start.elapsed()
    );

    let start = Instant::now();
    let file = MemeFile::open(motifs)?;
    let scores: Vec<_> = file
        .motifs
        .iter()
        .map(|motif| motif.log_odds(UNIFORM, 0.01))
        .collect();
    let thousand = &codes[..codes.len().min(1000)];
    let hits = Scanner::new(&scores).best_hits(thousand);
    println!(
        "best hits of {} motifs in {} sequences ({}): {:.2?}",
        scores.len(),
        thousand.len(),
        hits.len(),
        start.elapsed()
    );

    let start = Instant::now();
    let references: usize = thousand
        .iter()
        .map(|codes| Shuffle::Dinucleotide.references(codes, 20, [0; 32]).len())
        .sum();
    println!(
        "{references} dinucleotide shuffles: {:.2?}",
        start.elapsed()
    );
    Ok(())
}
