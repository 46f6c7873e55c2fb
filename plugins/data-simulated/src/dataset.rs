use std::path::PathBuf;
use std::sync::OnceLock;

use degu_core::{
    Dataset, DatasetInfo, Error, Examples, OutputKind, Result, Row, Seed, Split, Truth,
};
use degu_genome::gc_content;
use rayon::prelude::*;

use crate::config::Simulated;
use crate::programme::{Programmes, noise};
use crate::random::{draws, normal};
use crate::sequence::{Generator, Instance};

/// Simulated rows, drawn when they are read: every row is a function of the seed, its part and its
/// place in the part.
pub(crate) struct SimulatedData {
    config: Simulated,
    info: DatasetInfo,
    rows: Vec<Row>,
    programmes: OnceLock<Programmes>,
}

/// What is known of one row; values are `[T]`.
struct Simulation {
    codes: Vec<u8>,
    instances: Vec<Instance>,
    mean: Vec<f64>,
    /// Of the mean over all replicates.
    noise_std: Vec<f64>,
}

impl SimulatedData {
    pub(crate) fn new(config: Simulated) -> Self {
        let info = DatasetInfo {
            title: format!(
                "simulated sequences of {} bp with {} motifs, {} replicates",
                config.length,
                config.consensus().len(),
                config.replicates
            ),
            length: config.length,
            tasks: (0..config.tasks).map(|t| format!("task_{t}")).collect(),
            unit: "standard deviations of the noise-free activity".to_owned(),
            output: OutputKind::Scalar,
            flanks: Default::default(),
            replicates: config.replicates,
        };
        let parts = [
            (Split::Train, config.train),
            (Split::Validation, config.validation),
            (Split::Calibration, config.calibration),
            (Split::Test, config.test),
        ];
        let rows = parts
            .into_iter()
            .flat_map(|(split, count)| (0..count).map(move |i| (split, i)))
            .enumerate()
            .map(|(row, (split, i))| Row {
                id: format!("{}/{i}", split.name()),
                group: row as u64,
                split: Some(split),
                chromosome: None,
                category: None,
            })
            .collect();
        Self {
            config,
            info,
            rows,
            programmes: OnceLock::new(),
        }
    }

    fn programmes(&self) -> &Programmes {
        self.programmes.get_or_init(|| Programmes::of(&self.config))
    }

    /// The stream of a row: its id starts with its part, so that a part does not change when
    /// another one grows.
    fn stream(&self, row: usize) -> Seed {
        Seed::root(self.config.seed).child(&self.rows[row].id)
    }

    fn simulate(&self, row: usize) -> Simulation {
        let generator = Generator {
            length: self.config.length,
            gc: self.config.gc,
            density: self.config.density,
        };
        let programmes = self.programmes();
        let (codes, instances) =
            generator.draw(programmes.motifs(), &self.stream(row).child("sequence"));
        let mean = programmes.mean(&codes);
        let noise_std = mean
            .iter()
            .map(|mean| libm::hypot(self.config.noise * noise(*mean), self.config.noise_add))
            .collect();
        Simulation {
            codes,
            instances,
            mean,
            noise_std,
        }
    }

    /// Mean over the measured replicates and their standard deviation (ddof 1), `[T]` each.
    fn measure(&self, row: usize, simulation: &Simulation) -> (Vec<f32>, Vec<f32>) {
        let replicates = self.config.replicates;
        let seed = self.stream(row).child("noise");
        (0..self.config.tasks)
            .map(|task| {
                let mut draws = draws(&seed.child(format!("task/{task}")));
                let std = simulation.noise_std[task] * libm::sqrt(replicates as f64);
                let measured: Vec<f64> = (0..replicates)
                    .filter_map(|_| {
                        let value = simulation.mean[task] + std * normal(&mut draws);
                        (draws.unit() >= self.config.missing).then_some(value)
                    })
                    .collect();
                let n = measured.len() as f64;
                let mean = measured.iter().sum::<f64>() / n;
                let squares = measured.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
                // 0 / 0 is NaN: no measurement, no mean; one measurement, no spread.
                (mean as f32, libm::sqrt(squares / (n - 1.0).max(0.0)) as f32)
            })
            .unzip()
    }

    fn simulate_all<T: Send>(
        &self,
        index: &[usize],
        keep: impl Fn(usize, Simulation) -> T + Sync,
    ) -> Result<Vec<T>> {
        if let Some(row) = index.iter().find(|row| **row >= self.rows.len()) {
            return Err(Error::Data {
                path: PathBuf::from("simulated"),
                at: Some(format!("row {row}")),
                problem: format!("expected a row below {}", self.rows.len()),
            });
        }
        self.programmes();
        Ok(index
            .par_iter()
            .map(|row| keep(*row, self.simulate(*row)))
            .collect())
    }
}

impl Dataset for SimulatedData {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn read(&self, index: &[usize]) -> Result<Examples> {
        let rows = self.simulate_all(index, |row, simulation| {
            let (y, std) = self.measure(row, &simulation);
            (simulation.codes, y, std)
        })?;
        let mut examples = Examples {
            codes: Vec::with_capacity(index.len() * self.config.length),
            y: Vec::with_capacity(index.len() * self.config.tasks),
            replicate_std: (self.config.replicates > 1).then(Vec::new),
            weight: None,
        };
        for (codes, y, std) in rows {
            examples.codes.extend(codes);
            examples.y.extend(y);
            if let Some(all) = &mut examples.replicate_std {
                all.extend(std);
            }
        }
        Ok(examples)
    }

    fn columns(&self) -> Vec<String> {
        vec!["gc".to_owned(), "instances".to_owned()]
    }

    fn column(&self, name: &str) -> Result<Option<Vec<String>>> {
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let motifs = self.config.consensus();
        match name {
            "gc" => self.simulate_all(&all, |_, s| {
                gc_content(&s.codes).unwrap_or(f64::NAN).to_string()
            }),
            "instances" => self.simulate_all(&all, |_, s| {
                let sites: Vec<String> = s
                    .instances
                    .iter()
                    .map(|i| {
                        let strand = if i.forward { '+' } else { '-' };
                        format!("{}:{}:{strand}", motifs[i.motif], i.start)
                    })
                    .collect();
                sites.join(";")
            }),
            _ => return Ok(None),
        }
        .map(Some)
    }

    fn truth(&self, index: &[usize]) -> Result<Option<Truth>> {
        let replicates = libm::sqrt(self.config.replicates as f64);
        let rows = self.simulate_all(index, |_, s| (s.mean, s.noise_std))?;
        let mut truth = Truth {
            mean: Vec::new(),
            noise_std: Vec::new(),
        };
        for (mean, std) in rows {
            truth.mean.extend(mean.iter().map(|v| *v as f32));
            truth
                .noise_std
                .extend(std.iter().map(|v| (v * replicates) as f32));
        }
        Ok(Some(truth))
    }
}
