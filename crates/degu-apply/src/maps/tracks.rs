//! Observed attributions along the genome, where loci are known.

use std::{
    collections::BTreeMap,
    io::BufWriter,
    path::{Path, PathBuf},
};

use degu_genome::{BedGraphWriter, BigWigWriter, LineReader, Strand};
use fs_err::File;
use serde::Serialize;

use super::{MapRun, compute::observed};
use crate::{ApplyError, Result};

/// Tracks to write.
#[derive(Debug, Clone, Default)]
pub struct Tracks {
    /// A bedGraph file.
    pub bedgraph: Option<PathBuf>,
    /// A bigWig file.
    pub bigwig: Option<PathBuf>,
    /// Lengths of chromosomes: a table of two columns, or an index of FASTA (`.fai`); the ends of
    /// the loci without it.
    pub chromosome_lengths: Option<PathBuf>,
}

/// What a track is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TrackReport {
    /// Sequences with a locus.
    pub placed: usize,
    /// Sequences without one, which are not on the track.
    pub without_locus: usize,
    /// Positions under several sequences, whose values are averaged.
    pub overlapping: u64,
}

/// Where a map lies.
struct Place {
    chromosome: usize,
    start: u64,
    end: u64,
    shard: usize,
    row: usize,
}

impl Tracks {
    /// Writes the tracks of a group, `0` being the first. Maps of the other strand are turned
    /// around; positions under several sequences get the mean.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Argument`] if no sequence has a locus, loci beyond the given lengths, files
    /// that cannot be written.
    pub fn write(&self, run: &MapRun, group: usize) -> Result<TrackReport> {
        let mut report = TrackReport::default();
        if self.bedgraph.is_none() && self.bigwig.is_none() {
            return Ok(report);
        }
        let (names, places) = places(run, &mut report)?;
        let mut bedgraph = self
            .bedgraph
            .as_ref()
            .map(|path| -> Result<_> {
                let partial = path.with_added_extension("partial");
                let file = BufWriter::new(File::create(&partial)?);
                let name = format!("{} attribution", run.groups[group].name);
                Ok((BedGraphWriter::new(&partial, file, &name)?, partial, path))
            })
            .transpose()?;
        let order: Vec<String> = names.keys().cloned().collect();
        let mut bigwig = self
            .bigwig
            .as_ref()
            .map(|path| -> Result<_> { Ok(BigWigWriter::create(path, self.lengths(names)?)?) })
            .transpose()?;
        let mut cache = Cache::default();
        for island in islands(&places) {
            let (start, means) = cache.means(run, group, island, &mut report)?;
            let chromosome = &order[island[0].chromosome];
            if let Some((writer, _, _)) = &mut bedgraph {
                writer.write(chromosome, start, &means)?;
            }
            if let Some(writer) = &mut bigwig {
                writer.write(chromosome, start, &means)?;
            }
        }
        if let Some((writer, partial, path)) = bedgraph {
            writer.finish()?;
            fs_err::rename(partial, path)?;
        }
        if let Some(writer) = bigwig {
            writer.finish()?;
        }
        Ok(report)
    }

    fn lengths(&self, ends: BTreeMap<String, u64>) -> Result<BTreeMap<String, u64>> {
        match &self.chromosome_lengths {
            None => Ok(ends),
            Some(path) => read_lengths(path),
        }
    }
}

/// Ends of the chromosomes as far as the loci tell, and the maps in the order of the genome.
fn places(run: &MapRun, report: &mut TrackReport) -> Result<(BTreeMap<String, u64>, Vec<Place>)> {
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let mut found: Vec<(String, Place)> = Vec::new();
    let mut shard_number = 0;
    run.each(|shard| {
        for (row, locus) in shard.sequences.loci.iter().enumerate() {
            let Some(locus) = locus else {
                report.without_locus += 1;
                continue;
            };
            let interval = &locus.interval;
            let end = ends.entry(interval.chromosome.clone()).or_default();
            *end = (*end).max(interval.end);
            let place = Place {
                chromosome: 0,
                start: interval.start,
                end: interval.end,
                shard: shard_number,
                row,
            };
            found.push((interval.chromosome.clone(), place));
        }
        shard_number += 1;
        Ok(())
    })?;
    report.placed = found.len();
    if found.is_empty() {
        return Err(ApplyError::Argument {
            name: "--bedgraph, --bigwig",
            problem: "no sequence has a locus: name sequences `chr1:100-349`, or give their loci with `--bed`".to_owned(),
        });
    }
    let order: Vec<&String> = ends.keys().collect();
    let mut places: Vec<Place> = found
        .into_iter()
        .map(|(name, place)| Place {
            chromosome: order.binary_search(&&name).unwrap_or(0),
            ..place
        })
        .collect();
    places.sort_by_key(|p| (p.chromosome, p.start, p.shard, p.row));
    Ok((ends, places))
}

