//! Sweeps and ablations: how many points, which values, and what is refused.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use degu_config::{Point, Selection, Study, Sweeps};

use crate::common::{GOOD, study};

/// The variants of the lentiMPRA study of the documentation.
const VARIANTS: &str = r#"
[augmentation]
plugin = "none"
[distill]
students = 10
[ablation]
baseline = "full"
replicates = 6
primary_metric = "test/pearson"
set = { "distill.students" = 2 }
[ablation.arm.mean_only]
set = { "distill.targets" = ["mean"] }
[ablation.arm.log_var]
set = { "distill.spread" = "log_var" }
[ablation.arm.dynamic_labels]
set = { "distill.labels" = "dynamic" }
[ablation.arm.evoaug]
set = { "augmentation.plugin" = "evoaug" }
[ablation.arm.no_distill]
set = { "distill.enabled" = false }
[sweep.low_data]
kind = "grid"
axes = { "split.train_fraction" = [0.1, 0.25, 0.5, 0.75, 1.0] }
[sweep.ensemble_size]
kind = "grid"
axes = { "ensemble.members" = [2, 3, 4, 5, 10] }
[report]
compare_by = ["arm", "split.train_fraction", "ensemble.members"]
"#;

fn with(text: &str) -> Study {
    study(
        &format!("{}{text}", GOOD.replace("members = 5", "members = 10")),
        &[],
    )
    .expect("good")
}

fn points(study: &Study, selection: &Selection) -> Vec<Point> {
    study.points(selection).expect("points")
}

fn sweep(axes: &str) -> Study {
    with(&format!("[sweep.s]\n{axes}\n"))
}

fn sweep_points(study: &Study) -> Vec<Point> {
    let selection = Selection {
        sweeps: Sweeps::All,
        ablation: false,
    };
    points(study, &selection).split_off(1)
}

fn refused(text: &str, sets: &[&str]) -> String {
    study(&format!("{GOOD}{text}"), sets)
        .expect_err("refused")
        .render(false, 110)
}

#[test]
fn the_example_names_434_trainings_of_members() {
    let study = with(VARIANTS);
    let all = points(&study, &Selection::all());
    assert_eq!(all.len(), 6 * 6 + 5 + 5);
    assert_eq!(
        all.iter()
            .map(|point| point.study.ensemble.members)
            .sum::<usize>(),
        434
    );
    assert_eq!(points(&study, &Selection::default()).len(), 1);
    assert_eq!(
        points(
            &study,
            &Selection {
                sweeps: Sweeps::Named(vec!["low_data".into()]),
                ablation: false
            }
        )
        .len(),
        6
    );
    let names: Vec<&str> = all
        .iter()
        .filter(|p| p.replicate == 0)
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "full/replicate-0",
            "mean_only/replicate-0",
            "log_var/replicate-0",
            "dynamic_labels/replicate-0",
            "evoaug/replicate-0",
            "no_distill/replicate-0",
            "ensemble_size/members=2",
            "ensemble_size/members=3",
            "ensemble_size/members=4",
            "ensemble_size/members=5",
            "ensemble_size/members=10",
            "low_data/train_fraction=0.1",
            "low_data/train_fraction=0.25",
            "low_data/train_fraction=0.5",
            "low_data/train_fraction=0.75",
            "low_data/train_fraction=1.0",
        ]
    );
    let evoaug = all
        .iter()
        .find(|p| p.arm.as_deref() == Some("evoaug"))
        .expect("an arm");
    assert!(!evoaug.baseline && all[0].baseline);
    assert_eq!(evoaug.coordinates["arm"], "evoaug");
    assert_eq!(
        evoaug.study.augmentation.as_ref().expect("set").plugin.name,
        "evoaug"
    );
    assert_eq!(evoaug.study.distill.students, 2, "set for all arms");
    assert_eq!(study.distill.students, 10);
    assert!(evoaug.study.ablation.is_none() && evoaug.study.sweep.is_empty());
    let one = all
        .iter()
        .find(|p| p.name == "low_data/train_fraction=1.0")
        .expect("a point");
    let base = points(&study, &Selection::default());
    assert_eq!(
        one.study.to_json(),
        base[0].study.to_json(),
        "the point that equals the base is the base"
    );
    let origin = one
        .study
        .config()
        .origin("split.train_fraction")
        .expect("set");
    assert_eq!(
        origin.to_string(),
        "sweep low_data, point 4 (experiment.toml:41:58)"
    );
}

#[test]
fn grids_zips_and_exclusions() {
    let members = |study: &Study| -> Vec<(usize, f64)> {
        sweep_points(study)
            .iter()
            .map(|p| (p.study.ensemble.members, p.study.split.train_fraction))
            .collect()
    };
    let axes = r#"axes = { "ensemble.members" = [2, 3], "split.train_fraction" = [0.5, 1.0] }"#;
    assert_eq!(
        members(&sweep(axes)),
        [(2, 0.5), (2, 1.0), (3, 0.5), (3, 1.0)]
    );
    let exclude = "exclude = [{ \"ensemble.members\" = 2, \"split.train_fraction\" = 1 }]";
    assert_eq!(
        members(&sweep(&format!("{axes}\n{exclude}"))),
        [(2, 0.5), (3, 0.5), (3, 1.0)]
    );
    let zip = sweep(&format!("kind = \"zip\"\nreplicates = 2\n{axes}"));
    assert_eq!(members(&zip), [(2, 0.5), (2, 0.5), (3, 1.0), (3, 1.0)]);
    let names: Vec<String> = sweep_points(&zip).into_iter().map(|p| p.name).collect();
    assert_eq!(names[1], "s/members=2,train_fraction=0.5/replicate-1");
}

