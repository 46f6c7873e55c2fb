//! What sequences are compared with.

use degu_core::{Error, FileRef, Invalid, Result, Seed};
use degu_genome::{Fasta, Shuffle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of the references.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Shuffles with the same dinucleotides and ends, uniform over all of them.
    #[default]
    Dinucleotide,
    /// The historical dinucleotide shuffle, which reaches a part of the sequences only: for
    /// comparisons.
    DinucleotideFixedExits,
    /// Permutations of the positions.
    Mononucleotide,
    /// One reference of zeros.
    Zeros,
    /// One reference with a quarter of each base (gradients along a path only).
    Uniform,
    /// The sequences of a FASTA file, the same for all.
    File,
}

/// References of one sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// Base codes, `[L]`; N is a row of zeros.
    Codes(Vec<u8>),
    /// A quarter of each base.
    Uniform,
}

/// A source of references.
#[derive(Debug, Clone)]
pub struct References {
    kind: Baseline,
    count: usize,
    /// Sequences of the file with their names.
    file: Vec<(String, Vec<u8>)>,
    path: std::path::PathBuf,
}

impl References {
    /// Checks the parameters without touching the file.
    ///
    /// # Errors
    ///
    /// [`Invalid`] for a file without `baseline = "file"`, or the other way round.
    pub fn check(kind: Baseline, file: Option<&FileRef>) -> Result<(), Invalid> {
        let message = match (kind, file) {
            (Baseline::File, None) => {
                "must name a FASTA file of references with `baseline = \"file\"`, found none"
            }
            (Baseline::File, Some(_)) | (_, None) => return Ok(()),
            (_, Some(_)) => {
                "is read with `baseline = \"file\"` only; set that, or leave the file out"
            }
        };
        Err(Invalid {
            field: "file",
            message: message.to_owned(),
        })
    }

    /// The source; reads the file.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for a file that cannot be read or holds no sequence.
    pub fn new(kind: Baseline, count: usize, file: Option<&FileRef>) -> Result<Self> {
        let path = file.map(|f| f.path.clone()).unwrap_or_default();
        let bad = |problem: String| Error::Data {
            path: path.clone(),
            at: None,
            problem,
        };
        let mut sequences = Vec::new();
        if kind == Baseline::File {
            let fasta = Fasta::open(&path).map_err(|e| bad(e.to_string()))?;
            sequences = fasta.records.into_iter().map(|r| (r.id, r.codes)).collect();
            if sequences.is_empty() {
                return Err(bad("expected at least one reference, found none".to_owned()));
            }
        }
        Ok(Self {
            kind,
            count,
            file: sequences,
            path,
        })
    }

    /// References per sequence, `K`.
    pub fn count(&self) -> usize {
        match self.kind {
            Baseline::Zeros | Baseline::Uniform => 1,
            Baseline::File => self.file.len(),
            _ => self.count,
        }
    }

    /// Checks that the sequences of a file have the length of those that are explained.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] naming the first that has not.
    pub fn check_length(&self, length: usize) -> Result<()> {
        let Some(i) = self.file.iter().position(|(_, c)| c.len() != length) else {
            return Ok(());
        };
        let (id, codes) = &self.file[i];
        Err(Error::Data {
            path: self.path.clone(),
            at: Some(format!("record {} `{id}`", i + 1)),
            problem: format!(
                "expected a reference of {length} bp, the length of the sequences to explain, found {} bp; cut or pad the file",
                codes.len()
            ),
        })
    }

    /// The references of one sequence: a function of its bases and its seed alone.
    pub fn of(&self, codes: &[u8], seed: &Seed) -> Vec<Reference> {
        let shuffled = |shuffle: Shuffle| {
            let all = shuffle.references(codes, self.count, seed.bytes());
            all.into_iter().map(Reference::Codes).collect()
        };
        match self.kind {
            Baseline::Dinucleotide => shuffled(Shuffle::Dinucleotide),
            Baseline::DinucleotideFixedExits => shuffled(Shuffle::DinucleotideFixedExits),
            Baseline::Mononucleotide => shuffled(Shuffle::Mononucleotide),
            Baseline::Zeros => vec![Reference::Codes(vec![4; codes.len()])],
            Baseline::Uniform => vec![Reference::Uniform],
            Baseline::File => {
                let codes = self.file.iter().map(|(_, c)| c.clone());
                codes.map(Reference::Codes).collect()
            }
        }
    }
}

/// Sums of one sequence over its references, in double precision.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    hypothetical: Vec<f64>,
    shap_values: Vec<f64>,
    delta: f64,
    change: f64,
    count: f64,
}

impl Sums {
    pub(crate) fn new(length: usize) -> Self {
        Self {
            hypothetical: vec![0.0; length * 4],
            shap_values: vec![0.0; length * 4],
            delta: 0.0,
            change: 0.0,
            count: 0.0,
        }
    }

