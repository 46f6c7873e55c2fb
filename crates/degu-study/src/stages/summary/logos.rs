//! Attribution maps of a few sequences, as logos.

use degu_report::{Logo, LogoForm, ModelKind};
use degu_train::backend::Weights;

use super::{
    super::{AttributionSummary, attribute},
    results::Results,
};

/// Sequences whose maps are drawn.
const LOGOS: usize = 4;

impl Results {
    /// Maps of the strongest sequences: the mean over members with its spread, and the first student.
    pub(super) fn logos(&self, summary: &AttributionSummary, maps: &Weights) -> Vec<Logo> {
        let Some(prepared) = &self.prepared else {
            return Vec::new();
        };
        let mut logos = Vec::new();
        let length = prepared.info.length;
        for (i, row) in summary.rows.iter().take(LOGOS).enumerate() {
            let mut targets: Vec<(degu_core::Part, &str)> = Vec::new();
            for map in &summary.maps {
                if !targets.contains(&(map.part, map.task.as_str())) {
                    targets.push((map.part, &map.task));
                }
            }
            for (part, task) in targets {
                let of = |kind: ModelKind| -> Vec<&[f32]> {
                    let own = summary
                        .maps
                        .iter()
                        .filter(|m| m.kind == kind && m.part == part && m.task == task);
                    own.filter_map(|m| maps.get(&m.tensor))
                        .map(|(_, v)| &v[i * length * 4..(i + 1) * length * 4])
                        .collect()
                };
                for kind in [ModelKind::Member, ModelKind::Student] {
                    let maps = of(kind);
                    if maps.is_empty() {
                        continue;
                    }
                    let (heights, sd) = observed(&maps, prepared.examples.row(*row));
                    logos.push(Logo {
                        sequence: prepared.ids[*row].clone(),
                        title: match (kind, maps.len()) {
                            (ModelKind::Member, n) => format!("mean of {n} members"),
                            (_, n) => format!("mean of {n} students"),
                        },
                        kind: if kind == ModelKind::Member {
                            ModelKind::Ensemble
                        } else {
                            kind
                        },
                        method: summary.method.clone(),
                        task: task.to_owned(),
                        part: attribute::report_part(part),
                        form: LogoForm::Observed,
                        heights,
                        sd: if maps.len() > 1 { sd } else { Vec::new() },
                        spans: Vec::new(),
                        upright_negative: false,
                    });
                }
            }
        }
        logos
    }
}

/// The mean map of the observed bases, and its standard deviation over models per position.
fn observed(maps: &[&[f32]], codes: &[u8]) -> (Vec<[f64; 4]>, Vec<f64>) {
    let mut heights = vec![[0.0; 4]; codes.len()];
    let mut sd = vec![0.0; codes.len()];
    for (l, code) in codes.iter().enumerate().filter(|(_, c)| **c < 4) {
        let values: Vec<f64> = maps
            .iter()
            .map(|m| f64::from(m[l * 4 + *code as usize]))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        heights[l][*code as usize] = mean;
        sd[l] =
            (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    }
    (heights, sd)
}
