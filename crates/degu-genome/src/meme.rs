//! Motif files in MEME format (JASPAR, HOCOMOCO, MEME suite), read and written.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::{GenomeError, Result};
use crate::motif::{Background, Motif, UNIFORM};
use crate::text::{LineReader, write_atomically};

/// Motifs of a MEME file with the background it states.
#[derive(Debug, Clone, PartialEq)]
pub struct MemeFile {
    /// Motifs in the order of the file.
    pub motifs: Vec<Motif>,
    /// Background frequencies; uniform if the file states none.
    pub background: Background,
}

impl MemeFile {
    /// Reads a file, plain or gzip.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Format`] or [`GenomeError::Value`] with the line of what is not MEME format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(LineReader::open(path)?)
    }

    /// Reads motifs from lines.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn read(mut lines: LineReader) -> Result<Self> {
        let mut file = Self {
            motifs: Vec::new(),
            background: UNIFORM,
        };
        let mut named: Option<(String, String)> = None;
        let mut started = false;
        while lines.advance()? {
            let text = lines.text()?.trim();
            if text.is_empty() {
                continue;
            }
            if !started {
                if !text.starts_with("MEME version") {
                    return Err(GenomeError::format(
                        lines.place(),
                        "`MEME version ...` on the first line of a motif file",
                    ));
                }
                started = true;
            } else if let Some(alphabet) = text.strip_prefix("ALPHABET=") {
                if alphabet.trim() != "ACGT" {
                    return Err(GenomeError::value(
                        lines.place(),
                        "the alphabet ACGT",
                        alphabet.trim(),
                    ));
                }
            } else if text.starts_with("Background letter frequencies") {
                if lines.advance()? {
                    let words: Vec<&str> = lines.text()?.split_whitespace().collect();
                    file.background = background(&words).ok_or_else(|| {
                        GenomeError::value(
                            lines.place(),
                            "frequencies like `A 0.25 C 0.25 G 0.25 T 0.25`",
                            words.join(" "),
                        )
                    })?;
                }
            } else if let Some(name) = text.strip_prefix("MOTIF") {
                let mut words = name.split_whitespace();
                let id = words.next().ok_or_else(|| {
                    GenomeError::format(lines.place(), "the name of a motif after `MOTIF`")
                })?;
                named = Some((id.to_owned(), words.collect::<Vec<_>>().join(" ")));
            } else if let Some(properties) = text.strip_prefix("letter-probability matrix:") {
                let properties = properties.to_owned();
                let place = lines.place();
                let (id, name) = named.take().ok_or_else(|| {
                    GenomeError::format(place.clone(), "a `MOTIF` line before its matrix")
                })?;
                let rows = matrix(&mut lines, property(&properties, "w="))?;
                let motif = Motif::new(id, rows).map_err(|error| error.at(place))?;
                file.motifs.push(Motif {
                    name,
                    sites: property(&properties, "nsites="),
                    ..motif
                });
            }
        }
        if !started {
            return Err(GenomeError::format(
                lines.place(),
                "`MEME version ...`, found an empty file",
            ));
        }
        Ok(file)
    }
}

fn background(words: &[&str]) -> Option<Background> {
    let mut values = [0.0; 4];
    for (i, letter) in ["A", "C", "G", "T"].iter().enumerate() {
        if words.get(2 * i) != Some(letter) {
            return None;
        }
        values[i] = words.get(2 * i + 1)?.parse().ok()?;
    }
    Some(values)
}

/// The number after a key such as `nsites=`, with or without a blank between.
fn property(properties: &str, key: &str) -> Option<f64> {
    let (before, rest) = properties.split_once(key)?;
    if !before.is_empty() && !before.ends_with(char::is_whitespace) {
        return None;
    }
    rest.split_whitespace().next()?.parse().ok()
}

