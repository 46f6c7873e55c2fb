//! `kit-profile`: counts in bins around two planted motifs.

use degu_core::{
    Build, Dataset, DatasetInfo, Error, Examples, OutputKind, PluginConfig, Result, Row, Seed,
    Split, Truth,
};
use degu_genome::Draws;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// TGACTCA raises task `ap1`, GGGCGG raises task `sp1`.
const MOTIFS: [&[u8]; 2] = [&[3, 2, 0, 1, 3, 1, 0], &[2, 2, 2, 1, 2, 2]];
const TASKS: [&str; 2] = ["ap1", "sp1"];
/// Expected counts per bin far from a motif, and on it.
const LOW: f64 = 0.5;
const HIGH: f64 = 6.0;
/// Width of a footprint in bp.
const FOOTPRINT: f64 = 6.0;
const REPLICATES: usize = 2;

/// Counts in bins around planted motifs, two replicates of two tasks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProfileConfig {
    /// Training sequences.
    #[schemars(range(min = 1))]
    train: usize,
    /// Validation sequences.
    #[schemars(range(min = 1))]
    validation: usize,
    /// Test sequences.
    #[schemars(range(min = 1))]
    test: usize,
    /// Length in bp, at least 16.
    #[schemars(range(min = 16))]
    length: usize,
    /// Bins, a divisor of the length.
    #[schemars(range(min = 1))]
    bins: usize,
}

impl Default for ProfileConfig {
    fn default() -> Self {
        Self {
            train: 240,
            validation: 80,
            test: 80,
            length: 48,
            bins: 12,
        }
    }
}

impl PluginConfig for ProfileConfig {}

impl Build<dyn Dataset> for ProfileConfig {
    fn build(self) -> Result<Box<dyn Dataset>> {
        if !self.length.is_multiple_of(self.bins) {
            return Err(Error::Shape {
                name: "bins",
                expected: "a divisor of the length",
                got: vec![self.bins, self.length],
            });
        }
        let parts = [
            (Split::Train, self.train),
            (Split::Validation, self.validation),
            (Split::Test, self.test),
        ];
        let rows = parts
            .into_iter()
            .flat_map(|(split, n)| (0..n).map(move |i| (split, i)))
            .enumerate()
            .map(|(row, (split, i))| Row {
                id: format!("{}/{i}", split.name()),
                group: row as u64,
                split: Some(split),
                chromosome: None,
                category: Some(if i % 2 == 0 { "even" } else { "odd" }.to_owned()),
            })
            .collect();
        Ok(Box::new(Profiles {
            info: DatasetInfo {
                title: "counts around planted motifs".to_owned(),
                length: self.length,
                tasks: TASKS.map(str::to_owned).to_vec(),
                unit: "reads per bin".to_owned(),
                output: OutputKind::Profile { bins: self.bins },
                flanks: Default::default(),
                replicates: REPLICATES,
            },
            rows,
        }))
    }
}

struct Profiles {
    info: DatasetInfo,
    rows: Vec<Row>,
}

struct OneRow {
    codes: Vec<u8>,
    /// Expected counts, `[B, T]`.
    rate: Vec<f64>,
}

impl Profiles {
    fn stream(&self, row: usize, name: &str) -> Result<Draws> {
        let row = self.rows.get(row).ok_or(Error::Shape {
            name: "row",
            expected: "a row of the dataset",
            got: vec![row, self.rows.len()],
        })?;
        Ok(Draws::new(
            Seed::root(11).child(&row.id).child(name).bytes(),
        ))
    }

    fn simulate(&self, row: usize) -> Result<OneRow> {
        let mut draws = self.stream(row, "sequence")?;
        let length = self.info.length;
        let bins = self.info.output.bins();
        let step = length / bins;
        let mut codes: Vec<u8> = (0..length).map(|_| draws.below(4) as u8).collect();
        let mut rate = vec![LOW; bins * TASKS.len()];
        // One half of the sequence each, so that neither overwrites the other.
        for (task, motif) in MOTIFS.iter().enumerate() {
            if draws.unit() < 0.25 {
                continue;
            }
            let half = length / 2;
            let start = task * half + draws.below(half - motif.len() + 1);
            codes[start..start + motif.len()].copy_from_slice(motif);
            let centre = start as f64 + motif.len() as f64 / 2.0;
            for bin in 0..bins {
                let apart = ((bin as f64 + 0.5) * step as f64 - centre) / FOOTPRINT;
                rate[bin * TASKS.len() + task] += (HIGH - LOW) * (-apart * apart).exp();
            }
        }
        Ok(OneRow { codes, rate })
    }
}

/// Knuth's method; rates are small.
fn poisson(rate: f64, draws: &mut Draws) -> f64 {
    let limit = (-rate).exp();
    let (mut product, mut n) = (draws.unit(), 0.0);
    while product > limit {
        product *= draws.unit();
        n += 1.0;
    }
    n
}

impl Dataset for Profiles {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn read(&self, index: &[usize]) -> Result<Examples> {
        let (mut codes, mut y, mut std) = (Vec::new(), Vec::new(), Vec::new());
        for &row in index {
            let one = self.simulate(row)?;
            let mut draws = self.stream(row, "counts")?;
            codes.extend(one.codes);
            for rate in one.rate {
                let (a, b) = (poisson(rate, &mut draws), poisson(rate, &mut draws));
                // A bin that was not measured, as under a blacklist.
                let known = draws.below(40) != 0;
                y.push(if known {
                    f64::midpoint(a, b) as f32
                } else {
                    f32::NAN
                });
                let apart = ((a - b).abs() / 2f64.sqrt()) as f32;
                std.push(if known { apart } else { f32::NAN });
            }
        }
        Ok(Examples {
            codes,
            y,
            replicate_std: Some(std),
            weight: None,
        })
    }

    fn truth(&self, index: &[usize]) -> Result<Option<Truth>> {
        let mut truth = Truth {
            mean: Vec::new(),
            noise_std: Vec::new(),
        };
        for &row in index {
            for rate in self.simulate(row)?.rate {
                truth.mean.push(rate as f32);
                truth.noise_std.push(rate.sqrt() as f32);
            }
        }
        Ok(Some(truth))
    }
}

degu_core::register!(Dataset "kit-profile", ProfileConfig, revision = 1, "counts in bins around planted motifs");
