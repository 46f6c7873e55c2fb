//! Example: sequences with one activity each, from a text file.
//!
//! Use it as the start of a reader for a format of your own. For tables with a header the plugin
//! `table` is there already, with replicates, barcodes and parts.
//!
//! # Model
//!
//! A line holds a name, a sequence and a number, with tabs between them. All sequences have one
//! length; an empty number is a missing measurement. Sequences that are the same, or reverse
//! complements, form a group, which is never split between training and testing.
//!
//! # Parameters
//!
//! See [`Example`].
//!
//! # Citation
//!
//! None yet.
//!
//! # Differs from the original in
//!
//! Nothing: there is no original.
//!
//! # Source of golden numbers
//!
//! None yet.

use std::collections::BTreeMap;

use degu_core::{
    Build, Dataset, DatasetInfo, Error, FileRef, InMemory, OutputKind, PluginConfig, Result, Row,
};
use degu_genome::{canonical, encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Named sequences with one activity each.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {
    /// Text file of name, sequence and activity.
    pub file: FileRef,
    /// Name of the activity.
    pub task: String,
    /// Unit of the activity.
    pub unit: String,
}

impl Default for Example {
    fn default() -> Self {
        Self {
            file: FileRef::default(),
            task: "activity".to_owned(),
            unit: "log2".to_owned(),
        }
    }
}

impl PluginConfig for Example {}

// Nothing is opened before `build`: a study is read and planned without its data.
impl Build<dyn Dataset> for Example {
    fn build(self) -> Result<Box<dyn Dataset>> {
        let text = std::fs::read_to_string(&self.file.path).map_err(|e| Error::Data {
            path: self.file.path.clone(),
            at: None,
            problem: format!("cannot be read: {e}"),
        })?;
        let mut data = InMemory::new(DatasetInfo {
            title: format!("sequences of {}", self.file.path.display()),
            length: 0,
            tasks: vec![self.task.clone()],
            unit: self.unit.clone(),
            output: OutputKind::Scalar,
            flanks: (String::new(), String::new()),
            replicates: 1,
        });
        let mut groups: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for (i, line) in text.lines().enumerate() {
            let (codes, y, id) = self.row(i + 1, line)?;
            if i == 0 {
                data.info.length = codes.len();
            } else if codes.len() != data.info.length {
                let expected = data.info.length;
                return Err(self.bad(
                    i + 1,
                    format!("expected a sequence of {expected} bp, found {} bp", codes.len()),
                ));
            }
            let next = groups.len() as u64;
            data.rows.push(Row {
                id,
                group: *groups.entry(canonical(&codes)).or_insert(next),
                split: None,
                chromosome: None,
                category: None,
            });
            data.codes.extend(codes);
            data.y.push(y);
        }
        Ok(Box::new(data))
    }
}

impl Example {
    fn row(&self, line: usize, text: &str) -> Result<(Vec<u8>, f32, String)> {
        let fields: Vec<&str> = text.split('\t').collect();
        let [id, sequence, activity] = fields[..] else {
            let found = fields.len();
            return Err(self.bad(line, format!("expected 3 fields, found {found}")));
        };
        let encoded = encode(sequence.as_bytes()).map_err(|e| self.bad(line, e.to_string()))?;
        let y = match activity.trim() {
            "" => f32::NAN,
            number => number.parse().map_err(|_| {
                self.bad(line, format!("expected an activity, found `{number}`"))
            })?,
        };
        Ok((encoded.codes, y, id.to_owned()))
    }

    /// Names the file and the line: a reader of the message can go and look.
    fn bad(&self, line: usize, problem: String) -> Error {
        Error::Data {
            path: self.file.path.clone(),
            at: Some(format!("line {line}")),
            problem,
        }
    }
}

degu_core::register!(Dataset "example", Example, revision = 1,
    "named sequences with one activity each, from a text file");

degu_core::document!("lib.rs");
