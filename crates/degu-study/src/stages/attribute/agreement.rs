//! How well the maps of members and of students agree, sequence by sequence, with paired tests.
//!
//! As in DEGU: the RMSE of a map to the mean map of the teacher's members, and the spread of the
//! maps of a kind. A member is part of the mean it is compared with, so each is compared with the
//! mean of the *other* members as well; smoother networks have smaller maps, so maps are also
//! compared at unit length, by cosine and by Pearson correlation. Maps are hypothetical ones
//! without their mean over the four bases.

use degu_core::Component;
use degu_report::{ConsistencyRow, MapAgreement, ModelKind};
use degu_stats::{
    bootstrap::{Bootstrap, Units},
    compare::sign_flip_test,
    metrics,
    two_sample::{signed_rank, welch},
};

use crate::{
    error::Result,
    results::{AttributionSummary, attribution::report_part},
};

/// Names of the measures, in the order of the report.
const TO_TEACHER: &str = "RMSE to the teacher's map";
const TO_OTHERS: &str = "RMSE to the map of the other members";
const UNIT: &str = "RMSE at unit length";
const COSINE: &str = "cosine with the teacher's map";
const CORRELATION: &str = "correlation with the teacher's map";
const VARIABILITY: &str = "variability";
const PAIRWISE: &str = "correlation between networks";

/// Maps of one target, `[N * L * 4]` each.
pub(super) struct Target<'a> {
    pub(super) part: Component,
    pub(super) task: &'a str,
    pub(super) members: Vec<&'a [f32]>,
    pub(super) students: Vec<&'a [f32]>,
}

/// One measure: values by model and sequence, or by sequence alone.
struct Measure {
    name: &'static str,
    lower_is_better: bool,
    members: Vec<Vec<f64>>,
    students: Vec<Vec<f64>>,
}

