//! Metrics by setting.

use crate::common::{elements, small};
use degu_report::{ReportData, Setting, SettingRow, SettingScore, Settings, figures, html, tables};

/// Two arms over shares of the data, and the study without arms, which has one of them.
fn data() -> ReportData {
    let row = |arm: Setting, fraction: f64, points: usize, pearson: f64, width: Option<f64>| {
        let sd = (points > 1).then_some(0.25);
        SettingRow {
            values: vec![arm, Setting::Number(fraction)],
            points,
            scores: vec![
                SettingScore {
                    mean: Some(pearson),
                    sd,
                },
                SettingScore {
                    mean: width,
                    sd: width.and(sd),
                },
            ],
        }
    };
    let arm = |name: &str| Setting::Text(name.to_owned());
    let mut data = small();
    data.settings = Settings {
        names: vec!["arm".to_owned(), "split.train_fraction".to_owned()],
        metrics: vec![
            "test/pearson".to_owned(),
            "test/interval_width@0.1".to_owned(),
        ],
        rows: vec![
            row(arm("full"), 0.5, 2, 0.75, Some(1.5)),
            row(arm("full"), 1.0, 2, 0.8125, None),
            row(arm("a <b>"), 0.5, 1, 0.625, Some(1.75)),
            row(arm("a <b>"), 1.0, 1, 0.6875, Some(1.25)),
            row(Setting::Absent, 1.0, 1, 0.8125, None),
        ],
    };
    data
}

#[test]
fn a_row_is_a_group_and_what_is_missing_stays_empty() {
    let all = tables(&data()).unwrap();
    let (_, table) = all
        .iter()
        .find(|(name, _)| name == "metrics_by_setting.csv")
        .unwrap();
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        [
            "arm,split.train_fraction,n,test/pearson,test/pearson_sd,test/interval_width@0.1,test/interval_width@0.1_sd",
            "full,0.5,2,0.75,0.25,1.5,0.25",
            "full,1,2,0.8125,0.25,,",
            "a <b>,0.5,1,0.625,,1.75,",
            "a <b>,1,1,0.6875,,1.25,",
            ",1,1,0.8125,,,",
        ]
    );
}

#[test]
fn lines_have_two_points_at_least() {
    let drawn = figures(&data());
    let named = |name: &str| &drawn.iter().find(|(file, _)| file == name).unwrap().1;
    let pearson = named("settings-split-train_fraction-test-pearson.svg");
    assert_eq!(pearson.matches("<circle").count(), 4);
    assert!(pearson.contains("a &lt;b&gt;") && pearson.contains("full"));
    assert!(!pearson.contains("no arm"));
    let width = named("settings-split-train_fraction-test-interval_width-0-1.svg");
    assert_eq!(width.matches("<circle").count(), 2);
    assert!(
        !drawn
            .iter()
            .any(|(file, _)| file.starts_with("settings-arm"))
    );
}

#[test]
fn the_page_has_the_section_where_points_are_compared() {
    let page = html(&data()).unwrap();
    elements(&page);
    assert!(
        page.contains("<section id=\"settings\"") && page.contains("interval width at α = 0.1")
    );
    assert!(page.contains("data-value=\"0.75\">0.750<small>[0.500, 1.000]</small>"));
    let without = html(&small()).unwrap();
    assert!(!without.contains("<section id=\"settings\""));
    let all = tables(&small()).unwrap();
    assert!(!all.iter().any(|(name, _)| name.starts_with("metrics_by")));
}
