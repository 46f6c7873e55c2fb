//! Variants checked against the genome and put into windows.

use std::collections::BTreeMap;

use degu_genome::{AlleleWindow, Anchor, Bases, Edge, GenomeError, ReferenceCheck, Variant};

use super::{Measured, VariantSource};
use crate::{ApplyError, Result, Window};

/// What to do with reference alleles that the genome does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mismatch {
    /// Leave them out with a flag up to one in a hundred; an error above, which is the wrong genome
    /// or the wrong positions.
    #[default]
    Few,
    /// The first one is an error.
    Error,
    /// Leave them out with a flag, however many.
    Skip,
    /// Where the genome has the alternate allele, swap the alleles (flagged); leave the others out.
    Swap,
}

/// How variants are put into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariantOptions {
    /// Reference alleles that the genome does not have.
    pub mismatch: Mismatch,
    /// Flank of an indel that stays.
    pub anchor: Anchor,
    /// Windows that leave their chromosome: left out with a flag, or filled with N.
    pub edge: Edge,
    /// Base of the element that is the variant's first; `element/2 - 1` if absent.
    pub offset: Option<usize>,
    /// Largest shift of the window in bp: predictions are averaged over -shift ..= shift.
    pub shift: usize,
    /// `chr1` and `1` are the same.
    pub unify_names: bool,
}

impl Default for VariantOptions {
    fn default() -> Self {
        Self {
            mismatch: Mismatch::Few,
            anchor: Anchor::Right,
            edge: Edge::Refuse,
            offset: None,
            shift: 0,
            unify_names: false,
        }
    }
}

/// Why a variant has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// The genome has neither allele, or the alternate one.
    ReferenceMismatch,
    /// A window leaves the chromosome.
    Edge,
    /// The reference allele is longer than what is behind the variant's first base.
    TooLong,
}

impl Problem {
    /// Name in the column `flags`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReferenceMismatch => "reference_mismatch",
            Self::Edge => "window_leaves_chromosome",
            Self::TooLong => "allele_longer_than_window",
        }
    }
}

/// A variant with the windows of its alleles.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// As the file has it (with its chromosome named as in the genome, if names are unified).
    pub variant: Variant,
    /// Its measured effect.
    pub measured: Option<Measured>,
    /// The alleles were swapped to fit the genome; the effect's sign is turned back.
    pub swapped: bool,
    /// First position of the element's window, 0-based; negative before the chromosome.
    pub start: i64,
    /// Elements of the reference and the alternate allele for each shift, or why there are none.
    pub alleles: Result<Vec<(Vec<u8>, Vec<u8>)>, Problem>,
}

/// Counts reference alleles that the genome does not have. Reads the file once more than the
/// scoring.
fn mismatches(
    source: &mut VariantSource,
    genome: &dyn Bases,
    options: &VariantOptions,
) -> Result<(usize, usize, Vec<String>)> {
    let (mut all, mut wrong, mut examples) = (0, 0, Vec::new());
    while let Some((mut variant, _)) = source.next_variant()? {
        all += 1;
        name(&mut variant, genome, options);
        if let ReferenceCheck::Mismatch { found } = check(&variant, genome, source)?.1 {
            wrong += 1;
            if examples.len() < 10 {
                let found = degu_genome::decode(&found);
                examples.push(format!(
                    "line {}: {variant} (the genome has {found})",
                    variant.line
                ));
            }
        }
    }
    Ok((all, wrong, examples))
}

fn name(variant: &mut Variant, genome: &dyn Bases, options: &VariantOptions) {
    if options.unify_names
        && let Some(name) = genome.unified(&variant.chromosome)
    {
        variant.chromosome = name;
    }
}