/// Stretches of places that overlap, one after the other.
fn islands(places: &[Place]) -> Vec<&[Place]> {
    let mut all = Vec::new();
    let (mut first, mut end) = (0, 0);
    for (i, place) in places.iter().enumerate() {
        let apart = place.chromosome != places[first].chromosome || place.start >= end;
        if i > first && apart {
            all.push(&places[first..i]);
            first = i;
            end = 0;
        }
        end = end.max(place.end);
    }
    if first < places.len() {
        all.push(&places[first..]);
    }
    all
}

/// The shard read last: loci are mostly in the order of the sequences.
#[derive(Default)]
struct Cache {
    shard: Option<(usize, super::shards::Shard)>,
}

impl Cache {
    /// Means over the maps of an island, from its first position on.
    fn means(
        &mut self,
        run: &MapRun,
        group: usize,
        island: &[Place],
        report: &mut TrackReport,
    ) -> Result<(u64, Vec<f32>)> {
        let start = island[0].start;
        let end = island.iter().map(|p| p.end).max().unwrap_or(0);
        let mut sums = vec![0.0f64; (end - start) as usize];
        let mut depth = vec![0u32; sums.len()];
        for place in island {
            let from = (place.start - start) as usize;
            for (i, value) in self.values(run, group, place)?.into_iter().enumerate() {
                sums[from + i] += f64::from(value);
                depth[from + i] += 1;
            }
        }
        report.overlapping += depth.iter().filter(|d| **d > 1).count() as u64;
        let means = sums.iter().zip(&depth);
        let means = means.map(|(sum, depth)| (sum / f64::from(*depth)) as f32);
        Ok((start, means.collect()))
    }

    /// Observed attributions of the given sequence, without flanks, along the forward strand.
    fn values(&mut self, run: &MapRun, group: usize, place: &Place) -> Result<Vec<f32>> {
        if self.shard.as_ref().is_none_or(|(n, _)| *n != place.shard) {
            self.shard = Some((place.shard, run.shards.read(place.shard, run.groups.len())?));
        }
        let Some((_, shard)) = &self.shard else {
            return Ok(Vec::new());
        };
        let (start, length) = shard.sequences.elements[place.row];
        let from = place.row * run.length + start;
        let codes = &shard.sequences.codes[from..from + length];
        let maps = &shard.groups[group].mean[from * 4..(from + length) * 4];
        let mut values: Vec<f32> = maps
            .chunks(4)
            .zip(codes)
            .map(|(four, code)| observed(run.form, four, *code))
            .collect();
        let reverse = shard.sequences.loci[place.row]
            .as_ref()
            .is_some_and(|l| l.strand == Strand::Reverse);
        if reverse {
            values.reverse();
        }
        Ok(values)
    }
}

/// The first two columns of `chrom.sizes` or `.fai`.
fn read_lengths(path: &Path) -> Result<BTreeMap<String, u64>> {
    let mut lines = LineReader::open(path)?;
    let mut lengths = BTreeMap::new();
    while lines.advance()? {
        let number = lines.line_number();
        let text = lines.text()?;
        let mut fields = text.split_ascii_whitespace();
        let (Some(name), Some(length)) = (fields.next(), fields.next()) else {
            continue;
        };
        let length = length.parse().map_err(|_| ApplyError::File {
            path: path.to_owned(),
            problem: format!(
                "line {number}: expected the length of `{name}` in bp, found `{length}`"
            ),
        })?;
        lengths.insert(name.to_owned(), length);
    }
    Ok(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_places_are_one_island() {
        let place = |chromosome, start, end| Place {
            chromosome,
            start,
            end,
            shard: 0,
            row: 0,
        };
        let places = [
            place(0, 0, 10),
            place(0, 5, 8),
            place(0, 9, 20),
            place(0, 20, 30),
            place(1, 21, 30),
        ];
        let sizes: Vec<usize> = islands(&places).iter().map(|i| i.len()).collect();
        assert_eq!(sizes, [3, 1, 1]);
        assert!(islands(&[]).is_empty());
    }
}
