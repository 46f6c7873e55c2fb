//! What the report shows of attribution maps: agreement, completeness, and logos of the sequences
//! that models agree on most and least.

use degu_core::Form;
use degu_genome::{MemeFile, Scanner, Strand, UNIFORM};
use degu_report::{Logo, LogoForm, LogoSpan, ModelKind, ReportData};
use degu_train::backend::Weights;

use crate::{
    error::Result,
    results::{AttributionSummary, PointResults, PreparedData, attribution::report_part},
};
use degu_config::Study;

/// Sequences drawn of each kind: those chosen first, and those that members agree on most and
/// least.
const DRAWN: usize = 2;

/// Hits above this p-value in uniform random bases are not named; with 841 motifs and 230 bp a
/// tenth of a hit is by chance.
const HIT: f64 = 1e-5;

/// Motif names on one logo.
const NAMES: usize = 6;

/// Adds everything about the maps of a study.
pub(super) fn extend(data: &mut ReportData, study: &Study, base: &PointResults<'_>) -> Result<()> {
    let namer = study
        .report
        .motifs
        .as_ref()
        .map(|file| Namer::open(&file.path))
        .transpose()?;
    for (summary, maps) in &base.attribution {
        data.consistency.extend(summary.consistency.iter().cloned());
        data.map_agreement.extend(summary.agreement.iter().cloned());
        data.completeness
            .extend(summary.completeness.iter().cloned());
        let Some((prepared, _)) = &base.prepared else {
            continue;
        };
        let places = drawn(summary, &study.report.show);
        let drawn = logos(summary, maps, prepared, namer.as_ref(), &places);
        if study.report.reverse_complement {
            let turned: Vec<Logo> = drawn.iter().map(Logo::reverse_complement).collect();
            data.logos.extend(drawn);
            data.logos.extend(turned);
        } else {
            data.logos.extend(drawn);
        }
    }
    if let Some(namer) = &namer {
        let named = named_motifs(&data.logos);
        data.logos.extend(namer.logos(&named));
    }
    Ok(())
}