/// How the alleles compare, with the swapped case told apart; beyond the end of a chromosome
/// nothing matches.
fn check(
    variant: &Variant,
    genome: &dyn Bases,
    source: &VariantSource,
) -> Result<(bool, ReferenceCheck)> {
    match variant.check_reference(genome) {
        Ok(ReferenceCheck::Swapped) => Ok((
            true,
            ReferenceCheck::Mismatch {
                found: variant.alternate.clone(),
            },
        )),
        Ok(found) => Ok((false, found)),
        Err(GenomeError::OutOfRange { .. }) => {
            Ok((false, ReferenceCheck::Mismatch { found: Vec::new() }))
        }
        Err(error) => Err(ApplyError::File {
            path: source.path().to_owned(),
            problem: format!(
                "line {}: {error}{}",
                variant.line,
                if genome.unified(&variant.chromosome).is_some() {
                    "; `--unify-names` takes `chr1` and `1` as the same"
                } else {
                    ""
                }
            ),
        }),
    }
}

/// Checks the reference alleles of a whole file by the policy, then returns what puts variants into
/// windows.
///
/// # Errors
///
/// [`ApplyError::File`] with the rows of alleles that do not match, if the policy does not allow
/// them.
pub fn prepare<'a>(
    source: &mut VariantSource,
    genome: &'a dyn Bases,
    window: &Window,
    options: VariantOptions,
) -> Result<Preparer<'a>> {
    let path = source.path().to_owned();
    if matches!(options.mismatch, Mismatch::Few | Mismatch::Error) {
        let (all, wrong, examples) = mismatches(source, genome, &options)?;
        let allowed = match options.mismatch {
            Mismatch::Few => all / 100,
            _ => 0,
        };
        if wrong > allowed {
            return Err(ApplyError::File {
                path,
                problem: format!(
                    "{wrong} of {all} reference alleles are not what the genome has: {}; is it the right assembly? `--mismatch skip` leaves such variants out, `--mismatch swap` exchanges alleles that are the wrong way round",
                    examples.join(", ")
                ),
            });
        }
    }
    let element = window.element();
    let centre = AlleleWindow {
        offset: options.offset.unwrap_or((element / 2).saturating_sub(1)),
        anchor: options.anchor,
        edge: options.edge,
        ..AlleleWindow::centered(element)
    };
    if centre.offset + options.shift >= element || centre.offset < options.shift {
        return Err(ApplyError::Argument {
            name: "--offset",
            problem: format!(
                "expected a base of the element of {element} bp that stays inside with shifts of {} bp, found {}",
                options.shift, centre.offset
            ),
        });
    }
    Ok(Preparer {
        genome,
        window: centre,
        options,
        counts: BTreeMap::new(),
        swapped: 0,
    })
}

/// Puts variants into windows.
pub struct Preparer<'a> {
    genome: &'a dyn Bases,
    window: AlleleWindow,
    options: VariantOptions,
    counts: BTreeMap<Problem, usize>,
    swapped: usize,
}