#[test]
fn random_points_do_not_depend_on_their_number_or_on_other_axes() {
    let lr = "\"training.optimizer.lr\" = { log_uniform = [1e-4, 1e-2] }";
    let drawn = |n: usize, more: &str| -> Vec<(f64, usize, String)> {
        let study = sweep(&format!(
            "kind = \"random\"\nn = {n}\naxes = {{ {lr}{more} }}"
        ));
        let value = |p: Point| {
            let lr = p.coordinates["training.optimizer.lr"]
                .as_f64()
                .expect("a number");
            let part = p.study.architecture.plugin.params["activation"]
                .as_str()
                .expect("text")
                .to_owned();
            (lr, p.study.ensemble.members, part)
        };
        sweep_points(&study).into_iter().map(value).collect()
    };
    let more = ", \"ensemble.members\" = { int_uniform = [3, 5] }, \"architecture.activation\" = { choice = [\"relu\", \"exponential\"] }";
    let (few, many) = (drawn(4, more), drawn(200, more));
    assert_eq!(few, many[..4]);
    let alone: Vec<f64> = drawn(4, "").into_iter().map(|d| d.0).collect();
    assert_eq!(alone, few.iter().map(|d| d.0).collect::<Vec<_>>());
    assert!(
        many.iter()
            .all(|(lr, members, _)| (1e-4..=1e-2).contains(lr) && (3..=5).contains(members))
    );
    let below = many.iter().filter(|(lr, ..)| *lr < 1e-3).count();
    // 100 of 200 are expected; 4 standard deviations are 28.
    assert!(
        (72..=128).contains(&below),
        "the median of the logarithm: {below}"
    );
    for members in 3..=5 {
        // 67 of 200 are expected; 4 standard deviations are 27.
        let count = many.iter().filter(|d| d.1 == members).count();
        assert!((40..=94).contains(&count), "{members}: {count}");
    }
    assert!(many.iter().any(|d| d.2 == "relu") && many.iter().any(|d| d.2 == "exponential"));
}

#[test]
fn an_ablation_is_crossed_with_sweeps() {
    let study = with(
        "[ablation]\nreplicates = 3\nover = [\"low\"]\n[ablation.arm.a]\nset = { \"distill.spread\" = \"log_var\" }\n\
         [sweep.low]\naxes = { \"split.train_fraction\" = [0.1, 0.5] }\n",
    );
    let all = points(
        &study,
        &Selection {
            ablation: true,
            ..Selection::default()
        },
    );
    assert_eq!(all.len(), 2 * 2 * 3);
    assert_eq!(all[11].name, "a/low/train_fraction=0.5/replicate-2");
    assert_eq!(
        (all[11].replicate, all[11].sweep.clone()),
        (2, Some(("low".to_owned(), 1)))
    );
    assert_eq!(all[11].coordinates["split.train_fraction"], 0.5);
}

#[test]
fn every_point_is_validated_and_the_error_points_at_the_value() {
    insta::assert_snapshot!(refused(
        r#"
[sweep.low_data]
axes = { "split.train_fraction" = [0.1, 1.5], "ensemble.membrs" = [2] }
[sweep.kinds]
axes = { "architecture.plugin" = ["bpnet", "bpent"] }
[sweep.small]
axes = { "ensemble.members" = [1, 2] }
[ablation.arm.typo]
set = { "distill.studnets" = 3, "architecture.dropout" = "high" }
"#,
        &[]
    ));
}

#[test]
fn what_cannot_be_expanded_is_refused() {
    insta::assert_snapshot!(refused(
        r#"
[sweep.zipped]
kind = "zip"
axes = { "ensemble.members" = [2, 3], "split.train_fraction" = [0.5] }
[sweep.bare]
axes = { split.train_fraction = [0.5] }
[sweep.drawn]
axes = { "split.train_fraction" = { uniform = [0.1, 1.0] } }
[sweep.endless]
kind = "random"
axes = { "split.train_fraction" = { uniform = [0.1, 1.0] } }
[sweep.turned]
kind = "random"
n = 2
axes = { "split.train_fraction" = { log_uniform = [0, 1] }, "ensemble.members" = { int_uniform = [5, 2] } }
[sweep.excluded]
axes = { "ensemble.members" = [2, 3] }
exclude = [{ "ensemble.member" = 2 }]
[sweep.named]
axes = { "study.name" = ["a", "b"] }
"#,
        &[]
    ));
}

#[test]
fn an_arm_that_changes_nothing_is_refused() {
    insta::assert_snapshot!(refused(
        "\n[ablation.arm.same]\nset = { \"distill.students\" = 1, \"executor.jobs\" = 8 }\n",
        &[]
    ));
}

#[test]
fn an_arm_and_its_sweep_cannot_set_the_same() {
    insta::assert_snapshot!(refused(
        "\n[ablation]\nover = [\"s\"]\n[ablation.arm.a]\nset = { \"ensemble.members\" = 3 }\n\
         [sweep.s]\naxes = { \"ensemble.members\" = [2, 4] }\n",
        &[]
    ));
}

#[test]
fn an_argument_cannot_set_what_is_swept() {
    let text = format!("{GOOD}\n[sweep.s]\naxes = {{ \"ensemble.members\" = [2, 4] }}\n");
    let study = study(&text, &["ensemble.members=3"]).expect("the sweep does not run yet");
    assert_eq!(points(&study, &Selection::default()).len(), 1);
    let errors = study
        .points(&Selection {
            sweeps: Sweeps::All,
            ablation: false,
        })
        .expect_err("set twice");
    insta::assert_snapshot!(errors.render(false, 110));
    let errors = study.points(&Selection {
        sweeps: Sweeps::Named(vec!["t".into()]),
        ablation: true,
    });
    assert_eq!(errors.expect_err("neither is there").errors().len(), 2);
}