/// Motifs that are named on a logo, in the order of their first appearance.
fn named_motifs(logos: &[Logo]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for span in logos.iter().flat_map(|l| &l.spans) {
        let name = span.label.trim_end_matches([' ', '+', '-']).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Places of the sequences that are drawn, with what is said of them; those that were asked for by
/// name last.
fn drawn(summary: &AttributionSummary, named: &[String]) -> Vec<(usize, &'static str)> {
    let mut all: Vec<(usize, &'static str)> = (0..summary.rows.len().min(DRAWN))
        .map(|i| (i, ""))
        .collect();
    let agreement = summary
        .agreement
        .iter()
        .find(|a| a.metric == "correlation between networks")
        .map(|a| &a.members);
    if let Some(values) = agreement {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
        let most = order.iter().take(DRAWN).map(|i| (*i, ", most agreed on"));
        let least = order
            .iter()
            .rev()
            .take(DRAWN)
            .map(|i| (*i, ", least agreed on"));
        for (place, what) in most.chain(least) {
            match all.iter_mut().find(|(known, _)| *known == place) {
                Some(known) => known.1 = what,
                None => all.push((place, what)),
            }
        }
    }
    for name in named {
        match summary.ids.iter().position(|id| id == name) {
            Some(place) if all.iter().all(|(known, _)| *known != place) => all.push((place, "")),
            Some(_) => {}
            None => tracing::warn!(
                sequence = %name, method = %summary.method,
                "`report.show` names a sequence that was not explained; see `[attribute]` for those that are"
            ),
        }
    }
    all
}

fn logos(
    summary: &AttributionSummary,
    maps: &Weights,
    prepared: &PreparedData,
    namer: Option<&Namer>,
    places: &[(usize, &str)],
) -> Vec<Logo> {
    let length = prepared.info.length;
    let targets = summary.targets();
    let mut logos = Vec::new();
    for (place, what) in places.iter().copied() {
        let row = summary.rows[place];
        let codes = prepared.examples.row(row);
        for (part, task) in &targets {
            let of = |kind: ModelKind| -> Vec<&[f32]> {
                summary
                    .maps
                    .iter()
                    .filter(|m| m.kind == kind && m.part == *part && m.task == *task)
                    .filter_map(|m| maps.get(&m.tensor))
                    .map(|(_, v)| &v[place * length * 4..(place + 1) * length * 4])
                    .collect()
            };
            for (kind, word) in [
                (ModelKind::Member, "members"),
                (ModelKind::Ensemble, "ensemble"),
                (ModelKind::Student, "students"),
            ] {
                let own = of(kind);
                if own.is_empty() {
                    continue;
                }
                let (heights, sd) = observed(summary.form, &own, codes);
                let title = match own.len() {
                    1 if kind == ModelKind::Ensemble => format!("the {word}'s spread{what}"),
                    n => format!("mean of {n} {word}{what}"),
                };
                let spans = namer.map_or_else(Vec::new, |n| n.name(codes, &heights));
                logos.push(Logo {
                    sequence: prepared.ids[row].clone(),
                    title,
                    kind: if kind == ModelKind::Member {
                        ModelKind::Ensemble
                    } else {
                        kind
                    },
                    method: summary.method.clone(),
                    task: (*task).to_owned(),
                    part: report_part(*part),
                    form: LogoForm::Observed,
                    heights,
                    sd: if own.len() > 1 { sd } else { Vec::new() },
                    spans,
                    upright_negative: false,
                });
            }
        }
    }
    logos
}

/// The mean map of the observed bases, and its standard deviation (ddof 1) over models per
/// position.
fn observed(form: Option<Form>, maps: &[&[f32]], codes: &[u8]) -> (Vec<[f64; 4]>, Vec<f64>) {
    let mut heights = vec![[0.0; 4]; codes.len()];
    let mut sd = vec![0.0; codes.len()];
    for (l, code) in codes.iter().enumerate().filter(|(_, c)| **c < 4) {
        let values: Vec<f64> = maps
            .iter()
            .map(|m| {
                let four = &m[l * 4..l * 4 + 4];
                if form == Some(Form::ShapValues) {
                    four.iter().map(|v| f64::from(*v)).sum()
                } else {
                    f64::from(four[usize::from(*code)])
                }
            })
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        heights[l][usize::from(*code)] = mean;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        sd[l] = (squares / (n - 1.0).max(1.0)).sqrt();
    }
    (heights, sd)
}

/// Names stretches of a map by motifs.
struct Namer {
    motifs: Vec<degu_genome::Motif>,
    scanner: Scanner,
    thresholds: Vec<f64>,
}

impl Namer {
    fn open(path: &std::path::Path) -> Result<Self> {
        let motifs = MemeFile::open(path)?.motifs;
        let scores: Vec<_> = motifs.iter().map(|m| m.log_odds(UNIFORM, 0.01)).collect();
        let thresholds = scores
            .iter()
            .map(|s| s.grid_threshold(HIT, UNIFORM))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            scanner: Scanner::new(&scores),
            motifs,
            thresholds,
        })
    }

    fn label(&self, motif: usize) -> &str {
        let motif = &self.motifs[motif];
        if motif.name.is_empty() {
            &motif.id
        } else {
            &motif.name
        }
    }

    /// Hits that matter to the model: by the map's sum under the hit, largest first, without
    /// overlap.
    fn name(&self, codes: &[u8], heights: &[[f64; 4]]) -> Vec<LogoSpan> {
        let total: f64 = heights.iter().flatten().map(|h| h.abs()).sum();
        let mut hits: Vec<(f64, usize, usize, String)> = self
            .scanner
            .hits(&[codes], &self.thresholds)
            .into_iter()
            .map(|hit| {
                let end = hit.start + self.motifs[hit.motif].width();
                let weight: f64 = heights[hit.start..end].iter().flatten().sum::<f64>().abs();
                let strand = if hit.strand == Strand::Forward {
                    "+"
                } else {
                    "-"
                };
                (
                    weight,
                    hit.start,
                    end,
                    format!("{} {strand}", self.label(hit.motif)),
                )
            })
            // A stretch of average weight is no explanation.
            .filter(|(weight, start, end, _)| {
                *weight > 2.0 * total * (end - start) as f64 / heights.len().max(1) as f64
            })
            .collect();
        hits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut spans: Vec<LogoSpan> = Vec::new();
        for (_, start, end, label) in hits {
            if spans.len() < NAMES && spans.iter().all(|s| end <= s.start || start >= s.end) {
                spans.push(LogoSpan { start, end, label });
            }
        }
        spans.sort_by_key(|s| s.start);
        spans
    }

    /// Information logos of motifs by name.
    fn logos(&self, names: &[String]) -> Vec<Logo> {
        let found = names
            .iter()
            .filter_map(|name| (0..self.motifs.len()).find(|m| self.label(*m) == name));
        found
            .map(|m| Logo::information(self.label(m), &self.motifs[m].probabilities))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_drawn_by_name_once() {
        let summary = AttributionSummary {
            ids: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            rows: vec![7, 3, 5, 1],
            ..AttributionSummary::default()
        };
        let named = ["d", "a", "elsewhere"].map(str::to_owned);
        let places: Vec<usize> = drawn(&summary, &named).into_iter().map(|p| p.0).collect();
        assert_eq!(places, [0, 1, 3]);
    }

    #[test]
    fn stretches_that_matter_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.meme");
        let motifs = [
            degu_genome::Motif::from_consensus("TGACTCATGA", 0.97).unwrap(),
            degu_genome::Motif::from_consensus("CCGGAAGTCC", 0.97).unwrap(),
        ];
        degu_genome::write_meme(&path, &motifs, UNIFORM).unwrap();
        let namer = Namer::open(&path).unwrap();
        let mut text = "A".repeat(80);
        text.replace_range(20..30, "TGACTCATGA");
        // The second motif on the other strand, where the map says nothing.
        text.replace_range(60..70, "GGACTTCCGG");
        let codes = degu_genome::encode(text.as_bytes()).unwrap().codes;
        let mut heights = vec![[0.0; 4]; 80];
        for (l, code) in codes.iter().enumerate() {
            heights[l][usize::from(*code)] = if (20..30).contains(&l) { 1.0 } else { 0.01 };
        }
        let spans = namer.name(&codes, &heights);
        assert_eq!(
            spans,
            [LogoSpan {
                start: 20,
                end: 30,
                label: "TGACTCATGA +".to_owned()
            }]
        );
        let logo = Logo {
            spans,
            ..Logo::default()
        };
        let named = named_motifs(&[logo]);
        assert_eq!(namer.logos(&named).len(), 1);
    }

    #[test]
    fn the_spread_over_models_has_one_degree_less() {
        let (a, b) = ([0.0f32, 1.0, 0.0, 0.0], [0.0f32, 3.0, 0.0, 0.0]);
        let (heights, sd) = observed(Some(Form::Hypothetical), &[&a, &b], &[1]);
        assert!((heights[0][1] - 2.0).abs() < 1e-12 && (sd[0] - 2f64.sqrt()).abs() < 1e-12);
    }
}
