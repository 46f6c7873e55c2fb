use std::collections::BTreeMap;

use degu_genome::is_reverse_complement;

/// Suffixes of reverse orientations, longest first.
const REVERSE: [&str; 4] = ["_Reversed_0", "_Reversed:", "_Reversed", "_R"];

/// What became of names that claim to be two orientations of one element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrientationReport {
    /// Pairs whose elements are reverse complements, as row numbers (forward, reverse).
    pub verified: Vec<(usize, usize)>,
    /// Pairs whose names match and whose elements do not.
    pub contradicted: Vec<(usize, usize)>,
    /// Rows named as a reverse orientation without a forward row.
    pub unpaired: usize,
}

/// Pairs names by their orientation suffix and checks the pairs by sequence.
///
/// A reverse name ends in `_Reversed_0`, `_Reversed:`, `_Reversed` or `_R`; its forward partner has
/// the rest of the name with `_F` or nothing behind it.
///
/// ```
/// use degu_data_lentimpra::orientation_pairs;
/// use degu_genome::encode;
/// let elements: Vec<Vec<u8>> = ["ACC", "GGT", "AAA"].iter().map(|e| encode(e.as_bytes()).unwrap().codes).collect();
/// let report = orientation_pairs(&["x_F", "x_Reversed:", "y_R"], &elements);
/// assert_eq!(report.verified, [(0, 1)]);
/// assert_eq!(report.unpaired, 1);
/// ```
pub fn orientation_pairs<S: AsRef<str>, E: AsRef<[u8]>>(
    names: &[S],
    elements: &[E],
) -> OrientationReport {
    let row_of: BTreeMap<&str, usize> = names
        .iter()
        .enumerate()
        .rev()
        .map(|(row, name)| (name.as_ref(), row))
        .collect();
    let mut report = OrientationReport::default();
    for (reverse, name) in names.iter().enumerate() {
        let Some(base) = REVERSE
            .iter()
            .find_map(|suffix| name.as_ref().strip_suffix(suffix))
        else {
            continue;
        };
        let forward = row_of
            .get(format!("{base}_F").as_str())
            .or_else(|| row_of.get(base));
        match forward {
            None => report.unpaired += 1,
            Some(forward) => {
                let pair = (*forward, reverse);
                if is_reverse_complement(elements[*forward].as_ref(), elements[reverse].as_ref()) {
                    report.verified.push(pair);
                } else {
                    report.contradicted.push(pair);
                }
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use degu_genome::encode;

    #[test]
    fn suffixes_are_removed_as_suffixes() {
        let names = [
            "X10",
            "X10_Reversed_0",
            "X1",
            "seq55245",
            "seq55245_Reversed",
            "p_F",
            "p_R",
            "q_F",
            "q_Reversed:",
        ];
        let text = [
            "AACG", "CGTT", "TTTT", "ACCC", "GGGT", "AGGG", "CCCT", "ATTG", "ATTG",
        ];
        let elements: Vec<Vec<u8>> = text
            .iter()
            .map(|t| encode(t.as_bytes()).unwrap().codes)
            .collect();
        let report = orientation_pairs(&names, &elements);
        assert_eq!(report.verified, [(0, 1), (3, 4), (5, 6)]);
        assert_eq!(report.contradicted, [(7, 8)]);
        assert_eq!(report.unpaired, 0);
    }
}
