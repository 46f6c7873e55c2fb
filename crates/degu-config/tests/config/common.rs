//! Files in a folder of their own.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::{fs, path::Path};

use degu_config::{Config, ConfigErrors, LoadOptions, Study};
use tempfile::TempDir;

/// A good study on one page.
pub(crate) const GOOD: &str = r#"[study]
name = "k562"
seed = 7

[dataset]
plugin = "tiny"
file = { path = "data/k562.tsv" }

[architecture]
plugin = "residualbind"
dropout = 0.2

[ensemble]
members = 5

[calibration.main]
plugin = "split-conformal"
alpha = [0.1]
"#;

/// A folder of experiment files.
pub(crate) struct Folder {
    pub(crate) folder: TempDir,
    pub(crate) options: LoadOptions,
}

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("can be created");
            fs::write(path, text).expect("can be written");
        }
        let options = LoadOptions {
            folder: folder.path().to_owned(),
            ..LoadOptions::default()
        };
        Self { folder, options }
    }

    pub(crate) fn set(mut self, sets: &[&str]) -> Self {
        self.options.sets = sets.iter().map(|set| (*set).to_owned()).collect();
        self
    }

    pub(crate) fn env(mut self, pairs: &[(&str, &str)]) -> Self {
        self.options.env = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        self
    }

    pub(crate) fn load(&self, file: &str) -> Result<Study, ConfigErrors> {
        Study::load(Path::new(file), &self.options)
    }

    pub(crate) fn study(&self, file: &str) -> Study {
        self.load(file).expect("a good study")
    }

    pub(crate) fn config(&self, file: &str) -> Config {
        Config::load(Path::new(file), &self.options).expect("merges")
    }
}

/// One file, `experiment.toml`, with arguments.
pub(crate) fn study(text: &str, sets: &[&str]) -> Result<Study, ConfigErrors> {
    Folder::new(&[("experiment.toml", text)])
        .set(sets)
        .load("experiment.toml")
}

/// What is wrong with one file, as a terminal shows it.
pub(crate) fn rendered(text: &str, sets: &[&str]) -> String {
    study(text, sets)
        .expect_err("a bad study")
        .render(false, 110)
}