/// Rows of the summary and tests of one target.
pub(super) fn agreement(
    summary: &AttributionSummary,
    target: &Target<'_>,
    sequences: usize,
) -> Result<(Vec<ConsistencyRow>, Vec<MapAgreement>)> {
    let (mut rows, mut tests) = (Vec::new(), Vec::new());
    for measure in measures(target, sequences) {
        for (kind, values) in [
            (ModelKind::Member, &measure.members),
            (ModelKind::Student, &measure.students),
        ] {
            if values.is_empty() {
                continue;
            }
            let values = by_sequence(values);
            let ci = interval(&values)?;
            rows.push(ConsistencyRow {
                method: summary.method.clone(),
                task: target.task.to_owned(),
                part: report_part(target.part),
                kind,
                metric: measure.name.to_owned(),
                value: mean(&values),
                ci_low: ci.map(|c| c.0),
                ci_high: ci.map(|c| c.1),
                n: sequences,
            });
        }
        if !(measure.members.is_empty() || measure.students.is_empty()) {
            tests.push(test(summary, target, &measure)?);
        }
    }
    Ok((rows, tests))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Students against members, paired by sequence.
fn test(
    summary: &AttributionSummary,
    target: &Target<'_>,
    measure: &Measure,
) -> Result<MapAgreement> {
    let members = by_sequence(&measure.members);
    let students = by_sequence(&measure.students);
    let differences: Vec<f64> = students.iter().zip(&members).map(|(s, m)| s - m).collect();
    let ci = interval(&differences)?;
    let better = differences
        .iter()
        .filter(|d| **d != 0.0 && (**d < 0.0) == measure.lower_is_better)
        .count();
    // Networks are what was trained again: a claim about training rests on their means.
    let means = |all: &[Vec<f64>]| -> Vec<f64> { all.iter().map(|values| mean(values)).collect() };
    let models_p = if measure.members.len() > 1 && measure.students.len() > 1 {
        Some(welch(&means(&measure.students), &means(&measure.members))?.p)
    } else {
        None
    };
    let (wilcoxon_p, sign_flip_p) = if differences.len() > 1 {
        let signs = sign_flip_test(&differences, 0)?;
        (Some(signed_rank(&differences)?.p), Some(signs.p))
    } else {
        (None, None)
    };
    Ok(MapAgreement {
        method: summary.method.clone(),
        task: target.task.to_owned(),
        part: report_part(target.part),
        metric: measure.name.to_owned(),
        lower_is_better: measure.lower_is_better,
        sequences: summary.ids.clone(),
        difference: mean(&differences),
        ci_low: ci.map(|c| c.0),
        ci_high: ci.map(|c| c.1),
        better: better as f64 / differences.len() as f64,
        wilcoxon_p,
        sign_flip_p,
        models_p,
        models: (target.members.len(), target.students.len()),
        members,
        students,
    })
}

/// Mean over models of each sequence.
fn by_sequence(values: &[Vec<f64>]) -> Vec<f64> {
    let n = values.first().map_or(0, Vec::len);
    (0..n)
        .map(|i| values.iter().map(|v| v[i]).sum::<f64>() / values.len() as f64)
        .collect()
}

/// Bootstrap interval of a mean over sequences.
fn interval(values: &[f64]) -> Result<Option<(f64, f64)>> {
    if values.len() < 2 {
        return Ok(None);
    }
    let found = Bootstrap::from_u64(0).mean(&Units::rows(values.len()), values)?;
    Ok(Some((found.lower, found.upper)))
}

fn measures(target: &Target<'_>, n: usize) -> Vec<Measure> {
    let members: Vec<Vec<f64>> = target.members.iter().map(|m| centred(m)).collect();
    let students: Vec<Vec<f64>> = target.students.iter().map(|m| centred(m)).collect();
    let size = members.first().or(students.first()).map_or(0, Vec::len);
    if size == 0 || n == 0 {
        return Vec::new();
    }
    let per = size / n;
    let mut all = Vec::new();
    if members.len() > 1 {
        let teacher = average(&members.iter().collect::<Vec<_>>());
        let to = |map: &Vec<f64>, f: &dyn Fn(&[f64], &[f64]) -> f64| -> Vec<f64> {
            let rows = map.chunks(per).zip(teacher.chunks(per));
            rows.map(|(a, b)| f(a, b)).collect()
        };
        let mut push = |name, lower_is_better, f: &dyn Fn(&[f64], &[f64]) -> f64| {
            all.push(Measure {
                name,
                lower_is_better,
                members: members.iter().map(|m| to(m, f)).collect(),
                students: students.iter().map(|m| to(m, f)).collect(),
            });
        };
        push(TO_TEACHER, true, &rmse);
        push(UNIT, true, &|a, b| rmse(&unit(a), &unit(b)));
        push(COSINE, false, &cosine);
        let correlation =
            |a: &[f64], b: &[f64]| metrics::pearson(a, b).ok().flatten().unwrap_or(0.0);
        push(CORRELATION, false, &correlation);
        let others = (0..members.len())
            .map(|k| {
                let rest: Vec<&Vec<f64>> = (0..members.len())
                    .filter(|i| *i != k)
                    .map(|i| &members[i])
                    .collect();
                let rest = average(&rest);
                let rows = members[k].chunks(per).zip(rest.chunks(per));
                rows.map(|(a, b)| rmse(a, b)).collect()
            })
            .collect();
        all.push(Measure {
            name: TO_OTHERS,
            lower_is_better: true,
            members: others,
            students: students.iter().map(|m| to(m, &rmse)).collect(),
        });
    }
    let spread = |maps: &[Vec<f64>]| -> Vec<Vec<f64>> {
        if maps.len() < 2 {
            return Vec::new();
        }
        vec![variability(maps, n, per)]
    };
    let pairs = |maps: &[Vec<f64>]| -> Vec<Vec<f64>> {
        if maps.len() < 2 {
            return Vec::new();
        }
        vec![pairwise(maps, n, per)]
    };
    for (name, lower_is_better, of) in [
        (
            VARIABILITY,
            true,
            &spread as &dyn Fn(&[Vec<f64>]) -> Vec<Vec<f64>>,
        ),
        (PAIRWISE, false, &pairs),
    ] {
        let measure = Measure {
            name,
            lower_is_better,
            members: of(&members),
            students: of(&students),
        };
        if !(measure.members.is_empty() && measure.students.is_empty()) {
            all.push(measure);
        }
    }
    all
}

/// A map without its mean over the four bases.
fn centred(map: &[f32]) -> Vec<f64> {
    map.chunks(4)
        .flat_map(|four| {
            let mean = four.iter().map(|v| f64::from(*v)).sum::<f64>() / four.len() as f64;
            four.iter().map(move |v| f64::from(*v) - mean)
        })
        .collect()
}

fn average(maps: &[&Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; maps.first().map_or(0, |m| m.len())];
    for map in maps {
        for (s, v) in sum.iter_mut().zip(map.iter()) {
            *s += v / maps.len() as f64;
        }
    }
    sum
}

fn rmse(a: &[f64], b: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (squares / a.len() as f64).sqrt()
}

fn unit(a: &[f64]) -> Vec<f64> {
    let length = a.iter().map(|v| v * v).sum::<f64>().sqrt();
    let scale = if length > 0.0 { length } else { 1.0 };
    a.iter().map(|v| v / scale).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    unit(a).iter().zip(unit(b)).map(|(a, b)| a * b).sum()
}

/// Root of the summed variances over models (ddof 0), by sequence.
fn variability(maps: &[Vec<f64>], n: usize, per: usize) -> Vec<f64> {
    let mean = average(&maps.iter().collect::<Vec<_>>());
    let mut sums = vec![0.0; n];
    for map in maps {
        for (i, (v, m)) in map.iter().zip(&mean).enumerate() {
            sums[i / per] += (v - m).powi(2) / maps.len() as f64;
        }
    }
    sums.into_iter().map(f64::sqrt).collect()
}

/// Mean Pearson correlation over pairs of models, by sequence.
fn pairwise(maps: &[Vec<f64>], n: usize, per: usize) -> Vec<f64> {
    (0..n)
        .map(|i| {
            let of = |map: &Vec<f64>| map[i * per..(i + 1) * per].to_vec();
            let (mut sum, mut count) = (0.0, 0.0);
            for (k, a) in maps.iter().enumerate() {
                for b in &maps[k + 1..] {
                    sum += metrics::pearson(&of(a), &of(b))
                        .ok()
                        .flatten()
                        .unwrap_or(0.0);
                    count += 1.0;
                }
            }
            sum / count
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 maps of 4 sequences of 5 bp.
    fn maps() -> Vec<Vec<f32>> {
        (0..3)
            .map(|k| {
                (0..80)
                    .map(|i| ((i * 7 + k * 13) as f32 * 0.37).sin())
                    .collect()
            })
            .collect()
    }

    fn summary() -> AttributionSummary {
        AttributionSummary {
            method: "saliency".to_owned(),
            ids: (0..4).map(|i| format!("s{i}")).collect(),
            ..AttributionSummary::default()
        }
    }

    #[test]
    fn included_and_left_out_differ_by_the_known_factor() {
        let maps = maps();
        let target = Target {
            part: Component::Mean,
            task: "a",
            members: maps.iter().map(Vec::as_slice).collect(),
            students: Vec::new(),
        };
        let measures = measures(&target, 4);
        let find = |name| measures.iter().find(|m| m.name == name).unwrap();
        let (inside, outside) = (find(TO_TEACHER), find(TO_OTHERS));
        for (a, b) in inside.members.iter().zip(&outside.members) {
            for (a, b) in a.iter().zip(b) {
                // RMSE_included = (M - 1) / M RMSE_left_out, exactly.
                assert!((a - b * 2.0 / 3.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn measures_equal_the_direct_formulas() {
        let maps = maps();
        let c: Vec<Vec<f64>> = maps.iter().map(|m| centred(m)).collect();
        let spread = variability(&c, 4, 20);
        let row = 2;
        let mut sum = 0.0;
        for at in row * 20..(row + 1) * 20 {
            let values: Vec<f64> = c.iter().map(|m| m[at]).collect();
            let mean = values.iter().sum::<f64>() / 3.0;
            sum += values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3.0;
        }
        assert!((spread[row] - sum.sqrt()).abs() < 1e-12);
        assert!(
            c[0].chunks(4)
                .all(|four| four.iter().sum::<f64>().abs() < 1e-12)
        );
        let (a, b) = (&c[0][..20], &c[1][..20]);
        let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        let size = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
        assert!((cosine(a, b) - dot / size(a) / size(b)).abs() < 1e-12);
        assert!((cosine(a, a) - 1.0).abs() < 1e-12 && rmse(&unit(a), &unit(a)) < 1e-12);
    }

    #[test]
    fn students_that_are_the_teacher_are_better_everywhere() {
        let maps = maps();
        let teacher: Vec<f32> = (0..80)
            .map(|i| maps.iter().map(|m| m[i]).sum::<f32>() / 3.0)
            .collect();
        let target = Target {
            part: Component::Mean,
            task: "a",
            members: maps.iter().map(Vec::as_slice).collect(),
            students: vec![&teacher, &teacher],
        };
        let (rows, tests) = agreement(&summary(), &target, 4).unwrap();
        let row = |kind, metric: &str| {
            rows.iter()
                .find(|r| r.kind == kind && r.metric == metric)
                .unwrap()
                .value
        };
        assert!(row(ModelKind::Student, TO_TEACHER) < 1e-6);
        assert!((row(ModelKind::Student, COSINE) - 1.0).abs() < 1e-9);
        assert!(row(ModelKind::Member, VARIABILITY) > row(ModelKind::Student, VARIABILITY));
        for test in &tests {
            assert!((test.better - 1.0).abs() < 1e-12, "{}", test.metric);
            assert_eq!(test.sign_flip_p, Some(0.125), "4 pairs of one sign");
            assert_eq!(test.wilcoxon_p, Some(0.125));
        }
    }
}