fn matrix(lines: &mut LineReader, width: Option<f64>) -> Result<Vec<[f64; 4]>> {
    let mut rows = Vec::new();
    while lines.advance()? {
        let text = lines.text()?;
        let first = text.split_whitespace().next();
        if first.is_none_or(|word| word.parse::<f64>().is_err()) {
            lines.put_back();
            break;
        }
        let values: Vec<f64> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        rows.push(values.try_into().map_err(|_| {
            GenomeError::value(
                lines.place(),
                "four probabilities, of A, C, G and T",
                text.trim(),
            )
        })?);
    }
    if rows.is_empty() || width.is_some_and(|width| (width - rows.len() as f64).abs() > 0.5) {
        return Err(GenomeError::value(
            lines.place(),
            "as many rows as the matrix says (w=)",
            format!("{} rows", rows.len()),
        ));
    }
    Ok(rows)
}

/// Writes motifs in MEME format (version 4, both strands).
///
/// # Errors
///
/// [`GenomeError::Io`].
pub fn write_meme(path: impl AsRef<Path>, motifs: &[Motif], background: Background) -> Result<()> {
    let mut text = String::from("MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n");
    let [a, c, g, t] = background;
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "Background letter frequencies\nA {a} C {c} G {g} T {t}\n"
    );
    for motif in motifs {
        let _ = writeln!(text, "MOTIF {} {}", motif.id, motif.name);
        let _ = writeln!(
            text,
            "letter-probability matrix: alength= 4 w= {} nsites= {} E= 0",
            motif.width(),
            motif.sites.unwrap_or(20.0)
        );
        for [a, c, g, t] in &motif.probabilities {
            let _ = writeln!(text, " {a:.6} {c:.6} {g:.6} {t:.6}");
        }
        text.push('\n');
    }
    write_atomically(path.as_ref(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\nA 0.3 C 0.2 G 0.2 T 0.3\n\nMOTIF MA0004.1 Arnt\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n 0.2 0.8 0 0\n 0.95 0 0.05 0\nURL http://example.org\n\nMOTIF second\nletter-probability matrix: alength=4 w=1\n0 0 1 0\n";

    fn read(text: &str) -> Result<MemeFile> {
        MemeFile::read(LineReader::new(
            "m.meme",
            std::io::Cursor::new(text.as_bytes().to_vec()),
        )?)
    }

    #[test]
    fn motifs_are_read_and_written() {
        let file = read(FILE).unwrap();
        assert_eq!(file.background.to_vec(), [0.3, 0.2, 0.2, 0.3]);
        assert_eq!(file.motifs.len(), 2);
        assert_eq!(
            (file.motifs[0].id.as_str(), file.motifs[0].name.as_str()),
            ("MA0004.1", "Arnt")
        );
        assert_eq!(file.motifs[0].sites, Some(20.0));
        assert_eq!(file.motifs[1].probabilities, [[0.0, 0.0, 1.0, 0.0]]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.meme");
        write_meme(&path, &file.motifs, file.background).unwrap();
        let again = MemeFile::open(&path).unwrap();
        assert_eq!(again.motifs[0], file.motifs[0]);
        assert_eq!(again.motifs[1].probabilities, file.motifs[1].probabilities);
    }

    #[test]
    fn faults_are_placed() {
        for (from, to, expected) in [
            (
                "MEME version 4",
                "meme",
                "m.meme:1: expected `MEME version ...`",
            ),
            (
                "ALPHABET= ACGT",
                "ALPHABET= ACDEFGHIKLMNPQRSTVWY",
                "m.meme:3: expected the alphabet ACGT",
            ),
            (
                "0.95 0 0.05 0",
                "0.95 0 0.05",
                "m.meme:13: expected four probabilities",
            ),
            (
                "0.95 0 0.05 0",
                "0.5 0 0.05 0",
                "m.meme:11: motif: expected probabilities",
            ),
            ("w= 2", "w= 3", "as many rows as the matrix says"),
            ("MOTIF second", "", "a `MOTIF` line before its matrix"),
        ] {
            let error = read(&FILE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
