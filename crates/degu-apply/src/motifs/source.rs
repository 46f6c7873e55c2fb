//! Motifs from letters and from MEME files.

use std::path::Path;

use degu_genome::{MemeFile, Motif};

use crate::{ApplyError, Result};

/// Motifs given as letters (`TGASTCA`, with IUPAC letters as N, which keep the background's base)
/// and those of a MEME file; `names` chooses among the file's by id or name, all of them if it is
/// empty.
///
/// # Errors
///
/// Letters that are no bases, a file that does not parse, names that are not in it, no motif at
/// all.
pub fn motifs(letters: &[String], meme: Option<&Path>, names: &[String]) -> Result<Vec<Motif>> {
    let mut all = Vec::new();
    for text in letters {
        let motif = Motif::from_consensus(&text.to_uppercase(), 0.97);
        all.push(motif.map_err(|error| ApplyError::Argument {
            name: "--motif",
            problem: format!("`{text}`: {error}"),
        })?);
    }
    if let Some(path) = meme {
        let file = MemeFile::open(path)?;
        let called = |motif: &Motif, name: &str| {
            motif.id.eq_ignore_ascii_case(name) || motif.name.eq_ignore_ascii_case(name)
        };
        for name in names {
            if !file.motifs.iter().any(|m| called(m, name)) {
                let known = file
                    .motifs
                    .iter()
                    .map(|m| if m.name.is_empty() { &m.id } else { &m.name });
                let hint = degu_core::suggest::nearest(name, known.map(String::as_str))
                    .map_or(String::new(), |n| format!(", did you mean `{n}`?"));
                return Err(ApplyError::File {
                    path: path.to_owned(),
                    problem: format!(
                        "none of its {} motifs is called `{name}`{hint}",
                        file.motifs.len()
                    ),
                });
            }
        }
        let wanted = |m: &Motif| names.is_empty() || names.iter().any(|name| called(m, name));
        all.extend(file.motifs.into_iter().filter(wanted));
    }
    if let Some(empty) = all.iter().find(|m| m.width() == 0) {
        return Err(ApplyError::Argument {
            name: "--motif",
            problem: format!("expected a motif of 1 bp or more, found `{}`", empty.id),
        });
    }
    if all.is_empty() {
        return Err(ApplyError::Argument {
            name: "--motif",
            problem: "expected a motif: `--motif TGACTCA`, or `--meme FILE`".to_owned(),
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEME: &str = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M1 first\nletter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0\n 1 0 0 0\n 0 0 0 1\n\nMOTIF M2 second\nletter-probability matrix: alength= 4 w= 1 nsites= 20 E= 0\n 0 1 0 0\n";

    #[test]
    fn motifs_come_from_letters_and_by_id_or_name_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.meme");
        fs_err::write(&path, MEME).unwrap();
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            let all = motifs(&["tgan".to_owned()], Some(&path), &names)?;
            Ok::<_, ApplyError>(all.iter().map(Motif::width).collect::<Vec<_>>())
        };
        assert_eq!(named(&[]).unwrap(), [4, 2, 1]);
        assert_eq!(named(&["SECOND"]).unwrap(), [4, 1]);
        assert_eq!(named(&["m1"]).unwrap(), [4, 2]);
        let problem = named(&["secnd"]).unwrap_err().to_string();
        assert!(problem.contains("did you mean `second`?"), "{problem}");
    }

    #[test]
    fn no_motif_and_letters_that_are_no_bases_are_refused() {
        assert!(motifs(&[], None, &[]).is_err());
        for letters in ["", "TG!"] {
            assert!(
                motifs(&[letters.to_owned()], None, &[]).is_err(),
                "{letters}"
            );
        }
    }
}
