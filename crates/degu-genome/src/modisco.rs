//! Export for tf-modisco-lite: two arrays `[N, 4, L]` and the command that reads them.

use std::path::{Path, PathBuf};

use crate::error::{GenomeError, Result};
use crate::npy::{NpyArray, NpyValues, write_npz};
use crate::one_hot::{BaseAxis, BaseOrder, one_hot_in};
use crate::text::write_atomically;

/// Files written for `modisco motifs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModiscoExport {
    /// One-hot sequences, int8 `[N, 4, L]`, key `arr_0`.
    pub sequences: PathBuf,
    /// Hypothetical attributions, float32 `[N, 4, L]`, key `arr_0`.
    pub attributions: PathBuf,
    /// Shell script with the command.
    pub script: PathBuf,
    /// The window handed to modisco: the largest even number of bp within L.
    pub window: usize,
}

/// Writes `ohe.npz`, `attr.npz` and `modisco.sh` into `folder`.
///
/// Our arrays are channels-last and are transposed, not reshaped. modisco cuts the window `[L/2 -
/// W/2, L/2 + W/2)` and fails if it is not W long, so its default of 400 fails for 249 or 230 bp:
/// the script states the largest even W.
///
/// # Shapes
///
/// * `codes` - base codes, `[N, L]`
/// * `hypothetical` - hypothetical attributions (not multiplied by the input), `[N, L, 4]`, ACGT
///
/// # Errors
///
/// [`GenomeError::Argument`] if the numbers of values disagree, for L below 2, or for an
/// attribution that is not finite (modisco has no use for NaN); [`GenomeError::Io`].
pub fn export_modisco(
    folder: impl AsRef<Path>,
    codes: &[u8],
    hypothetical: &[f32],
    length: usize,
) -> Result<ModiscoExport> {
    if length < 2 || !codes.len().is_multiple_of(length) || hypothetical.len() != 4 * codes.len() {
        return Err(GenomeError::argument(
            "attributions",
            "codes [N, L] and attributions [N, L, 4] with L of at least 2",
            format_args!(
                "{} codes, {} attributions, L = {length}",
                codes.len(),
                hypothetical.len()
            ),
        ));
    }
    if let Some(at) = hypothetical.iter().position(|value| !value.is_finite()) {
        return Err(GenomeError::argument(
            "attributions",
            "finite values",
            format_args!(
                "{} at row {}, position {}",
                hypothetical[at],
                at / (4 * length),
                at / 4 % length
            ),
        ));
    }
    let rows = codes.len() / length;
    let shape = vec![rows, 4, length];
    let one_hot: Vec<i8> = codes
        .chunks_exact(length)
        .flat_map(|row| one_hot_in(row, BaseAxis::First, BaseOrder::ACGT))
        .map(|value| value as i8)
        .collect();
    let mut transposed = Vec::with_capacity(hypothetical.len());
    for row in hypothetical.chunks_exact(4 * length) {
        for base in 0..4 {
            transposed.extend((0..length).map(|position| row[4 * position + base]));
        }
    }
    let folder = folder.as_ref();
    let window = modisco_window(length);
    let export = ModiscoExport {
        sequences: folder.join("ohe.npz"),
        attributions: folder.join("attr.npz"),
        script: folder.join("modisco.sh"),
        window,
    };
    let sequences = NpyArray::new(shape.clone(), NpyValues::I8(one_hot))?;
    let attributions = NpyArray::new(shape, NpyValues::F32(transposed))?;
    write_npz(&export.sequences, &[("arr_0", &sequences)])?;
    write_npz(&export.attributions, &[("arr_0", &attributions)])?;
    let script = modisco_script("ohe.npz", "attr.npz", rows, length);
    write_atomically(&export.script, script.as_bytes())?;
    Ok(export)
}

/// The largest window that `modisco motifs -w` takes of sequences of `length` bp: even, and not
/// longer than they are.
pub fn modisco_window(length: usize) -> usize {
    length / 2 * 2
}

/// The shell script that runs `modisco motifs` on two files beside it.
pub fn modisco_script(sequences: &str, attributions: &str, rows: usize, length: usize) -> String {
    let window = modisco_window(length);
    format!(
        "#!/bin/sh\n# pip install modisco-lite; {rows} sequences of {length} bp, window {window}\n\
         cd \"$(dirname \"$0\")\" || exit 1\n\
         modisco motifs -s '{sequences}' -a '{attributions}' -n 2000 -w {window} -o modisco_results.h5\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::{decode, encode};
    use crate::npy::read_npz;
    use crate::one_hot::codes_from_one_hot;

    #[test]
    fn arrays_are_transposed_and_spell_the_sequences() {
        let texts = ["GATTACANT", "ACGTTTGGC"];
        let codes: Vec<u8> = texts
            .iter()
            .flat_map(|text| encode(text.as_bytes()).unwrap().codes)
            .collect();
        let attributions: Vec<f32> = (0..72).map(|value| value as f32).collect();
        let folder = tempfile::tempdir().unwrap();
        let export = export_modisco(folder.path(), &codes, &attributions, 9).unwrap();
        assert_eq!(export.window, 8);
        let sequences = read_npz(&export.sequences).unwrap();
        assert_eq!(sequences.keys().collect::<Vec<_>>(), ["arr_0"]);
        let array = &sequences["arr_0"];
        assert_eq!(array.shape, [2, 4, 9]);
        let values: Vec<f32> = array.values.to_f64().iter().map(|v| *v as f32).collect();
        let back = codes_from_one_hot(&values, 9, BaseAxis::First, BaseOrder::ACGT, 0).unwrap();
        assert_eq!(back.chunks(9).map(decode).collect::<Vec<_>>(), texts);
        let array = &read_npz(&export.attributions).unwrap()["arr_0"];
        let values = array.values.to_f64();
        for row in 0..2 {
            for base in 0..4 {
                for position in 0..9 {
                    let expected = (row * 36 + position * 4 + base) as f64;
                    let found = values[row * 36 + base * 9 + position];
                    assert!((found - expected).abs() < 1e-12);
                }
            }
        }
        let script = fs_err::read_to_string(&export.script).unwrap();
        assert!(script.contains("-w 8 "), "{script}");
    }

    #[test]
    fn unusable_attributions_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(export_modisco(folder.path(), &[0, 1], &[0.0; 7], 2).is_err());
        let error = export_modisco(folder.path(), &[0, 1], &[f32::NAN; 8], 2).unwrap_err();
        assert!(error.to_string().contains("row 0, position 0"), "{error}");
    }
}
