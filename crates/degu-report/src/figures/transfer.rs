//! What the student took over from the teacher.

use super::{Caption, Figure, distinct, name, scatter};
use crate::axis::Axis;
use crate::data::{ReportData, Transfer};
use crate::density::cloud;
use crate::palette;
use crate::panel::{Columns, Panel, WIDTH};
use crate::svg::Svg;
use crate::text::{count, labelled, number};

/// One figure per student, split and task; a panel per part.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let shown: Vec<&Transfer> = data
        .transfer
        .iter()
        .filter(|t| !t.teacher.is_empty() && !t.student.is_empty())
        .collect();
    let several = distinct(&shown, |t| t.model.clone()).len() > 1;
    distinct(&shown, |t| {
        (t.model.clone(), t.split.clone(), t.task.clone())
    })
    .into_iter()
    .map(|(model, split, task)| {
        let mut parts: Vec<&Transfer> = shown
            .iter()
            .copied()
            .filter(|t| t.model == model && t.split == split && t.task == task)
            .collect();
        parts.sort_by_key(|t| t.part);
        let tab = if several {
            format!("{task}, {model} ({split})")
        } else {
            format!("{task} ({split})")
        };
        figure(
            &parts,
            &name(&["transfer", &model, &split, &task]),
            &tab,
            data.unit(&task),
        )
    })
    .collect()
}

fn figure(parts: &[&Transfer], file: &str, tab: &str, unit: &str) -> Figure {
    let grid = Columns::new(parts.len(), 3);
    let side = grid.width.min(340.0);
    let panel_height = side + 92.0;
    let mut svg = Svg::new(
        file,
        &format!("Teacher against student, {tab}"),
        WIDTH,
        14.0 + panel_height * grid.rows(parts.len()),
    );
    for (i, part) in parts.iter().enumerate() {
        let places: Vec<(f64, f64)> = part
            .teacher
            .iter()
            .copied()
            .zip(part.student.iter().copied())
            .collect();
        let panel = Panel {
            left: grid.left(i),
            top: 40.0 + panel_height * grid.row(i),
            width: side,
            height: side,
            x: Axis::fit(&labelled("teacher", unit), places.iter().map(|p| p.0)),
            y: Axis::fit(&labelled("student", unit), places.iter().map(|p| p.1)),
        };
        panel.frame(&mut svg, part.part.label());
        panel.clip(&mut svg, &i.to_string());
        let missing = cloud(&mut svg, &panel, &places, palette::part(part.part));
        scatter::diagonal(&mut svg, &panel);
        svg.close();
        let mut notes = Vec::new();
        notes.extend(part.correlation.map(|r| format!("r = {}", number(r))));
        notes.extend(part.ceiling.map(|r| format!("ceiling {}", number(r))));
        notes.push(format!("n = {}", count(places.len() - missing)));
        if missing > 0 {
            notes.push(format!("{} without a value", count(missing)));
        }
        scatter::note(&mut svg, &panel, &notes);
    }
    Figure {
        name: file.into(),
        tab: tab.into(),
        svg: svg.finish(),
        caption: Caption::new(
            "What the single distilled network says against what the ensemble said, sequence by sequence: the activity, and how unsure it is.",
            "Each dot is one sequence; the dashed line is perfect agreement. The ceiling is the correlation that even a perfect student could reach, because the spread of a few members is itself noisy.",
            "Points follow the dashed line and r comes close to its ceiling: the student knows where the ensemble was unsure.",
        ),
    }
}