impl Preparer<'_> {
    /// Variants without an effect so far, by reason.
    pub fn problems(&self) -> &BTreeMap<Problem, usize> {
        &self.counts
    }

    /// Variants whose alleles were swapped.
    pub fn swapped(&self) -> usize {
        self.swapped
    }

    /// The next variant in its windows, or `None` at the end.
    ///
    /// # Errors
    ///
    /// A row or a chromosome that cannot be read.
    pub fn next(&mut self, source: &mut VariantSource) -> Result<Option<Prepared>> {
        let Some((mut variant, measured)) = source.next_variant()? else {
            return Ok(None);
        };
        name(&mut variant, self.genome, &self.options);
        let (reversed, found) = check(&variant, self.genome, source)?;
        let swapped = reversed && self.options.mismatch == Mismatch::Swap;
        let mut placed = variant.clone();
        if swapped {
            std::mem::swap(&mut placed.reference, &mut placed.alternate);
            self.swapped += 1;
        }
        let fits = swapped || found == ReferenceCheck::Match;
        let alleles = if fits {
            self.windows(&placed)?
        } else {
            Err(Problem::ReferenceMismatch)
        };
        if let Err(problem) = &alleles {
            *self.counts.entry(*problem).or_default() += 1;
        }
        Ok(Some(Prepared {
            start: self.window.start(&variant),
            variant,
            measured,
            swapped,
            alleles,
        }))
    }

    fn windows(&self, variant: &Variant) -> Result<Result<Vec<(Vec<u8>, Vec<u8>)>, Problem>> {
        let shift = self.options.shift as i64;
        let mut all = Vec::new();
        for moved in -shift..=shift {
            let window = AlleleWindow {
                offset: (self.window.offset as i64 + moved) as usize,
                ..self.window
            };
            match window.of(variant, self.genome) {
                Ok(alleles) => all.push(alleles),
                Err(GenomeError::OutOfRange { .. }) => return Ok(Err(Problem::Edge)),
                Err(GenomeError::Argument { .. }) => return Ok(Err(Problem::TooLong)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Ok(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VCF: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

    /// Alleles of each row, `-` for the reason why there are none.
    fn prepared(rows: &str, options: VariantOptions) -> Result<(Vec<String>, usize)> {
        let folder = tempfile::tempdir().unwrap();
        let (vcf, genome) = (folder.path().join("v.vcf"), folder.path().join("g.fa"));
        fs_err::write(&vcf, format!("{VCF}{rows}")).unwrap();
        fs_err::write(&genome, ">chr1\nAACCGGTTACGT\n").unwrap();
        let (genome, _) = degu_genome::open_genome(&genome)?;
        let window = Window::new(4, Vec::new(), Vec::new());
        let mut first = VariantSource::vcf(&vcf)?;
        let mut preparer = prepare(&mut first, genome.as_ref(), &window, options)?;
        let mut source = VariantSource::vcf(&vcf)?;
        let mut all = Vec::new();
        while let Some(found) = preparer.next(&mut source)? {
            all.push(match found.alleles {
                Err(problem) => problem.name().to_owned(),
                Ok(pairs) => {
                    let text = |codes: &[u8]| degu_genome::decode(codes);
                    let pairs = pairs
                        .iter()
                        .map(|(r, a)| format!("{}>{}", text(r), text(a)));
                    pairs.collect::<Vec<_>>().join(" ")
                }
            });
        }
        Ok((all, preparer.swapped()))
    }

    fn skip() -> VariantOptions {
        VariantOptions {
            mismatch: Mismatch::Skip,
            ..VariantOptions::default()
        }
    }

    #[test]
    fn alleles_stand_in_windows_or_have_a_problem() {
        let rows =
            "chr1\t4\t.\tC\tT\t.\t.\t.\nchr1\t5\t.\tA\tT\t.\t.\t.\nchr1\t1\t.\tA\tT\t.\t.\t.\n";
        let (found, _) = prepared(rows, skip()).unwrap();
        assert_eq!(
            found,
            [
                "CCGG>CTGG",
                "reference_mismatch",
                "window_leaves_chromosome"
            ]
        );
        let shifted = VariantOptions { shift: 1, ..skip() };
        let (found, _) = prepared("chr1\t4\t.\tC\tT\t.\t.\t.\n", shifted).unwrap();
        assert_eq!(found, ["CGGT>TGGT CCGG>CTGG ACCG>ACTG"]);
    }

    #[test]
    fn policies_refuse_skip_or_swap_other_reference_alleles() {
        let row = "chr1\t4\t.\tT\tC\t.\t.\t.\n";
        let options = |mismatch| VariantOptions { mismatch, ..skip() };
        for refused in [Mismatch::Few, Mismatch::Error] {
            let problem = prepared(row, options(refused)).unwrap_err().to_string();
            assert!(problem.contains("1 of 1 reference alleles"), "{problem}");
        }
        let (found, swapped) = prepared(row, options(Mismatch::Swap)).unwrap();
        assert_eq!((found[0].as_str(), swapped), ("CCGG>CTGG", 1));
    }

    #[test]
    fn names_of_chromosomes_are_unified_on_request_and_offsets_stay_inside() {
        let row = "1\t4\t.\tC\tT\t.\t.\t.\n";
        let problem = prepared(row, skip()).unwrap_err().to_string();
        assert!(problem.contains("--unify-names"), "{problem}");
        let unified = VariantOptions {
            unify_names: true,
            ..skip()
        };
        assert_eq!(prepared(row, unified).unwrap().0, ["CCGG>CTGG"]);
        let outside = VariantOptions {
            offset: Some(4),
            ..skip()
        };
        assert!(
            prepared(row, outside)
                .unwrap_err()
                .to_string()
                .contains("--offset")
        );
    }
}
