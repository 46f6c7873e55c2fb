//! Variants from VCF and from the tables of saturation mutagenesis.

use std::path::{Path, PathBuf};

use degu_genome::{
    Column, LineReader, TableOptions, TableReader, Variant, VcfReader, encode, parse_number,
};

use crate::{ApplyError, Result};

/// The measured effect of a variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Regulatory element.
    pub element: String,
    /// Measured effect, log2.
    pub effect: Option<f64>,
    /// p-value of the effect.
    pub p: Option<f64>,
    /// Barcodes behind it.
    pub barcodes: Option<f64>,
}

/// Names of columns, in the order of preference.
const CHROMOSOME: [&str; 6] = [
    "chromosome",
    "Chromosome",
    "chrom",
    "Chrom",
    "#chrom",
    "CHROM",
];
const POSITION: [&str; 5] = ["position", "Position", "pos", "Pos", "POS"];
const REFERENCE: [&str; 4] = ["ref", "Ref", "reference", "REF"];
const ALTERNATE: [&str; 4] = ["alt", "Alt", "alternate", "ALT"];
const ID: [&str; 4] = ["id", "ID", "identifier", "rsid"];
const EFFECT: [&str; 6] = [
    "Coefficient",
    "coefficient",
    "Value",
    "value",
    "effect",
    "log2FC",
];
const P_VALUE: [&str; 5] = ["pValue", "P-Value", "p_value", "pvalue", "p"];
const BARCODES: [&str; 4] = ["Barcodes", "barcodes", "Tags", "n_bc"];
const ELEMENT: [&str; 4] = ["Element", "element", "locus", "Locus"];

/// Streams variants, in the order of the file.
pub struct VariantSource {
    path: PathBuf,
    inner: Inner,
    /// Rows without position or alleles, which tables of saturation mutagenesis have.
    incomplete: usize,
}

enum Inner {
    Vcf(VcfReader),
    Table {
        reader: TableReader,
        columns: Box<Columns>,
    },
    /// Lines of the CAGI5 challenge, without column names.
    Challenge {
        lines: LineReader,
        element: String,
    },
}

struct Columns {
    chromosome: Column,
    position: Column,
    reference: Column,
    alternate: Column,
    id: Option<Column>,
    effect: Option<Column>,
    p: Option<Column>,
    barcodes: Option<Column>,
    element: Option<Column>,
}

