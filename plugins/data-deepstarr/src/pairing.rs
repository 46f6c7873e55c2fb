//! Whether the rows of a table and the sequences of a FASTA file are the same in the same order.

/// What the names of both say, row by row.
#[derive(Default)]
pub(crate) struct Pairing {
    different: usize,
    /// Line of the table, name there, name in the FASTA file.
    first: Option<(u64, String, String)>,
}

impl Pairing {
    pub(crate) fn see(&mut self, line: u64, row: &str, sequence: &str) {
        if row == sequence
            || tile(row).is_some_and(|tile_of_row| Some(tile_of_row) == tile(sequence))
        {
            return;
        }
        self.different += 1;
        self.first
            .get_or_insert_with(|| (line, row.to_owned(), sequence.to_owned()));
    }

    /// `None` if all names agree; a note if the file names its sequences in another way; line and
    /// problem if a sequence stands at the wrong row: it has the name of another row, or both names
    /// are places in the genome.
    pub(crate) fn verdict<'a>(
        self,
        mut rows: impl Iterator<Item = &'a str>,
    ) -> Option<Result<String, (u64, String)>> {
        let (line, row, sequence) = self.first?;
        let misplaced = tile(&row).is_some() && tile(&sequence).is_some();
        if misplaced || rows.any(|row| row == sequence) {
            return Some(Err((
                line,
                format!(
                    "expected the sequence of `{row}`, found that of `{sequence}` in the FASTA file: table and sequences must have the \
                     same order of rows"
                ),
            )));
        }
        Some(Ok(format!(
            "{} sequences have other names than their rows, as `{sequence}` and `{row}`: they were paired by their order",
            self.different
        )))
    }
}

/// Chromosome, start, end and strand of a name such as `chrX_100_348_-_peak_849bp_region`.
fn tile(name: &str) -> Option<&str> {
    let strand = name.find("_+").or_else(|| name.find("_-"))?;
    let place = &name[..strand + 2];
    let mut fields = place.rsplit('_').skip(1);
    let number = |field: Option<&str>| {
        field.is_some_and(|field| !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()))
    };
    (number(fields.next()) && number(fields.next())).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pairs: &[(&str, &str)]) -> Option<Result<String, (u64, String)>> {
        let mut pairing = Pairing::default();
        for (i, (row, sequence)) in pairs.iter().enumerate() {
            pairing.see(i as u64 + 2, row, sequence);
        }
        pairing.verdict(pairs.iter().map(|(row, _)| *row))
    }

    #[test]
    fn names_agree_differ_in_form_or_stand_at_the_wrong_row() {
        let a = "chrX_100_348_-_peak";
        assert!(verdict(&[(a, a), (a, "chrX_100_348_-_inactive")]).is_none());
        assert!(verdict(&[("row1", "seq_1"), ("row2", "seq_2")]).is_some_and(|v| v.is_ok()));
        let (line, problem) = verdict(&[(a, a), (a, "chrX_200_448_-_peak")])
            .unwrap()
            .unwrap_err();
        assert_eq!(line, 3);
        assert!(problem.contains("`chrX_200_448_-_peak`"), "{problem}");
        assert!(verdict(&[("one", "two"), ("two", "one")]).is_some_and(|v| v.is_err()));
    }
}
