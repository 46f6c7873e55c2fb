//! A strict reader of markup and a small report, shared by the tests.

use degu_report::{
    CalibrationRow, GapClosed, Logo, LogoSpan, MetricRow, ModelKind, Point, ReportData, Scatter,
    Task,
};

const VOID: [&str; 4] = ["meta", "br", "link", "input"];

/// Elements of a document: name and attributes, in order. Panics on markup that is not well formed.
pub(crate) fn elements(document: &str) -> Vec<(String, Vec<(String, String)>)> {
    let (mut rest, mut open, mut found) = (document, Vec::<String>::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        assert!(
            !rest[..start].contains('>'),
            "a bare > in text: {:?}",
            &rest[..start]
        );
        rest = &rest[start + 1..];
        if rest.starts_with('!') {
            rest = &rest[rest.find('>').unwrap() + 1..];
            continue;
        }
        let (tag, after) = cut_tag(rest);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name.trim()), "closing tag");
            continue;
        }
        let closed = tag.ends_with('/');
        let (name, attributes) = parse_tag(tag.trim_end_matches('/'));
        if name == "script" || name == "style" {
            rest = &rest[rest.find(&format!("</{name}")).expect("raw text is closed")..];
        }
        if !closed && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        found.push((name, attributes));
    }
    assert!(open.is_empty(), "left open: {open:?}");
    found
}

fn cut_tag(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => panic!("a tag within a tag: {}", &text[..i]),
            '>' if !quoted => return (&text[..i], &text[i + 1..]),
            _ => {}
        }
    }
    panic!("tag without an end: {}", &text[..text.len().min(80)]);
}

fn parse_tag(tag: &str) -> (String, Vec<(String, String)>) {
    let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return (name.to_owned(), attributes);
        }
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let key = &rest[..end];
        assert!(
            !attributes.iter().any(|(known, _)| known == key),
            "`{key}` twice in <{tag}>"
        );
        rest = &rest[end..];
        let mut value = "";
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let close = quoted.find('"').expect("a quoted value ends");
            value = &quoted[..close];
            rest = &quoted[close + 1..];
        }
        attributes.push((key.to_owned(), value.to_owned()));
    }
}

/// A report with one of the main things, small enough to read as a snapshot.
pub(crate) fn small() -> ReportData {
    let mut data = ReportData::new("small", "A small study", "degu-lab test");
    data.tasks = vec![Task {
        name: "dev".into(),
        unit: "log2".into(),
    }];
    for (kind, model, value, ci) in [
        (ModelKind::Member, "member-0", 0.612_345_678_9, None),
        (ModelKind::Member, "member-1", 0.634, None),
        (
            ModelKind::MeanMember,
            "mean of 2",
            0.623,
            Some((0.61, 0.636)),
        ),
        (ModelKind::Ensemble, "ensemble", 0.671, Some((0.66, 0.682))),
        (ModelKind::Student, "student-0", 0.662, None),
    ] {
        data.metrics.push(MetricRow {
            kind,
            model: model.into(),
            split: "test".into(),
            task: "dev".into(),
            metric: "pearson".into(),
            value,
            ci_low: ci.map(|c: (f64, f64)| c.0),
            ci_high: ci.map(|c| c.1),
            unit: String::new(),
        });
    }
    data.gap_closed.push(GapClosed {
        split: "test".into(),
        task: "dev".into(),
        gap_closed: 0.8125,
        ..GapClosed::default()
    });
    for (calibrator, coverage, width, infinite) in [
        ("main", 0.905, 1.25, 0.0),
        ("plain", 0.62, 0.75, 0.0),
        ("few", 1.0, f64::INFINITY, 1.0),
    ] {
        data.calibration.push(CalibrationRow {
            calibrator: calibrator.into(),
            split: "test".into(),
            task: "dev".into(),
            alpha: 0.1,
            n: 500,
            k: 451,
            coverage,
            band_low: Some(0.877),
            band_high: Some(0.921),
            mean_width: width,
            infinite_fraction: infinite,
            winkler: Some(1.5),
            guarantee: "marginal: at least 90 %".into(),
            ..CalibrationRow::default()
        });
    }
    data.scatter.push(Scatter {
        kind: ModelKind::Student,
        model: "student-0".into(),
        split: "test".into(),
        task: "dev".into(),
        pearson: Some(0.662),
        points: (0..12)
            .map(|i| Point {
                id: format!("s{i}"),
                measured: f64::from(i) / 4.0,
                mean: f64::from(i * i) / 50.0,
                epistemic: Some(0.1 + f64::from(i) / 100.0),
                aleatoric: None,
            })
            .collect(),
        ..Scatter::default()
    });
    data.logos.push(Logo {
        sequence: "s0".into(),
        title: "ensemble".into(),
        kind: ModelKind::Ensemble,
        method: "deepshap".into(),
        task: "dev".into(),
        heights: vec![
            [0.5, 0.0, 0.0, 0.0],
            [0.0, -0.25, 0.0, 0.0],
            [0.0, 0.0, 0.4, 0.1],
            [0.0, 0.0, 0.0, 1e-5],
        ],
        sd: vec![0.1, 0.05, f64::NAN, 0.0],
        spans: vec![LogoSpan {
            start: 0,
            end: 2,
            label: "AC".into(),
        }],
        ..Logo::default()
    });
    data
}