impl VariantSource {
    /// Opens a VCF file, plain, gzip or bgzip.
    ///
    /// # Errors
    ///
    /// A file that is not there.
    pub fn vcf(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            inner: Inner::Vcf(VcfReader::open(path)?),
            incomplete: 0,
        })
    }

    /// Opens a table of variants, positions counted from 1: with a header that names chromosome,
    /// position, reference and alternate allele (and, for saturation mutagenesis, element, effect,
    /// p-value and barcodes), or a file of the CAGI5 challenge (comment lines, then chromosome,
    /// position, reference, alternate, effect, confidence without a header). An alternate allele
    /// `-` is a deletion.
    ///
    /// # Errors
    ///
    /// A file that is not there, a column that is missing.
    pub fn table(path: &Path) -> Result<Self> {
        let inner = if is_challenge(path)? {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let stem = stem.strip_suffix(".tsv").unwrap_or(&stem);
            let element = stem.split_once('_').map_or(stem, |(_, element)| element);
            Inner::Challenge {
                lines: LineReader::open(path)?,
                element: element.to_owned(),
            }
        } else {
            let reader = TableReader::open_with(path, &TableOptions::default())?;
            let maybe = |names: &[&str]| -> Result<Option<Column>> {
                let found = names
                    .iter()
                    .find(|name| reader.columns().iter().any(|column| column == *name));
                Ok(found.map(|name| reader.column(name)).transpose()?)
            };
            let columns = Columns {
                chromosome: reader.column_among(&CHROMOSOME)?,
                position: reader.column_among(&POSITION)?,
                reference: reader.column_among(&REFERENCE)?,
                alternate: reader.column_among(&ALTERNATE)?,
                id: maybe(&ID)?,
                effect: maybe(&EFFECT)?,
                p: maybe(&P_VALUE)?,
                barcodes: maybe(&BARCODES)?,
                element: maybe(&ELEMENT)?,
            };
            Inner::Table {
                reader,
                columns: Box::new(columns),
            }
        };
        Ok(Self {
            path: path.to_owned(),
            inner,
            incomplete: 0,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows and alleles passed over so far: rows of a table without position or alleles, symbolic
    /// and missing alleles of a VCF.
    pub fn passed_over(&self) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        if self.incomplete > 0 {
            all.push(("no position or alleles".to_owned(), self.incomplete as u64));
        }
        if let Inner::Vcf(reader) = &self.inner {
            let skipped = reader.skipped().iter();
            all.extend(
                skipped.map(|(why, count)| (format!("{why:?} allele").to_lowercase(), *count)),
            );
        }
        all
    }

    /// The next variant, or `None` at the end.
    ///
    /// # Errors
    ///
    /// What is wrong with a row, with its place.
    pub fn next_variant(&mut self) -> Result<Option<(Variant, Option<Measured>)>> {
        loop {
            match &mut self.inner {
                Inner::Vcf(reader) => return Ok(reader.next_variant()?.map(|v| (v, None))),
                Inner::Table { reader, columns } => {
                    let Some(row) = reader.next_row()? else {
                        return Ok(None);
                    };
                    let c = columns.as_ref();
                    let maybe = |column: &Option<Column>| -> Result<String> {
                        let text = column.as_ref().map(|c| row.text(c)).transpose()?;
                        Ok(text.unwrap_or_default().to_owned())
                    };
                    let number = |column: &Option<Column>| -> Result<Option<f64>> {
                        Ok(match column {
                            Some(column) => row.number(column)?,
                            None => None,
                        })
                    };
                    let fields = [&c.chromosome, &c.position, &c.reference, &c.alternate];
                    let mut texts = [""; 4];
                    for (text, column) in texts.iter_mut().zip(fields) {
                        *text = row.text(column)?.trim();
                    }
                    if texts.iter().any(|t| t.is_empty() || *t == "NA") {
                        self.incomplete += 1;
                        continue;
                    }
                    let line = row.line();
                    let measured = Measured {
                        element: maybe(&c.element)?,
                        effect: number(&c.effect)?,
                        p: number(&c.p)?,
                        barcodes: number(&c.barcodes)?,
                    };
                    let id = maybe(&c.id)?;
                    let variant = variant(&self.path, texts, id, line)?;
                    return Ok(Some((variant, Some(measured))));
                }
                Inner::Challenge { lines, element } => {
                    if !lines.advance()? {
                        return Ok(None);
                    }
                    let line = lines.line_number();
                    let text = lines.text()?;
                    if text.starts_with('#') || text.trim().is_empty() {
                        continue;
                    }
                    let fields: Vec<&str> = text.split_whitespace().collect();
                    let &[chromosome, position, reference, alternate, ..] = fields.as_slice()
                    else {
                        return Err(ApplyError::File {
                            path: self.path.clone(),
                            problem: format!(
                                "line {line}: expected chromosome, position, reference and alternate allele"
                            ),
                        });
                    };
                    let effect = fields.get(4).and_then(|t| parse_number(t).ok().flatten());
                    let measured = Measured {
                        element: element.clone(),
                        effect,
                        ..Measured::default()
                    };
                    let texts = [chromosome, position, reference, alternate];
                    let variant = variant(&self.path, texts, String::new(), line)?;
                    return Ok(Some((variant, Some(measured))));
                }
            }
        }
    }
}

fn variant(path: &Path, texts: [&str; 4], id: String, line: u64) -> Result<Variant> {
    let [chromosome, position, reference, alternate] = texts;
    let problem = |problem: String| ApplyError::File {
        path: path.to_owned(),
        problem: format!("line {line}: {problem}"),
    };
    let start = position
        .parse::<u64>()
        .ok()
        .and_then(|position| position.checked_sub(1))
        .ok_or_else(|| {
            problem(format!(
                "expected a position, counted from 1, found `{position}`"
            ))
        })?;
    let allele = |text: &str| -> Result<Vec<u8>> {
        if text == "-" {
            return Ok(Vec::new());
        }
        let encoded = encode(text.as_bytes());
        Ok(encoded
            .map_err(|error| problem(format!("allele `{text}`: {error}")))?
            .codes)
    };
    Ok(Variant {
        chromosome: chromosome.to_owned(),
        start,
        id,
        reference: allele(reference)?,
        alternate: allele(alternate)?,
        line,
    })
}

/// Whether the first line that is no comment has a number in its second field: rows without a
/// header.
fn is_challenge(path: &Path) -> Result<bool> {
    let mut lines = LineReader::open(path)?;
    while lines.advance()? {
        let text = lines.text()?;
        if text.starts_with('#') || text.trim().is_empty() {
            continue;
        }
        let second = text.split_whitespace().nth(1);
        return Ok(second.is_some_and(|field| field.parse::<u64>().is_ok()));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> (Vec<(Variant, Option<Measured>)>, Vec<(String, u64)>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs_err::write(&path, text).unwrap();
        let mut source = VariantSource::table(&path).unwrap();
        let mut all = Vec::new();
        while let Some(next) = source.next_variant().unwrap() {
            all.push(next);
        }
        (all, source.passed_over())
    }

    #[test]
    fn tables_of_saturation_mutagenesis_are_read_as_published() {
        let (all, passed) = read(
            "t.tsv",
            "Chromosome\tPosition\tRef\tAlt\tTags\tDNA\tRNA\tValue\tP-Value\tElement\n\
             1\t155271187\tA\tC\t12\t100\t90\t-0.5\t0.001\tPKLR\n\
             NA\tNA\tA\tC\t1\t1\t1\t0.1\t0.5\tPKLR\n1\t155271188\tG\t-\t3\t1\t1\t0.2\t0.4\tPKLR\n",
        );
        assert_eq!(passed, [("no position or alleles".to_owned(), 1)]);
        let (variant, measured) = &all[0];
        assert_eq!(variant.to_string(), "1:155271187 A>C");
        let measured = measured.as_ref().unwrap();
        assert_eq!(
            (
                measured.element.as_str(),
                measured.effect,
                measured.barcodes
            ),
            ("PKLR", Some(-0.5), Some(12.0))
        );
        assert_eq!((all[1].0.alternate.len(), all[1].0.line), (0, 4));
    }

    #[test]
    fn files_of_the_challenge_have_no_header() {
        let (all, _) = read(
            "release_LDLR.tsv",
            "# a comment\n#Chrom Pos Ref Alt Value Confidence\n19\t11199907\tA\tC\t0.25\t0.1\n",
        );
        assert_eq!(all[0].0.start, 11_199_906);
        let measured = all[0].1.as_ref().unwrap();
        assert_eq!(
            (measured.element.as_str(), measured.effect),
            ("LDLR", Some(0.25))
        );
    }
}
