//! Maps on disk while they are computed.

use std::path::{Path, PathBuf};

use degu_genome::{Interval, Locus, Strand};
use degu_train::{backend::Weights, model_file};
use serde::{Deserialize, Serialize};

use crate::{ApplyError, Result, Sequences};

/// A folder with one file of tensors and one of names for each shard.
#[derive(Debug, Clone)]
pub(super) struct Shards {
    folder: PathBuf,
}

/// What identifies the work: shards of other work are not used.
const STATE: &str = "state.json";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    format: u32,
    work: serde_json::Value,
}

/// A locus as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedLocus(String, u64, u64, bool);

/// Names of a shard; it exists once all of the shard does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Names {
    digest: String,
    ids: Vec<String>,
    elements: Vec<(usize, usize)>,
    loci: Vec<Option<SavedLocus>>,
}

/// Maps of one group in a shard; row-major `[n, L, 4]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct GroupMaps {
    pub(super) mean: Vec<f32>,
    pub(super) sd: Option<Vec<f32>>,
    pub(super) agreement: Option<Vec<f32>>,
    /// Completeness error by sequence.
    pub(super) delta: Option<Vec<f32>>,
}

/// A shard as it is read back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shard {
    pub(super) sequences: Sequences,
    pub(super) groups: Vec<GroupMaps>,
}

impl Shards {
    /// Opens the folder of some work; shards of other work are removed.
    pub(super) fn open(folder: &Path, work: serde_json::Value) -> Result<Self> {
        let state = State { format: 1, work };
        let file = folder.join(STATE);
        let same = fs_err::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok())
            .is_some_and(|found| found == state);
        if !same {
            if folder.exists() {
                if !file.is_file() && fs_err::read_dir(folder)?.next().is_some() {
                    return Err(ApplyError::File {
                        path: folder.to_owned(),
                        problem: "expected a folder of unfinished maps, found something else; move it, or choose another output".to_owned(),
                    });
                }
                fs_err::remove_dir_all(folder)?;
            }
            fs_err::create_dir_all(folder)?;
            write_whole(&file, &serde_json::to_vec_pretty(&state)?)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, shard: usize, extension: &str) -> PathBuf {
        self.folder.join(format!("{shard:08}.{extension}"))
    }

    /// Whether a shard of these sequences is there.
    pub(super) fn has(&self, shard: usize, sequences: &Sequences) -> bool {
        let Ok(bytes) = fs_err::read(self.path(shard, "json")) else {
            return false;
        };
        serde_json::from_slice::<Names>(&bytes).is_ok_and(|names| names.digest == digest(sequences))
    }

    /// Writes a shard; it counts once its names are there.
    pub(super) fn write(
        &self,
        shard: usize,
        sequences: &Sequences,
        groups: &[GroupMaps],
    ) -> Result<()> {
        let n = sequences.ids.len();
        let length = sequences.codes.len() / n.max(1);
        let mut tensors = Weights::new();
        let codes = sequences.codes.iter().map(|c| f32::from(*c)).collect();
        tensors.insert("codes".to_owned(), (vec![n, length], codes));
        for (g, maps) in groups.iter().enumerate() {
            let mut put = |name: &str, values: &Option<Vec<f32>>, shape: Vec<usize>| {
                if let Some(values) = values {
                    tensors.insert(format!("{g}/{name}"), (shape, values.clone()));
                }
            };
            let map = vec![n, length, 4];
            put("mean", &Some(maps.mean.clone()), map.clone());
            put("sd", &maps.sd, map.clone());
            put("agreement", &maps.agreement, map);
            put("delta", &maps.delta, vec![n]);
        }
        write_whole(
            &self.path(shard, "safetensors"),
            &model_file::weights_to_bytes(&tensors)?,
        )?;
        let names = Names {
            digest: digest(sequences),
            ids: sequences.ids.clone(),
            elements: sequences.elements.clone(),
            loci: sequences
                .loci
                .iter()
                .map(|l| l.as_ref().map(save))
                .collect(),
        };
        write_whole(&self.path(shard, "json"), &serde_json::to_vec(&names)?)
    }

    /// Reads a shard with `groups` groups back.
    pub(super) fn read(&self, shard: usize, groups: usize) -> Result<Shard> {
        let names: Names = serde_json::from_slice(&fs_err::read(self.path(shard, "json"))?)?;
        let path = self.path(shard, "safetensors");
        let mut tensors = model_file::weights_from_bytes(&fs_err::read(&path)?)?;
        let mut take = |name: String| tensors.remove(&name).map(|(_, values)| values);
        let codes = take("codes".to_owned()).unwrap_or_default();
        let groups = (0..groups)
            .map(|g| GroupMaps {
                mean: take(format!("{g}/mean")).unwrap_or_default(),
                sd: take(format!("{g}/sd")),
                agreement: take(format!("{g}/agreement")),
                delta: take(format!("{g}/delta")),
            })
            .collect();
        let sequences = Sequences {
            codes: codes.into_iter().map(|c| c as u8).collect(),
            ids: names.ids,
            elements: names.elements,
            loci: names.loci.into_iter().map(|l| l.map(load)).collect(),
            categories: Vec::new(),
        };
        if digest(&sequences) != names.digest {
            return Err(ApplyError::File {
                path,
                problem: "its sequences are not those of its names; remove the folder and run the command again".to_owned(),
            });
        }
        Ok(Shard { sequences, groups })
    }

    /// Removes everything.
    pub(super) fn remove(self) -> Result<()> {
        Ok(fs_err::remove_dir_all(&self.folder)?)
    }
}

fn save(locus: &Locus) -> SavedLocus {
    let Interval {
        chromosome,
        start,
        end,
    } = &locus.interval;
    SavedLocus(
        chromosome.clone(),
        *start,
        *end,
        locus.strand == Strand::Reverse,
    )
}

fn load(SavedLocus(chromosome, start, end, reverse): SavedLocus) -> Locus {
    Locus {
        interval: Interval::new(chromosome, start, end),
        strand: if reverse {
            Strand::Reverse
        } else {
            Strand::Forward
        },
    }
}

fn digest(sequences: &Sequences) -> String {
    let mut hasher = blake3::Hasher::new();
    for id in &sequences.ids {
        hasher.update(&(id.len() as u64).to_le_bytes());
        hasher.update(id.as_bytes());
    }
    hasher.update(&sequences.codes);
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Writes beside the target and renames.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_added_extension("partial");
    fs_err::write(&beside, bytes)?;
    Ok(fs_err::rename(&beside, path)?)
}
