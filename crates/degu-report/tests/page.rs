//! The page as a whole: policy, markup, tables, what happens to hostile text.

use crate::common::{elements, small};
use degu_report::{ConfigurationRow, Hole, PluginNote, ReportData, html, write_report};
use sha2::{Digest, Sha256};

/// Attribute of an element.
fn attribute<'a>(element: &'a (String, Vec<(String, String)>), name: &str) -> Option<&'a str> {
    element
        .1
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Inverse of base 64, written apart from the crate's own encoder.
fn decode(text: &str) -> Vec<u8> {
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = Vec::new();
    for c in text.trim_end_matches('=').chars() {
        let value = digits.find(c).expect("a base 64 digit");
        bits.extend((0..6).rev().map(|i| (value >> i & 1) as u8));
    }
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit))
        .collect()
}

#[test]
fn the_policy_allows_exactly_the_script_of_the_page() {
    let page = html(&small()).unwrap();
    let start = page.rfind("<script>").unwrap() + "<script>".len();
    let script = &page[start..start + page[start..].find("</script>").unwrap()];
    let meta = elements(&page)
        .into_iter()
        .find(|e| attribute(e, "http-equiv") == Some("Content-Security-Policy"))
        .expect("a policy");
    let policy = attribute(&meta, "content").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe-eval") && !policy.contains("script-src 'unsafe"),
        "{policy}"
    );
    let hash = policy
        .split("sha256-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert_eq!(decode(hash), Sha256::digest(script.as_bytes()).to_vec());
    // Nothing else on the page runs: no second script, no handler in an attribute.
    let all = elements(&page);
    let running = all
        .iter()
        .filter(|e| e.0 == "script" && attribute(e, "type").is_none())
        .count();
    assert_eq!(running, 1);
    assert!(
        all.iter()
            .flat_map(|e| &e.1)
            .all(|(key, _)| !key.starts_with("on"))
    );
}

#[test]
fn nothing_is_loaded_and_ids_are_unique() {
    let mut data = small();
    data.notes.push(PluginNote {
        slot: "architecture".into(),
        name: "deepstarr".into(),
        citation: "https://doi.org/10.1038/s41588-022-01048-5".into(),
        ..PluginNote::default()
    });
    let page = html(&data).unwrap();
    let all = elements(&page);
    let mut ids = Vec::new();
    for element in &all {
        for (key, value) in &element.1 {
            assert!(
                !matches!(
                    key.as_str(),
                    "src" | "srcset" | "action" | "data" | "xlink:href"
                ),
                "{element:?}"
            );
            if key == "href" {
                assert!(value.starts_with('#'), "{element:?}");
            }
            if key == "clip-path" {
                assert!(value.starts_with("url(#"), "{element:?}");
            }
            if key == "id" {
                ids.push(value.clone());
            }
            assert!(key == "xmlns" || !value.contains("http"), "{element:?}");
        }
        assert!(
            !matches!(
                element.0.as_str(),
                "link" | "img" | "iframe" | "object" | "embed"
            ),
            "{element:?}"
        );
    }
    let hrefs = all.iter().filter_map(|e| attribute(e, "href"));
    for target in hrefs {
        assert!(
            ids.iter().any(|id| target == format!("#{id}")),
            "{target} leads nowhere"
        );
    }
    ids.sort_unstable();
    let unique = ids.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(unique, "{ids:?}");
    assert!(!page.contains("@import") && page.contains("https://doi.org/"));
}

#[test]
fn cells_hold_the_numbers_given() {
    let data = small();
    let page = html(&data).unwrap();
    for row in &data.metrics {
        assert!(
            page.contains(&format!("data-value=\"{}\"", row.value)),
            "{row:?}"
        );
    }
    assert!(
        page.contains("<td>member-0</td><td class=\"n\" data-value=\"0.6123456789\">0.612</td>")
    );
    assert!(page.contains("data-value=\"0.671\">0.671<small>[0.660, 0.682]</small></td>"));
    assert!(page.contains("data-value=\"0.8125\">81.2 %</td>"));
    assert!(page.contains("data-value=\"inf\">∞</td>"));
    let csv = degu_report::tables(&data).unwrap();
    let metrics = &csv
        .iter()
        .find(|(name, _)| name == "metrics.csv")
        .unwrap()
        .1;
    assert!(
        metrics.contains("member,member-0,test,dev,pearson,0.6123456789,,,\n"),
        "{metrics}"
    );
    let calibration = &csv
        .iter()
        .find(|(name, _)| name == "calibration.csv")
        .unwrap()
        .1;
    assert!(
        calibration.contains(
            "few,,test,dev,0.1,500,451,1,0.877,0.921,inf,1,1.5,,marginal: at least 90 %\n"
        )
    );
}

