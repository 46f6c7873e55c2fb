//! Genomes that give windows, whether they are in memory or on disk.

use std::borrow::Cow;

use crate::alphabet::N;
use crate::error::Result;
use crate::fasta::Genome;

/// A genome that gives the bases of windows.
pub trait Bases: Send + Sync {
    /// Names of the chromosomes with their lengths in bp, in the order of the file.
    fn chromosomes(&self) -> Vec<(String, u64)>;

    /// Length of a chromosome in bp.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`](crate::GenomeError::UnknownName) naming the most similar
    /// chromosome.
    fn length(&self, chromosome: &str) -> Result<u64>;

    /// Codes of `[start, end)`, 0-based.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`](crate::GenomeError::UnknownName);
    /// [`GenomeError::OutOfRange`](crate::GenomeError::OutOfRange) if the window leaves the
    /// chromosome or ends before it starts; [`GenomeError::Io`](crate::GenomeError::Io).
    fn bases(&self, chromosome: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>>;

    /// The name this genome uses for a chromosome that a file calls with or without `chr`; never
    /// applied silently.
    fn unified(&self, name: &str) -> Option<String>;

    /// Codes of `[start, end)`, where positions outside of the chromosome are N.
    ///
    /// # Errors
    ///
    /// As [`bases`](Self::bases), but for leaving the chromosome.
    fn padded(&self, chromosome: &str, start: i64, end: i64) -> Result<Vec<u8>> {
        let length = self.length(chromosome)? as i64;
        let (from, to) = (start.clamp(0, length), end.clamp(0, length));
        let mut codes = vec![N; (from - start).max(0).min((end - start).max(0)) as usize];
        if from < to {
            codes.extend_from_slice(&self.bases(chromosome, from as u64, to as u64)?);
        }
        codes.resize((end - start).max(0) as usize, N);
        Ok(codes)
    }
}

impl Bases for Genome {
    fn chromosomes(&self) -> Vec<(String, u64)> {
        let names = self.names().iter();
        names
            .map(|name| {
                let length = self.chromosome(name).map_or(0, |codes| codes.len() as u64);
                (name.clone(), length)
            })
            .collect()
    }

    fn length(&self, chromosome: &str) -> Result<u64> {
        Ok(self.chromosome(chromosome)?.len() as u64)
    }

    fn bases(&self, chromosome: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(self.window(chromosome, start, end)?))
    }

    fn unified(&self, name: &str) -> Option<String> {
        self.unify(name).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::decode;
    use crate::fasta::FastaReader;

    #[test]
    fn what_lies_outside_is_unknown() {
        let reader = FastaReader::from_reader("t.fa", &b">c\nACGTA\n"[..]).unwrap();
        let genome = Genome::read("t.fa", reader, |_| true).unwrap();
        let padded = |start, end| decode(&genome.padded("c", start, end).unwrap());
        assert_eq!(padded(-2, 3), "NNACG");
        assert_eq!(padded(3, 8), "TANNN");
        assert_eq!(padded(-2, 7), "NNACGTANN");
        assert_eq!(padded(7, 9), "NN");
        assert_eq!(padded(-4, -1), "NNN");
        assert_eq!(padded(2, 2), "");
        assert!(genome.padded("d", 0, 1).is_err());
        assert_eq!(genome.chromosomes(), [("c".to_owned(), 5)]);
    }
}
