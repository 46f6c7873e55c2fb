//! Writes the report of an invented study: `cargo run -p degu-report --example demo -- FOLDER`.
//!
//! All numbers are invented and follow a fixed stream; they show what a report looks like, not what
//! any method reaches.

use std::path::PathBuf;

use degu_report::{
    Arm, CalibrationRow, Comparison, CompletenessRow, ConditionalRow, ConfigurationRow,
    ConsistencyRow, CurvePoint, DatasetSummary, Epoch, Fact, GapClosed, Hole, HoleState,
    LearningCurve, Logo, LogoSpan, MapAgreement, MetricRow, ModelKind, NamedValue, Part,
    PluginNote, Point, Provenance, ReportData, Scatter, Setting, SettingRow, SettingScore,
    Settings, ShiftCurve, SplitSummary, Sweep, SweepLine, Task, Tone, Transfer, write_figures,
    write_report, write_tables,
};

/// A small fixed stream of numbers (SplitMix64).
struct Stream(u64);

impl Stream {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Close enough to a normal for a picture: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

const TASKS: [&str; 2] = ["K562", "HepG2"];

fn main() -> degu_report::Result<()> {
    let folder = PathBuf::from(
        std::env::args()
            .nth(1)
            .unwrap_or_else(|| "demo-report".into()),
    );
    let data = demo();
    write_report(&data, &folder.join("report.html"))?;
    write_figures(&data, &folder.join("figures"))?;
    write_tables(&data, &folder.join("tables"))?;
    Ok(())
}

fn demo() -> ReportData {
    let mut stream = Stream(7);
    let mut data = ReportData::new(
        "demo",
        "Invented study: what a report looks like",
        "degu-lab 0.1.0",
    );
    data.summary = "Ten networks were trained on activities of regulatory sequences, distilled into single networks that also \
         predict how far to trust them, and calibrated. All numbers on this page are invented."
        .into();
    data.tasks = TASKS
        .map(|name| Task {
            name: name.into(),
            unit: "log2 RNA/DNA".into(),
        })
        .into();
    facts(&mut data);
    record(&mut data);
    models(&mut data, &mut stream);
    predictions(&mut data, &mut stream);
    intervals(&mut data, &mut stream);
    maps(&mut data, &mut stream);
    shifts(&mut data);
    ablation(&mut data, &mut stream);
    settings(&mut data);
    data
}

fn facts(data: &mut ReportData) {
    let fact = |label: &str, value: &str, detail: &str, tone| Fact {
        label: label.into(),
        value: value.into(),
        detail: detail.into(),
        tone,
    };
    data.headline = vec![
        fact(
            "Student, Pearson r (K562)",
            "0.806",
            "ensemble 0.814, mean member 0.781",
            Tone::Neutral,
        ),
        fact(
            "Gap closed by the student",
            "76 %",
            "95 % CI 61 % to 90 %",
            Tone::Good,
        ),
        fact(
            "Interval coverage, 90 % promised",
            "90.6 %",
            "a valid method lands in 88.4 to 91.6 %",
            Tone::Good,
        ),
        fact(
            "Epistemic sd, student vs teacher",
            "r = 0.71",
            "ceiling 0.83",
            Tone::Neutral,
        ),
        fact(
            "Under 25 % mutation",
            "81.2 %",
            "interval coverage at 90 % promised",
            Tone::Caution,
        ),
    ];
}

fn record(data: &mut ReportData) {
    let split = |name: &str, rows, gc| SplitSummary {
        name: name.into(),
        rows,
        groups: Some(rows * 7 / 10),
        gc: Some(gc),
    };
    data.dataset = Some(DatasetSummary {
        name: "invented lentiMPRA library".into(),
        length: Some(230),
        digest: "blake3:5f2c9d41a0e8".into(),
        splits: vec![
            split("train", 38_210, 0.507),
            split("validation", 2_390, 0.511),
            split("calibration", 2_388, 0.505),
            split("test", 4_776, 0.508),
        ],
        notes: vec!["Near-duplicate sequences (clusters) never straddle a split.".into()],
    });
    data.provenance = Some(Provenance {
        entries: [
            ("study key", "7c0d9f3e21ab"),
            ("seed", "20260107"),
            ("program", "degu-lab 0.1.0"),
            ("processor", "x86-64, AVX-512, 2 threads"),
            ("teacher", "10 members, residualbind revision 1, point head"),
        ]
        .map(|(name, value)| NamedValue::new(name, value))
        .into(),
        bitwise: Some(true),
    });
    data.holes = vec![
        Hole {
            task: "sweep.low_data/0.1/distil/student-3".into(),
            state: HoleState::Diverged,
            reason: "loss became non-finite in epoch 4, step 512 (last losses 0.81, 3.2, 41)"
                .into(),
            remedy: "lower training.optimizer.lr, then: degu-lab resume demo".into(),
        },
        Hole {
            task: "sweep.low_data/0.1/evaluate/student-3".into(),
            state: HoleState::Blocked,
            reason: "needs distil/student-3".into(),
            remedy: String::new(),
        },
    ];
    data.configuration = [
        ("study.name", "\"demo\"", "experiments/demo.toml:6:8"),
        ("study.seed", "20260107", "experiments/demo.toml:7:8"),
        (
            "architecture.plugin",
            "\"residualbind\"",
            "experiments/demo.toml:31:10",
        ),
        ("architecture.dropout", "0.2", "experiments/demo.toml:33:11"),
        ("ensemble.members", "10", "--set ensemble.members=10"),
        (
            "training.batch_size",
            "128",
            "experiments/base_lentimpra.toml:6:14",
        ),
        ("distill.spread", "\"std\"", "default"),
    ]
    .map(|(path, value, origin)| ConfigurationRow {
        path: path.into(),
        value: value.into(),
        origin: origin.into(),
    })
    .into();
    data.notes = vec![
        PluginNote {
            slot: "architecture".into(),
            name: "residualbind".into(),
            revision: 1,
            citation: "Koo et al., PLOS Computational Biology 2021".into(),
            differs: vec![
                "Weights of every member start from their own stream.".into(),
                "Batch normalisation keeps its statistics in f32.".into(),
            ],
        },
        PluginNote {
            slot: "calibrator".into(),
            name: "split-conformal".into(),
            revision: 2,
            ..PluginNote::default()
        },
    ];
    data.reproduce = "degu-lab run experiments/demo.toml --set ensemble.members=10".into();
}

fn models(data: &mut ReportData, stream: &mut Stream) {
    for (t, task) in TASKS.iter().enumerate() {
        let shift = -0.03 * t as f64;
        for (metric, unit, base, sign) in [
            ("pearson", "", 0.78, 1.0),
            ("rmse", "log2 RNA/DNA", 0.62, -1.0),
        ] {
            let mut push = |kind, model: String, gain: f64, ci: bool| {
                let value = base + sign * (gain + shift);
                data.metrics.push(MetricRow {
                    kind,
                    model,
                    split: "test".into(),
                    task: (*task).into(),
                    metric: metric.into(),
                    value,
                    ci_low: ci.then_some(value - 0.006),
                    ci_high: ci.then_some(value + 0.006),
                    unit: unit.into(),
                });
            };
            for i in 0..10 {
                push(
                    ModelKind::Member,
                    format!("member-{i}"),
                    0.004 * stream.normal(),
                    false,
                );
            }
            push(ModelKind::MeanMember, "mean of 10".into(), 0.0, true);
            push(ModelKind::Ensemble, "ensemble".into(), 0.034, true);
            for i in 0..10 {
                push(
                    ModelKind::Student,
                    format!("student-{i}"),
                    0.026 + 0.002 * stream.normal(),
                    false,
                );
            }
            push(ModelKind::MeanStudent, "mean of 10".into(), 0.026, true);
            push(ModelKind::Baseline, "MC dropout".into(), 0.008, true);
        }
        data.gap_closed.push(GapClosed {
            split: "test".into(),
            task: (*task).into(),
            metric: "pearson".into(),
            member: 0.78 + shift,
            student: 0.806 + shift,
            ensemble: 0.814 + shift,
            gap_closed: 0.765,
            ci_low: Some(0.61),
            ci_high: Some(0.9),
        });
    }
    for (kind, name, n, floor) in [
        (ModelKind::Member, "train/member", 10, 0.36),
        (ModelKind::Student, "distil/student", 10, 0.09),
    ] {
        for i in 0..n {
            let length = 24 + (stream.uniform() * 14.0) as u32;
            let (speed, own) = (5.0 + stream.uniform(), 0.01 * stream.normal());
            let epochs: Vec<Epoch> = (1..=length)
                .map(|epoch| {
                    let t = f64::from(epoch);
                    Epoch {
                        epoch,
                        train_loss: floor * 0.8 + 0.7 * (-t / speed).exp() - 0.0015 * t * floor,
                        validation_loss: Some(
                            floor
                                + own * floor
                                + 0.65 * (-t / speed).exp()
                                + 0.0009 * t * floor * 3.0
                                + 0.006 * stream.normal().abs(),
                        ),
                        learning_rate: Some(if epoch < 17 {
                            1e-3
                        } else if epoch < 26 {
                            2e-4
                        } else {
                            4e-5
                        }),
                    }
                })
                .collect();
            let best = epochs
                .iter()
                .min_by(|a, b| {
                    a.validation_loss
                        .unwrap_or(f64::MAX)
                        .total_cmp(&b.validation_loss.unwrap_or(f64::MAX))
                })
                .map(|e| e.epoch);
            data.learning.push(LearningCurve {
                stage: format!("{name}-{i}"),
                kind,
                epochs,
                best_epoch: best,
            });
        }
    }
}

fn predictions(data: &mut ReportData, stream: &mut Stream) {
    for (t, task) in TASKS.iter().enumerate() {
        // The second task is large enough to be drawn in hexagons.
        let n = if t == 0 { 4776 } else { 12_000 };
        let (mut teacher, mut student) = (Vec::new(), Vec::new());
        let (mut spread, mut guess) = (Vec::new(), Vec::new());
        for i in 0..n {
            let truth = 0.9 * stream.normal() + if stream.uniform() < 0.15 { 1.6 } else { 0.0 };
            let epistemic = 0.08 + 0.12 * stream.uniform() + 0.06 * truth.abs();
            let aleatoric = 0.3 + 0.08 * stream.uniform();
            let measured = truth + aleatoric * 1.2 * stream.normal();
            let ensemble = 0.86 * truth + 1.8 * epistemic * stream.normal();
            let own = ensemble + 0.12 * stream.normal();
            let guessed = (epistemic + 0.045 * stream.normal()).max(0.01);
            let point = |mean, epistemic| Point {
                id: format!(
                    "seq{:05}_{}",
                    i,
                    if stream_sign(i) {
                        "Reversed"
                    } else {
                        "Forward"
                    }
                ),
                measured,
                mean,
                epistemic: Some(epistemic),
                aleatoric: Some(aleatoric),
            };
            teacher.push(point(ensemble, epistemic));
            student.push(point(own, guessed));
            spread.push(epistemic);
            guess.push(guessed);
        }
        let mean_of = |points: &[Point]| points.iter().map(|p| p.mean).collect::<Vec<_>>();
        let parts = [
            (
                Part::Mean,
                mean_of(&teacher),
                mean_of(&student),
                0.991,
                None,
            ),
            (Part::Epistemic, spread, guess, 0.71, Some(0.83)),
        ];
        for (part, teacher, student, correlation, ceiling) in parts {
            data.transfer.push(Transfer {
                model: "student-0".into(),
                split: "test".into(),
                task: (*task).into(),
                part,
                teacher,
                student,
                correlation: Some(correlation),
                ceiling,
            });
        }
        for (kind, model, points, pearson) in [
            (ModelKind::Ensemble, "ensemble", teacher, 0.814),
            (ModelKind::Student, "student-0", student, 0.806),
        ] {
            data.scatter.push(Scatter {
                kind,
                model: model.into(),
                split: "test".into(),
                task: (*task).into(),
                pearson: Some(pearson),
                rmse: Some(0.59),
                points,
            });
        }
    }
}

fn stream_sign(i: usize) -> bool {
    i % 2 == 1
}

fn intervals(data: &mut ReportData, stream: &mut Stream) {
    let methods = [
        (
            "main (normalized)",
            1.0,
            0.003,
            "at least the promised share on average over exchangeable sequences (split conformal)",
        ),
        (
            "absolute score",
            1.14,
            0.006,
            "at least the promised share on average over exchangeable sequences (split conformal)",
        ),
        ("gaussian (uncalibrated)", 0.78, -0.062, "none"),
    ];
    for task in TASKS {
        for (name, scale, offset, promise) in methods {
            for (alpha, factor, half) in
                [(0.05, 1.96, 0.009), (0.1, 1.64, 0.013), (0.2, 1.28, 0.017)]
            {
                data.calibration.push(CalibrationRow {
                    calibrator: name.into(),
                    model: "student-0".into(),
                    split: "test".into(),
                    task: task.into(),
                    alpha,
                    n: 2388,
                    k: f64::ceil(2389.0 * (1.0 - alpha)) as usize,
                    coverage: 1.0 - alpha + offset + 0.003 * stream.normal(),
                    band_low: Some(1.0 - alpha - half),
                    band_high: Some(1.0 - alpha + half),
                    mean_width: 1.18 * scale * factor,
                    infinite_fraction: 0.0,
                    winkler: Some(1.18 * scale * factor * 1.27 + (-offset).max(0.0) * 12.0),
                    coverage_gap: Some(0.012 + (scale - 1.0).abs() * 0.2),
                    guarantee: promise.into(),
                });
            }
            if name.starts_with("gaussian") {
                continue;
            }
            let bins: [(&str, &[&str]); 3] = [
                (
                    "predicted activity",
                    &["lowest fifth", "2nd", "3rd", "4th", "highest fifth"],
                ),
                (
                    "GC content",
                    &["below 0.40", "0.40 to 0.50", "0.50 to 0.60", "above 0.60"],
                ),
                ("category", &["promoter", "enhancer", "control"]),
            ];
            for (by, names) in bins {
                for (i, bin) in names.iter().enumerate() {
                    let slope = if name.starts_with("absolute") {
                        0.03
                    } else {
                        0.004
                    };
                    data.conditional.push(ConditionalRow {
                        calibrator: name.into(),
                        split: "test".into(),
                        task: task.into(),
                        alpha: 0.1,
                        by: by.into(),
                        bin: (*bin).into(),
                        n: 955,
                        coverage: 0.945 - slope * i as f64 - if slope > 0.01 { 0.0 } else { 0.04 }
                            + 0.004 * stream.normal(),
                        band_low: Some(0.88),
                        band_high: Some(0.918),
                        mean_width: Some(1.9 + 0.1 * i as f64),
                    });
                }
            }
        }
    }
}

fn maps(data: &mut ReportData, stream: &mut Stream) {
    for (index, part) in [(0, Part::Mean), (1, Part::Mean), (0, Part::Epistemic)] {
        let bases: Vec<usize> = (0..230)
            .map(|_| (stream.uniform() * 4.0) as usize)
            .collect();
        // GATA, AP-1 and a repressor site.
        let sites: [(usize, &[usize], f64, &str); 3] = [
            (64 + index * 20, &[2, 0, 3, 0, 0, 2], 0.42, "GATA"),
            (86 + index * 20, &[3, 2, 0, 2, 3, 1, 0], 0.34, "AP-1"),
            (166, &[1, 0, 2, 2, 3, 2], -0.25, "SNAI"),
        ];
        for (kind, title, noise) in [
            (ModelKind::Ensemble, "ensemble (teacher)", 0.010),
            (ModelKind::Student, "student-0", 0.014),
            (ModelKind::Member, "member-0", 0.042),
        ] {
            let mut heights = vec![[0.0; 4]; 230];
            for (i, base) in bases.iter().enumerate() {
                heights[i][*base] = noise * stream.normal();
            }
            for (start, site, strength, _) in sites {
                for (j, base) in site.iter().enumerate() {
                    heights[start + j] = [0.0; 4];
                    heights[start + j][*base] =
                        strength * (0.75 + 0.25 * stream.uniform()) + noise * stream.normal();
                }
            }
            let sd = if kind == ModelKind::Ensemble {
                (0..230).map(|_| 0.03 + 0.02 * stream.uniform()).collect()
            } else {
                Vec::new()
            };
            data.logos.push(Logo {
                sequence: format!("seq0{}42", index + 1),
                title: title.into(),
                kind,
                method: "deepshap".into(),
                task: "K562".into(),
                part,
                heights,
                sd,
                spans: sites
                    .iter()
                    .map(|(start, site, _, label)| LogoSpan {
                        start: *start,
                        end: start + site.len(),
                        label: (*label).into(),
                    })
                    .collect(),
                ..Logo::default()
            });
        }
    }
    let turned = data.logos[0].reverse_complement();
    data.logos.push(turned);
    let gata = [2, 0, 3, 0, 0, 2].map(|base: usize| {
        let mut row = [0.04; 4];
        row[base] = 0.88;
        row
    });
    data.logos.push(Logo::information("GATA1", &gata));
    agreement(data, stream);
    for (metric, member, student) in [
        ("RMSE to the teacher's map", 0.0226, 0.0195),
        ("variability among networks", 0.694, 0.446),
    ] {
        for method in ["saliency", "deepshap"] {
            for (kind, value) in [(ModelKind::Member, member), (ModelKind::Student, student)] {
                data.consistency.push(ConsistencyRow {
                    method: method.into(),
                    task: "K562".into(),
                    part: Part::Mean,
                    kind,
                    metric: metric.into(),
                    value,
                    ci_low: Some(value * 0.96),
                    ci_high: Some(value * 1.04),
                    n: 1000,
                });
            }
        }
    }
}

fn agreement(data: &mut ReportData, stream: &mut Stream) {
    for (metric, lower_is_better, level, gain) in [
        ("RMSE to the teacher's map", true, 0.0226, -0.003),
        ("correlation between networks", false, 0.72, 0.06),
    ] {
        let members: Vec<f64> = (0..600)
            .map(|_| level * (1.0 + 0.12 * stream.normal()))
            .collect();
        let students: Vec<f64> = members
            .iter()
            .map(|m| m + gain + 0.4 * gain * stream.normal())
            .collect();
        data.map_agreement.push(MapAgreement {
            method: "deepshap".into(),
            task: "K562".into(),
            metric: metric.into(),
            lower_is_better,
            sequences: (0..600).map(|i| format!("seq{i:04}")).collect(),
            difference: gain,
            ci_low: Some(gain - 0.0001),
            ci_high: Some(gain + 0.0001),
            better: 0.97,
            wilcoxon_p: Some(3.1e-80),
            sign_flip_p: Some(1e-5),
            models_p: Some(0.004),
            models: (5, 2),
            members,
            students,
            ..MapAgreement::default()
        });
    }
    data.completeness.push(CompletenessRow {
        method: "deepshap".into(),
        model: "student-0".into(),
        task: "K562".into(),
        part: Part::Mean,
        sequences: 1000,
        rho: 3.2e-5,
        largest: 1.1e-4,
    });
}

fn shifts(data: &mut ReportData) {
    for (metric, start, slope) in [
        ("pearson", 0.8, -1.6),
        ("epistemic_sd", 0.2, 0.5),
        ("interval_coverage@0.1", 0.9, -0.36),
    ] {
        for (kind, model, gain) in [
            (ModelKind::MeanMember, "mean of members", -0.03),
            (ModelKind::Ensemble, "ensemble", 0.012),
            (ModelKind::Student, "student-0", 0.0),
            (ModelKind::Ceiling, "oracle", 0.06),
        ] {
            if metric != "pearson" && kind == ModelKind::Ceiling {
                continue;
            }
            let points = [0.0, 0.05, 0.1, 0.25]
                .map(|x| {
                    let value = start + gain + slope * x * (1.0 + gain);
                    CurvePoint {
                        x,
                        value,
                        low: Some(value - 0.012),
                        high: Some(value + 0.012),
                    }
                })
                .into();
            data.shift.push(ShiftCurve {
                shift: "mutated".into(),
                severity_label: "share of positions mutated".into(),
                task: "K562".into(),
                kind,
                model: model.into(),
                metric: metric.into(),
                points,
            });
        }
    }
}

fn ablation(data: &mut ReportData, stream: &mut Stream) {
    let mut arm = |name: &str, effect: f64, n: usize, note: &str| {
        let differences: Vec<f64> = (0..n).map(|_| effect + 0.0025 * stream.normal()).collect();
        let mean = differences.iter().sum::<f64>() / n as f64;
        Arm {
            name: name.into(),
            n,
            mean: 0.806 + mean,
            sd: Some(0.003),
            difference: mean,
            differences,
            ci_low: Some(mean - 0.0026),
            ci_high: Some(mean + 0.0026),
            p: Some(if effect.abs() > 0.004 {
                0.03125
            } else {
                0.40625
            }),
            adjusted_p: Some(if effect.abs() > 0.004 { 0.15625 } else { 1.0 }),
            note: note.into(),
        }
    };
    data.comparisons.push(Comparison {
        metric: "test/pearson".into(),
        primary: true,
        baseline: "full".into(),
        baseline_mean: Some(0.806),
        smallest_p: Some(0.03125),
        arms: vec![
            arm("mean_only", -0.0008, 6, ""),
            arm("log_var", -0.0015, 6, ""),
            arm("dynamic_labels", 0.006, 6, ""),
            arm("evoaug", 0.004, 5, "1 of 6 diverged (replicate 4)"),
            arm("no_distill", -0.024, 6, ""),
        ],
        ..Comparison::default()
    });
    let xs = [0.1, 0.25, 0.5, 0.75, 1.0];
    let line = |kind, model: &str, gain: f64| SweepLine {
        kind,
        model: model.into(),
        points: xs
            .map(|x: f64| {
                let value = 0.78 + gain * (1.6 - 0.6 * x) + 0.11 * x.ln() / 2.3;
                CurvePoint {
                    x,
                    value,
                    low: Some(value - 0.008),
                    high: Some(value + 0.008),
                }
            })
            .into(),
    };
    data.sweeps.push(Sweep {
        name: "low_data".into(),
        axis: "split.train_fraction".into(),
        metric: "test/pearson".into(),
        log_axis: true,
        lines: vec![
            line(ModelKind::MeanMember, "mean of members", 0.0),
            line(ModelKind::Ensemble, "ensemble", 0.034),
            line(ModelKind::MeanStudent, "mean of students", 0.026),
        ],
    });
}

/// Two arms of the ablation, repeated with less data.
fn settings(data: &mut ReportData) {
    let row = |arm: &str, fraction: f64, loss: f64| {
        let score = |value: f64, sd: f64| SettingScore {
            mean: Some(value),
            sd: Some(sd),
        };
        let pearson = 0.806 - loss + 0.11 * fraction.ln() / 2.3;
        SettingRow {
            values: vec![Setting::Text(arm.into()), Setting::Number(fraction)],
            points: 6,
            scores: vec![
                score(pearson, 0.004 / fraction.sqrt()),
                score(2.9 - 1.4 * pearson, 0.03),
            ],
        }
    };
    let arms = [("full", 0.0), ("no_distill", 0.024)];
    data.settings = Settings {
        names: vec!["arm".into(), "split.train_fraction".into()],
        metrics: vec!["test/pearson".into(), "test/interval_width@0.1".into()],
        rows: arms
            .into_iter()
            .flat_map(|(arm, loss)| [0.1, 0.25, 0.5, 1.0].map(|x| row(arm, x, loss)))
            .collect(),
    };
}