    /// Adds the multipliers `[L, 4]` of one reference, which explain the change `dy`.
    pub(crate) fn add(
        &mut self,
        codes: &[u8],
        reference: &Reference,
        multipliers: impl IntoIterator<Item = f64>,
        dy: f64,
    ) {
        let mut multipliers = multipliers.into_iter();
        let mut explained = 0.0;
        for (l, code) in codes.iter().enumerate() {
            let m: [f64; 4] = std::array::from_fn(|_| multipliers.next().unwrap_or(0.0));
            let r: [f64; 4] = match reference {
                Reference::Codes(codes) => row(codes[l]),
                Reference::Uniform => [0.25; 4],
            };
            let x = row(*code);
            let mean: f64 = m.iter().zip(&r).map(|(m, r)| m * r).sum();
            let four = l * 4..l * 4 + 4;
            for (sum, m) in self.hypothetical[four.clone()].iter_mut().zip(&m) {
                *sum += m - mean;
            }
            let parts = m.iter().zip(x.iter().zip(&r));
            for (sum, (m, (x, r))) in self.shap_values[four].iter_mut().zip(parts) {
                *sum += m * (x - r);
                explained += m * (x - r);
            }
        }
        self.delta += (explained - dy).abs();
        self.change += dy.abs();
        self.count += 1.0;
    }

    /// Mean over references of the hypothetical values, `[L, 4]`.
    pub(crate) fn hypothetical(&self) -> impl Iterator<Item = f64> + '_ {
        self.hypothetical.iter().map(|v| v / self.count)
    }

    /// Mean over references of multiplier times difference, `[L, 4]`.
    pub(crate) fn shap_values(&self) -> impl Iterator<Item = f64> + '_ {
        self.shap_values.iter().map(|v| v / self.count)
    }

    /// Mean absolute completeness error.
    pub(crate) fn delta(&self) -> f64 {
        self.delta / self.count
    }

    /// Mean absolute change.
    pub(crate) fn change(&self) -> f64 {
        self.change / self.count
    }
}

/// The one-hot row of a base; zeros for N.
fn row(code: u8) -> [f64; 4] {
    std::array::from_fn(|b| f64::from(u8::from(usize::from(code) == b)))
}

/// Maps of many sequences.
pub(crate) mod maps {
    use candle_core::{DType, Device, Tensor};
    use degu_core::{Attribution, Form, Result};

    use super::Sums;

    /// One map for each target, from the sums by target and sequence; with `correct` less its mean
    /// over the bases.
    pub(crate) fn finish(
        sums: &[Vec<Sums>],
        codes: &Tensor,
        dtype: DType,
        correct: bool,
    ) -> Result<Vec<Attribution>> {
        let shape = codes.dims2()?;
        let tensor = |values: Vec<f64>| -> Result<Tensor> {
            let mut values = Tensor::from_vec(values, (shape.0, shape.1, 4), &Device::Cpu)?;
            if correct {
                values = values.broadcast_sub(&values.mean_keepdim(2)?)?;
            }
            Ok(values.to_dtype(dtype)?)
        };
        let of_target = |sums: &Vec<Sums>| -> Result<Attribution> {
            let own = tensor(sums.iter().flat_map(Sums::hypothetical).collect())?;
            let shap_values = tensor(sums.iter().flat_map(Sums::shap_values).collect())?;
            Ok(Attribution {
                shap_values: Some(shap_values),
                delta: Some(sums.iter().map(Sums::delta).collect()),
                change: Some(sums.iter().map(Sums::change).collect()),
                ..Attribution::new(Form::Hypothetical, own)
            })
        };
        sums.iter().map(of_target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_added_to_the_multipliers_of_a_position_changes_no_map() {
        let codes = [0, 1, 4, 3];
        let reference = Reference::Codes(vec![2, 1, 0, 3]);
        let m: Vec<f64> = (0..16).map(|i| f64::from(i * i % 7)).collect();
        let shifted = m.iter().enumerate().map(|(i, m)| m + (i / 4) as f64);
        let (mut a, mut b) = (Sums::new(4), Sums::new(4));
        a.add(&codes, &reference, m.iter().copied(), 1.0);
        b.add(&codes, &reference, shifted, 1.0);
        let far = a
            .hypothetical()
            .zip(b.hypothetical())
            .map(|(a, b)| (a - b).abs());
        assert!(far.fold(0.0, f64::max) < 1e-12);
        // The identity with the loop form: the effect of base b instead of the reference's.
        assert!((a.hypothetical().next().unwrap() - (m[0] - m[2])).abs() < 1e-12);
    }

    #[test]
    fn references_depend_on_the_sequence_and_its_seed_alone() {
        let source = References::new(Baseline::Dinucleotide, 3, None).unwrap();
        let codes = [0, 1, 2, 3, 0, 2, 1, 3, 3, 0, 1, 1, 2, 0];
        let seed = Seed::root(1).child("references");
        assert_eq!(source.of(&codes, &seed), source.of(&codes, &seed));
        assert_ne!(
            source.of(&codes, &seed),
            source.of(&codes, &seed.child("other"))
        );
        let more = References::new(Baseline::Dinucleotide, 5, None).unwrap();
        assert_eq!(more.of(&codes, &seed)[..3], source.of(&codes, &seed)[..]);
    }

    #[test]
    fn a_file_of_another_length_is_an_error_with_its_record() {
        let source = References {
            kind: Baseline::File,
            count: 0,
            file: vec![("a".to_owned(), vec![0; 5]), ("b".to_owned(), vec![0; 4])],
            path: "refs.fa".into(),
        };
        let error = source.check_length(5).unwrap_err().to_string();
        assert!(
            error.starts_with("refs.fa, record 2 `b`: expected a reference of 5 bp"),
            "{error}"
        );
        let missing = FileRef {
            path: "nowhere.fa".into(),
            sha256: None,
        };
        assert!(References::new(Baseline::File, 1, Some(&missing)).is_err());
        assert!(References::check(Baseline::File, None).is_err());
        assert!(References::check(Baseline::Zeros, Some(&missing)).is_err());
    }
}