#[test]
fn hostile_text_stays_text() {
    let evil = "</script><img src=x onerror=alert(1)>\"'&\u{0}";
    let mut data = small();
    data.title = evil.into();
    data.name = evil.into();
    data.summary = evil.into();
    data.tasks[0].name = evil.into();
    for row in &mut data.metrics {
        row.task = evil.into();
        row.model = evil.into();
    }
    data.scatter[0].task = evil.into();
    data.scatter[0].points[0].id = evil.into();
    data.logos[0].title = evil.into();
    data.configuration.push(ConfigurationRow {
        path: evil.into(),
        value: evil.into(),
        origin: evil.into(),
    });
    let page = html(&data).unwrap();
    assert!(elements(&page).iter().all(|e| e.0 != "img"));
    assert!(!page.contains("<img") && page.contains("\\u003c/script>"));
}

#[test]
fn sections_follow_the_data_and_holes_are_loud() {
    let empty = html(&ReportData::new("e", "Empty", "x")).unwrap();
    elements(&empty);
    assert!(!empty.contains("<section id=\"metrics\"") && !empty.contains("<figure"));
    assert!(empty.contains("<section id=\"holes\"") && empty.contains("None: no failed"));
    let mut data = small();
    data.holes.push(Hole {
        task: "train/member-7".into(),
        reason: "out of memory".into(),
        ..Hole::default()
    });
    let page = html(&data).unwrap();
    assert!(page.contains("This report is incomplete") && page.contains("out of memory"));
    assert!(page.contains("role=\"alert\""));
    let at = |id: &str| {
        page.find(&format!("<section id=\"{id}\""))
            .unwrap_or_else(|| panic!("{id}"))
    };
    assert!(at("metrics") < at("predictions") && at("predictions") < at("calibration"));
    assert!(at("calibration") < at("attribution") && at("attribution") < at("holes"));
}

/// Where a browser is installed: the script runs under the policy without a message on the console.
#[test]
fn a_browser_runs_the_page_without_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    write_report(&small(), &path).unwrap();
    let mut command = std::process::Command::new("chromium");
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--v=0",
        "--dump-dom",
    ]);
    command.arg(format!(
        "--user-data-dir={}",
        folder.path().join("profile").display()
    ));
    let Ok(output) = command.arg(format!("file://{}", path.display())).output() else {
        println!("skipped: no program `chromium` on this machine");
        return;
    };
    let log = String::from_utf8_lossy(&output.stderr);
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(!log.contains("CONSOLE"), "{log}");
    assert!(
        page.contains("id=\"tooltip\"") && page.contains("class=\"sortable"),
        "the script did not run: {log}"
    );
    assert!(page.contains("data-tip=\"student-0") && !page.contains("id=\"explorer\" hidden"));
    assert_eq!(
        page.matches("<svg").count(),
        degu_report::figures(&small()).len()
    );
}

#[test]
fn the_input_survives_json() {
    let mut data = small();
    data.scatter[0].points[0].measured = f64::NEG_INFINITY;
    data.logos[0].sd[2] = 0.0;
    let text = serde_json::to_string(&data).unwrap();
    let back: ReportData = serde_json::from_str(&text).unwrap();
    assert_eq!(back, data);
    let missing: ReportData = serde_json::from_str(
        r#"{"name":"a","title":"b","generated_by":"c","transfer":[{"model":"s","split":"t","task":"d","part":"epistemic","teacher":[null,1,2.5],"student":["inf",1,2]}]}"#,
    )
    .unwrap();
    assert!(
        missing.transfer[0].teacher[0].is_nan() && missing.transfer[0].student[0].is_infinite()
    );
    let unknown = serde_json::from_str::<ReportData>(
        r#"{"name":"a","title":"b","generated_by":"c","metrix":[]}"#,
    );
    assert!(unknown.unwrap_err().to_string().contains("metrix"));
}

#[test]
fn files_are_whole_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/small/report.html");
    write_report(&small(), &path).unwrap();
    write_report(&small(), &path).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        html(&small()).unwrap()
    );
    let figures = degu_report::write_figures(&small(), &folder.path().join("figures")).unwrap();
    assert!(figures.len() >= 4 && figures.iter().all(|path| path.exists()));
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1
    );
    // A folder stands where the file should: the message names the path, nothing is left over.
    let blocked = folder.path().join("blocked");
    std::fs::create_dir_all(blocked.join("report.html/x")).unwrap();
    let error = write_report(&small(), &blocked.join("report.html")).unwrap_err();
    assert!(error.to_string().contains("report.html"), "{error}");
    assert_eq!(std::fs::read_dir(&blocked).unwrap().count(), 1);
}
