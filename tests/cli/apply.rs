//! Commands on finished models: maps, variants, motifs.

mod maps;
mod motifs;
mod study;
mod variants;

use std::path::Path;

use crate::support::{LENGTH, model, run_folder};

/// Length of an element: the input without the flanks `AC` and `GT`.
const ELEMENT: usize = LENGTH - 4;

/// A letter of a sequence that repeats nowhere.
fn letters(seed: usize, length: usize) -> String {
    let mut state = seed as u64 * 2_654_435_761 + 12345;
    let next = |state: &mut u64| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b"ACGT"[(*state >> 33) as usize % 4])
    };
    (0..length).map(|_| next(&mut state)).collect()
}

fn fasta(rows: usize) -> String {
    (0..rows)
        .map(|i| format!(">s{i}\n{}\n", letters(i, ELEMENT)))
        .collect()
}

/// A folder with a model, a run, and files.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        model(&folder.path().join("model"));
        run_folder(&folder.path().join("run"));
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs_err::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        Path::new(&self.path(name)).exists()
    }
}

/// A column of numbers.
fn numbers(column: &[String]) -> Vec<f64> {
    column
        .iter()
        .map(|v| v.parse().unwrap_or(f64::NAN))
        .collect()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance, "{i}: {a} {b}");
    }
}
