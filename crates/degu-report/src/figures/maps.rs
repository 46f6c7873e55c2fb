//! Agreement of attribution maps among models.

use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{ConsistencyRow, ReportData};
use crate::forest::{Forest, name_room};
use crate::palette;
use crate::panel::WIDTH;
use crate::svg::Svg;
use crate::text::{count, with_interval};

/// One figure per metric; a row per method, task, part and kind of model.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    distinct(&data.consistency, |row| row.metric.clone())
        .into_iter()
        .map(|metric| {
            let rows: Vec<&ConsistencyRow> = data
                .consistency
                .iter()
                .filter(|row| row.metric == metric)
                .collect();
            figure(&rows, &metric)
        })
        .collect()
}

fn figure(rows: &[&ConsistencyRow], metric: &str) -> Figure {
    let file = name(&["consistency", metric]);
    let names: Vec<String> = rows
        .iter()
        .map(|r| {
            format!(
                "{}, {}, {}: {}s",
                r.method,
                r.task,
                r.part.label(),
                r.kind.label()
            )
        })
        .collect();
    let room = name_room(&names);
    let values = rows
        .iter()
        .flat_map(|r| [Some(r.value), r.ci_low, r.ci_high])
        .flatten();
    let forest = Forest {
        left: room,
        top: 34.0,
        width: WIDTH - room - 24.0,
        row_height: 30.0,
        rows: rows.len(),
        x: Axis::fit_zero(metric, values),
    };
    let mut svg = Svg::new(
        &file,
        &format!("Agreement of maps, {metric}"),
        WIDTH,
        forest.bottom() + 46.0,
    );
    forest.frame(&mut svg, metric, &names);
    for (i, row) in rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.value.is_finite())
    {
        let (y, color) = (forest.row(i), palette::kind(row.kind));
        if let (Some(low), Some(high)) = (row.ci_low, row.ci_high) {
            forest.interval(&mut svg, y, low, high, color, 2.4);
        }
        svg.diamond(forest.px(row.value), y, 6.5)
            .fill(color)
            .stroke("#fff", 1.2)
            .tip(&format!(
                "{}\n{}\nn = {} sequences",
                names[i],
                with_interval(row.value, row.ci_low, row.ci_high),
                count(row.n)
            ));
    }
    Figure {
        name: file,
        tab: metric.to_owned(),
        svg: svg.finish(),
        caption: Caption::new(
            format!("How much explanations of one sequence differ among networks ({metric})."),
            "Each row is one method and kind of network; the diamond is the mean over sequences, the bar its confidence interval.",
            "Where the number is a difference, the students' row lies left of the members': maps that do not change from seed to seed.",
        ),
    }
}
